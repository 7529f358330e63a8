//! What grants say.

use keystead_policy::{Granted, Named};
use keystead_store::records::{GrantParty, GrantRecord};
use keystead_types::{Fault, GrantOperation, Principal, partition_of};

use crate::entry::KeyEntry;
use crate::facts::Facts;
use crate::lookup::Stage;

/// What the grants on a key say to an action.
pub(super) async fn granted(
    _stage: &Stage<'_>,
    _key: &KeyEntry,
    action: &'static str,
    _facts: &Facts<'_>,
) -> Result<Granted, Fault> {
    let name = action.strip_prefix("kms:").unwrap_or_default();
    match GrantOperation::parse(name) {
        None | Some(GrantOperation::RetireGrant) => Ok(Granted::No),
        Some(_) => Ok(Granted::No),
    }
}

/// Whether a grant lets the caller retire it.
pub(super) fn may_retire(stage: &Stage<'_>, grant: &GrantRecord) -> Granted {
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
    match retiring || grantee {
        true => Granted::To(Named::Principal),
        false => Granted::No,
    }
}
