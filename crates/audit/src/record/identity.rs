//! `userIdentity`. Source: CloudTrail user guide, "CloudTrail userIdentity element".
//!
//! `principalId` is the unique id of a user, that of a role and the session's name, the account of
//! a root user, account and name of a federated user. A user or role session without a unique id
//! has none.

use keystead_types::{AccountId, Caller, FederatingUser, Principal, SessionContext};

use super::moment;
use crate::limits::{ADDITIONAL_MAX_BYTES, HOST_MAX_BYTES};
use crate::text::{at_most, inside, number, string};
use crate::{Opening, Operator, Requester, WebIdentity};

/// The identity of who runs the process: a user of the operating system, whom CloudTrail does not
/// know.
pub(super) fn operator(out: &mut Vec<u8>, operator: &Operator, account: Option<AccountId>) {
    open(out, b"Unknown");
    out.extend_from_slice(b",\"principalId\":\"uid:");
    number(out, u64::from(operator.user_id));
    out.push(b'"');
    if let Some(account) = account {
        member(out, b",\"accountId\":\"", account.as_str());
    }
    if let Some(name) = &operator.user_name {
        member(out, b",\"userName\":\"", at_most(name, HOST_MAX_BYTES));
    }
    out.extend_from_slice(b",\"sessionContext\":{\"attributes\":{\"processId\":\"");
    number(out, u64::from(operator.process_id));
    out.push(b'"');
    if let Some(login) = operator.login_user_id {
        out.extend_from_slice(b",\"loginUserId\":\"");
        number(out, u64::from(login));
        out.push(b'"');
    }
    out.extend_from_slice(b"}}}");
}

/// The identity of who asks.
pub(super) fn requester(out: &mut Vec<u8>, opening: &Opening, partition: &str) {
    match &opening.requester {
        Requester::Caller(one) => caller(out, one, partition),
        Requester::WebIdentity(one) => web_identity(out, one),
    }
    if let Some(service) = opening.via() {
        member(out, b",\"invokedBy\":\"", at_most(service, HOST_MAX_BYTES));
    }
    out.push(b'}');
}

/// All but the closing brace.
fn caller(out: &mut Vec<u8>, caller: &Caller, partition: &str) {
    let arn = Arn { partition };
    match &caller.principal {
        Principal::Root { account } => {
            open(out, b"Root");
            member(out, b",\"principalId\":\"", account.as_str());
            arn.write(out, "iam", *account, &["root"]);
            credentials(out, *account, caller);
            session_of_user(out, caller);
        }
        Principal::User { account, name } => {
            open(out, b"IAMUser");
            if let Some(id) = &caller.unique_id {
                member(out, b",\"principalId\":\"", id);
            }
            arn.write(out, "iam", *account, &["user/", name]);
            credentials(out, *account, caller);
            member(out, b",\"userName\":\"", last(name));
            session_of_user(out, caller);
        }
        Principal::RoleSession {
            account,
            role,
            session,
        } => {
            open(out, b"AssumedRole");
            if let Some(id) = &caller.unique_id {
                out.extend_from_slice(b",\"principalId\":\"");
                inside(out, id);
                out.push(b':');
                inside(out, session);
                out.push(b'"');
            }
            let path = ["assumed-role/", last(role), "/", session];
            arn.write(out, "sts", *account, &path);
            credentials(out, *account, caller);
            out.extend_from_slice(b",\"sessionContext\":{\"sessionIssuer\":{\"type\":\"Role\"");
            if let Some(id) = &caller.unique_id {
                member(out, b",\"principalId\":\"", id);
            }
            arn.write(out, "iam", *account, &["role/", role]);
            member(out, b",\"accountId\":\"", account.as_str());
            member(out, b",\"userName\":\"", last(role));
            out.push(b'}');
            if let Some(session) = &caller.session {
                out.push(b',');
                details(out, session);
            }
            out.push(b'}');
        }
        Principal::FederatedUser { account, name } => {
            open(out, b"FederatedUser");
            out.extend_from_slice(b",\"principalId\":\"");
            out.extend_from_slice(account.as_str().as_bytes());
            out.push(b':');
            inside(out, name);
            out.push(b'"');
            arn.write(out, "sts", *account, &["federated-user/", name]);
            credentials(out, *account, caller);
            if let Some(session) = &caller.session {
                out.extend_from_slice(b",\"sessionContext\":{\"sessionIssuer\":");
                federating(out, session.federated_by.as_ref(), *account, arn);
                out.push(b',');
                details(out, session);
                out.push(b'}');
            }
        }
        Principal::Service { name } => {
            open(out, b"AWSService");
            member(out, b",\"invokedBy\":\"", name);
        }
    }
}

