//! The service as the door sees it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use keystead_audit::{Audited, Entry, Opening, Requester, SourceAddress, Tls, Trail};
use keystead_identity::{Bearer, Directory, Origin};
use keystead_store::Change;
use keystead_types::{Clock, Entropy, Region, RequestId, Timestamp};

use crate::limits::{OUTBOX_STAYS_MILLIS, OUTBOX_SWEPT_AT_ONCE};

/// What the service is made of.
pub struct ServiceParts {
    /// Accounts and identities.
    pub directory: Arc<Directory>,
    /// The audit trail of IAM and STS.
    pub trail: Trail,
    /// The wall clock.
    pub clock: Arc<dyn Clock>,
    /// Randomness for ids.
    pub entropy: Arc<dyn Entropy>,
    /// What STS needs beside.
    pub sts: crate::sts::StsParts,
}

/// Which of the two APIs a request is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Api {
    /// `iam`, of the credential scope.
    Iam,
    /// `sts`, of the credential scope; also of requests without signature.
    Sts,
}

/// A request whose signature was verified.
pub struct Request<'a> {
    /// Which API.
    pub service: Api,
    /// Who signed it; `None` only for the operations of STS that take no signature.
    pub bearer: Option<Arc<Bearer>>,
    /// Its id, answered as `x-amzn-RequestId` and in the body.
    pub request_id: RequestId,
    /// Where it came from.
    pub origin: Origin,
    /// The TLS session, unless the connection is plain.
    pub tls: Option<Tls>,
    /// The Region of the credential scope.
    pub region: Region,
    /// The form.
    pub body: &'a [u8],
}

/// A record of the outbox that is in the log too.
struct Published {
    event_id: RequestId,
    at: Timestamp,
}

/// IAM and STS of one deployment.
pub struct Service {
    parts: ServiceParts,
    published: Mutex<Vec<Published>>,
}

impl Service {
    /// Puts the service to work.
    pub fn new(parts: ServiceParts) -> Self {
        Self {
            parts,
            published: Mutex::new(Vec::new()),
        }
    }

    /// Walks one request through all rooms. The answer is an XML document, or the fault, for which
    /// the door writes the document; the audit record is in the log before this returns.
    ///
    /// Time: a change waits for those before it and for the store; everything else is memory.
    pub async fn serve(&self, request: Request<'_>) -> Audited<Vec<u8>> {
        crate::dispatch::serve(self, request).await
    }

    /// Accounts and identities.
    pub fn directory(&self) -> &Arc<Directory> {
        &self.parts.directory
    }

    pub(crate) fn entropy(&self) -> &dyn Entropy {
        &*self.parts.entropy
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.parts.clock.now()
    }

    pub(crate) fn sts(&self) -> &crate::sts::StsParts {
        &self.parts.sts
    }

    /// Begins the audit entry of an operation.
    pub(crate) fn begin(
        &self,
        request: &Request<'_>,
        event_name: &'static str,
        read_only: bool,
        requester: Requester,
    ) -> Entry {
        let origin = &request.origin;
        let unknown = SourceAddress::Name("AWS Internal".into());
        self.parts.trail.begin(Opening {
            event_source: match request.service {
                Api::Iam => keystead_audit::IAM,
                Api::Sts => keystead_audit::STS,
            },
            request_id: request.request_id,
            event_name,
            read_only,
            requester,
            region: Some(request.region.clone()),
            source_ip: origin.source_ip.map_or(unknown, SourceAddress::Ip),
            user_agent: origin.user_agent.clone(),
            tls: request.tls.clone(),
            vpc_endpoint_id: origin.endpoint.as_ref().map(|endpoint| endpoint.id.clone()),
        })
    }

    fn published(&self) -> MutexGuard<'_, Vec<Published>> {
        self.published
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes that a record of the outbox is in the log, so that a later commit removes it.
    pub(crate) fn note_published(&self, event_id: RequestId) {
        let at = self.now();
        self.published().push(Published { event_id, at });
    }

    /// Removes from the outbox what the log has had for long enough to have it for good.
    pub(crate) fn sweep(&self) -> Vec<Change> {
        let now = self.now();
        let settled = |one: &mut Published| {
            let age = now.as_millis().saturating_sub(one.at.as_millis());
            !(0..OUTBOX_STAYS_MILLIS).contains(&age)
        };
        let mut published = self.published();
        let settled = published.extract_if(.., settled);
        settled
            .take(OUTBOX_SWEPT_AT_ONCE)
            .map(|one| Change::OutboxDelete {
                event_id: one.event_id,
            })
            .collect()
    }
}
