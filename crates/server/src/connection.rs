//! One connection, from its first byte to its last.

use std::convert::Infallible;
use std::future::{Future, poll_fn};
use std::io;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;

use bytes::{Bytes, BytesMut};
use http::Request;
use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper::service::{HttpService, service_fn};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use keystead_audit::{Audited, Rejection};
use keystead_identity::Endpoint;
use keystead_types::{Fault, FaultKind};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;

use crate::gauge::{Gauge, Order, Phase};
use crate::mutual::Authorities;
use crate::peer::{Connected, TlsSession};
use crate::respond::{self, Reply};
use crate::screened::Screened;
use crate::surviving::Surviving;
use crate::{Deadlines, Service, limits, tls, walk};

/// How an HTTP/2 connection begins. Source: RFC 9113, 3.4.
const H2_PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// What all connections of a worker share.
#[derive(Clone)]
pub(crate) struct Terms {
    pub(crate) service: Service,
    pub(crate) tls: Option<TlsAcceptor>,
    pub(crate) authorities: Option<Arc<Authorities>>,
    pub(crate) deadlines: Deadlines,
}

/// Where a connection comes from, and through which listener.
pub(crate) struct Ends {
    pub(crate) address: SocketAddr,
    pub(crate) endpoint: Option<Arc<Endpoint>>,
}

/// Serves a connection until it ends or is cut.
pub(crate) async fn serve(stream: TcpStream, ends: Ends, terms: Terms, gauge: Arc<Gauge>) {
    let cut = gauge.clone();
    let mut work = pin!(serve_any(stream, ends, terms, gauge));
    poll_fn(|context| match cut.order(context) {
        Order::Cut => Poll::Ready(()),
        Order::Go | Order::Drain => work.as_mut().poll(context),
    })
    .await;
}

async fn serve_any(mut stream: TcpStream, ends: Ends, terms: Terms, gauge: Arc<Gauge>) {
    let Ends { address, endpoint } = ends;
    let connected = |tls: Option<TlsSession>| {
        Arc::new(Connected {
            address: address.ip(),
            endpoint,
            tls,
            authorities: terms.authorities.clone(),
            gauge: gauge.clone(),
            body_deadline: terms.deadlines.body,
        })
    };
    if let Some(acceptor) = &terms.tls {
        let shaken = tokio::time::timeout(terms.deadlines.handshake, acceptor.accept(stream)).await;
        let Ok(Ok(stream)) = shaken else {
            tracing::debug!(%address, "no TLS handshake");
            return;
        };
        let (session, is_h2) = tls::session(stream.get_ref().1);
        let connected = connected(Some(session));
        if is_h2 {
            http2(stream, Bytes::new(), connected, terms.service).await;
        } else {
            http1(stream, Bytes::new(), connected, terms.service).await;
        }
    } else {
        let Ok((prefix, is_h2)) = sniff(&mut stream).await else {
            return;
        };
        if is_h2 {
            http2(stream, prefix, connected(None), terms.service).await;
        } else {
            http1(stream, prefix, connected(None), terms.service).await;
        }
    }
}

/// Reads until the bytes are HTTP/2's preface or something else. For an ordinary request that is
/// the first read.
async fn sniff(stream: &mut TcpStream) -> io::Result<(Bytes, bool)> {
    let mut prefix = BytesMut::with_capacity(1024);
    loop {
        if stream.read_buf(&mut prefix).await? == 0 {
            return Ok((prefix.freeze(), false));
        }
        let (own, other) = match prefix.split_at_checked(H2_PREFACE.len()) {
            Some((front, _)) => (H2_PREFACE, front),
            None => (H2_PREFACE.get(..prefix.len()).unwrap_or_default(), &*prefix),
        };
        if own != other || own.len() == H2_PREFACE.len() {
            let is_h2 = own == other;
            return Ok((prefix.freeze(), is_h2));
        }
    }
}

async fn http1<T>(stream: T, prefix: Bytes, connected: Arc<Connected>, service: Service)
where
    T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let gauge = connected.gauge.clone();
    let stream = Screened::http1(stream, prefix, gauge.clone());
    let serve = service_fn(move |request| answer(&service, &connected, request));
    let mut builder = http1::Builder::new();
    // The gauge watches the head's deadline, without a timer per request. The number of headers
    // stays at the library's own limit (see `limits::HEADERS_MAX`).
    //
    // Nothing is read while a request runs: its work goes on also when the client has gone, so
    // there is nothing to learn, and a client may close its sending side before its answer is in.
    builder
        .half_close(true)
        .header_read_timeout(None)
        .max_buf_size(limits::HEAD_MAX_BYTES);
    let connection = builder.serve_connection(TokioIo::new(stream), serve);
    note(drive(connection, &gauge).await);
}

