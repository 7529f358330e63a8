//! What grants say.

use keystead_policy::Granted;
use keystead_store::records::GrantRecord;
use keystead_types::{Fault, GrantOperation, Principal};
use serde_json::Value;

use crate::entry::KeyEntry;
use crate::facts::Facts;
use crate::grants::{self, GrantAsk, GrantMatch};
use crate::lookup::Stage;

/// What the grants on a key say to an action.
pub(super) async fn granted(
    stage: &Stage<'_>,
    key: &KeyEntry,
    action: &'static str,
    facts: &Facts<'_>,
) -> Result<Option<GrantMatch>, Fault> {
    match asked(stage, action, facts) {
        Some(ask) => grants::applicable(stage.site, key, stage.bearer, &ask).await,
        None => Ok(None),
    }
}

/// Why they do not allow it: some of those to the caller, and how many there are besides.
pub(super) async fn unfit(
    stage: &Stage<'_>,
    key: &KeyEntry,
    action: &'static str,
    facts: &Facts<'_>,
) -> Result<(Vec<Value>, usize), Fault> {
    match asked(stage, action, facts) {
        Some(ask) => grants::unfit(stage.site, key, stage.bearer, &ask).await,
        None => Ok((Vec::new(), 0)),
    }
}

/// What grants are asked; none when they have no say in it.
fn asked<'a>(
    stage: &Stage<'a>,
    action: &'static str,
    facts: &'a Facts<'_>,
) -> Option<GrantAsk<'a>> {
    let name = action.strip_prefix("kms:").unwrap_or_default();
    let operation = GrantOperation::parse(name)?;
    (operation != GrantOperation::RetireGrant).then(|| GrantAsk {
        operation,
        context: facts.encryption_context,
        source_arn: source_arn(stage),
        child: facts.grant.as_ref(),
    })
}

/// `aws:SourceArn`: what a service says of the resource for which it calls.
fn source_arn<'a>(stage: &Stage<'a>) -> Option<&'a str> {
    match stage.caller.principal {
        Principal::Service { .. } => stage.origin.source.as_ref()?.arn.as_deref(),
        _ => None,
    }
}

/// Whether a grant lets the caller retire it.
pub(super) fn may_retire(stage: &Stage<'_>, grant: &GrantRecord) -> Granted {
    grants::may_retire(stage.site, stage.bearer, grant).map_or(Granted::No, Granted::To)
}
