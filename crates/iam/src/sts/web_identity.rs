//! AssumeRoleWithWebIdentity: for whoever holds a token of a provider; nobody signs.

use std::sync::Arc;

use keystead_api::query::{Form, QueryShape, is_tag};
use keystead_api::sts::AssumeRoleWithWebIdentity as Shape;
use keystead_api::sts::assume_role_with_web_identity::{Input, Output};
use keystead_api::sts::model::Tag;
use keystead_audit::{Audited, Entry, Rejection, Requester, WebIdentity, WebToken};
use keystead_identity::{HeldProvider, HeldRole, Identities, World};
use keystead_policy::{
    Basis, Decision, Denial, Explanation, Granted, Kind, NamedPolicy, Participant, Place, Policy,
    Verdict,
};
use keystead_types::{Fault, FaultKind, Principal, SessionContext};

use super::ask::denied;
use super::context::{Bare, Brought, StsContext};
use super::jwt::{Claims, Proven, Token, TokenTags, no_key};
use super::keys::{JwksError, KeySetFreshness};
use super::limits::AUDITED_EXPLANATION_MAX_BYTES;
use super::roles::{Named, begin};
use super::session::{self, Tags, credentials, packed, role_seconds, tags, term};
use crate::service::{Request, Service};

const ACTION: &str = "sts:AssumeRoleWithWebIdentity";

/// Walks one request. Until a token is verified, whoever sends it is nobody: like requests with a
/// wrong signature it is refused without audit record, or everybody could fill the log.
pub(crate) async fn serve(
    service: &Service,
    request: &Request<'_>,
    form: &Form,
) -> Audited<Vec<u8>> {
    let input = match Shape::decode(form).and_then(offered) {
        Ok(input) => input,
        Err(fault) => return Audited::rejected(Rejection::Malformed, fault),
    };
    let named = match Named::parse(&input.role_arn, service.directory().partition()) {
        Ok(named) => named,
        Err(fault) => return Audited::rejected(Rejection::Malformed, fault),
    };
    let vouched = match vouch(service, &input, &named).await {
        Ok(vouched) => vouched,
        Err(fault) => return Audited::rejected(reason(&fault), fault),
    };
    let requester = Requester::WebIdentity(WebIdentity {
        account: named.account,
        token: Some(WebToken {
            provider: vouched.provider.record.url.clone(),
            audience: vouched.proven.audience.clone(),
            subject: vouched.proven.subject.clone(),
        }),
    });
    let mut entry = service.begin(request, Shape::ACTION, Shape::READ_ONLY, requester);
    let mut parameters = Vec::with_capacity(256);
    Shape::audit_parameters(&input, &mut parameters);
    entry.request_parameters(parameters);
    entry.role_resource(named.account, named.name);
    let outcome = run(service, request, &input, &named, vouched, &mut entry).await;
    let outcome = outcome.map(|output| {
        let mut elements = Vec::with_capacity(256);
        Shape::audit_response(&output, &mut elements);
        entry.response_elements(elements);
        Shape::encode(&output, &request.request_id)
    });
    entry.settle(outcome).publish().await
}

/// Errors: ValidationError for parameters that no token makes good.
fn offered(input: Input) -> Result<Input, Fault> {
    if input.provider_id.is_some() {
        return Err(Fault::validation(
            "Keystead takes OpenID Connect tokens only, which come without ProviderId.",
        ));
    }
    session::check_policy_arns(input.policy_arns.as_ref())?;
    Ok(input)
}

/// A token that its provider signed, for us, for this moment.
struct Vouched {
    /// The world in which the provider vouched.
    world: Arc<World>,
    provider: Arc<HeldProvider>,
    claims: Claims,
    proven: Proven,
}

async fn vouch(service: &Service, input: &Input, named: &Named<'_>) -> Result<Vouched, Fault> {
    let token = Token::parse(&input.web_identity_token)?;
    let issuer = token.issuer()?.to_owned();
    let known = provider(&issuer, named, &service.directory().world())?;
    let claims = verified(service, token, &known.record.url).await?;
    // Its keys may have come over the network: what was changed meanwhile counts.
    let world = service.directory().world();
    let provider = provider(&issuer, named, &world)?;
    let proven = claims.check(&provider.record.client_ids, service.now())?;
    Ok(Vouched {
        world,
        provider,
        claims,
        proven,
    })
}

/// Why a token was refused, for the operator's log and metrics.
fn reason(fault: &Fault) -> Rejection {
    match fault.kind() {
        FaultKind::WebTokenExpired => Rejection::Expired,
        FaultKind::IdpCommunication => Rejection::Unavailable,
        _ => Rejection::InvalidToken,
    }
}

