//! The last-block rule on a real hyper connection over memory: what ends an export and what doesn't.

use std::{
    collections::VecDeque,
    convert::Infallible,
    future::poll_fn,
    sync::atomic::{AtomicBool, Ordering::SeqCst},
    time::Duration,
};

use hyper::{Request, Response, body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use parking_lot::Mutex;
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream, ReadBuf},
    net::TcpStream,
    task::JoinHandle,
};

use super::*;
use crate::http::{
    connection::{FlushIo, Wire},
    line::Line,
    patience::Patience,
    tls::tests::{load, shake, write_pair},
    unsent::Socket,
};

const GET: &[u8] = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n";
const PIECE: usize = 1000;
const STALL: Duration = Duration::from_secs(30);

/// What the last block heard, in order.
type Heard = Arc<Mutex<Vec<&'static str>>>;

struct Probe(Heard);

impl Ending for Probe {
    fn sending(&self) {
        self.0.lock().push("sending");
    }
    fn flushed(self: Box<Self>) {
        self.0.lock().push("flushed");
    }
}

impl Drop for Probe {
    fn drop(&mut self) {
        self.0.lock().push("gone");
    }
}

impl Pieces for VecDeque<Result<Bytes, ExportError>> {
    fn next_piece(&mut self) -> Option<Result<Bytes, ExportError>> {
        self.pop_front()
    }
}

/// A socket whose flush waits until it is let go.
struct Gate {
    io: DuplexStream,
    open: Arc<AtomicBool>,
}

impl AsyncRead for Gate {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.io).poll_read(cx, buf)
    }
}

impl AsyncWrite for Gate {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<std::io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(cx, buf)
    }
    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        if self.open.load(SeqCst) {
            return Poll::Ready(Ok(()));
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }
    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}

impl Socket for Gate {
    fn socket(&self) -> Option<&TcpStream> {
        None
    }
}

struct Served {
    client: DuplexStream,
    heard: Heard,
    open: Arc<AtomicBool>,
    server: JoinHandle<hyper::Result<()>>,
}

/// Serves a body of these pieces, announced as `length`, over a pipe that holds `pipe` bytes.
fn serve(pieces: impl Fn() -> Vec<Result<Bytes, ExportError>> + Send + 'static, length: u64, pipe: usize) -> Served {
    let (client, io) = tokio::io::duplex(pipe);
    let open = Arc::new(AtomicBool::new(true));
    let (heard, server) = serve_over(Gate { io, open: Arc::clone(&open) }, pieces, length);
    Served { client, heard, open, server }
}

/// Serves the same over any socket.
fn serve_over(
    io: impl AsyncRead + AsyncWrite + Socket + Unpin + Send + 'static,
    pieces: impl Fn() -> Vec<Result<Bytes, ExportError>> + Send + 'static,
    length: u64,
) -> (Heard, JoinHandle<hyper::Result<()>>) {
    let heard = Heard::default();
    let connection = Connection::new(([127, 0, 0, 1], 1).into(), ([127, 0, 0, 1], 2).into(), Wire::Plain);
    let io = FlushIo::new(TokioIo::new(io), Arc::clone(&connection), Patience::blind(STALL), &Line::of_cores());
    let probe = Arc::clone(&heard);
    let service = service_fn(move |request: Request<Incoming>| {
        let ending = Some(Box::new(Probe(Arc::clone(&probe))) as Box<dyn Ending>);
        let body = PieceBody::new(VecDeque::from(pieces()), length, ending, Arc::clone(&connection));
        drop(request);
        async move { Ok::<_, Infallible>(Response::new(body)) }
    });
    (heard, tokio::spawn(http1::Builder::new().serve_connection(io, service)))
}

fn whole(count: usize) -> Vec<Result<Bytes, ExportError>> {
    (0..count).map(|_| Ok(Bytes::from(vec![b'x'; PIECE]))).collect()
}

/// Lets every other task run until none has anything to do.
async fn settle() {
    for _ in 0..200 {
        tokio::task::yield_now().await;
    }
}

/// Reads up to the end of the head and then `length` bytes of the body.
async fn read_response(client: &mut (impl AsyncRead + Unpin), length: usize) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(client.read_u8().await.unwrap());
    }
    client.read_exact(&mut vec![0; length]).await.unwrap();
    String::from_utf8(head).unwrap()
}

