//! The walk of one request of IAM.

use std::sync::Arc;

use keystead_api::query::Form;
use keystead_audit::{Audited, Entry, Requester};
use keystead_identity::{Bearer, DirectoryError, Draft, NewAccessKey};
use keystead_store::{Change, StoreError};
use keystead_types::{Fault, FaultKind};
use keystead_wall::WallError;

use crate::authorize;
use crate::call::{Call, State};
use crate::dispatch::must_not_manage;
use crate::operation::Operation;
use crate::receipts;
use crate::scene::Scene;
use crate::service::{Request, Service, forgotten};

/// Walks it. The answer is in the audit log before this returns.
pub(crate) async fn serve<O: Operation>(
    service: &Service,
    request: &Request<'_>,
    bearer: &Arc<Bearer>,
    form: &Form,
) -> Audited<Vec<u8>> {
    let requester = Requester::from(bearer.caller.clone());
    let mut entry = service.begin(request, O::ACTION, O::READ_ONLY, requester);
    let input = match O::decode(form) {
        Ok(input) => input,
        Err(fault) => return entry.settle(Err(fault)).publish().await,
    };
    let mut parameters = Vec::with_capacity(256);
    O::audit_parameters(&input, &mut parameters);
    entry.request_parameters(parameters);
    let asker = Asker {
        service,
        request,
        bearer,
    };
    let walked = if O::READ_ONLY {
        asker.read::<O>(&input, &mut entry)
    } else {
        asker.write::<O>(&input, &mut entry).await
    };
    match walked {
        Ok((answer, None)) => entry.settle(Ok(answer)).publish().await,
        Ok((answer, Some(draft))) => commit(service, entry, answer, draft).await,
        Err(fault) => entry.settle(Err(fault)).publish().await,
    }
}

type Walked<'d> = Result<(Vec<u8>, Option<Draft<'d>>), Fault>;

#[derive(Clone, Copy)]
struct Asker<'a> {
    service: &'a Service,
    request: &'a Request<'a>,
    bearer: &'a Arc<Bearer>,
}

impl<'a> Asker<'a> {
    fn read<O: Operation>(self, input: &O::Input, entry: &mut Entry) -> Walked<'a> {
        let world = self.service.directory().world();
        self.allow::<O>(&world, input, entry)?;
        let answer = self.run::<O>(State::Reading(&world), None, input, entry)?;
        Ok((answer, None))
    }

    async fn write<O: Operation>(self, input: &O::Input, entry: &mut Entry) -> Walked<'a> {
        let made = if O::MAKES_ACCESS_KEY {
            // Nobody lets the HSM work for what they may not have.
            let world = self.service.directory().world();
            self.allow::<O>(&world, input, entry)?;
            let account = self.bearer.caller.account;
            let made = self.service.directory().new_access_key(account).await;
            let made = made.map_err(unchanged)?;
            receipts::note(entry, &made.receipts);
            Some(made)
        } else {
            None
        };
        let mut draft = self.service.directory().draft().await;
        // Decided under the writers' lock: on what is there when the change happens.
        self.allow::<O>(draft.world(), input, entry)?;
        if let Some(made) = &made {
            draft.expect_key(made).map_err(unchanged)?;
        }
        let answer = self.run::<O>(State::Writing(&mut draft), made, input, entry)?;
        Ok((answer, Some(draft)))
    }

    fn allow<O: Operation>(
        self,
        world: &keystead_identity::World,
        input: &O::Input,
        entry: &mut Entry,
    ) -> Result<(), Fault> {
        if must_not_manage(&self.bearer.caller) {
            return Err(Fault::new(
                FaultKind::UnrecognizedClient,
                "The security token included in the request is invalid",
            ));
        }
        let scene = Scene {
            world,
            caller: &self.bearer.caller,
            partition: world.partition(),
        };
        let asks = O::asks(input, &scene)?;
        authorize::allow(
            self.service,
            self.request,
            self.bearer,
            O::ACTION,
            &asks,
            entry,
        )
    }

    fn run<O: Operation>(
        self,
        state: State<'_, '_>,
        made_key: Option<NewAccessKey>,
        input: &O::Input,
        entry: &mut Entry,
    ) -> Result<Vec<u8>, Fault> {
        let mut call = Call {
            service: self.service,
            caller: &self.bearer.caller,
            state,
            now: self.service.now(),
            made_key,
        };
        let output = O::run(input, &mut call)?;
        let mut elements = Vec::with_capacity(256);
        O::audit_response(&output, &mut elements);
        entry.response_elements(elements);
        Ok(O::encode(&output, &self.request.request_id))
    }
}

/// Makes the changes and the record of them durable in one batch, then publishes the record.
async fn commit(
    service: &Service,
    entry: Entry,
    answer: Vec<u8>,
    draft: Draft<'_>,
) -> Audited<Vec<u8>> {
    let event_id = entry.event_id();
    let settled = entry.settle(Ok(answer));
    let swept = service.sweep();
    let mut changes: Vec<_> = forgotten(&swept).collect();
    changes.extend(
        settled
            .outbox()
            .map(|(event_id, record)| Change::OutboxPut {
                event_id,
                record: record.to_vec(),
            }),
    );
    match draft.commit(changes).await {
        Ok(_) => {
            let audited = settled.publish().await;
            if audited.is_success() {
                service.note_published(event_id);
            }
            audited
        }
        Err(error) => {
            service.unswept(swept);
            settled.revise(unchanged(error)).publish().await
        }
    }
}

/// The wire error for a change that did not come about, or of which nobody knows.
fn unchanged(error: DirectoryError) -> Fault {
    match error {
        // Source of the text: IAM model, ConcurrentModificationException.
        DirectoryError::Store(StoreError::Conflict) => Fault::new(
            FaultKind::ConcurrentModification,
            "The request was rejected because multiple requests to change this object were \
             submitted simultaneously. Wait a few minutes and submit your request again.",
        )
        .because(StoreError::Conflict),
        DirectoryError::Wall(WallError::Overloaded) => {
            Fault::new(FaultKind::Throttling, "Rate exceeded").because(WallError::Overloaded)
        }
        error => Fault::internal(error),
    }
}
