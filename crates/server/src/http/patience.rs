//! How long a reader is waited for: one who takes little as long as they like, one who takes nothing only for a while.
//!
//! That a socket takes no bytes from us says nothing of its reader: the kernel asks for more when a third of its buffer is
//! empty again, and that can be megabytes, which a reader of 1 KB a second needs twenty minutes for. Nor does `TCP_USER_TIMEOUT`: while
//! the window is smaller than what waits first, it counts an alive reader as one who answers nothing (measured on Linux 6). The
//! kernel's own list of connections says how many bytes a reader has still to acknowledge; any change of that is a sign of life.

use std::{collections::HashMap, fs, io, sync::Arc, time::Duration};

use tokio::{
    net::TcpStream,
    sync::Mutex,
    time::{Instant, sleep_until},
};

/// Looks at a waiting reader in the time that they may take nothing.
const LOOKS: u32 = 8;
/// How many times the time that a reader may take nothing the list may be unreadable before that counts as silence: those who are stuck may be
/// what keeps it unreadable.
const UNTOLD: u32 = 2;
/// How old the list may be: one reading does for all readers that are waited for.
const LIST_AGE: Duration = Duration::from_millis(200);

/// The kernel's list, read when somebody has waited.
#[derive(Debug)]
pub(crate) struct Unacknowledged {
    files: &'static [&'static str],
    list: Mutex<Option<(Instant, HashMap<u64, u64>)>>,
}

impl Default for Unacknowledged {
    fn default() -> Self {
        Self { files: &["/proc/self/net/tcp", "/proc/self/net/tcp6"], list: Mutex::default() }
    }
}

impl Unacknowledged {
    /// Bytes that were sent to this socket's reader and not acknowledged; `None` where the system doesn't tell.
    ///
    /// # Errors
    /// When the list can't be read now, as where too many files are open.
    async fn of(&self, socket: u64) -> io::Result<Option<u64>> {
        let mut list = self.list.lock().await;
        if list.as_ref().is_none_or(|(read, _)| read.elapsed() > LIST_AGE) {
            let files = self.files;
            let read = tokio::task::spawn_blocking(|| read(files)).await.map_err(io::Error::other)?;
            *list = Some((Instant::now(), read?));
        }
        Ok(list.as_ref().and_then(|(_, list)| list.get(&socket).copied()))
    }
}

