//! Clockwork: keys whose waiting period is over are destroyed, keys whose rotation is due get new
//! material. What happens is decided, committed and audited in the engine; this crate only knows
//! when to look.
#![forbid(unsafe_code)]

mod steadiness;
mod uptime;

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use keystead_engine::{Destruction, Due, Site, run_due};
use keystead_types::Clock;

pub use crate::steadiness::NOTE_MAX_BYTES;
use crate::steadiness::{NOTED_EVERY, Steadiness};

/// Between two looks at what is due. Ours: AWS takes up to 24 hours more than the waiting period.
pub const INTERVAL: Duration = Duration::from_secs(5);

/// The Regions whose clockwork runs; asked anew at each look.
pub trait Regions: Send + Sync {
    /// All Regions that are open.
    fn open(&self) -> Vec<Arc<Site>>;

    /// What [`Self::note_clocks`] kept last, of this process or an earlier one; none if nothing
    /// was, or it cannot be read.
    fn noted_clocks(&self) -> Option<String> {
        None
    }

    /// Keeps a line of text for the next start: how long the clocks were watched. If it is lost,
    /// the next start waits longer before it destroys keys.
    fn note_clocks(&self, _note: &str) {}
}

/// Looks at what is due, forever, until `stop` resolves. A failure is logged and tried again at
/// the next look: what is due stays due.
pub async fn run(
    regions: Arc<dyn Regions>,
    clock: Arc<dyn Clock>,
    stop: impl Future<Output = ()> + Send,
) {
    let mut stop = std::pin::pin!(stop);
    let note = regions.noted_clocks();
    let mut steadiness = Steadiness::new(clock.now(), &uptime::now(), note.as_deref());
    let mut noted: Option<Duration> = None;
    loop {
        let running = uptime::now().running;
        let destruction = steadiness.look(clock.now(), running);
        if noted.is_none_or(|at| running.saturating_sub(at) >= NOTED_EVERY) {
            regions.note_clocks(&steadiness.note(running));
            noted = Some(running);
        }
        for site in regions.open() {
            catch_up(&site, destruction).await;
        }
        tokio::select! {
            () = tokio::time::sleep(INTERVAL) => {}
            () = &mut stop => {
                regions.note_clocks(&steadiness.note(uptime::now().running));
                return;
            }
        }
    }
}

/// Does all that is due in one Region.
async fn catch_up(site: &Site, destruction: Destruction) {
    loop {
        match run_due(site, destruction).await {
            Ok(Due {
                destroyed,
                rotated,
                tended,
                more,
            }) => {
                let progress = destroyed + rotated + tended;
                if progress > 0 {
                    tracing::info!(region = %site.region(), destroyed, rotated, tended, "clockwork");
                }
                // Without progress the rest waits for the next look.
                if !more || progress == 0 {
                    return;
                }
            }
            Err(fault) => {
                let (region, cause) = (site.region(), fault.cause().map(ToString::to_string));
                tracing::error!(%region, %fault, cause, "clockwork failed and will try again");
                return;
            }
        }
    }
}
