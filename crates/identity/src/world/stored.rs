//! A world from the store alone, for tools that look at a deployment from beside its server.

use keystead_store::{IdentitiesCursor, Records};

use super::World;
use crate::DirectoryError;
use crate::limits::IDENTITIES_PAGE;

impl World {
    /// Reads all identities, and no secrets. A record that is damaged is left out; a document that
    /// is not understood denies everything, as in the server.
    ///
    /// Arguments: `records` is the store of identities; `partition` is the first field of its ARNs:
    /// `aws`.
    ///
    /// Errors: the store cannot be read.
    pub async fn stored(
        records: &Records,
        partition: &'static str,
    ) -> Result<Self, DirectoryError> {
        let mut world = Self::new(partition)?;
        let mut from: Option<IdentitiesCursor> = None;
        loop {
            let page = records.identities_and_damage(from.as_ref(), IDENTITIES_PAGE);
            let page = page.await?;
            for record in page.records {
                world.load(record.value)?;
            }
            from = page.next;
            if from.is_none() {
                break;
            }
        }
        world.settle();
        Ok(world)
    }
}