/// Who federated a user: another user, or the root user of the account.
fn federating(out: &mut Vec<u8>, by: Option<&FederatingUser>, account: AccountId, arn: Arn<'_>) {
    match by {
        Some(FederatingUser { unique_id, name }) => {
            open(out, b"IAMUser");
            member(out, b",\"principalId\":\"", unique_id);
            arn.write(out, "iam", account, &["user/", name]);
            member(out, b",\"accountId\":\"", account.as_str());
            member(out, b",\"userName\":\"", last(name));
        }
        None => {
            open(out, b"Root");
            member(out, b",\"principalId\":\"", account.as_str());
            arn.write(out, "iam", account, &["root"]);
            member(out, b",\"accountId\":\"", account.as_str());
        }
    }
    out.push(b'}');
}

/// The session of an identity that did not assume a role.
fn session_of_user(out: &mut Vec<u8>, caller: &Caller) {
    if let Some(session) = &caller.session {
        out.extend_from_slice(b",\"sessionContext\":{");
        details(out, session);
        out.push(b'}');
    }
}

/// Members of `sessionContext` but for its issuer.
fn details(out: &mut Vec<u8>, session: &SessionContext) {
    if let Some(provider) = &session.federated_provider {
        out.extend_from_slice(b"\"webIdFederationData\":{\"federatedProvider\":");
        string(out, at_most(provider, ADDITIONAL_MAX_BYTES));
        out.extend_from_slice(b",\"attributes\":{");
        let mut first = true;
        for (name, value) in &session.claims {
            // The guide names the application and the user; other claims are not for the log.
            if !(name.ends_with(":aud") || name.ends_with(":sub")) {
                continue;
            }
            if !first {
                out.push(b',');
            }
            first = false;
            string(out, at_most(name, ADDITIONAL_MAX_BYTES));
            out.push(b':');
            string(out, at_most(value, ADDITIONAL_MAX_BYTES));
        }
        out.extend_from_slice(b"}},");
    }
    out.extend_from_slice(b"\"attributes\":{\"creationDate\":\"");
    moment(out, session.issued);
    out.extend_from_slice(if session.mfa_at.is_some() {
        b"\",\"mfaAuthenticated\":\"true\"}".as_slice()
    } else {
        b"\",\"mfaAuthenticated\":\"false\"}"
    });
    if let Some(source) = &session.source_identity {
        member(out, b",\"sourceIdentity\":\"", source);
    }
}

/// All but the closing brace.
fn web_identity(out: &mut Vec<u8>, identity: &WebIdentity) {
    open(out, b"WebIdentityUser");
    let Some(token) = &identity.token else {
        return;
    };
    let cut = |text| at_most(text, ADDITIONAL_MAX_BYTES);
    let (provider, subject) = (cut(&token.provider), cut(&token.subject));
    out.extend_from_slice(b",\"principalId\":\"");
    inside(out, provider);
    out.push(b':');
    inside(out, cut(&token.audience));
    out.push(b':');
    inside(out, subject);
    out.push(b'"');
    member(out, b",\"userName\":\"", subject);
    member(out, b",\"identityProvider\":\"", provider);
}

/// The identity of what the service does itself.
pub(super) fn internal(out: &mut Vec<u8>, account: AccountId) {
    out.extend_from_slice(b"{\"accountId\":");
    string(out, account.as_str());
    out.extend_from_slice(b",\"invokedBy\":\"AWS Internal\"}");
}

/// A role among the resources of an event.
pub(super) fn role_resource(out: &mut Vec<u8>, account: AccountId, name: &str, partition: &str) {
    out.extend_from_slice(b"{\"accountId\":\"");
    out.extend_from_slice(account.as_str().as_bytes());
    out.extend_from_slice(b"\",\"type\":\"AWS::IAM::Role\",\"ARN\":\"arn:");
    let account = account.as_str();
    for piece in [partition, ":iam::", account, ":role/", name] {
        inside(out, piece);
    }
    out.extend_from_slice(b"\"}");
}

fn open(out: &mut Vec<u8>, kind: &[u8]) {
    out.extend_from_slice(b"{\"type\":\"");
    out.extend_from_slice(kind);
    out.push(b'"');
}

/// A member whose name and opening quote are given as written.
fn member(out: &mut Vec<u8>, name: &[u8], value: &str) {
    out.extend_from_slice(name);
    inside(out, value);
    out.push(b'"');
}

fn credentials(out: &mut Vec<u8>, account: AccountId, caller: &Caller) {
    member(out, b",\"accountId\":\"", account.as_str());
    member(out, b",\"accessKeyId\":\"", &caller.access_key_id);
}

fn last(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or_default()
}

#[derive(Clone, Copy)]
struct Arn<'a> {
    partition: &'a str,
}

impl Arn<'_> {
    fn write(&self, out: &mut Vec<u8>, service: &str, account: AccountId, path: &[&str]) {
        out.extend_from_slice(b",\"arn\":\"arn:");
        let account = [":", service, "::", account.as_str(), ":"];
        for piece in std::iter::once(&self.partition).chain(&account).chain(path) {
            inside(out, piece);
        }
        out.push(b'"');
    }
}
