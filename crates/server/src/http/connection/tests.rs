use std::{
    future::poll_fn,
    io::{Read as _, Write as _},
    os::unix::net::UnixStream,
    task::Waker,
    time::Duration,
};

use hyper_util::rt::TokioIo;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream},
    runtime,
};

use super::*;

const KIB: usize = 1 << 10;

/// A connection with a reader, who has asked for something.
struct Sent {
    io: FlushIo<TokioIo<DuplexStream>>,
    reader: DuplexStream,
}

impl Sent {
    /// Between writer and reader there is room for 512 KiB.
    fn asked(line: &Arc<Line>) -> Self {
        let (reader, io) = tokio::io::duplex(512 * KIB);
        let connection = Connection::new(([127, 0, 0, 1], 1).into(), ([127, 0, 0, 1], 2).into(), Wire::Plain);
        connection.begin();
        let patience = Patience::blind(Duration::from_secs(60));
        Self { io: FlushIo::new(TokioIo::new(io), connection, patience, line), reader }
    }

    /// Writes 64 KiB if it may, and can.
    fn write(&mut self) -> bool {
        let mut cx = Context::from_waker(Waker::noop());
        let written = Pin::new(&mut self.io).poll_write(&mut cx, &[b'x'; 64 * KIB]);
        matches!(written, Poll::Ready(Ok(written)) if written > 0)
    }

    /// Writes, whenever it is its turn, until it doesn't come again; the KiB.
    fn write_on(&mut self) -> usize {
        let mut kib = 0;
        while self.write() || self.write() {
            kib += 64;
        }
        kib
    }

    async fn read(&mut self, kib: usize) {
        task::yield_now().await; // or the runtime would let this task write only so often
        self.reader.read_exact(&mut vec![0; kib * KIB]).await.unwrap();
    }

    /// Ends the answer.
    fn end(&mut self) {
        self.io.connection.state.lock().answered += 1;
        assert!(Pin::new(&mut self.io).poll_flush(&mut Context::from_waker(Waker::noop())).is_ready());
    }
}

#[tokio::test]
async fn the_answer_that_was_begun_first_goes_on_first() {
    let line = Line::new(1);
    let [mut first, mut second, mut third] = [(); 3].map(|()| Sent::asked(&line));
    assert_eq!(first.write_on(), 512, "as much as its reader has room for");
    assert_eq!(second.write_on(), 512, "the first one waits for its reader and holds nobody up");
    first.read(512).await;
    second.read(512).await;
    assert!(second.write() || second.write());
    assert_eq!(third.write_on(), 256, "what needs no place: one more is at work, and only one may be");
    assert!(!first.write(), "it gets into line");
    assert_eq!(second.write_on(), 192, "to the end of its turn");
    assert_eq!(first.write_on(), 512);
    assert_eq!(third.write_on(), 0, "the second one is before it");
}

#[tokio::test]
async fn a_short_answer_waits_for_no_long_one() {
    let line = Line::new(1);
    let [mut long, mut short] = [(); 2].map(|()| Sent::asked(&line));
    for _ in 0..5 {
        assert!(long.write() || long.write());
    }
    assert!(short.write(), "another one is in the middle of its turn");
}

#[tokio::test]
async fn an_answer_whose_reader_takes_nothing_is_in_nobodys_way_however_often_it_is_polled() {
    let line = Line::new(1);
    let [mut stuck, mut other, mut next] = [(); 3].map(|()| Sent::asked(&line));
    assert_eq!(stuck.write_on(), 512);
    for _ in 0..5 {
        assert!(other.write() || other.write());
    }
    // The connection asks, since what it had has been written; a socket that is full flushes nevertheless.
    assert!(Pin::new(&mut stuck.io).poll_flush(&mut Context::from_waker(Waker::noop())).is_ready());
    assert!(!stuck.write() && !stuck.write(), "polled while another one is at work, as by a timer");
    assert_eq!(next.write_on(), 256);
    other.end();
    assert_eq!(next.write_on(), 256, "the first one could do nothing with its turn, and was called nevertheless");
    stuck.read(512).await;
    assert_eq!(stuck.write_on(), 512, "it goes on when its reader does");
}

