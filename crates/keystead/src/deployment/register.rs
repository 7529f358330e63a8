//! What is done to the deployment as a whole, on record: it is made and started, keys of its own
//! are made and opened, the HSM process begins and ends. Each record is on the disk before what it
//! tells of goes on; if it cannot be written, that fails.

use std::future::Future;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use keystead_audit::limits::RECEIPTS_MAX;
use keystead_audit::{AuditLog, Entry, Operator, ReceiptNote, Sink, Trail};
use keystead_hsm::{Counted, read_tally};
use keystead_store::{Change, Records};
use keystead_types::{AccountId, Clock, Entropy, Fault, Region};
use keystead_wall::supervisor::ProcessEvent;
use keystead_wall::{Command, Hsm, Outcome, Receipt, WallClient, WallError};
use serde_json::{Value, json};

use crate::layout::DataDir;

/// Writes these records.
#[derive(Clone)]
pub(crate) struct Register {
    log: Arc<AuditLog>,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    operator: Arc<Operator>,
    /// The directory of the log.
    audit: PathBuf,
    /// The file in which the HSM process counts.
    tally: PathBuf,
}

impl Register {
    pub(super) fn new(
        dir: &DataDir,
        log: Arc<AuditLog>,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
    ) -> Self {
        let version = env!("CARGO_PKG_VERSION");
        let command = std::env::args().nth(1).unwrap_or_default();
        let program = format!("keystead/{version} {command}");
        Self {
            log,
            clock,
            entropy,
            operator: Arc::new(Operator::of_this_process(program)),
            audit: dir.audit(),
            tally: dir.tally(),
        }
    }

    /// Begins the entry of something; [`Region::global`] for the deployment as a whole.
    pub(crate) fn begin(
        &self,
        region: &Region,
        event_name: &'static str,
        account: Option<AccountId>,
        details: &Value,
    ) -> Entry {
        let sink: Arc<dyn Sink> = self.log.clone();
        let (clock, entropy) = (self.clock.clone(), self.entropy.clone());
        let trail = Trail::new(sink, clock, entropy, region.clone());
        let mut entry = trail.administration(event_name, self.operator.clone(), account);
        entry.event_details(details.to_string().into_bytes());
        entry
    }

    /// Writes the record of something that was done, or is about to be. It is on the disk when
    /// this returns. Blocks for that long.
    pub(crate) fn tell(&self, entry: Entry) -> Result<(), String> {
        // The record is handed over at once; the wait is for the sync.
        drop(entry.settle(Ok(())).publish());
        self.on_disk()
    }

    /// Writes the record of something that failed, and gives what to tell the person.
    pub(crate) fn tell_failed(&self, entry: Entry, problem: String) -> String {
        let fault = Fault::internal(problem.clone());
        drop(entry.settle::<()>(Err(fault)).publish());
        match self.on_disk() {
            Ok(()) => problem,
            Err(unrecorded) => format!("{problem}; {unrecorded}"),
        }
    }

    /// Makes changes durable with their record.
    pub(crate) async fn commit(
        &self,
        records: &Records,
        entry: Entry,
        mut changes: Vec<Change>,
    ) -> Result<(), String> {
        let event_id = entry.event_id();
        let settled = entry.settle(Ok(()));
        let outbox = settled.outbox();
        changes.extend(outbox.map(|(event_id, record)| Change::OutboxPut {
            event_id,
            record: record.to_vec(),
        }));
        if let Err(error) = records.apply(changes).await {
            let problem = error.to_string();
            drop(settled.revise(Fault::internal(error)).publish());
            return Err(match self.on_disk() {
                Ok(()) => problem,
                Err(unrecorded) => format!("{problem}; {unrecorded}"),
            });
        }
        drop(settled.publish());
        self.on_disk()?;
        let forget = records.apply(vec![Change::OutboxDelete { event_id }]);
        forget.await.map(|_| ()).map_err(|error| error.to_string())
    }

    fn on_disk(&self) -> Result<(), String> {
        self.log
            .sync()
            .map_err(|error| format!("the audit record cannot be written: {error}"))
    }

    /// Records a start or an end of the HSM process. Whoever is served by it later finds the log
    /// failed if that did not work.
    pub(super) fn process(&self, event: &ProcessEvent) {
        let entry = match event {
            ProcessEvent::Started {
                process_id,
                epoch,
                domains,
            } => {
                let domains: Vec<_> = domains.iter().map(Region::as_str).collect();
                let details = json!({
                    "processId": process_id,
                    "epoch": hex(*epoch),
                    "openedDomains": domains,
                });
                self.begin(&Region::global(), "StartHsmProcess", None, &details)
            }
            ProcessEvent::Ended {
                process_id,
                epoch,
                why,
                status,
                served,
            } => {
                let mut details = json!({
                    "processId": process_id,
                    "epoch": hex(*epoch),
                    "why": why,
                    "status": status,
                    "servedSeconds": served.as_secs(),
                });
                return self.ended(*epoch, &mut details);
            }
        };
        if let Err(problem) = self.tell(entry) {
            tracing::error!(%problem, ?event, "the HSM process");
        }
    }

