//! `userIdentity`. Source: CloudTrail user guide, "CloudTrail userIdentity element".
//!
//! `principalId` stands where the caller alone gives it (root: the account; federated user:
//! account and name). The unique ids of users and roles are not part of a [`Caller`].

use keystead_types::{AccountId, Caller, Principal};

use crate::text::{inside, string};

/// The identity of a caller.
pub(super) fn caller(out: &mut Vec<u8>, caller: &Caller, partition: &str) {
    let arn = Arn { partition };
    match &caller.principal {
        Principal::Root { account } => {
            open(out, b"Root");
            member(out, b",\"principalId\":\"", account.as_str());
            arn.write(out, "iam", *account, &["root"]);
            credentials(out, *account, caller);
        }
        Principal::User { account, name } => {
            open(out, b"IAMUser");
            arn.write(out, "iam", *account, &["user/", name]);
            credentials(out, *account, caller);
            member(out, b",\"userName\":\"", last(name));
        }
        Principal::RoleSession {
            account,
            role,
            session,
        } => {
            open(out, b"AssumedRole");
            let path = ["assumed-role/", last(role), "/", session];
            arn.write(out, "sts", *account, &path);
            credentials(out, *account, caller);
            out.extend_from_slice(b",\"sessionContext\":{\"sessionIssuer\":{\"type\":\"Role\"");
            arn.write(out, "iam", *account, &["role/", role]);
            member(out, b",\"accountId\":\"", account.as_str());
            member(out, b",\"userName\":\"", last(role));
            out.extend_from_slice(b"}}");
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
        }
        Principal::Service { name } => {
            open(out, b"AWSService");
            member(out, b",\"invokedBy\":\"", name);
        }
    }
    out.push(b'}');
}

/// The identity of what the service does itself.
pub(super) fn internal(out: &mut Vec<u8>, account: AccountId) {
    out.extend_from_slice(b"{\"accountId\":");
    string(out, account.as_str());
    out.extend_from_slice(b",\"invokedBy\":\"AWS Internal\"}");
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
