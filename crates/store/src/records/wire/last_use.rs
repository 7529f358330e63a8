//! The stored form of the last uses of access keys and roles, version 1.

use std::borrow::Cow;

use keystead_types::Timestamp;
use serde::{Deserialize, Serialize};

use super::{read, write};
use crate::StoreError;
use crate::records::LastUseRecord;

const VERSION: u8 = 1;

#[derive(Serialize, Deserialize)]
struct LastUseV1<'a> {
    at: i64,
    #[serde(borrow)]
    service: Cow<'a, str>,
    #[serde(borrow)]
    region: Cow<'a, str>,
}

impl LastUseRecord {
    /// The stored form, which does not say whose it is: its place does.
    pub fn encode(&self) -> Result<Vec<u8>, StoreError> {
        let wire = LastUseV1 {
            at: self.at.as_millis(),
            service: self.service.as_str().into(),
            region: self.region.as_str().into(),
        };
        write(VERSION, &wire)
    }

    /// Reads the stored form.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] for an unknown version and for bytes that no record has.
    pub fn decode(bytes: &[u8]) -> Result<Self, StoreError> {
        const WHAT: &str = "record of a last use";
        let wire: LastUseV1<'_> = read(WHAT, VERSION, bytes)?;
        Ok(Self {
            at: Timestamp::from_millis(wire.at),
            service: wire.service.into_owned(),
            region: wire.region.into_owned(),
        })
    }
}