/// Reads the list from files that together are it. One that isn't there, or isn't for us, has nothing in it.
fn read(files: &[&str]) -> io::Result<HashMap<u64, u64>> {
    let mut list = HashMap::new();
    for file in files {
        match fs::read_to_string(file) {
            Ok(text) => list.extend(parse(&text)),
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::PermissionDenied) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(list)
}

/// Reads the list (proc_net_tcp.txt of the kernel's documentation): what the fifth word says before its colon, by the tenth.
fn parse(text: &str) -> HashMap<u64, u64> {
    let line = |line: &str| {
        let mut words = line.split_ascii_whitespace();
        let (queue, _) = words.nth(4)?.split_once(':')?;
        Some((words.nth(4)?.parse().ok()?, u64::from_str_radix(queue, 16).ok()?))
    };
    text.lines().skip(1).filter_map(line).collect()
}

/// What a connection waits with.
#[derive(Debug, Clone)]
pub(crate) struct Patience {
    /// How long a reader may take nothing.
    stall: Duration,
    list: Arc<Unacknowledged>,
    /// The socket's number in the list.
    socket: Option<u64>,
}

impl Patience {
    /// With the reader at the other end of `stream`.
    pub(crate) fn with(stream: &TcpStream, stall: Duration, list: Arc<Unacknowledged>) -> Self {
        Self { stall, list, socket: rustix::fs::fstat(stream).ok().map(|stat| stat.st_ino) }
    }

    /// With a reader of whom nothing else is known than whether we can write.
    #[cfg(test)]
    pub(crate) fn blind(stall: Duration) -> Self {
        Self { stall, list: Arc::default(), socket: None }
    }

    /// How long a reader may take nothing.
    pub(crate) fn stall(&self) -> Duration {
        self.stall
    }

    /// Ends when the reader has taken nothing for that long; an eighth of it later at most.
    pub(crate) async fn run_out(self) {
        let mut alive = Instant::now();
        let mut before = None;
        let (mut look, mut told) = (alive, alive);
        loop {
            look += self.stall / LOOKS;
            sleep_until(look).await;
            let now = match self.socket {
                Some(socket) => self.list.of(socket).await,
                None => Ok(None),
            };
            // Later than that where the connection waited for something else meanwhile, or the list did: then nobody looked in time.
            look = look.max(Instant::now());
            match now {
                Ok(now) => {
                    told = look;
                    if before.is_some() && now.is_some() && now != before {
                        alive = look;
                    }
                    before = now;
                }
                Err(error) if look - told < self.stall * UNTOLD => {
                    tracing::debug!(%error, "what readers have taken can't be told now: nobody is cut off for that");
                    alive = look;
                }
                Err(_) => {}
            }
            if look - alive >= self.stall {
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::{
        io::{AsyncReadExt as _, AsyncWriteExt as _},
        net::TcpListener,
    };

    use super::*;

    #[test]
    fn the_kernels_list_is_read() {
        let text = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4242 1 0000000000000000 100 0 0 10 0\n   1: 0100007F:1F90 0100007F:9C40 01 0027F0A1:00000000 04:00000021 00000000     0        0 4343 2 0000000000000000 20 4 30 10 -1\n torn";
        assert_eq!(parse(text), HashMap::from([(4242, 0), (4343, 0x27F0A1)]));
    }

    #[tokio::test(start_paused = true)]
    async fn a_reader_is_not_cut_off_for_a_while_in_which_the_list_cannot_be_read() {
        for (files, seconds) in [(&["/"] as &[&str], 23..26), (&["/no/such/list"], 8..10)] {
            let list = Arc::new(Unacknowledged { files, list: Mutex::default() });
            let patience = Patience { stall: Duration::from_secs(8), list, socket: Some(1) };
            let began = Instant::now();
            patience.run_out().await;
            assert!(seconds.contains(&began.elapsed().as_secs()), "{files:?}: {:?}", began.elapsed());
        }
    }

    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn every_byte_that_a_reader_takes_is_seen() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut reader = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (mut writer, _) = listener.accept().await.unwrap();
        let socket = rustix::fs::fstat(&writer).unwrap().st_ino;
        let block = [0; 1 << 16];
        while let Ok(Ok(_)) = tokio::time::timeout(Duration::from_millis(100), writer.write(&block)).await {}
        let full = Unacknowledged::default().of(socket).await.unwrap().unwrap();
        assert!(full > 0);
        // Far less than would let the writer go on.
        let mut some = vec![0; 1 << 17];
        reader.read_exact(&mut some).await.unwrap();
        let taken = async {
            loop {
                let left = Unacknowledged::default().of(socket).await.unwrap().unwrap();
                if left != full {
                    return left;
                }
            }
        };
        let left = tokio::time::timeout(Duration::from_secs(20), taken).await.expect("the kernel tells of it");
        assert!(left < full);
    }

    #[cfg(target_os = "linux")]
    #[tokio::test(start_paused = true)]
    async fn what_a_reader_took_while_the_connection_waited_in_line_is_a_sign_of_life() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut reader = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (mut writer, _) = listener.accept().await.unwrap();
        let block = [0; 1 << 16];
        while let Ok(Ok(_)) = tokio::time::timeout(Duration::from_millis(100), writer.write(&block)).await {}
        let patience = Patience::with(&writer, Duration::from_secs(8), Arc::default());
        let mut run_out = std::pin::pin!(patience.run_out());
        let look = Duration::from_millis(1500);
        assert!(tokio::time::timeout(look, &mut run_out).await.is_err(), "the first look");
        reader.read_exact(&mut vec![0; 1 << 17]).await.unwrap();
        tokio::time::advance(Duration::from_secs(20)).await;
        assert!(tokio::time::timeout(look, &mut run_out).await.is_err(), "it took something since");
        assert!(tokio::time::timeout(Duration::from_secs(30), &mut run_out).await.is_ok(), "and then nothing");
    }
}
