//! Client certificates: the authorities that may vouch for a client, and the check of what a
//! client shows.
//!
//! A client need not show a certificate. One that it shows must lead to a configured authority,
//! or there is no connection. The same check runs again whenever a connection asks for a session
//! of a role: certificates expire and are revoked while connections stay.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arc_swap::ArcSwap;
use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::{CryptoProvider, aws_lc_rs, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, CertificateRevocationListDer, UnixTime};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, Error, RootCertStore,
    SignatureScheme,
};

use crate::ServerError;

/// An authority whose certificates clients may show.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientAuthority {
    /// Its name in the configuration.
    pub name: Arc<str>,
    /// Its root certificates, as PEM.
    pub certificates: PathBuf,
    /// Lists of revoked certificates, as PEM. With one of them, every certificate of a chain must
    /// be covered by a list that is not past its date.
    pub revocations: Vec<PathBuf>,
}

/// An authority, read.
struct Authority {
    name: Arc<str>,
    verifier: Arc<dyn ClientCertVerifier>,
}

/// All authorities, and the judge of client certificates in handshakes.
pub(crate) struct Authorities {
    files: Vec<ClientAuthority>,
    current: ArcSwap<Vec<Authority>>,
    provider: Arc<CryptoProvider>,
}

impl fmt::Debug for Authorities {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Authorities")
            .field("files", &self.files)
            .finish_non_exhaustive()
    }
}

impl Authorities {
    /// Reads the files. `None` when there is no authority: then no certificate is asked for.
    pub(crate) fn open(files: Vec<ClientAuthority>) -> Result<Option<Arc<Self>>, ServerError> {
        if files.is_empty() {
            return Ok(None);
        }
        let provider = Arc::new(aws_lc_rs::default_provider());
        let current = ArcSwap::from_pointee(read(&files, &provider)?);
        Ok(Some(Arc::new(Self {
            files,
            current,
            provider,
        })))
    }

    /// Reads the files again. What is in use stays when they are no good.
    pub(crate) fn reload(&self) -> Result<(), ServerError> {
        self.current
            .store(Arc::new(read(&self.files, &self.provider)?));
        Ok(())
    }

    /// The files, to watch them.
    pub(crate) fn paths(&self) -> impl Iterator<Item = &Path> {
        self.files.iter().flat_map(|one| {
            let lists = one.revocations.iter().map(PathBuf::as_path);
            lists.chain([one.certificates.as_path()])
        })
    }

    /// The names of the authorities that vouch for a chain at this moment, in the order of the
    /// configuration.
    pub(crate) fn vouching(&self, chain: &[CertificateDer<'_>], now: UnixTime) -> Vec<Arc<str>> {
        let Some((own, intermediates)) = chain.split_first() else {
            return Vec::new();
        };
        let current = self.current.load();
        let vouches = |one: &&Authority| {
            let verified = one.verifier.verify_client_cert(own, intermediates, now);
            verified.is_ok()
        };
        let vouching = current.iter().filter(vouches);
        vouching.map(|one| one.name.clone()).collect()
    }
}

impl ClientCertVerifier for Authorities {
    fn client_auth_mandatory(&self) -> bool {
        false
    }

    /// None: a client that has a certificate knows which one is meant for us.
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        let mut refused = Error::InvalidCertificate(CertificateError::UnknownIssuer);
        for one in self.current.load().iter() {
            match one
                .verifier
                .verify_client_cert(end_entity, intermediates, now)
            {
                Ok(verified) => return Ok(verified),
                Err(error) => refused = error,
            }
        }
        Err(refused)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, cert, dss, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, cert, dss, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        let algorithms = &self.provider.signature_verification_algorithms;
        algorithms.supported_schemes()
    }
}

fn read(
    files: &[ClientAuthority],
    provider: &Arc<CryptoProvider>,
) -> Result<Vec<Authority>, ServerError> {
    files.iter().map(|one| read_one(one, provider)).collect()
}

fn read_one(
    files: &ClientAuthority,
    provider: &Arc<CryptoProvider>,
) -> Result<Authority, ServerError> {
    let refused = |path: &Path, reason: &dyn fmt::Display| ServerError::Certificate {
        path: path.to_owned(),
        reason: reason.to_string(),
    };
    let path = &files.certificates;
    let certificates = CertificateDer::pem_file_iter(path)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|error| refused(path, &error))?;
    let mut roots = RootCertStore::empty();
    for certificate in certificates {
        roots
            .add(certificate)
            .map_err(|error| refused(path, &error))?;
    }
    if roots.is_empty() {
        return Err(refused(path, &"it holds no certificate"));
    }
    let mut lists = Vec::new();
    for path in &files.revocations {
        let read = CertificateRevocationListDer::pem_file_iter(path)
            .and_then(Iterator::collect::<Result<Vec<_>, _>>)
            .map_err(|error| refused(path, &error))?;
        if read.is_empty() {
            return Err(refused(path, &"it holds no list of revoked certificates"));
        }
        lists.extend(read);
    }
    let verifier = WebPkiClientVerifier::builder_with_provider(roots.into(), provider.clone())
        .with_crls(lists)
        .enforce_revocation_expiration()
        .build()
        .map_err(|error| refused(path, &error))?;
    Ok(Authority {
        name: files.name.clone(),
        verifier,
    })
}
