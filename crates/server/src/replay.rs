//! Which requests a guard against repetitions looks at: those that change something.

use std::sync::Arc;

use http::Method;
use http::request::Parts;
use keystead_api::query::{Form, QueryShape};
use keystead_api::{OperationName, for_each_iam_operation, iam};
use keystead_identity::Bearer;
use keystead_sigv4::{Rejection, Replay, ReplayGuard, Verified};
use keystead_types::Timestamp;

/// Refuses a verified request that changes something and was verified before. One that only
/// reads, or that no operation would be found for, passes and is not remembered.
pub(crate) fn check(
    guard: &ReplayGuard,
    verified: &Verified<Arc<Bearer>>,
    operation: Option<OperationName>,
    (parts, body): (&Parts, &[u8]),
    now: Timestamp,
) -> Result<(), Rejection> {
    let changes = match verified.service() {
        "kms" => operation.is_some_and(|name| !name.is_read_only()),
        "iam" => iam_changes(parts, body),
        // Nothing of STS changes anything: it gives credentials, as often as it is asked.
        _ => false,
    };
    if !changes {
        return Ok(());
    }
    match guard.admit(verified, verified.identity().caller.account, now) {
        Replay::Fresh => Ok(()),
        Replay::Repeated => Err(Rejection::Repeated),
        Replay::Full => Err(Rejection::ReplayGuardFull),
    }
}

/// Whether a call of IAM changes something. The form is read once more when the call is served: only
/// those who want the guard pay for it.
fn iam_changes(parts: &Parts, body: &[u8]) -> bool {
    let form = match parts.method {
        Method::GET => parts.uri.query().unwrap_or_default().as_bytes(),
        _ => body,
    };
    let Ok(form) = Form::parse(form) else {
        return false;
    };
    macro_rules! changes {
        ($name:ident) => {
            !<iam::$name as QueryShape>::READ_ONLY
        };
    }
    macro_rules! unbuilt {
        ($name:ident) => {
            false
        };
    }
    let operation = iam::Operation::of(&form);
    operation.is_ok_and(|operation| for_each_iam_operation!(operation, changes, unbuilt))
}
