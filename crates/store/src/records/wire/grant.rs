//! The stored form of grant records, version 2. Version 1 is the same without the unique ids.

use std::borrow::Cow;

use keystead_types::{GrantOperation, Hex32, Timestamp};
use serde::{Deserialize, Serialize};

use super::{
    Pairs, account, corrupt, fields, key_id, pairs_from_wire, pairs_to_wire, split,
    unknown_version, write,
};
use crate::StoreError;
use crate::layout::GrantPlace;
use crate::records::{GrantConstraints, GrantParty, GrantRecord};

/// The version that is written.
const VERSION: u8 = 2;
const WHAT: &str = "grant record";

#[derive(Serialize, Deserialize)]
struct GrantV2<'a> {
    #[serde(borrow)]
    before: GrantV1<'a>,
    #[serde(borrow)]
    grantee_id: Option<Cow<'a, str>>,
    #[serde(borrow)]
    retiring_id: Option<Cow<'a, str>>,
}

#[derive(Serialize, Deserialize)]
struct GrantV1<'a> {
    grant_id: [u8; 32],
    account: u64,
    #[serde(borrow)]
    key_id: Cow<'a, str>,
    #[serde(borrow)]
    name: Option<Cow<'a, str>>,
    #[serde(borrow)]
    grantee: PartyV1<'a>,
    #[serde(borrow)]
    retiring: Option<PartyV1<'a>>,
    operations: Vec<u8>,
    #[serde(borrow)]
    constraints: Option<ConstraintsV1<'a>>,
    issuing_account: u64,
    created: i64,
    fingerprint: Option<[u8; 32]>,
    retiring_digest: Option<[u8; 32]>,
}

#[derive(Serialize, Deserialize)]
struct PartyV1<'a> {
    kind: u8,
    #[serde(borrow)]
    text: Cow<'a, str>,
}

#[derive(Serialize, Deserialize)]
struct ConstraintsV1<'a> {
    #[serde(borrow)]
    encryption_context_subset: Option<Pairs<'a>>,
    #[serde(borrow)]
    encryption_context_equals: Option<Pairs<'a>>,
    #[serde(borrow)]
    source_arn: Option<Cow<'a, str>>,
}

fn party_to_wire(party: &GrantParty) -> PartyV1<'_> {
    PartyV1 {
        kind: party.kind_code(),
        text: party.text().into(),
    }
}

fn constraints_to_wire(constraints: &GrantConstraints) -> ConstraintsV1<'_> {
    let GrantConstraints {
        encryption_context_subset: subset,
        encryption_context_equals: equals,
        source_arn,
    } = constraints;
    ConstraintsV1 {
        encryption_context_subset: subset.as_deref().map(pairs_to_wire),
        encryption_context_equals: equals.as_deref().map(pairs_to_wire),
        source_arn: source_arn.as_deref().map(Cow::from),
    }
}

fn constraints_from_wire(wire: ConstraintsV1<'_>) -> GrantConstraints {
    GrantConstraints {
        encryption_context_subset: wire.encryption_context_subset.map(pairs_from_wire),
        encryption_context_equals: wire.encryption_context_equals.map(pairs_from_wire),
        source_arn: wire.source_arn.map(Cow::into_owned),
    }
}

impl GrantV1<'_> {
    fn into_record(self) -> Result<GrantRecord, StoreError> {
        let bad = || corrupt(WHAT, "an unknown code");
        let party = |party: PartyV1<'_>| {
            GrantParty::from_code(party.kind, party.text.into_owned()).ok_or_else(bad)
        };
        let operations = self.operations.iter();
        let operations = operations.map(|code| GrantOperation::from_code(*code));
        Ok(GrantRecord {
            grant_id: Hex32(self.grant_id),
            account: account(WHAT, self.account)?,
            key_id: key_id(WHAT, &self.key_id)?,
            name: self.name.map(Cow::into_owned),
            grantee: party(self.grantee)?,
            grantee_id: None,
            retiring: self.retiring.map(party).transpose()?,
            retiring_id: None,
            operations: operations.collect::<Option<_>>().ok_or_else(bad)?,
            constraints: self.constraints.map(constraints_from_wire),
            issuing_account: account(WHAT, self.issuing_account)?,
            created: Timestamp::from_millis(self.created),
            fingerprint: self.fingerprint,
            retiring_digest: self.retiring_digest,
        })
    }
}

impl GrantRecord {
    /// The stored form.
    pub fn encode(&self) -> Result<Vec<u8>, StoreError> {
        let operations = self.operations.iter();
        let before = GrantV1 {
            grant_id: self.grant_id.0,
            account: self.account.to_number(),
            key_id: self.key_id.as_str().into(),
            name: self.name.as_deref().map(Cow::from),
            grantee: party_to_wire(&self.grantee),
            retiring: self.retiring.as_ref().map(party_to_wire),
            operations: operations.map(|operation| operation.code()).collect(),
            constraints: self.constraints.as_ref().map(constraints_to_wire),
            issuing_account: self.issuing_account.to_number(),
            created: self.created.as_millis(),
            fingerprint: self.fingerprint,
            retiring_digest: self.retiring_digest,
        };
        write(
            VERSION,
            &GrantV2 {
                before,
                grantee_id: self.grantee_id.as_deref().map(Cow::from),
                retiring_id: self.retiring_id.as_deref().map(Cow::from),
            },
        )
    }

    /// Reads the stored form, of version 1 too.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] for an unknown version and for bytes that no record has.
    pub fn decode(bytes: &[u8]) -> Result<Self, StoreError> {
        match split(WHAT, bytes)? {
            (1, body) => fields::<GrantV1<'_>>(WHAT, body)?.into_record(),
            (VERSION, body) => {
                let wire: GrantV2<'_> = fields(WHAT, body)?;
                Ok(Self {
                    grantee_id: wire.grantee_id.map(Cow::into_owned),
                    retiring_id: wire.retiring_id.map(Cow::into_owned),
                    ..wire.before.into_record()?
                })
            }
            (other, _) => Err(unknown_version(WHAT, other, VERSION)),
        }
    }

    /// Reads the stored form of the grant of that place.
    ///
    /// # Errors
    /// As [`decode`](Self::decode), and [`StoreError::Corrupt`] for the record of another grant.
    pub(crate) fn decode_at(bytes: &[u8], place: &GrantPlace) -> Result<Self, StoreError> {
        let record = Self::decode(bytes)?;
        if record.place() == *place {
            Ok(record)
        } else {
            Err(crate::view::misplaced("grant record"))
        }
    }
}
