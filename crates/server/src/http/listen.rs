//! The accept loop: one task per connection, and an end that lets answers under way finish.

use std::{io, sync::Arc, time::Duration};

use sayso_export::Engine;
use sayso_import::Engine as ImportEngine;
use sayso_store::Store;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore, watch},
    task::JoinSet,
    time::MissedTickBehavior,
};

use super::{
    connection::{Connection, Wire},
    line::Line,
    patience::Unacknowledged,
    serving::Serving,
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

/// Serves until `shutdown` ends: then stops accepting, closes connections that are idle or in the middle of a request's head, lets other requests finish for at
/// most [`Options::drain`], and breaks those that have not (an export whose last block breaks stays Complete). The engines and the store are the caller's to stop afterwards.
pub async fn serve(
    store: Store,
    engine: Engine,
    imports: ImportEngine,
    listener: TcpListener,
    options: Options,
    shutdown: impl Future<Output = ()> + Send,
) -> Result<(), ServerError> {
    health::recorder();
    let upkeep = tokio::spawn(upkeep());
    let places = Arc::new(Semaphore::new(options.max_connections));
    let drain = options.drain;
    let wire = if options.tls.is_some() { Wire::Encrypted } else { Wire::Plain };
    let (stop, stopping) = watch::channel(());
    let serving = Serving {
        router: router(App::new(store, engine, imports, options.clone())),
        options: Arc::new(options),
        unacknowledged: Arc::new(Unacknowledged::default()),
        line: Line::of_cores(),
        stopping,
    };
    let mut connections = JoinSet::new();
    let mut shutdown = std::pin::pin!(shutdown);

    let ended = loop {
        let accepted = tokio::select! {
            biased;
            () = &mut shutdown => break Ok(()),
            Some(_) = connections.join_next(), if !connections.is_empty() => continue,
            accepted = accept(&listener, &places, wire) => accepted,
        };
        match accepted {
            Ok((stream, connection, place)) => {
                let serving = serving.clone().serve(stream, connection);
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
    wire: Wire,
) -> io::Result<(TcpStream, Arc<Connection>, OwnedSemaphorePermit)> {
    let place = Arc::clone(places).acquire_owned().await.map_err(io::Error::other)?;
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => {
                // fails when the other side is gone already: nobody will ask what this address was
                let local = stream.local_addr().or_else(|_| listener.local_addr())?;
                return Ok((stream, Connection::new(peer, local, wire), place));
            }
            Err(error) if error.kind() == io::ErrorKind::InvalidInput => return Err(error),
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
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
