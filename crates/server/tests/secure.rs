//! TLS: handshake, exchange of certificates, what the audit record says. HTTP/2 over TLS and plain.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests say what is wrong by panicking"
)]

mod rig;

use std::net::TcpStream;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{HeaderMap, Request, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use keystead_server::{Deadlines, Server, ServerConfig, TlsFiles};
use rig::{Running, Wire, plain, random, signed_headers, start};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{
    ClientConfig, ClientConnection, RootCertStore, StreamOwned, SupportedProtocolVersion,
};

type Secure = Wire<StreamOwned<ClientConnection, TcpStream>>;

/// Writes a fresh certificate for localhost; returns it.
fn certificate(dir: &Path) -> CertificateDer<'static> {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    std::fs::write(dir.join("chain.pem"), made.cert.pem()).unwrap();
    std::fs::write(dir.join("key.pem"), made.signing_key.serialize_pem()).unwrap();
    CertificateDer::from_pem_file(dir.join("chain.pem")).unwrap()
}

fn files(dir: &Path) -> TlsFiles {
    TlsFiles {
        certificate_chain: dir.join("chain.pem"),
        key: dir.join("key.pem"),
        client_authorities: Vec::new(),
    }
}

fn client(
    trusted: &CertificateDer<'static>,
    versions: &[&'static SupportedProtocolVersion],
) -> ClientConfig {
    let mut roots = RootCertStore::empty();
    roots.add(trusted.clone()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(versions)
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth()
}

fn connect(running: &Running, config: ClientConfig) -> std::io::Result<Secure> {
    let name = ServerName::try_from("localhost").unwrap();
    let mut connection = ClientConnection::new(Arc::new(config), name).unwrap();
    let mut stream = TcpStream::connect(running.address)?;
    stream.set_read_timeout(Some(Duration::from_secs(20)))?;
    while connection.is_handshaking() {
        connection.complete_io(&mut stream)?;
    }
    Ok(Wire::new(StreamOwned::new(connection, stream)))
}

const BOTH: &[&SupportedProtocolVersion] = &[&rustls::version::TLS13, &rustls::version::TLS12];

#[test]
fn both_versions_are_spoken_and_recorded() {
    let dir = tempfile::tempdir().unwrap();
    let trusted = certificate(dir.path());
    let running = start(Some(files(dir.path())), Deadlines::default());
    for (version, name) in [(0, "TLSv1.3"), (1, "TLSv1.2")] {
        let mut wire = connect(&running, client(&trusted, &BOTH[version..=version])).unwrap();
        let answer = wire.ask(&random(8));
        assert_eq!(answer.status, 200);
        let records = running.log.records();
        let record: serde_json::Value = serde_json::from_slice(&records[version].json).unwrap();
        assert_eq!(record["tlsDetails"]["tlsVersion"], name);
        assert_eq!(
            record["tlsDetails"]["clientProvidedHostHeader"],
            "kms.local"
        );
        let cipher = record["tlsDetails"]["cipherSuite"].as_str().unwrap();
        assert!(
            cipher.starts_with("TLS_") && cipher.contains("_AES_"),
            "{cipher}"
        );
    }
}

#[test]
fn the_key_exchange_is_post_quantum_when_the_client_can() {
    let dir = tempfile::tempdir().unwrap();
    let trusted = certificate(dir.path());
    let running = start(Some(files(dir.path())), Deadlines::default());
    let wire = connect(&running, client(&trusted, BOTH)).unwrap();
    let group = wire.0.conn.negotiated_key_exchange_group().unwrap().name();
    assert_eq!(group, rustls::NamedGroup::X25519MLKEM768);
}

#[test]
fn a_plain_request_on_a_tls_port_is_not_served() {
    let dir = tempfile::tempdir().unwrap();
    certificate(dir.path());
    let deadlines = Deadlines {
        handshake: Duration::from_millis(300),
        ..Deadlines::default()
    };
    let running = start(Some(files(dir.path())), deadlines);
    assert!(Wire::to(&running).send(&random(1)).answer().is_none());
    let mut silent = Wire::to(&running);
    let began = Instant::now();
    assert!(silent.is_closed());
    assert!(began.elapsed() < Duration::from_secs(5));
    assert!(running.log.records().is_empty());
}

#[test]
fn certificates_are_exchanged_and_broken_ones_are_not() {
    let dir = tempfile::tempdir().unwrap();
    let old = certificate(dir.path());
    let deadlines = Deadlines {
        certificate_check: Duration::from_millis(50),
        ..Deadlines::default()
    };
    let running = start(Some(files(dir.path())), deadlines);
    let works = |trusted: &CertificateDer<'static>| {
        connect(&running, client(trusted, BOTH))
            .is_ok_and(|mut wire| wire.ask(&random(1)).status == 200)
    };
    let mut open = connect(&running, client(&old, BOTH)).unwrap();
    assert!(works(&old));
    // Broken: the old one stays.
    std::fs::write(dir.path().join("chain.pem"), "no certificate").unwrap();
    assert!(running.reload.reload().is_err());
    std::thread::sleep(Duration::from_millis(200));
    assert!(works(&old));
    // Another key than the certificate's: the old one stays.
    let new = certificate(dir.path());
    let chain = std::fs::read(dir.path().join("chain.pem")).unwrap();
    certificate(dir.path());
    std::fs::write(dir.path().join("chain.pem"), "no certificate").unwrap();
    std::fs::write(dir.path().join("chain.pem"), &chain).unwrap();
    assert!(running.reload.reload().is_err());
    assert!(works(&old) && !works(&new));
    // A good pair is found by itself.
    let newest = certificate(dir.path());
    let began = Instant::now();
    while !works(&newest) {
        assert!(began.elapsed() < Duration::from_secs(10));
        std::thread::sleep(Duration::from_millis(50));
    }
    assert!(!works(&old));
    // A connection that was open goes on.
    assert_eq!(open.ask(&random(1)).status, 200);
    assert!(running.reload.reload().is_ok());
}

#[test]
fn a_server_without_a_usable_certificate_does_not_start() {
    let dir = tempfile::tempdir().unwrap();
    let config = || ServerConfig {
        listen: vec![std::net::SocketAddr::from(([127, 0, 0, 1], 0)).into()],
        tls: Some(files(dir.path())),
        workers: 1,
    };
    assert!(Server::bind(config()).is_err());
    certificate(dir.path());
    assert!(Server::bind(config()).is_ok());
    std::fs::write(dir.path().join("key.pem"), "").unwrap();
    let refused = Server::bind(config()).err().unwrap().to_string();
    assert!(refused.contains("key.pem"), "{refused}");
    assert!(
        Server::bind(ServerConfig {
            listen: vec![],
            tls: None,
            workers: 1
        })
        .is_err()
    );
}

type Sender = http2::SendRequest<Full<Bytes>>;

async fn h2_over<S>(stream: S) -> Sender
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
{
    let io = TokioIo::new(stream);
    let (sender, connection) = http2::handshake(TokioExecutor::new(), io).await.unwrap();
    tokio::spawn(connection);
    sender
}

async fn h2_plain(running: &Running) -> Sender {
    h2_over(
        tokio::net::TcpStream::connect(running.address)
            .await
            .unwrap(),
    )
    .await
}

/// Asks; `headers` get no host of their own.
async fn ask(
    sender: &mut Sender,
    headers: &[(String, String)],
    host: Option<&str>,
    body: &str,
) -> (StatusCode, HeaderMap, String) {
    let mut request = Request::post("http://kms.local/");
    for (name, value) in headers.iter().filter(|(name, _)| name != "host") {
        request = request.header(name, value);
    }
    if let Some(host) = host {
        request = request.header("host", host);
    }
    let request = request
        .body(Full::new(Bytes::from(body.to_owned())))
        .unwrap();
    let (parts, body) = sender.send_request(request).await.unwrap().into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    let text = String::from_utf8(body.to_vec()).unwrap();
    assert!(parts.headers.contains_key("x-amzn-requestid"));
    (parts.status, parts.headers, text)
}

fn random_headers(body: &str) -> Vec<(String, String)> {
    signed_headers("kms.local", "TrentService.GenerateRandom", body)
}

#[tokio::test]
async fn http_2_is_spoken_without_tls() {
    let running = plain();
    let mut sender = h2_plain(&running).await;
    let body = "{\"NumberOfBytes\":4}";
    let headers = random_headers(body);
    let (status, _, text) = ask(&mut sender, &headers, None, body).await;
    assert_eq!((status, &text[..13]), (StatusCode::OK, "{\"Plaintext\":"));
    let (status, _, _) = ask(&mut sender, &headers, Some("kms.local"), body).await;
    assert_eq!(status, StatusCode::OK);
    // A15: two hosts.
    let (status, _, text) = ask(&mut sender, &headers, Some("other"), body).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    assert!(text.contains("different hosts"), "{text}");
    // A body that is too large is refused, and the connection goes on.
    let large = "x".repeat(1024 * 1024 + 1);
    let (status, _, _) = ask(&mut sender, &headers, None, &large).await;
    assert_eq!(status, StatusCode::PAYLOAD_TOO_LARGE);
    let (status, _, text) = ask(&mut sender, &[], None, "{}").await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    assert!(text.contains("MissingAuthenticationToken"));
    assert_eq!(running.log.records().len(), 2);
}

#[tokio::test]
async fn many_streams_of_one_connection_run_together() {
    let running = plain();
    let sender = h2_plain(&running).await;
    let body = format!("{{\"NumberOfBytes\":{}}}", rig::SLOW_BYTES);
    let began = Instant::now();
    let mut asked = tokio::task::JoinSet::new();
    for _ in 0..20 {
        let (mut sender, body) = (sender.clone(), body.clone());
        asked.spawn(async move {
            ask(&mut sender, &random_headers(&body), None, &body)
                .await
                .0
        });
    }
    let statuses = asked.join_all().await;
    assert!(statuses.iter().all(|status| *status == StatusCode::OK));
    assert!(began.elapsed() < rig::SLOW * 8, "{:?}", began.elapsed());
}

#[tokio::test]
async fn http_2_is_chosen_by_alpn_and_told_to_go_away_gracefully() {
    let dir = tempfile::tempdir().unwrap();
    let trusted = certificate(dir.path());
    let mut running = start(Some(files(dir.path())), Deadlines::default());
    let mut config = client(&trusted, BOTH);
    config.alpn_protocols = vec![b"h2".to_vec()];
    let stream = tokio::net::TcpStream::connect(running.address)
        .await
        .unwrap();
    let name = ServerName::try_from("localhost").unwrap();
    let connector = tokio_rustls::TlsConnector::from(Arc::new(config));
    let stream = connector.connect(name, stream).await.unwrap();
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
    let mut sender = h2_over(stream).await;
    let body = format!("{{\"NumberOfBytes\":{}}}", rig::SLOW_BYTES);
    let headers = random_headers(&body);
    let (answer, ()) = tokio::join!(ask(&mut sender, &headers, None, &body), async {
        tokio::time::sleep(rig::SLOW / 4).await;
        running.ask_to_stop();
    });
    assert_eq!(answer.0, StatusCode::OK);
    tokio::task::spawn_blocking(move || running.wait())
        .await
        .unwrap()
        .unwrap();
}
