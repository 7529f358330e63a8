//! The role that is to be assumed, and its session.

use std::sync::Arc;

use keystead_api::sts::model::AssumedRoleUser;
use keystead_audit::Entry;
use keystead_identity::{HeldRole, IssuedCredentials, SessionGrant, SessionLimits, World};
use keystead_types::{AccountId, Fault, Principal, SessionContext};

use super::session::not_issued;
use crate::receipts;
use crate::service::Service;

/// A role as a request names it.
#[derive(Debug)]
pub(crate) struct Named<'a> {
    pub(crate) arn: &'a str,
    pub(crate) account: AccountId,
    /// Path without leading slash, and name.
    pub(crate) name: &'a str,
}

impl<'a> Named<'a> {
    /// Takes an ARN of this partition: `arn:aws:iam::111122223333:role/team/worker`.
    ///
    /// Errors: ValidationError for any other text.
    pub(crate) fn parse(arn: &'a str, partition: &str) -> Result<Self, Fault> {
        let rest = arn.strip_prefix("arn:");
        let rest = rest.and_then(|rest| rest.strip_prefix(partition));
        let rest = rest.and_then(|rest| rest.strip_prefix(":iam::"));
        let split = rest.and_then(|rest| rest.split_once(":role/"));
        let named = split.and_then(|(account, name)| {
            let account = AccountId::parse(account).ok()?;
            (!name.is_empty()).then_some(Self { arn, account, name })
        });
        named.ok_or_else(|| Fault::validation(format!("{arn} is invalid")))
    }

    /// The role, if it is there under exactly that path and name.
    pub(crate) fn find(&self, world: &World) -> Option<Arc<HeldRole>> {
        let name = self.name.rsplit('/').next()?;
        let found = world.account(self.account).role(name)?;
        (*found.path_name == *self.name).then(|| found.clone())
    }
}

/// A session of a role that may begin.
pub(crate) struct Begun {
    pub(crate) issued: IssuedCredentials,
    pub(crate) user: AssumedRoleUser,
}

/// Issues the credentials of a role's session.
pub(crate) async fn begin(
    service: &Service,
    entry: &mut Entry,
    (named, role): (&Named<'_>, &HeldRole),
    session_name: &str,
    context: SessionContext,
    limits: Option<SessionLimits>,
) -> Result<Begun, Fault> {
    let principal = Principal::RoleSession {
        account: named.account,
        role: role.path_name.clone(),
        session: session_name.into(),
    };
    let directory = service.directory();
    let user = AssumedRoleUser {
        arn: principal.arn(directory.partition()).to_string(),
        assumed_role_id: format!("{}:{session_name}", role.record.unique_id),
    };
    let grant = SessionGrant {
        principal,
        account: named.account,
        unique_id: Some(role.record.unique_id.as_str().into()),
        issuer: None,
        context,
        limits,
    };
    let issued = directory.issue(grant).await.map_err(not_issued)?;
    receipts::note(entry, &[issued.receipt]);
    Ok(Begun { issued, user })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_role_arns_of_the_partition() {
        let named = Named::parse("arn:aws:iam::111122223333:role/team/worker", "aws").unwrap();
        assert_eq!(named.account.as_str(), "111122223333");
        assert_eq!(named.name, "team/worker");
        for bad in [
            "",
            "worker",
            "arn:aws:iam::111122223333:role/",
            "arn:aws:iam::111122223333:user/worker",
            "arn:aws-cn:iam::111122223333:role/worker",
            "arn:aws:iam::11112222333:role/worker",
            "arn:aws:iam:eu-west-1:111122223333:role/worker",
            "arn:aws:sts::111122223333:assumed-role/worker/x",
        ] {
            assert!(Named::parse(bad, "aws").is_err(), "{bad}");
        }
    }
}
