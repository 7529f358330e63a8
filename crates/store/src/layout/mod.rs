//! Where each record stands in the ordered map: the only place that builds or reads keys.
//!
//! A key is a space byte and then components. All components but the last have a fixed width
//! (account 12 bytes, key id 36, moment 8, digest or grant id 32, kind of identity 1), so the bytes of one can never run into the next and
//! a prefix of whole components never matches a longer component of somebody else. Numbers are
//! big-endian, so byte order is their order. Described in `docs/formats/store.md`.

mod grant;
mod identity;

use keystead_types::{AccountId, AliasName, KeyId, RequestId, Timestamp};

use crate::Range;

pub use grant::{
    GrantPlace, grant, grant_by_fingerprint, grant_by_grantee, grant_by_id, grant_by_retiring,
    grant_guard, grants_all, grants_by_grantee, grants_by_retiring, grants_of_key,
    parse_grant_by_grantee, parse_grant_by_id, parse_grant_by_retiring, parse_grant_fingerprint,
};
pub use identity::{
    IdentityKind, IdentityPlace, identities_all, identity, last_use, last_uses_all, parse_identity,
    parse_last_use,
};

/// First byte of a key: which kind of entry it is. Stable numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
enum Space {
    /// Name → facts about the store itself.
    Meta = b'M',
    /// Account, key id → key record.
    Key = b'K',
    /// Account, name → alias record.
    Alias = b'A',
    /// Account, key id, name → alias record (a copy).
    AliasByKey = b'a',
    /// Account, key id → nothing; written whenever an alias of the key comes or goes.
    AliasGuard = b'g',
    /// Account, key id, grant id → grant record.
    Grant = b'G',
    /// Digest of the retiring party, account, key id, grant id → nothing.
    GrantByRetiring = b'r',
    /// Account, key id, digest of the grantee, grant id → nothing.
    GrantByGrantee = b'e',
    /// Account, key id, fingerprint → grant id.
    GrantByFingerprint = b'f',
    /// Grant id → account, key id.
    GrantById = b'i',
    /// Account, key id → nothing; written whenever a grant of the key comes.
    GrantGuard = b'h',
    /// Account, key id → usage record.
    Usage = b'U',
    /// Moment, account, key id, kind → nothing.
    Due = b'D',
    /// Access key id → credential record.
    Credential = b'C',
    /// Kind, account, name in lower case → record of an account or identity.
    Identity = b'I',
    /// Access key id or unique id of a role → record of its last use.
    LastUse = b'L',
    /// Event id → audit record that is not in the log yet.
    Outbox = b'O',
}

const ACCOUNT_BYTES: usize = 12;
const KEY_ID_BYTES: usize = 36;
const MOMENT_BYTES: usize = 8;

/// Facts about the store itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Meta {
    /// Version of the layout and records: 4 bytes, big-endian. Kept by [`migrate`](crate::migrate).
    SchemaVersion,
    /// The Region of the deployment, as text.
    RegionName,
    /// The domain key, sealed by the root of trust of the HSM process.
    SealedDomainKey,
    /// The id of the deployment.
    DeploymentId,
    /// 32 random bytes that authenticate page markers.
    MarkerKey,
    /// Number of the audit log's record up to which the last uses of keys are stored: 8 bytes,
    /// big-endian.
    UsageMark,
    /// The key that seals session tokens, sealed by the HSM process.
    SessionTokenKey,
}

impl Meta {
    /// Every value.
    pub const ALL: &'static [Self] = &[
        Self::SchemaVersion,
        Self::RegionName,
        Self::SealedDomainKey,
        Self::DeploymentId,
        Self::MarkerKey,
        Self::UsageMark,
        Self::SessionTokenKey,
    ];

    /// The name in the key; stable.
    pub fn name(self) -> &'static str {
        match self {
            Self::SchemaVersion => "schema-version",
            Self::RegionName => "region-name",
            Self::SealedDomainKey => "sealed-domain-key",
            Self::DeploymentId => "deployment-id",
            Self::MarkerKey => "marker-key",
            Self::UsageMark => "usage-mark",
            Self::SessionTokenKey => "session-token-key",
        }
    }
}

