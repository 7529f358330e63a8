//! Clockwork: keys whose waiting period is over are destroyed, keys whose rotation is due get new
//! material. What happens is decided, committed and audited in the engine; this crate only knows
//! when to look.
#![forbid(unsafe_code)]

mod steadiness;

use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, Instant};

use keystead_engine::{Destruction, Due, Site, run_due};
use keystead_types::Clock;

use crate::steadiness::Steadiness;

/// Between two looks at what is due. Ours: AWS takes up to 24 hours more than the waiting period.
pub const INTERVAL: Duration = Duration::from_secs(5);

/// The Regions whose clockwork runs; asked anew at each look.
pub trait Regions: Send + Sync {
    /// All Regions that are open.
    fn open(&self) -> Vec<Arc<Site>>;
}

/// Looks at what is due, forever, until `stop` resolves. A failure is logged and tried again at
/// the next look: what is due stays due.
pub async fn run(
    regions: Arc<dyn Regions>,
    clock: Arc<dyn Clock>,
    stop: impl Future<Output = ()> + Send,
) {
    let mut stop = std::pin::pin!(stop);
    let started = Instant::now();
    let mut steadiness = Steadiness::new(clock.now(), started.elapsed());
    loop {
        let destruction = steadiness.look(clock.now(), started.elapsed());
        for site in regions.open() {
            catch_up(&site, destruction).await;
        }
        tokio::select! {
            () = tokio::time::sleep(INTERVAL) => {}
            () = &mut stop => return,
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
