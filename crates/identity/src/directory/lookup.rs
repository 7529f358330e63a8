//! What every request asks of the directory.

use std::sync::{Arc, LazyLock};

use base64_simd::STANDARD_NO_PAD;
use keystead_sigv4::{Credential, Credentials, Secret, Session};
use keystead_types::{AccountId, FederatingUser, Principal, SessionContext};

use super::Directory;
use crate::limits::{MESSAGE_MAX_CHARS, SESSION_TOKEN_MAX_CHARS};
use crate::session::{Contents, FRESH_BYTES, Opened, Purpose};
use crate::world::{HeldRole, HeldUser};
use crate::{Bearer, Holder, Identities, Membership, Named, Standing, World, aws_managed};

impl Credentials<Arc<Bearer>> for Directory {
    fn find(
        &self,
        access_key_id: &str,
        token: Option<&[u8]>,
    ) -> Option<Arc<Credential<Arc<Bearer>>>> {
        if let Some(token) = token {
            return self.session(access_key_id, token);
        }
        if let Some(key) = self.view.load().keys.get(access_key_id) {
            return key.credential.clone().filter(|_| key.active);
        }
        if let Some(key) = self.fixed.get(access_key_id) {
            return Some(key.credential.clone());
        }
        self.development.as_ref()?.find(access_key_id, None)
    }
}

impl Directory {
    /// The session of a token, if it was issued here for that access key and its user or role is
    /// still there. It may have expired.
    fn session(&self, access_key_id: &str, token: &[u8]) -> Option<Arc<Credential<Arc<Bearer>>>> {
        let view = self.view.load();
        if let Some((kept, again)) = self.sessions.find(access_key_id)
            && is_token(&kept, token)
        {
            let fresh = current(&view.world, &kept)?;
            let credential = fresh.credential.clone();
            if again || !Arc::ptr_eq(&credential, &kept.credential) {
                self.sessions.put(access_key_id.into(), fresh);
            }
            return Some(credential);
        }
        let opened = self.open_token(access_key_id, token, &view.world)?;
        let opened = current(&view.world, &opened)?;
        let credential = opened.credential.clone();
        let expires = credential.session.as_ref().map(|session| session.expires);
        if expires.is_some_and(|expires| self.clock.now() < expires) {
            self.sessions.put(access_key_id.into(), opened);
        }
        Some(credential)
    }

    fn open_token(&self, access_key_id: &str, token: &[u8], world: &World) -> Option<Opened> {
        if token.len() > SESSION_TOKEN_MAX_CHARS {
            return None;
        }
        let sealed = STANDARD_NO_PAD.decode_to_vec(token).ok()?;
        let owner = access_key_id.as_bytes();
        let body = self.vault.open(Purpose::Session, owner, &sealed)?;
        let contents = Contents::decode(&body)?;
        let grant = contents.grant()?;
        let expires = grant.context.expires;
        let token = std::str::from_utf8(token).ok()?.to_owned();
        let bearer = Self::bearer_of(access_key_id.into(), grant, world);
        let credential = Credential {
            identity: Arc::new(bearer),
            secret: Secret::new(contents.secret().to_owned()),
            session: Some(Session { token, expires }),
        };
        Some(Opened {
            credential: Arc::new(credential),
            policy_epoch: world.policy_epoch(),
        })
    }

    /// Opens an explanation that [`Identities::seal_message`] sealed for that account. `None` for
    /// anything else.
    pub fn open_message(&self, account: AccountId, message: &str) -> Option<Vec<u8>> {
        if message.len() > MESSAGE_MAX_CHARS {
            return None;
        }
        let sealed = STANDARD_NO_PAD.decode_to_vec(message).ok()?;
        let opened = self
            .vault
            .open(Purpose::Message, account.as_bytes(), &sealed);
        opened.map(|mut text| std::mem::take(&mut *text))
    }
}

fn is_token(kept: &Opened, token: &[u8]) -> bool {
    let own = kept.credential.session.as_ref();
    own.is_some_and(|own| {
        aws_lc_rs::constant_time::verify_slices_are_equal(own.token.as_bytes(), token).is_ok()
    })
}

fn has_managed_limits(bearer: &Bearer) -> bool {
    let limits = bearer.limits.as_deref();
    limits.is_some_and(|limits| !limits.managed.is_empty())
}

