//! All policies together: may this caller do this to this resource now?
//!
//! Pure: whoever asks brings the policies that take part. Deny is the default and wins.
//!
//! Source: IAM User Guide, "Policy evaluation logic"; KMS Developer Guide, "Determining access
//! to AWS KMS keys"; what is ours where AWS is silent stands in `docs/divergences.md`.

use std::sync::Arc;

use keystead_types::Principal;

use crate::evaluate::{Named, Policy, Request, Verdict};
use crate::outcomes::{Outcomes, Witness};

/// A compiled policy and the name by which people know it.
#[derive(Debug, Clone)]
pub struct NamedPolicy {
    /// The ARN of a managed policy or guardrail; for an inline policy the ARN of its owner, `#`
    /// and its name.
    pub name: Arc<str>,
    /// The policy.
    pub policy: Arc<Policy>,
}

/// The guardrails of one level of an organisation (root, unit, account): one of them must allow.
pub type Level = Arc<[NamedPolicy]>;

/// The policies that take part in one decision.
#[derive(Debug, Clone, Copy, Default)]
pub struct Case<'a> {
    /// The policy of the resource: a key's, a role's trust policy. `None` when the resource has
    /// none, so that identity policies alone decide.
    pub resource: Option<&'a Policy>,
    /// The caller's identity policies: of the user and its groups, or of the role.
    pub identity: &'a [NamedPolicy],
    /// The caller's permissions boundary.
    pub boundary: Option<&'a NamedPolicy>,
    /// The policies that the caller's session was limited to; `None` when it was not limited.
    pub session: Option<&'a [NamedPolicy]>,
    /// Service control policies on the caller's account; none for the management account.
    pub service_control: &'a [Level],
    /// Resource control policies on the resource's account.
    pub resource_control: &'a [Level],
    /// The policy of the endpoint that the request came through.
    pub endpoint: Option<&'a NamedPolicy>,
    /// Whether a grant on the key allows what is asked.
    pub grant: Granted,
}

/// What grants say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Granted {
    /// Nothing, or nobody has looked yet.
    #[default]
    No,
    /// A grant allows it to whom it names that way.
    To(Named),
}

/// The kinds of policy, as AWS names them in refusals.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// `identity-based policy`
    Identity,
    /// `resource-based policy`
    Resource,
    /// `permissions boundary`
    Boundary,
    /// `session policy`
    Session,
    /// `service control policy`
    ServiceControl,
    /// `resource control policy`
    ResourceControl,
    /// `VPC endpoint policy`
    Endpoint,
}

impl Kind {
    /// The words of AWS's messages.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Identity => "identity-based policy",
            Self::Resource => "resource-based policy",
            Self::Boundary => "permissions boundary",
            Self::Session => "session policy",
            Self::ServiceControl => "service control policy",
            Self::ResourceControl => "resource control policy",
            Self::Endpoint => "VPC endpoint policy",
        }
    }
}

/// The statement that decided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The kind of its policy.
    pub kind: Kind,
    /// The policy's name; `None` for the policy of the resource itself.
    pub policy: Option<Arc<str>>,
    /// The statement, from 0.
    pub statement: usize,
}

/// Why something is allowed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Basis {
    /// The caller is the root user of its own account, and no policy is needed.
    Root,
    /// A statement allows it.
    Statement(Place),
    /// A grant allows it.
    Grant,
}

/// Why something is denied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Denial {
    /// A statement says Deny.
    Explicit(Place),
    /// No policy of that kind allows it.
    Implicit(Kind),
}

/// The answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// It is allowed.
    Allowed(Basis),
    /// It is denied.
    Denied(Denial),
}

impl Decision {
    /// Whether it is allowed.
    pub fn is_allowed(&self) -> bool {
        matches!(self, Self::Allowed(_))
    }

    /// The statement that decided, if one did.
    pub(crate) fn place(&self) -> Option<&Place> {
        match self {
            Self::Allowed(Basis::Statement(place)) | Self::Denied(Denial::Explicit(place)) => {
                Some(place)
            }
            _ => None,
        }
    }
}

