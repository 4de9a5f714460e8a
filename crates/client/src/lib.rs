//! The typed client of the export API (export.md): OAuth tokens, Initiate, Status, pages, Commit. It knows none of the
//! server's crates, so it works against any server that speaks the documented calls, and so that our own program meets
//! the server only as a stranger would: over HTTP.
//!
//! ```no_run
//! use futures_util::TryStreamExt;
//! use sayso_client::{Client, InitiateRequest};
//!
//! # async fn example() -> Result<(), sayso_client::Error> {
//! let client = Client::builder("http://127.0.0.1:8080")
//!     .credentials("client id", "client secret")
//!     .scope("ACME_CORP/John.Doe")
//!     .build()?;
//! let token = client.initiate_segment("Georgia newsletter", &InitiateRequest::default()).await?;
//! let status = client.wait(token).await?;
//! println!("{:?} rows", status.row_count);
//! let mut pages = std::pin::pin!(client.pages(token, 1_000));
//! while let Some(page) = pages.try_next().await? {
//!     for record in &page.records {
//!         println!("{}", record.get());
//!     }
//! }
//! client.commit(token, false).await
//! # }
//! ```

mod builder;
mod calls;
mod delay;
mod error;
mod oauth;
mod wire;

pub use builder::ClientBuilder;
pub use calls::Client;
pub use error::Error;
pub use wire::{ExportStatus, InitiateRequest, Page, State};