/// A session as it is now: under the name that its user has, with its managed session policies as
/// they are. `None` when the user or role that it was issued to is gone; a namesake is another.
///
/// Source: IAM User Guide, "Renaming an IAM user": the unique ID stays, and with it what the user
/// has.
fn current(world: &World, kept: &Opened) -> Option<Opened> {
    let bearer = &kept.credential.identity;
    let name = match bearer.holder_id() {
        Some(id) => Some(world.path_name(id)?),
        None => None,
    };
    let principal = match (&bearer.caller.principal, name) {
        (Principal::User { account, name: old }, Some(name)) if old != name => {
            Some(Principal::User {
                account: *account,
                name: name.clone(),
            })
        }
        // A role keeps its name. Should it not, its sessions end: they would be of another ARN.
        (Principal::RoleSession { role, .. }, name) if name != Some(role) => return None,
        (Principal::User { .. }, None) => return None,
        _ => None,
    };
    let federated_by = match (&bearer.caller.principal, &bearer.issuer, name) {
        (Principal::FederatedUser { .. }, Some(unique_id), Some(name)) => Some(FederatingUser {
            unique_id: unique_id.clone(),
            name: name.clone(),
        }),
        _ => None,
    };
    let context = bearer.caller.session.as_deref();
    let context = context.filter(|context| context.federated_by != federated_by);
    let outdated = has_managed_limits(bearer) && kept.policy_epoch != world.policy_epoch();
    if principal.is_none() && context.is_none() && !outdated {
        return Some(kept.clone());
    }
    let context = context.cloned();
    let mut bearer = Bearer::clone(bearer);
    if let Some(context) = context {
        bearer.caller.session = Some(Arc::new(SessionContext {
            federated_by,
            ..context
        }));
    }
    if let Some(principal) = principal {
        bearer.caller.principal = principal;
    }
    let limits = bearer.limits.as_deref();
    bearer.session_policies = limits.map(|limits| Directory::compiled_limits(limits, world));
    let old = &kept.credential;
    let session = old.session.as_ref()?;
    let credential = Credential {
        identity: Arc::new(bearer),
        secret: Secret::new(old.secret.expose().to_owned()),
        session: Some(Session {
            token: session.token.clone(),
            expires: session.expires,
        }),
    };
    Some(Opened {
        credential: Arc::new(credential),
        policy_epoch: world.policy_epoch(),
    })
}

/// What a federated user of a root user may do at most.
static ADMINISTRATOR: LazyLock<Arc<Standing>> = LazyLock::new(|| {
    let policy = aws_managed::named("AdministratorAccess");
    let policies = policy.map(|policy| keystead_policy::NamedPolicy {
        name: "root".into(),
        policy,
    });
    Arc::new(Standing {
        policies: policies.into_iter().collect(),
        ..Standing::default()
    })
});

static NOTHING: LazyLock<Arc<Standing>> = LazyLock::new(Arc::default);

impl Identities for Directory {
    fn standing(&self, bearer: &Bearer) -> Option<Arc<Standing>> {
        match &bearer.caller.principal {
            Principal::Root { .. } | Principal::Service { .. } => return Some(NOTHING.clone()),
            Principal::FederatedUser { .. } if bearer.issuer.is_none() => {
                return Some(ADMINISTRATOR.clone());
            }
            _ => {}
        }
        self.view.load().world.standing(bearer.holder_id()?)
    }

    fn membership(&self, account: AccountId) -> Membership {
        self.organizations.membership(account)
    }

    fn find(&self, principal: &Principal) -> Named {
        let view = self.view.load();
        let world = &view.world;
        match principal {
            Principal::Root { .. }
            | Principal::Service { .. }
            | Principal::FederatedUser { .. } => Named::Exists(None),
            Principal::User { account, name } => {
                let found = world.account(*account).user(last(name));
                named(
                    found
                        .filter(|user| *user.path_name == **name)
                        .map(|user| user_id(user)),
                )
            }
            Principal::RoleSession {
                account,
                role,
                session,
            } => {
                let found = world.account(*account).role(last(role));
                if session.is_empty() {
                    named(
                        found
                            .filter(|own| *own.path_name == **role)
                            .map(|own| role_id(own)),
                    )
                } else {
                    let found = found.filter(|own| own.record.name == last(role));
                    found.map_or(Named::Unknown, |_| Named::Exists(None))
                }
            }
        }
    }

    fn holder(&self, unique_id: &str) -> Option<(AccountId, Arc<str>)> {
        let (account, text) = match self.view.load().world.holder(unique_id)? {
            Holder::User(account, user) => (account, format!("user/{}", user.path_name)),
            Holder::Role(account, role) => (account, format!("role/{}", role.path_name)),
        };
        Some((account, text.into()))
    }

    fn seal_message(&self, account: AccountId, explanation: &[u8]) -> Option<String> {
        let mut fresh = [0; FRESH_BYTES];
        self.entropy.fill(&mut fresh);
        let sealed = self
            .vault
            .seal(Purpose::Message, account.as_bytes(), &fresh, explanation)?;
        let text = STANDARD_NO_PAD.encode_to_string(sealed);
        (text.len() <= MESSAGE_MAX_CHARS).then_some(text)
    }
}

fn last(name: &str) -> &str {
    name.rsplit('/').next().unwrap_or(name)
}

fn named(unique_id: Option<Arc<str>>) -> Named {
    unique_id.map_or(Named::Unknown, |id| Named::Exists(Some(id)))
}

fn user_id(user: &HeldUser) -> Arc<str> {
    user.record.unique_id.as_str().into()
}

fn role_id(role: &HeldRole) -> Arc<str> {
    role.record.unique_id.as_str().into()
}
