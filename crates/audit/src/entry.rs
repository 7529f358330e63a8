//! An entry on its way, and what happens to one that is lost.

use std::sync::{Arc, OnceLock};

use keystead_types::{AccountId, Fault, KeyArn, RequestId};

use crate::record::{self, Ending};
use crate::{Opening, Operator, ReceiptNote, Record, Requester, Settled, Trail};

/// The audit entry of one request or service event. Dropping it leaves an `ABANDONED` record.
#[must_use = "dropping an entry records ABANDONED"]
pub struct Entry(Pending);

/// Who caused the event.
#[expect(
    clippy::large_enum_variant,
    reason = "nearly all are requests, and all live in a box"
)]
pub(crate) enum Origin {
    Request(Opening),
    Service {
        event_name: &'static str,
        account: AccountId,
        details: Option<Details>,
    },
    Administration {
        event_name: &'static str,
        operator: Arc<Operator>,
        account: Option<AccountId>,
        details: Option<Details>,
    },
}

/// A member of `resources`.
#[derive(PartialEq, Eq)]
pub(crate) enum Resource {
    Key(KeyArn),
    /// Account, path without its leading slash and name.
    Role(AccountId, String),
}

/// A JSON object made elsewhere, made safe for one line of a log.
pub(crate) struct Details(Vec<u8>);

