//! The whole crate over real HTTP, with the real store and engine beneath.
#![allow(clippy::unwrap_used, clippy::tests_outside_test_module)]

mod access;
mod export;
mod general;
mod profiles;
mod sandbox;
