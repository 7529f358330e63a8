//! How a directory comes into memory.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use arc_swap::ArcSwap;
use keystead_store::{Change, Expect, IdentitiesCursor, IdentityPlace, Meta, Records, StoreError};
use keystead_types::{AccessKeyId, Plaintext, Region};
use keystead_wall::{Command, Hsm, Reply};
use zeroize::Zeroizing;

use super::keys::FreshSecrets;
use super::{
    Directory, DirectoryParts, FixedKey, RootCredential, UserKeys, View, Writer, long_term,
};
use crate::damage::Damage;
use crate::last_use::LastUses;
use crate::limits::IDENTITIES_PAGE;
use crate::secret::{random, secret_text};
use crate::session::{KEY_BYTES, Sessions, Vault};
use crate::{Bearer, DevelopmentDirectory, DirectoryError, ServiceCredential, World};

/// What the sealed key of session tokens is bound to.
const SESSION_KEY_LABEL: &[u8] = b"session-key\0";

impl Directory {
    /// Reads all identities and opens the secrets of their access keys. Makes the key of session
    /// tokens if the store has none yet. A record that is damaged is logged and left out, see
    /// [`Damage`].
    ///
    /// Errors: the store or the HSM process fails; the key of session tokens is damaged; two
    /// credentials of root users and services have one access key id.
    pub async fn open(parts: DirectoryParts) -> Result<Self, DirectoryError> {
        let vault = open_vault(&parts.records, &*parts.hsm, &parts.region).await?;
        let fixed = fixed_keys(parts.roots, parts.services)?;
        let empty = View {
            world: Arc::new(World::new(parts.partition)?),
            keys: Arc::default(),
            damage: Arc::default(),
        };
        let uses = LastUses::recall(&parts.records).await?;
        let directory = Self {
            records: parts.records,
            hsm: parts.hsm,
            region: parts.region,
            view: ArcSwap::from_pointee(empty),
            writer: tokio::sync::Mutex::default(),
            clock: parts.clock,
            entropy: parts.entropy,
            organizations: parts.organizations,
            fixed,
            development: parts.development.then(DevelopmentDirectory::default),
            sessions: Sessions::default(),
            uses,
            behind: AtomicBool::new(false),
            vault,
        };
        let mut writer = Writer::default();
        directory.reload(&mut writer).await?;
        *directory.writer.lock().await = writer;
        Ok(directory)
    }

    /// Makes the view what the store holds.
    pub(crate) async fn reload(&self, writer: &mut Writer) -> Result<(), DirectoryError> {
        let before = self.view.load_full();
        let mut world = World::new(before.world.partition())?;
        world.follow(&before.world);
        let mut revisions = HashMap::new();
        let mut users = Vec::new();
        let mut damage = Damage::default();
        let mut from: Option<IdentitiesCursor> = None;
        loop {
            let page = self
                .records
                .identities_and_damage(from.as_ref(), IDENTITIES_PAGE);
            let page = page.await?;
            for record in page.records {
                let place = record.value.place();
                revisions.insert(place.clone(), record.modified);
                if place.kind() == keystead_store::IdentityKind::User {
                    users.push(place.clone());
                }
                world.load(record.value)?;
            }
            for damaged in page.damaged {
                if let Some(place) = &damaged.place {
                    revisions.insert(place.clone(), damaged.modified);
                }
                damage.records.insert(damaged.place, damaged.why);
            }
            from = page.next;
            if from.is_none() {
                break;
            }
        }
        world.settle();
        let keys = self.keys_of(&users, &world, &before, &mut damage).await?;
        damage.log_beside(&before.damage);
        self.view.store(Arc::new(View {
            world: Arc::new(world),
            keys: Arc::new(keys),
            damage: Arc::new(damage),
        }));
        writer.revisions = revisions;
        writer.stale = false;
        self.behind.store(false, Ordering::Relaxed);
        Ok(())
    }