#[tokio::test]
async fn a_body_that_was_flushed_whole_ends_the_export_once() {
    let mut served = serve(|| whole(50), 50 * PIECE as u64, 1 << 20);
    served.client.write_all(GET).await.unwrap();
    let head = read_response(&mut served.client, 50 * PIECE).await;
    assert!(head.to_lowercase().contains("content-length: 50000\r\n"), "{head}");
    settle().await;
    assert_eq!(*served.heard.lock(), ["sending", "flushed", "gone"]);
}

#[tokio::test]
async fn bytes_taken_by_the_socket_but_not_flushed_end_nothing_yet() {
    let mut served = serve(|| whole(2), 2 * PIECE as u64, 1 << 20);
    served.open.store(false, SeqCst);
    served.client.write_all(GET).await.unwrap();
    read_response(&mut served.client, 2 * PIECE).await;
    settle().await;
    assert_eq!(*served.heard.lock(), ["sending"]);
    served.open.store(true, SeqCst);
    settle().await;
    assert_eq!(*served.heard.lock(), ["sending", "flushed", "gone"]);
}

#[tokio::test]
async fn a_reader_who_has_not_taken_the_last_bytes_yet_keeps_the_export_open() {
    let mut served = serve(|| whole(3), 3 * PIECE as u64, 512);
    served.client.write_all(GET).await.unwrap();
    settle().await;
    assert!(!served.heard.lock().contains(&"flushed"));
    read_response(&mut served.client, 3 * PIECE - 600).await;
    settle().await;
    assert!(!served.heard.lock().contains(&"flushed"), "88 bytes don't fit into the pipe yet");
    served.client.read_exact(&mut vec![0; 600]).await.unwrap();
    settle().await;
    assert_eq!(*served.heard.lock(), ["sending", "flushed", "gone"]);
}

#[tokio::test]
async fn a_connection_that_breaks_before_the_flush_ends_nothing() {
    let mut served = serve(|| whole(3), 3 * PIECE as u64, 512);
    served.client.write_all(GET).await.unwrap();
    read_response(&mut served.client, PIECE).await;
    drop(served.client);
    served.server.await.unwrap().unwrap_err();
    assert!(!served.heard.lock().contains(&"flushed"), "{:?}", served.heard.lock());
    assert!(served.heard.lock().contains(&"gone"));
}

#[tokio::test]
async fn a_failure_in_the_middle_breaks_the_connection_short_of_the_announced_length() {
    let broken = || vec![Ok(Bytes::from(vec![b'x'; PIECE])), Err(ExportError::Damaged("block 7".into()))];
    let short = || whole(1);
    let long = || whole(3);
    let table: [(fn() -> Vec<_>, _); 3] = [(broken, "damage"), (short, "too few"), (long, "too many")];
    for (pieces, what) in table {
        let length = 2 * PIECE as u64 + 1;
        let mut served = serve(pieces, length, 1 << 20);
        served.client.write_all(GET).await.unwrap();
        let mut all = Vec::new();
        served.client.read_to_end(&mut all).await.unwrap();
        let body = all.iter().filter(|b| **b == b'x').count() as u64;
        assert!(body < length, "{what}: {body}");
        assert!(served.server.await.unwrap().is_err(), "{what}");
        assert_eq!(*served.heard.lock(), ["gone"], "{what}");
    }
}

