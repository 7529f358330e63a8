//! Sessions whose tokens were opened.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use keystead_sigv4::Credential;
use keystead_types::AccessKeyId;

use crate::Bearer;
use crate::limits::SESSIONS_MAX;

/// An opened session.
#[derive(Clone)]
pub(crate) struct Opened {
    /// Its credential; the session token stands in it.
    pub(crate) credential: Arc<Credential<Arc<Bearer>>>,
    /// The state of the managed policies with which its session policies were compiled.
    pub(crate) policy_epoch: u64,
}

/// The sessions used last, at most `SESSIONS_MAX`. It is two halves: when the young one is full
/// it becomes the old one, and the old one is dropped. Only tokens that open get in.
#[derive(Default)]
pub(crate) struct Sessions {
    halves: RwLock<Halves>,
}

#[derive(Default)]
struct Halves {
    young: HashMap<AccessKeyId, Opened>,
    old: HashMap<AccessKeyId, Opened>,
}

impl Sessions {
    /// The session kept for an access key id, and whether it should be put again. Its token may
    /// be another one than the request's.
    pub(crate) fn find(&self, access_key_id: &str) -> Option<(Opened, bool)> {
        let halves = self.halves.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(young) = halves.young.get(access_key_id) {
            return Some((young.clone(), false));
        }
        halves.old.get(access_key_id).map(|old| (old.clone(), true))
    }

    pub(crate) fn put(&self, access_key_id: AccessKeyId, opened: Opened) {
        let mut halves = self.halves.write().unwrap_or_else(PoisonError::into_inner);
        let full = halves.young.len() >= SESSIONS_MAX / 2;
        if full && !halves.young.contains_key(&access_key_id) {
            halves.old = std::mem::take(&mut halves.young);
        }
        halves.old.remove(&access_key_id);
        halves.young.insert(access_key_id, opened);
    }

    /// Number of sessions kept.
    pub(crate) fn len(&self) -> usize {
        let halves = self.halves.read().unwrap_or_else(PoisonError::into_inner);
        halves.young.len() + halves.old.len()
    }
}
