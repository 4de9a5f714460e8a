//! Connections of which the test itself says when something is sent and taken.

use std::{
    net::{SocketAddr, TcpStream},
    time::Duration,
};

use rustix::net::{AddressFamily, SocketFlags, SocketType, connect, socket_with, sockopt::set_socket_recv_buffer_size};

/// A connection to where this URL leads that offers little room for what comes. A server that says nothing for a minute fails the read, so
/// that no test waits for ever.
pub fn narrow(url: &str) -> TcpStream {
    let (_, address) = url.split_once("://").unwrap();
    let address: SocketAddr = address.parse().unwrap();
    // Not for programs that other tests start meanwhile: they would hold it open after it is dropped.
    let fd = socket_with(AddressFamily::INET, SocketType::STREAM, SocketFlags::CLOEXEC, None).unwrap();
    set_socket_recv_buffer_size(&fd, 4096).unwrap();
    connect(&fd, &address).unwrap();
    let stream = TcpStream::from(fd);
    stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    stream
}
