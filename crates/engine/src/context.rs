//! The condition keys of a KMS request: `kms:*` here, `aws:*` where identities are known.
//!
//! Source: KMS Developer Guide, "AWS KMS condition keys"; IAM User Guide, "AWS global condition
//! context keys". What an operation does not have is absent.

use std::cell::Cell;

use keystead_attestation::{Attested, DocumentKind};
use keystead_identity::GlobalContext;
use keystead_policy::{ConditionKey, Context, KnownKey, Presence, Value};
use keystead_store::records::{KeyRecord, MultiRegionRole};
use keystead_types::{AccountId, AliasName, KeyManager, Principal, Region};

use crate::facts::{Facts, Tags};
use crate::limits::{PCR_MAX_BYTES, VIA_SERVICE_MAX_BYTES};

/// What only the store knows of a key; read when a policy asks for it.
#[derive(Default)]
pub(crate) struct Late {
    /// The key's aliases.
    pub(crate) aliases: Option<Vec<AliasName>>,
    /// Whole days since the key was last used.
    pub(crate) idle_days: Option<i64>,
}

/// What a policy asked for that is not read yet.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Wanted {
    pub(crate) aliases: bool,
    pub(crate) idle_days: bool,
}

impl Wanted {
    pub(crate) fn any(self) -> bool {
        self.aliases || self.idle_days
    }
}

/// The condition keys of one question.
pub(crate) struct KmsContext<'a> {
    /// Those of every service.
    pub(crate) global: GlobalContext<'a>,
    /// What the request says.
    pub(crate) facts: &'a Facts<'a>,
    /// The key in question.
    pub(crate) key: Option<&'a KeyRecord>,
    /// The account that the request counts for.
    pub(crate) account: AccountId,
    pub(crate) region: &'a Region,
    /// Who asks, and through which services.
    pub(crate) principal: &'a Principal,
    pub(crate) via: &'a [std::sync::Arc<str>],
    /// The alias by which the request named the key.
    pub(crate) alias: Option<&'a AliasName>,
    /// For ReEncrypt: whether source and destination are one key.
    pub(crate) same_key: Option<bool>,
    /// The recipient's attestation, verified.
    pub(crate) attested: Option<&'a Attested>,
    pub(crate) late: &'a Late,
    /// What was asked for in vain.
    pub(crate) wanted: Cell<Wanted>,
}

impl Context for KmsContext<'_> {
    fn values(&self, key: &ConditionKey, each: &mut dyn FnMut(Value<'_>)) -> Presence {
        match key.known() {
            Some(known) => self.known(known, key, each),
            // A claim of a web identity, or a name that nobody knows.
            None => self.global.values(key, each),
        }
    }
}