async fn run(
    service: &Service,
    request: &Request<'_>,
    input: &Input,
    named: &Named<'_>,
    vouched: Vouched,
    entry: &mut Entry,
) -> Result<Output, Fault> {
    let Vouched {
        world,
        provider,
        claims,
        proven,
    } = vouched;
    let now = service.now();
    let token_tags = claims.tags().map(read_tags).transpose()?;
    let (brought, transitive) = token_tags.unwrap_or_default();
    let tags = tags(Some(&brought), Some(&transitive), None)?;
    let source_identity = source_identity(&claims)?;
    let role = named.find(&world).ok_or_else(not_authorized)?;
    let asker = Asker {
        service,
        request,
        input,
        named,
        role: &role,
        provider: &provider,
        claims: by_key(&provider.record.url, &proven),
        tags: &tags,
        source_identity,
    };
    asker.allow(ACTION, entry)?;
    if !tags.all.is_empty() {
        asker.allow("sts:TagSession", entry)?;
    }
    if source_identity.is_some() {
        asker.allow("sts:SetSourceIdentity", entry)?;
    }
    let claims = asker.claims;
    let max = role.record.max_session_seconds;
    let seconds = role_seconds(input.duration_seconds, max, false)?;
    let limits = session::limits(
        input.policy.as_ref(),
        input.policy_arns.as_ref(),
        named.account,
        &world,
    )?;
    let (issued, expires) = term(now, seconds);
    let context = SessionContext {
        source_identity: source_identity.map(Into::into),
        federated_provider: Some(provider.record.url.as_str().into()),
        claims,
        tags: tags.all,
        transitive_tags: tags.transitive,
        ..SessionContext::plain(issued, expires)
    };
    let name = &input.role_session_name;
    let begun = begin(service, entry, (named, &role), name, context, limits).await?;
    Ok(Output {
        assumed_role_user: Some(begun.user),
        audience: Some(proven.audience),
        credentials: Some(credentials(&begun.issued)?),
        packed_policy_size: packed(&begun.issued),
        provider: Some(provider.arn.to_string()),
        source_identity: source_identity.map(str::to_owned),
        subject_from_web_identity_token: Some(proven.subject),
        ..Output::default()
    })
}

/// The provider of the role's account that has exactly the token's issuer.
fn provider(issuer: &str, named: &Named<'_>, world: &World) -> Result<Arc<HeldProvider>, Fault> {
    let url = issuer.strip_prefix("https://");
    let found = url.and_then(|url| {
        let found = world.account(named.account).provider(url)?;
        (found.record.url == url).then(|| found.clone())
    });
    found.ok_or_else(|| {
        Fault::new(
            FaultKind::InvalidIdentityToken,
            format!("No OpenIDConnect provider found in your account for {issuer}"),
        )
    })
}

/// The claims of a token that a key of its provider verifies. An unknown key is asked for once.
async fn verified(service: &Service, token: Token<'_>, issuer: &str) -> Result<Claims, Fault> {
    let source = &service.sts().jwks;
    let missing = |error: JwksError| match error {
        JwksError::Unknown => no_key().because(error),
        JwksError::Unreachable(_) => Fault::new(
            FaultKind::IdpCommunication,
            "The identity provider (IdP) could not be reached to verify the incoming identity \
             token.",
        )
        .because(error),
    };
    let kept = source.key_set(issuer, KeySetFreshness::Kept).await;
    let mut key_set = kept.map_err(missing)?;
    if token.has_key(&key_set) != Some(true) {
        let fetched = source.key_set(issuer, KeySetFreshness::Fetched).await;
        key_set = fetched.map_err(missing)?;
    }
    token.verified_by(&key_set)
}

/// Tags of a token: a list of one text each.
fn read_tags(tags: &TokenTags) -> Result<(Vec<Tag>, Vec<String>), Fault> {
    let rejected = || {
        Fault::new(
            FaultKind::InvalidIdentityToken,
            "The session tags of the token are not valid.",
        )
    };
    let mut brought = Vec::new();
    for (key, value) in &tags.principal_tags {
        let value = match value {
            serde_json::Value::String(text) => Some(text),
            serde_json::Value::Array(texts) => match texts.as_slice() {
                [serde_json::Value::String(text)] => Some(text),
                _ => None,
            },
            _ => None,
        };
        let value = value.ok_or_else(rejected)?;
        if !is_tag(key, value) {
            return Err(rejected());
        }
        brought.push(Tag {
            key: key.clone(),
            value: value.clone(),
        });
    }
    Ok((brought, tags.transitive_tag_keys.clone()))
}

/// Errors: InvalidIdentityToken for a text that AssumeRole would not take.
fn source_identity(claims: &Claims) -> Result<Option<&str>, Fault> {
    match claims.source_identity() {
        None => Ok(None),
        Some(text) => match Some(text).filter(|text| session::is_name(text)) {
            Some(text) => Ok(Some(text)),
            None => Err(Fault::new(
                FaultKind::InvalidIdentityToken,
                "The source identity of the token is not valid.",
            )),
        },
    }
}

