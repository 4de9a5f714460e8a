//! How many bytes of an answer may wait in the kernel unsent.
//!
//! What is on its way isn't counted, so that far-away readers are served as fast as their line. Without a bound each reader gets a buffer of up
//! to 4 MB: those of many drive each other out of the processor's cache, which cost a fifth of the throughput of 64, and half again the p99 of
//! one beside 200 slow ones. One that is alone drives nobody out, and may leave more: its reader takes bytes faster than they are copied here,
//! and falls asleep each time that it has taken all of them; waking it is what a page of 5 MB spends a fifth of its time on.

use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio_rustls::server::TlsStream;

/// Bytes that may wait of one of many answers: one turn of a connection.
const OF_MANY: u32 = 256 << 10;
/// Of an answer that is alone. Over one connection 512 KiB were a little faster than 384, and 1 MiB no faster than that; but one page of many
/// begins alone, too, and what it has left in the kernel is in their way.
const ALONE: u32 = 384 << 10;

/// What an answer is written to.
pub(crate) trait Socket {
    /// The TCP socket beneath, if there is one.
    fn socket(&self) -> Option<&TcpStream>;
}

impl Socket for TcpStream {
    fn socket(&self) -> Option<&TcpStream> {
        Some(self)
    }
}

impl<T: Socket> Socket for TlsStream<T> {
    fn socket(&self) -> Option<&TcpStream> {
        self.get_ref().0.socket()
    }
}

impl<T: Socket> Socket for TokioIo<T> {
    fn socket(&self) -> Option<&TcpStream> {
        self.inner().socket()
    }
}

#[cfg(test)]
impl Socket for tokio::io::DuplexStream {
    fn socket(&self) -> Option<&TcpStream> {
        None
    }
}

/// How much may wait of a connection.
#[derive(Debug, Default)]
pub(crate) struct Unsent {
    told: Option<u32>,
}

impl Unsent {
    /// Tells the socket, if that changes anything, whether the answer that is written to it is alone.
    pub(crate) fn hold(&mut self, io: &impl Socket, alone: bool) {
        let bytes = if alone { ALONE } else { OF_MANY };
        if self.told != Some(bytes) {
            self.told = Some(bytes);
            io.socket().into_iter().for_each(|socket| tell(socket, bytes));
        }
    }
}

#[cfg(any(target_os = "linux", target_os = "android"))]
fn tell(socket: &TcpStream, bytes: u32) {
    if let Err(error) = socket2::SockRef::from(socket).set_tcp_notsent_lowat(bytes) {
        tracing::debug!(%error, "TCP_NOTSENT_LOWAT could not be set");
    }
}

/// Other systems don't know this of a socket.
#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn tell(_: &TcpStream, _: u32) {}

#[cfg(all(test, any(target_os = "linux", target_os = "android")))]
mod tests {
    use tokio::net::TcpListener;

    use super::*;

    #[tokio::test]
    async fn more_may_wait_of_an_answer_that_is_alone_than_of_one_of_many() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let socket = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let mut unsent = Unsent::default();
        for (alone, bytes) in [(false, OF_MANY), (true, ALONE), (true, ALONE), (false, OF_MANY)] {
            unsent.hold(&socket, alone);
            assert_eq!(socket2::SockRef::from(&socket).tcp_notsent_lowat().unwrap(), bytes);
        }
    }
}
