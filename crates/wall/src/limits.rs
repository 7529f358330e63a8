//! Limits of the wall. Source of all: Keystead's own, `docs/formats/wall.md`, unless stated.

use std::time::Duration;

/// Longest frame after its length prefix, bytes. Holds every combination of fields at their own
/// limits: ReEncrypt has two contexts, two wrapped keys and a ciphertext.
pub const FRAME_MAX_BYTES: usize = 160 * 1024;
/// Longest variable field that is not an encryption context, bytes. Above every limit of the
/// service (ciphertext 6144, plaintext 4096), so that the HSM and not the framing refuses them.
pub const FIELD_MAX_BYTES: usize = 16 * 1024;
/// Longest canonical encryption context, bytes. A context of 8192 bytes has at most 4161
/// different keys, each pair with 8 bytes of framing: 41,480 bytes.
pub const CONTEXT_MAX_BYTES: usize = 48 * 1024;
/// Longest Region name, bytes. Source: KMS model, `RegionType`.
pub const REGION_MAX_BYTES: usize = 32;
/// Bytes asked of the kernel by one read of a lane. Source: `wall.md` of the design, measured.
pub const READ_MAX_BYTES: usize = 64 * 1024;

/// Queued frames that cause a write before the worker parks. Source: as above.
pub const FLUSH_FRAMES: usize = 32;
/// Age of the oldest queued frame that causes a write before the worker parks. Ours: the design's
/// 50 µs breaks up the batches of a worker that serves 64 connections. Runs with 200 µs took
/// somewhat less CPU there, within the scatter of runs; a worker with less to do parks before.
pub const FLUSH_AFTER: Duration = Duration::from_micros(200);
/// Spare capacity of a send buffer that is given back after it was written, bytes.
pub const SEND_BUFFER_KEPT_BYTES: usize = 256 * 1024;

/// Commands without an answer on a worker's fast lane.
pub const FAST_OUTSTANDING_MAX: usize = 256;
/// Commands without an answer on a worker's slow lane.
pub const SLOW_OUTSTANDING_MAX: usize = 32;
/// Commands without an answer on a worker's making lane.
pub const MAKING_OUTSTANDING_MAX: usize = 16;
/// Commands of one lane that wait for one of those places.
pub const WAITING_MAX: usize = 1024;
/// Bytes of the frames that wait, per lane.
pub const WAITING_MAX_BYTES: usize = 8 * 1024 * 1024;
/// Time for a command of the fast lane, waiting included.
pub const FAST_DEADLINE: Duration = Duration::from_secs(10);
/// Time for a command of the slow lane, waiting included.
pub const SLOW_DEADLINE: Duration = Duration::from_secs(60);
/// Time for a command of the making lane, waiting included. Making an RSA key of 4096 bits takes
/// about a second of a processor, and many when busier threads leave the lowest priority little.
pub const MAKING_DEADLINE: Duration = Duration::from_secs(120);

/// Time for a new child until it is ready: self-tests and opening of domains.
pub const START_DEADLINE: Duration = Duration::from_secs(30);
/// Time between two pings of the child.
pub const PING_INTERVAL: Duration = Duration::from_secs(1);
/// Time for the answer to a ping before the child counts as hung.
pub const PING_DEADLINE: Duration = Duration::from_secs(5);
/// Deadlines missed in a row on one lane, the making lane aside, before the child counts as hung.
pub const HUNG_AFTER_TIMEOUTS: u32 = 3;
/// Wait before the second restart in a row; doubles with each.
pub const RESTART_BACKOFF_FIRST: Duration = Duration::from_millis(100);
/// Longest wait between restarts.
pub const RESTART_BACKOFF_MAX: Duration = Duration::from_secs(5);
/// Life of a child after which its death starts the waits anew.
pub const RESTART_FORGIVEN_AFTER: Duration = Duration::from_secs(30);
/// Time for the child to end by itself at shutdown.
pub const SHUTDOWN_GRACE: Duration = Duration::from_secs(5);
/// Longest control message, bytes.
pub const CONTROL_MAX_BYTES: usize = 32 * 1024;
/// Longest text of a child's failure, bytes.
pub const FAILURE_TEXT_MAX_BYTES: usize = 512;
/// Most workers of a front end: the 64 that can be configured, the clockwork and one to spare. Each
/// has a lane of each kind, and each lane needs room for keys in the HSM process.
pub const WORKERS_MAX: u16 = 66;
/// Lanes of a worker: fast, slow, making.
pub const LANES_PER_WORKER: u16 = 3;
/// Most sealed domain keys that a child is started with: one per Region.
pub const DOMAINS_MAX: usize = 1024;
/// Starts and ends of the HSM process that are kept until somebody wants to be told. Ours: there are
/// two before the front end asks, and more only if the process cannot live.
pub const EVENTS_WAITING: usize = 64;
