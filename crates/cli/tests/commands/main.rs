//! The commands through the real binary, each test in a directory of its own.

#![allow(clippy::unwrap_used)] // helpers of tests stop at what they did not expect

mod account;
mod demo;
mod load;
mod server;
mod small;
mod util;
