//! A small HTTP/1.1 client on a plain socket: one request at a time over a connection that stays, bodies read and thrown away.
//! It costs as little as a client can, so that what is measured is the server; every server is measured with this same one.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    ops::Range,
    time::Duration,
};

use anyhow::{Context, bail};

/// Bytes asked of the socket at once.
pub(super) const BUFFER: usize = 256 * 1024;
/// Longest head of an answer, bytes.
const HEAD: usize = 16 * 1024;

/// One connection.
pub(super) struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
}

/// An answer's head.
pub(super) struct Head {
    pub(super) status: u16,
    /// Of the body; of one that comes in chunks, as it came.
    pub(super) length: u64,
    text: String,
}

impl Head {
    /// Reads it.
    pub(super) fn parse(bytes: &[u8]) -> anyhow::Result<Self> {
        let text = String::from_utf8(bytes.to_vec()).context("an answer's head is not UTF-8")?;
        let status = text
            .split(' ')
            .nth(1)
            .and_then(|status| status.parse().ok())
            .with_context(|| format!("no status in {text:?}"))?;
        let mut head = Self { status, length: 0, text };
        head.length = match head.header("content-length") {
            Some(length) => length.parse().with_context(|| format!("Content-Length {length:?}"))?,
            None if status == 204 || status == 304 || head.is_chunked() => 0,
            None => bail!("an answer without Content-Length: {:?}", head.text),
        };
        Ok(head)
    }

    fn is_chunked(&self) -> bool {
        self.header("transfer-encoding").is_some_and(|coding| coding.eq_ignore_ascii_case("chunked"))
    }

    /// A header's value.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.text.lines().skip(1).find_map(|line| {
            let (key, value) = line.split_once(':')?;
            key.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }
}

impl Connection {
    /// Connects, with TCP_NODELAY.
    pub(super) fn open(address: SocketAddr) -> anyhow::Result<Self> {
        let stream = TcpStream::connect(address).with_context(|| format!("can't connect to {address}"))?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(Duration::from_secs(120)))?;
        Ok(Self { stream, buffer: vec![0; BUFFER] })
    }

    /// Sends a request and hands the body of its answer to `sink`, piece by piece.
    pub(super) fn send(&mut self, request: &[u8], mut sink: impl FnMut(&[u8])) -> anyhow::Result<Head> {
        self.stream.write_all(request)?;
        let mut filled = 0;
        let body = loop {
            let read = self.stream.read(&mut self.buffer[filled..])?;
            if read == 0 {
                bail!("the connection was closed before an answer");
            }
            // the mark of the head's end may lie across two reads
            let from = filled.saturating_sub(3);
            filled += read;
            if let Some(at) = find(&self.buffer[from..filled], b"\r\n\r\n") {
                break from + at + 4;
            }
            if filled > HEAD {
                bail!("an answer's head is longer than {HEAD} bytes");
            }
        };
        let mut head = Head::parse(&self.buffer[..body])?;
        if head.is_chunked() {
            head.length = self.chunks(body..filled, &mut sink)?;
            return Ok(head);
        }
        sink(&self.buffer[body..filled]);
        let mut remaining = head.length.checked_sub((filled - body) as u64).context("more bytes than announced")?;
        while remaining > 0 {
            let most = self.buffer.len().min(usize::try_from(remaining).unwrap_or(usize::MAX));
            let read = self.stream.read(&mut self.buffer[..most])?;
            if read == 0 {
                bail!("the connection was closed {remaining} bytes before the body's end");
            }
            sink(&self.buffer[..read]);
            remaining -= read as u64;
        }
        Ok(head)
    }

    /// Reads a body in chunks, what is in the buffer already first; gives its length.
    fn chunks(&mut self, had: Range<usize>, sink: &mut impl FnMut(&[u8])) -> anyhow::Result<u64> {
        let (mut chunks, mut now, mut length) = (Chunks::default(), had, 0);
        loop {
            let whole = chunks.read(&self.buffer[now], |piece| {
                length += piece.len() as u64;
                sink(piece);
            })?;
            if whole {
                return Ok(length);
            }
            let read = self.stream.read(&mut self.buffer)?;
            if read == 0 {
                bail!("the connection was closed before the last chunk");
            }
            now = 0..read;
        }
    }

    /// Sends a request whose answer must have this status, and throws its body away; gives the body's length.
    pub(super) fn discard(&mut self, request: &[u8], status: u16) -> anyhow::Result<u64> {
        let mut said = Vec::new();
        let head = self.send(request, |piece| {
            if said.is_empty() {
                said.extend_from_slice(&piece[..piece.len().min(300)]);
            }
        })?;
        if head.status != status {
            let asked = String::from_utf8_lossy(request);
            let (asked, said) = (asked.lines().next().unwrap_or_default(), String::from_utf8_lossy(&said));
            bail!("{} in place of {status} to {asked}: {said}", head.status);
        }
        Ok(head.length)
    }

    /// Sends a request and gives the whole body of its answer.
    pub(super) fn fetch(&mut self, request: &[u8]) -> anyhow::Result<(Head, Vec<u8>)> {
        let mut body = Vec::new();
        let head = self.send(request, |piece| body.extend_from_slice(piece))?;
        Ok((head, body))
    }
}

