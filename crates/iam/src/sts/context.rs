//! The values of the condition keys `sts:…`.
//!
//! Source: Service Authorization Reference, "Condition keys for AWS Security Token Service".

use keystead_identity::GlobalContext;
use keystead_policy::{ConditionKey, Context, KnownKey, Presence, Value};

/// What a request brings that conditions may look at.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Brought<'a> {
    /// `sts:ExternalId`
    pub(crate) external_id: Option<&'a str>,
    /// `sts:RoleSessionName`
    pub(crate) session_name: Option<&'a str>,
    /// `sts:SourceIdentity`: the one that the request sets.
    pub(crate) source_identity: Option<&'a str>,
    /// `sts:TransitiveTagKeys`
    pub(crate) transitive: &'a [Box<str>],
    /// What the provider of a web identity said: `accounts.example.com:aud`.
    pub(crate) claims: &'a [(Box<str>, Box<str>)],
    /// `aws:FederatedProvider` of a web identity: the provider's ARN or issuer.
    pub(crate) provider: Option<&'a str>,
    /// `aws:PrincipalTag/…` of a certificate's subject, before it has a session.
    pub(crate) principal_tags: &'a [(Box<str>, Box<str>)],
    /// `iam:ResourceTag/…`: tags of the role.
    pub(crate) role_tags: &'a [(Box<str>, Box<str>)],
}

/// What is known of a request to STS.
pub(crate) struct StsContext<'a> {
    /// What is known of every request. A web identity has no caller.
    pub(crate) global: Option<GlobalContext<'a>>,
    /// The moment, Region and connection, where there is no caller.
    pub(crate) bare: Bare<'a>,
    /// What the request brings.
    pub(crate) brought: Brought<'a>,
}

/// What is known without a caller.
#[derive(Clone, Copy)]
pub(crate) struct Bare<'a> {
    pub(crate) origin: &'a keystead_identity::Origin,
    pub(crate) region: &'a str,
    pub(crate) now: keystead_types::Timestamp,
    pub(crate) resource_tags: &'a [(String, String)],
    pub(crate) request_tags: &'a [(Box<str>, Box<str>)],
}

impl Context for StsContext<'_> {
    fn values(&self, key: &ConditionKey, each: &mut dyn FnMut(Value<'_>)) -> Presence {
        let Brought {
            external_id,
            session_name,
            source_identity,
            transitive,
            claims,
            provider,
            principal_tags,
            role_tags,
        } = self.brought;
        let text = match key.known() {
            Some(KnownKey::StsExternalId) => external_id,
            Some(KnownKey::StsRoleSessionName) => session_name,
            Some(KnownKey::StsSourceIdentity) => source_identity,
            Some(KnownKey::StsTransitiveTagKeys) if transitive.is_empty() => None,
            Some(KnownKey::StsTransitiveTagKeys) => {
                transitive.iter().for_each(|key| each(Value::Text(key)));
                return Presence::Multi;
            }
            Some(KnownKey::FederatedProvider) if provider.is_some() => provider,
            // Here the resource is a role. Source: IAM User Guide, "IAM tutorial: Define permissions
            // to access AWS resources based on tags", whose policies say so for AssumeRole.
            Some(KnownKey::IamResourceTag) if self.global.is_some() => {
                tagged(role_tags, key.tail())
            }
            Some(KnownKey::PrincipalTag) if !principal_tags.is_empty() => {
                tagged(principal_tags, key.tail())
            }
            None if !claims.is_empty() => return claimed(claims, key.name(), each),
            known => {
                return match (&self.global, known) {
                    (Some(global), _) => global.values(key, each),
                    (None, Some(known)) => self.bare.values(known, key.tail(), each),
                    (None, None) => Presence::Absent,
                };
            }
        };
        single(text.map(Value::Text), each)
    }
}

impl Bare<'_> {
    fn values(&self, key: KnownKey, tail: &str, each: &mut dyn FnMut(Value<'_>)) -> Presence {
        let origin = self.origin;
        let endpoint = origin.endpoint.as_deref();
        let value = match key {
            KnownKey::CurrentTime => Some(Value::Moment(self.now)),
            KnownKey::EpochTime => Some(Value::Number(self.now.as_seconds())),
            KnownKey::RequestedRegion => Some(Value::Text(self.region)),
            KnownKey::SecureTransport => Some(Value::Flag(origin.secure_transport)),
            KnownKey::UserAgent => Some(Value::Text(&origin.user_agent)),
            KnownKey::Referer => origin.referer.as_deref().map(Value::Text),
            KnownKey::SourceIp if endpoint.is_none() => origin.source_ip.map(Value::Address),
            KnownKey::VpcSourceIp if endpoint.is_some() => origin.source_ip.map(Value::Address),
            KnownKey::SourceVpc => endpoint.map(|endpoint| Value::Text(&endpoint.vpc)),
            KnownKey::SourceVpce => endpoint.map(|endpoint| Value::Text(&endpoint.id)),
            KnownKey::ViaAwsService | KnownKey::PrincipalIsAwsService => Some(Value::Flag(false)),
            KnownKey::ResourceTag | KnownKey::IamResourceTag => {
                let mut tags = self.resource_tags.iter();
                let found = tags.find(|(own, _)| own.eq_ignore_ascii_case(tail));
                found.map(|(_, value)| Value::Text(value))
            }
            KnownKey::RequestTag => tagged(self.request_tags, tail).map(Value::Text),
            KnownKey::TagKeys if !self.request_tags.is_empty() => {
                let tags = self.request_tags.iter();
                tags.for_each(|(key, _)| each(Value::Text(key)));
                return Presence::Multi;
            }
            _ => None,
        };
        single(value, each)
    }
}

fn tagged<'t>(tags: &'t [(Box<str>, Box<str>)], key: &str) -> Option<&'t str> {
    let mut tags = tags.iter();
    let found = tags.find(|(own, _)| own.eq_ignore_ascii_case(key));
    found.map(|(_, value)| &**value)
}

fn single(value: Option<Value<'_>>, each: &mut dyn FnMut(Value<'_>)) -> Presence {
    let Some(value) = value else {
        return Presence::Absent;
    };
    each(value);
    Presence::Single
}

/// A claim by its whole name, without ASCII case; `amr` and its like have several values.
fn claimed(
    claims: &[(Box<str>, Box<str>)],
    name: &str,
    each: &mut dyn FnMut(Value<'_>),
) -> Presence {
    let mut found = Presence::Absent;
    for (_, value) in claims
        .iter()
        .filter(|(own, _)| own.eq_ignore_ascii_case(name))
    {
        each(Value::Text(value));
        found = match found {
            Presence::Absent => Presence::Single,
            _ => Presence::Multi,
        };
    }
    found
}
