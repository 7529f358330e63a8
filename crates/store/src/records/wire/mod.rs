//! The stored form of records: a version byte, then a postcard struct of that version.
//!
//! These structs are frozen: postcard writes fields by position, so a changed field is a new
//! version with structs of its own, and the golden files keep the old ones readable.

mod grant;
mod identity;
mod key;
mod key_v1;
mod last_use;
mod usage;

use std::borrow::Cow;

use keystead_types::{AccountId, AliasName, KeyId, Timestamp};
use serde::{Deserialize, Serialize};

use super::{AliasRecord, CredentialRecord};
use crate::StoreError;

/// The version of alias and credential records that is written.
const VERSION: u8 = 1;

#[derive(Serialize, Deserialize)]
struct AliasV1<'a> {
    #[serde(borrow)]
    name: Cow<'a, str>,
    account: u64,
    #[serde(borrow)]
    target: Cow<'a, str>,
    created: i64,
    updated: i64,
}

#[derive(Serialize, Deserialize)]
struct CredentialV1<'a> {
    account: u64,
    #[serde(borrow)]
    sealed_secret: &'a [u8],
    created: i64,
}

fn write<T: Serialize>(version: u8, record: &T) -> Result<Vec<u8>, StoreError> {
    postcard::to_extend(record, vec![version]).map_err(|cause| StoreError::Failed(Box::new(cause)))
}

/// Takes the version byte off and reads the fields of the only version there is.
fn read<'a, T: Deserialize<'a>>(what: &str, version: u8, bytes: &'a [u8]) -> Result<T, StoreError> {
    match split(what, bytes)? {
        (found, body) if found == version => fields(what, body),
        (found, _) => Err(unknown_version(what, found, version)),
    }
}

/// The version byte and the fields after it.
fn split<'a>(what: &str, bytes: &'a [u8]) -> Result<(u8, &'a [u8]), StoreError> {
    match bytes.split_first() {
        Some((version, body)) => Ok((*version, body)),
        None => Err(corrupt(what, "no bytes")),
    }
}

/// Reads the fields; bytes after them are damage too.
fn fields<'a, T: Deserialize<'a>>(what: &str, body: &'a [u8]) -> Result<T, StoreError> {
    match postcard::take_from_bytes(body) {
        Ok((record, [])) => Ok(record),
        Ok(_) => Err(corrupt(what, "bytes after its end")),
        Err(_) => Err(corrupt(what, "fields that do not decode")),
    }
}

fn unknown_version(what: &str, found: u8, newest: u8) -> StoreError {
    StoreError::Corrupt(format!(
        "{what} of format version {found}; this program reads versions up to {newest}"
    ))
}

fn corrupt(what: &str, why: &str) -> StoreError {
    StoreError::Corrupt(format!("{what} with {why}"))
}

fn account(what: &str, number: u64) -> Result<AccountId, StoreError> {
    AccountId::from_number(number).ok_or_else(|| corrupt(what, "an impossible account"))
}

fn key_id(what: &str, text: &str) -> Result<KeyId, StoreError> {
    KeyId::parse(text).map_err(|_| corrupt(what, "an impossible key id"))
}

/// Pairs of texts, borrowed from a record or from stored bytes.
type Pairs<'a> = Vec<(Cow<'a, str>, Cow<'a, str>)>;

fn pairs_to_wire(pairs: &[(String, String)]) -> Pairs<'_> {
    let pairs = pairs.iter();
    pairs
        .map(|(key, value)| (key.as_str().into(), value.as_str().into()))
        .collect()
}

fn pairs_from_wire(pairs: Pairs<'_>) -> Vec<(String, String)> {
    let pairs = pairs.into_iter();
    pairs
        .map(|(key, value)| (key.into_owned(), value.into_owned()))
        .collect()
}

impl AliasRecord {
    /// The stored form.
    pub fn encode(&self) -> Result<Vec<u8>, StoreError> {
        write(
            VERSION,
            &AliasV1 {
                name: self.name.as_str().into(),
                account: self.account.to_number(),
                target: self.target.as_str().into(),
                created: self.created.as_millis(),
                updated: self.updated.as_millis(),
            },
        )
    }

    /// Reads the stored form.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] for an unknown version and for bytes that no record has.
    pub fn decode(bytes: &[u8]) -> Result<Self, StoreError> {
        const WHAT: &str = "alias record";
        let wire: AliasV1<'_> = read(WHAT, VERSION, bytes)?;
        Ok(Self {
            name: AliasName::parse(&wire.name)
                .map_err(|_| corrupt(WHAT, "an impossible alias name"))?,
            account: account(WHAT, wire.account)?,
            target: key_id(WHAT, &wire.target)?,
            created: Timestamp::from_millis(wire.created),
            updated: Timestamp::from_millis(wire.updated),
        })
    }
}

impl CredentialRecord {
    /// The stored form.
    pub fn encode(&self) -> Result<Vec<u8>, StoreError> {
        write(
            VERSION,
            &CredentialV1 {
                account: self.account.to_number(),
                sealed_secret: &self.sealed_secret,
                created: self.created.as_millis(),
            },
        )
    }

    /// Reads the stored form.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] for an unknown version and for bytes that no record has.
    pub fn decode(bytes: &[u8]) -> Result<Self, StoreError> {
        const WHAT: &str = "credential record";
        let wire: CredentialV1<'_> = read(WHAT, VERSION, bytes)?;
        Ok(Self {
            account: account(WHAT, wire.account)?,
            sealed_secret: wire.sealed_secret.to_vec(),
            created: Timestamp::from_millis(wire.created),
        })
    }
}
