//! Under which names a caller may be a party of a grant.

use std::sync::Arc;

use keystead_identity::{Bearer, Identities, Named as Known};
use keystead_policy::{Named, NamedPrincipal};
use keystead_store::records::{GrantParty, GrantRecord, id_digest};
use keystead_types::{AccountId, Fault, FaultKind, Principal};

/// A name of a caller. Cheap to make and to compare.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Candidate {
    /// The unique id of a user or role.
    Id(Arc<str>),
    /// A principal by its ARN, a service by its name.
    Principal(Principal),
    /// A role by its ARN: account, path without its leading slash and name.
    Role(AccountId, Arc<str>),
}

impl Candidate {
    /// What the index of grants by grantee finds it by.
    pub(super) fn digest(&self, partition: &str) -> [u8; 32] {
        match self {
            Self::Id(id) => id_digest(id),
            Self::Principal(Principal::Service { name }) => {
                GrantParty::Service(name.to_string()).digest()
            }
            Self::Principal(principal) => {
                GrantParty::Principal(principal.arn(partition).to_string()).digest()
            }
            Self::Role(account, name) => {
                GrantParty::Principal(role_arn(partition, *account, name)).digest()
            }
        }
    }

    /// Whether it is that party of a grant. A party that is bound to a unique id is nobody else,
    /// whatever its ARN.
    pub(super) fn is(&self, party: &GrantParty, bound: Option<&str>, partition: &str) -> bool {
        match (self, party, bound) {
            (Self::Id(id), GrantParty::Principal(_), Some(bound)) => **id == *bound,
            (Self::Id(_), _, _) | (_, _, Some(_)) => false,
            (Self::Principal(Principal::Service { name }), GrantParty::Service(party), None) => {
                **name == **party
            }
            (Self::Principal(Principal::Service { .. }), GrantParty::Principal(_), None) => false,
            (Self::Principal(principal), GrantParty::Principal(arn), None) => {
                *arn == principal.arn(partition).to_string()
            }
            (Self::Role(account, name), GrantParty::Principal(arn), None) => {
                *arn == role_arn(partition, *account, name)
            }
            (_, GrantParty::Service(_), None) => false,
        }
    }
}

fn role_arn(partition: &str, account: AccountId, name: &str) -> String {
    format!("arn:{partition}:iam::{account}:role/{name}")
}

/// The names of a caller, the closest first.
pub(super) struct Candidates<'a> {
    bearer: &'a Bearer,
    next: u8,
}

impl<'a> Candidates<'a> {
    pub(super) fn of(bearer: &'a Bearer) -> Self {
        Self { bearer, next: 0 }
    }

    fn at(&self, place: u8) -> Option<(Candidate, Named)> {
        let Bearer { caller, issuer, .. } = self.bearer;
        let principal = &caller.principal;
        let own = || Candidate::Principal(principal.clone());
        let id = || caller.unique_id.clone().map(Candidate::Id);
        match (place, principal) {
            (0, _) => Some((own(), Named::Principal)),
            (1, Principal::User { .. }) => Some((id()?, Named::Principal)),
            (1, Principal::RoleSession { .. }) => Some((id()?, Named::Role)),
            // What the user has, its federated sessions have as far as they were not limited.
            // Source: IAM User Guide, "Session policies".
            (1, Principal::FederatedUser { .. }) => {
                Some((Candidate::Id(issuer.clone()?), Named::Role))
            }
            (2, Principal::RoleSession { account, role, .. }) => {
                Some((Candidate::Role(*account, role.clone()), Named::Role))
            }
            (
                3,
                Principal::User { account, .. }
                | Principal::RoleSession { account, .. }
                | Principal::FederatedUser { account, .. },
            ) => {
                let account = Principal::Root { account: *account };
                Some((Candidate::Principal(account), Named::Account))
            }
            _ => None,
        }
    }
}

/// Places in [`Candidates::at`].
const PLACES: u8 = 4;

impl Iterator for Candidates<'_> {
    type Item = (Candidate, Named);

    fn next(&mut self) -> Option<Self::Item> {
        while self.next < PLACES {
            let place = self.next;
            self.next += 1;
            if let Some(found) = self.at(place) {
                return Some(found);
            }
        }
        None
    }
}

