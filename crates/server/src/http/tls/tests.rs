//! Certificates that are made for a test, and handshakes over memory.

use std::fs;

use rcgen::{CertifiedKey, generate_simple_self_signed};
use tokio::io::DuplexStream;
use tokio_rustls::{
    TlsConnector, client,
    rustls::{ClientConfig, RootCertStore},
};

use super::*;

/// A new certificate for localhost, written into a directory.
pub(in crate::http) fn write_pair(dir: &Path) -> CertificateDer<'static> {
    let CertifiedKey { cert, signing_key } = generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    fs::write(dir.join("cert.pem"), cert.pem()).unwrap();
    fs::write(dir.join("key.pem"), signing_key.serialize_pem()).unwrap();
    cert.der().clone()
}

/// What such a directory holds.
pub(in crate::http) fn load(dir: &Path) -> Result<Arc<Tls>, TlsError> {
    Tls::load(dir.join("cert.pem"), dir.join("key.pem"))
}

/// Shakes hands over a pipe that holds `pipe` bytes, as a client who trusts this certificate alone.
pub(in crate::http) async fn shake(
    tls: &Tls,
    trusted: &CertificateDer<'static>,
    protocols: &[&[u8]],
    pipe: usize,
) -> io::Result<(client::TlsStream<DuplexStream>, TlsStream<DuplexStream>)> {
    let mut roots = RootCertStore::empty();
    roots.add(trusted.clone()).unwrap();
    let mut config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = protocols.iter().map(|protocol| protocol.to_vec()).collect();
    let (client, server) = tokio::io::duplex(pipe);
    let connector = TlsConnector::from(Arc::new(config));
    let name = "localhost".try_into().unwrap();
    let (client, server) = tokio::join!(connector.connect(name, client), tls.accept(server, Duration::from_secs(10)));
    Ok((client?, server?))
}

async fn connect(
    tls: &Tls,
    trusted: &CertificateDer<'static>,
    protocols: &[&[u8]],
) -> io::Result<client::TlsStream<DuplexStream>> {
    Ok(shake(tls, trusted, protocols, 1 << 14).await?.0)
}

#[tokio::test]
async fn http_1_1_is_the_one_protocol_that_is_offered() {
    let dir = tempfile::tempdir().unwrap();
    let trusted = write_pair(dir.path());
    let tls = load(dir.path()).unwrap();
    let agreed = connect(&tls, &trusted, &[b"h2", b"http/1.1"]).await.unwrap();
    assert_eq!(agreed.get_ref().1.alpn_protocol(), Some(&b"http/1.1"[..]));
    connect(&tls, &trusted, &[]).await.unwrap();
    connect(&tls, &trusted, &[b"h2"]).await.unwrap_err();
}

#[tokio::test]
async fn another_pair_is_taken_when_it_is_read_again_and_a_bad_one_is_not() {
    let dir = tempfile::tempdir().unwrap();
    let first = write_pair(dir.path());
    let tls = load(dir.path()).unwrap();
    let key = fs::read(dir.path().join("key.pem")).unwrap();

    let second = write_pair(dir.path());
    connect(&tls, &first, &[]).await.unwrap();
    tls.reload().unwrap();
    connect(&tls, &second, &[]).await.unwrap();
    connect(&tls, &first, &[]).await.unwrap_err();

    fs::write(dir.path().join("key.pem"), key).unwrap();
    let error = tls.reload().unwrap_err();
    assert!(matches!(error, TlsError::Pair { .. }) && error.to_string().contains("key.pem"), "{error}");
    connect(&tls, &second, &[]).await.unwrap();
}

#[test]
fn what_is_wrong_with_a_file_is_said_and_nothing_of_what_is_in_it() {
    let dir = tempfile::tempdir().unwrap();
    write_pair(dir.path());
    let with = |name: &str, bytes: &[u8]| {
        let former = fs::read(dir.path().join(name)).unwrap();
        fs::write(dir.path().join(name), bytes).unwrap();
        let refused = load(dir.path()).map(drop).unwrap_err().to_string();
        fs::write(dir.path().join(name), former).unwrap();
        refused
    };
    let secret = b"-----BEGIN PRIVATE KEY-----\nhush!\n-----END PRIVATE KEY-----\n";
    for (name, bytes, words) in [
        ("cert.pem", &b""[..], "nothing of that kind"),
        ("cert.pem", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "can't be used together"),
        ("cert.pem", b"-----BEGIN CERTIFICATE-----\nAAAA\n", "no PEM"),
        ("key.pem", b"", "nothing of that kind"),
        ("key.pem", secret, "no PEM"),
    ] {
        let refused = with(name, bytes);
        assert!(refused.contains(words) && refused.contains(name) && !refused.contains("hush"), "{refused}");
    }
    let absent = Tls::load(dir.path().join("none.pem"), dir.path().join("key.pem")).unwrap_err().to_string();
    assert!(absent.contains("none.pem") && absent.contains("No such file"), "{absent}");
}

#[tokio::test(start_paused = true)]
async fn who_never_ends_a_handshake_is_let_go() {
    let dir = tempfile::tempdir().unwrap();
    write_pair(dir.path());
    let tls = load(dir.path()).unwrap();
    let (_silent, server) = tokio::io::duplex(64);
    let began = tokio::time::Instant::now();
    let error = tls.accept(server, Duration::from_secs(10)).await.unwrap_err();
    assert_eq!((began.elapsed().as_secs(), error.kind()), (10, io::ErrorKind::TimedOut));
}
