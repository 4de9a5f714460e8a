//! Many readers on few threads: each thread waits for all of its connections at once and reads from whichever has something. A thread
//! for each of many readers would measure how the kernel shares the cores among the readers, not how the server shares itself.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    slice::Iter,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, anyhow, bail, ensure};
use rustix::{buffer::spare_capacity, event::epoll};

use super::{
    client::{BUFFER, Head, find},
    walk::Walk,
};

/// Each reader sends its own requests in turn, again and again, until the time is over.
pub(super) fn each(address: SocketAddr, requests: &[Vec<Vec<u8>>], time: Duration) -> anyhow::Result<Walk> {
    let readers: anyhow::Result<Vec<_>> = requests.iter().map(|own| Reader::open(address, own)).collect();
    let mut readers = readers?;
    let threads = thread::available_parallelism().map_or(2, usize::from);
    let share = readers.len().div_ceil(threads);
    let started = Instant::now();
    let mut walk = Walk::default();
    thread::scope(|scope| {
        let running: Vec<_> =
            readers.chunks_mut(share).map(|share| scope.spawn(move || read(share, started, time))).collect();
        for thread in running {
            let (bytes, latencies) = thread.join().map_err(|_| anyhow!("a thread of readers panicked"))??;
            walk.bytes += bytes;
            walk.latencies.extend(latencies);
        }
        anyhow::Ok(())
    })?;
    walk.seconds = started.elapsed().as_secs_f64();
    Ok(walk)
}

fn read(readers: &mut [Reader<'_>], started: Instant, time: Duration) -> anyhow::Result<(u64, Vec<Duration>)> {
    let mut buffer = vec![0; BUFFER];
    let (mut bytes, mut latencies) = (0, Vec::new());
    for reader in &mut *readers {
        reader.ask()?;
    }
    let waiting = epoll::create(epoll::CreateFlags::CLOEXEC)?;
    for (at, reader) in readers.iter().enumerate() {
        epoll::add(&waiting, &reader.stream, epoll::EventData::new_u64(at as u64), epoll::EventFlags::IN)?;
    }
    let mut at_work = readers.len();
    let mut ready = Vec::with_capacity(readers.len());
    while at_work > 0 {
        ready.clear();
        epoll::wait(&waiting, spare_capacity(&mut ready), None)?;
        for event in &ready {
            let reader = usize::try_from(event.data.u64()).ok().and_then(|at| readers.get_mut(at));
            let reader = reader.context("an event of no reader")?;
            let Some(length) = reader.read(&mut buffer)? else { continue };
            bytes += length;
            latencies.push(reader.asked.elapsed());
            if started.elapsed() < time {
                reader.ask()?;
            } else {
                epoll::delete(&waiting, &reader.stream)?;
                at_work -= 1;
            }
        }
    }
    Ok((bytes, latencies))
}

struct Reader<'r> {
    stream: TcpStream,
    requests: std::iter::Cycle<Iter<'r, Vec<u8>>>,
    asked: Instant,
    head: Vec<u8>,
    /// Of the body: its length, and what is still to come of it; `None` before the head has come.
    body: Option<(u64, u64)>,
}

impl<'r> Reader<'r> {
    fn open(address: SocketAddr, requests: &'r [Vec<u8>]) -> anyhow::Result<Self> {
        let stream = TcpStream::connect(address).with_context(|| format!("can't connect to {address}"))?;
        stream.set_nodelay(true)?;
        stream.set_nonblocking(true)?;
        Ok(Self { stream, requests: requests.iter().cycle(), asked: Instant::now(), head: Vec::new(), body: None })
    }

    fn ask(&mut self) -> anyhow::Result<()> {
        self.asked = Instant::now();
        self.head.clear();
        self.body = None;
        // a request is far smaller than an empty socket buffer
        let request = self.requests.next().context("a reader has no request")?;
        Ok(self.stream.write_all(request)?)
    }

    /// Reads once; the length of the body when that is whole.
    fn read(&mut self, buffer: &mut [u8]) -> anyhow::Result<Option<u64>> {
        let mut read = self.stream.read(buffer)? as u64;
        ensure!(read > 0, "the connection was closed before an answer's end");
        if self.body.is_none() {
            let former = self.head.len();
            self.head.extend_from_slice(&buffer[..read as usize]);
            let Some(at) = find(&self.head, b"\r\n\r\n") else { return Ok(None) };
            let head = Head::parse(&self.head[..at + 4])?;
            if head.status != 200 {
                bail!("{} in place of 200: {}", head.status, String::from_utf8_lossy(&self.head));
            }
            self.body = Some((head.length, head.length));
            read = (former as u64 + read) - (at as u64 + 4);
        }
        let Some((length, remaining)) = &mut self.body else { return Ok(None) };
        *remaining = remaining.checked_sub(read).context("more bytes than announced")?;
        Ok((*remaining == 0).then_some(*length))
    }
}
