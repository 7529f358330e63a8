//! Whether this caller may do this to this key now. Deny is the default and wins.
//!
//! Source: KMS Developer Guide, "Determining access to AWS KMS keys"; wording of refusals: IAM
//! User Guide, "Troubleshoot access denied error messages".

use keystead_policy::{Named, NoContext, Policy, Request, Verdict};
use keystead_store::records::{GrantParty, GrantRecord};
use keystead_types::{
    AliasArn, AliasName, Caller, Fault, FaultKind, GrantOperation, KeyArn, Principal, partition_of,
};

use crate::entry::KeyEntry;
use crate::lookup::Stage;

/// How the request named the key; refusals are worded accordingly.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Subject<'a> {
    /// By a `KeyId` member.
    Named {
        /// Its alias, if it was named by one.
        alias: Option<&'a AliasName>,
    },
    /// By a ciphertext only.
    Ciphertext,
}

/// Which kind of policy decided against the caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reason {
    /// A statement of the key policy says Deny.
    ExplicitDeny,
    /// No statement of the key policy allows.
    KeyPolicySilent,
    /// The key policy leaves it to the account, and no identity policy allows.
    IdentityPolicySilent,
}

/// Allows an action on a key, or says why not.
pub(crate) fn key(
    stage: &Stage<'_>,
    action: &'static str,
    key: &KeyEntry,
    subject: Subject<'_>,
) -> Result<(), Fault> {
    let Err(reason) = decide(stage, action, key) else {
        return Ok(());
    };
    let own = key.record().account == stage.caller.account;
    Err(match (subject, own) {
        (Subject::Ciphertext, _) => unreachable_ciphertext(stage, action),
        (Subject::Named { .. }, true) => denied(stage, action, key.arn_text(), reason),
        (Subject::Named { alias: None }, false) => stranger(stage, action, key.arn_text()),
        // The key behind another account's alias is not for the caller to learn.
        (Subject::Named { alias: Some(name) }, false) => {
            let arn = AliasArn {
                region: key.arn().region.clone(),
                account: key.arn().account,
                name: name.clone(),
            };
            stranger(stage, action, &arn.to_string())
        }
    })
}

fn decide(stage: &Stage<'_>, action: &str, key: &KeyEntry) -> Result<(), Reason> {
    let record = key.record();
    let principal = &stage.caller.principal;
    let verdict = key.policy().evaluate(&Request {
        principal,
        partition: partition_of(stage.site.region()),
        action,
        resource: key.arn_text(),
        resource_account: record.account,
        unique_id: None,
        context: &NoContext,
    });
    // The root user needs no identity policy; nobody else has one yet, so the account's
    // delegation gives them nothing and another account's key is out of their reach.
    let root = matches!(principal, Principal::Root { .. });
    let own = principal.account() == Some(record.account);
    // A service has no identity policies. It uses the keys of the account that it acts for only,
    // so that no account can have it use another's.
    let service =
        matches!(principal, Principal::Service { .. }) && stage.caller.account == record.account;
    match verdict {
        Verdict::Denied { .. } => Err(Reason::ExplicitDeny),
        Verdict::Allowed { named, .. } if named != Named::Account && (own || root || service) => {
            Ok(())
        }
        Verdict::Allowed { .. } if root => Ok(()),
        Verdict::Allowed { .. } => Err(Reason::IdentityPolicySilent),
        Verdict::NotMatched => Err(Reason::KeyPolicySilent),
    }
}

/// Whether the policy of an AWS managed key of the caller's account, which is not made yet, would
/// let the caller do this.
pub(crate) fn may_use_managed(
    caller: &Caller,
    policy: &Policy,
    action: &str,
    arn: &KeyArn,
) -> bool {
    let verdict = policy.evaluate(&Request {
        principal: &caller.principal,
        partition: partition_of(&arn.region),
        action,
        resource: &arn.to_string(),
        resource_account: arn.account,
        unique_id: None,
        context: &NoContext,
    });
    let root = matches!(caller.principal, Principal::Root { .. });
    match verdict {
        Verdict::Allowed { named, .. } => root || named != Named::Account,
        Verdict::Denied { .. } | Verdict::NotMatched => false,
    }
}