/// The unique id to which a party of a new grant is bound; none for accounts, sessions, federated
/// users and services.
///
/// Errors: InvalidArnException for a user, role or role's session that does not exist.
pub(crate) fn bind(
    identities: &dyn Identities,
    party: &GrantParty,
) -> Result<Option<String>, Fault> {
    let GrantParty::Principal(arn) = party else {
        return Ok(None);
    };
    let principal = asked(arn).ok_or_else(|| no_principal(arn))?;
    // One session is named by its name, not by the unique id that all sessions of its role share.
    let one_session =
        matches!(&principal, Principal::RoleSession { session, .. } if !session.is_empty());
    match identities.find(&principal) {
        Known::Exists(id) => Ok(id.filter(|_| !one_session).map(|id| id.to_string())),
        Known::Unknown => Err(no_principal(arn)),
    }
}

/// AWS's answer to an ARN that names nobody.
pub(crate) fn no_principal(arn: &str) -> Fault {
    Fault::new(
        FaultKind::InvalidArn,
        format!("ARN does not refer to a valid principal: {arn}"),
    )
}

/// A principal that an ARN names, as [`Identities::find`] wants it: a role is a session of it
/// without a name.
fn asked(arn: &str) -> Option<Principal> {
    Some(match NamedPrincipal::parse_principal_arn(arn)? {
        NamedPrincipal::Account { account, .. } => Principal::Root { account },
        NamedPrincipal::User { account, name, .. } => Principal::User {
            account,
            name: name.into(),
        },
        NamedPrincipal::Role { account, name, .. } => Principal::RoleSession {
            account,
            role: name.into(),
            session: "".into(),
        },
        NamedPrincipal::RoleSession {
            account,
            role,
            session,
            ..
        } => Principal::RoleSession {
            account,
            role: role.into(),
            session: session.into(),
        },
        NamedPrincipal::FederatedUser { account, name, .. } => Principal::FederatedUser {
            account,
            name: name.into(),
        },
        _ => return None,
    })
}

/// A grant as it is listed: a bound party by the ARN that it has now, or by its unique id once it
/// is gone.
pub(crate) fn shown(
    identities: &dyn Identities,
    partition: &str,
    grant: GrantRecord,
) -> GrantRecord {
    let now = |party: GrantParty, id: Option<&String>| match (party, id) {
        (GrantParty::Principal(_), Some(id)) => {
            GrantParty::Principal(match identities.holder(id) {
                Some((account, name)) => format!("arn:{partition}:iam::{account}:{name}"),
                None => id.clone(),
            })
        }
        (party, _) => party,
    };
    GrantRecord {
        grantee: now(grant.grantee, grant.grantee_id.as_ref()),
        retiring: grant
            .retiring
            .map(|party| now(party, grant.retiring_id.as_ref())),
        ..grant
    }
}

#[cfg(test)]
mod tests {
    use keystead_types::Caller;

    use super::*;

    fn account() -> AccountId {
        AccountId::parse("111122223333").unwrap()
    }

    fn caller(principal: Principal, id: Option<&str>) -> Bearer {
        Bearer::plain(Caller {
            unique_id: id.map(Into::into),
            ..Caller::plain(principal, account(), "AKIA".into())
        })
    }

    fn federated(name: &str, issuer: Option<&str>) -> Bearer {
        let name = name.into();
        let account = account();
        Bearer {
            issuer: issuer.map(Into::into),
            ..caller(Principal::FederatedUser { account, name }, None)
        }
    }

    fn worker() -> Principal {
        Principal::RoleSession {
            account: account(),
            role: "team/worker".into(),
            session: "s".into(),
        }
    }

    fn user(name: &str) -> Principal {
        Principal::User {
            account: account(),
            name: name.into(),
        }
    }

    /// How a caller is named by a party.
    fn named(caller: &Bearer, party: &GrantParty, bound: Option<&str>) -> Option<Named> {
        let mut candidates = Candidates::of(caller);
        candidates.find_map(|(one, named)| one.is(party, bound, "aws").then_some(named))
    }

