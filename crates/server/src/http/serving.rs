//! One connection from its acceptance to its end.

use std::{error::Error as _, io, sync::Arc};

use axum::{Router, body::Body};
use futures_util::FutureExt;
use hyper::{
    body::Incoming,
    rt::{Read, Write},
    server::conn::http1,
};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use rustix::io::Errno;
use tokio::{net::TcpStream, sync::watch};
use tower::ServiceExt;

use super::{
    connection::{Answer, Connection, FlushIo},
    line::Line,
    patience::{Patience, Unacknowledged},
    peer::Peer,
    spelling,
    unsent::Socket,
};
use crate::options::Options;

/// What all connections of a listener have in common.
#[derive(Clone)]
pub(super) struct Serving {
    pub(super) router: Router,
    pub(super) options: Arc<Options>,
    pub(super) unacknowledged: Arc<Unacknowledged>,
    pub(super) line: Arc<Line>,
    /// Changes when the server is to end.
    pub(super) stopping: watch::Receiver<()>,
}

impl Serving {
    /// Serves a connection to its end; when the server is to end, only an answer that is under way is finished.
    pub(super) async fn serve(mut self, stream: TcpStream, connection: Arc<Connection>) {
        // without it the last piece of a page waits for the acknowledgement of the one before: 40 ms (measured.md)
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "TCP_NODELAY could not be set");
        }
        let patience = Patience::with(&stream, self.options.write_stall, Arc::clone(&self.unacknowledged));
        let _open = Open::begin();
        match self.options.tls.clone() {
            None => self.speak(TokioIo::new(stream), connection, patience).await,
            Some(tls) => {
                let shaken = tokio::select! {
                    shaken = tls.accept(stream, self.options.handshake) => Some(shaken),
                    _ = self.stopping.changed() => None,
                };
                match shaken {
                    Some(Ok(stream)) => self.speak(TokioIo::new(stream), connection, patience).await,
                    Some(Err(error)) => tracing::debug!(%error, peer = %connection.peer, "no TLS handshake"),
                    None => {}
                }
            }
        }
    }

    /// Speaks HTTP/1.1.
    async fn speak(
        self,
        io: impl Read + Write + Socket + Unpin + Send + 'static,
        connection: Arc<Connection>,
        patience: Patience,
    ) {
        let Self { router, options, line, mut stopping, .. } = self;
        let io = FlushIo::new(io, Arc::clone(&connection), patience, &line);
        let (asked, answering) = (Arc::clone(&connection), Arc::clone(&connection));
        let (head_idle, peer) = (options.head_idle, connection.peer);
        let service = router
            .map_request(move |mut request: hyper::Request<Incoming>| {
                asked.begin();
                let peer = Peer::behind(asked.peer, request.headers(), &options.trusted_proxies);
                request.extensions_mut().insert(peer);
                request.extensions_mut().insert(Arc::clone(&asked));
                if let Some(uri) = spelling::canonical(request.uri()) {
                    *request.uri_mut() = uri;
                }
                request.map(Body::new)
            })
            .map_response(move |response| response.map(|body| Answer::new(body, Arc::clone(&answering))));
        let serving = http1::Builder::new()
            .timer(TokioTimer::new())
            .max_buf_size(LONGEST_HEAD)
            .header_read_timeout(head_idle)
            .serve_connection(io, TowerToHyperService::new(service));
        let mut serving = std::pin::pin!(serving);
        let ended = tokio::select! {
            ended = serving.as_mut() => ended,
            _ = stopping.changed() => {
                serving.as_mut().graceful_shutdown();
                // hyper ends what is idle, but would wait for the rest of a request's head
                match serving.as_mut().now_or_never() {
                    Some(ended) => ended,
                    None if connection.is_answering() => serving.await,
                    None => Ok(()),
                }
            }
        };
        match ended {
            Ok(()) => {}
            Err(error) if is_lost_file(&error) => {
                tracing::error!(%error, peer = %peer, "a page broke off: its file can't be read any more; look at the disk, and run `sayso check`");
            }
            Err(error) => tracing::debug!(%error, "a connection broke"),
        }
    }
}

/// Whether a connection broke since the kernel couldn't read what it was to send: a mapped file (`sayso_mapped`) has been cut short, or the disk fails.
fn is_lost_file(error: &hyper::Error) -> bool {
    let io = error.source().and_then(|source| source.downcast_ref::<io::Error>());
    io.and_then(io::Error::raw_os_error) == Some(Errno::FAULT.raw_os_error())
}

/// A connection that is counted among those that are open, however it ends.
struct Open;

impl Open {
    fn begin() -> Self {
        metrics::gauge!("sayso_connections").increment(1);
        Self
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        metrics::gauge!("sayso_connections").decrement(1);
    }
}

/// Bytes of a request's head; longer is 431. It is also what a connection holds of somebody who hasn't said who they are.
pub(super) const LONGEST_HEAD: usize = 64 << 10;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_that_ends_by_a_fault_is_not_counted_for_ever() {
        let recorder = metrics_exporter_prometheus::PrometheusBuilder::new().build_recorder();
        let counted = || {
            let told = recorder.handle().render();
            let line = told.lines().find_map(|line| line.strip_prefix("sayso_connections "));
            line.map(str::to_owned)
        };
        metrics::with_local_recorder(&recorder, || {
            let open = Open::begin();
            assert_eq!(counted().as_deref(), Some("1"));
            let fault = std::panic::catch_unwind(move || {
                let _open = open;
                panic!("a fault in the program");
            });
            assert!(fault.is_err());
            assert_eq!(counted().as_deref(), Some("0"));
        });
    }
}
