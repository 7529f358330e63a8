//! The HSM inside the calling process: for tests only.

use std::future::{Future, ready};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};

use keystead_wall::{Command, Hsm, Outcome, WallError};

use crate::core::{Core, CoreError, LaneCore, Root};

/// A [`Core`] as an [`Hsm`], without a wall.
///
/// For tests only, behind the feature `in-process`: invariant 1 allows no in-process mode
/// anywhere else, because the whole process then holds plaintext keys.
pub struct InProcess(Mutex<LaneCore>);

impl InProcess {
    /// One lane (number 0) of a core.
    pub fn new(core: &Arc<Core>) -> Result<Self, CoreError> {
        Ok(Self(Mutex::new(core.lane(0)?)))
    }

    /// A core of its own, with a root key that is lost with it and no domain key.
    pub fn ephemeral() -> Result<Self, CoreError> {
        Self::new(&Arc::new(Core::new(&Root::Ephemeral)?))
    }

    /// Runs a command at once.
    pub fn execute(&self, command: &Command<'_>) -> Outcome {
        let mut lane = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        lane.execute(command)
    }
}

impl Hsm for InProcess {
    fn call(
        &self,
        command: Command<'_>,
    ) -> Pin<Box<dyn Future<Output = Result<Outcome, WallError>> + Send>> {
        Box::pin(ready(Ok(self.execute(&command))))
    }
}
