//! Where grants and their indexes stand.

use keystead_types::{AccountId, GrantId, Hex32, KeyId};

use super::{
    ACCOUNT_BYTES, KEY_ID_BYTES, Space, key, parse_account, parse_key_id, prefix, starting_after,
    strip,
};
use crate::Range;

const DIGEST_BYTES: usize = 32;

/// Which grant: the owner of its key, the key, its id. The order is the order of its entries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct GrantPlace {
    /// The owner of the key.
    pub account: AccountId,
    /// The key.
    pub key_id: KeyId,
    /// The grant.
    pub grant_id: GrantId,
}

/// Key of a grant record.
pub fn grant(place: &GrantPlace) -> Vec<u8> {
    let (account, key_id) = (place.account.as_str(), place.key_id.as_str());
    let parts: [&[u8]; 3] = [account.as_bytes(), key_id.as_bytes(), &place.grant_id.0];
    key(Space::Grant, &parts)
}

/// Key of a grant in the index by retiring party.
pub fn grant_by_retiring(digest: &[u8; DIGEST_BYTES], place: &GrantPlace) -> Vec<u8> {
    let (account, key_id) = (place.account.as_str(), place.key_id.as_str());
    key(
        Space::GrantByRetiring,
        &[
            digest,
            account.as_bytes(),
            key_id.as_bytes(),
            &place.grant_id.0,
        ],
    )
}

/// Key of a grant in the index by grantee.
pub fn grant_by_grantee(digest: &[u8; DIGEST_BYTES], place: &GrantPlace) -> Vec<u8> {
    let (account, key_id) = (place.account.as_str(), place.key_id.as_str());
    key(
        Space::GrantByGrantee,
        &[
            account.as_bytes(),
            key_id.as_bytes(),
            digest,
            &place.grant_id.0,
        ],
    )
}

/// Key of the entry that names the grant of a key with that fingerprint.
pub fn grant_by_fingerprint(
    account: AccountId,
    key_id: KeyId,
    fingerprint: &[u8; DIGEST_BYTES],
) -> Vec<u8> {
    let (account, key_id) = (account.as_str(), key_id.as_str());
    let parts: [&[u8]; 3] = [account.as_bytes(), key_id.as_bytes(), fingerprint];
    key(Space::GrantByFingerprint, &parts)
}

/// Key of the entry that says whose key a grant is on.
pub fn grant_by_id(grant_id: &GrantId) -> Vec<u8> {
    key(Space::GrantById, &[&grant_id.0])
}

/// Key of the entry that changes when a key gets a grant.
pub fn grant_guard(account: AccountId, key_id: KeyId) -> Vec<u8> {
    let (account, key_id) = (account.as_str(), key_id.as_str());
    key(Space::GrantGuard, &[account.as_bytes(), key_id.as_bytes()])
}

/// The grants of a key in order of their ids, after one of them if given.
pub fn grants_of_key(account: AccountId, key_id: KeyId, after: Option<GrantId>) -> Range {
    let parts = [account.as_str().as_bytes(), key_id.as_str().as_bytes()];
    let after = after.map(|grant_id| {
        grant(&GrantPlace {
            account,
            key_id,
            grant_id,
        })
    });
    starting_after(prefix(key(Space::Grant, &parts)), after)
}

/// The index entries of the grants that a party may retire, after one of them if given.
pub fn grants_by_retiring(digest: &[u8; DIGEST_BYTES], after: Option<&GrantPlace>) -> Range {
    let all = prefix(key(Space::GrantByRetiring, &[digest]));
    starting_after(all, after.map(|place| grant_by_retiring(digest, place)))
}

/// All grant records, after one of them if given.
pub fn grants_all(after: Option<&GrantPlace>) -> Range {
    starting_after(prefix(key(Space::Grant, &[])), after.map(grant))
}

/// The index entries of the grants of a key that one party may use, after one of them if given.
pub fn grants_by_grantee(
    account: AccountId,
    key_id: KeyId,
    digest: &[u8; DIGEST_BYTES],
    after: Option<&GrantPlace>,
) -> Range {
    let (account, key_id) = (account.as_str(), key_id.as_str());
    let parts: [&[u8]; 3] = [account.as_bytes(), key_id.as_bytes(), digest];
    let all = prefix(key(Space::GrantByGrantee, &parts));
    starting_after(all, after.map(|place| grant_by_grantee(digest, place)))
}

/// The grant in the key of an entry of the index by grantee.
pub fn parse_grant_by_grantee(bytes: &[u8]) -> Option<GrantPlace> {
    let rest = strip(Space::GrantByGrantee, bytes)?;
    let (owner, rest) = rest.split_at_checked(ACCOUNT_BYTES + KEY_ID_BYTES)?;
    let (_, grant_id) = rest.split_first_chunk::<DIGEST_BYTES>()?;
    let (account, key_id) = parse_grant_by_id(owner)?;
    Some(GrantPlace {
        account,
        key_id,
        grant_id: parse_grant_fingerprint(grant_id)?,
    })
}

/// The grant in the key of an entry of the index by retiring party.
pub fn parse_grant_by_retiring(bytes: &[u8]) -> Option<GrantPlace> {
    let rest = strip(Space::GrantByRetiring, bytes)?;
    let (_, rest) = rest.split_first_chunk::<DIGEST_BYTES>()?;
    let (owner, grant_id) = rest.split_at_checked(ACCOUNT_BYTES + KEY_ID_BYTES)?;
    let (account, key_id) = parse_grant_by_id(owner)?;
    Some(GrantPlace {
        account,
        key_id,
        grant_id: parse_grant_fingerprint(grant_id)?,
    })
}

/// The owner and the key in the value of an entry of [`grant_by_id`].
pub fn parse_grant_by_id(value: &[u8]) -> Option<(AccountId, KeyId)> {
    let (account, key_id) = value.split_at_checked(ACCOUNT_BYTES)?;
    Some((parse_account(account)?, parse_key_id(key_id)?))
}

/// The grant id in the value of an entry of [`grant_by_fingerprint`].
pub fn parse_grant_fingerprint(value: &[u8]) -> Option<GrantId> {
    value.try_into().ok().map(Hex32)
}
