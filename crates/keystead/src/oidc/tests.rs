//! Key sets of files, and of an issuer on loopback.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

use rustls::pki_types::PrivateKeyDer;
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use super::*;

const KEYS: &str = r#"{"keys":[{"kid":"1"}]}"#;

fn key_sets(oidc: &Oidc, files: &[OidcKeys]) -> Result<KeySets, String> {
    let mut known = HashMap::new();
    for OidcKeys { issuer, file } in files {
        let slot = Arc::new(Slot::filled(read(file)?));
        known.insert(issuer.clone(), (Place::File(file.clone()), slot));
    }
    let authorities = oidc.authorities.clone().map(Trust::File);
    let fetch = authorities
        .map(|trust| settings(&trust, None))
        .transpose()?;
    let private_hosts = oidc.private_hosts.clone();
    let fetch = fetch.map(|tls| Arc::new(Fetching { tls, private_hosts }));
    Ok(KeySets {
        known,
        fetch,
        fetched: Mutex::default(),
    })
}

fn ask(sets: &KeySets, issuer: &str, freshness: KeySetFreshness) -> Result<Arc<[u8]>, JwksError> {
    crate::client::block_on(sets.key_set(issuer, freshness)).unwrap()
}

#[test]
fn a_file_is_read_again_when_a_key_is_missing() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("keys.json");
    let keys = OidcKeys {
        issuer: "accounts.example".to_owned(),
        file: file.clone(),
    };
    let none = Oidc {
        fetch_keys: false,
        authorities: None,
        private_hosts: Vec::new(),
    };
    assert!(key_sets(&none, std::slice::from_ref(&keys)).is_err());
    std::fs::write(&file, "[]").unwrap();
    assert!(key_sets(&none, std::slice::from_ref(&keys)).is_err());
    std::fs::write(&file, KEYS).unwrap();
    let sets = key_sets(&none, &[keys]).unwrap();
    let new = KEYS.replace('1', "2");
    std::fs::write(&file, &new).unwrap();
    let kept = ask(&sets, "accounts.example", KeySetFreshness::Kept).unwrap();
    assert_eq!(&*kept, KEYS.as_bytes());
    let fresh = ask(&sets, "accounts.example/", KeySetFreshness::Fetched).unwrap();
    assert_eq!(&*fresh, new.as_bytes());
    // Not twice within a moment, and a file that is no good changes nothing.
    std::fs::write(&file, "broken").unwrap();
    assert!(ask(&sets, "accounts.example", KeySetFreshness::Fetched).is_ok());
    let unknown = ask(&sets, "other.example", KeySetFreshness::Kept);
    assert!(matches!(unknown, Err(JwksError::Unknown)));
}

#[test]
fn issuers_in_the_configuration_are_https() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("keys.json");
    std::fs::write(&file, KEYS).unwrap();
    let outcome = |issuer: &str| {
        let issuer = issuer.to_owned();
        let file = file.clone();
        sts(&Oidc::default(), &[OidcKeys { issuer, file }]).err()
    };
    assert_eq!(outcome("https://accounts.example"), None);
    assert!(
        outcome("http://accounts.example")
            .unwrap()
            .contains("does not look like")
    );
}

/// An issuer on loopback, which serves two documents over TLS and counts its requests.
struct Issuer {
    name: String,
    authority: PathBuf,
    asked: Arc<AtomicUsize>,
}

fn issuer(dir: &Path, configuration: impl Fn(&str) -> String + Send + 'static) -> Issuer {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let authority = dir.join("ca.pem");
    std::fs::write(&authority, made.cert.pem()).unwrap();
    let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
    let provider = rustls::crypto::aws_lc_rs::default_provider().into();
    let tls = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .unwrap();
    let tls = Arc::new(tls);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let name = format!("localhost:{}", listener.local_addr().unwrap().port());
    let asked = Arc::new(AtomicUsize::new(0));
    let (counted, own) = (asked.clone(), name.clone());
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            counted.fetch_add(1, Ordering::SeqCst);
            let connection = ServerConnection::new(tls.clone()).unwrap();
            let mut stream = StreamOwned::new(connection, stream);
            let mut head = Vec::new();
            let mut byte = [0];
            while !head.ends_with(b"\r\n\r\n") && stream.read(&mut byte).is_ok_and(|read| read > 0)
            {
                head.push(byte[0]);
            }
            let is_discovery = head.starts_with(b"GET /.well-known/openid-configuration ");
            let body = if is_discovery {
                configuration(&own)
            } else {
                KEYS.to_owned()
            };
            let answer = format!(
                "HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}",
                body.len()
            );
            drop(stream.write_all(answer.as_bytes()));
            stream.conn.send_close_notify();
            drop(stream.flush());
        }
    });
    Issuer {
        name,
        authority,
        asked,
    }
}

