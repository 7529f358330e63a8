//! STS: temporary credentials.

use keystead_api::query::Form;
use keystead_api::sts;
use keystead_audit::{Audited, Rejection, Requester};
use keystead_types::{Fault, FaultKind};

use crate::service::{Request, Service};

/// What STS needs beside identities.
#[derive(Default)]
#[non_exhaustive]
pub struct StsParts {}

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
    let Some(bearer) = &request.bearer else {
        let fault = Fault::new(
            FaultKind::MissingAuthenticationToken,
            "Request is missing Authentication Token",
        );
        return Audited::rejected(Rejection::MissingAuthentication, fault);
    };
    let name = operation.as_str();
    let requester = Requester::from(bearer.caller.clone());
    let entry = service.begin(request, name, true, requester);
    let text = format!("Keystead does not offer {name} yet.");
    let fault = Fault::new(FaultKind::UnsupportedOperation, text);
    entry.settle(Err(fault)).publish().await
}
