//! Sessions for the holders of client certificates, as IAM Roles Anywhere begins them.
//!
//! The door verified the certificate and mapped it to a role by its configuration; the role's
//! trust policy decides whether the service principal `rolesanywhere.amazonaws.com` may assume
//! it for this subject. Source: IAM Roles Anywhere User Guide, "Trust model".

use std::sync::Arc;

use keystead_api::query::is_tag;
use keystead_api::sts::model::Tag;
use keystead_audit::{Audited, Entry, Requester, Tls};
use keystead_identity::{Bearer, Origin, ServiceSource};
use keystead_types::{AccountId, Fault, Plaintext, Region, RequestId, SessionContext, Timestamp};

use super::ask::{Ask, Asker};
use super::context::Brought;
use super::roles::{Named, begin};
use super::session::{is_name, tags, term};
use crate::service::{Api, Request, Service};

/// The service in whose name the roles are assumed.
const SERVICE: &str = "rolesanywhere.amazonaws.com";
/// The shortest session, seconds. Source: IAM Roles Anywhere API reference, CreateSession.
const SESSION_MIN_SECONDS: u32 = 900;

/// What a verified certificate is exchanged for.
pub struct CertificateSession {
    /// The request's id.
    pub request_id: RequestId,
    /// Where it came from; its `source` is set here.
    pub origin: Origin,
    /// The TLS session, for the audit record.
    pub tls: Option<Tls>,
    /// The Region of the server.
    pub region: Region,
    /// The role to assume.
    pub role_arn: String,
    /// `aws:SourceArn`
    pub trust_anchor_arn: String,
    /// `aws:SourceAccount`
    pub source_account: AccountId,
    /// The session's name.
    pub session_name: String,
    /// The session's source identity: the subject's common name, if it may be one.
    pub source_identity: Option<String>,
    /// The certificate's serial number, for the audit record.
    pub serial: String,
    /// Session tags: `x509Subject/CN` and its like.
    pub principal_tags: Vec<(String, String)>,
    /// Seconds, within the configuration's bound; the role's maximum bounds it too.
    pub duration_seconds: u32,
    /// Why the certificate is not good for this session, if the door has found that: it is
    /// written down and answered.
    pub refused: Option<Fault>,
    /// Writes the answer.
    pub encode: fn(&CertificateCredentials) -> Vec<u8>,
}

/// The credentials of such a session.
pub struct CertificateCredentials {
    /// The role.
    pub role_arn: String,
    /// `arn:aws:sts::111122223333:assumed-role/worker/host-1`
    pub assumed_role_arn: String,
    /// `AROA…:host-1`
    pub assumed_role_id: String,
    /// The session's source identity.
    pub source_identity: Option<String>,
    /// `ASIA…`
    pub access_key_id: String,
    /// The secret access key.
    pub secret: Plaintext,
    /// The session token.
    pub token: String,
    /// From this moment on they are over.
    pub expiration: Timestamp,
}

impl Service {
    /// Begins a session for the holder of a client certificate. The answer is what
    /// `request.encode` makes, and it is in the audit log (as AssumeRole of STS) before this
    /// returns.
    ///
    /// Errors: what the door has refused; AccessDenied when the role is not there, not of the trust
    /// anchor's account, or does not trust; ValidationError for a text that is no role's ARN, for a name that no session may
    /// have and for tags that cannot be.
    pub async fn create_session_for_certificate(
        &self,
        mut request: CertificateSession,
    ) -> Audited<Vec<u8>> {
        let account = request.source_account;
        let bearer = Arc::new(Bearer::service(SERVICE.into(), account, SERVICE.into()));
        let asked = Request {
            service: Api::Sts,
            bearer: Some(bearer.clone()),
            request_id: request.request_id,
            origin: Origin {
                source: Some(ServiceSource {
                    arn: Some(request.trust_anchor_arn.as_str().into()),
                    account: Some(account),
                }),
                ..request.origin.clone()
            },
            tls: request.tls.clone(),
            region: request.region.clone(),
            body: &[],
        };
        let requester = Requester::from(bearer.caller.clone());
        let mut entry = self.begin(&asked, "AssumeRole", true, requester);
        entry.request_parameters(parameters(&request));
        let outcome = match request.refused.take() {
            Some(fault) => Err(fault),
            None => {
                let asked = (&request, &asked);
                self.certificate(asked, &bearer, &mut entry).await
            }
        };
        let outcome = outcome.map(|credentials| {
            entry.response_elements(elements(&credentials));
            (request.encode)(&credentials)
        });
        entry.settle(outcome).publish().await
    }

