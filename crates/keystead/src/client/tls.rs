//! Whom the binary trusts when it is the client, and who it says it is.

use std::path::PathBuf;
use std::sync::Arc;

use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore};

/// Whose certificates are trusted.
#[derive(Debug, Clone)]
pub(crate) enum Trust {
    /// Those of the system.
    System,
    /// Those of a file, as PEM.
    File(PathBuf),
}

/// A certificate to show, and its key, as PEM.
#[derive(Debug, Clone)]
pub(crate) struct Identity {
    pub(crate) certificate: PathBuf,
    pub(crate) key: PathBuf,
}

/// TLS 1.2 and 1.3 as a client. Reads the files.
pub(crate) fn settings(
    trust: &Trust,
    identity: Option<&Identity>,
) -> Result<Arc<ClientConfig>, String> {
    let builder = ClientConfig::builder_with_provider(aws_lc_rs::default_provider().into())
        .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])
        .map_err(|error| error.to_string())?
        .with_root_certificates(roots(trust)?);
    let settings = match identity {
        None => builder.with_no_client_auth(),
        Some(Identity { certificate, key }) => {
            let chain = read_chain(certificate)?;
            let shown = key.display();
            let key = PrivateKeyDer::from_pem_file(key)
                .map_err(|error| format!("cannot use the key {shown}: {error}"))?;
            let built = builder.with_client_auth_cert(chain, key);
            built.map_err(|error| format!("cannot use the key {shown}: {error}"))?
        }
    };
    Ok(Arc::new(settings))
}

fn roots(trust: &Trust) -> Result<RootCertStore, String> {
    let mut roots = RootCertStore::empty();
    match trust {
        Trust::File(path) => {
            for certificate in read_chain(path)? {
                roots
                    .add(certificate)
                    .map_err(|error| format!("cannot use {}: {error}", path.display()))?;
            }
        }
        Trust::System => {
            // What the system has is what it has: unreadable ones are left out.
            let found = rustls_native_certs::load_native_certs();
            roots.add_parsable_certificates(found.certs);
        }
    }
    Ok(roots)
}

fn read_chain(path: &PathBuf) -> Result<Vec<CertificateDer<'static>>, String> {
    let shown = path.display();
    let chain = CertificateDer::pem_file_iter(path)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|error| format!("cannot use the certificate {shown}: {error}"))?;
    if chain.is_empty() {
        return Err(format!("{shown} holds no certificate"));
    }
    Ok(chain)
}
