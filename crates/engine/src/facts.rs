//! What a request says of itself, for the condition keys of policies and for grants. Everything is
//! borrowed from the request; a value is only worked out when a policy asks for it.
//!
//! Source of the keys and of the operations that have them: KMS Developer Guide, "AWS KMS
//! condition keys".

use keystead_api::model::{RecipientInfo, Tag};
use keystead_types::{EncryptionContext, GrantOperation, KeySpec, KeyUsage, Origin, Timestamp};

/// Which of the resources that an operation names, in the order of its selection: ReEncrypt's
/// source is the first, its destination the second.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// The first, or the only one.
    First,
    /// The second.
    Second,
}

/// What a request says. Every operation states it; what an operation has no parameter for stays
/// as [`Facts::none`] has it. Defaults that a parameter has are stated as if they had been sent,
/// unless the member says otherwise.
#[derive(Clone, Copy, Default)]
pub struct Facts<'a> {
    /// Another action that the request needs on the same resource: kms:TagResource, for tags.
    pub also: Option<&'static str>,
    /// The resource of an operation that names no key, where it is not `*`.
    pub resource: Option<&'a str>,
    /// `BypassPolicyLockoutSafetyCheck`; none when it was not sent.
    pub bypass_lockout: Option<bool>,
    /// `KeyPairSpec` of a data key pair.
    pub data_key_pair_spec: Option<KeySpec>,
    /// The encryption algorithm, also when it is the default.
    pub encryption_algorithm: Option<&'static str>,
    /// The encryption context of the request.
    pub encryption_context: Pairs<'a>,
    /// `ExpirationModel`; none when it was not sent.
    pub expiration_model: Option<&'static str>,
    /// `ValidTo`.
    pub valid_to: Option<Timestamp>,
    /// The grant that is made or retired.
    pub grant: Option<GrantFacts<'a>>,
    /// Whether the operation is about grants for AWS resources: CreateGrant, ListGrants,
    /// RevokeGrant.
    pub about_grants: bool,
    /// `KeyAgreementAlgorithm`.
    pub key_agreement_algorithm: Option<&'static str>,
    /// `MacAlgorithm`.
    pub mac_algorithm: Option<&'static str>,
    /// `SigningAlgorithm`.
    pub signing_algorithm: Option<&'static str>,
    /// `MessageType`.
    pub message_type: Option<&'static str>,
    /// The key that is made.
    pub created: Option<CreatedKey>,
    /// `PolicyName`.
    pub policy_name: Option<&'a str>,
    /// `PrimaryRegion`.
    pub primary_region: Option<&'a str>,
    /// `ReplicaRegion`.
    pub replica_region: Option<&'a str>,
    /// Who alone may read the answer.
    pub recipient: Option<&'a RecipientInfo>,
    /// `RotationPeriodInDays`; none when it was not sent.
    pub rotation_period_days: Option<u32>,
    /// `PendingWindowInDays`; none when it was not sent.
    pub pending_window_days: Option<u32>,
    /// Whether the operation stops a key's use, so that how long ago that was may matter.
    pub ends_use: bool,
    /// `WrappingAlgorithm`.
    pub wrapping_algorithm: Option<&'static str>,
    /// `WrappingKeySpec`.
    pub wrapping_key_spec: Option<&'static str>,
    /// Tags that are set or removed.
    pub tags: Tags<'a>,
    /// Whether the alias by which the request names its key counts.
    pub by_alias: bool,
    /// Grant tokens.
    pub grant_tokens: &'a [String],
}

impl<'a> Facts<'a> {
    /// Nothing: of an operation without such parameters.
    pub fn none() -> Self {
        Self::default()
    }

    /// Those of an operation with a symmetric or asymmetric encryption algorithm and an
    /// encryption context.
    pub fn encryption(
        algorithm: keystead_types::EncryptionAlgorithm,
        context: &'a EncryptionContext,
        grant_tokens: Option<&'a Vec<String>>,
    ) -> Self {
        Self {
            encryption_algorithm: Some(algorithm.as_str()),
            encryption_context: Pairs::Context(context),
            ..Self::use_of_key(grant_tokens)
        }
    }

