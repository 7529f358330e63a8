//! Access keys of users.

use std::collections::HashMap;
use std::sync::Arc;

use keystead_sigv4::{Credential, Secret};
use keystead_store::IdentityPlace;
use keystead_store::records::AccessKeyRecord;
use keystead_types::{AccessKeyId, AccountId, Caller, Plaintext, Principal, Region, Timestamp};
use keystead_wall::Receipt;

use super::{Directory, UserKey, UserKeys, View, long_term};
use crate::access_key::secret_of;
use crate::secret::{Sealing, open_secret, random_counted, seal_secret_counted, secret_text};
use crate::unique_id::new_access_key_id;
use crate::world::HeldUser;
use crate::{Bearer, DirectoryError, LastUse, World, account_in_access_key_id};

/// Secrets of access keys that are new in a draft: nobody has to open them.
pub(crate) type FreshSecrets = HashMap<AccessKeyId, Secret>;

/// Random bytes behind a secret.
const SECRET_BYTES: u16 = 30;

/// A new access key of a user, not yet stored.
pub struct NewAccessKey {
    /// For the user's record, active.
    pub record: AccessKeyRecord,
    /// 40 characters, to be shown once.
    pub secret: Plaintext,
    /// What the HSM process counted for it, in order, for the audit record.
    pub receipts: [Receipt; 2],
}

impl Directory {
    /// Makes an access key for a user of `account`; it begins to count when the user's record
    /// with it is committed.
    pub async fn new_access_key(&self, account: AccountId) -> Result<NewAccessKey, DirectoryError> {
        let (random, drawn) = random_counted(&*self.hsm, SECRET_BYTES).await?;
        let secret = secret_of(&random).ok_or(DirectoryError::Reply)?;
        let id: AccessKeyId = loop {
            let id: AccessKeyId = new_access_key_id(&*self.entropy, "AKIA", account).into();
            if !self.is_long_term_key(&id) {
                break id;
            }
        };
        let sealing = Sealing {
            region: &self.region,
            account,
            access_key_id: &id,
        };
        let (sealed_secret, sealed) = seal_secret_counted(&*self.hsm, &sealing, &secret).await?;
        let record = AccessKeyRecord {
            id: id.to_string(),
            active: true,
            created: self.clock.now(),
            sealed_secret,
        };
        Ok(NewAccessKey {
            record,
            secret,
            receipts: [drawn, sealed],
        })
    }

    /// Whether there is a long-term access key of that id, of any kind and state.
    fn is_long_term_key(&self, access_key_id: &str) -> bool {
        self.fixed.contains_key(access_key_id) || self.view.load().keys.contains_key(access_key_id)
    }

    /// The identity with a long-term access key, also with one that is not active.
    fn long_term_key(&self, access_key_id: &str) -> Option<Arc<Bearer>> {
        let fixed = self.fixed.get(access_key_id);
        let fixed = fixed.map(|fixed| fixed.credential.identity.clone());
        let of_user = || {
            let view = self.view.load();
            let key = view.keys.get(access_key_id)?;
            Some(key.credential.as_ref()?.identity.clone())
        };
        fixed.or_else(of_user)
    }

    /// The account that an access key belongs to: of one that is known here, or as the id itself
    /// says it, which proves nothing.
    pub fn account_of_access_key(&self, access_key_id: &str) -> Option<AccountId> {
        let known = self.long_term_key(access_key_id);
        let known = known.map(|bearer| bearer.caller.account);
        known.or_else(|| account_in_access_key_id(access_key_id))
    }

    /// Notes that an access key signed a request; of a role's session, that the role was used.
    /// Costs two look-ups, for sessions five.
    pub fn note_use(&self, access_key_id: &str, service: &str, region: &Region, now: Timestamp) {
        if let Some(fixed) = self.fixed.get(access_key_id) {
            fixed.last_use.note(service, region, now);
        } else if let Some(key) = self.view.load().keys.get(access_key_id) {
            key.last_use.note(service, region, now);
        } else if let Some((session, _)) = self.sessions.find(access_key_id) {
            let caller = &session.credential.identity.caller;
            if let (Principal::RoleSession { .. }, Some(id)) =
                (&caller.principal, &caller.unique_id)
            {
                self.uses.of(id).note(service, region, now);
            }
        }
    }

