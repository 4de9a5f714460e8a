//! What an operator may set about the HTTP face.

use ipnet::IpNet;
use sayso_callbacks::Policy;
use std::{
    net::{Ipv4Addr, SocketAddr},
    num::NonZeroU32,
    sync::Arc,
    time::Duration,
};

use crate::{Tls, oauth::issuer::PublicUrl};

/// The settings of [`crate::serve`].
#[derive(Debug, Clone)]
pub struct Options {
    /// Where [`crate::bind`] listens.
    pub listen: SocketAddr,
    /// What TLS is spoken with; without it, plain HTTP.
    pub tls: Option<Arc<Tls>>,
    /// How long a TLS handshake may take.
    pub handshake: Duration,
    /// The address under which callers reach the server, for the OAuth metadata (RFC 8414, issuer). When absent: the one that a connection came
    /// in at.
    pub public_url: Option<PublicUrl>,
    /// Failed sign-ins of one identity from one address within ten minutes that are one too many; five times as many from an address, ten times
    /// as many of an identity. 0: none ever are. At most 100.
    pub login_failures: u16,
    /// Largest body of Initiate, bytes (export.md: 32 MiB).
    pub initiate_body: u64,
    /// Largest body of a profile call, bytes (1 MiB).
    pub profile_body: u64,
    /// Largest body of an import's Stage, bytes (docs/import.md: 25 MB).
    pub import_stage_body: u64,
    /// Largest body of a token call, bytes (16 KiB).
    pub oauth_body: u64,
    /// How long a connection may stay without a request, and a request's head may take.
    pub head_idle: Duration,
    /// How long a request's body may pause.
    pub body_idle: Duration,
    /// How long a request's body may take as a whole.
    pub body_deadline: Duration,
    /// How long an answer may wait for a reader who takes nothing; one who takes little waits for nobody.
    pub write_stall: Duration,
    /// How long requests in flight may take to finish when the server is told to stop.
    pub drain: Duration,
    /// Most connections at once; more wait to be accepted.
    pub max_connections: usize,
    /// Most requests of an account in a minute; any number when absent.
    pub request_limit: Option<NonZeroU32>,
    /// Networks of proxies that are believed when they say, in `X-Forwarded-For`, for whom they call.
    pub trusted_proxies: Vec<IpNet>,
    /// Which addresses a `CallbackURL` may have (export.md, Initiate).
    pub callbacks: Policy,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 8080)),
            tls: None,
            handshake: Duration::from_secs(10),
            public_url: None,
            login_failures: 10,
            initiate_body: 32 << 20,
            profile_body: 1 << 20,
            import_stage_body: 25 << 20,
            oauth_body: 16 << 10,
            head_idle: Duration::from_secs(60),
            body_idle: Duration::from_secs(30),
            body_deadline: Duration::from_secs(600),
            write_stall: Duration::from_secs(45),
            drain: Duration::from_secs(20),
            max_connections: 4096,
            request_limit: NonZeroU32::new(600_000),
            trusted_proxies: Vec::new(),
            callbacks: Policy::default(),
        }
    }
}
