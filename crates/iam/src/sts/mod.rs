//! STS: temporary credentials.
//!
//! Each operation is a file or part of one; [`operation`] walks the requests of authenticated
//! callers, [`web_identity`] the one that nobody signs.

mod ask;
mod assume_role;
mod certificate;
mod context;
mod forward;
mod jwt;
mod keys;
pub(crate) mod limits;
mod operation;
mod questions;
mod roles;
mod session;
mod tokens;
mod web_identity;

use std::sync::Arc;

use keystead_api::query::Form;
use keystead_api::sts;
use keystead_audit::{Audited, Rejection};
use keystead_types::{Fault, FaultKind};

use crate::service::{Request, Service};

pub use certificate::{CertificateCredentials, CertificateSession};
pub use keys::{JwksError, JwksSource, KeySetFreshness, KeySetFuture, NoJwks};
pub use limits::KEY_SET_MAX_BYTES;

/// What STS needs beside identities.
pub struct StsParts {
    jwks: Arc<dyn JwksSource>,
    verifiers: forward::Verifiers,
}

impl StsParts {
    /// With the source of the keys of identity providers.
    pub fn new(jwks: Arc<dyn JwksSource>) -> Self {
        Self {
            jwks,
            verifiers: forward::Verifiers::default(),
        }
    }
}

impl Default for StsParts {
    /// Without keys of any identity provider.
    fn default() -> Self {
        Self::new(Arc::new(NoJwks))
    }
}

/// Walks one request of STS.
pub(crate) async fn serve(
    service: &Service,
    request: &Request<'_>,
    form: &Form,
) -> Audited<Vec<u8>> {
    let operation = match sts::Operation::of(form) {
        Ok(operation) => operation,
        Err(fault) => return Audited::rejected(Rejection::UnknownOperation, fault),
    };
    if operation == sts::Operation::AssumeRoleWithWebIdentity {
        return Box::pin(web_identity::serve(service, request, form)).await;
    }
    let Some(bearer) = &request.bearer else {
        let fault = Fault::new(
            FaultKind::MissingAuthenticationToken,
            "Request is missing Authentication Token",
        );
        return Audited::rejected(Rejection::MissingAuthentication, fault);
    };
    macro_rules! walk {
        ($($operation:ident)*) => {
            match operation {
                $(sts::Operation::$operation => {
                    Box::pin(operation::serve::<sts::$operation>(service, request, bearer, form))
                        .await
                })*
                // Walked above.
                sts::Operation::AssumeRoleWithWebIdentity => {
                    let fault = Fault::internal("a web identity has no bearer");
                    Audited::rejected(Rejection::UnknownOperation, fault)
                }
            }
        };
    }
    walk!(
        AssumeRole DecodeAuthorizationMessage GetAccessKeyInfo GetCallerIdentity
        GetFederationToken GetForwardAccessSession GetSessionToken
    )
}
