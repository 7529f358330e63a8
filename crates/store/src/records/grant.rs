//! The record of a grant.

use keystead_types::{AccountId, GrantId, GrantOperation, KeyId, Timestamp};

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
    /// Who may retire it.
    pub retiring: Option<GrantParty>,
    /// What it allows, in the order of the request, each once.
    pub operations: Vec<GrantOperation>,
    /// When it allows it.
    pub constraints: Option<GrantConstraints>,
    /// The account that created it.
    pub issuing_account: AccountId,
    /// When it was created.
    pub created: Timestamp,
}

/// A principal of a grant.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum GrantParty {
    /// `GranteePrincipal` or `RetiringPrincipal`: an ARN, as sent.
    Principal(String),
    /// `GranteeServicePrincipal` or `RetiringServicePrincipal`.
    Service(String),
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
