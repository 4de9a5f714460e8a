//! OAuth 2.0 client credentials (access.md; RFC 6749, 4.4), the end of a token (RFC 7009), and the metadata that tells what is offered
//! (RFC 8414).

mod assertion;
mod authenticate;
pub(crate) mod credentials;
pub(crate) mod error;
pub(crate) mod form;
pub(crate) mod issuer;
mod metadata;
mod revoke;
mod token;

pub(crate) use metadata::*;
pub(crate) use revoke::*;
pub(crate) use token::*;
