//! The typed client of the export API (export.md): credentials, Initiate, Status, pages, Commit. It knows none of the server's
//! crates, so it works against any server that speaks the documented calls, and so that our own program meets the server
//! only as a stranger would: over HTTP. What a server offers above the documented calls it uses only where the server says so.
//!
//! ```no_run
//! use futures_util::TryStreamExt;
//! use sayso_client::{Client, InitiateRequest, Reading, Source};
//!
//! # async fn example() -> Result<(), sayso_client::Error> {
//! let client = Client::builder("http://127.0.0.1:8080")
//!     .credentials("client id", "client secret")
//!     .scope("ACME_CORP/John.Doe")
//!     .build()?;
//! let source = Source::segment("Georgia newsletter");
//! let token = client.initiate(&source, &InitiateRequest::default()).await?;
//! let status = client.wait(token).await?;
//! println!("{:?} rows", status.row_count);
//! let mut pages = std::pin::pin!(client.pages(token, Reading::default()));
//! while let Some(page) = pages.try_next().await? {
//!     for record in page.records.iter() {
//!         println!("{record}"); // JSON, as the server wrote it
//!     }
//! }
//! client.commit(token, false).await // now that the records are safe
//! # }
//! ```
//!
//! What changed since the export before, by a caller who can't do OAuth, and what to do when it fails:
//!
//! ```no_run
//! use sayso_client::{Algorithm, Client, InitiateRequest, Source};
//!
//! # async fn example(last_snapshot: String, key: String) -> Result<(), Box<dyn std::error::Error>> {
//! let client = Client::builder("https://consents.example.org")
//!     .account("ACME_CORP")
//!     .shared_key("John.Doe", key, Algorithm::Sha256)
//!     .build()?;
//! let changed = InitiateRequest { last_date_time: Some(last_snapshot), ..InitiateRequest::default() };
//! match client.initiate(&Source::group("Everybody of ours"), &changed).await {
//!     Ok(token) => println!("snapshot to go on from: {:?}", client.wait(token).await?.snapshot),
//!     Err(error) => println!("{error}; {}", error.hint().unwrap_or("see above")),
//! }
//! # Ok(())
//! # }
//! ```
//!
//! | | |
//! |---|---|
//! | a bearer token expires | it is renewed a minute before, and when the server answers 401 |
//! | a call fails for a reason that may pass | it is repeated while [`ClientBuilder::patience`] lasts, if that can do no harm |
//! | the server asks to wait | `Retry-After` counts, in seconds or as a date; without it waits double |
//! | a connection breaks in the middle of a page | the page is read again: pages never shift |
//! | anything else | one [`Error`], typed, with a [hint](Error::hint) |

mod auth;
mod builder;
mod calls;
mod delay;
mod error;
mod imports;
mod in_order;
mod oauth;
mod page;
mod pages;
mod send;
mod signed;
mod wire;

pub use builder::ClientBuilder;
pub use calls::Client;
pub use error::{About, Error};
pub use imports::{ExceptionsPage, ImportException, ImportRequest, ImportStatus, Staged, UnknownMember};
pub use in_order::InOrder;
pub use page::{Page, Records};
pub use pages::Reading;
pub use signed::Algorithm;
pub use wire::{ExportStatus, InitiateRequest, Source, State};
