//! The values of the condition keys `aws:…`.
//!
//! Source: IAM User Guide, "AWS global condition context keys"; for who has which user id, "IAM
//! policy elements: Variables and tags", table of principal key values.

mod text;

use keystead_policy::{ConditionKey, Context, KnownKey, Presence, Value};
use keystead_types::{AccountId, Principal, SessionContext, Timestamp};

use crate::{Bearer, Membership, Origin, Standing};

pub use text::{Pairs, Texts};

/// What is known of a request, for the condition keys `aws:…` and the claims of web identities.
/// Keys of services (`kms:…`, `iam:…`, `sts:…`) are absent here: whoever serves them wraps this.
#[derive(Clone, Copy)]
pub struct GlobalContext<'a> {
    /// Who asks.
    pub bearer: &'a Bearer,
    /// What its account says of it: its tags.
    pub standing: &'a Standing,
    /// What the organisation says of the caller's account.
    pub membership: &'a Membership,
    /// Where the request came from.
    pub origin: &'a Origin,
    /// The partition of the caller's ARN: `aws`.
    pub partition: &'a str,
    /// The Region that was asked: `eu-central-1`; `us-east-1` for IAM.
    pub region: &'a str,
    /// The present moment.
    pub now: Timestamp,
    /// The account of the resource, if one is known.
    pub resource_account: Option<AccountId>,
    /// What the organisation says of the resource's account.
    pub resource_membership: Option<&'a Membership>,
    /// What the organisation says of `origin.source.account`.
    pub source_membership: Option<&'a Membership>,
    /// The resource's tags; `None` when the resource has none or is not known.
    pub resource_tags: Option<&'a dyn Pairs>,
    /// The tags in the request; `None` for operations that carry none.
    pub request_tags: Option<&'a dyn Pairs>,
    /// The tag keys in the request of an operation that carries keys only (UntagResource); for
    /// others they are those of `request_tags`.
    pub tag_keys: Option<&'a dyn Texts>,
}

impl Context for GlobalContext<'_> {
    fn values(&self, key: &ConditionKey, each: &mut dyn FnMut(Value<'_>)) -> Presence {
        match key.known() {
            Some(known) => self.known(known, key.tail(), each),
            None => self.claims(key.name(), each),
        }
    }
}

type Each<'e> = dyn FnMut(Value<'_>) + 'e;

fn text(value: Option<&str>, each: &mut Each<'_>) -> Presence {
    single(value.map(Value::Text), each)
}

fn flag(value: bool, each: &mut Each<'_>) -> Presence {
    single(Some(Value::Flag(value)), each)
}

fn single(value: Option<Value<'_>>, each: &mut Each<'_>) -> Presence {
    let Some(value) = value else {
        return Presence::Absent;
    };
    each(value);
    Presence::Single
}

/// The first pair with a key, without ASCII case.
fn tag(pairs: Option<&dyn Pairs>, key: &str, each: &mut Each<'_>) -> Presence {
    let mut found = Presence::Absent;
    if let Some(pairs) = pairs {
        pairs.each(&mut |own, value| {
            if found == Presence::Absent && own.eq_ignore_ascii_case(key) {
                each(Value::Text(value));
                found = Presence::Single;
            }
        });
    }
    found
}

fn organization(membership: Option<&Membership>, each: &mut Each<'_>) -> Presence {
    text(membership.and_then(|own| own.organization.as_deref()), each)
}

fn paths(membership: Option<&Membership>, each: &mut Each<'_>) -> Presence {
    match membership.and_then(|own| own.path.as_deref()) {
        Some(path) => {
            each(Value::Text(path));
            Presence::Multi
        }
        None => Presence::Absent,
    }
}

