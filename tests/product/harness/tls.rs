//! A server that speaks TLS, and callers who trust its certificate.

use std::{io::Write as _, net::TcpStream, sync::Arc};

use tokio_rustls::rustls::{
    ClientConfig, ClientConnection, RootCertStore, StreamOwned, crypto::aws_lc_rs, pki_types::CertificateDer,
};

use super::{World, sockets::narrow};

/// A new certificate for the address that is listened on, and its key, where the server is told to look.
pub fn write_pair(world: &World) -> CertificateDer<'static> {
    let made = rcgen::generate_simple_self_signed(vec!["127.0.0.1".to_owned()]).unwrap();
    std::fs::write(world.path("cert.pem"), made.cert.pem()).unwrap();
    std::fs::write(world.path("key.pem"), made.signing_key.serialize_pem()).unwrap();
    made.cert.der().clone()
}

pub fn trusting(certificate: &CertificateDer<'static>) -> reqwest::ClientBuilder {
    let certificate = reqwest::Certificate::from_der(certificate).unwrap();
    reqwest::Client::builder().no_proxy().tls_certs_only([certificate])
}

/// A server that speaks TLS, with a client that trusts it.
pub async fn over_tls(flags: &[&str]) -> (World, CertificateDer<'static>) {
    let mut world = World::prepared();
    let certificate = write_pair(&world);
    world.http = trusting(&certificate).build().unwrap();
    let (cert, key) = (world.path("cert.pem"), world.path("key.pem"));
    let pair = ["--tls-cert", cert.to_str().unwrap(), "--tls-key", key.to_str().unwrap()];
    let world = world.serve(&[&pair, flags].concat()).await;
    (world, certificate)
}

/// A narrow connection that has asked for something.
pub fn ask(url: &str, certificate: &CertificateDer<'static>, head: &str) -> StreamOwned<ClientConnection, TcpStream> {
    let mut roots = RootCertStore::empty();
    roots.add(certificate.clone()).unwrap();
    let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let socket = narrow(url);
    let name = socket.peer_addr().unwrap().ip().into();
    let mut stream = StreamOwned::new(ClientConnection::new(Arc::new(config), name).unwrap(), socket);
    stream.write_all(head.as_bytes()).unwrap();
    stream
}