/// What one list of policies says: the first Deny, else the first Allow.
fn any_of<W: Witness>(
    policies: &[NamedPolicy],
    request: &Request<'_>,
    (kind, level): (Kind, Option<usize>),
    witness: &mut W,
) -> Result<Option<Place>, Denial> {
    let mut allowed = None;
    for NamedPolicy { name, policy } in policies {
        let place = |statement| Place {
            kind,
            policy: Some(name.clone()),
            statement,
        };
        witness.consulted(kind, level, policy);
        match policy.evaluate_before(request, witness) {
            Verdict::Denied { statement } => return Err(Denial::Explicit(place(statement))),
            Verdict::Allowed { statement, .. } => {
                allowed.get_or_insert_with(|| place(statement));
            }
            Verdict::NotMatched => {}
        }
    }
    Ok(allowed)
}

/// Decides. Allocates nothing but the reference counts of names.
///
/// 1. A Deny that applies in any policy denies.
/// 2. Each level of resource control policies, each level of service control policies and the
///    endpoint's policy must allow. An absent endpoint policy allows; so does a list without
///    levels, which is what accounts outside of an organisation and the management account have.
/// 3. What the resource's policy or a grant gives to a user, a session or a federated user by its
///    own ARN, to everyone, or to a service, is allowed in that principal's account whatever its
///    boundary and session policy do not mention. What they give to a role's ARN is limited by
///    both. What they give to the account needs an identity policy too; its root user needs none.
///    Source: IAM User Guide, "Permissions boundaries for IAM entities", "Session policies"; for
///    `*`, "AWS JSON policy elements: Principal", on role principals.
/// 4. A resource of another account needs an identity policy of the caller's account as well,
///    but for what a grant gives. Source: IAM User Guide, "Cross-account policy evaluation
///    logic"; KMS Developer Guide, "Allowing users in other accounts to use a KMS key", "Grants".
/// 5. A resource without a policy is a matter of identity policies alone, and of its own
///    account: nobody speaks for strangers there, and there is nothing to make a grant for. The
///    account's root user needs no policy.
pub fn decide(case: &Case<'_>, request: &Request<'_>) -> Decision {
    decide_before(case, request, &mut ())
}

/// Decides as [`decide`] does, and notes on the way what became of every statement: for an allowed
/// request of all of them, for a denied one up to the Deny. What `outcomes` had before is gone.
pub fn decide_noting(case: &Case<'_>, request: &Request<'_>, outcomes: &mut Outcomes) -> Decision {
    outcomes.clear();
    decide_before(case, request, outcomes)
}

fn decide_before<W: Witness>(case: &Case<'_>, request: &Request<'_>, witness: &mut W) -> Decision {
    match consider(case, request, witness) {
        Ok(basis) => Decision::Allowed(basis),
        Err(denial) => Decision::Denied(denial),
    }
}

/// What the policies of the caller's account say once no Deny applies.
struct Callers {
    identity: Option<Place>,
    boundary: bool,
    session: bool,
    root: bool,
}

impl Callers {
    /// For what something else allows: whether boundary and session policy do.
    fn limit(&self, basis: Basis) -> Result<Basis, Denial> {
        match (self.boundary, self.session) {
            (false, _) => Err(Denial::Implicit(Kind::Boundary)),
            (true, false) => Err(Denial::Implicit(Kind::Session)),
            (true, true) => Ok(basis),
        }
    }

    /// Whether the caller's own account allows.
    fn allow(&self) -> Result<Basis, Denial> {
        match &self.identity {
            _ if self.root => self.limit(Basis::Root),
            Some(place) => self.limit(Basis::Statement(place.clone())),
            None => Err(Denial::Implicit(Kind::Identity)),
        }
    }
}

