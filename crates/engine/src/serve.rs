//! The walk of a request.

use std::future::Future;
use std::sync::Arc;

use keystead_api::{OperationName, Shape};
use keystead_audit::{Audited, Entry, Opening, SourceAddress, Tls};
use keystead_identity::{Bearer, Origin};
use keystead_store::{Change, StoreError};
use keystead_types::{AccountId, Caller, Fault, FaultKind, KeyId, RequestId};

use crate::facts::Part;
use crate::limits::COMMIT_ATTEMPTS;
use crate::lookup::Stage;
use crate::multi_region;
use crate::operation::Operation;
use crate::ready::{Ready, attest};
use crate::site::{Freshness, Site};
use crate::target::{self, Target};
use crate::usage::{self, UsedKeys};

/// Where a request came from.
pub struct Peer {
    /// The client's address, as the audit record tells it.
    pub source_ip: SourceAddress,
    /// The TLS session, unless the connection is plain.
    pub tls: Option<Tls>,
    /// What policies may ask of the connection and its headers.
    pub origin: Origin,
}

/// An authenticated request.
pub struct Request<'a> {
    /// Who signed it.
    pub bearer: Arc<Bearer>,
    /// Its id, answered as `x-amzn-RequestId`.
    pub request_id: RequestId,
    /// Where it came from.
    pub peer: Peer,
    /// The JSON body.
    pub body: &'a [u8],
}

/// Walks one request through all rooms. The answer is the body, or the fault, and it is in the
/// audit log before this returns.
pub async fn serve<O: Operation>(site: &Site, request: Request<'_>) -> Audited<Vec<u8>> {
    let Request {
        bearer,
        request_id,
        peer,
        body,
    } = request;
    let caller = bearer.caller.clone();
    let origin = &peer.origin;
    let mut entry = begin(site, O::Shape::OPERATION, request_id, caller, &peer);
    let input = match O::Shape::decode(body) {
        Ok(input) => input,
        Err(fault) => return entry.settle(Err(fault)).publish().await,
    };
    let mut parameters = Vec::with_capacity(256);
    O::Shape::audit_parameters(&input, &mut parameters);
    entry.request_parameters(parameters);
    let mut freshness = Freshness::Cached;
    for _ in 0..COMMIT_ATTEMPTS {
        let walked = attempt::<O>(site, (&bearer, origin), &input, &mut entry, freshness).await;
        let (answer, changes, used) = match walked {
            Ok(walked) => walked,
            Err(fault) => return entry.settle(Err(fault)).publish().await,
        };
        if changes.is_empty() {
            return match usage::tracked(O::Shape::OPERATION) {
                None => entry.settle(Ok(answer)).publish().await,
                Some(tracked) => {
                    usage::publish(site, entry, answer, (tracked, request_id), used).await
                }
            };
        }
        let followed = changes.iter().find_map(followed_by_replicas);
        match commit(site, entry, answer, changes).await {
            Committed::Done(audited) => {
                if let (Some((account, key_id)), true) = (followed, audited.is_success()) {
                    // Rare and large: in a box, so that not every request carries room for it.
                    Box::pin(follow_up(site, account, key_id)).await;
                }
                return audited;
            }
            Committed::Conflict(again) => entry = again,
        }
        freshness = Freshness::Stored;
    }
    let fault = Fault::internal("the same records kept changing while the request ran");
    entry.settle(Err(fault)).publish().await
}

/// Answers an operation that is in the model and not built yet, audited like any other.
pub async fn serve_unbuilt(
    site: &Site,
    operation: OperationName,
    request: Request<'_>,
) -> Audited<Vec<u8>> {
    let entry = begin(
        site,
        operation,
        request.request_id,
        request.bearer.caller.clone(),
        &request.peer,
    );
    let text = format!("Keystead does not offer {} yet.", operation.as_str());
    entry
        .settle(Err(Fault::new(FaultKind::UnsupportedOperation, text)))
        .publish()
        .await
}

