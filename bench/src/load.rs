//! Closed-loop load: each connection sends its next request when the answer to the last is in.

use crate::connection::Connection;
use crate::limits;
use crate::signer::Signer;
use crate::workload::Workload;
use hdrhistogram::Histogram;
use std::cell::RefCell;
use std::io;
use std::rc::Rc;
use std::time::{Duration, Instant};
use time::OffsetDateTime;
use tokio::task::LocalSet;

/// How long to load, and with how many connections.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Shape {
    pub(crate) connections: usize,
    pub(crate) warm_up: Duration,
    pub(crate) measured: Duration,
}

/// What one run counted. Runs of the same point are added up with [`Counts::add`].
#[derive(Debug, Clone)]
pub(crate) struct Counts {
    /// Latency of every good answer in the measured time, in nanoseconds.
    latency: Histogram<u64>,
    pub(crate) good: u64,
    pub(crate) bad: u64,
    pub(crate) elapsed: Duration,
    pub(crate) cpu: Duration,
    /// What the first bad answer said.
    pub(crate) first_error: Option<String>,
}

impl Counts {
    /// Nothing counted yet.
    ///
    /// # Errors
    /// Never in practice: the histogram's bounds and precision are constants.
    pub(crate) fn new() -> io::Result<Self> {
        let most = u64::try_from(limits::REQUEST_MAX.as_nanos()).unwrap_or(u64::MAX);
        // Bounds from the start: `saturating_record` does not grow a histogram.
        let latency =
            Histogram::new_with_max(most, limits::LATENCY_DIGITS).map_err(io::Error::other)?;
        let (elapsed, cpu) = (Duration::ZERO, Duration::ZERO);
        Ok(Self {
            latency,
            good: 0,
            bad: 0,
            elapsed,
            cpu,
            first_error: None,
        })
    }

    /// Adds another run of the same point.
    pub(crate) fn add(&mut self, other: Self) -> io::Result<()> {
        self.latency.add(other.latency).map_err(io::Error::other)?;
        self.good += other.good;
        self.bad += other.bad;
        self.elapsed += other.elapsed;
        self.cpu += other.cpu;
        self.first_error = self.first_error.take().or(other.first_error);
        Ok(())
    }

    /// Good answers per second.
    pub(crate) fn rate(&self) -> f64 {
        self.counted() / self.elapsed.as_secs_f64().max(f64::EPSILON)
    }

    /// Server CPU per good answer, in µs.
    pub(crate) fn cpu_micros(&self) -> f64 {
        self.cpu.as_secs_f64() * 1e6 / self.counted().max(1.0)
    }

    /// Latency in µs that the share `quantile` of the answers did not exceed.
    pub(crate) fn latency_micros(&self, quantile: f64) -> f64 {
        let nanoseconds = self.latency.value_at_quantile(quantile);
        Duration::from_nanos(nanoseconds).as_secs_f64() * 1e6
    }

    #[expect(
        clippy::cast_precision_loss,
        reason = "counts of answers stay far below 2^52"
    )]
    fn counted(&self) -> f64 {
        self.good as f64
    }

    fn record(&mut self, outcome: Result<Duration, String>) {
        match outcome {
            Ok(latency) => {
                let nanoseconds = u64::try_from(latency.as_nanos()).unwrap_or(u64::MAX);
                self.latency.saturating_record(nanoseconds);
                self.good += 1;
            }
            Err(message) => {
                self.bad += 1;
                self.first_error.get_or_insert(message);
            }
        }
    }
}

/// What all connections of one run share; they run on one thread.
struct Shared {
    counts: Counts,
    measuring: bool,
    stop: bool,
}

/// Loads the server at `address` and counts what is answered after the warm-up.
///
/// `cpu` reads the server's CPU time so far; it is read at both ends of the measured time.
///
/// # Errors
/// When no connection can be opened, or the CPU time cannot be read.
pub(crate) async fn run(
    address: &str,
    signer: &Signer,
    workload: &Workload,
    shape: Shape,
    cpu: impl Fn() -> io::Result<Duration>,
) -> io::Result<Counts> {
    let counts = Counts::new()?;
    let shared = Rc::new(RefCell::new(Shared {
        counts,
        measuring: false,
        stop: false,
    }));
    let local = LocalSet::new();
    for number in 0..shape.connections {
        let client = Client {
            connection: Connection::open(address).await?,
            address: address.to_owned(),
            signer: signer.clone(),
            workload: workload.clone(),
            shared: Rc::clone(&shared),
        };
        local.spawn_local(client.run(number));
    }
    local
        .run_until(async {
            tokio::time::sleep(shape.warm_up).await;
            let (begin, cpu_before) = (Instant::now(), cpu()?);
            shared.borrow_mut().measuring = true;
            tokio::time::sleep(shape.measured).await;
            let mut shared = shared.borrow_mut();
            shared.measuring = false;
            shared.stop = true;
            shared.counts.cpu = cpu()?.saturating_sub(cpu_before);
            shared.counts.elapsed = begin.elapsed();
            io::Result::Ok(())
        })
        .await?;
    // Lets the requests in flight end, so that the next run begins with an idle server.
    local.await;
    let counts = shared.borrow().counts.clone();
    Ok(counts)
}

