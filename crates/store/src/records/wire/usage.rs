//! The stored form of usage records, version 1.

use std::borrow::Cow;

use keystead_types::{RequestId, Timestamp};
use serde::{Deserialize, Serialize};

use super::{corrupt, read, write};
use crate::StoreError;
use crate::records::UsageRecord;

const VERSION: u8 = 1;

#[derive(Serialize, Deserialize)]
struct UsageV1<'a> {
    #[serde(borrow)]
    operation: Cow<'a, str>,
    at: i64,
    #[serde(borrow)]
    event_id: Cow<'a, str>,
    #[serde(borrow)]
    request_id: Cow<'a, str>,
}

impl UsageRecord {
    /// The stored form.
    pub fn encode(&self) -> Result<Vec<u8>, StoreError> {
        write(
            VERSION,
            &UsageV1 {
                operation: self.operation.as_str().into(),
                at: self.at.as_millis(),
                event_id: self.event_id.as_str().into(),
                request_id: self.request_id.as_str().into(),
            },
        )
    }

    /// Reads the stored form.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] for an unknown version and for bytes that no record has.
    pub fn decode(bytes: &[u8]) -> Result<Self, StoreError> {
        const WHAT: &str = "usage record";
        let wire: UsageV1<'_> = read(WHAT, VERSION, bytes)?;
        let id = |text: &str| {
            RequestId::parse(text).map_err(|_| corrupt(WHAT, "an impossible request id"))
        };
        Ok(Self {
            operation: wire.operation.into_owned(),
            at: Timestamp::from_millis(wire.at),
            event_id: id(&wire.event_id)?,
            request_id: id(&wire.request_id)?,
        })
    }
}
