//! Whole requests through the pipeline, over a store in memory and the HSM in this process.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests"
)]

mod access;
mod aliases;
mod attested;
mod audit;
mod conditions;
mod crypto;
mod decisions;
mod deletion;
mod dry_run;
mod failures;
mod grants;
mod grants_children;
mod grants_many;
mod grants_use;
mod handovers;
mod identifiers;
mod imports;
mod last_usage;
mod multi_region;
mod order;
mod paging;
mod policies;
mod races;
mod races_access;
mod rotation;
mod states;
mod support;
mod tags;
mod years;