/// What happens to a key at its due moment. The order is the order in the index.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum DueKind {
    /// The waiting period of its deletion ends.
    Deletion,
    /// Automatic rotation.
    Rotation,
    /// Imported material expires.
    Expiry,
    /// Replicas must be brought in line with their primary key.
    Sync,
}

impl DueKind {
    /// Every value.
    pub const ALL: &'static [Self] = &[Self::Deletion, Self::Rotation, Self::Expiry, Self::Sync];

    fn code(self) -> u8 {
        match self {
            Self::Deletion => 1,
            Self::Rotation => 2,
            Self::Expiry => 3,
            Self::Sync => 4,
        }
    }
}

/// An entry of the due index.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Due {
    /// The moment.
    pub due: Timestamp,
    /// The owner of the key.
    pub account: AccountId,
    /// The key.
    pub key_id: KeyId,
    /// What is due.
    pub kind: DueKind,
}

fn key(space: Space, components: &[&[u8]]) -> Vec<u8> {
    let len = 1 + components.iter().map(|part| part.len()).sum::<usize>();
    let mut out = Vec::with_capacity(len);
    out.push(space as u8);
    for part in components {
        out.extend_from_slice(part);
    }
    out
}

/// Maps moments to bytes whose order is the order of the moments, before 1970 too.
fn moment(at: Timestamp) -> [u8; MOMENT_BYTES] {
    (at.as_millis().cast_unsigned() ^ (1 << 63)).to_be_bytes()
}

fn moment_of(bytes: [u8; MOMENT_BYTES]) -> Timestamp {
    Timestamp::from_millis((u64::from_be_bytes(bytes) ^ (1 << 63)).cast_signed())
}

/// Key of a fact about the store.
pub fn meta(item: Meta) -> Vec<u8> {
    key(Space::Meta, &[item.name().as_bytes()])
}

/// Key of a key record.
pub fn key_record(account: AccountId, key_id: KeyId) -> Vec<u8> {
    let (account, key_id) = (account.as_str(), key_id.as_str());
    key(Space::Key, &[account.as_bytes(), key_id.as_bytes()])
}

/// Key of an alias record.
pub fn alias(account: AccountId, name: &AliasName) -> Vec<u8> {
    let account = account.as_str();
    key(
        Space::Alias,
        &[account.as_bytes(), name.as_str().as_bytes()],
    )
}

/// Key of an alias in the index by key.
pub fn alias_by_key(account: AccountId, key_id: KeyId, name: &AliasName) -> Vec<u8> {
    let (account, key_id) = (account.as_str(), key_id.as_str());
    let parts = [account, key_id, name.as_str()].map(str::as_bytes);
    key(Space::AliasByKey, &parts)
}

/// Key of the entry that changes with the set of aliases of a key.
pub fn alias_guard(account: AccountId, key_id: KeyId) -> Vec<u8> {
    let (account, key_id) = (account.as_str(), key_id.as_str());
    key(Space::AliasGuard, &[account.as_bytes(), key_id.as_bytes()])
}

/// Key of the record of a key's last use.
pub fn usage(account: AccountId, key_id: KeyId) -> Vec<u8> {
    let (account, key_id) = (account.as_str(), key_id.as_str());
    key(Space::Usage, &[account.as_bytes(), key_id.as_bytes()])
}

/// Key of an entry of the due index.
pub fn due(entry: &Due) -> Vec<u8> {
    let (account, key_id) = (entry.account.as_str(), entry.key_id.as_str());
    key(
        Space::Due,
        &[
            &moment(entry.due),
            account.as_bytes(),
            key_id.as_bytes(),
            &[entry.kind.code()],
        ],
    )
}

/// Key of a credential record.
pub fn credential(access_key_id: &str) -> Vec<u8> {
    key(Space::Credential, &[access_key_id.as_bytes()])
}

/// Key of an audit record on its way to the log.
pub fn outbox(event_id: &RequestId) -> Vec<u8> {
    key(Space::Outbox, &[event_id.as_str().as_bytes()])
}

/// The key records of an account, after one of them if given.
pub fn keys_of(account: AccountId, after: Option<KeyId>) -> Range {
    let all = prefix(key(Space::Key, &[account.as_str().as_bytes()]));
    starting_after(all, after.map(|key_id| key_record(account, key_id)))
}