/// Whether every level of guardrails allows.
fn levels<W: Witness>(
    levels: &[Level],
    request: &Request<'_>,
    kind: Kind,
    witness: &mut W,
) -> Result<bool, Denial> {
    let mut all = true;
    for (index, level) in levels.iter().enumerate() {
        all &= any_of(level, request, (kind, Some(index)), witness)?.is_some();
    }
    Ok(all)
}

/// Whether a policy allows, or is absent.
fn one<W: Witness>(
    policy: Option<&NamedPolicy>,
    request: &Request<'_>,
    kind: Kind,
    witness: &mut W,
) -> Result<bool, Denial> {
    let Some(policy) = policy else {
        return Ok(true);
    };
    let policy = std::slice::from_ref(policy);
    any_of(policy, request, (kind, None), witness).map(|allow| allow.is_some())
}

fn consider<W: Witness>(
    case: &Case<'_>,
    request: &Request<'_>,
    witness: &mut W,
) -> Result<Basis, Denial> {
    // Every explicit Deny first: `?` ends with the first of them.
    let resource_control = levels(
        case.resource_control,
        request,
        Kind::ResourceControl,
        witness,
    )?;
    let service_control = levels(case.service_control, request, Kind::ServiceControl, witness)?;
    let endpoint = one(case.endpoint, request, Kind::Endpoint, witness)?;
    let resource = of_resource(case.resource, request, witness)?;
    let callers = Callers {
        identity: any_of(case.identity, request, (Kind::Identity, None), witness)?,
        boundary: one(case.boundary, request, Kind::Boundary, witness)?,
        session: match case.session {
            Some(policies) => any_of(policies, request, (Kind::Session, None), witness)?.is_some(),
            None => true,
        },
        root: matches!(request.principal, Principal::Root { .. }),
    };
    let needed = [
        (resource_control, Kind::ResourceControl),
        (service_control, Kind::ServiceControl),
        (endpoint, Kind::Endpoint),
    ];
    if let Some((_, kind)) = needed.into_iter().find(|(allows, _)| !allows) {
        return Err(Denial::Implicit(kind));
    }
    let own = request.principal.account() == Some(request.resource_account);
    if case.resource.is_none() {
        return match (callers.allow(), own) {
            (Ok(_), false) => Err(Denial::Implicit(Kind::Resource)),
            (answer, _) => answer,
        };
    }
    let mut refusal = Denial::Implicit(Kind::Resource);
    if let Some((basis, named)) = resource {
        let service = matches!(request.principal, Principal::Service { .. });
        let allowed = match named {
            _ if service => Ok(basis),
            Named::Principal | Named::Everyone if own => Ok(basis),
            Named::Role if own => callers.limit(basis),
            // The account's identity policies decide, here or across accounts; here the
            // resource's policy only leaves it to them.
            Named::Account if own => callers.allow(),
            _ => callers.allow().map(|_| basis),
        };
        match allowed {
            Ok(basis) => return Ok(basis),
            Err(denial) => refusal = denial,
        }
    }
    match case.grant {
        Granted::No => Err(refusal),
        Granted::To(Named::Principal) => Ok(Basis::Grant),
        Granted::To(Named::Role | Named::Everyone) => callers.limit(Basis::Grant),
        Granted::To(Named::Account) => callers.allow().map(|_| Basis::Grant),
    }
}

/// What the resource's policy allows, and as whom it names the caller.
fn of_resource<W: Witness>(
    policy: Option<&Policy>,
    request: &Request<'_>,
    witness: &mut W,
) -> Result<Option<(Basis, Named)>, Denial> {
    let place = |statement| Place {
        kind: Kind::Resource,
        policy: None,
        statement,
    };
    let verdict = policy.map(|policy| {
        witness.consulted(Kind::Resource, None, policy);
        policy.evaluate_before(request, witness)
    });
    match verdict {
        Some(Verdict::Denied { statement }) => Err(Denial::Explicit(place(statement))),
        Some(Verdict::Allowed { statement, named }) => {
            Ok(Some((Basis::Statement(place(statement)), named)))
        }
        Some(Verdict::NotMatched) | None => Ok(None),
    }
}
