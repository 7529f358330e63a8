//! The HSM, watched.

use std::future::{Future, ready};
use std::pin::Pin;
use std::sync::Mutex;

use keystead_hsm::InProcess;
use keystead_types::Region;
use keystead_wall::{Command, Hsm, Outcome, Receipt, WallError};

/// An HSM in this process that remembers its receipts and can be told to fail or to wait.
pub(crate) struct WatchedHsm {
    inner: InProcess,
    receipts: Mutex<Vec<Receipt>>,
    mode: Mutex<Mode>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    Answers,
    /// Does nothing and answers with this.
    Fails(WallError),
    /// Does it and never answers.
    Hangs,
}

impl WatchedHsm {
    pub(crate) fn new(region: &Region) -> Self {
        let inner = InProcess::ephemeral().unwrap();
        let made = inner.execute(&Command::CreateDomain { region });
        assert!(made.result.is_ok());
        Self {
            inner,
            receipts: Mutex::default(),
            mode: Mutex::new(Mode::Answers),
        }
    }

    /// A command of no request, such as a new domain key.
    pub(crate) fn run(&self, command: &Command<'_>) -> Outcome {
        self.inner.execute(command)
    }

    pub(crate) fn set(&self, mode: Mode) {
        *self.mode.lock().unwrap() = mode;
    }

    /// One for every command since the world began.
    pub(crate) fn receipts(&self) -> Vec<Receipt> {
        self.receipts.lock().unwrap().clone()
    }
}

impl Hsm for WatchedHsm {
    fn call(
        &self,
        command: Command<'_>,
    ) -> Pin<Box<dyn Future<Output = Result<Outcome, WallError>> + Send>> {
        let mode = *self.mode.lock().unwrap();
        if let Mode::Fails(error) = mode {
            return Box::pin(ready(Err(error)));
        }
        let outcome = self.inner.execute(&command);
        self.receipts.lock().unwrap().push(outcome.receipt);
        match mode {
            Mode::Hangs => Box::pin(std::future::pending()),
            _ => Box::pin(ready(Ok(outcome))),
        }
    }
}
