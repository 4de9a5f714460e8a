//! Names to addresses. The HTTP client connects to what this gives and asks nobody else, so that what was checked is what is called,
//! also when a name has another address a moment later.

use std::{
    io,
    net::{IpAddr, SocketAddr},
    pin::Pin,
    sync::Arc,
};

use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use crate::policy::{Policy, RefusedAddress, Scheme};

/// The addresses of a name, on their way.
pub(crate) type Addresses = Pin<Box<dyn Future<Output = io::Result<Vec<IpAddr>>> + Send>>;

/// Who is asked for the addresses of a name.
pub(crate) type Lookup = Arc<dyn Fn(String) -> Addresses + Send + Sync>;

/// The machine's own resolver, hosts file and all.
pub(crate) fn of_the_machine() -> Lookup {
    Arc::new(|name| {
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            Ok(found.map(|address| address.ip()).collect())
        })
    })
}

/// Gives only addresses that may be called.
pub(crate) struct Checked {
    pub policy: Policy,
    pub scheme: Scheme,
    pub lookup: Lookup,
}

/// A name that leads nowhere that may be called.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NotCalled {
    #[error("the name has no address")]
    Nowhere,
    #[error("the name leads to {0}")]
    Refused(RefusedAddress),
}

impl Checked {
    /// Those of the addresses that may be called.
    fn choose(policy: &Policy, scheme: Scheme, found: Vec<IpAddr>) -> Result<Vec<IpAddr>, NotCalled> {
        let mut refused = None;
        let mut may = Vec::new();
        for address in found {
            match policy.check(scheme, address) {
                Ok(()) => may.push(address),
                Err(why) => refused = refused.or(Some(why)),
            }
        }
        match refused {
            _ if !may.is_empty() => Ok(may),
            Some(why) => Err(NotCalled::Refused(why)),
            None => Err(NotCalled::Nowhere),
        }
    }
}

impl Resolve for Checked {
    fn resolve(&self, name: Name) -> Resolving {
        let found = (self.lookup)(name.as_str().to_owned());
        let (policy, scheme) = (self.policy.clone(), self.scheme);
        Box::pin(async move {
            let may = Self::choose(&policy, scheme, found.await?)?;
            // The client puts the URL's port, or the scheme's, in place of 0.
            let addresses: Addrs = Box::new(may.into_iter().map(|address| SocketAddr::new(address, 0)));
            Ok(addresses)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_several_addresses_those_that_may_be_called_are() {
        let choose = |found: &[&str]| {
            let found = found.iter().map(|a| a.parse().unwrap()).collect();
            Checked::choose(&Policy::default(), Scheme::Https, found).map_err(|e| e.to_string())
        };
        let public: IpAddr = "8.8.8.8".parse().unwrap();
        assert_eq!(choose(&["8.8.8.8"]), Ok(vec![public]));
        assert_eq!(choose(&["127.0.0.1", "8.8.8.8", "fe80::1"]), Ok(vec![public]));
        assert!(choose(&["10.0.0.1", "::1"]).unwrap_err().contains("10.0.0.1 is a private address"));
        assert_eq!(choose(&[]), Err("the name has no address".to_owned()));
    }
}