    fn arn(rest: &str) -> GrantParty {
        GrantParty::Principal(format!("arn:aws:{rest}"))
    }

    #[test]
    fn callers_are_named_by_themselves_their_role_and_their_account() {
        let root = caller(Principal::Root { account: account() }, None);
        let session = caller(worker(), Some("AROA1"));
        let alice = caller(user("alice"), Some("AIDA1"));
        let service = Principal::Service {
            name: "s3.amazonaws.com".into(),
        };
        let service = caller(service, None);
        let everybody = arn("iam::111122223333:root");
        let other = arn("iam::444455556666:root");
        assert_eq!(named(&root, &everybody, None), Some(Named::Principal));
        assert_eq!(named(&session, &everybody, None), Some(Named::Account));
        assert_eq!(named(&alice, &everybody, None), Some(Named::Account));
        for one in [&root, &session, &alice, &service] {
            assert_eq!(named(one, &other, None), None);
        }
        let own = arn("sts::111122223333:assumed-role/worker/s");
        assert_eq!(named(&session, &own, None), Some(Named::Principal));
        let role = arn("iam::111122223333:role/team/worker");
        assert_eq!(named(&session, &role, Some("AROA1")), Some(Named::Role));
        assert_eq!(named(&session, &role, None), Some(Named::Role), "unbound");
        let name = GrantParty::Service("s3.amazonaws.com".into());
        assert_eq!(named(&service, &name, None), Some(Named::Principal));
        let name = GrantParty::Principal("s3.amazonaws.com".into());
        assert_eq!(named(&service, &name, None), None);
        assert_eq!(named(&service, &everybody, None), None);
    }

    #[test]
    fn a_bound_party_is_who_has_its_unique_id() {
        let party = arn("iam::111122223333:user/alice");
        let renamed = caller(user("bob"), Some("AIDA1"));
        assert_eq!(
            named(&renamed, &party, Some("AIDA1")),
            Some(Named::Principal)
        );
        let namesake = caller(user("alice"), Some("AIDA2"));
        assert_eq!(named(&namesake, &party, Some("AIDA1")), None);
        let nameless = caller(user("alice"), None);
        assert_eq!(named(&nameless, &party, Some("AIDA1")), None);
        let role = arn("iam::111122223333:role/team/worker");
        assert_eq!(
            named(&caller(worker(), Some("AROA2")), &role, Some("AROA1")),
            None
        );
    }

    #[test]
    fn a_federated_user_is_named_by_itself_its_issuer_and_its_account() {
        let alice = arn("iam::111122223333:user/alice");
        let session = federated("temp", Some("AIDA1"));
        assert_eq!(named(&session, &alice, Some("AIDA1")), Some(Named::Role));
        assert_eq!(named(&session, &alice, Some("AIDA2")), None, "a namesake");
        assert_eq!(named(&session, &alice, None), None);
        let own = arn("sts::111122223333:federated-user/temp");
        assert_eq!(named(&session, &own, None), Some(Named::Principal));
        let everybody = arn("iam::111122223333:root");
        assert_eq!(named(&session, &everybody, None), Some(Named::Account));
        // The root user's is behind nobody, whatever its name.
        let of_root = federated("alice", None);
        assert_eq!(named(&of_root, &alice, Some("AIDA1")), None);
        assert_eq!(named(&of_root, &everybody, None), Some(Named::Account));
    }

    #[test]
    fn digests_are_those_of_the_stored_parties() {
        let session = caller(worker(), Some("AROA1"));
        let digests: Vec<_> = Candidates::of(&session)
            .map(|(candidate, _)| candidate.digest("aws"))
            .collect();
        let expected = [
            arn("sts::111122223333:assumed-role/worker/s").digest(),
            id_digest("AROA1"),
            arn("iam::111122223333:role/team/worker").digest(),
            arn("iam::111122223333:root").digest(),
        ];
        assert_eq!(digests, expected);
        let name: Arc<str> = "s3.amazonaws.com".into();
        let service = Candidate::Principal(Principal::Service { name });
        let stored = GrantParty::Service("s3.amazonaws.com".into());
        assert_eq!(service.digest("aws"), stored.digest());
    }
}
