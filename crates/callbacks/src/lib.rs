//! Delivers the callbacks that the export engine has put into the store (export.md, Callbacks).
//!
//! ```text
//! queue (sayso_export::callback) ─► turns: who is due, nobody takes all places ─► one attempt
//!    attempt: address literal? name resolved? ─► checked against policy ─► signed POST to just that address ─► 2xx within the time?
//!       └─ sayso_export::callback::Callback::after ─► written down: gone, or waits for its next attempt
//! ```
//!
//! The address is somebody else's to choose, and the server stands where they don't: within a company's network, beside a cloud's metadata
//! service. So what is called is decided by the address that is connected to, never by what a URL looks like ([`Policy`]).
//!
//! | room | what is in it |
//! |---|---|
//! | `policy`, `reserved` | which addresses may be called |
//! | `resolve` | names to addresses that may be |
//! | `sign` | the signature of the Standard Webhooks specification |
//! | `post` | one attempt |
//! | `turns` | whose turn it is |
//! | `worker` | the loop |

mod error;
mod policy;
mod post;
mod reserved;
mod resolve;
mod sign;
mod turns;
mod worker;

#[cfg(test)]
mod testing;

pub use error::CallbackError;
pub use policy::{Policy, RefusedAddress, Scheme};
pub use worker::{Settings, Worker};