#[tokio::test]
async fn the_answer_to_head_ends_nothing() {
    let mut served = serve(|| whole(2), 2 * PIECE as u64, 1 << 20);
    served.client.write_all(b"HEAD / HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
    let head = read_response(&mut served.client, 0).await;
    assert!(head.to_lowercase().contains("content-length: 2000"), "{head}");
    settle().await;
    assert_eq!(*served.heard.lock(), ["gone"]);
}

#[tokio::test]
async fn pipelined_requests_each_end_with_their_own_flush() {
    let mut served = serve(|| whole(2), 2 * PIECE as u64, 1 << 20);
    served.open.store(false, SeqCst);
    served.client.write_all(&[GET, GET].concat()).await.unwrap();
    settle().await;
    assert!(!served.heard.lock().contains(&"flushed"));
    served.open.store(true, SeqCst);
    read_response(&mut served.client, 2 * PIECE).await;
    read_response(&mut served.client, 2 * PIECE).await;
    settle().await;
    assert_eq!(served.heard.lock().iter().filter(|h| **h == "flushed").count(), 2, "{:?}", served.heard.lock());
}

#[tokio::test(start_paused = true)]
async fn a_reader_who_takes_nothing_is_let_go_and_what_it_held_is_freed() {
    let mut served = serve(|| whole(3), 3 * PIECE as u64, 512);
    served.client.write_all(GET).await.unwrap();
    let began = tokio::time::Instant::now();
    let error = served.server.await.unwrap().unwrap_err();
    assert_eq!(began.elapsed().as_secs(), STALL.as_secs());
    assert!(format!("{error:?}").contains("took nothing"), "{error:?}");
    assert!(served.heard.lock().ends_with(&["gone"]) && !served.heard.lock().contains(&"flushed"));
}

#[tokio::test]
async fn what_registers_on_a_closed_connection_is_dropped() {
    let connection = Connection::new(([127, 0, 0, 1], 1).into(), ([127, 0, 0, 1], 2).into(), Wire::Plain);
    let (_client, io) = tokio::io::duplex(64);
    drop(FlushIo::new(TokioIo::new(io), Arc::clone(&connection), Patience::blind(STALL), &Line::of_cores()));
    let heard = Heard::default();
    connection.when_flushed(0, Box::new(Probe(Arc::clone(&heard))));
    assert_eq!(*heard.lock(), ["gone"]);
}

#[tokio::test]
async fn a_flush_before_the_last_byte_was_taken_is_not_the_one() {
    let connection = Connection::new(([127, 0, 0, 1], 1).into(), ([127, 0, 0, 1], 2).into(), Wire::Plain);
    let (_client, io) = tokio::io::duplex(64);
    let mut io = FlushIo::new(TokioIo::new(io), Arc::clone(&connection), Patience::blind(STALL), &Line::of_cores());
    let heard = Heard::default();
    connection.when_flushed(3, Box::new(Probe(Arc::clone(&heard))));
    for (bytes, expected) in [(&b"ab"[..], &[][..]), (b"c", &["flushed", "gone"])] {
        use hyper::rt::Write;
        poll_fn(|cx| Pin::new(&mut io).poll_write(cx, bytes)).await.unwrap();
        poll_fn(|cx| Pin::new(&mut io).poll_flush(cx)).await.unwrap();
        assert_eq!(*heard.lock(), expected);
    }
}

/// A body of 3 pieces over TLS, which takes all of it into a buffer of its own, and a pipe that holds 512 bytes; asked for, not read.
async fn asked_over_tls() -> (impl AsyncRead + Unpin, Heard, JoinHandle<hyper::Result<()>>) {
    let dir = tempfile::tempdir().unwrap();
    let trusted = write_pair(dir.path());
    let (mut client, server) = shake(&load(dir.path()).unwrap(), &trusted, &[], 512).await.unwrap();
    let (heard, server) = serve_over(server, || whole(3), 3 * PIECE as u64);
    client.write_all(GET).await.unwrap();
    client.flush().await.unwrap();
    settle().await;
    assert_eq!(*heard.lock(), ["sending"], "TLS has it all, the socket has not");
    (client, heard, server)
}

#[tokio::test]
async fn what_tls_holds_back_is_not_flushed() {
    let (mut client, heard, _server) = asked_over_tls().await;
    read_response(&mut client, 3 * PIECE).await;
    settle().await;
    assert_eq!(*heard.lock(), ["sending", "flushed", "gone"]);
}

#[tokio::test]
async fn a_tls_connection_that_breaks_before_the_flush_ends_nothing() {
    let (client, heard, server) = asked_over_tls().await;
    drop(client);
    server.await.unwrap().unwrap_err();
    assert_eq!(*heard.lock(), ["sending", "gone"]);
}

#[tokio::test(start_paused = true)]
async fn a_reader_over_tls_who_takes_nothing_is_let_go() {
    let (_client, heard, server) = asked_over_tls().await;
    let began = tokio::time::Instant::now();
    let error = server.await.unwrap().unwrap_err();
    assert!(format!("{error:?}").contains("took nothing"), "{error:?}");
    assert!(began.elapsed() <= STALL && !heard.lock().contains(&"flushed"));
}
