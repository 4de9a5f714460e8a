//! TLS at the server's own listener (program.md): rustls with aws-lc-rs, TLS 1.2 and 1.3, and HTTP/1.1 as the one protocol that is offered
//! (ALPN, RFC 7301), since the last-block rule needs it. The certificate and its key are read from PEM files, and again whenever
//! the operator asks: connections that are open go on with what they began with.

use std::{
    fmt, io,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use parking_lot::RwLock;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        self, ServerConfig,
        crypto::aws_lc_rs,
        pki_types::{
            CertificateDer, PrivateKeyDer,
            pem::{self, PemObject},
        },
        version::{TLS12, TLS13},
    },
    server::TlsStream,
};

/// Why a certificate and its key can't be used.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// The certificate's file.
    #[error(
        "the TLS certificate {} can't be read: {}; it has to be a PEM file: the server's certificate first, then its intermediates",
        path.display(), told(source)
    )]
    Certificate {
        /// The file.
        path: PathBuf,
        /// Why.
        source: pem::Error,
    },
    /// The key's file.
    #[error(
        "the TLS key {} can't be read: {}; it has to be a PEM file with the certificate's private key, not encrypted (PKCS#8, PKCS#1 or SEC1)",
        path.display(), told(source)
    )]
    Key {
        /// The file.
        path: PathBuf,
        /// Why.
        source: pem::Error,
    },
    /// They are no pair, or of a kind that isn't known.
    #[error(
        "the TLS certificate {} and the key {} can't be used together: {source}; give the key that the first certificate of the file was made for",
        certificate.display(), key.display()
    )]
    Pair {
        /// The certificate's file.
        certificate: PathBuf,
        /// The key's file.
        key: PathBuf,
        /// Why.
        source: rustls::Error,
    },
}

/// A PEM error in words; of its data, which may be a key's, nothing is shown.
fn told(error: &pem::Error) -> String {
    match error {
        pem::Error::Io(error) => error.to_string(),
        pem::Error::NoItemsFound => "nothing of that kind stands in it".to_owned(),
        _ => "it is no PEM".to_owned(),
    }
}

/// What the listener ends TLS with. Its key shows nowhere.
pub struct Tls {
    certificate: PathBuf,
    key: PathBuf,
    present: RwLock<Arc<ServerConfig>>,
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls").field("certificate", &self.certificate).field("key", &self.key).finish_non_exhaustive()
    }
}

impl Tls {
    /// Reads a certificate, with its intermediates after it, and its key.
    ///
    /// # Errors
    /// When a file can't be read, or the two are no pair.
    pub fn load(certificate: PathBuf, key: PathBuf) -> Result<Arc<Self>, TlsError> {
        let present = RwLock::new(read(&certificate, &key)?);
        Ok(Arc::new(Self { certificate, key, present }))
    }

    /// Reads the files again, for connections to come.
    ///
    /// # Errors
    /// As [`Tls::load`]; then the former pair stays.
    pub fn reload(&self) -> Result<(), TlsError> {
        let read = read(&self.certificate, &self.key)?;
        *self.present.write() = read;
        Ok(())
    }

    /// Shakes hands with who called, for so long at most.
    pub(crate) async fn accept<T: AsyncRead + AsyncWrite + Unpin>(
        &self,
        stream: T,
        patience: Duration,
    ) -> io::Result<TlsStream<T>> {
        let acceptor = TlsAcceptor::from(Arc::clone(&self.present.read()));
        match tokio::time::timeout(patience, acceptor.accept(stream)).await {
            Ok(shaken) => shaken,
            Err(_) => {
                Err(io::Error::new(io::ErrorKind::TimedOut, format!("no handshake within {} s", patience.as_secs())))
            }
        }
    }
}

fn read(certificate: &Path, key: &Path) -> Result<Arc<ServerConfig>, TlsError> {
    let wrong = |source| TlsError::Certificate { path: certificate.to_owned(), source };
    let chain: Vec<_> =
        CertificateDer::pem_file_iter(certificate).map_err(wrong)?.collect::<Result<_, _>>().map_err(wrong)?;
    if chain.is_empty() {
        return Err(wrong(pem::Error::NoItemsFound));
    }
    let private = PrivateKeyDer::from_pem_file(key).map_err(|source| TlsError::Key { path: key.to_owned(), source })?;
    let no_pair = |source| TlsError::Pair { certificate: certificate.to_owned(), key: key.to_owned(), source };
    let mut config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_protocol_versions(&[&TLS13, &TLS12])
        .map_err(no_pair)?
        .with_no_client_auth()
        .with_single_cert(chain, private)
        .map_err(no_pair)?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

#[cfg(test)]
pub(in crate::http) mod tests;