/// The aliases of an account in order of their names, after one of them if given.
pub fn aliases_of_account(account: AccountId, after: Option<&AliasName>) -> Range {
    let all = prefix(key(Space::Alias, &[account.as_str().as_bytes()]));
    starting_after(all, after.map(|name| alias(account, name)))
}

/// The aliases of a key in order of their names, after one of them if given.
pub fn aliases_of_key(account: AccountId, key_id: KeyId, after: Option<&AliasName>) -> Range {
    let parts = [account.as_str().as_bytes(), key_id.as_str().as_bytes()];
    let all = prefix(key(Space::AliasByKey, &parts));
    starting_after(all, after.map(|name| alias_by_key(account, key_id, name)))
}

/// What is due at `now` or before, earliest first, after one entry if given.
pub fn due_until(now: Timestamp, after: Option<&Due>) -> Range {
    let until_now = Range {
        start: key(Space::Due, &[]),
        end: prefix(key(Space::Due, &[&moment(now)])).end,
    };
    starting_after(until_now, after.map(due))
}

/// All audit records on their way to the log.
pub fn outbox_all() -> Range {
    prefix(key(Space::Outbox, &[]))
}

/// All credential records, after one of them if given.
pub fn credentials_all(after: Option<&str>) -> Range {
    starting_after(prefix(key(Space::Credential, &[])), after.map(credential))
}

/// Every entry there can be.
pub fn everything() -> Range {
    Range {
        start: Vec::new(),
        end: vec![u8::MAX],
    }
}

/// The key id in the key of a key record.
pub fn parse_key_record(bytes: &[u8]) -> Option<(AccountId, KeyId)> {
    let rest = strip(Space::Key, bytes)?;
    let (account, key_id) = rest.split_at_checked(ACCOUNT_BYTES)?;
    Some((parse_account(account)?, parse_key_id(key_id)?))
}

/// The entry of the due index that has this key.
pub fn parse_due(bytes: &[u8]) -> Option<Due> {
    let rest = strip(Space::Due, bytes)?;
    let (at, rest) = rest.split_first_chunk::<MOMENT_BYTES>()?;
    let (account, rest) = rest.split_at_checked(ACCOUNT_BYTES)?;
    let (key_id, kind) = rest.split_at_checked(KEY_ID_BYTES)?;
    let mut kinds = DueKind::ALL.iter().copied();
    Some(Due {
        due: moment_of(*at),
        account: parse_account(account)?,
        key_id: parse_key_id(key_id)?,
        kind: kinds.find(|one| kind == [one.code()])?,
    })
}

/// The event id in the key of an outbox entry.
pub fn parse_outbox(bytes: &[u8]) -> Option<RequestId> {
    let text = std::str::from_utf8(strip(Space::Outbox, bytes)?).ok()?;
    RequestId::parse(text).ok()
}

/// The access key id in the key of a credential record.
pub fn parse_credential(bytes: &[u8]) -> Option<&str> {
    std::str::from_utf8(strip(Space::Credential, bytes)?).ok()
}

fn strip(space: Space, bytes: &[u8]) -> Option<&[u8]> {
    bytes.strip_prefix(&[space as u8])
}

fn parse_account(bytes: &[u8]) -> Option<AccountId> {
    AccountId::parse(std::str::from_utf8(bytes).ok()?).ok()
}

fn parse_key_id(bytes: &[u8]) -> Option<KeyId> {
    KeyId::parse(std::str::from_utf8(bytes).ok()?).ok()
}

/// All keys that start with these bytes, of which the first is a space byte.
fn prefix(start: Vec<u8>) -> Range {
    let mut end = start.clone();
    while let Some(last) = end.pop() {
        if let Some(next) = last.checked_add(1) {
            end.push(next);
            break;
        }
    }
    Range { start, end }
}

/// The part of a range after a key; the zero byte makes the smallest larger key.
fn starting_after(range: Range, after: Option<Vec<u8>>) -> Range {
    match after {
        Some(mut start) => {
            start.push(0);
            Range { start, ..range }
        }
        None => range,
    }
}
