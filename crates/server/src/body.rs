//! Taking a request's body in, within its limits.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use hyper::body::{Body, Incoming};

use crate::limits::BODY_MAX_BYTES;

/// Why there is no body.
pub(crate) enum BodyError {
    /// Longer than `BODY_MAX_BYTES`, or announced as such.
    TooLarge,
    /// The client broke off, or framed it wrongly.
    Broken(hyper::Error),
}

/// [`collect`] within a time; `None` when it is over. A body that came together with its head, as
/// nearly all do, costs no timer.
pub(crate) async fn collect_within(
    deadline: Duration,
    body: Incoming,
) -> Option<Result<Bytes, BodyError>> {
    let mut collected = pin!(collect(body));
    let first = poll_fn(|context| Poll::Ready(collected.as_mut().poll(context))).await;
    match first {
        Poll::Ready(collected) => Some(collected),
        Poll::Pending => tokio::time::timeout(deadline, collected).await.ok(),
    }
}

/// Reads the whole body. One that comes in one piece is not copied; one that is announced as too
/// long is refused before anything is read or reserved.
async fn collect(mut body: Incoming) -> Result<Bytes, BodyError> {
    let most = BODY_MAX_BYTES as u64;
    if body.size_hint().lower() > most {
        return Err(BodyError::TooLarge);
    }
    let mut first = Bytes::new();
    let mut more = BytesMut::new();
    while let Some(frame) = body.frame().await {
        // Trailers say nothing to us.
        let Ok(data) = frame.map_err(BodyError::Broken)?.into_data() else {
            continue;
        };
        if data.len() + first.len() + more.len() > BODY_MAX_BYTES {
            return Err(BodyError::TooLarge);
        }
        if first.is_empty() && more.is_empty() {
            first = data;
        } else {
            more.extend_from_slice(&std::mem::take(&mut first));
            more.extend_from_slice(&data);
        }
    }
    Ok(if more.is_empty() {
        first
    } else {
        more.freeze()
    })
}
