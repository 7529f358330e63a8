//! The directory: every identity of the deployment, in memory.

mod issue;
mod keys;
mod load;
mod lookup;
mod roots;

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use arc_swap::ArcSwap;
use keystead_sigv4::{Credential, Secret};
use keystead_store::{IdentityPlace, Records, Revision};
use keystead_types::{AccessKeyId, AccountId, Clock, Entropy, Principal, Region};
use keystead_wall::Hsm;

use crate::damage::Damage;
use crate::last_use::{LastUseCell, LastUses};
use crate::session::{Sessions, Vault};
use crate::{AccessKey, Bearer, DevelopmentDirectory, DirectoryError, Draft, Organizations, World};

pub(crate) use keys::FreshSecrets;
pub use keys::NewAccessKey;
pub use roots::{RootCredential, load_root_credentials, seal_access_key, store_access_key};

/// What a [`Directory`] is made of.
pub struct DirectoryParts {
    /// The store of identities, which is theirs alone.
    pub records: Records,
    /// The HSM process, in which the domain key of `region` is open.
    pub hsm: Arc<dyn Hsm>,
    /// The pseudo-Region of the store: [`Region::global`].
    pub region: Region,
    /// First field of all ARNs: `aws`; that of the deployment's home Region.
    pub partition: &'static str,
    /// Wall clock.
    pub clock: Arc<dyn Clock>,
    /// Randomness for ids and nonces.
    pub entropy: Arc<dyn Entropy>,
    /// The organisations, of the configuration.
    pub organizations: Organizations,
    /// Access keys of root users: [`load_root_credentials`].
    pub roots: Vec<RootCredential>,
    /// Registered services, of the configuration.
    pub services: Vec<ServiceCredential>,
    /// Whether the well-known credentials of `keystead dev` are known too.
    pub development: bool,
}

/// The credential of a registered service.
pub struct ServiceCredential {
    /// Its access key.
    pub key: AccessKey,
    /// Its principal, such as `s3.amazonaws.com`.
    pub principal: Arc<str>,
    /// The account that it acts for, and that its own requests count for.
    pub account: AccountId,
    /// Further accounts whose callers it may act for.
    pub more_accounts: Vec<AccountId>,
}

/// An access key of a user.
#[derive(Clone)]
pub(crate) struct UserKey {
    /// `None`: its secret does not open. It signs nothing.
    pub(crate) credential: Option<Arc<Credential<Arc<Bearer>>>>,
    pub(crate) active: bool,
    pub(crate) last_use: Arc<LastUseCell>,
}

pub(crate) type UserKeys = HashMap<AccessKeyId, UserKey>;

/// What readers see: one consistent state.
#[derive(Clone)]
pub(crate) struct View {
    pub(crate) world: Arc<World>,
    pub(crate) keys: Arc<UserKeys>,
    /// What of the store could not be read when it was read last.
    pub(crate) damage: Arc<Damage>,
}

/// What only writers need.
#[derive(Default)]
pub(crate) struct Writer {
    pub(crate) revisions: HashMap<IdentityPlace, Revision>,
    /// The store may hold something else than the view: read it again before the next change.
    pub(crate) stale: bool,
}

/// A credential that never changes while the server runs.
pub(crate) struct FixedKey {
    pub(crate) credential: Arc<Credential<Arc<Bearer>>>,
    pub(crate) last_use: LastUseCell,
    /// Of a service: the accounts whose callers it may act for.
    pub(crate) covers: Vec<AccountId>,
}

/// Every identity of the deployment, in memory. Readers never wait: a change is one swap of an
/// immutable [`World`], and it happens before the call that changed something returns.
pub struct Directory {
    pub(crate) records: Records,
    pub(crate) hsm: Arc<dyn Hsm>,
    pub(crate) region: Region,
    pub(crate) view: ArcSwap<View>,
    pub(crate) writer: tokio::sync::Mutex<Writer>,
    pub(crate) clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    organizations: Organizations,
    fixed: HashMap<AccessKeyId, FixedKey>,
    development: Option<DevelopmentDirectory>,
    sessions: Sessions,
    pub(crate) uses: LastUses,
    /// The end of a change is not known. See [`Writer::stale`], which is behind a lock.
    pub(crate) behind: AtomicBool,
    vault: Vault,
}

impl Directory {
    /// All accounts and identities at this moment: everything that calls had changed which have
    /// returned.
    pub fn world(&self) -> Arc<World> {
        self.view.load().world.clone()
    }

    /// What of the store could not be read, and is left out.
    pub fn damage(&self) -> Arc<Damage> {
        self.view.load().damage.clone()
    }

    /// Begins a change; waits for other changes to end. A draft that is dropped changes nothing.
    pub async fn draft(&self) -> Draft<'_> {
        Draft::begin(self).await
    }

    /// Whether the view is what the store holds: not from a change whose end nobody knows until
    /// the store was read again.
    pub fn is_current(&self) -> bool {
        match self.writer.try_lock() {
            Ok(writer) => !writer.stale,
            // Somebody writes or reads again right now.
            Err(_) => !self.behind.load(Ordering::Relaxed),
        }
    }

    /// Reads the store again if the view is not current.
    ///
    /// Errors: the store or the HSM process fails.
    pub async fn refresh(&self) -> Result<(), DirectoryError> {
        let mut writer = self.writer.lock().await;
        match writer.stale {
            true => self.reload(&mut writer).await,
            false => Ok(()),
        }
    }

    /// The organisations.
    pub fn organizations(&self) -> &Organizations {
        &self.organizations
    }

    /// The partition of all ARNs: `aws`.
    pub fn partition(&self) -> &'static str {
        self.view.load().world.partition()
    }

    /// Whether a service may act for callers of an account: one that its own credential is
    /// registered for.
    pub fn service_covers(&self, service: &Bearer, account: AccountId) -> bool {
        let caller = &service.caller;
        let more = self.fixed.get(&caller.access_key_id);
        let more = more.is_some_and(|fixed| fixed.covers.contains(&account));
        matches!(caller.principal, Principal::Service { .. }) && (more || caller.account == account)
    }

    /// A new unique id for a user, role, group or policy.
    pub fn new_unique_id(&self, kind: crate::UniqueKind) -> String {
        crate::new_unique_id(&*self.entropy, kind)
    }

    /// Sessions kept opened, for metrics.
    pub fn opened_sessions(&self) -> usize {
        self.sessions.len()
    }
}

/// A credential that is not a session's.
pub(crate) fn long_term(bearer: Bearer, secret: String) -> Arc<Credential<Arc<Bearer>>> {
    Arc::new(Credential {
        identity: Arc::new(bearer),
        secret: Secret::new(secret),
        session: None,
    })
}