/// How far a body in chunks has been read. A line is the length of a chunk, or the empty end of one; nobody here sends trailers.
#[derive(Default)]
struct Chunks {
    line: Vec<u8>,
    /// Bytes of the chunk that are still to come.
    remaining: usize,
    is_last: bool,
}

impl Chunks {
    /// Takes the next bytes; true when the body is whole.
    fn read(&mut self, mut bytes: &[u8], mut sink: impl FnMut(&[u8])) -> anyhow::Result<bool> {
        while !bytes.is_empty() {
            if self.remaining > 0 {
                let (now, rest) = bytes.split_at(self.remaining.min(bytes.len()));
                sink(now);
                self.remaining -= now.len();
                bytes = rest;
                continue;
            }
            let (byte, rest) = (bytes[0], &bytes[1..]);
            bytes = rest;
            match byte {
                b'\r' => {}
                b'\n' if self.is_last => return Ok(true),
                b'\n' if self.line.is_empty() => {}
                b'\n' => {
                    let text = std::str::from_utf8(&self.line)?;
                    self.remaining = usize::from_str_radix(text, 16).with_context(|| format!("a chunk of {text:?}"))?;
                    self.is_last = self.remaining == 0;
                    self.line.clear();
                }
                other => self.line.push(other),
            }
        }
        Ok(false)
    }
}

pub(super) fn find(bytes: &[u8], mark: &[u8]) -> Option<usize> {
    bytes.windows(mark.len()).position(|window| window == mark)
}

/// A GET.
pub(super) fn get(path: &str, headers: &str) -> Vec<u8> {
    format!("GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n{headers}\r\n").into_bytes()
}

/// A POST; `headers` name the content type.
pub(super) fn post(path: &str, headers: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    format!("POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n{headers}Content-Length: {length}\r\n\r\n{body}").into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_in_chunks_is_the_same_however_it_is_cut() {
        let sent = b"5\r\nhello\r\n1b\r\nabcdefghijklmnopqrstuvwxyz0\r\n0\r\n\r\n";
        for size in 1..sent.len() {
            let (mut chunks, mut body) = (Chunks::default(), Vec::new());
            let pieces: Vec<_> = sent.chunks(size).collect();
            for (at, piece) in pieces.iter().enumerate() {
                let whole = chunks.read(piece, |bytes| body.extend_from_slice(bytes)).unwrap();
                assert_eq!(whole, at == pieces.len() - 1);
            }
            assert_eq!(body, b"helloabcdefghijklmnopqrstuvwxyz0");
        }
    }
}