/// `accounts.example.com:sub` and so on.
fn by_key(issuer: &str, proven: &Proven) -> Vec<(Box<str>, Box<str>)> {
    let claims = proven.claims.iter();
    claims
        .map(|(name, value)| (format!("{issuer}:{name}").into(), value.as_str().into()))
        .collect()
}

/// Nothing more is said: who asks is nobody yet.
fn not_authorized() -> Fault {
    denied("Not authorized to perform sts:AssumeRoleWithWebIdentity")
}

/// The holder of a verified token, and what it asks for.
struct Asker<'a> {
    service: &'a Service,
    request: &'a Request<'a>,
    input: &'a Input,
    named: &'a Named<'a>,
    role: &'a HeldRole,
    provider: &'a HeldProvider,
    claims: Vec<(Box<str>, Box<str>)>,
    tags: &'a Tags,
    source_identity: Option<&'a str>,
}

impl Asker<'_> {
    /// The trust policy must allow; neither it nor a resource control policy may deny; the
    /// endpoint's policy must allow.
    fn allow(&self, action: &str, entry: &mut Entry) -> Result<(), Fault> {
        let directory = self.service.directory();
        let context = StsContext {
            global: None,
            bare: Bare {
                origin: &self.request.origin,
                region: self.request.region.as_str(),
                now: self.service.now(),
                resource_tags: &self.role.record.tags,
                request_tags: &self.tags.brought,
            },
            brought: Brought {
                session_name: Some(&self.input.role_session_name),
                source_identity: self.source_identity,
                transitive: &self.tags.transitive,
                claims: &self.claims,
                provider: Some(&self.provider.record.url),
                ..Brought::default()
            },
        };
        let nobody = Principal::Service { name: "".into() };
        let question = keystead_policy::Request {
            // Not looked at: the provider is who vouches.
            principal: &nobody,
            partition: directory.partition(),
            action,
            resource: self.named.arn,
            resource_account: self.named.account,
            unique_id: None,
            context: &context,
        };
        let provider = &*self.provider.arn;
        let verdict = |policy: &Policy| policy.evaluate_web_identity(provider, &question);
        let place = |kind, policy: Option<&NamedPolicy>, statement| Place {
            kind,
            policy: policy.map(|policy| policy.name.clone()),
            statement,
        };
        let guardrails = directory.membership(self.named.account).resource_control;
        let mut all = guardrails.iter().flat_map(|level| level.iter());
        let forbidden = all.find_map(|own| match verdict(&own.policy) {
            Verdict::Denied { statement } => {
                Some(place(Kind::ResourceControl, Some(own), statement))
            }
            _ => None,
        });
        let endpoint = self.request.origin.endpoint.as_deref();
        let endpoint = endpoint.and_then(|endpoint| endpoint.policy.as_ref());
        let let_through =
            endpoint.is_none_or(|own| matches!(verdict(&own.policy), Verdict::Allowed { .. }));
        let decision = match (forbidden, verdict(&self.role.trust)) {
            (Some(forbidden), _) => Decision::Denied(Denial::Explicit(forbidden)),
            _ if !let_through => Decision::Denied(Denial::Implicit(Kind::Endpoint)),
            (None, Verdict::Denied { statement }) => {
                Decision::Denied(Denial::Explicit(place(Kind::Resource, None, statement)))
            }
            (None, Verdict::NotMatched) => Decision::Denied(Denial::Implicit(Kind::Resource)),
            (None, Verdict::Allowed { statement, .. }) => {
                Decision::Allowed(Basis::Statement(place(Kind::Resource, None, statement)))
            }
        };
        let participant = |kind, level, name: Option<&NamedPolicy>, policy: &Policy| Participant {
            kind,
            name: name.map(|named| named.name.clone()),
            level,
            traces: policy.explain_web_identity(provider, &question),
        };
        let mut participants = Vec::new();
        for (index, level) in guardrails.iter().enumerate() {
            let own = level.iter();
            let kind = Kind::ResourceControl;
            participants
                .extend(own.map(|own| participant(kind, Some(index), Some(own), &own.policy)));
        }
        let own = endpoint.map(|own| participant(Kind::Endpoint, None, Some(own), &own.policy));
        participants.extend(own);
        participants.push(participant(Kind::Resource, None, None, &self.role.trust));
        let explanation = Explanation {
            decision,
            participants,
            grant: Granted::No,
        };
        let mut told = explanation.to_json(AUDITED_EXPLANATION_MAX_BYTES);
        if let Some(members) = told.as_object_mut() {
            members.insert("action".into(), action.into());
            members.insert("resource".into(), self.named.arn.into());
        }
        entry.authorization(told.to_string().into_bytes());
        match explanation.decision {
            Decision::Allowed(_) => Ok(()),
            Decision::Denied(_) => Err(not_authorized()),
        }
    }
}
