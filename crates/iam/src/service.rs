//! The service as the door sees it.

use std::sync::Arc;

use keystead_audit::{
    Audited, Entry, Opening, Posted, Requester, Settling, SourceAddress, Tls, Trail,
};
use keystead_identity::{Bearer, Directory, DirectoryError, Origin};
use keystead_store::Change;
use keystead_types::{Clock, Entropy, Region, RequestId, Timestamp};

use crate::limits::OUTBOX_SWEPT_AT_ONCE;

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

/// IAM and STS of one deployment.
pub struct Service {
    parts: ServiceParts,
    /// Records of the outbox that are in the log too.
    posted: Posted,
}

impl Service {
    /// Puts the service to work.
    pub fn new(parts: ServiceParts) -> Self {
        Self {
            parts,
            posted: Posted::new(),
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

    /// Notes that a record of the outbox is in the log, so that a later commit removes it.
    pub(crate) fn note_published(&self, event_id: RequestId) {
        self.posted.note(&self.parts.trail, event_id);
    }

    /// Takes what the outbox may forget with the next commit: the log says that its disk has it.
    pub(crate) fn sweep(&self) -> Vec<Settling> {
        self.posted.take(&self.parts.trail, OUTBOX_SWEPT_AT_ONCE)
    }

    /// Removes from the outbox what the log has. For quiet times, in which no change does it on its
    /// way: what is left there at a start would be in the log twice, once the log is too long for
    /// all of its newest records to be looked through.
    ///
    /// Errors: of the store; the next call tries it again.
    pub async fn sweep_outbox(&self) -> Result<(), DirectoryError> {
        let swept = self.sweep();
        if swept.is_empty() {
            return Ok(());
        }
        let draft = self.parts.directory.draft().await;
        let done = draft.commit(forgotten(&swept).collect()).await;
        if done.is_err() {
            self.unswept(swept);
        }
        done
    }

    /// Takes it back after a commit that failed. To remove a record twice does no harm.
    pub(crate) fn unswept(&self, mut settling: Vec<Settling>) {
        self.posted.put_back(&mut settling);
    }
}

/// The changes by which the outbox forgets records.
pub(crate) fn forgotten(swept: &[Settling]) -> impl Iterator<Item = Change> {
    swept.iter().map(|one| Change::OutboxDelete {
        event_id: one.event_id,
    })
}
