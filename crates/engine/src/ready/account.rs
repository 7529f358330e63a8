//! What an account-wide permission can do.

use keystead_store::Change;
use keystead_store::records::{AliasRecord, KeyRecord};
use keystead_types::{
    AliasName, Fault, FaultKind, KeyArn, KeyId, KeyManager, KeySpec, KeyState, KeyUsage,
    MaterialId, Origin, Plaintext, limits,
};
use keystead_wall::{Command, KeyBinding, Reply};

use super::key::{Lockout, checked_policy};
use super::{Page, Ready, Window, wrong_reply};
use crate::lookup;
use crate::target::{AccountWide, Creating, Listing, Randomness};

/// Stands in a binding until the HSM has made the material.
const NO_MATERIAL: MaterialId = keystead_types::Hex32([0; 32]);

/// What CreateKey asks for.
pub struct NewKey {
    /// Type of material.
    pub spec: KeySpec,
    /// What it is for.
    pub usage: KeyUsage,
    /// Free text.
    pub description: String,
    /// The key policy; `None` for the default one.
    pub policy: Option<String>,
    /// Whether the lockout check runs.
    pub lockout: Lockout,
    /// Tags, in the order given.
    pub tags: Vec<(String, String)>,
}

impl Ready<'_, AccountWide<Creating>> {
    /// Makes a key in the HSM and mints its record.
    ///
    /// Errors: those of the policy; LimitExceededException at the account's limit of keys.
    pub async fn create_key(&mut self, new: NewKey) -> Result<KeyRecord, Fault> {
        let NewKey {
            spec,
            usage,
            description,
            policy,
            lockout,
            tags,
        } = new;
        let account = self.caller().account;
        let region = self.region().clone();
        let key_id = self.stage.site.new_key_id();
        let arn = KeyArn {
            region: region.clone(),
            account,
            key_id,
        };
        let policy = match policy {
            Some(policy) => {
                checked_policy(self, &policy, &arn, lockout)?;
                policy
            }
            None => {
                let partition = keystead_types::partition_of(&region);
                keystead_policy::default_key_policy(partition, account)
            }
        };
        self.room_for_key().await?;
        let binding = KeyBinding {
            region,
            account,
            key_id,
            spec,
            usage,
            origin: Origin::AwsKms,
            material_id: NO_MATERIAL,
        };
        let material = self.generate(&binding).await?;
        let record = KeyRecord {
            key_id,
            account,
            spec,
            usage,
            origin: Origin::AwsKms,
            manager: KeyManager::Customer,
            state: KeyState::Enabled,
            description,
            created: material.created,
            deletion: None,
            multi_region: false,
            policy,
            tags,
            materials: vec![material],
            rotation: None,
            on_demand_rotations: 0,
        };
        self.stage.entry.resource(arn);
        self.changes.push(Change::PutKey {
            record: record.clone(),
            previous: None,
        });
        Ok(record)
    }

    async fn room_for_key(&self) -> Result<(), Fault> {
        let most = limits::KEYS_PER_ACCOUNT;
        let count = self
            .stage
            .site
            .count_keys(self.caller().account, most)
            .await?;
        if count < most {
            return Ok(());
        }
        Err(Fault::new(
            FaultKind::LimitExceeded,
            format!("The account already has {most} keys in this Region, the most it may have."),
        ))
    }
}

impl Ready<'_, AccountWide<Listing>> {
    /// A page of the account's keys, in order of their ids.
    pub async fn keys(&self, window: &Window) -> Result<Page<KeyId>, Fault> {
        let after = match &window.after {
            Some(text) => Some(KeyId::parse(text).map_err(Fault::internal)?),
            None => None,
        };
        let records = self.stage.site.records();
        let page = records
            .keys_page(self.caller().account, after, window.limit)
            .await;
        let (items, more) = page.map_err(Fault::internal)?;
        Ok(self.page(items, more, "", |key_id| key_id.as_str().to_owned()))
    }

    /// A page of aliases in order of their names: of the account, or of one of its keys.
    pub async fn aliases(
        &self,
        window: &Window,
        filter: &str,
        key: Option<KeyId>,
    ) -> Result<Page<AliasRecord>, Fault> {
        let after = match &window.after {
            Some(text) => Some(AliasName::parse(text).map_err(Fault::internal)?),
            None => None,
        };
        let (records, account) = (self.stage.site.records(), self.caller().account);
        let page = match key {
            Some(key) => {
                records
                    .aliases_of(account, key, after.as_ref(), window.limit)
                    .await
            }
            None => {
                records
                    .aliases_page(account, after.as_ref(), window.limit)
                    .await
            }
        };
        let (items, more) = page.map_err(Fault::internal)?;
        Ok(self.page(items, more, filter, |alias| alias.name.as_str().to_owned()))
    }

    /// The key of the caller's account that a `KeyId` filter names.
    ///
    /// Errors: InvalidArnException for aliases, NotFoundException for what does not exist.
    pub async fn own_key(&mut self, text: &str) -> Result<KeyId, Fault> {
        lookup::own_key(&mut self.stage, text).await
    }
}

impl Ready<'_, AccountWide<Randomness>> {
    /// Makes 1–1024 random bytes in the HSM.
    pub async fn random(&mut self, length: u16) -> Result<Plaintext, Fault> {
        match self.ask(Command::GenerateRandom { length }).await? {
            Reply::Plaintext(bytes) => Ok(bytes),
            _ => Err(wrong_reply()),
        }
    }
}
