//! A receiver on this machine, which keeps what it hears.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};

use parking_lot::Mutex;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};

use crate::resolve::Lookup;

/// How it answers.
#[derive(Debug, Clone)]
pub enum Manner {
    /// With these bytes, at once.
    With(String),
    /// With a head that goes on, a byte now and then.
    Dripping,
    /// With a body that never ends.
    WithoutEnd,
}

pub struct Receiver {
    pub port: u16,
    /// Connections that were made to it.
    pub met: Arc<AtomicUsize>,
    /// The requests, as they came.
    pub heard: Arc<Mutex<Vec<String>>>,
}

impl Receiver {
    pub async fn new(manner: Manner) -> Receiver {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (met, heard) = (Arc::new(AtomicUsize::new(0)), Arc::new(Mutex::new(Vec::new())));
        let receiver = Receiver { port, met: met.clone(), heard: heard.clone() };
        tokio::spawn(async move {
            while let Ok((connection, _)) = listener.accept().await {
                met.fetch_add(1, SeqCst);
                tokio::spawn(answer(connection, manner.clone(), heard.clone()));
            }
        });
        receiver
    }

    pub async fn answering(status_and_headers: &str) -> Receiver {
        Self::new(Manner::With(format!("HTTP/1.1 {status_and_headers}\r\nContent-Length: 0\r\n\r\n"))).await
    }

    pub fn met(&self) -> usize {
        self.met.load(SeqCst)
    }
}

async fn answer(mut connection: TcpStream, manner: Manner, heard: Arc<Mutex<Vec<String>>>) {
    let mut request = Vec::new();
    while !is_whole(&request) {
        let mut piece = [0; 4096];
        match connection.read(&mut piece).await {
            Ok(read) if read > 0 => request.extend_from_slice(&piece[..read]),
            _ => return,
        }
    }
    heard.lock().push(String::from_utf8(request).unwrap());
    let _gone = match manner {
        Manner::With(answer) => connection.write_all(answer.as_bytes()).await,
        Manner::Dripping => drip(&mut connection).await,
        Manner::WithoutEnd => pour(&mut connection).await,
    };
}

async fn drip(connection: &mut TcpStream) -> std::io::Result<()> {
    connection.write_all(b"HTTP/1.1 200 OK\r\nX-Slow: ").await?;
    loop {
        connection.write_all(b"x").await?;
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

async fn pour(connection: &mut TcpStream) -> std::io::Result<()> {
    connection.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000000\r\n\r\n").await?;
    loop {
        connection.write_all(&[b'x'; 65_536]).await?;
    }
}

fn is_whole(request: &[u8]) -> bool {
    let text = String::from_utf8_lossy(request);
    let Some((head, body)) = text.split_once("\r\n\r\n") else { return false };
    let length = head.lines().find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length: ")?.parse().ok());
    body.len() >= length.unwrap_or(0)
}

/// A resolver that has these addresses for every name, and how often it was asked.
pub fn names(addresses: &[&str]) -> (Lookup, Arc<AtomicUsize>) {
    let addresses: Vec<_> = addresses.iter().map(|a| a.parse().unwrap()).collect();
    let asked = Arc::new(AtomicUsize::new(0));
    let counted = asked.clone();
    let lookup: Lookup = Arc::new(move |_| {
        counted.fetch_add(1, SeqCst);
        let found = addresses.clone();
        Box::pin(async move { Ok(found) })
    });
    (lookup, asked)
}