/// One connection and what it sends.
struct Client {
    connection: Connection,
    address: String,
    signer: Signer,
    workload: Workload,
    shared: Rc<RefCell<Shared>>,
}

impl Client {
    async fn run(mut self, number: usize) {
        let mut request = Vec::with_capacity(2048);
        let bodies = std::mem::take(&mut self.workload.bodies);
        // Each connection begins at another body, so that neighbours do not send the same.
        for body in bodies.iter().cycle().skip(number) {
            let now = OffsetDateTime::now_utc();
            let target = &self.workload.target;
            self.signer
                .write_request(&mut request, &self.address, target, body.as_bytes(), now);
            let outcome = self.send(&request).await;
            let broken = outcome.as_ref().is_err_and(|error| error.broken);
            let mut shared = self.shared.borrow_mut();
            if shared.measuring || (broken && !shared.stop) {
                shared.counts.record(outcome.map_err(|error| error.message));
            }
            if shared.stop || broken {
                return;
            }
        }
    }

    async fn send(&mut self, request: &[u8]) -> Result<Duration, Trouble> {
        let begin = Instant::now();
        let answer = tokio::time::timeout(limits::REQUEST_MAX, self.connection.send(request)).await;
        let latency = begin.elapsed();
        match answer {
            Ok(Ok(answer)) if answer.status == 200 => Ok(latency),
            Ok(Ok(answer)) => {
                let text = String::from_utf8_lossy(answer.body);
                Err(Trouble {
                    message: format!("{} {text}", answer.status),
                    broken: false,
                })
            }
            Ok(Err(error)) => Err(Trouble {
                message: error.to_string(),
                broken: true,
            }),
            Err(_) => Err(Trouble {
                message: "no answer in time".to_owned(),
                broken: true,
            }),
        }
    }
}

/// Why an answer was not good, and whether its connection can go on.
struct Trouble {
    message: String,
    broken: bool,
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    fn shape(connections: usize) -> Shape {
        let (warm_up, measured) = (Duration::from_millis(20), Duration::from_millis(150));
        Shape {
            connections,
            warm_up,
            measured,
        }
    }

    /// A server that answers every read with `reply`, after a while.
    async fn serve(reply: &'static [u8], wait: Duration) -> String {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                tokio::spawn(async move {
                    let mut buffer = [0; 4096];
                    while stream.read(&mut buffer).await.is_ok_and(|read| read > 0) {
                        tokio::time::sleep(wait).await;
                        stream.write_all(reply).await.unwrap();
                    }
                });
            }
        });
        address
    }

    async fn counts(reply: &'static [u8]) -> Counts {
        counts_after(reply, Duration::ZERO).await
    }

    async fn counts_after(reply: &'static [u8], wait: Duration) -> Counts {
        let address = serve(reply, wait).await;
        let signer = Signer::new("test", "test", "us-east-1");
        let bodies = vec!["{}".to_owned()];
        let workload = Workload {
            target: "TrentService.Encrypt".to_owned(),
            bodies,
        };
        let cpu = || Ok(Duration::ZERO);
        run(&address, &signer, &workload, shape(3), cpu)
            .await
            .unwrap()
    }

    #[tokio::test]
    async fn good_answers_are_counted_and_timed() {
        let counts = counts(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}").await;
        assert!(counts.good > 10, "{counts:?}");
        assert_eq!(counts.bad, 0);
        assert!(counts.latency_micros(0.5) > 0.0);
        assert!(counts.latency_micros(0.99) >= counts.latency_micros(0.5));
        assert!(counts.rate() > 0.0);
    }

    #[tokio::test]
    async fn latency_is_what_the_server_took() {
        let wait = Duration::from_millis(20);
        let reply = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}";
        let mut total = Counts::new().unwrap();
        for _ in 0..2 {
            total.add(counts_after(reply, wait).await).unwrap();
        }
        for quantile in [0.5, 0.99] {
            let micros = total.latency_micros(quantile);
            assert!((19_900.0..2_000_000.0).contains(&micros), "{micros}");
        }
    }

    #[tokio::test]
    async fn other_statuses_are_errors() {
        let counts = counts(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 2\r\n\r\nno").await;
        assert_eq!(counts.good, 0);
        assert!(counts.bad > 10);
        assert_eq!(counts.first_error.unwrap(), "400 no");
    }

    #[tokio::test]
    async fn a_broken_connection_is_an_error_even_in_the_warm_up() {
        let counts = counts(b"nonsense\r\n\r\n").await;
        assert_eq!((counts.good, counts.bad), (0, 3));
    }
}