    /// Records the end of a process with what it had counted. The file of that is not needed any
    /// more then.
    fn ended(&self, epoch: u64, details: &mut Value) {
        let counted = match read_tally(&self.tally) {
            Ok(counted) => counted.filter(|counted| counted.epoch == epoch),
            Err(error) => {
                tracing::error!(%error, "what the HSM process has counted cannot be read");
                None
            }
        };
        if let (Some(counted), Some(details)) = (&counted, details.as_object_mut()) {
            let lanes = counted.lanes.iter();
            let lanes = lanes.map(|(lane, last)| (lane.to_string(), Value::from(*last)));
            details.insert("counted".to_owned(), Value::Object(lanes.collect()));
        }
        let entry = self.begin(&Region::global(), "EndHsmProcess", None, details);
        let told = self.tell(entry).and_then(|()| match counted {
            None => Ok(()),
            Some(_) => std::fs::remove_file(&self.tally).map_err(|error| error.to_string()),
        });
        if let Err(problem) = told {
            tracing::error!(%problem, "the end of the HSM process");
        }
    }

    /// Records the end of a process whose server was killed with it, and tells the operator what
    /// it did without a record. Blocks; before another process is started.
    ///
    /// Errors: the file of counters cannot be read, or nothing can be recorded.
    pub(super) fn find_out(&self) -> Result<(), String> {
        let counted = read_tally(&self.tally)
            .map_err(|error| format!("cannot read {}: {error}", self.tally.display()))?;
        let Some(Counted { epoch, lanes }) = counted else {
            return Ok(());
        };
        let mut details = json!({"epoch": hex(epoch), "why": "its server was killed"});
        match keystead_audit::unrecorded(&self.audit, epoch, &lanes) {
            Ok(Some(missing)) => {
                let commands: u64 = missing.values().sum();
                if commands > 0 {
                    tracing::warn!(
                        commands,
                        epoch = hex(epoch),
                        "the HSM process did more before its server was killed than the audit log tells"
                    );
                }
                if let Some(details) = details.as_object_mut() {
                    details.insert("unrecorded".to_owned(), Value::from(commands));
                }
            }
            Ok(None) => tracing::warn!(
                "the audit log since the start of the last HSM process is long: `keystead audit verify` tells whether anything is missing"
            ),
            // Whether the log can go on was decided when it was opened. An older segment that is
            // damaged is no reason not to serve; without the number the record tells less.
            Err(error) => tracing::error!(
                %error,
                "what the last HSM process did without a record is not known: check with `keystead audit verify`"
            ),
        }
        self.ended(epoch, &mut details);
        self.log.health().map_err(|error| error.to_string())
    }
}

/// As the receipts of the log show an epoch.
fn hex(epoch: u64) -> String {
    format!("{epoch:016x}")
}

/// A receipt as the log keeps it.
pub(super) fn noted(receipt: Receipt) -> ReceiptNote {
    let Receipt {
        epoch,
        lane,
        counter,
        digest,
    } = receipt;
    ReceiptNote {
        epoch,
        lane,
        counter,
        digest,
    }
}

/// The HSM process as the directory of identities sees it: what it is used for before there are
/// requests is gathered, for records that tell of it.
#[derive(Clone)]
pub(crate) struct Witness {
    register: Register,
    /// `None` once requests tell of what they use it for.
    gathered: Arc<Mutex<Option<Vec<ReceiptNote>>>>,
}

impl Witness {
    pub(super) fn new(register: Register) -> Self {
        Self {
            register,
            gathered: Arc::new(Mutex::new(Some(Vec::new()))),
        }
    }

    fn gathered(&self) -> MutexGuard<'_, Option<Vec<ReceiptNote>>> {
        self.gathered.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes what was gathered.
    pub(crate) fn take(&self) -> Vec<ReceiptNote> {
        self.gathered()
            .as_mut()
            .map(std::mem::take)
            .unwrap_or_default()
    }

    /// Records what was gathered, if anything was.
    pub(crate) fn tell(&self, event_name: &'static str) -> Result<(), String> {
        for receipts in self.take().chunks(RECEIPTS_MAX) {
            let details = json!({"commands": receipts.len()});
            let region = Region::global();
            let mut entry = self.register.begin(&region, event_name, None, &details);
            receipts.iter().for_each(|one| entry.receipt(*one));
            self.register.tell(entry)?;
        }
        Ok(())
    }

    /// From now on requests tell of what they use it for; what none of them asked for has records
    /// of its own.
    pub(super) fn leave_to_requests(&self) {
        *self.gathered() = None;
    }

    fn note(&self, receipt: ReceiptNote, opening: bool) {
        if let Some(gathered) = self.gathered().as_mut() {
            return gathered.push(receipt);
        }
        if opening {
            let details = json!({"commands": 1});
            let region = Region::global();
            let mut entry = self
                .register
                .begin(&region, "OpenAccessKeys", None, &details);
            entry.receipt(receipt);
            if let Err(problem) = self.register.tell(entry) {
                tracing::error!(%problem, "an access key was opened");
            }
        }
    }
}

impl Hsm for Witness {
    fn call(
        &self,
        command: Command<'_>,
    ) -> Pin<Box<dyn Future<Output = Result<Outcome, WallError>> + Send>> {
        let opening = matches!(command, Command::OpenSecret { .. });
        let call = WallClient.call(command);
        let witness = self.clone();
        Box::pin(async move {
            let outcome = call.await?;
            witness.note(noted(outcome.receipt), opening);
            Ok(outcome)
        })
    }
}
