//! Client certificates: handshakes, and the sessions that they are exchanged for.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "tests say what is wrong by panicking"
)]

mod rig;

use std::net::TcpStream;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use keystead_server::{
    CertificateRole, CertificateSessions, ClientAuthority, Deadlines, HolderPattern, TlsFiles,
    TrustAnchor,
};
use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, CertifiedIssuer, DnType,
    IsCa, KeyPair, KeyUsagePurpose, RevokedCertParams, SerialNumber,
};
use rig::{
    Answer, Identity, JSON, REGION, Running, Wire, account, query, request, signed, start_named,
};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

type Secure = Wire<StreamOwned<ClientConnection, TcpStream>>;
type Authority = CertifiedIssuer<'static, KeyPair>;

const ROLE: &str = "arn:aws:iam::111122223333:role/host";
const ANCHOR: &str = "arn:aws:rolesanywhere:eu-central-1:111122223333:trust-anchor/hosts";

fn authority(name: &str) -> Authority {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

/// A client's certificate and key.
struct Host(CertificateDer<'static>, PrivateKeyDer<'static>);

fn host(authority: &Authority, name: &str, change: impl FnOnce(&mut CertificateParams)) -> Host {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    params.serial_number = Some(SerialNumber::from(0x1234));
    change(&mut params);
    let key = KeyPair::generate().unwrap();
    let made = params.signed_by(&key, authority).unwrap();
    let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    Host(made.der().clone(), key)
}

/// A server whose trust anchor `hosts` is an authority.
struct Scene {
    running: Running,
    trusted: CertificateDer<'static>,
    dir: tempfile::TempDir,
}

fn scene(authority: &Authority, revoked: Option<&[SerialNumber]>) -> Scene {
    scene_named(authority, revoked, &[])
}

fn scene_named(authority: &Authority, revoked: Option<&[SerialNumber]>, names: &[&str]) -> Scene {
    let dir = tempfile::tempdir().unwrap();
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let at = |name: &str| dir.path().join(name);
    std::fs::write(at("chain.pem"), made.cert.pem()).unwrap();
    std::fs::write(at("key.pem"), made.signing_key.serialize_pem()).unwrap();
    std::fs::write(at("ca.pem"), authority.pem()).unwrap();
    let mut revocations = Vec::new();
    if let Some(serials) = revoked {
        write_list(dir.path(), authority, serials);
        revocations.push(at("revoked.pem"));
    }
    let tls = TlsFiles {
        certificate_chain: at("chain.pem"),
        key: at("key.pem"),
        client_authorities: vec![ClientAuthority {
            name: "hosts".into(),
            certificates: at("ca.pem"),
            revocations,
        }],
    };
    let sessions = CertificateSessions {
        anchors: vec![TrustAnchor {
            name: "hosts".into(),
            arn: ANCHOR.to_owned(),
            account: account(),
        }],
        roles: vec![CertificateRole {
            anchor: "hosts".into(),
            role_arn: ROLE.to_owned(),
            holder: HolderPattern {
                common_name: Some("web-*".to_owned()),
                ..HolderPattern::default()
            },
            max_seconds: 1800,
            accepts_session_name: false,
        }],
        region: rig::region(),
    };
    Scene {
        running: start_named(Some(tls), Deadlines::default(), Some(sessions), names),
        trusted: made.cert.der().clone(),
        dir,
    }
}

fn write_list(dir: &Path, authority: &Authority, serials: &[SerialNumber]) {
    let now = rcgen::date_time_ymd(2026, 1, 1);
    let revoked = |serial: &SerialNumber| RevokedCertParams {
        serial_number: serial.clone(),
        revocation_time: now,
        reason_code: None,
        invalidity_date: None,
    };
    let list = CertificateRevocationListParams {
        this_update: now,
        next_update: rcgen::date_time_ymd(4000, 1, 1),
        crl_number: SerialNumber::from(1),
        issuing_distribution_point: None,
        revoked_certs: serials.iter().map(revoked).collect(),
        key_identifier_method: rcgen::KeyIdMethod::Sha256,
    };
    let list = list.signed_by(authority).unwrap();
    std::fs::write(dir.join("revoked.pem"), list.pem().unwrap()).unwrap();
}

impl Scene {
    fn connect(&self, host: Option<&Host>) -> std::io::Result<Secure> {
        let mut roots = RootCertStore::empty();
        roots.add(self.trusted.clone()).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let builder = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots);
        let config = match host {
            None => builder.with_no_client_auth(),
            Some(Host(certificate, key)) => builder
                .with_client_auth_cert(vec![certificate.clone()], key.clone_key())
                .unwrap(),
        };
        let name = ServerName::try_from("localhost").unwrap();
        let connection = ClientConnection::new(Arc::new(config), name).unwrap();
        let stream = TcpStream::connect(self.running.address)?;
        stream.set_read_timeout(Some(Duration::from_secs(20)))?;
        Ok(Wire::new(StreamOwned::new(connection, stream)))
    }

    /// Asks for a session; `None` when there is no connection.
    fn ask(&self, host: Option<&Host>, body: &str) -> Option<Answer> {
        let mut wire = self.connect(host).ok()?;
        wire.send(&sessions(body)).answer()
    }

    /// Makes the role, which trusts certificates of that common name.
    fn trust(&self, name: &str) {
        let policy = format!(
            r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"Allow","Principal":{{"Service":"rolesanywhere.amazonaws.com"}},"Action":["sts:AssumeRole","sts:TagSession","sts:SetSourceIdentity"],"Condition":{{"StringEquals":{{"aws:PrincipalTag/x509Subject/CN":"{name}","sts:SourceIdentity":"{name}"}},"ArnEquals":{{"aws:SourceArn":"{ANCHOR}"}}}}}}]}}"#
        );
        let policy: String = policy.bytes().map(|byte| format!("%{byte:02X}")).collect();
        let form = format!(
            "Action=CreateRole&Version=2010-05-08&RoleName=host&AssumeRolePolicyDocument={policy}"
        );
        let made = self.connect(None).unwrap().ask(&query("iam", &form));
        assert_eq!(made.status, 200, "{made:?}");
    }
}