#[tokio::test]
async fn who_waits_in_line_does_not_go_on_looking_at_the_reader_from_before() {
    let line = Line::new(1);
    let [mut first, mut other] = [(); 2].map(|()| Sent::asked(&line));
    assert_eq!(first.write_on(), 512);
    assert!(first.io.waiting.is_some(), "it waits for its reader");
    for _ in 0..5 {
        assert!(other.write() || other.write());
    }
    first.read(512).await;
    assert!(!first.write(), "the reader has taken something, and others are to send");
    assert!(first.io.waiting.is_none(), "nobody would ask how that goes, which may hold the list of all");
}

#[test]
fn an_answer_that_is_alone_lets_others_of_its_thread_go_on() {
    let runtime = runtime::Builder::new_multi_thread().worker_threads(1).event_interval(1).enable_io().build().unwrap();
    let (mut asking, asked) = UnixStream::pair().unwrap();
    asking.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    asked.set_nonblocking(true).unwrap();
    runtime.spawn(async move {
        let mut asked = tokio::net::UnixStream::from_std(asked).unwrap();
        while let Ok(byte) = asked.read_u8().await {
            asked.write_u8(byte).await.unwrap();
        }
    });
    // Its reader keeps up with it, so that nothing but its turns' ends lets anybody else run.
    let long = runtime.spawn(async {
        let mut sent = Sent::asked(&Line::new(1));
        loop {
            poll_fn(|cx| Pin::new(&mut sent.io).poll_write(cx, &[b'x'; 64 * KIB])).await.unwrap();
            sent.reader.read_exact(&mut vec![0; 64 * KIB]).await.unwrap();
        }
    });
    for byte in 0..20 {
        asking.write_all(&[byte]).unwrap();
        asking.read_exact(&mut [0]).expect("others' requests are answered meanwhile");
    }
    assert!(!long.is_finished());
    runtime.shutdown_background();
}

#[tokio::test]
async fn an_answer_that_has_ended_or_broken_off_leaves_its_place() {
    for ends in [true, false] {
        let line = Line::new(1);
        let [mut first, mut second] = [(); 2].map(|()| Sent::asked(&line));
        for _ in 0..5 {
            assert!(first.write() || first.write());
        }
        assert_eq!(second.write_on(), 256);
        if ends {
            first.end();
        } else {
            drop(first);
        }
        assert_eq!(second.write_on(), 256);
    }
}

#[tokio::test]
async fn a_very_long_answer_gets_behind_the_others_now_and_then() {
    let line = Line::new(1);
    let [mut long, mut other] = [(); 2].map(|()| Sent::asked(&line));
    let mut written = 0;
    while written < usize::try_from(SHARE).unwrap() / KIB {
        assert!(long.write() || long.write(), "{written}");
        long.read(64).await;
        written += 64;
        if written == 512 {
            assert_eq!(other.write_on(), 256);
        }
    }
    assert!(!long.write() && !long.write());
    assert_eq!(other.write_on(), 256);
}

#[tokio::test]
async fn an_answer_that_is_alone_goes_on_without_a_pause_until_another_one_comes() {
    let line = Line::new(2);
    let [mut alone, mut other] = [(); 2].map(|()| Sent::asked(&line));
    // without a second try: each turn's end would be seen
    for _ in 0..8 * TURN / (64 * KIB) {
        assert!(alone.write());
        alone.read(64).await;
    }
    for _ in 0..5 {
        assert!(other.write() || other.write());
    }
    let mut in_one_go = 0;
    while alone.write() {
        alone.read(64).await;
        in_one_go += 64 * KIB;
    }
    assert!(in_one_go <= TURN, "{in_one_go} bytes, and another thread is busy, too");
    assert!(alone.write());
    drop(other);
    let mut in_one_go = 0;
    while alone.write() {
        alone.read(64).await;
        in_one_go += 64 * KIB;
    }
    let most = usize::from(IN_ONE_GO) * TURN;
    assert!(
        in_one_go > TURN && in_one_go <= most,
        "{in_one_go}: what comes for its thread meanwhile is never forgotten"
    );
}
