//! A double of the vendor's service, made from what its documents say and from nothing of ours (export.md, marks D): headers as IIS
//! sends them, `hasmore` in lower case, no Retry-After, no Idempotency-Key, slow Processing, a 503 now and then, tokens that end early,
//! connections that break in the middle of a body, and a last block that ends the export when it was read without keepAlive.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

/// How it behaves.
#[derive(Debug, Clone)]
pub struct Manners {
    /// Records of every export.
    pub records: u64,
    /// Status calls until an export is complete.
    pub processing: u64,
    /// One call in so many is answered 503 with a page of HTML.
    pub unavailable: u64,
    /// One page in so many breaks off in the middle.
    pub broken: u64,
    /// Calls that a bearer token is good for.
    pub token_calls: u64,
    /// The most records in a page.
    pub cap: u64,
    /// Whether pages say Limit and TotalResults.
    pub tells: bool,
    /// Of what happens when.
    pub seed: u64,
}

impl Default for Manners {
    fn default() -> Self {
        Self {
            records: 500,
            processing: 4,
            unavailable: 11,
            broken: 8,
            token_calls: 20,
            cap: 100_000,
            tells: true,
            seed: 1,
        }
    }
}

/// What it has been asked.
#[derive(Debug, Default)]
pub struct Seen {
    pub initiates: Vec<(String, String)>,
    pub pages: Vec<u64>,
    pub pages_without_keep_alive: u64,
    pub tokens: u64,
    pub broken: u64,
    pub unavailable: u64,
}

/// A running one.
pub struct Vendor {
    pub url: String,
    state: Arc<State>,
}

struct State {
    manners: Manners,
    random: AtomicU64,
    seen: Mutex<Seen>,
    exports: Mutex<HashMap<u64, Export>>,
    bearers: Mutex<HashMap<String, u64>>,
}

#[derive(Default)]
struct Export {
    asked: u64,
    ended: bool,
}

impl Vendor {
    pub async fn start(manners: Manners) -> Vendor {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let state = Arc::new(State {
            random: AtomicU64::new(manners.seed),
            manners,
            seen: Mutex::default(),
            exports: Mutex::default(),
            bearers: Mutex::default(),
        });
        let serving = Arc::clone(&state);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let state = Arc::clone(&serving);
                // A client that goes away in the middle is no matter of the server's.
                tokio::spawn(async move { drop(serve(stream, &state).await) });
            }
        });
        Vendor { url, state }
    }

    pub fn seen<T>(&self, look: impl FnOnce(&Seen) -> T) -> T {
        look(&self.state.seen.lock().unwrap())
    }

    /// Whether nothing of the export can be had any more.
    pub fn has_ended(&self, token: u64) -> bool {
        self.state.exports.lock().unwrap()[&token].ended
    }
}