fn sessions(body: &str) -> String {
    format!(
        "POST /sessions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

fn asked() -> String {
    format!("{{\"roleArn\":\"{ROLE}\"}}")
}

fn message(answer: &Answer) -> String {
    assert_eq!(answer.header("content-type"), Some("application/json"));
    assert!(answer.header("x-amzn-errortype").is_some(), "{answer:?}");
    let body: serde_json::Value = serde_json::from_str(&answer.body).unwrap();
    body["message"].as_str().unwrap().to_owned()
}

#[test]
fn a_certificate_is_exchanged_for_a_session() {
    let hosts = authority("hosts");
    let scene = scene(&hosts, None);
    scene.trust("web-1");
    let web = host(&hosts, "web-1", |_| {});
    let answer = scene.ask(Some(&web), &asked()).unwrap();
    assert_eq!(answer.status, 201, "{answer:?}");
    let body: serde_json::Value = serde_json::from_str(&answer.body).unwrap();
    let set = &body["credentialSet"][0];
    let user = "arn:aws:sts::111122223333:assumed-role/host/1234";
    assert_eq!(set["assumedRoleUser"]["arn"], user);
    assert_eq!(
        (&set["roleArn"], &set["sourceIdentity"]),
        (&ROLE.into(), &"web-1".into())
    );
    let text = |name: &str| set["credentials"][name].as_str().unwrap();
    assert!(text("expiration").ends_with('Z'), "{body}");
    // The session signs requests.
    let token = text("sessionToken").to_owned();
    let session = Identity::new(
        text("accessKeyId"),
        text("secretAccessKey"),
        Some(token),
        None,
        "test",
    );
    let headers = [
        ("host", "localhost"),
        ("content-type", JSON),
        ("x-amz-target", "TrentService.ListKeys"),
    ];
    let headers = signed(&session, (REGION, "kms"), ("POST", "/"), &headers, "{}");
    let refused = scene.connect(None).unwrap().ask(&request(&headers, "{}"));
    assert_eq!(refused.code(), "AccessDeniedException");
    assert!(refused.body.contains(user), "{refused:?}");
    // The same in the query string.
    let encoded = ROLE.replace(':', "%3A");
    let text = sessions("").replace("/sessions", &format!("/sessions?roleArn={encoded}"));
    let answer = scene.connect(Some(&web)).unwrap().ask(&text);
    assert_eq!(answer.status, 201, "{answer:?}");
}

#[test]
fn sessions_are_given_under_the_servers_own_names_only() {
    let hosts = authority("hosts");
    let scene = scene_named(&hosts, None, &["kms.local", "localhost"]);
    scene.trust("web-1");
    let web = host(&hosts, "web-1", |_| {});
    assert_eq!(scene.ask(Some(&web), &asked()).unwrap().status, 201);
    let text = sessions(&asked()).replace("localhost", "evil.example");
    let answer = scene.connect(Some(&web)).unwrap().ask(&text);
    assert_eq!(answer.status, 421, "{answer:?}");
    assert!(message(&answer).contains("host name"));
    // Also who shows no certificate learns nothing more.
    let answer = scene.connect(None).unwrap().ask(&text);
    assert_eq!(answer.status, 421, "{answer:?}");
}

#[test]
fn not_every_certificate_is_good_for_a_session() {
    let hosts = authority("hosts");
    let scene = scene(&hosts, None);
    scene.trust("web-1");
    let answer = scene.ask(None, &asked()).unwrap();
    assert_eq!(answer.status, 403);
    assert!(message(&answer).contains("no client certificate"));
    // Not of the names that the configuration maps.
    let answer = scene
        .ask(Some(&host(&hosts, "db-1", |_| {})), &asked())
        .unwrap();
    assert_eq!(answer.status, 403, "{answer:?}");
    assert!(message(&answer).contains("may not begin"));
    // Mapped, and the role does not trust it.
    let answer = scene
        .ask(Some(&host(&hosts, "web-2", |_| {})), &asked())
        .unwrap();
    assert_eq!(answer.status, 403, "{answer:?}");
    let web = host(&hosts, "web-1", |_| {});
    for (body, status) in [
        (asked().replace("role/host", "role/other"), 403),
        (
            asked().replace('}', ",\"trustAnchorArn\":\"arn:other\"}"),
            403,
        ),
        (asked().replace('}', ",\"roleSessionName\":\"me\"}"), 403),
        (asked().replace("role/host", &"x".repeat(1_000)), 400),
        (asked().replace('}', ",\"durationSeconds\":899}"), 400),
        ("{}".to_owned(), 400),
        ("{".to_owned(), 400),
    ] {
        let answer = scene.ask(Some(&web), &body).unwrap();
        assert_eq!(answer.status, status, "{body} {answer:?}");
        message(&answer);
    }
    // Other forms than JSON are not read.
    let text = sessions(&asked()).replace("application/json", "text/plain");
    assert_eq!(scene.connect(Some(&web)).unwrap().ask(&text).status, 400);
}

/// A verified certificate that asks for what it may not have is in the audit log, by its serial
/// number and its subject.
#[test]
fn what_a_verified_certificate_is_refused_is_on_record() {
    let hosts = authority("hosts");
    let scene = scene(&hosts, None);
    scene.trust("web-1");
    let records = || -> Vec<serde_json::Value> {
        let records = scene.running.log.records();
        let parse = |record: &keystead_audit::Record| serde_json::from_slice(&record.json);
        let records = records.iter().map(parse).map(Result::unwrap);
        records
            .filter(|record: &serde_json::Value| record["eventName"] == "AssumeRole")
            .collect()
    };
    let web = host(&hosts, "web-1", |_| {});
    let named = asked().replace('}', ",\"roleSessionName\":\"me\"}");
    for (who, body, role) in [
        (&host(&hosts, "db-1", |_| {}), asked(), ROLE),
        (
            &web,
            asked().replace("role/host", "role/other"),
            "arn:aws:iam::111122223333:role/other",
        ),
        (&web, named, ROLE),
    ] {
        let before = records().len();
        let answer = scene.ask(Some(who), &body).unwrap();
        assert_eq!(answer.status, 403, "{answer:?}");
        let records = records();
        assert_eq!(records.len(), before + 1);
        let record = records.last().unwrap();
        assert_eq!(record["errorCode"], "AccessDenied");
        assert_eq!(
            record["requestID"].as_str(),
            answer.header("x-amzn-requestid")
        );
        let parameters = &record["requestParameters"];
        assert_eq!(parameters["serialNumber"], "1234");
        assert_eq!(parameters["roleArn"], role);
        assert_eq!(parameters["trustAnchorArn"], ANCHOR);
        assert!(parameters["subject"]["CN"].is_string(), "{record}");
    }
    // What is no request at all leaves none, and neither does who shows nothing.
    let before = records().len();
    scene.ask(Some(&web), "{").unwrap();
    scene.ask(None, &asked()).unwrap();
    assert_eq!(records().len(), before);
}

#[test]
fn a_certificate_of_a_stranger_has_no_connection() {
    let hosts = authority("hosts");
    let scene = scene(&hosts, None);
    // Same name, other key.
    let stranger = authority("hosts");
    assert!(
        scene
            .ask(Some(&host(&stranger, "web-1", |_| {})), &asked())
            .is_none()
    );
    let expired = host(&hosts, "web-1", |params| {
        params.not_after = rcgen::date_time_ymd(2020, 1, 1);
    });
    assert!(scene.ask(Some(&expired), &asked()).is_none());
    let server_only = host(&hosts, "web-1", |params| {
        params.extended_key_usages = vec![rcgen::ExtendedKeyUsagePurpose::ServerAuth];
    });
    assert!(scene.ask(Some(&server_only), &asked()).is_none());
    // No certificate at all is none of its business.
    let text = query("iam", "Action=ListUsers&Version=2010-05-08");
    assert_eq!(scene.connect(None).unwrap().ask(&text).status, 200);
}

#[test]
fn a_revoked_certificate_loses_its_open_connection_too() {
    let hosts = authority("hosts");
    let scene = scene(&hosts, Some(&[SerialNumber::from(1)]));
    scene.trust("web-1");
    let web = host(&hosts, "web-1", |_| {});
    let mut open = scene.connect(Some(&web)).unwrap();
    assert_eq!(open.ask(&sessions(&asked())).status, 201);
    write_list(scene.dir.path(), &hosts, &[SerialNumber::from(0x1234)]);
    scene.running.reload.reload().unwrap();
    let answer = open.ask(&sessions(&asked()));
    assert_eq!(answer.status, 403, "{answer:?}");
    assert!(message(&answer).contains("revoked"));
    assert!(scene.ask(Some(&web), &asked()).is_none());
    // A list that is no good leaves the last one in force.
    std::fs::write(scene.dir.path().join("revoked.pem"), "nothing").unwrap();
    assert!(scene.running.reload.reload().is_err());
    assert!(scene.ask(Some(&web), &asked()).is_none());
}

#[test]
fn a_server_without_trust_anchors_has_no_sessions() {
    let running = rig::plain();
    let answer = Wire::to(&running).ask(&sessions(&asked()));
    assert_eq!(answer.status, 404);
}
