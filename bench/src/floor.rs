//! The floor: the same HTTP library and the same runtime structure as Keystead's front end, but
//! nothing else. It reads the body and answers fixed bytes.

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::header::{HeaderName, HeaderValue};
use hyper::service::service_fn;
use hyper::{HeaderMap, Request, Response};
use hyper_util::rt::TokioIo;
use std::convert::Infallible;
use std::io;
use std::net::TcpStream;
use tokio::sync::mpsc;

/// What the bare server answers, and on how many threads.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Where to listen, as HOST:PORT
    #[arg(long)]
    listen: String,
    /// Current-thread runtimes; connections are dealt to them in turn
    #[arg(long, default_value_t = 2)]
    workers: usize,
    /// A header of every answer, as NAME:VALUE; may be given again
    #[arg(long = "header")]
    headers: Vec<String>,
    /// The body of every answer
    #[arg(long, default_value = "{}")]
    body: String,
}

/// The fixed answer.
#[derive(Clone)]
struct Reply {
    headers: HeaderMap,
    body: Bytes,
}

/// Serves until the process is ended.
///
/// # Errors
/// When it cannot listen, or a header is malformed.
pub(crate) fn run(args: &Args) -> io::Result<()> {
    let reply = Reply {
        headers: headers(&args.headers)?,
        body: Bytes::from(args.body.clone()),
    };
    let mut lanes = Vec::new();
    for _ in 0..args.workers.max(1) {
        let (sender, receiver) = mpsc::unbounded_channel();
        let reply = reply.clone();
        std::thread::spawn(move || worker(receiver, &reply));
        lanes.push(sender);
    }
    let listener = std::net::TcpListener::bind(&args.listen)?;
    for lane in lanes.iter().cycle() {
        let (stream, _) = listener.accept()?;
        stream.set_nodelay(true)?;
        stream.set_nonblocking(true)?;
        if lane.send(stream).is_err() {
            return Err(io::Error::other("a worker ended"));
        }
    }
    Ok(())
}

fn headers(given: &[String]) -> io::Result<HeaderMap> {
    let malformed = || io::Error::new(io::ErrorKind::InvalidInput, "a header is NAME:VALUE");
    let mut headers = HeaderMap::new();
    for line in given {
        let (name, value) = line.split_once(':').ok_or_else(malformed)?;
        let name = HeaderName::try_from(name).map_err(|_| malformed())?;
        headers.insert(
            name,
            HeaderValue::from_str(value.trim()).map_err(|_| malformed())?,
        );
    }
    Ok(headers)
}

fn worker(mut connections: mpsc::UnboundedReceiver<TcpStream>, reply: &Reply) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let local = tokio::task::LocalSet::new();
    runtime.block_on(local.run_until(async move {
        while let Some(stream) = connections.recv().await {
            let stream = tokio::net::TcpStream::from_std(stream)?;
            let reply = reply.clone();
            tokio::task::spawn_local(async move {
                let service = service_fn(|request| answer(request, reply.clone()));
                let connection = hyper::server::conn::http1::Builder::new()
                    .serve_connection(TokioIo::new(stream), service);
                // A client that goes away is the normal end of a connection here.
                let _client_left = connection.await;
            });
        }
        Ok(())
    }))
}

async fn answer(
    request: Request<Incoming>,
    reply: Reply,
) -> Result<Response<Full<Bytes>>, Infallible> {
    // A body that breaks off ends the connection anyway, so there is nothing to do with it.
    let _read = request.into_body().collect().await;
    let mut response = Response::new(Full::new(reply.body));
    *response.headers_mut() = reply.headers;
    Ok(response)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_are_parsed() {
        let found = headers(&["content-type: a/b".to_owned(), "x: 1".to_owned()]).unwrap();
        assert_eq!(found.get("content-type").unwrap(), "a/b");
        assert_eq!(found.len(), 2);
        assert!(headers(&["nonsense".to_owned()]).is_err());
    }
}
