//! Grants: permissions on one key that are made, listed and taken away by their own calls.

mod create_grant;
mod fitting;
mod list_grants;
mod list_retirable_grants;
mod retire_grant;
mod revoke_grant;

pub use create_grant::CreateGrant;
pub use list_grants::ListGrants;
pub use list_retirable_grants::ListRetirableGrants;
pub use retire_grant::RetireGrant;
pub use revoke_grant::RevokeGrant;

use keystead_api::model;
use keystead_engine::{GrantConstraints, GrantParty, GrantRecord};
use keystead_types::{
    EncryptionContext, Fault, FaultKind, GrantId, KeyArn, Principal, Region, partition_of,
};

/// Default and largest page of both listings.
/// Source: KMS API reference, ListGrants and ListRetirableGrants.
const PAGE: (u32, u32) = (50, 100);

/// The grant id of a request: 64 hex digits.
///
/// Errors: InvalidGrantIdException.
fn parse_grant_id(text: &str) -> Result<GrantId, Fault> {
    GrantId::parse(text)
        .map_err(|_| Fault::new(FaultKind::InvalidGrantId, "The grant id is not valid."))
}

/// A grant as the listings show it. Source: KMS API reference, GrantListEntry.
fn entry(grant: GrantRecord, region: &Region) -> model::GrantListEntry {
    let key = KeyArn {
        region: region.clone(),
        account: grant.account,
        key_id: grant.key_id,
    };
    let issuer = Principal::Root {
        account: grant.issuing_account,
    };
    let (grantee_principal, grantee_service_principal) = party(Some(grant.grantee));
    let (retiring_principal, retiring_service_principal) = party(grant.retiring);
    model::GrantListEntry {
        constraints: grant.constraints.map(constraints),
        creation_date: Some(grant.created),
        grant_id: Some(grant.grant_id.to_string()),
        grantee_principal,
        grantee_service_principal,
        issuing_account: Some(issuer.arn(partition_of(region)).to_string()),
        key_id: Some(key.to_string()),
        name: grant.name,
        operations: Some(grant.operations),
        retiring_principal,
        retiring_service_principal,
    }
}

/// A party's two members: a principal's ARN, or a service's name.
fn party(party: Option<GrantParty>) -> (Option<String>, Option<String>) {
    match party {
        None => (None, None),
        Some(GrantParty::Principal(arn)) => (Some(arn), None),
        Some(GrantParty::Service(name)) => (None, Some(name)),
    }
}

fn constraints(held: GrantConstraints) -> model::GrantConstraints {
    let context = |pairs: Option<Vec<(String, String)>>| {
        EncryptionContext::new(pairs.unwrap_or_default().into_iter().collect())
    };
    model::GrantConstraints {
        encryption_context_equals: context(held.encryption_context_equals),
        encryption_context_subset: context(held.encryption_context_subset),
        source_arn: held.source_arn,
    }
}