impl<'a> GlobalContext<'a> {
    fn principal(&self) -> &'a Principal {
        &self.bearer.caller.principal
    }

    fn session(&self) -> Option<&'a SessionContext> {
        self.bearer.caller.session.as_deref()
    }

    /// The services of a forward access session.
    fn via(&self) -> &'a [std::sync::Arc<str>] {
        self.session().map_or(&[], |session| &session.via)
    }

    /// The name of the service, if a service asks for itself.
    fn service(&self) -> Option<&'a str> {
        match self.principal() {
            Principal::Service { name } => Some(name),
            _ => None,
        }
    }

    /// Whether the client itself is at the other end of the connection.
    fn is_direct(&self) -> bool {
        self.via().is_empty() && self.service().is_none()
    }

    /// The caller's organisation; services have none.
    fn own_membership(&self) -> Option<&'a Membership> {
        self.service().is_none().then_some(self.membership)
    }

    fn known(&self, key: KnownKey, tail: &str, each: &mut Each<'_>) -> Presence {
        use KnownKey as K;
        match key {
            K::PrincipalAccount
            | K::PrincipalArn
            | K::PrincipalIsAwsService
            | K::PrincipalOrgId
            | K::PrincipalOrgPaths
            | K::PrincipalServiceName
            | K::PrincipalServiceNamesList
            | K::PrincipalTag
            | K::PrincipalType
            | K::UserId
            | K::UserName => self.of_principal(key, tail, each),
            K::FederatedProvider
            | K::MultiFactorAuthAge
            | K::MultiFactorAuthPresent
            | K::SourceIdentity
            | K::TokenIssueTime => self.of_session(key, each),
            K::CalledVia
            | K::CalledViaFirst
            | K::CalledViaLast
            | K::Referer
            | K::SecureTransport
            | K::SourceAccount
            | K::SourceArn
            | K::SourceIp
            | K::SourceOrgId
            | K::SourceOrgPaths
            | K::SourceVpc
            | K::SourceVpce
            | K::UserAgent
            | K::ViaAwsService
            | K::VpcSourceIp => self.of_origin(key, each),
            K::CurrentTime => single(Some(Value::Moment(self.now)), each),
            K::EpochTime => single(Some(Value::Number(self.now.as_seconds())), each),
            K::RequestedRegion => text(Some(self.region), each),
            K::ResourceAccount => {
                let account = self.resource_account.as_ref();
                text(account.map(AccountId::as_str), each)
            }
            K::ResourceOrgId => organization(self.resource_membership, each),
            K::ResourceOrgPaths => paths(self.resource_membership, each),
            K::ResourceTag => tag(self.resource_tags, tail, each),
            K::RequestTag => tag(self.request_tags, tail, each),
            K::TagKeys => self.tag_keys(each),
            K::BypassPolicyLockoutSafetyCheck
            | K::CallerAccount
            | K::CustomerMasterKeySpec
            | K::CustomerMasterKeyUsage
            | K::DataKeyPairSpec
            | K::EncryptionAlgorithm
            | K::EncryptionContext
            | K::EncryptionContextKeys
            | K::ExpirationModel
            | K::GrantConstraintSourceArn
            | K::GrantConstraintType
            | K::GrantIsForAwsResource
            | K::GrantOperations
            | K::GranteePrincipal
            | K::GranteeServicePrincipal
            | K::IamPassedToService
            | K::IamPermissionsBoundary
            | K::IamPolicyArn
            | K::IamResourceTag
            | K::KeyAgreementAlgorithm
            | K::KeyOrigin
            | K::KeySpec
            | K::KeyUsage
            | K::MacAlgorithm
            | K::MessageType
            | K::MultiRegion
            | K::MultiRegionKeyType
            | K::PendingWindowInDays
            | K::PolicyName
            | K::PrimaryRegion
            | K::ReEncryptOnSameKey
            | K::RecipientImageSha384
            | K::RecipientNitroTpmPcr
            | K::RecipientPcr
            | K::ReplicaRegion
            | K::RequestAlias
            | K::ResourceAliases
            | K::RetiringPrincipal
            | K::RetiringServicePrincipal
            | K::RotationPeriodInDays
            | K::SigningAlgorithm
            | K::StsExternalId
            | K::StsRoleSessionName
            | K::StsSourceIdentity
            | K::StsTransitiveTagKeys
            | K::TrailingDaysWithoutKeyUsage
            | K::ValidTo
            | K::ViaService
            | K::WrappingAlgorithm
            | K::WrappingKeySpec => Presence::Absent,
        }
    }

    fn of_principal(&self, key: KnownKey, tail: &str, each: &mut Each<'_>) -> Presence {
        use KnownKey as K;
        match key {
            K::PrincipalIsAwsService => return flag(self.service().is_some(), each),
            K::PrincipalServiceName => return text(self.service(), each),
            K::PrincipalServiceNamesList => {
                return match self.service() {
                    Some(name) => {
                        each(Value::Text(name));
                        Presence::Multi
                    }
                    None => Presence::Absent,
                };
            }
            _ => {}
        }
        match key {
            K::PrincipalAccount => {
                let account = self.principal().account();
                text(account.as_ref().map(AccountId::as_str), each)
            }
            K::PrincipalArn => text::principal_arn(self.principal(), self.partition, each),
            K::PrincipalOrgId => organization(self.own_membership(), each),
            K::PrincipalOrgPaths => paths(self.own_membership(), each),
            K::PrincipalTag => self.principal_tag(tail, each),
            K::PrincipalType => text(principal_type(self.principal()), each),
            K::UserId => text::user_id(&self.bearer.caller, each),
            K::UserName => match self.principal() {
                Principal::User { name, .. } => text(name.rsplit('/').next(), each),
                _ => Presence::Absent,
            },
            _ => Presence::Absent,
        }
    }

    /// The names of the `aws:PrincipalTag/…` that the caller has.
    pub fn principal_tag_keys(&self) -> impl Iterator<Item = String> {
        let of_session = self.session().map(|session| session.tags.iter());
        let tags = of_session.into_iter().flatten().chain(&*self.standing.tags);
        tags.map(|(key, _)| format!("{}{key}", KnownKey::PrincipalTag.name()))
    }

    /// Session tags win over the user's or role's own.
    fn principal_tag(&self, key: &str, each: &mut Each<'_>) -> Presence {
        let of_session = self.session().map(|session| &session.tags as &dyn Pairs);
        match tag(of_session, key, each) {
            Presence::Absent => tag(Some(&&*self.standing.tags), key, each),
            found => found,
        }
    }

    fn of_session(&self, key: KnownKey, each: &mut Each<'_>) -> Presence {
        let Some(session) = self.session() else {
            return Presence::Absent;
        };
        match key {
            KnownKey::FederatedProvider => text(session.federated_provider.as_deref(), each),
            KnownKey::SourceIdentity => text(session.source_identity.as_deref(), each),
            KnownKey::TokenIssueTime => single(Some(Value::Moment(session.issued)), each),
            KnownKey::MultiFactorAuthPresent => flag(session.mfa_at.is_some(), each),
            KnownKey::MultiFactorAuthAge => {
                let age = |at: Timestamp| self.now.as_seconds().saturating_sub(at.as_seconds());
                single(session.mfa_at.map(|at| Value::Number(age(at))), each)
            }
            _ => Presence::Absent,
        }
    }

    fn of_origin(&self, key: KnownKey, each: &mut Each<'_>) -> Presence {
        use KnownKey as K;
        let (origin, via) = (self.origin, self.via());
        let endpoint = origin.endpoint.as_deref().filter(|_| self.is_direct());
        let source = origin.source.as_ref().filter(|_| self.service().is_some());
        match key {
            K::CalledVia if via.is_empty() => Presence::Absent,
            K::CalledVia => {
                via.iter().for_each(|service| each(Value::Text(service)));
                Presence::Multi
            }
            K::CalledViaFirst => text(via.first().map(AsRef::as_ref), each),
            K::CalledViaLast => text(via.last().map(AsRef::as_ref), each),
            K::ViaAwsService => flag(!via.is_empty(), each),
            K::SecureTransport => flag(origin.secure_transport, each),
            K::Referer => text(origin.referer.as_deref().filter(|_| self.is_direct()), each),
            K::UserAgent => match via.last() {
                Some(service) => text(Some(service), each),
                None => text(Some(&origin.user_agent), each),
            },
            K::SourceIp | K::VpcSourceIp => {
                let wanted = (key == K::VpcSourceIp) == origin.endpoint.is_some();
                let address = origin.source_ip.filter(|_| wanted && self.is_direct());
                single(address.map(Value::Address), each)
            }
            K::SourceVpc => text(endpoint.map(|endpoint| &*endpoint.vpc), each),
            K::SourceVpce => text(endpoint.map(|endpoint| &*endpoint.id), each),
            K::SourceArn => text(source.and_then(|source| source.arn.as_deref()), each),
            K::SourceAccount => {
                let account = source.and_then(|source| source.account.as_ref());
                text(account.map(AccountId::as_str), each)
            }
            K::SourceOrgId => organization(source.and(self.source_membership), each),
            K::SourceOrgPaths => paths(source.and(self.source_membership), each),
            _ => Presence::Absent,
        }
    }

    fn tag_keys(&self, each: &mut Each<'_>) -> Presence {
        match (self.tag_keys, self.request_tags) {
            (Some(keys), _) => keys.each(&mut |key| each(Value::Text(key))),
            (None, Some(tags)) => tags.each(&mut |key, _| each(Value::Text(key))),
            (None, None) => return Presence::Absent,
        }
        Presence::Multi
    }

    /// What the provider of a web identity said, by condition key: `accounts.example.com:aud`.
    fn claims(&self, name: &str, each: &mut Each<'_>) -> Presence {
        let claims = self.session().map_or(&[][..], |session| &session.claims);
        let mut of_name = claims
            .iter()
            .filter(|(own, _)| own.eq_ignore_ascii_case(name));
        let Some((_, first)) = of_name.next() else {
            return Presence::Absent;
        };
        each(Value::Text(first));
        let mut found = Presence::Single;
        for (_, next) in of_name {
            each(Value::Text(next));
            found = Presence::Multi;
        }
        found
    }
}

fn principal_type(principal: &Principal) -> Option<&'static str> {
    match principal {
        Principal::Root { .. } => Some("Account"),
        Principal::User { .. } => Some("User"),
        Principal::RoleSession { .. } => Some("AssumedRole"),
        Principal::FederatedUser { .. } => Some("FederatedUser"),
        Principal::Service { .. } => None,
    }
}

#[cfg(test)]
mod tests;
