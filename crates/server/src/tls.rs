//! TLS: settings, and certificates that can be exchanged while the server runs.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use arc_swap::ArcSwap;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::{ProtocolVersion, ServerConfig, ServerConnection};

use crate::ServerError;
use crate::mutual::{Authorities, ClientAuthority};
use crate::peer::TlsSession;

/// The protocols that are offered, best first. Source: RFC 7301 registry.
const ALPN: [&[u8]; 2] = [ALPN_H2, b"http/1.1"];
const ALPN_H2: &[u8] = b"h2";

/// Where certificate and key lie, both as PEM.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsFiles {
    /// The certificate, then its intermediates.
    pub certificate_chain: PathBuf,
    /// The private key: PKCS#8, PKCS#1 or SEC1.
    pub key: PathBuf,
    /// The authorities of certificates that clients may show; none are asked for when empty.
    pub client_authorities: Vec<ClientAuthority>,
}

/// When a file was last written, and how long it is: a change of either is a change.
type Stamp = Option<(SystemTime, u64)>;

/// The certificate in use, and the authorities of clients' certificates.
pub(crate) struct Certificates {
    files: TlsFiles,
    current: ArcSwap<CertifiedKey>,
    authorities: Option<Arc<Authorities>>,
    /// The files as they were at the last attempt to read them, good or bad.
    seen: Mutex<Vec<Stamp>>,
}

impl fmt::Debug for Certificates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Certificates")
            .field("files", &self.files)
            .finish_non_exhaustive()
    }
}

impl ResolvesServerCert for Certificates {
    fn resolve(&self, _client_hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.current.load_full())
    }
}

impl Certificates {
    /// Reads the files.
    pub(crate) fn open(files: TlsFiles) -> Result<Arc<Self>, ServerError> {
        let authorities = Authorities::open(files.client_authorities.clone())?;
        let seen = stamps(&files, authorities.as_deref());
        let current = ArcSwap::from_pointee(read(&files)?);
        Ok(Arc::new(Self {
            files,
            current,
            authorities,
            seen: Mutex::new(seen),
        }))
    }

    /// Who may vouch for clients, if anybody.
    pub(crate) fn authorities(&self) -> Option<&Arc<Authorities>> {
        self.authorities.as_ref()
    }

    /// Reads the files again. What is in use stays when they are no good; certificate and
    /// authorities each for themselves.
    pub(crate) fn reload(&self) -> Result<(), ServerError> {
        let stamps = stamps(&self.files, self.authorities.as_deref());
        let read = read(&self.files).map(|key| self.current.store(Arc::new(key)));
        let clients = self.authorities.as_ref().map_or(Ok(()), |own| own.reload());
        *self.seen.lock().unwrap_or_else(PoisonError::into_inner) = stamps;
        match &read {
            Ok(()) => tracing::info!("the TLS certificate was read again"),
            Err(error) => {
                tracing::error!(%error, "the new TLS certificate is no good; the old one stays");
            }
        }
        if let Err(error) = &clients {
            tracing::error!(%error, "the new authorities of clients are no good; the old ones stay");
        }
        read.and(clients)
    }

    /// Reads the files again if they changed.
    pub(crate) fn check(&self) {
        let now = stamps(&self.files, self.authorities.as_deref());
        let changed = *self.seen.lock().unwrap_or_else(PoisonError::into_inner) != now;
        if changed {
            // The failure is in the log, and the next change gets the next chance.
            let _logged = self.reload();
        }
    }
}

/// Exchanges the certificate of a running server; cheap to clone.
#[derive(Debug, Clone)]
pub struct ReloadHandle(Option<Arc<Certificates>>);

impl ReloadHandle {
    pub(crate) fn new(certificates: Option<Arc<Certificates>>) -> Self {
        Self(certificates)
    }

    /// Reads certificate and key again, for connections from now on. Without TLS it does nothing.
    ///
    /// Errors: the files cannot be used; then the old certificate stays in use.
    pub fn reload(&self) -> Result<(), ServerError> {
        self.0.as_ref().map_or(Ok(()), |own| own.reload())
    }
}

/// TLS 1.3 and 1.2 with the certificate in use.
pub(crate) fn settings(certificates: &Arc<Certificates>) -> Result<Arc<ServerConfig>, ServerError> {
    let settings = ServerConfig::builder_with_provider(aws_lc_rs::default_provider().into())
        .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])?;
    let settings = match certificates.authorities() {
        None => settings.with_no_client_auth(),
        Some(authorities) => settings.with_client_cert_verifier(authorities.clone()),
    };
    let mut settings = settings.with_cert_resolver(certificates.clone());
    settings.alpn_protocols = ALPN.iter().map(|name| name.to_vec()).collect();
    Ok(Arc::new(settings))
}

/// What the audit record says of a session, and whether HTTP/2 was chosen.
pub(crate) fn session(connection: &ServerConnection) -> (TlsSession, bool) {
    let version = match connection.protocol_version() {
        Some(ProtocolVersion::TLSv1_2) => "TLSv1.2",
        _ => "TLSv1.3",
    };
    let suite = connection.negotiated_cipher_suite();
    let name = suite.and_then(|suite| suite.suite().as_str());
    let session = TlsSession {
        version,
        // The registry's name, as CloudTrail writes it, has no version.
        cipher: name.unwrap_or_default().replacen("TLS13_", "TLS_", 1),
        client_chain: connection
            .peer_certificates()
            .map(|chain| chain.iter().map(|one| one.clone().into_owned()).collect()),
    };
    (session, connection.alpn_protocol() == Some(ALPN_H2))
}

fn stamps(files: &TlsFiles, authorities: Option<&Authorities>) -> Vec<Stamp> {
    let stamp = |path: &Path| {
        let data = std::fs::metadata(path).ok()?;
        Some((data.modified().ok()?, data.len()))
    };
    let own = [files.certificate_chain.as_path(), files.key.as_path()];
    let theirs = authorities.into_iter().flat_map(Authorities::paths);
    own.into_iter().chain(theirs).map(stamp).collect()
}

fn read(files: &TlsFiles) -> Result<CertifiedKey, ServerError> {
    let refused = |path: &Path, reason: &dyn fmt::Display| ServerError::Certificate {
        path: path.to_owned(),
        reason: reason.to_string(),
    };
    let chain_path = &files.certificate_chain;
    let chain = CertificateDer::pem_file_iter(chain_path)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|error| refused(chain_path, &error))?;
    if chain.is_empty() {
        return Err(refused(chain_path, &"it holds no certificate"));
    }
    let key =
        PrivateKeyDer::from_pem_file(&files.key).map_err(|error| refused(&files.key, &error))?;
    CertifiedKey::from_der(chain, key, &aws_lc_rs::default_provider())
        .map_err(|error| refused(&files.key, &error))
}
