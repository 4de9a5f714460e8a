//! nginx with every page as a file of its own: the limit of serving ready bytes over HTTP.

use std::{
    fs,
    net::{Ipv4Addr, SocketAddr},
    path::Path,
    process::{Command, Stdio},
    time::Duration,
};

use anyhow::ensure;

use crate::bench::{
    client::{self, Connection},
    program::{self, Service},
};

const CONFIGURATION: &str = include_str!("../../../../bench/nginx.conf");

pub(in crate::bench) struct Nginx {
    pub(in crate::bench) address: SocketAddr,
    service: Service,
}

impl Nginx {
    /// Serves the files of `dir/pages`.
    pub(in crate::bench) fn start(nginx: &Path, dir: &Path) -> anyhow::Result<Self> {
        let port = program::free_port()?;
        // a master that isn't root has no other user to become
        let user = if rustix::process::geteuid().is_root() { "user root;" } else { "" };
        let text = CONFIGURATION
            .replace("@USER@", user)
            .replace("@PORT@", &port.to_string())
            .replace("@DIR@", &dir.display().to_string());
        let file = dir.join("nginx.conf");
        fs::write(&file, text)?;
        let mut command = Command::new(nginx);
        command.arg("-p").arg(dir).arg("-e").arg(dir.join("error.log")).arg("-c").arg(&file);
        let mut service = Service::start(command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()))?;
        service.wait_for_port(port, Duration::from_secs(10))?;
        Ok(Self { address: SocketAddr::from((Ipv4Addr::LOCALHOST, port)), service })
    }

    /// The requests of pages by their files' names.
    pub(in crate::bench) fn requests(pages: &[String]) -> Vec<Vec<u8>> {
        pages.iter().map(|name| client::get(&format!("/{name}"), "")).collect()
    }

    /// The same, to be compressed on the way at this level (1 or 6).
    pub(in crate::bench) fn gzip_requests(pages: &[String], level: u8) -> Vec<Vec<u8>> {
        pages.iter().map(|name| client::get(&format!("/gzip{level}/{name}"), "Accept-Encoding: gzip\r\n")).collect()
    }

    /// The process id of its master.
    pub(in crate::bench) fn pid(&self) -> u32 {
        self.service.pid()
    }

    /// Makes sure that each page is, byte for byte, the same as Sayso's.
    pub(in crate::bench) fn verify(
        &self,
        own: &[Vec<u8>],
        sayso: SocketAddr,
        theirs: &[Vec<u8>],
    ) -> anyhow::Result<()> {
        let (mut a, mut b) = (Connection::open(self.address)?, Connection::open(sayso)?);
        for (own, theirs) in own.iter().zip(theirs) {
            let same = a.fetch(own)?.1 == b.fetch(theirs)?.1;
            ensure!(same, "nginx and Sayso differ in {}", String::from_utf8_lossy(own).lines().next().unwrap_or(""));
        }
        Ok(())
    }
}
