//! Every limit and target of the load generator, with its source.

use std::time::Duration;

/// Bytes of a response that is read before the generator gives up on it: the largest answer
/// measured here is below 2 KiB.
pub(crate) const RESPONSE_BYTES_MAX: usize = 64 * 1024;

/// How long a started server may take to answer its health check.
pub(crate) const START_MAX: Duration = Duration::from_secs(30);

/// Time between two health checks; it bounds the error of the start-up time.
pub(crate) const HEALTH_PAUSE: Duration = Duration::from_millis(2);

/// How long a server may take to end after SIGTERM before it is killed.
pub(crate) const STOP_MAX: Duration = Duration::from_secs(5);

/// How long a server rests before its memory is read as idle.
pub(crate) const IDLE_REST: Duration = Duration::from_secs(2);

/// Load before the measured time: connections, caches and clocks settle.
pub(crate) const WARM_UP: Duration = Duration::from_secs(1);

/// The same in a quick run.
pub(crate) const WARM_UP_QUICK: Duration = Duration::from_millis(500);

/// How long one request may take. Longer counts as an error.
pub(crate) const REQUEST_MAX: Duration = Duration::from_secs(10);

/// Significant decimal digits of recorded latencies.
pub(crate) const LATENCY_DIGITS: u8 = 3;

/// Different ciphertexts that Decrypt cycles through.
pub(crate) const CIPHERTEXTS: usize = 64;

/// Bytes of the plaintext that Encrypt sends: a data key and a little more (bench/README.md).
pub(crate) const PLAINTEXT_BYTES: usize = 100;

/// Target: requests per second at 64 connections, as a share of the bare server's.
pub(crate) const RATE_SHARE_MIN_AT_64: f64 = 0.60;

/// Target: server CPU per request at 64 connections, as a multiple of the bare server's.
pub(crate) const CPU_RATIO_MAX_AT_64: f64 = 2.0;

/// Target: server CPU per request at 16 connections, as a multiple of the bare server's.
pub(crate) const CPU_RATIO_MAX_AT_16: f64 = 2.3;

/// Target: median latency at one connection above the bare server's, in µs.
pub(crate) const P50_ADDED_MICROS_MAX_AT_1: f64 = 60.0;
