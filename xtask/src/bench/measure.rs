//! The measurements, a file each.

pub(super) mod client;
pub(super) mod export;
pub(super) mod growth;
pub(super) mod gzip;
pub(super) mod import;
pub(super) mod load;
pub(super) mod many;
pub(super) mod profiles;
pub(super) mod rivals;
pub(super) mod serve;
pub(super) mod slow;
pub(super) mod writes;

use std::path::Path;

use super::{data::Maker, server::Server};

/// A server on a data directory with so many profiles.
pub(super) struct Site {
    pub(super) profiles: u64,
    pub(super) server: Server,
}

impl Site {
    /// Starts the server, and removes the people's file, which nobody needs any more.
    pub(super) fn open(maker: &Maker<'_>, profiles: u64, data: &Path) -> anyhow::Result<Self> {
        super::remove(&maker.people(profiles)?)?;
        Ok(Self { profiles, server: Server::start(maker.sayso, data)? })
    }

    /// The number of profiles as people write it.
    pub(super) fn size(&self) -> String {
        super::report::thousands(self.profiles as f64)
    }
}