/// The record of a number; some are long, so that pages differ.
pub fn record(n: u64) -> String {
    let note = "é\\\"]}".repeat((n % 17) as usize);
    format!(r#"{{"ProfileId":{n},"CustomerName":{{"FirstName":"{note}"}},"Emails":[{{"IsDefault":true}}]}}"#)
}

struct Request {
    method: String,
    path: String,
    query: HashMap<String, String>,
    head: String,
    body: String,
}

async fn serve(mut stream: TcpStream, state: &State) -> std::io::Result<()> {
    let mut buffer = Vec::new();
    loop {
        let Some(request) = read(&mut stream, &mut buffer).await? else { return Ok(()) };
        let (status, body) = state.answer(&request);
        let kind = if body.starts_with('<') { "text/html" } else { "application/json; charset=utf-8" };
        let is_page = status == "200 OK" && request.method == "GET" && !request.path.ends_with("/Status");
        let breaks = is_page && state.one_in(state.manners.broken);
        let answer = format!(
            "HTTP/1.1 {status}\r\nCache-Control: no-cache\r\nPragma: no-cache\r\nContent-Length: {}\r\nContent-Type: {kind}\r\n\
             Expires: -1\r\nServer: Microsoft-IIS/10.0\r\nX-AspNet-Version: 4.0.30319\r\nX-Powered-By: ASP.NET\r\n\
             Date: Tue, 24 Nov 2026 10:00:00 GMT\r\n\r\n{body}",
            body.len()
        );
        if breaks {
            state.seen.lock().unwrap().broken += 1;
            stream.write_all(&answer.as_bytes()[..answer.len() - body.len() / 2]).await?;
            return stream.shutdown().await;
        }
        stream.write_all(answer.as_bytes()).await?;
        // IIS ends the export when it has sent the last block.
        if is_page && body.contains(r#""hasmore":false"#) && request.query.get("keepalive").is_none_or(|k| k != "true")
        {
            state.end(&request);
        }
    }
}

async fn read(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> std::io::Result<Option<Request>> {
    loop {
        let text = String::from_utf8_lossy(buffer).into_owned();
        if let Some((head, rest)) = text.split_once("\r\n\r\n") {
            let length = header(head, "content-length").and_then(|l| l.parse().ok()).unwrap_or(0);
            if rest.len() >= length {
                buffer.drain(..head.len() + 4 + length);
                let mut line = head.split(' ');
                let (method, address) = (line.next().unwrap().to_owned(), line.next().unwrap());
                let (path, query) = address.split_once('?').unwrap_or((address, ""));
                let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
                return Ok(Some(Request {
                    method,
                    path: path.to_owned(),
                    query: pairs.map(|(k, v)| (k.to_lowercase(), v.to_owned())).collect(),
                    head: head.to_owned(),
                    body: rest[..length].to_owned(),
                }));
            }
        }
        if stream.read_buf(buffer).await? == 0 {
            return Ok(None);
        }
    }
}

fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    let lines = head.lines().filter_map(|line| line.split_once(": "));
    lines.filter(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, value)| value).next()
}

impl State {
    fn one_in(&self, n: u64) -> bool {
        let x = self.random.fetch_add(0x9E37_79B9_7F4A_7C15, Ordering::Relaxed);
        let x = (x ^ (x >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        (x ^ (x >> 31)).is_multiple_of(n)
    }

    fn end(&self, request: &Request) {
        let token = request.path.rsplit('/').next().unwrap().parse().unwrap();
        self.exports.lock().unwrap().get_mut(&token).unwrap().ended = true;
    }

    fn answer(&self, request: &Request) -> (&'static str, String) {
        let message = |text: &str| format!(r#"{{"Message":"{text}"}}"#);
        if self.one_in(self.manners.unavailable) {
            self.seen.lock().unwrap().unavailable += 1;
            return ("503 Service Unavailable", "<!DOCTYPE html>\r\n<h2>Service Unavailable</h2>".to_owned());
        }
        if request.path == "/oauth/token" {
            let mut seen = self.seen.lock().unwrap();
            seen.tokens += 1;
            let bearer = format!("bearer-{}", seen.tokens);
            self.bearers.lock().unwrap().insert(bearer.clone(), self.manners.token_calls);
            return ("200 OK", format!(r#"{{"access_token":"{bearer}","token_type":"bearer","expires_in":3599}}"#));
        }
        let bearer =
            header(&request.head, "authorization").and_then(|value| value.strip_prefix("Bearer ")).unwrap_or("");
        match self.bearers.lock().unwrap().get_mut(bearer) {
            Some(left) if *left > 0 => *left -= 1,
            _ => return ("401 Unauthorized", message("Authorization has been denied for this request.")),
        }
        let Some(call) = request.path.strip_prefix("/Profiles/v4/Async/ACME/Export/") else {
            return ("404 Not Found", message("No HTTP resource was found"));
        };
        match (request.method.as_str(), call.split('/').collect::<Vec<_>>().as_slice()) {
            ("POST", [_, "Commit"]) => {
                let token = call.split('/').next().unwrap().parse().unwrap();
                match self.exports.lock().unwrap().get_mut(&token) {
                    Some(export) => export.ended = true,
                    None => return ("404 Not Found", message("unknown")),
                }
                ("200 OK", "{}".to_owned())
            }
            ("POST", ["Segment" | "SegmentGroup", _]) => {
                let mut seen = self.seen.lock().unwrap();
                seen.initiates.push((call.to_owned(), request.body.clone()));
                let token = 1000 + seen.initiates.len() as u64;
                self.exports.lock().unwrap().insert(token, Export::default());
                ("200 OK", format!(r#"{{"AccessToken":{token}}}"#))
            }
            ("GET", [token, rest @ ..]) => {
                let token: u64 = token.parse().unwrap();
                let mut exports = self.exports.lock().unwrap();
                let Some(export) = exports.get_mut(&token) else { return ("404 Not Found", message("unknown")) };
                match rest {
                    ["Status"] => {
                        export.asked += 1;
                        let (state, rows) = match export {
                            Export { ended: true, .. } => ("Retrieved", self.manners.records.to_string()),
                            e if e.asked > self.manners.processing => ("Complete", self.manners.records.to_string()),
                            _ => ("Processing", "null".to_owned()),
                        };
                        let status = format!(
                            r#"{{"AccessToken":{token},"Status":"{state}","RowCount":{rows},"ByteCount":null}}"#
                        );
                        ("200 OK", status)
                    }
                    _ if export.ended => ("404 Not Found", message("The export has been retrieved.")),
                    _ if export.asked <= self.manners.processing => {
                        ("503 Service Unavailable", message("Not complete"))
                    }
                    _ => ("200 OK", self.page(request)),
                }
            }
            _ => ("405 Method Not Allowed", message("The requested resource does not support this method.")),
        }
    }

    fn page(&self, request: &Request) -> String {
        let number = |name: &str| request.query.get(name).map(|text| text.parse::<u64>().unwrap());
        let (offset, limit) = (number("offset").unwrap_or(1), number("limit").unwrap_or(1000).min(self.manners.cap));
        let last = (offset + limit - 1).min(self.manners.records);
        let records: Vec<String> = (offset..=last).map(record).collect();
        let mut seen = self.seen.lock().unwrap();
        seen.pages.push(offset);
        seen.pages_without_keep_alive += u64::from(request.query.get("keepalive").is_none_or(|k| k != "true"));
        let told = if self.manners.tells {
            format!(r#""Limit":{limit},"Offset":{offset},"TotalResults":{},"#, self.manners.records)
        } else {
            String::new()
        };
        let more = last < self.manners.records;
        format!(
            r#"{{"Count":{},"hasmore":{more},{told}"UserProfilePreferences":[{}]}}"#,
            records.len(),
            records.join(", ")
        )
    }
}
