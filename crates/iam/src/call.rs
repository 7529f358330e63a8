//! What an authorized operation works with.

use keystead_identity::{Account, Draft, NewAccessKey, World};
use keystead_store::IdentityKind;
use keystead_store::records::{AccountRecord, IdentityRecord};
use keystead_types::{AccountId, Caller, Entropy, Fault, Timestamp};

use crate::scene::Scene;
use crate::service::Service;

/// Where it reads, and where it may write.
pub(crate) enum State<'a, 'd> {
    /// An operation that changes nothing.
    Reading(&'a World),
    /// One that does. Nothing of it counts before it is committed.
    Writing(&'a mut Draft<'d>),
}

/// The authorized operation's view.
pub(crate) struct Call<'a, 'd> {
    pub(crate) service: &'a Service,
    pub(crate) caller: &'a Caller,
    pub(crate) state: State<'a, 'd>,
    /// The moment of the request.
    pub(crate) now: Timestamp,
    /// For the one operation that makes access keys.
    pub(crate) made_key: Option<NewAccessKey>,
}

impl Call<'_, '_> {
    /// Everything that is there, with what this operation has changed.
    pub(crate) fn world(&self) -> &World {
        match &self.state {
            State::Reading(world) => world,
            State::Writing(draft) => draft.world(),
        }
    }

    pub(crate) fn scene(&self) -> Scene<'_> {
        Scene {
            world: self.world(),
            caller: self.caller,
            partition: self.world().partition(),
        }
    }

    pub(crate) fn account_id(&self) -> AccountId {
        self.caller.account
    }

    pub(crate) fn account(&self) -> &Account {
        self.world().account(self.account_id())
    }

    pub(crate) fn entropy(&self) -> &dyn Entropy {
        self.service.entropy()
    }

    /// Writes a record. An account gets its own with the first of its entities, which tells since
    /// when it has been there.
    ///
    /// Errors: InternalFailure in an operation whose shape says that it only reads, and for a
    /// document that does not compile, which operations check beforehand.
    pub(crate) fn put(&mut self, record: IdentityRecord) -> Result<(), Fault> {
        let is_account = matches!(record, IdentityRecord::Account(_));
        if !is_account && self.account().record().is_none() {
            let first = AccountRecord {
                account: self.account_id(),
                alias: None,
                created: self.now,
            };
            let put = self.draft()?.put(IdentityRecord::Account(first));
            put.map_err(Fault::internal)?;
        }
        self.draft()?.put(record).map_err(Fault::internal)
    }

    /// Removes a record of the caller's account.
    ///
    /// Errors: as above.
    pub(crate) fn remove(&mut self, kind: IdentityKind, name: &str) -> Result<(), Fault> {
        let account = self.account_id();
        self.draft()?.remove(kind, account, name);
        Ok(())
    }
}

impl<'d> Call<'_, 'd> {
    fn draft(&mut self) -> Result<&mut Draft<'d>, Fault> {
        match &mut self.state {
            State::Writing(draft) => Ok(draft),
            State::Reading(_) => Err(Fault::internal("an operation that reads wants to write")),
        }
    }
}