type Each<'e> = &'e mut dyn FnMut(Value<'_>);

fn text(value: Option<&str>, each: Each<'_>) -> Presence {
    one(value.map(Value::Text), each)
}

fn flag(value: Option<bool>, each: Each<'_>) -> Presence {
    one(value.map(Value::Flag), each)
}

fn number(value: Option<u32>, each: Each<'_>) -> Presence {
    one(value.map(|value| Value::Number(value.into())), each)
}

fn one(value: Option<Value<'_>>, each: Each<'_>) -> Presence {
    match value {
        Some(value) => {
            each(value);
            Presence::Single
        }
        None => Presence::Absent,
    }
}

/// What was told so many times.
fn counted(count: usize) -> Presence {
    match count {
        0 => Presence::Absent,
        1 => Presence::Single,
        _ => Presence::Multi,
    }
}

impl KmsContext<'_> {
    /// Every known key: one that is added to the policy language must be told here or there.
    fn known(&self, known: KnownKey, key: &ConditionKey, each: Each<'_>) -> Presence {
        use KnownKey as K;
        let facts = self.facts;
        let grant = facts.grant.as_ref();
        match known {
            K::BypassPolicyLockoutSafetyCheck => flag(facts.bypass_lockout, each),
            K::CallerAccount => text(self.key.map(|_| self.account.as_str()), each),
            K::CustomerMasterKeySpec | K::KeySpec => text(self.spec(), each),
            K::CustomerMasterKeyUsage | K::KeyUsage => text(self.usage(), each),
            K::DataKeyPairSpec => text(facts.data_key_pair_spec.map(|spec| spec.as_str()), each),
            K::EncryptionAlgorithm => text(facts.encryption_algorithm, each),
            K::EncryptionContextKeys => self.context_keys(each),
            K::ExpirationModel => text(facts.expiration_model, each),
            K::GrantConstraintType => self.constraint_types(each),
            K::GrantConstraintSourceArn => text(grant.and_then(|grant| grant.source_arn), each),
            K::GrantIsForAwsResource => {
                flag(facts.about_grants.then_some(!self.via.is_empty()), each)
            }
            K::GrantOperations => self.grant_operations(each),
            K::GranteePrincipal => text(grant.and_then(|grant| grant.grantee), each),
            K::GranteeServicePrincipal => text(grant.and_then(|grant| grant.grantee_service), each),
            K::KeyAgreementAlgorithm => text(facts.key_agreement_algorithm, each),
            K::KeyOrigin => text(self.origin(), each),
            K::MacAlgorithm => text(facts.mac_algorithm, each),
            K::MessageType => text(facts.message_type, each),
            K::MultiRegion => flag(self.multi_region().map(|role| role.is_some()), each),
            K::MultiRegionKeyType => text(self.multi_region().flatten(), each),
            K::PolicyName => text(facts.policy_name, each),
            K::PrimaryRegion => text(facts.primary_region, each),
            K::ReEncryptOnSameKey => flag(self.same_key, each),
            K::RecipientImageSha384 => self.image(each),
            K::ReplicaRegion => text(facts.replica_region, each),
            K::RequestAlias => {
                let alias = self.alias.filter(|_| facts.by_alias);
                text(alias.map(AliasName::as_str), each)
            }
            K::ResourceAliases => self.aliases(each),
            K::RetiringPrincipal => text(grant.and_then(|grant| grant.retiring), each),
            K::RetiringServicePrincipal => {
                text(grant.and_then(|grant| grant.retiring_service), each)
            }
            K::RotationPeriodInDays => number(facts.rotation_period_days, each),
            K::PendingWindowInDays => number(facts.pending_window_days, each),
            K::SigningAlgorithm => text(facts.signing_algorithm, each),
            K::TrailingDaysWithoutKeyUsage => self.idle_days(each),
            K::ValidTo => one(facts.valid_to.map(Value::Moment), each),
            K::ViaService => self.via_service(each),
            K::WrappingAlgorithm => text(facts.wrapping_algorithm, each),
            K::WrappingKeySpec => text(facts.wrapping_key_spec, each),
            K::EncryptionContext => self.context_value(key.tail(), each),
            K::RecipientPcr => self.register(DocumentKind::Enclave, key.tail(), each),
            K::RecipientNitroTpmPcr => self.register(DocumentKind::NitroTpm, key.tail(), each),
            K::TagKeys => self.tag_keys(each),
            K::RequestTag => self.request_tag(key.tail(), each),
            K::ResourceTag => self.resource_tag(key.tail(), each),
            K::CalledVia
            | K::CalledViaFirst
            | K::CalledViaLast
            | K::CurrentTime
            | K::EpochTime
            | K::FederatedProvider
            | K::MultiFactorAuthAge
            | K::MultiFactorAuthPresent
            | K::PrincipalAccount
            | K::PrincipalArn
            | K::PrincipalIsAwsService
            | K::PrincipalOrgId
            | K::PrincipalOrgPaths
            | K::PrincipalServiceName
            | K::PrincipalServiceNamesList
            | K::PrincipalTag
            | K::PrincipalType
            | K::Referer
            | K::RequestedRegion
            | K::ResourceAccount
            | K::ResourceOrgId
            | K::ResourceOrgPaths
            | K::SecureTransport
            | K::SourceAccount
            | K::SourceArn
            | K::SourceIdentity
            | K::SourceIp
            | K::SourceOrgId
            | K::SourceOrgPaths
            | K::SourceVpc
            | K::SourceVpce
            | K::TokenIssueTime
            | K::UserAgent
            | K::UserId
            | K::UserName
            | K::ViaAwsService
            | K::VpcSourceIp => self.global.values(key, each),
            K::StsExternalId
            | K::StsRoleSessionName
            | K::StsSourceIdentity
            | K::StsTransitiveTagKeys
            | K::IamPassedToService
            | K::IamPermissionsBoundary
            | K::IamPolicyArn
            | K::IamResourceTag => Presence::Absent,
        }
    }

    fn spec(&self) -> Option<&'static str> {
        let created = self.facts.created.map(|key| key.spec);
        let spec = self.key.map(|key| key.spec).or(created)?;
        Some(spec.as_str())
    }

    fn usage(&self) -> Option<&'static str> {
        let created = self.facts.created.and_then(|key| key.usage);
        let usage = self.key.map(|key| key.usage).or(created)?;
        Some(usage.as_str())
    }

    fn origin(&self) -> Option<&'static str> {
        let created = self.facts.created.map(|key| key.origin);
        let origin = self.key.map(|key| key.origin).or(created)?;
        Some(origin.as_str())
    }

    /// What the key is in a set, if it is in one; none without a key.
    fn multi_region(&self) -> Option<Option<&'static str>> {
        let role = |role| match role {
            MultiRegionRole::Primary => "PRIMARY",
            MultiRegionRole::Replica => "REPLICA",
        };
        match (self.key, self.facts.created) {
            (Some(key), _) => Some(key.multi_region.as_ref().map(|set| role(set.role))),
            (None, Some(created)) => Some(created.multi_region),
            (None, None) => None,
        }
    }

    /// The keys of the request's encryption context, or of a grant's constraints.
    fn context_keys(&self, each: Each<'_>) -> Presence {
        let mut count = 0_usize;
        self.context_pairs(|key, _| {
            count += 1;
            each(Value::Text(key));
        });
        match count {
            0 => Presence::Absent,
            _ => Presence::Multi,
        }
    }

    /// Keys of an encryption context are named in policies without case; a request with several
    /// that differ in case only has several values.
    fn context_value(&self, name: &str, each: Each<'_>) -> Presence {
        let mut count = 0;
        self.context_pairs(|key, value| {
            if key.eq_ignore_ascii_case(name) {
                count += 1;
                each(Value::Text(value));
            }
        });
        counted(count)
    }

    fn context_pairs(&self, mut tell: impl FnMut(&str, &str)) {
        self.facts.encryption_context.each(&mut tell);
        if let Some(grant) = &self.facts.grant {
            grant.equals.each(&mut tell);
            grant.subset.each(&mut tell);
        }
    }

    fn constraint_types(&self, each: Each<'_>) -> Presence {
        let Some(grant) = &self.facts.grant else {
            return Presence::Absent;
        };
        let mut count = 0;
        for (pairs, name) in [
            (grant.equals, "EncryptionContextEquals"),
            (grant.subset, "EncryptionContextSubset"),
        ] {
            if !pairs.is_empty() {
                count += 1;
                each(Value::Text(name));
            }
        }
        counted(count)
    }

    fn grant_operations(&self, each: Each<'_>) -> Presence {
        let Some(grant) = &self.facts.grant else {
            return Presence::Absent;
        };
        for operation in grant.operations {
            each(Value::Text(operation.as_str()));
        }
        Presence::Multi
    }

    fn aliases(&self, each: Each<'_>) -> Presence {
        if self.key.is_none() {
            return Presence::Absent;
        }
        let Some(aliases) = &self.late.aliases else {
            let wanted = self.wanted.get();
            self.wanted.set(Wanted {
                aliases: true,
                ..wanted
            });
            return Presence::Absent;
        };
        for alias in aliases {
            each(Value::Text(alias.as_str()));
        }
        match aliases.as_slice() {
            [] => Presence::Absent,
            _ => Presence::Multi,
        }
    }

    fn idle_days(&self, each: Each<'_>) -> Presence {
        if self.key.is_none() || !self.facts.ends_use {
            return Presence::Absent;
        }
        if self.late.idle_days.is_none() {
            let wanted = self.wanted.get();
            self.wanted.set(Wanted {
                idle_days: true,
                ..wanted
            });
        }
        one(self.late.idle_days.map(Value::Number), each)
    }

    /// `s3.eu-west-1.amazonaws.com`, in every partition. A service that calls by itself counts as
    /// a way through it for its own AWS managed key only.
    fn via_service(&self, each: Each<'_>) -> Presence {
        let Some(key) = self.key else {
            return Presence::Absent;
        };
        let service = match (self.via.last(), self.principal) {
            (Some(last), _) => last,
            (None, Principal::Service { name }) if key.manager == KeyManager::Aws => name,
            _ => return Presence::Absent,
        };
        let label = service.split('.').next().unwrap_or_default();
        let parts = [label, ".", self.region.as_str(), ".amazonaws.com"];
        let mut room = [0; VIA_SERVICE_MAX_BYTES];
        let mut end = 0;
        for part in parts {
            let next = end + part.len();
            let Some(place) = room.get_mut(end..next) else {
                return Presence::Absent;
            };
            place.copy_from_slice(part.as_bytes());
            end = next;
        }
        let name = room.get(..end).map(str::from_utf8);
        text(name.and_then(Result::ok), each)
    }

    /// The digest of an enclave's image: its PCR0.
    fn image(&self, each: Each<'_>) -> Presence {
        let enclave = |one: &&Attested| one.kind == DocumentKind::Enclave;
        let value = self.attested.filter(enclave);
        hex(value.and_then(|one| one.pcrs.get(&0)), each)
    }

    fn register(&self, kind: DocumentKind, tail: &str, each: Each<'_>) -> Presence {
        let plain = tail.bytes().all(|byte| byte.is_ascii_digit());
        let register = tail.parse().ok().filter(|_: &u8| plain);
        let attested = self.attested.filter(|one| one.kind == kind);
        let value = register.zip(attested);
        hex(value.and_then(|(n, one)| one.pcrs.get(&n)), each)
    }

    fn tag_keys(&self, each: Each<'_>) -> Presence {
        let tags = self.facts.tags;
        if tags.is_empty() {
            return Presence::Absent;
        }
        tags.each(|key, _| each(Value::Text(key)));
        Presence::Multi
    }

    fn request_tag(&self, name: &str, each: Each<'_>) -> Presence {
        if let Tags::Removed(_) = self.facts.tags {
            return Presence::Absent;
        }
        let mut count = 0;
        self.facts.tags.each(|key, value| {
            if let Some(value) = value
                && key.eq_ignore_ascii_case(name)
            {
                count += 1;
                each(Value::Text(value));
            }
        });
        counted(count)
    }

    /// Tags of the key. Names of tags are compared without case here, as in every condition key.
    fn resource_tag(&self, name: &str, each: Each<'_>) -> Presence {
        let tags = self.key.map(|key| key.tags.as_slice()).unwrap_or_default();
        let mut count = 0;
        for (key, value) in tags {
            if key.eq_ignore_ascii_case(name) {
                count += 1;
                each(Value::Text(value));
            }
        }
        counted(count)
    }
}

/// Tells bytes as lower-case hex.
fn hex(bytes: Option<&Vec<u8>>, each: Each<'_>) -> Presence {
    let Some(bytes) = bytes else {
        return Presence::Absent;
    };
    let mut room = [0; 2 * PCR_MAX_BYTES];
    let Some(place) = room.get_mut(..2 * bytes.len()) else {
        return Presence::Absent;
    };
    let digit = |nibble: u8| match nibble {
        0..=9 => b'0' + nibble,
        _ => b'a' + (nibble - 10),
    };
    for (pair, byte) in place.chunks_exact_mut(2).zip(bytes) {
        pair.copy_from_slice(&[digit(byte >> 4), digit(byte & 0x0f)]);
    }
    text(str::from_utf8(place).ok(), each)
}
