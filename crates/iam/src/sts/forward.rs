//! GetForwardAccessSession: a registered service gets credentials to act for the user whose
//! request it holds.
//!
//! Not an operation of AWS: what its services do among themselves has no public protocol. The
//! service hands over the parts of the request that its user signed *for this service*; the
//! signature is verified once more, with the service's own name in the scope, so that nobody can
//! forward what was signed for another. `docs/services.md` has the protocol.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use keystead_api::sts::GetForwardAccessSession;
use keystead_api::sts::get_forward_access_session::{Input, Output};
use keystead_identity::{Bearer, Identities, SessionGrant};
use keystead_sigv4::{Payload, Request, Settings, Verified, Verifier};
use keystead_types::{Fault, Principal, SessionContext, Timestamp};

use super::ask::{denied, gone};
use super::limits::{FORWARD_CHAIN_MAX, FORWARD_SESSION_MAX_SECONDS, FORWARD_VERIFIERS_MAX};
use super::operation::{Call, Operation, Sessions};
use super::session::{credentials, not_issued, term};
use crate::receipts;

/// Verifiers of services, by their signing names: they keep derived keys. Registered services are
/// few, and nobody else gets this far; under `keystead dev` any name is a service, so their number
/// is bounded too.
#[derive(Default)]
pub(crate) struct Verifiers(Mutex<ByService>);

/// A verifier that requests share.
type Shared = Arc<Verifier<Arc<Bearer>>>;

type ByService = HashMap<Box<str>, Shared>;

impl Verifiers {
    fn of(&self, service: &str) -> Result<Arc<Verifier<Arc<Bearer>>>, Fault> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(verifier) = known.get(service) {
            return Ok(verifier.clone());
        }
        let settings = Settings::of_service(service.to_owned(), |_, _| true);
        let mut settings = settings.map_err(Fault::internal)?;
        if SIGNS_AS_S3.contains(&service) {
            settings = settings.with_paths_of_s3();
        }
        let verifier = Arc::new(Verifier::new(settings));
        if known.len() >= FORWARD_VERIFIERS_MAX {
            // All at once: what is lost is a few derived keys.
            known.clear();
        }
        known.insert(service.into(), verifier.clone());
        Ok(verifier)
    }
}

/// The signing names whose clients sign paths as S3's do. Source: botocore, endpoint rules of `s3`,
/// `disableDoubleEncoding` of the authentication schemes.
const SIGNS_AS_S3: [&str; 4] = ["s3", "s3-object-lambda", "s3-outposts", "s3express"];

impl Operation for GetForwardAccessSession {
    const FOR: Sessions = Sessions::None;

    async fn run(input: &Input, call: &mut Call<'_>) -> Result<Output, Fault> {
        let caller = &call.bearer.caller;
        let Principal::Service { name: service } = &caller.principal else {
            return Err(denied(
                "Only registered services may call GetForwardAccessSession.",
            ));
        };
        let now = call.service.now();
        let signing_name = service.split('.').next().unwrap_or_default();
        let verifier = call.service.sts().verifiers.of(signing_name)?;
        let verified = verify(&verifier, input, call, now)?;
        // kms:ViaService names the Region where the service works, which is the one that the user
        // called.
        if *verified.region() != call.request.region {
            return Err(denied(
                "The request was signed for another Region than GetForwardAccessSession.",
            ));
        }
        let user = verified.identity();
        if !covers(call, user) {
            return Err(denied(format!(
                "The service {service} is not registered for account {}.",
                user.caller.account
            )));
        }
        let directory = call.service.directory();
        // Whoever is gone lends nothing.
        directory.standing(user).ok_or_else(gone)?;
        let asked = input
            .duration_seconds
            .unwrap_or(FORWARD_SESSION_MAX_SECONDS);
        let (issued, expires) = term(now, asked.min(FORWARD_SESSION_MAX_SECONDS));
        let context = forwarded(user, service, issued, expires)?;
        let grant = SessionGrant {
            principal: user.caller.principal.clone(),
            account: user.caller.account,
            unique_id: user.caller.unique_id.clone(),
            issuer: user.issuer.clone(),
            context,
            limits: user.limits.as_deref().cloned(),
        };
        let issued = directory.issue(grant).await.map_err(not_issued)?;
        receipts::note(call.entry, &[issued.receipt]);
        let partition = directory.partition();
        Ok(Output {
            account: Some(user.caller.account.to_string()),
            credentials: Some(credentials(&issued)?),
            principal: Some(user.caller.principal.arn(partition).to_string()),
        })
    }
}

