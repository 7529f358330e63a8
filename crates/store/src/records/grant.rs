//! The record of a grant.

use aws_lc_rs::digest::{Context, SHA256};
use keystead_types::{AccountId, GrantId, GrantOperation, KeyId, Timestamp};

use crate::layout::GrantPlace;

/// A grant on a key. Source: KMS model, `GrantListEntry`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GrantRecord {
    /// Its id.
    pub grant_id: GrantId,
    /// The owner of the key.
    pub account: AccountId,
    /// The key.
    pub key_id: KeyId,
    /// The name that it was created with.
    pub name: Option<String>,
    /// Who may use it.
    pub grantee: GrantParty,
    /// The unique id of the user or role that the grantee's ARN named when the grant was created;
    /// none for accounts, services, and grants of a store of schema version 2.
    pub grantee_id: Option<String>,
    /// Who may retire it.
    pub retiring: Option<GrantParty>,
    /// As `grantee_id`, of the retiring party.
    pub retiring_id: Option<String>,
    /// What it allows, in the order of the request, each once.
    pub operations: Vec<GrantOperation>,
    /// When it allows it.
    pub constraints: Option<GrantConstraints>,
    /// The account that created it.
    pub issuing_account: AccountId,
    /// When it was created.
    pub created: Timestamp,
    /// SHA-256 of what CreateGrant compares when a request with a name is repeated, as the caller
    /// made it; none for a grant without a name. At most one grant of a key has it.
    pub fingerprint: Option<[u8; 32]>,
    /// The retiring party's [`digest`](GrantParty::digest): present exactly when `retiring` is.
    pub retiring_digest: Option<[u8; 32]>,
}

impl GrantRecord {
    /// What the index by grantee finds it by: of the unique id to which the grantee is bound,
    /// else of its ARN or name. So a renamed user keeps its grants, and a later user of the same
    /// name finds none of them.
    pub fn grantee_digest(&self) -> [u8; 32] {
        match &self.grantee_id {
            Some(id) => id_digest(id),
            None => self.grantee.digest(),
        }
    }

    /// Which grant it is.
    pub fn place(&self) -> GrantPlace {
        GrantPlace {
            account: self.account,
            key_id: self.key_id,
            grant_id: self.grant_id,
        }
    }
}

/// A principal of a grant.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum GrantParty {
    /// `GranteePrincipal` or `RetiringPrincipal`: an ARN, as sent.
    Principal(String),
    /// `GranteeServicePrincipal` or `RetiringServicePrincipal`.
    Service(String),
}

impl GrantParty {
    /// What the indexes find a party's grants by: SHA-256 of a byte for its kind (1 principal, 2
    /// service) and its text. It only keeps entries short; nothing secret is in it.
    pub fn digest(&self) -> [u8; 32] {
        digest(self.kind_code(), self.text())
    }

    /// Stored number of its kind, stable.
    pub(super) fn kind_code(&self) -> u8 {
        match self {
            Self::Principal(_) => 1,
            Self::Service(_) => 2,
        }
    }

    /// The ARN or the service's name.
    pub fn text(&self) -> &str {
        match self {
            Self::Principal(text) | Self::Service(text) => text,
        }
    }

    pub(super) fn from_code(code: u8, text: String) -> Option<Self> {
        match code {
            1 => Some(Self::Principal(text)),
            2 => Some(Self::Service(text)),
            _ => None,
        }
    }
}

/// What the index by grantee finds the grants of a user or role by that are bound to its unique
/// id: SHA-256 of a byte 3 and the id.
pub fn id_digest(unique_id: &str) -> [u8; 32] {
    digest(3, unique_id)
}

fn digest(kind: u8, text: &str) -> [u8; 32] {
    let mut context = Context::new(&SHA256);
    context.update(&[kind]);
    context.update(text.as_bytes());
    let mut digest = [0; 32];
    for (to, from) in digest.iter_mut().zip(context.finish().as_ref()) {
        *to = *from;
    }
    digest
}

/// The conditions of a grant. Source: KMS model, `GrantConstraints`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct GrantConstraints {
    /// Pairs that the encryption context must hold, among others; sorted by key.
    pub encryption_context_subset: Option<Vec<(String, String)>>,
    /// Pairs that the encryption context must be; sorted by key.
    pub encryption_context_equals: Option<Vec<(String, String)>>,
    /// The resource on whose behalf a service must act.
    pub source_arn: Option<String>,
}
