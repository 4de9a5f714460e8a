//! What must hold of any input, whoever sends it. `fuzz/` looks for input of which it doesn't; `tests/corpus.rs` holds what was found,
//! and what stands for it, against the same functions in every `cargo test`, so that neither can go stale.
//!
//! A check takes bytes and panics when something doesn't hold. Where it can, it asks more than not to panic: that what was accepted
//! reads back as it was, or that an oracle written another way says the same.

pub mod authorization;
pub mod export_files;
pub mod last_date_time;
pub mod page_query;
pub mod profile;
pub mod segment;

/// A check of any bytes.
pub type Check = fn(&[u8]);

/// Every check by its name: that of the fuzz target, and of its folder in `fuzz/corpus`.
pub const ALL: [(&str, Check); 6] = [
    ("authorization", authorization::check),
    ("export_files", export_files::check),
    ("last_date_time", last_date_time::check),
    ("page_query", page_query::check),
    ("profile", profile::check),
    ("segment", segment::check),
];
