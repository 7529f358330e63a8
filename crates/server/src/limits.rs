//! Sizes and times that the door holds clients to, each with its source.

use std::time::Duration;

/// Largest request body, bytes. Source: ours; the largest legal KMS fields are a policy of 128 KiB
/// characters and an attestation document of 256 KiB.
pub const BODY_MAX_BYTES: usize = 1024 * 1024;
/// Largest head of a request (request line and headers), bytes. Source: ours; an SDK's head has
/// about 700 bytes, with a session token about 2 KiB.
pub const HEAD_MAX_BYTES: usize = 64 * 1024;
/// Most header lines of one HTTP/1.1 request. Source: hyper's default, which keeps the array on
/// the stack; it is not set, a test holds it. More are answered with 431.
pub const HEADERS_MAX: usize = 100;
/// Longest framing line (`content-length`, `transfer-encoding`, chunk size), bytes. Source: ours;
/// the longest that is accepted has 36.
pub const FRAMING_LINE_MAX_BYTES: usize = 96;
/// Most digits of a chunk's size. Source: ours; `BODY_MAX_BYTES` has six.
pub const CHUNK_SIZE_MAX_DIGITS: usize = 8;
/// Longest user agent that is kept for the audit record, bytes. Source:
/// `keystead_audit::limits::USER_AGENT_MAX_BYTES`.
pub const USER_AGENT_MAX_BYTES: usize = keystead_audit::limits::USER_AGENT_MAX_BYTES;

/// Longest time for a request's head, from its first byte (for the first request of a connection:
/// from the connection's start). Source: ours.
pub const HEAD_DEADLINE: Duration = Duration::from_secs(10);
/// Longest time for a request's body. Source: ours.
pub const BODY_DEADLINE: Duration = Duration::from_secs(30);
/// Longest time that a connection may stay open between requests. Source: ours; above the 60 s of
/// common load balancers, so that they, not we, close first.
pub const IDLE_DEADLINE: Duration = Duration::from_secs(75);
/// Longest time for a TLS handshake. Source: ours.
pub const HANDSHAKE_DEADLINE: Duration = Duration::from_secs(10);
/// Longest time that running requests get after the order to stop. Source: ours; the default grace
/// period of a Kubernetes pod.
pub const DRAIN_DEADLINE: Duration = Duration::from_secs(30);
/// How long a connection may do nothing after the order to stop. Source: ours; a round trip to the
/// far side of the world, several times.
pub const DRAIN_QUIET: Duration = Duration::from_secs(2);
/// Most bytes of a refused request that are still read, and thrown away, so that the client sees
/// the answer and not a reset. Source: ours; four times `BODY_MAX_BYTES`.
pub const LINGER_MAX_BYTES: usize = 4 * BODY_MAX_BYTES;
/// Longest answer, head and body, that is put in one piece before it is written; longer ones are
/// written from where they are. Source: ours; above an answer of Encrypt or GenerateDataKey.
pub const GATHERED_MAX_BYTES: usize = 1536;
/// How often the deadlines of connections are looked at; they are exceeded by at most this.
/// Source: ours.
pub const TICK: Duration = Duration::from_millis(1000);
/// How often the certificate's files are looked at. Source: ours.
pub const CERTIFICATE_CHECK_INTERVAL: Duration = Duration::from_secs(10);
/// Pause after the system refused a new connection for lack of resources. Source: ours.
pub const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Most open connections of the whole server. Source: ours; about 30 KiB each with TLS.
pub const CONNECTIONS_MAX: usize = 10_000;
/// Length of the kernel's queue of connections not yet accepted. Source: ours.
pub const BACKLOG: i32 = 1024;
/// Most worker threads. Source: ours.
pub const WORKERS_MAX: usize = 1024;

/// Requests that one HTTP/2 connection may run at the same time. Source: ours.
pub const H2_STREAMS_MAX: u32 = 128;
/// Streams that a client reset before they were accepted; more end the connection (CVE-2023-44487,
/// "rapid reset"). Source: the default of the h2 crate.
pub const H2_PENDING_RESETS_MAX: usize = 20;
/// Streams that we reset because of the client's errors; more end the connection (CVE-2025-8671,
/// "made you reset"). Source: a tenth of the h2 crate's default of 1,024.
pub const H2_ERROR_RESETS_MAX: usize = 100;
/// Bytes that a client may send on one HTTP/2 stream before we read them. Source: RFC 9113,
/// 6.9.2, the initial value.
pub const H2_STREAM_WINDOW_BYTES: u32 = 65_535;
/// Bytes that a client may send on one HTTP/2 connection before we read them: what bounds its
/// memory. Source: ours; `BODY_MAX_BYTES`.
pub const H2_CONNECTION_WINDOW_BYTES: u32 = 1024 * 1024;
/// Frames of an HTTP/2 connection in [`H2_FRAMES_WINDOW`] that are neither requests nor bodies; more
/// end it (CVE-2019-9512, 9515, 9518). Source: ours; a client sends a handful at its start, and one
/// ping now and then.
pub const H2_OTHER_FRAMES_MAX: u32 = 1_000;
/// Such frames that each request brings with it and that do not count: windows for the answer.
/// Source: ours.
pub const H2_FRAMES_PER_REQUEST: u32 = 4;
/// Streams that a client may reset in [`H2_FRAMES_WINDOW`] beyond one of each two that it opens
/// (CVE-2023-44487, "rapid reset", paced so that each request runs). Source: ours;
/// `H2_STREAMS_MAX`, and a few.
pub const H2_CANCELLED_MAX: u32 = 200;
/// In which time such frames are counted together. Source: ours.
pub const H2_FRAMES_WINDOW: Duration = Duration::from_secs(10);
/// Interval of HTTP/2 pings on a quiet connection. Source: ours.
pub const H2_PING_INTERVAL: Duration = Duration::from_secs(30);
/// Longest wait for the answer to a ping. Source: ours.
pub const H2_PING_DEADLINE: Duration = Duration::from_secs(20);

/// Most tags of a session that a certificate gives. Source: STS API reference, AssumeRole, `Tags`.
pub const SESSION_TAGS_MAX: usize = 50;
/// Longest value of such a tag, characters. Source: STS API reference, `Tag`.
pub const SESSION_TAG_MAX_CHARS: usize = 256;
/// Shortest and longest session of a certificate, seconds. Source: IAM Roles Anywhere API,
/// CreateSession, `durationSeconds`.
pub const SESSION_SECONDS: std::ops::RangeInclusive<u32> = 900..=43_200;
/// Longest member of such a request, bytes. Source: the same, `roleArn` and `trustAnchorArn`.
pub const SESSION_TEXT_MAX_BYTES: usize = 1_011;
/// How long such a session is when the client does not say, seconds. Source: the same.
pub const SESSION_DEFAULT_SECONDS: u32 = 3_600;
/// Longest `Referer` that policies can ask about, bytes. Source: ours; a URL's usual limit.
pub const REFERER_MAX_BYTES: usize = 2_048;
/// Longest ARN of a resource for which a service calls, bytes. Source: IAM API reference,
/// `arnType`.
pub const SOURCE_ARN_MAX_BYTES: usize = 2_048;
