//! A key's last use.

use keystead_types::Fault;

use super::Ready;
use crate::target::{AnyUse, OneKey};
use crate::usage::Use;

impl Ready<'_, OneKey<AnyUse>> {
    /// The last successful cryptographic call that used the key; none if it never was.
    pub async fn last_use(&self) -> Result<Option<Use>, Fault> {
        let key = self.held.record();
        let name = (key.account, key.key_id);
        self.stage.site.last_use(name, key.created).await
    }
}
