//! What HTTP itself asks of the server, whatever is served: the connection and its flushes, bodies, queries, the stack around every handler.

pub(crate) mod answer;
pub(crate) mod connection;
pub(crate) mod content;
pub(crate) mod encoding;
pub(crate) mod leftover;
mod line;
pub(crate) mod listen;
pub(crate) mod path;
pub(crate) mod patience;
pub(crate) mod peer;
pub(crate) mod pieces;
pub(crate) mod query;
mod reader;
mod serving;
pub(crate) mod spelling;
pub(crate) mod stack;
pub(crate) mod tls;
mod unreadable;
mod unsent;
