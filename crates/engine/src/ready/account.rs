//! What an account-wide permission can do.

use keystead_store::Change;
use keystead_store::records::{AliasRecord, KeyRecord, MultiRegion, MultiRegionRole};
use keystead_types::{
    AccountId, AliasName, Fault, FaultKind, KeyArn, KeyId, KeyManager, KeySpec, KeyState, KeyUsage,
    Origin,
};
use keystead_wall::{Command, Delivered};

use super::key::Lockout;
use super::policy;
use super::recipient::Recipient;
use super::{Page, Ready, Window};
use crate::entry::{self, NO_MATERIAL};
use crate::lookup;
use crate::site::Site;
use crate::target::{AccountWide, Creating, Listing, Randomness};

/// Whether a key belongs to one Region.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyScope {
    /// Unusable outside its Region.
    Region,
    /// The primary key of a set.
    MultiRegion,
}

/// What CreateKey asks for.
pub struct NewKey {
    /// Type of material.
    pub spec: KeySpec,
    /// What it is for.
    pub usage: KeyUsage,
    /// Where its material comes from: `AWS_KMS` or `EXTERNAL`.
    pub origin: Origin,
    /// Whether it may get replicas in other Regions.
    pub scope: KeyScope,
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
        let account = self.caller().account;
        let region = self.region().clone();
        let key_id = self.stage.site.new_key_id(new.scope);
        let arn = KeyArn {
            region: region.clone(),
            account,
            key_id,
        };
        let partition = keystead_types::partition_of(&region);
        let default = || keystead_policy::default_key_policy(partition, account);
        let multi_region = (new.scope == KeyScope::MultiRegion).then(|| MultiRegion {
            role: MultiRegionRole::Primary,
            primary: region.clone(),
            replicas: Vec::new(),
            handover: None,
            sync_due: None,
        });
        let mut record = KeyRecord {
            key_id,
            account,
            spec: new.spec,
            usage: new.usage,
            origin: new.origin,
            manager: KeyManager::Customer,
            state: KeyState::PendingImport,
            description: new.description,
            created: self.now(),
            deletion: None,
            multi_region,
            policy: new.policy.clone().unwrap_or_else(default),
            bound: Vec::new(),
            tags: new.tags,
            materials: Vec::new(),
            public_key: None,
            rotation: None,
            on_demand_rotations: 0,
        };
        if let Some(policy) = &new.policy {
            record.bound = policy::checked(&self.stage, policy, (&record, &arn), new.lockout)?;
        }
        room_for_key(self.stage.site, account).await?;
        if new.origin == Origin::AwsKms {
            let binding = entry::binding(&region, &record, NO_MATERIAL);
            let (material, public_key) = self.generate(&binding).await?;
            record.created = material.created;
            record.materials.push(material);
            record.public_key = public_key;
            record.state = KeyState::Enabled;
        }
        self.stage.entry.resource(arn);
        self.changes.push(Change::PutKey {
            record: record.clone(),
            previous: None,
        });
        Ok(record)
    }
}

/// Refuses a key beyond the account's quota in a Region.
///
/// Errors: LimitExceededException.
pub(super) async fn room_for_key(site: &Site, account: AccountId) -> Result<(), Fault> {
    let most = site.quotas().keys_per_account;
    if site.count_keys(account, most).await? < most {
        return Ok(());
    }
    Err(Fault::new(
        FaultKind::LimitExceeded,
        format!("The account already has {most} keys in this Region, the most it may have."),
    ))
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
    pub async fn random(
        &mut self,
        length: u16,
        recipient: Option<&Recipient>,
    ) -> Result<Delivered, Fault> {
        let recipient = recipient.map(Recipient::public_key);
        self.ask_secret(Command::GenerateRandom { length, recipient })
            .await
    }
}
