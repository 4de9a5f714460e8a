//! The accept loop: one task per connection, and an end that lets requests in flight finish.

use std::{io, sync::Arc, time::Duration};

use axum::{Router, body::Body};
use hyper::{body::Incoming, server::conn::http1};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use sayso_export::Engine;
use sayso_store::Store;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore, watch},
    task::JoinSet,
    time::MissedTickBehavior,
};
use tower::ServiceExt;

use super::{
    connection::{Connection, FlushIo},
    patience::{Patience, Unacknowledged},
    peer::Peer,
    spelling,
};
use crate::{access::App, health, options::Options, router::router};

/// Why the server can't serve.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// The address can't be listened on.
    #[error("can't listen on {address}: {source}; choose another address, or stop what is using it")]
    Bind {
        /// The address.
        address: std::net::SocketAddr,
        /// Why.
        source: io::Error,
    },
    /// The listener failed for good.
    #[error("the listener failed: {0}")]
    Listener(#[source] io::Error),
}

/// Listens on [`Options::listen`].
pub async fn bind(options: &Options) -> Result<TcpListener, ServerError> {
    let address = options.listen;
    TcpListener::bind(address).await.map_err(|source| ServerError::Bind { address, source })
}

/// Serves until `shutdown` ends: then stops accepting, lets requests in flight finish for at most [`Options::drain`], and breaks those that
/// have not (an export whose last block breaks stays Complete). The engine and the store are the caller's to stop afterwards.
pub async fn serve(
    store: Store,
    engine: Engine,
    listener: TcpListener,
    options: Options,
    shutdown: impl Future<Output = ()> + Send,
) -> Result<(), ServerError> {
    health::recorder();
    let upkeep = tokio::spawn(upkeep());
    let places = Arc::new(Semaphore::new(options.max_connections));
    let drain = options.drain;
    let app = App::new(store, engine, options.clone());
    let router = router(app);
    let (stop, stopping) = watch::channel(());
    let unacknowledged = Arc::new(Unacknowledged::default());
    let mut connections = JoinSet::new();
    let mut shutdown = std::pin::pin!(shutdown);

    let ended = loop {
        let accepted = tokio::select! {
            biased;
            () = &mut shutdown => break Ok(()),
            Some(_) = connections.join_next(), if !connections.is_empty() => continue,
            accepted = accept(&listener, &places) => accepted,
        };
        match accepted {
            Ok((stream, connection, place)) => {
                let (router, list) = (router.clone(), Arc::clone(&unacknowledged));
                let serving = serve_connection(stream, connection, router, &options, list, stopping.clone());
                connections.spawn(async move {
                    serving.await;
                    drop(place);
                });
            }
            Err(error) => break Err(ServerError::Listener(error)),
        }
    };
    drop(listener);

    tracing::info!(connections = connections.len(), "stopping: requests in flight may finish");
    stop.send_replace(());
    let finished = async { while connections.join_next().await.is_some() {} };
    if tokio::time::timeout(drain, finished).await.is_err() {
        tracing::warn!(after = ?drain, "requests still in flight are broken off");
    }
    connections.shutdown().await;
    upkeep.abort();
    ended
}

/// Waits for a place and a connection. Errors of one connection, or of a moment without file descriptors, are waited out.
async fn accept(
    listener: &TcpListener,
    places: &Arc<Semaphore>,
) -> io::Result<(TcpStream, Arc<Connection>, OwnedSemaphorePermit)> {
    let place = Arc::clone(places).acquire_owned().await.map_err(io::Error::other)?;
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => {
                // fails when the other side is gone already: nobody will ask what this address was
                let local = stream.local_addr().or_else(|_| listener.local_addr())?;
                return Ok((stream, Connection::new(peer, local), place));
            }
            Err(error) if error.kind() == io::ErrorKind::InvalidInput => return Err(error),
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }
}

/// Lets no more than 64 KiB wait in the kernel unsent before a connection takes no more. What is on its way isn't counted, so that
/// far-away readers are served as fast as their line. Without it each reader gets a buffer of up to 4 MB: those of many
/// drive each other out of the processor's cache, which cost a fifth of the throughput of 64, and half again the p99 of one
/// beside 200 slow ones.
#[cfg(any(target_os = "linux", target_os = "android"))]
fn hold_back(stream: &TcpStream) {
    if let Err(error) = socket2::SockRef::from(stream).set_tcp_notsent_lowat(64 << 10) {
        tracing::debug!(%error, "TCP_NOTSENT_LOWAT could not be set");
    }
}

/// Other systems don't know this of a socket.
#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn hold_back(_: &TcpStream) {}

/// Serves one connection to its end; when the server is `stopping`, after the request in flight.
fn serve_connection(
    stream: TcpStream,
    connection: Arc<Connection>,
    router: Router,
    options: &Options,
    unacknowledged: Arc<Unacknowledged>,
    mut stopping: watch::Receiver<()>,
) -> impl Future<Output = ()> + Send + use<> {
    // without it the last piece of a page waits for the acknowledgement of the one before: 40 ms (measured.md)
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "TCP_NODELAY could not be set");
    }
    hold_back(&stream);
    let patience = Patience::with(&stream, options.write_stall, unacknowledged);
    let io = FlushIo::new(TokioIo::new(stream), Arc::clone(&connection), patience);
    let trusted = options.trusted_proxies.clone();
    let service = router.map_request(move |mut request: hyper::Request<Incoming>| {
        let peer = Peer::behind(connection.peer, request.headers(), &trusted);
        request.extensions_mut().insert(peer);
        request.extensions_mut().insert(Arc::clone(&connection));
        if let Some(uri) = spelling::canonical(request.uri()) {
            *request.uri_mut() = uri;
        }
        request.map(Body::new)
    });
    let serving = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(options.head_idle)
        .serve_connection(io, TowerToHyperService::new(service));
    async move {
        metrics::gauge!("sayso_connections").increment(1);
        let mut serving = std::pin::pin!(serving);
        let ended = tokio::select! {
            ended = serving.as_mut() => ended,
            _ = stopping.changed() => {
                serving.as_mut().graceful_shutdown();
                serving.await
            }
        };
        if let Err(error) = ended {
            tracing::debug!(%error, "a connection broke");
        }
        metrics::gauge!("sayso_connections").decrement(1);
    }
}

/// Histograms keep every sample until they are folded: do it also when nobody asks for `/metrics`.
async fn upkeep() {
    let mut every = tokio::time::interval(Duration::from_secs(5));
    every.set_missed_tick_behavior(MissedTickBehavior::Skip);
    loop {
        every.tick().await;
        health::recorder().run_upkeep();
    }
}
