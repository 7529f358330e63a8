//! From the form to the operation.

use keystead_api::query::Form;
use keystead_api::{for_each_iam_operation, iam};
use keystead_audit::{Audited, Rejection, Requester};
use keystead_types::{Fault, FaultKind, Principal, Region};

use crate::service::{Api, Request, Service};
use crate::{sts, walk};

pub(crate) async fn serve(service: &Service, request: Request<'_>) -> Audited<Vec<u8>> {
    // Without a readable form there is no operation that an audit record could name.
    let form = match Form::parse(request.body) {
        Ok(form) => form,
        Err(fault) => return Audited::rejected(Rejection::Malformed, fault),
    };
    match request.service {
        Api::Iam => {
            let partition = service.directory().partition();
            let region = region_of_iam(partition).unwrap_or_else(|| request.region.clone());
            iam(service, &Request { region, ..request }, &form).await
        }
        Api::Sts => sts::serve(service, &request, &form).await,
    }
}

/// The Region in which IAM's calls happen, whichever one the scope of the signature names: a
/// condition on `aws:RequestedRegion` does not depend on what the client chose. `None` where the
/// partition has no such Region; then only Regions that are served can be named.
/// Source: IAM User Guide, "AWS global condition context keys", `aws:RequestedRegion`; botocore
/// `endpoints.json`, `credentialScope` of `iam`.
fn region_of_iam(partition: &str) -> Option<Region> {
    let name = match partition {
        "aws" => "us-east-1",
        "aws-cn" => "cn-north-1",
        "aws-us-gov" => "us-gov-west-1",
        "aws-iso" => "us-iso-east-1",
        "aws-iso-b" => "us-isob-east-1",
        _ => return None,
    };
    Region::parse(name).ok()
}

async fn iam(service: &Service, request: &Request<'_>, form: &Form) -> Audited<Vec<u8>> {
    let Some(bearer) = &request.bearer else {
        let fault = Fault::new(
            FaultKind::MissingAuthenticationToken,
            "Request is missing Authentication Token",
        );
        return Audited::rejected(Rejection::MissingAuthentication, fault);
    };
    let operation = match iam::Operation::of(form) {
        Ok(operation) => operation,
        Err(fault) => return Audited::rejected(Rejection::UnknownOperation, fault),
    };
    macro_rules! built {
        ($operation:ident) => {
            Box::pin(walk::serve::<iam::$operation>(
                service, request, bearer, form,
            ))
            .await
        };
    }
    macro_rules! unbuilt {
        ($operation:ident) => {{
            let name = stringify!($operation);
            let requester = Requester::from(bearer.caller.clone());
            let entry = service.begin(request, name, true, requester);
            let text = format!("Keystead does not offer {name}.");
            let fault = Fault::new(FaultKind::UnsupportedOperation, text);
            entry.settle(Err(fault)).publish().await
        }};
    }
    for_each_iam_operation!(operation, built, unbuilt)
}

/// Whether credentials are of a kind that may not call IAM at all, whatever policies say: those of
/// GetFederationToken, those of GetSessionToken without a second factor, and those that a service
/// holds for its user.
/// Source: IAM User Guide, "Compare AWS STS credentials"; the last is ours: a service that acts on
/// data has no business with identities.
pub(crate) fn must_not_manage(caller: &keystead_types::Caller) -> bool {
    match (&caller.principal, &caller.session) {
        (Principal::FederatedUser { .. }, _) => true,
        (_, Some(session)) if !session.via.is_empty() => true,
        (Principal::User { .. } | Principal::Root { .. }, Some(session)) => {
            session.mfa_at.is_none()
        }
        _ => false,
    }
}