impl Details {
    pub(crate) fn new(json_object: Vec<u8>) -> Self {
        Self(crate::text::one_line(json_object))
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

/// All that a record is made of, but for its ending.
pub(crate) struct Parts {
    pub(crate) trail: Trail,
    pub(crate) event_id: RequestId,
    pub(crate) origin: Origin,
    pub(crate) request_parameters: Option<Details>,
    pub(crate) response_elements: Option<Details>,
    pub(crate) additional: Vec<(&'static str, String)>,
    /// Members of `additionalEventData` that are objects of texts.
    pub(crate) objects: Vec<(&'static str, Vec<(String, String)>)>,
    /// Why what was asked is allowed or denied: JSON objects, in the order of the decisions.
    pub(crate) authorization: Vec<Details>,
    pub(crate) resources: Vec<Resource>,
    pub(crate) receipts: Vec<ReceiptNote>,
}

/// Parts whose record is still owed; dropping them pays it with `ABANDONED`.
pub(crate) struct Pending {
    parts: Option<Box<Parts>>,
    /// The outbox form, once someone asked for it: it may be in the store by now.
    pub(crate) outbox: OnceLock<Vec<u8>>,
}

impl Pending {
    pub(crate) fn parts(&self) -> Option<&Parts> {
        self.parts.as_deref()
    }

    /// Gives the event another id if its outbox form was taken: the outbox may hold the record of
    /// a change that was made. It is replayed under its own id, which must not look written.
    pub(crate) fn renew_id(&mut self) {
        if self.outbox.take().is_some()
            && let Some(parts) = self.parts.as_deref_mut()
        {
            parts.event_id = parts.trail.new_id();
        }
    }

    /// Takes the debt away.
    pub(crate) fn release(mut self) -> Option<Box<Parts>> {
        self.parts.take()
    }
}

impl Drop for Pending {
    fn drop(&mut self) {
        self.renew_id();
        let Some(mut parts) = self.parts.take() else {
            return;
        };
        let json = record::render(&parts, parts.trail.now(), Ending::Abandoned);
        let record = Record {
            event_id: parts.event_id,
            json,
            receipts: std::mem::take(&mut parts.receipts),
        };
        parts.trail.enqueue(record);
    }
}

impl Entry {
    pub(crate) fn open(trail: Trail, origin: Origin) -> Self {
        let event_id = trail.new_id();
        Self(Pending {
            parts: Some(Box::new(Parts {
                trail,
                event_id,
                origin,
                request_parameters: None,
                response_elements: None,
                additional: Vec::new(),
                objects: Vec::new(),
                authorization: Vec::new(),
                resources: Vec::new(),
                receipts: Vec::new(),
            })),
            outbox: OnceLock::new(),
        })
    }

    /// An entry that is open again. What was decided will be decided anew.
    pub(crate) fn again(pending: Pending) -> Self {
        let mut entry = Self(pending);
        entry.change(|parts| parts.authorization.clear());
        entry
    }

    /// Begins the entry of another event that the same request causes, perhaps in another Region:
    /// of the same caller and with the same request id. A service event has nothing in common.
    pub fn elsewhere(&self, trail: &Trail, event_name: &'static str) -> Option<Self> {
        let Some(Origin::Request(opening)) = self.0.parts().map(|parts| &parts.origin) else {
            return None;
        };
        Some(trail.begin(Opening {
            event_name,
            read_only: false,
            ..opening.clone()
        }))
    }

    /// The record's `eventID`.
    pub fn event_id(&self) -> RequestId {
        match self.0.parts() {
            Some(parts) => parts.event_id,
            None => RequestId::from_random([0; 16]),
        }
    }

    /// Whether it is of a request that changes nothing.
    pub fn is_read_only(&self) -> bool {
        let origin = self.0.parts().map(|parts| &parts.origin);
        matches!(origin, Some(Origin::Request(opening)) if opening.read_only)
    }

    /// Sets `requestParameters`: the text of one valid JSON object without secrets, as the
    /// generated code makes it. An empty object is recorded as null.
    pub fn request_parameters(&mut self, json_object: Vec<u8>) {
        self.change(|parts| parts.request_parameters = Some(Details::new(json_object)));
    }

    /// Adds a key to `resources`, once. ReEncrypt names the source first.
    pub fn resource(&mut self, arn: KeyArn) {
        self.add_resource(Resource::Key(arn));
    }

    /// Adds a role to `resources`, once: its account, path without leading slash and name.
    pub fn role_resource(&mut self, account: AccountId, name: &str) {
        self.add_resource(Resource::Role(account, name.to_owned()));
    }

    fn add_resource(&mut self, resource: Resource) {
        self.change(|parts| {
            if !parts.resources.contains(&resource) {
                parts.resources.push(resource);
            }
        });
    }

    /// Names who asks, once more is known: a web identity whose token has been verified. A service
    /// event has nobody who asks.
    pub fn requester(&mut self, requester: impl Into<Requester>) {
        self.change(|parts| {
            if let Origin::Request(opening) = &mut parts.origin {
                opening.requester = requester.into();
            }
        });
    }

    /// Sets `serviceEventDetails` of what nobody asked for over the network: the text of one valid
    /// JSON object without secrets. A request has none.
    pub fn event_details(&mut self, json_object: Vec<u8>) {
        self.change(|parts| match &mut parts.origin {
            Origin::Service { details, .. } | Origin::Administration { details, .. } => {
                *details = Some(Details::new(json_object));
            }
            Origin::Request(_) => {}
        });
    }

    /// Adds why something is allowed or denied: the text of one valid JSON object. The objects
    /// stand in the order of the calls in `additionalEventData.keystead.authorization`, together up
    /// to [`crate::limits::AUTHORIZATION_MAX_BYTES`].
    pub fn authorization(&mut self, json_object: Vec<u8>) {
        self.change(|parts| parts.authorization.push(Details::new(json_object)));
    }

    /// Takes back what [`Self::authorization`] added: everything is decided anew.
    pub fn undecided(&mut self) {
        self.change(|parts| parts.authorization.clear());
    }

    /// Sets `responseElements`, valid JSON like the request's; recorded only for a success.
    pub fn response_elements(&mut self, json_object: Vec<u8>) {
        self.change(|parts| parts.response_elements = Some(Details::new(json_object)));
    }

    /// Sets a member of `additionalEventData`; the last value of a name counts.
    pub fn additional(&mut self, name: &'static str, value: String) {
        self.change(|parts| {
            parts.additional.retain(|(present, _)| *present != name);
            parts.additional.push((name, value));
        });
    }

    /// Sets a member of `additionalEventData` that is an object of texts, in order.
    pub fn additional_object(&mut self, name: &'static str, members: Vec<(String, String)>) {
        self.change(|parts| {
            parts.objects.retain(|(present, _)| *present != name);
            parts.objects.push((name, members));
        });
    }

    /// Notes a use of a key. Call it for each command that crossed the wall.
    pub fn receipt(&mut self, receipt: ReceiptNote) {
        self.change(|parts| parts.receipts.push(receipt));
    }

    /// Ends the entry: the record's bytes are final and `eventTime` is now.
    pub fn settle<T>(self, outcome: Result<T, Fault>) -> Settled<T> {
        Settled::new(self.0, outcome)
    }

    fn change(&mut self, change: impl FnOnce(&mut Parts)) {
        if let Some(parts) = self.0.parts.as_deref_mut() {
            change(parts);
        }
    }
}