    /// When a session of a role, named by its unique id, last signed a request, to the minute; a
    /// use shortly before the server was killed may be missing.
    pub fn role_last_use(&self, unique_id: &str) -> Option<LastUse> {
        self.uses.find(unique_id)?.get()
    }

    /// When an access key last signed a request, to the minute; a use shortly before the server was
    /// killed may be missing, and of keys of root users and services those before its start.
    pub fn last_use(&self, access_key_id: &str) -> Option<LastUse> {
        if let Some(fixed) = self.fixed.get(access_key_id) {
            return fixed.last_use.get();
        }
        self.view.load().keys.get(access_key_id)?.last_use.get()
    }

    /// The keys as they will be when `world` takes the place of `before`, with the users in
    /// `touched` changed. Secrets that are neither known yet nor among `fresh` are opened.
    pub(crate) async fn keys_after(
        &self,
        before: &View,
        world: &World,
        touched: &[IdentityPlace],
        fresh: &FreshSecrets,
    ) -> Result<Arc<UserKeys>, DirectoryError> {
        let mut keys = before.keys.clone();
        let mut gone: HashMap<AccessKeyId, UserKey> = HashMap::new();
        for place in touched {
            let old = before.world.account(place.account()).user(place.name());
            let ids = old.into_iter().flat_map(|user| &user.record.access_keys);
            for id in ids.map(|key| key.id.as_str()) {
                gone.extend(Arc::make_mut(&mut keys).remove_entry(id));
            }
        }
        for place in touched {
            let Some(user) = world.account(place.account()).user(place.name()) else {
                continue;
            };
            for record in &user.record.access_keys {
                let id = AccessKeyId::from(record.id.as_str());
                let known = gone.get(&id);
                let (mut key, why) = self.key_of(user, &id, record, known, fresh).await?;
                match why {
                    Some(error) if known.is_none() => return Err(error),
                    _ if before.damage.keys.contains_key(&id) => key.credential = None,
                    _ => {}
                }
                let taken = self.fixed.contains_key(&id);
                if Arc::make_mut(&mut keys).insert(id.clone(), key).is_some() || taken {
                    return Err(DirectoryError::Twice(id));
                }
            }
        }
        Ok(keys)
    }

    /// One key of a user; with it, if its secret does not open, why. A credential stays the same
    /// allocation while nothing of it changes, so that signing keys derived of it stay good.
    pub(crate) async fn key_of(
        &self,
        user: &HeldUser,
        id: &AccessKeyId,
        record: &AccessKeyRecord,
        known: Option<&UserKey>,
        fresh: &FreshSecrets,
    ) -> Result<(UserKey, Option<DirectoryError>), DirectoryError> {
        let account = user.record.account;
        let bearer = Bearer::plain(Caller {
            principal: Principal::User {
                account,
                name: user.path_name.clone(),
            },
            account,
            access_key_id: id.clone(),
            unique_id: Some(user.record.unique_id.as_str().into()),
            session: None,
        });
        let known = known.and_then(|known| known.credential.as_ref());
        let same = |known: &&Arc<Credential<Arc<Bearer>>>| {
            let caller = &known.identity.caller;
            caller.principal == bearer.caller.principal
                && caller.unique_id == bearer.caller.unique_id
        };
        let mut why = None;
        let credential = match (known.filter(same), known) {
            (Some(same), _) => Some(same.clone()),
            (None, Some(renamed)) => Some(long_term(bearer, renamed.secret.expose().to_owned())),
            (None, None) if fresh.contains_key(id) => {
                let secret = fresh.get(id).map(Secret::expose).unwrap_or_default();
                Some(long_term(bearer, secret.to_owned()))
            }
            (None, None) => {
                let sealing = Sealing {
                    region: &self.region,
                    account,
                    access_key_id: id,
                };
                let secret = open_secret(&*self.hsm, &sealing, &record.sealed_secret).await;
                match secret.and_then(|secret| secret_text(id, &secret)) {
                    Ok(secret) => Some(long_term(bearer, secret)),
                    Err(error) if error.is_damage() => {
                        why = Some(error);
                        None
                    }
                    Err(error) => return Err(error),
                }
            }
        };
        let key = UserKey {
            credential,
            active: record.active,
            last_use: self.uses.of(id),
        };
        Ok((key, why))
    }
}
