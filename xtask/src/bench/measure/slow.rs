//! Readers that take 1 KB a second: a small receive buffer, so that the server has to wait for them, and one thread for all.

use std::{
    io::{ErrorKind, Read, Write},
    net::{SocketAddr, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use anyhow::{Context, anyhow};
use rustix::net::{AddressFamily, SocketType, connect, ipproto, socket, sockopt::set_socket_recv_buffer_size};

/// Some that read until they are stopped.
pub(super) struct SlowReaders {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<(usize, u64)>,
}

impl SlowReaders {
    /// Each sends one request and begins to read.
    pub(super) fn start(address: SocketAddr, requests: &[Vec<u8>]) -> anyhow::Result<Self> {
        let streams: anyhow::Result<Vec<_>> = requests.iter().map(|request| begin(address, request)).collect();
        let streams = streams?;
        let stop = Arc::new(AtomicBool::new(false));
        let thread = thread::spawn({
            let stop = Arc::clone(&stop);
            move || read(streams, &stop)
        });
        Ok(Self { stop, thread })
    }

    /// Breaks them off: how many were still being served, and how many bytes all of them took.
    pub(super) fn stop(self) -> anyhow::Result<(usize, u64)> {
        self.stop.store(true, Relaxed);
        self.thread.join().map_err(|_| anyhow!("the slow readers panicked"))
    }
}

fn begin(address: SocketAddr, request: &[u8]) -> anyhow::Result<TcpStream> {
    let fd = socket(AddressFamily::INET, SocketType::STREAM, Some(ipproto::TCP))?;
    // before connecting: it decides what window is offered
    set_socket_recv_buffer_size(&fd, 4096)?;
    connect(&fd, &address).with_context(|| format!("a slow reader can't connect to {address}"))?;
    let mut stream = TcpStream::from(fd);
    stream.write_all(request)?;
    stream.set_nonblocking(true)?;
    Ok(stream)
}

fn read(mut streams: Vec<TcpStream>, stop: &AtomicBool) -> (usize, u64) {
    let mut taken = 0;
    while !stop.load(Relaxed) {
        let mut kilobyte = [0; 1024];
        streams.retain_mut(|stream| match stream.read(&mut kilobyte) {
            Ok(read) => {
                taken += read as u64;
                read > 0
            }
            Err(error) => error.kind() == ErrorKind::WouldBlock,
        });
        // one second in steps, so that an end is heard soon
        for _ in 0..20 {
            if stop.load(Relaxed) {
                break;
            }
            thread::sleep(Duration::from_millis(50));
        }
    }
    (streams.len(), taken)
}
