//! The words of refusals.
//!
//! Source: IAM User Guide, "Troubleshoot access denied error messages"; recorded KMS answers.

use keystead_policy::{Denial, Kind, Place};
use keystead_types::{Caller, Fault, FaultKind, Region, partition_of};

/// A refused question, by whom and where.
pub(super) struct Refused<'a> {
    pub(super) caller: &'a Caller,
    pub(super) region: &'a Region,
    pub(super) action: &'static str,
}

impl Refused<'_> {
    /// The answer about a resource.
    pub(super) fn on_resource(&self, resource: &str, denial: &Denial) -> Fault {
        self.fault(format_args!("on resource: {resource} {}", self.why(denial)))
    }

    /// The answer about what a ciphertext names, when the caller's own side forbids it.
    pub(super) fn on_ciphertext(&self, denial: &Denial) -> Fault {
        let why = self.why(denial);
        self.fault(format_args!(
            "on the resource associated with this ciphertext {why}"
        ))
    }

    /// The answer about a ciphertext whose key is absent, foreign or closed to the caller.
    pub(super) fn unreachable_ciphertext(&self) -> Fault {
        self.fault(format_args!(
            "on the resource associated with this ciphertext because the resource does not exist \
             in this Region, no resource-based policies allow access, or a resource-based policy \
             explicitly denies access"
        ))
    }

    fn fault(&self, rest: std::fmt::Arguments<'_>) -> Fault {
        let who = self.caller.principal.arn(partition_of(self.region));
        let action = self.action;
        Fault::new(
            FaultKind::AccessDenied,
            format!("User: {who} is not authorized to perform: {action} {rest}"),
        )
    }

    fn why(&self, denial: &Denial) -> String {
        match denial {
            Denial::Explicit(Place { kind, policy, .. }) => {
                // A guardrail or managed policy has an ARN of its own; an inline one has not.
                let arn = policy.as_deref();
                let arn = arn.filter(|name| name.starts_with("arn:") && !name.contains('#'));
                let arn = arn.map(|arn| format!(": {arn}")).unwrap_or_default();
                format!(
                    "with an explicit deny in {} {}{arn}",
                    article(*kind),
                    kind.as_str()
                )
            }
            Denial::Implicit(kind) => {
                format!(
                    "because no {} allows the {} action",
                    kind.as_str(),
                    self.action
                )
            }
        }
    }
}

fn article(kind: Kind) -> &'static str {
    match kind {
        Kind::Identity => "an",
        Kind::Resource
        | Kind::Boundary
        | Kind::Session
        | Kind::ServiceControl
        | Kind::ResourceControl
        | Kind::Endpoint => "a",
    }
}