fn configured(name: &str) -> String {
    format!(r#"{{"issuer":"https://{name}","jwks_uri":"https://{name}/keys"}}"#)
}

fn fetching(issuer: &Issuer) -> KeySets {
    let oidc = Oidc {
        fetch_keys: true,
        authorities: Some(issuer.authority.clone()),
        private_hosts: vec![issuer.name.clone()],
    };
    key_sets(&oidc, &[]).unwrap()
}

#[test]
fn an_issuer_is_asked_once_and_its_keys_are_kept() {
    let dir = tempfile::tempdir().unwrap();
    let issuer = issuer(dir.path(), configured);
    let sets = fetching(&issuer);
    for freshness in [
        KeySetFreshness::Kept,
        KeySetFreshness::Kept,
        KeySetFreshness::Fetched,
    ] {
        let keys = ask(&sets, &issuer.name, freshness).unwrap();
        assert_eq!(&*keys, KEYS.as_bytes());
    }
    assert_eq!(issuer.asked.load(Ordering::SeqCst), 2);
}

#[test]
fn an_issuer_that_speaks_for_another_is_not_believed() {
    let dir = tempfile::tempdir().unwrap();
    let other = issuer(dir.path(), |_| configured("accounts.example"));
    let told = ask(&fetching(&other), &other.name, KeySetFreshness::Kept);
    assert!(told.unwrap_err().to_string().contains("another issuer"));
    let plain = issuer(dir.path(), |name| {
        configured(name).replace(r#"jwks_uri":"https"#, r#"jwks_uri":"http"#)
    });
    let sets = fetching(&plain);
    let told = ask(&sets, &plain.name, KeySetFreshness::Kept);
    assert!(told.unwrap_err().to_string().contains("not https"));
    // It is left alone for a moment.
    let again = ask(&sets, &plain.name, KeySetFreshness::Fetched);
    assert!(again.unwrap_err().to_string().contains("a moment ago"));
    assert_eq!(plain.asked.load(Ordering::SeqCst), 1);
}

#[test]
fn an_issuer_without_a_trusted_certificate_is_not_believed() {
    let dir = tempfile::tempdir().unwrap();
    let first = issuer(dir.path(), configured);
    let other = tempfile::tempdir().unwrap();
    let other = issuer(other.path(), configured);
    let sets = fetching(&Issuer {
        name: other.name.clone(),
        ..first
    });
    let told = ask(&sets, &other.name, KeySetFreshness::Kept);
    assert!(told.unwrap_err().to_string().contains("no TLS"));
}

#[test]
fn nobody_looks_at_our_network_through_an_issuer() {
    let dir = tempfile::tempdir().unwrap();
    let inner = issuer(dir.path(), configured);
    let oidc = |private_hosts| Oidc {
        fetch_keys: true,
        authorities: Some(inner.authority.clone()),
        private_hosts,
    };
    let sets = key_sets(&oidc(Vec::new()), &[]).unwrap();
    for (name, why) in [
        (inner.name.as_str(), "only port 443"),
        ("localhost", "not public"),
        ("127.0.0.1", "not public"),
        ("[::1]", "not public"),
        ("169.254.169.254", "not public"),
    ] {
        let told = ask(&sets, name, KeySetFreshness::Kept).unwrap_err();
        let JwksError::Unreachable(problem) = &told else {
            panic!("{name}: {told}");
        };
        assert!(problem.to_string().contains(why), "{name}: {problem}");
    }
    assert_eq!(inner.asked.load(Ordering::SeqCst), 0);
    // A public issuer that sends us there.
    let private = inner.name.clone();
    let other = tempfile::tempdir().unwrap();
    let sending = issuer(other.path(), move |name| {
        configured(name).replace(&format!("{name}/keys"), &format!("{private}/keys"))
    });
    let told = ask(&fetching(&sending), &sending.name, KeySetFreshness::Kept);
    assert!(told.is_err());
    assert_eq!(inner.asked.load(Ordering::SeqCst), 0);
}