    /// The access keys of all users. Those whose secrets do not open and those that two have are
    /// there and refused.
    async fn keys_of(
        &self,
        users: &[IdentityPlace],
        world: &World,
        before: &View,
        damage: &mut Damage,
    ) -> Result<UserKeys, DirectoryError> {
        let mut keys: UserKeys = HashMap::new();
        for place in users {
            let user = world.account(place.account()).user(place.name());
            for user in user.into_iter() {
                for record in &user.record.access_keys {
                    let id = AccessKeyId::from(record.id.as_str());
                    let known = before.keys.get(&id);
                    let (mut key, mut why) = self
                        .key_of(user, &id, record, known, &FreshSecrets::new())
                        .await?;
                    if self.fixed.contains_key(&id) || keys.contains_key(&id) {
                        key.credential = None;
                        why = Some(DirectoryError::Twice(id.clone()));
                    }
                    if let Some(why) = why {
                        damage.keys.insert(id.clone(), why.to_string());
                    }
                    keys.insert(id, key);
                }
            }
        }
        Ok(keys)
    }
}

fn fixed_keys(
    roots: Vec<RootCredential>,
    services: Vec<ServiceCredential>,
) -> Result<HashMap<AccessKeyId, FixedKey>, DirectoryError> {
    let roots = roots.into_iter().map(|root| {
        let bearer = Bearer::root(root.account, root.access_key_id.clone());
        (root.access_key_id, bearer, root.secret, Vec::new())
    });
    let services = services.into_iter().map(|service| {
        let id = service.key.id.clone();
        let bearer = Bearer::service(service.principal, service.account, id.clone());
        (id, bearer, service.key.secret, service.more_accounts)
    });
    let mut fixed = HashMap::new();
    for (id, bearer, secret, covers) in roots.chain(services) {
        let key = FixedKey {
            credential: long_term(bearer, secret_text(&id, &secret)?),
            last_use: Default::default(),
            covers,
        };
        if fixed.insert(id.clone(), key).is_some() {
            return Err(DirectoryError::Twice(id));
        }
    }
    Ok(fixed)
}

/// Opens the key of session tokens, or makes it.
async fn open_vault(
    records: &Records,
    hsm: &dyn Hsm,
    region: &Region,
) -> Result<Vault, DirectoryError> {
    if let Some(stored) = records.meta(Meta::SessionTokenKey).await? {
        return opened(hsm, region, &stored.value).await;
    }
    let key = random(hsm, u16::try_from(KEY_BYTES).unwrap_or_default()).await?;
    let command = Command::SealSecret {
        region,
        label: SESSION_KEY_LABEL,
        secret: &key,
    };
    let sealed = match hsm.call(command).await?.result {
        Ok(Reply::Sealed(sealed)) => sealed,
        Ok(_) => return Err(DirectoryError::Reply),
        Err(refusal) => return Err(DirectoryError::Refused(refusal)),
    };
    let change = Change::PutMeta {
        item: Meta::SessionTokenKey,
        value: sealed,
        expect: Expect::Absent,
    };
    match records.apply(vec![change]).await {
        Ok(_) => vault(&key),
        // Another server was first.
        Err(StoreError::Conflict) => {
            let stored = records.meta(Meta::SessionTokenKey).await?;
            let stored = stored.ok_or(StoreError::Conflict)?;
            opened(hsm, region, &stored.value).await
        }
        Err(error) => Err(error.into()),
    }
}

async fn opened(hsm: &dyn Hsm, region: &Region, sealed: &[u8]) -> Result<Vault, DirectoryError> {
    let command = Command::OpenSecret {
        region,
        label: SESSION_KEY_LABEL,
        sealed,
    };
    match hsm.call(command).await?.result {
        Ok(Reply::Plaintext(key)) => vault(&key),
        Ok(_) => Err(DirectoryError::Reply),
        Err(refusal) => Err(DirectoryError::SessionKey(refusal.to_string())),
    }
}

fn vault(key: &Plaintext) -> Result<Vault, DirectoryError> {
    let bytes = <[u8; KEY_BYTES]>::try_from(key.expose());
    let bytes = bytes.map_err(|_| DirectoryError::SessionKey("not 32 bytes".to_owned()))?;
    Ok(Vault::new(&Zeroizing::new(bytes)))
}
