//! Accounts and identities of a deployment: one store for all Regions.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use keystead_audit::{Sink, Trail};
use keystead_iam::{Service, ServiceParts, StsParts};
use keystead_identity::{
    Directory, DirectoryParts, Organizations, Pace, RootCredential, ServiceCredential,
};
use keystead_store::Meta;
use keystead_types::{Region, partition_of};

use super::Deployment;

/// Time between two looks at whether identities must be read again. Ours: a revocation that is
/// stored counts soon.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// Looks at identities between two at the last uses that are to be stored. Ours: with it and the
/// directory's own pace, at most some minutes of last uses are lost when the server is killed, and
/// none of a key that is used for the first time in a while but those of the last ten seconds.
const LOOKS_BETWEEN_STORING: u32 = 10;

/// What the configuration says of identities.
pub(crate) struct Known {
    /// The Region of the audit records of what has no Region, and whose partition all ARNs have.
    pub(crate) home: Region,
    pub(crate) organizations: Organizations,
    /// Access keys of root users.
    pub(crate) roots: Vec<RootCredential>,
    pub(crate) services: Vec<ServiceCredential>,
    /// Whether the credentials of `keystead dev` are known too.
    pub(crate) development: bool,
}

impl Deployment {
    /// Opens the store of accounts and identities; makes it when there is none yet. Once, on a
    /// thread with a worker.
    pub(crate) async fn open_identities(&self, known: Known) -> Result<Arc<Directory>, String> {
        let region = Region::global();
        let records = self.open_records(&region).await?;
        // What was opened so far are access keys of root users.
        self.hsm().tell("OpenAccessKeys")?;
        let held = records.meta(Meta::SessionTokenKey).await;
        let opens = held.map_err(|error| error.to_string())?.is_some();
        let directory = Directory::open(DirectoryParts {
            records,
            hsm: Arc::new(self.hsm().clone()),
            region,
            partition: partition_of(&known.home),
            clock: self.clock.clone(),
            entropy: self.entropy.clone(),
            organizations: known.organizations,
            roots: known.roots,
            services: known.services,
            development: known.development,
        });
        let directory = directory
            .await
            .map_err(|error| format!("identities: {error}"))?;
        self.hsm().tell(match opens {
            true => "OpenIdentities",
            false => "CreateSessionTokenKey",
        })?;
        let directory = Arc::new(directory);
        let set = self.directory.set(directory.clone());
        set.map_err(|_| "the identities are open already".to_owned())?;
        Ok(directory)
    }

    /// The accounts and identities.
    pub(crate) fn directory(&self) -> Result<&Arc<Directory>, String> {
        let directory = self.directory.get();
        directory.ok_or_else(|| "the identities are not open yet".to_owned())
    }

    /// Reads identities again for as long as nobody knows how a change of them ended, so that what
    /// the store holds counts without waiting for the next change; stores last uses, and clears the
    /// outbox. On a thread with a worker; never ends.
    pub(crate) async fn keep_identities_current(&self) -> Infallible {
        let mut looks: u32 = 0;
        loop {
            tokio::time::sleep(LOOK_AGAIN).await;
            looks = looks.wrapping_add(1);
            if looks.is_multiple_of(LOOKS_BETWEEN_STORING) {
                self.store_last_uses(Pace::Sparing).await;
                if let Some(service) = self.iam.get()
                    && let Err(error) = service.sweep_outbox().await
                {
                    tracing::warn!(%error, "the outbox of identities keeps records that the log has");
                }
            }
            if let Some(directory) = self.directory.get()
                && !directory.is_current()
                && let Err(error) = directory.refresh().await
            {
                tracing::error!(%error, "identities cannot be read: changes of them may not count");
            }
        }
    }

    async fn store_last_uses(&self, pace: Pace) {
        if let Some(directory) = self.directory.get()
            && let Err(error) = directory.store_last_uses(pace).await
        {
            tracing::warn!(%error, "last uses of access keys and roles could not be stored yet");
        }
    }

    /// Stores the last uses that are not stored yet, once no request comes any more. Blocks; not
    /// for use inside a runtime.
    pub(super) fn store_all_last_uses(&self) {
        let runtime = tokio::runtime::Builder::new_current_thread().build();
        match runtime {
            Ok(runtime) => runtime.block_on(self.store_last_uses(Pace::Final)),
            Err(error) => tracing::warn!(%error, "last uses of access keys could not be stored"),
        }
    }

    /// The APIs of IAM and STS.
    pub(crate) fn iam(&self, home: Region, sts: StsParts) -> Result<Arc<Service>, String> {
        let sink: Arc<dyn Sink> = self.log.clone();
        let (clock, entropy) = (self.clock.clone(), self.entropy.clone());
        let service = Arc::new(Service::new(ServiceParts {
            directory: self.directory()?.clone(),
            trail: Trail::new(sink, clock.clone(), entropy.clone(), home),
            clock,
            entropy,
            sts,
        }));
        let set = self.iam.set(service.clone());
        set.map_err(|_| "the APIs of identities are open already".to_owned())?;
        Ok(service)
    }
}
