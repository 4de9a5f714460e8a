//! A receiver of callbacks: an HTTP server on an address of its own, so that it can go away and come back.

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::{
        Arc,
        atomic::{AtomicU8, Ordering::Relaxed},
    },
    time::Duration,
};

use aws_lc_rs::hmac;
use base64::{Engine as _, prelude::BASE64_STANDARD};
use parking_lot::Mutex;
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    net::TcpListener,
    task::JoinHandle,
};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{ServerConfig, crypto::aws_lc_rs::default_provider as aws_lc_rs_provider, pki_types::PrivateKeyDer},
};

use super::eventually;

/// One that runs until it is dropped.
pub struct Receiver {
    pub address: SocketAddr,
    heard: Arc<Mutex<Vec<Heard>>>,
    running: JoinHandle<()>,
}

/// A request as it came.
#[derive(Debug, Clone)]
pub struct Heard {
    pub head: String,
    pub body: String,
}

impl Receiver {
    /// A new one, answering with a status and perhaps headers.
    pub async fn answering(answer: &str) -> Receiver {
        Self::at((own_address(), 0).into(), answer).await
    }

    /// One at this address, where another was before.
    pub async fn at(address: SocketAddr, answer: &str) -> Receiver {
        let listener = TcpListener::bind(address).await.unwrap();
        let address = listener.local_addr().unwrap();
        let heard = Arc::default();
        let running = tokio::spawn(serve(listener, answer.to_owned(), Arc::clone(&heard)));
        Receiver { address, heard, running }
    }

    /// A new one that speaks TLS, and the certificate, in PEM, that it has from nobody else.
    pub async fn over_tls() -> (Receiver, String) {
        let listener = TcpListener::bind((own_address(), 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let made = rcgen::generate_simple_self_signed(vec![address.ip().to_string()]).unwrap();
        let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
        let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![made.cert.der().clone()], key)
            .unwrap();
        let (acceptor, heard) = (TlsAcceptor::from(Arc::new(config)), Arc::<Mutex<Vec<Heard>>>::default());
        let kept = Arc::clone(&heard);
        let running = tokio::spawn(async move {
            while let Ok((connection, _)) = listener.accept().await {
                // One who doesn't trust it hangs up.
                if let Ok(mut connection) = acceptor.accept(connection).await {
                    answer_one(&mut connection, "200 OK", &kept).await;
                }
            }
        });
        (Receiver { address, heard, running }, made.cert.pem())
    }

    /// Its address for a callback, with parts that may be secret.
    pub fn url(&self) -> String {
        format!("http://{}/hush-path?key=hush-key", self.address)
    }

    /// What it has heard so far.
    pub fn heard(&self) -> Vec<Heard> {
        self.heard.lock().clone()
    }

    /// Waits until it has heard so many requests; gives the last.
    pub async fn has_heard(&self, requests: usize) -> Heard {
        eventually("a callback", || self.heard.lock().len() >= requests).await;
        let heard = self.heard();
        assert_eq!(heard.len(), requests, "{heard:?}");
        heard.last().unwrap().clone()
    }
}

/// Of the loopback network's addresses one that nobody else in these tests has: a port of it is still free when its receiver comes back.
fn own_address() -> IpAddr {
    static LAST: AtomicU8 = AtomicU8::new(0);
    Ipv4Addr::new(127, 88, std::process::id().to_le_bytes()[0], LAST.fetch_add(1, Relaxed)).into()
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.running.abort();
    }
}

impl Heard {
    #[track_caller]
    pub fn header(&self, name: &str) -> &str {
        let of = |line: &'_ str| line.split_once(": ").is_some_and(|(n, _)| n.eq_ignore_ascii_case(name));
        let line = self.head.lines().find(|line| of(line)).unwrap_or_else(|| panic!("no {name}: {}", self.head));
        line.split_once(": ").unwrap().1
    }

    /// How many of its signatures this secret has made (Standard Webhooks).
    pub fn signed_by(&self, secret: &str) -> usize {
        let key = BASE64_STANDARD.decode(secret.trim().strip_prefix("whsec_").unwrap()).unwrap();
        let key = hmac::Key::new(hmac::HMAC_SHA256, &key);
        let signed = format!("{}.{}.{}", self.header("webhook-id"), self.header("webhook-timestamp"), self.body);
        let signatures = self.header("webhook-signature").split(' ').map(|one| one.strip_prefix("v1,").unwrap());
        signatures
            .filter(|one| hmac::verify(&key, signed.as_bytes(), &BASE64_STANDARD.decode(one).unwrap()).is_ok())
            .count()
    }
}

async fn serve(listener: TcpListener, answer: String, heard: Arc<Mutex<Vec<Heard>>>) {
    while let Ok((mut connection, _)) = listener.accept().await {
        let (answer, heard) = (answer.clone(), Arc::clone(&heard));
        tokio::spawn(async move { answer_one(&mut connection, &answer, &heard).await });
    }
}

/// Reads a request, keeps it and answers.
pub async fn answer_one(
    connection: &mut (impl AsyncRead + AsyncWrite + Unpin),
    answer: &str,
    heard: &Mutex<Vec<Heard>>,
) {
    let mut request = Vec::new();
    let whole = loop {
        let text = String::from_utf8_lossy(&request);
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length =
                head.lines().find_map(|l| l.to_ascii_lowercase().strip_prefix("content-length: ")?.parse().ok());
            if body.len() >= length.unwrap_or(0) {
                break Heard { head: head.to_owned(), body: body.to_owned() };
            }
        }
        match connection.read_buf(&mut request).await {
            Ok(read) if read > 0 => {}
            _ => return,
        }
    };
    heard.lock().push(whole);
    let head = format!("HTTP/1.1 {answer}\r\n");
    let written = match answer {
        "drip" => drip(connection).await,
        "without end" => pour(connection).await,
        _ => connection.write_all(format!("{head}Content-Length: 0\r\n\r\n").as_bytes()).await,
    };
    // Who has left needs no answer.
    drop(written);
}

async fn drip(connection: &mut (impl AsyncWrite + Unpin)) -> std::io::Result<()> {
    connection.write_all(b"HTTP/1.1 200 OK\r\nX-Slow: ").await?;
    loop {
        connection.write_all(b"x").await?;
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

async fn pour(connection: &mut (impl AsyncWrite + Unpin)) -> std::io::Result<()> {
    connection.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000000\r\n\r\n").await?;
    loop {
        connection.write_all(&[b'x'; 65_536]).await?;
    }
}