async fn http2<T>(stream: T, prefix: Bytes, connected: Arc<Connected>, service: Service)
where
    T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let gauge = connected.gauge.clone();
    // Between requests from the start: what a client may leave half sent is bounded by the library.
    gauge.set_phase(Phase::Idle);
    let stream = Screened::http2(stream, prefix, gauge.clone());
    let serve = service_fn(move |request| {
        connected.gauge.count_head();
        answer(&service, &connected, request)
    });
    let header_list = u32::try_from(limits::HEAD_MAX_BYTES).unwrap_or(u32::MAX);
    let mut builder = http2::Builder::new(TokioExecutor::new());
    builder
        .timer(TokioTimer::new())
        .max_concurrent_streams(limits::H2_STREAMS_MAX)
        .max_header_list_size(header_list)
        .max_pending_accept_reset_streams(limits::H2_PENDING_RESETS_MAX)
        .max_local_error_reset_streams(limits::H2_ERROR_RESETS_MAX)
        .initial_stream_window_size(limits::H2_STREAM_WINDOW_BYTES)
        .initial_connection_window_size(limits::H2_CONNECTION_WINDOW_BYTES)
        .keep_alive_interval(limits::H2_PING_INTERVAL)
        .keep_alive_timeout(limits::H2_PING_DEADLINE);
    let connection = builder.serve_connection(TokioIo::new(stream), serve);
    note(drive(connection, &gauge).await);
}

/// One request's work. It is run to its end whatever becomes of the connection, and its panic is
/// an answer.
fn answer(
    service: &Service,
    connected: &Arc<Connected>,
    request: Request<Incoming>,
) -> impl Future<Output = Result<Reply, Infallible>> + Send + use<> {
    let id = service.new_request_id();
    let version = request.version();
    let walked = walk::walk(service.clone(), connected.clone(), id, request);
    let work = Surviving::new(walked);
    async move {
        Ok(match work.await {
            Ok(reply) => reply,
            Err(panicked) => respond::panicked(id, version, panicked.message()),
        })
    }
}

/// A connection that can be told to finish.
trait Finish: Future<Output = hyper::Result<()>> {
    fn finish(self: Pin<&mut Self>);
}

impl<I, S> Finish for http1::Connection<I, S>
where
    S: HttpService<Incoming, ResBody = http_body_util::Full<Bytes>, Error = Infallible>,
    I: hyper::rt::Read + hyper::rt::Write + Unpin,
{
    fn finish(self: Pin<&mut Self>) {
        self.graceful_shutdown();
    }
}

impl<I, S> Finish for http2::Connection<I, S, TokioExecutor>
where
    S: HttpService<Incoming, ResBody = http_body_util::Full<Bytes>, Error = Infallible>,
    S::Future: Send + 'static,
    I: hyper::rt::Read + hyper::rt::Write + Unpin,
{
    fn finish(self: Pin<&mut Self>) {
        self.graceful_shutdown();
    }
}

/// Runs a connection, and tells it to finish when the worker orders so.
async fn drive(connection: impl Finish, gauge: &Gauge) -> hyper::Result<()> {
    let mut connection = pin!(connection);
    let mut told = false;
    poll_fn(|context| {
        if !told && gauge.order(context) != Order::Go {
            told = true;
            connection.as_mut().finish();
        }
        connection.as_mut().poll(context)
    })
    .await
}

/// Counts what the library refused on its own. Connections that break are ordinary.
fn note(ended: hyper::Result<()>) {
    let Err(error) = ended else {
        return;
    };
    if error.is_parse() {
        let rejection = if error.is_parse_too_large() {
            Rejection::TooLarge
        } else {
            Rejection::Malformed
        };
        let fault = Fault::bare(FaultKind::Serialization).because(error);
        // The library has sent the status by itself; this is its entry.
        drop(Audited::<()>::rejected(rejection, fault));
    } else {
        tracing::debug!(%error, "a connection broke");
    }
}