/// Allows the retirement of a grant: by its retiring principal, by its grantee if the grant says
/// so, and by the account that issued it. A key policy can forbid it, and cannot allow it.
/// Source: KMS API reference, RetireGrant.
pub(crate) fn retirement(
    stage: &Stage<'_>,
    action: &'static str,
    key: &KeyEntry,
    grant: &GrantRecord,
) -> Result<(), Fault> {
    let partition = partition_of(stage.site.region());
    let principal = &stage.caller.principal;
    let caller = principal.arn(partition).to_string();
    let is_caller = |party: &GrantParty| match party {
        GrantParty::Principal(arn) => {
            !matches!(principal, Principal::Service { .. }) && *arn == caller
        }
        GrantParty::Service(name) => {
            matches!(principal, Principal::Service { .. }) && *name == caller
        }
    };
    let retiring = grant.retiring.as_ref().is_some_and(is_caller);
    let grantee =
        is_caller(&grant.grantee) && grant.operations.contains(&GrantOperation::RetireGrant);
    let issuer =
        matches!(principal, Principal::Root { account } if *account == grant.issuing_account);
    let forbidden = matches!(decide(stage, action, key), Err(Reason::ExplicitDeny));
    let own = key.record().account == stage.caller.account;
    match (forbidden, own) {
        (false, _) if retiring || grantee || issuer => Ok(()),
        (true, true) => Err(denied(stage, action, key.arn_text(), Reason::ExplicitDeny)),
        (false, true) => Err(denied(
            stage,
            action,
            key.arn_text(),
            Reason::KeyPolicySilent,
        )),
        (_, false) => Err(stranger(stage, action, key.arn_text())),
    }
}

/// Allows an action that names no key: only policies of the caller's account decide. The root
/// user is allowed; identities with policies of their own do not exist yet.
pub(crate) fn account_wide(stage: &Stage<'_>, action: &'static str) -> Result<(), Fault> {
    own_account(stage, action, "*")
}

/// Allows an action on an alias of the caller's account.
pub(crate) fn alias(
    stage: &Stage<'_>,
    action: &'static str,
    name: &AliasName,
) -> Result<(), Fault> {
    let region = stage.site.region().clone();
    let arn = AliasArn {
        region,
        account: stage.caller.account,
        name: name.clone(),
    };
    own_account(stage, action, &arn.to_string())
}

fn own_account(stage: &Stage<'_>, action: &'static str, resource: &str) -> Result<(), Fault> {
    match stage.caller.principal {
        Principal::Root { .. } => Ok(()),
        _ => Err(denied(
            stage,
            action,
            resource,
            Reason::IdentityPolicySilent,
        )),
    }
}

/// Whether the caller could still replace the policy of a key of their own under `policy`.
/// Source: KMS API reference, PutKeyPolicy, BypassPolicyLockoutSafetyCheck.
pub(crate) fn can_replace_policy(
    principal: &Principal,
    partition: &str,
    policy: &keystead_policy::Policy,
    arn: &KeyArn,
) -> bool {
    let verdict = policy.evaluate(&Request {
        principal,
        partition,
        action: "kms:PutKeyPolicy",
        resource: &arn.to_string(),
        resource_account: arn.account,
        unique_id: None,
        context: &NoContext,
    });
    match verdict {
        Verdict::Allowed { named, .. } => {
            named != Named::Account || matches!(principal, Principal::Root { .. })
        }
        Verdict::Denied { .. } | Verdict::NotMatched => false,
    }
}

/// The answer about another account's key: the same whether it exists or not.
pub(crate) fn stranger(stage: &Stage<'_>, action: &'static str, resource: &str) -> Fault {
    denied(stage, action, resource, Reason::KeyPolicySilent)
}

/// The answer about a ciphertext whose key is absent, foreign or closed to the caller.
pub(crate) fn unreachable_ciphertext(stage: &Stage<'_>, action: &'static str) -> Fault {
    let who = stage
        .caller
        .principal
        .arn(partition_of(stage.site.region()));
    Fault::new(
        FaultKind::AccessDenied,
        format!(
            "User: {who} is not authorized to perform: {action} on the resource associated with \
             this ciphertext because the resource does not exist in this Region, no \
             resource-based policies allow access, or a resource-based policy explicitly denies \
             access"
        ),
    )
}

fn denied(stage: &Stage<'_>, action: &'static str, resource: &str, reason: Reason) -> Fault {
    let who = stage
        .caller
        .principal
        .arn(partition_of(stage.site.region()));
    let why = match reason {
        Reason::ExplicitDeny => "with an explicit deny in a resource-based policy".to_owned(),
        Reason::KeyPolicySilent => {
            format!("because no resource-based policy allows the {action} action")
        }
        Reason::IdentityPolicySilent => {
            format!("because no identity-based policy allows the {action} action")
        }
    };
    Fault::new(
        FaultKind::AccessDenied,
        format!("User: {who} is not authorized to perform: {action} on resource: {resource} {why}"),
    )
}