fn begin(
    site: &Site,
    operation: OperationName,
    request_id: RequestId,
    caller: Caller,
    peer: &Peer,
) -> Entry {
    let Peer {
        source_ip,
        tls,
        origin,
    } = peer;
    let (name, read_only) = (operation.as_str(), operation.is_read_only());
    let endpoint = origin.endpoint.as_ref();
    site.trail().begin(Opening {
        user_agent: origin.user_agent.clone(),
        tls: tls.clone(),
        vpc_endpoint_id: endpoint.map(|endpoint| endpoint.id.clone()),
        ..Opening::new(request_id, name, read_only, caller, source_ip.clone())
    })
}

/// One pass from the records to the answer, without any durable effect.
async fn attempt<O: Operation>(
    site: &Site,
    (bearer, origin): (&Bearer, &Origin),
    input: &<O::Shape as Shape>::Input,
    entry: &mut Entry,
    freshness: Freshness,
) -> Result<(Vec<u8>, Vec<Change>, UsedKeys), Fault> {
    let operation = O::Shape::OPERATION.as_str();
    let facts = O::facts(input, Part::First);
    let second = O::Target::HAS_SECOND.then(|| Box::new(O::facts(input, Part::Second)));
    let selection = O::target(input)?;
    let recipient = facts.recipient;
    let recipient = recipient.map(|recipient| attest(site, entry, recipient));
    let mut stage = Stage {
        site,
        bearer,
        caller: &bearer.caller,
        entry,
        now: site.now(),
        freshness,
        dry_run: O::Shape::dry_run(input),
        origin,
        facts: &facts,
        second: second.as_deref().unwrap_or(&facts),
        same_key: None,
        recipient,
    };
    let held = <O::Target as Target>::acquire(&mut stage, &O::SPEC, selection).await?;
    target::admit_usage::<O::Target>(&held, operation)?;
    O::suits(input, &held)?;
    target::admit_states::<O::Target>(&held, &O::SPEC, stage.now)?;
    let used = target::names::<O::Target>(&held);
    let mut ready = Ready::<O::Target>::admitted(stage, held, operation);
    ready.check_grant_tokens(facts.grant_tokens)?;
    let output = O::run(input, &mut ready).await?;
    if O::Shape::dry_run(input) {
        return Err(Fault::new(
            FaultKind::DryRunOperation,
            "The request would have succeeded, but the DryRun option is set.",
        ));
    }
    let changes = ready.into_changes(O::Shape::OPERATION.is_read_only());
    Ok((O::Shape::encode(&output), changes, used))
}

/// The multi-Region key whose relatives must follow a change.
fn followed_by_replicas(change: &Change) -> Option<(AccountId, KeyId)> {
    match change {
        Change::PutKey { record, .. } => {
            let set = record.multi_region.as_ref()?;
            set.sync_due.map(|_| (record.account, record.key_id))
        }
        _ => None,
    }
}

/// Brings the relatives of a changed key in line before the answer leaves. What fails stays due,
/// and the clockwork goes on with it.
async fn follow_up(site: &Site, account: AccountId, key_id: KeyId) {
    if let Err(fault) = multi_region::converge(site, account, key_id).await {
        tracing::warn!(%key_id, ?fault, "related keys could not be brought in line yet");
    }
}

enum Committed {
    Done(Audited<Vec<u8>>),
    Conflict(Entry),
}

/// Makes the changes and the record of them durable in one batch, then publishes the record.
fn commit(
    site: &Site,
    entry: Entry,
    answer: Vec<u8>,
    mut changes: Vec<Change>,
) -> impl Future<Output = Committed> + Send {
    let event_id = entry.event_id();
    let settled = entry.settle(Ok(answer));
    changes.extend(
        settled
            .outbox()
            .map(|(event_id, record)| Change::OutboxPut {
                event_id,
                record: record.to_vec(),
            }),
    );
    async move {
        match site.commit(changes).await {
            Ok(_) => {
                let audited = settled.publish().await;
                if audited.is_success() {
                    site.published(event_id);
                }
                Committed::Done(audited)
            }
            Err(StoreError::Conflict) => Committed::Conflict(settled.reopen()),
            Err(error) => Committed::Done(settled.revise(Fault::internal(error)).publish().await),
        }
    }
}