    async fn certificate(
        &self,
        (request, asked): (&CertificateSession, &Request<'_>),
        bearer: &Bearer,
        entry: &mut Entry,
    ) -> Result<CertificateCredentials, Fault> {
        let directory = self.directory();
        let named = Named::parse(&request.role_arn, directory.partition())?;
        entry.role_resource(named.account, named.name);
        let asker = Asker::new(self, asked, bearer)?;
        if !is_name(&request.session_name) {
            return Err(Fault::validation(
                "The name of a session has 2 to 64 letters, digits and characters of _+=,.@-",
            ));
        }
        let brought = subject_tags(&request.principal_tags)?;
        // A subject's name with other characters, a blank for instance, is no source identity.
        let source_identity = request.source_identity.as_deref();
        let source_identity = source_identity.filter(|name| is_name(name));
        let world = directory.world();
        // A trust anchor vouches for its own account only.
        let within = named.account == request.source_account;
        let Some(role) = named.find(&world).filter(|_| within) else {
            return Err(asker.not_there("sts:AssumeRole", named.arn));
        };
        let tags = tags(Some(&brought), None, None)?;
        let mut ask = Ask {
            action: "sts:AssumeRole",
            resource: named.arn,
            account: named.account,
            trust: Some(&role.trust),
            resource_tags: &role.standing.tags,
            request_tags: &tags.brought,
            brought: Brought {
                session_name: Some(&request.session_name),
                source_identity,
                principal_tags: &tags.brought,
                ..Brought::default()
            },
        };
        asker.allow(&ask, entry)?;
        if !tags.all.is_empty() {
            ask.action = "sts:TagSession";
            asker.allow(&ask, entry)?;
        }
        if source_identity.is_some() {
            ask.action = "sts:SetSourceIdentity";
            asker.allow(&ask, entry)?;
        }
        let longest = role.record.max_session_seconds;
        let seconds = request
            .duration_seconds
            .max(SESSION_MIN_SECONDS)
            .min(longest);
        let (issued, expires) = term(self.now(), seconds);
        let context = SessionContext {
            source_identity: source_identity.map(Into::into),
            tags: tags.all,
            ..SessionContext::plain(issued, expires)
        };
        let name = &request.session_name;
        let begun = begin(self, entry, (&named, &role), name, context, None).await?;
        Ok(CertificateCredentials {
            role_arn: request.role_arn.clone(),
            assumed_role_arn: begun.user.arn,
            assumed_role_id: begun.user.assumed_role_id,
            source_identity: source_identity.map(str::to_owned),
            access_key_id: begun.issued.access_key_id.to_string(),
            secret: begun.issued.secret,
            token: begun.issued.token,
            expiration: begun.issued.expiration,
        })
    }
}

/// What a certificate says of its subject, as tags. What it says of its issuer, which the trust
/// anchor vouches for anyway, is left out where it cannot be one.
///
/// Errors: ValidationError for a subject that cannot be a tag: nobody would notice that a
/// condition on it means nothing.
fn subject_tags(said: &[(String, String)]) -> Result<Vec<Tag>, Fault> {
    let mut tags = Vec::with_capacity(said.len());
    for (key, value) in said {
        if is_tag(key, value) {
            tags.push(Tag {
                key: key.clone(),
                value: value.clone(),
            });
        } else if !key.starts_with("x509Issuer/") {
            return Err(Fault::validation(
                "The subject of the certificate has characters that no session tag may have.",
            ));
        }
    }
    Ok(tags)
}

fn parameters(request: &CertificateSession) -> Vec<u8> {
    let tags = request.principal_tags.iter();
    let subject = tags.filter_map(|(key, value)| {
        let label = key.strip_prefix("x509Subject/")?;
        Some((label.to_owned(), value.as_str().into()))
    });
    serde_json::json!({
        "serialNumber": request.serial,
        "subject": subject.collect::<serde_json::Map<String, serde_json::Value>>(),
        "roleArn": request.role_arn,
        "roleSessionName": request.session_name,
        "sourceIdentity": request.source_identity,
        "durationSeconds": request.duration_seconds,
        "trustAnchorArn": request.trust_anchor_arn,
    })
    .to_string()
    .into_bytes()
}

fn elements(credentials: &CertificateCredentials) -> Vec<u8> {
    serde_json::json!({
        "credentials": {"accessKeyId": credentials.access_key_id},
        "assumedRoleUser": {
            "assumedRoleId": credentials.assumed_role_id,
            "arn": credentials.assumed_role_arn,
        },
    })
    .to_string()
    .into_bytes()
}
