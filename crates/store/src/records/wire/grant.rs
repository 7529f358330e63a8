//! The stored form of grant records, version 1.

use std::borrow::Cow;

use keystead_types::{GrantOperation, Hex32, Timestamp};
use serde::{Deserialize, Serialize};

use super::{Pairs, account, corrupt, key_id, pairs_from_wire, pairs_to_wire, read, write};
use crate::StoreError;
use crate::layout::GrantPlace;
use crate::records::{GrantConstraints, GrantParty, GrantRecord};

const VERSION: u8 = 1;

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

impl GrantRecord {
    /// The stored form.
    pub fn encode(&self) -> Result<Vec<u8>, StoreError> {
        let operations = self.operations.iter();
        write(
            VERSION,
            &GrantV1 {
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
            },
        )
    }

    /// Reads the stored form.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] for an unknown version and for bytes that no record has.
    pub fn decode(bytes: &[u8]) -> Result<Self, StoreError> {
        const WHAT: &str = "grant record";
        let wire: GrantV1<'_> = read(WHAT, VERSION, bytes)?;
        let bad = || corrupt(WHAT, "an unknown code");
        let party = |party: PartyV1<'_>| {
            GrantParty::from_code(party.kind, party.text.into_owned()).ok_or_else(bad)
        };
        let operations = wire.operations.iter();
        let operations = operations.map(|code| GrantOperation::from_code(*code));
        Ok(Self {
            grant_id: Hex32(wire.grant_id),
            account: account(WHAT, wire.account)?,
            key_id: key_id(WHAT, &wire.key_id)?,
            name: wire.name.map(Cow::into_owned),
            grantee: party(wire.grantee)?,
            retiring: wire.retiring.map(party).transpose()?,
            operations: operations.collect::<Option<_>>().ok_or_else(bad)?,
            constraints: wire.constraints.map(constraints_from_wire),
            issuing_account: account(WHAT, wire.issuing_account)?,
            created: Timestamp::from_millis(wire.created),
            fingerprint: wire.fingerprint,
            retiring_digest: wire.retiring_digest,
        })
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
