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

/// Bytes of a message that is signed or authenticated.
pub(crate) const MESSAGE_BYTES: usize = 64;

/// Time for the rate of one bare primitive.
pub(crate) const BARE: Duration = Duration::from_secs(1);

/// Connections of the operations that are measured without the floor.
pub(crate) const OTHERS_CONNECTIONS: usize = 16;

/// Before this the server does not begin to make keys ahead, and rests though none is ready.
pub(crate) const PREPARING_BEGINS: Duration = Duration::from_secs(3);

/// Time between two looks whether keys are being made.
pub(crate) const PREPARING_PAUSE: Duration = Duration::from_millis(20);

/// Looks in a row that must find no key being made before all are ready: the server looks for
/// missing ones every second.
pub(crate) const PREPARING_QUIET: u32 = 75;

/// How long making the keys ahead may take: a dozen RSA keys at the lowest priority.
pub(crate) const PREPARING_MAX: Duration = Duration::from_secs(180);

/// Target: median time to create a prepared RSA key, in µs.
pub(crate) const PREPARED_P50_MICROS_MAX: f64 = 5_000.0;

/// Connections that ask for RSA keys while none is ready: as many requests wait.
pub(crate) const WANTING_CONNECTIONS: usize = 8;

/// Connections of the load beside them.
pub(crate) const BESIDE_CONNECTIONS: usize = 4;

/// Longest request for a key that must be made first.
pub(crate) const MAKING_MAX: Duration = Duration::from_secs(120);

/// Target: requests per second at 64 connections, as a share of the bare server's.
pub(crate) const RATE_SHARE_MIN_AT_64: f64 = 0.60;

/// Target: server CPU per request at 64 connections, as a multiple of the bare server's.
pub(crate) const CPU_RATIO_MAX_AT_64: f64 = 2.0;

/// Target: server CPU per request at 16 connections, as a multiple of the bare server's.
pub(crate) const CPU_RATIO_MAX_AT_16: f64 = 2.3;

/// Target: median latency at one connection above the bare server's, in µs.
pub(crate) const P50_ADDED_MICROS_MAX_AT_1: f64 = 60.0;

/// Clients that sign with RSA_4096 beside Encrypt.
pub(crate) const SIGNING_CONNECTIONS: usize = 4;
/// Target: the part of Encrypt's rate that they may cost.
pub(crate) const SIGNING_MAY_COST: f64 = 0.35;

/// Rate of Encrypt as a session of a role, at least this share of the root user's.
pub(crate) const ROLE_SHARE_MIN: f64 = 0.85;

/// What a key's 50,000 grants may add to the answer of a request that one of them allows,
/// microseconds.
pub(crate) const GRANTS_MICROS_MAX: f64 = 20.0;