    /// Those that every operation has which uses a key: an alias counts, and grants with their
    /// tokens.
    pub fn use_of_key(grant_tokens: Option<&'a Vec<String>>) -> Self {
        Self {
            by_alias: true,
            grant_tokens: grant_tokens.map(Vec::as_slice).unwrap_or_default(),
            ..Self::none()
        }
    }
}

/// Pairs of an encryption context or of a grant's constraint.
#[derive(Clone, Copy, Default)]
pub enum Pairs<'a> {
    /// None can be given.
    #[default]
    Absent,
    /// Those of a request.
    Context(&'a EncryptionContext),
    /// Those of a stored grant.
    Stored(&'a [(String, String)]),
}

impl<'a> Pairs<'a> {
    /// Those of a stored constraint, if it has some.
    pub(crate) fn of_stored(pairs: Option<&'a [(String, String)]>) -> Self {
        pairs.map_or(Self::Absent, Self::Stored)
    }

    /// Tells every pair, in order of their keys.
    pub(crate) fn each(self, mut tell: impl FnMut(&'a str, &'a str)) {
        match self {
            Self::Absent => {}
            Self::Context(context) => context.pairs().for_each(|(key, value)| tell(key, value)),
            Self::Stored(pairs) => pairs.iter().for_each(|(key, value)| tell(key, value)),
        }
    }

    pub(crate) fn is_empty(self) -> bool {
        match self {
            Self::Absent => true,
            Self::Context(context) => context.is_empty(),
            Self::Stored(pairs) => pairs.is_empty(),
        }
    }
}

/// What a grant says.
#[derive(Clone, Copy, Default)]
pub struct GrantFacts<'a> {
    /// What it allows.
    pub operations: &'a [GrantOperation],
    /// `EncryptionContextSubset`.
    pub subset: Pairs<'a>,
    /// `EncryptionContextEquals`.
    pub equals: Pairs<'a>,
    /// `SourceArn`.
    pub source_arn: Option<&'a str>,
    /// `GranteePrincipal`.
    pub grantee: Option<&'a str>,
    /// `GranteeServicePrincipal`.
    pub grantee_service: Option<&'a str>,
    /// `RetiringPrincipal`.
    pub retiring: Option<&'a str>,
    /// `RetiringServicePrincipal`.
    pub retiring_service: Option<&'a str>,
}

/// A key that is made: what CreateKey says of it, or ReplicateKey in the replica's Region.
#[derive(Debug, Clone, Copy)]
pub struct CreatedKey {
    /// Its spec.
    pub spec: KeySpec,
    /// Its usage; none if the request should have said.
    pub usage: Option<KeyUsage>,
    /// Where its material comes from.
    pub origin: Origin,
    /// What it will be in a set of multi-Region keys: `PRIMARY`, `REPLICA`.
    pub multi_region: Option<&'static str>,
}

/// Tags of a request.
#[derive(Clone, Copy, Default)]
pub enum Tags<'a> {
    /// It has none.
    #[default]
    None,
    /// Tags that are set.
    Set(&'a [Tag]),
    /// Tags of a key that is made, as they are kept.
    Kept(&'a [(String, String)]),
    /// Keys of tags that are removed.
    Removed(&'a [String]),
}

impl<'a> Tags<'a> {
    /// Those of a key that is made.
    pub fn of_new_key(tags: Option<&'a Vec<Tag>>) -> Self {
        tags.map_or(Self::None, |tags| Self::Set(tags))
    }

    pub(crate) fn is_empty(self) -> bool {
        match self {
            Self::None => true,
            Self::Set(tags) => tags.is_empty(),
            Self::Kept(tags) => tags.is_empty(),
            Self::Removed(keys) => keys.is_empty(),
        }
    }

    /// Tells every tag: its key, and its value if it is set.
    pub(crate) fn each(self, mut tell: impl FnMut(&'a str, Option<&'a str>)) {
        match self {
            Self::None => {}
            Self::Set(tags) => tags
                .iter()
                .for_each(|tag| tell(&tag.tag_key, Some(&tag.tag_value))),
            Self::Kept(tags) => tags.iter().for_each(|(key, value)| tell(key, Some(value))),
            Self::Removed(keys) => keys.iter().for_each(|key| tell(key, None)),
        }
    }
}