/// Verifies the user's signature over the request that the service received.
///
/// Errors: what the user would be told if it had called us with that request.
fn verify(
    verifier: &Verifier<Arc<Bearer>>,
    input: &Input,
    call: &Call<'_>,
    now: Timestamp,
) -> Result<Verified<Arc<Bearer>>, Fault> {
    let names: Vec<String> = input
        .headers
        .iter()
        .map(|header| header.name.to_ascii_lowercase())
        .collect();
    let headers: Vec<(&str, &[u8])> = names
        .iter()
        .zip(&input.headers)
        .map(|(name, header)| (name.as_str(), header.value.as_bytes()))
        .collect();
    let digest = digest(&input.payload_sha256)
        .ok_or_else(|| Fault::validation("PayloadSha256 is no SHA-256 digest in hex."))?;
    let request = Request {
        method: &input.method,
        path: &input.uri,
        query: input.query.as_deref().filter(|query| !query.is_empty()),
        headers: &headers,
        body: Payload::Digest(digest),
    };
    verifier
        .verify(&request, now, &**call.service.directory())
        .map_err(|rejection| rejection.fault())
}

fn digest(hex: &str) -> Option<[u8; 32]> {
    let mut digest = [0; 32];
    let (pairs, rest) = hex.as_bytes().as_chunks::<2>();
    // `from_str_radix` would take a sign.
    let is_hex = hex.bytes().all(|b| b.is_ascii_hexdigit());
    if pairs.len() != digest.len() || !rest.is_empty() || !is_hex {
        return None;
    }
    for (byte, pair) in digest.iter_mut().zip(pairs) {
        let text = std::str::from_utf8(pair).ok()?;
        *byte = u8::from_str_radix(text, 16).ok()?;
    }
    Some(digest)
}

/// Whether the service's credential is for the user's account. Services lend nothing.
fn covers(call: &Call<'_>, user: &Bearer) -> bool {
    !matches!(user.caller.principal, Principal::Service { .. })
        && call
            .service
            .directory()
            .service_covers(call.bearer, user.caller.account)
}

/// The user's session, one service further, never longer than the user's own.
fn forwarded(
    user: &Bearer,
    service: &Arc<str>,
    issued: Timestamp,
    expires: Timestamp,
) -> Result<SessionContext, Fault> {
    let mut context = match user.caller.session.as_deref() {
        Some(session) => SessionContext {
            expires: session.expires.min(expires),
            ..session.clone()
        },
        None => SessionContext::plain(issued, expires),
    };
    if context.via.len() >= FORWARD_CHAIN_MAX {
        return Err(denied("The request has gone through too many services."));
    }
    context.via.push(service.clone());
    Ok(context)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn verifiers_are_kept_and_their_number_is_bounded() {
        let verifiers = Verifiers::default();
        let first = verifiers.of("s3").unwrap();
        assert!(Arc::ptr_eq(&first, &verifiers.of("s3").unwrap()));
        for n in 0..3 * FORWARD_VERIFIERS_MAX {
            assert!(verifiers.of(&format!("service-{n}")).is_ok());
            assert!(verifiers.0.lock().unwrap().len() <= FORWARD_VERIFIERS_MAX);
        }
        assert!(verifiers.of("No Name").is_err());
        // One that was dropped goes on where it is in use.
        assert!(!Arc::ptr_eq(&first, &verifiers.of("s3").unwrap()));
    }

    #[test]
    fn digests_are_64_hex_digits() {
        let good = "0123456789abcdef".repeat(4);
        assert_eq!(digest(&good).unwrap()[..2], [0x01, 0x23]);
        for bad in [
            "",
            "00",
            &good[1..],
            "+1".repeat(32).as_str(),
            &"é".repeat(32),
        ] {
            assert!(digest(bad).is_none(), "{bad}");
        }
    }
}
