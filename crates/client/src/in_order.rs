//! Stage calls several at once, in the order in which they were asked for.
//!
//! A server numbers the records of a call when the call is whole. So of each call everything but its last byte is sent at once, and that
//! byte when the call before it has been answered: bodies travel and are checked side by side, and no server can take them in another
//! order. Whatever ends a call before its turn (a proxy or a server that is tired of waiting) doesn't count: then it is sent whole when its
//! turn comes.

use std::{convert::Infallible, future, sync::Arc};

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use reqwest::Body;
use tokio::sync::watch;

use crate::{Client, Error, imports::Staged};

/// The stage calls of one import, in order.
pub struct InOrder {
    client: Client,
    token: u64,
    last: Option<Turn>,
}

/// Comes when the call before is answered.
#[derive(Clone)]
pub(crate) struct Turn(watch::Receiver<bool>);

impl InOrder {
    pub(crate) fn new(client: Client, token: u64) -> Self {
        Self { client, token, last: None }
    }

    /// [`Client::stage`], behind all calls that were asked for before. The calls may be awaited at once and in any order, with a server
    /// that recognises repetitions; with another each must be awaited before the next is asked for. When one fails, those behind it never
    /// end: drop them.
    pub fn stage(&mut self, body: Bytes, key: Arc<str>) -> impl Future<Output = Result<Staged, Error>> + Send + use<> {
        let (answered, next) = watch::channel(false);
        let turn = self.last.replace(Turn(next));
        let (client, token) = (self.client.clone(), self.token);
        async move {
            let before = match turn {
                Some(turn) if !turn.has_come() => client.stage_in_turn(token, body.clone(), &key, &turn).await,
                _ => None,
            };
            let staged = match before {
                Some(staged) => staged,
                None => client.stage(token, body, &key).await?,
            };
            // Whoever is behind may have been dropped.
            let _ = answered.send(true);
            Ok(staged)
        }
    }
}

impl Turn {
    fn has_come(&self) -> bool {
        *self.0.borrow()
    }

    /// Comes with the turn; never when the call before has failed.
    pub(crate) async fn come(&self) {
        if self.0.clone().wait_for(|come| *come).await.is_err() {
            future::pending().await
        }
    }

    /// A body whose last byte waits for the turn.
    pub(crate) fn hold(&self, mut body: Bytes) -> Body {
        let (turn, end) = (self.clone(), body.split_off(body.len().saturating_sub(1)));
        let end = async move {
            turn.come().await;
            end
        };
        let parts = stream::once(future::ready(body)).chain(stream::once(end));
        Body::wrap_stream(parts.map(Ok::<_, Infallible>))
    }
}
