//! Many connections at work at once, each in a thread of its own.

use std::{
    net::SocketAddr,
    ops::Range,
    sync::{
        Barrier,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    thread,
    time::{Duration, Instant},
};

use anyhow::anyhow;

use super::client::Connection;

/// What came of it.
#[derive(Default)]
pub(super) struct Walk {
    pub(super) bytes: u64,
    pub(super) seconds: f64,
    /// Of each request, from its sending (or the moment when it was due) to the last byte of its answer.
    pub(super) latencies: Vec<Duration>,
}

impl Walk {
    /// Megabytes (10^6) of bodies a second.
    pub(super) fn rate(&self) -> f64 {
        self.bytes as f64 / 1e6 / self.seconds
    }
    /// Answers a second.
    pub(super) fn answers(&self) -> f64 {
        self.latencies.len() as f64 / self.seconds
    }
}

/// Sends every request once, over so many connections; each takes the next one that nobody has taken. The clock starts when
/// all are connected.
pub(super) fn once(address: SocketAddr, requests: &[Vec<u8>], connections: usize) -> anyhow::Result<Walk> {
    shared(address, requests, connections, 200)
}

/// The same, where each answer must be 201.
pub(super) fn created(address: SocketAddr, requests: &[Vec<u8>], connections: usize) -> anyhow::Result<Walk> {
    shared(address, requests, connections, 201)
}

fn shared(address: SocketAddr, requests: &[Vec<u8>], connections: usize, status: u16) -> anyhow::Result<Walk> {
    let next = AtomicUsize::new(0);
    let jobs = (0..connections).map(|_| {
        let next = &next;
        move |_: Instant| requests.get(next.fetch_add(1, Relaxed)).map(|request| (request.as_slice(), Instant::now()))
    });
    run(address, jobs.collect(), status)
}

/// So many requests a second from all connections together, whether or not the answers come: each is due at its own moment, from which its
/// latency counts, so that a server that stands still for a while pays for all that were due meanwhile.
pub(super) fn paced(
    address: SocketAddr,
    requests: &[Vec<Vec<u8>>],
    a_second: u32,
    time: Duration,
) -> anyhow::Result<Walk> {
    let connections = u32::try_from(requests.len())?;
    let jobs = requests.iter().enumerate().map(|(connection, own)| {
        let mut own = own.iter().cycle();
        let mut due = Duration::from_secs(1) * u32::try_from(connection).unwrap_or(0) / a_second;
        move |started: Instant| {
            let at = started + due;
            due += Duration::from_secs(1) * connections / a_second;
            if at - started >= time {
                return None;
            }
            thread::sleep(at.saturating_duration_since(Instant::now()));
            Some((own.next().expect("a cycle doesn't end").as_slice(), at))
        }
    });
    run(address, jobs.collect(), 200)
}

fn run<'a, F>(address: SocketAddr, jobs: Vec<F>, status: u16) -> anyhow::Result<Walk>
where
    F: FnMut(Instant) -> Option<(&'a [u8], Instant)> + Send,
{
    let opened: anyhow::Result<Vec<_>> = jobs.iter().map(|_| Connection::open(address)).collect();
    let ready = Barrier::new(jobs.len() + 1);
    thread::scope(|scope| {
        let threads: Vec<_> = opened?
            .into_iter()
            .zip(jobs)
            .map(|(mut connection, mut next)| {
                let ready = &ready;
                scope.spawn(move || -> anyhow::Result<_> {
                    ready.wait();
                    let started = Instant::now();
                    let (mut bytes, mut latencies) = (0, Vec::new());
                    while let Some((request, since)) = next(started) {
                        bytes += connection.discard(request, status)?;
                        latencies.push(since.elapsed());
                    }
                    Ok((bytes, latencies, started..Instant::now()))
                })
            })
            .collect();
        ready.wait();
        // from the first that began to the last that ended: this thread may sleep through the beginning
        let (mut walk, mut whole) = (Walk::default(), None::<Range<Instant>>);
        for thread in threads {
            let (bytes, latencies, time) = thread.join().map_err(|_| anyhow!("a reader panicked"))??;
            walk.bytes += bytes;
            walk.latencies.extend(latencies);
            let other = whole.unwrap_or_else(|| time.clone());
            whole = Some(other.start.min(time.start)..other.end.max(time.end));
        }
        walk.seconds = whole.map_or(0.0, |whole| (whole.end - whole.start).as_secs_f64());
        Ok(walk)
    })
}
