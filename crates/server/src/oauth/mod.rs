//! OAuth 2.0 client credentials (access.md; RFC 6749, 4.4) and the metadata that tells what of it is offered (RFC 8414).

pub(crate) mod error;
mod metadata;
pub(crate) mod request;
mod token;

pub(crate) use metadata::*;
pub(crate) use token::*;
