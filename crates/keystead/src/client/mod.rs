//! The other side: requests that the binary itself sends, for its client commands and for the keys
//! of OIDC issuers.

mod http;
mod sign;
mod tls;
mod xml;

pub(crate) use http::{Call, Reach, Url, send};
pub(crate) use sign::{Credentials, Signing};
pub(crate) use tls::{Identity, Trust, settings};
pub(crate) use xml::Element;

/// Runs an exchange to its end, for commands that do nothing else.
pub(crate) fn block_on<T>(exchange: impl Future<Output = T>) -> Result<T, String> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| format!("cannot start a runtime: {error}"))?;
    Ok(runtime.block_on(exchange))
}
