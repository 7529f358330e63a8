//! What grants on a key allow. Asked only when policies neither allow nor explicitly deny.
//!
//! Source: KMS Developer Guide, "Grants in AWS KMS"; KMS API reference, CreateGrant,
//! GrantConstraints, RetireGrant.

mod constraints;
mod grantee;
mod list;
mod memory;
mod unfit;

use std::sync::Arc;

use keystead_identity::Bearer;
use keystead_policy::Named;
use keystead_store::records::GrantRecord;
use keystead_types::{Fault, GrantId, GrantOperation, partition_of};

use crate::entry::KeyEntry;
use crate::facts::{GrantFacts, Pairs};
use crate::site::Site;
use grantee::{Candidate, Candidates};
use memory::{Grants, OfKey};
use serde_json::Value;
use unfit::Unfit;

pub(crate) use grantee::{bind, no_principal, shown};
pub(crate) use memory::GrantMemory;

/// What a caller wants to do.
#[derive(Clone, Copy)]
pub(crate) struct GrantAsk<'a> {
    /// The operation that a grant must allow.
    pub(crate) operation: GrantOperation,
    /// The encryption context of the request.
    pub(crate) context: Pairs<'a>,
    /// `aws:SourceArn`: the resource for which a service calls.
    pub(crate) source_arn: Option<&'a str>,
    /// For CreateGrant: the grant that is to be made.
    pub(crate) child: Option<&'a GrantFacts<'a>>,
}

/// A grant that allows what was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct GrantMatch {
    /// How it names the caller.
    pub(crate) named: Named,
    /// Which one it is.
    pub(crate) grant_id: GrantId,
}

/// The grant on a key that allows a caller to do something; of several the one that names the
/// caller most closely. Nothing but memory is read when the caller asked before and no grant of the
/// key has come or gone since.
pub(crate) async fn applicable(
    site: &Site,
    key: &KeyEntry,
    bearer: &Bearer,
    ask: &GrantAsk<'_>,
) -> Result<Option<GrantMatch>, Fault> {
    let of_key = of_key(site, key);
    for (candidate, named) in Candidates::of(bearer) {
        let held = held(site, key, &of_key, candidate).await?;
        if let Some(found) = held.allowing(ask) {
            return Ok(Some(GrantMatch {
                named,
                grant_id: found.grant_id,
            }));
        }
    }
    Ok(None)
}

/// Why no grant on a key allows a caller what it asks, for people: some of the grants to it with what
/// of each does not fit, and how many there are besides.
pub(crate) async fn unfit(
    site: &Site,
    key: &KeyEntry,
    bearer: &Bearer,
    ask: &GrantAsk<'_>,
) -> Result<(Vec<Value>, usize), Fault> {
    let of_key = of_key(site, key);
    let mut unfit = Unfit::default();
    for (candidate, _) in Candidates::of(bearer) {
        let held = held(site, key, &of_key, candidate).await?;
        unfit.add(held.iter(), ask);
    }
    Ok(unfit.told())
}

fn of_key(site: &Site, key: &KeyEntry) -> Arc<OfKey> {
    let record = key.record();
    site.grants().of_key((record.account, record.key_id))
}

/// The grants of a key to one name of a caller.
async fn held(
    site: &Site,
    key: &KeyEntry,
    of_key: &OfKey,
    candidate: Candidate,
) -> Result<Arc<Grants>, Fault> {
    if let Some(held) = of_key.get(&candidate) {
        return Ok(held);
    }
    let (account, key_id) = (key.record().account, key.record().key_id);
    let digest = candidate.digest(partition_of(site.region()));
    let held = memory::load(site.records(), account, key_id, &digest).await?;
    Ok(site.grants().keep(of_key, candidate, held))
}

/// Whether a caller may retire a grant by what the grant says, and how the grant names it: as
/// retiring principal, or as grantee of a grant that allows RetireGrant. Constraints do not count.
/// The issuing account's right is a matter of policies.
pub(crate) fn may_retire(site: &Site, bearer: &Bearer, grant: &GrantRecord) -> Option<Named> {
    let partition = partition_of(site.region());
    let grantee = grant.operations.contains(&GrantOperation::RetireGrant);
    let fits = |candidate: &Candidate| {
        let retiring = grant.retiring.as_ref();
        retiring.is_some_and(|party| candidate.is(party, grant.retiring_id.as_deref(), partition))
            || (grantee && candidate.is(&grant.grantee, grant.grantee_id.as_deref(), partition))
    };
    let mut candidates = Candidates::of(bearer);
    candidates.find_map(|(candidate, named)| fits(&candidate).then_some(named))
}
