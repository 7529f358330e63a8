//! What the primary key of a set can do across Regions.

use std::sync::Arc;

use keystead_store::Change;
use keystead_store::records::{KeyRecord, MaterialState, MultiRegion, MultiRegionRole, Replica};
use keystead_types::{Fault, FaultKind, KeyArn, KeyState, Region, partition_of};

use super::Ready;
use super::account::room_for_key;
use super::key::Lockout;
use super::policy;
use crate::authorize::{self, Subject};
use crate::facts::{CreatedKey, Facts, Tags};
use crate::limits::REPLICA_UNNAMED_MILLIS;
use crate::lookup::Stage;
use crate::service;
use crate::site::{Freshness, Site};
use crate::states::States;
use crate::target::{AnyUse, OneKey};

/// What ReplicateKey asks for.
pub struct NewReplica {
    /// Where.
    pub region: Region,
    /// Free text.
    pub description: String,
    /// The key policy; `None` for the default one.
    pub policy: Option<String>,
    /// Whether the lockout check runs.
    pub lockout: Lockout,
    /// Tags, in the order given.
    pub tags: Vec<(String, String)>,
}

impl Ready<'_, OneKey<AnyUse>> {
    /// The key's set, if it is the primary key of one.
    ///
    /// Errors: UnsupportedOperationException `… is not a multi-region primary key.`
    pub fn require_primary(&self) -> Result<&MultiRegion, Fault> {
        let set = self.held.record().multi_region.as_ref();
        set.filter(|set| set.role == MultiRegionRole::Primary)
            .ok_or_else(|| {
                let arn = self.held.arn_text();
                Fault::new(
                    FaultKind::UnsupportedOperation,
                    format!("{arn} is not a multi-region primary key."),
                )
            })
    }

    /// Makes a replica of this primary key. Its record is made first, in state Creating; it comes
    /// to life once this key's record names it.
    ///
    /// Errors: UnsupportedOperationException, AlreadyExistsException, LimitExceededException,
    /// those of the policy, AccessDeniedException for kms:CreateKey there.
    pub async fn replicate(&mut self, new: NewReplica) -> Result<(KeyRecord, KeyArn), Fault> {
        let mut set = self.require_primary()?.clone();
        let held = self.held.clone();
        let arn = KeyArn {
            region: new.region.clone(),
            ..held.arn().clone()
        };
        if new.region == *self.region() || set.replicas.iter().any(|one| one.region == new.region) {
            return Err(taken(&arn));
        }
        let there = self.elsewhere(&new.region).await?;
        self.may_create(&there, &new)?;
        let partition = partition_of(&new.region);
        let default = || keystead_policy::default_key_policy(partition, arn.account);
        set.replicas.push(Replica {
            region: new.region,
            established: false,
        });
        set.replicas
            .sort_by(|one, other| one.region.cmp(&other.region));
        let now = self.now();
        let mut replica = KeyRecord {
            state: KeyState::Creating,
            description: new.description,
            created: now,
            deletion: None,
            multi_region: Some(MultiRegion {
                role: MultiRegionRole::Replica,
                sync_due: Some(now.plus_millis(REPLICA_UNNAMED_MILLIS)),
                ..set.clone()
            }),
            policy: new.policy.clone().unwrap_or_else(default),
            bound: Vec::new(),
            tags: new.tags,
            materials: Vec::new(),
            rotation: None,
            ..held.record().clone()
        };
        if let Some(policy) = &new.policy {
            let facts = self.stage.facts;
            let stage = self.stage_of(&there, facts);
            replica.bound = policy::checked(&stage, policy, (&replica, &arn), new.lockout)?;
        }
        let replica = self.place(&there, replica, &arn).await?;
        self.update(|key| {
            key.multi_region = Some(set);
            // Imported material that waits for its rotation is not everywhere any more.
            for material in &mut key.materials {
                if material.state == MaterialState::PendingRotation {
                    material.state = MaterialState::PendingMultiRegionImportAndRotation;
                }
            }
        });
        Ok((replica, arn))
    }

    /// Makes the record of a replica, unless this request or one like it has just made it.
    async fn place(
        &self,
        there: &Arc<Site>,
        replica: KeyRecord,
        arn: &KeyArn,
    ) -> Result<KeyRecord, Fault> {
        let stored = there.records().key(replica.account, replica.key_id).await;
        let previous = match stored.map_err(Fault::internal)? {
            None => {
                room_for_key(there, replica.account).await?;
                None
            }
            Some(stored) if stored.value.state == KeyState::Creating => {
                let old = stored.value;
                let alike = (&old.description, &old.policy, &old.tags)
                    == (&replica.description, &replica.policy, &replica.tags);
                if alike {
                    return Ok(old);
                }
                let age = self.now().as_millis() - old.created.as_millis();
                if age < REPLICA_UNNAMED_MILLIS {
                    return Err(taken(arn));
                }
                Some(stored.modified)
            }
            Some(_) => return Err(taken(arn)),
        };
        // The same caller makes a key there.
        let entry = self.stage.entry.elsewhere(there.trail(), "CreateKey");
        let mut entry = entry.ok_or_else(|| Fault::internal("a request without its caller"))?;
        entry.response_elements(format!(r#"{{"keyId":"{arn}"}}"#).into_bytes());
        entry.resource(arn.clone());
        let change = Change::PutKey {
            record: replica.clone(),
            previous,
        };
        match service::commit(there, entry, vec![change]).await? {
            true => Ok(replica),
            false => Err(taken(arn)),
        }
    }

    /// Starts to hand the role of the primary key to the replica of a Region.
    ///
    /// Errors: UnsupportedOperationException, NotFoundException, the state errors of either key,
    /// AccessDeniedException for either key.
    pub async fn hand_over(&mut self, to: &Region, action: &'static str) -> Result<(), Fault> {
        let set = self.require_primary()?;
        let arn = KeyArn {
            region: to.clone(),
            ..self.held.arn().clone()
        };
        if !set.replicas.iter().any(|one| one.region == *to) {
            return Err(Fault::new(
                FaultKind::NotFound,
                format!("Key '{arn}' does not exist"),
            ));
        }
        let there = self.elsewhere(to).await?;
        let replica = there
            .key(arn.account, arn.key_id, Freshness::Stored)
            .await?;
        let replica = replica.ok_or_else(|| Fault::internal("a replica's record is not there"))?;
        let facts = self.stage.facts;
        let mut stage = self.stage_of(&there, facts);
        authorize::key(&mut stage, action, &replica, Subject::Named { alias: None }).await?;
        let state = replica.record().state;
        States::Replicable.admit(state, replica.arn_text())?;
        self.update(|key| {
            key.state = KeyState::Updating;
            if let Some(set) = &mut key.multi_region {
                set.handover = Some(to.clone());
            }
        });
        Ok(())
    }

    /// What CreateKey asks, in the replica's Region.
    fn may_create(&mut self, there: &Site, new: &NewReplica) -> Result<(), Fault> {
        let held = self.held.clone();
        let key = held.record();
        let facts = Facts {
            also: (!new.tags.is_empty()).then_some("kms:TagResource"),
            bypass_lockout: self.stage.facts.bypass_lockout,
            created: Some(CreatedKey {
                spec: key.spec,
                usage: Some(key.usage),
                origin: key.origin,
                multi_region: Some("REPLICA"),
            }),
            tags: Tags::Kept(&new.tags),
            ..Facts::none()
        };
        let mut stage = self.stage_of(there, &facts);
        authorize::account_wide(&mut stage, "kms:CreateKey")
    }

    /// The same caller in another Region.
    fn stage_of<'a>(&'a mut self, there: &'a Site, facts: &'a Facts<'a>) -> Stage<'a> {
        Stage {
            site: there,
            bearer: self.stage.bearer,
            caller: self.stage.caller,
            entry: &mut *self.stage.entry,
            now: self.stage.now,
            freshness: Freshness::Stored,
            dry_run: false,
            origin: self.stage.origin,
            facts,
            second: facts,
            same_key: None,
            recipient: None,
        }
    }

    /// Another Region of this deployment and partition.
    async fn elsewhere(&self, region: &Region) -> Result<Arc<Site>, Fault> {
        let alike = partition_of(region) == partition_of(self.region());
        let found = match alike {
            true => self.stage.site.neighbours().site(region).await?,
            false => None,
        };
        found.ok_or_else(|| {
            Fault::validation(format!(
                "The Region {region} is not one that this key can be replicated to."
            ))
        })
    }
}

fn taken(arn: &KeyArn) -> Fault {
    Fault::new(
        FaultKind::AlreadyExists,
        format!("A related multi-Region key {arn} already exists"),
    )
}
