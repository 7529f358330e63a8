//! What the verifier sees of a request.

/// The body of a request, over which its signature goes.
#[derive(Clone, Copy)]
pub enum Payload<'a> {
    /// The whole body as received.
    Bytes(&'a [u8]),
    /// Its SHA-256, for a request that somebody else received and forwards. What was verified is
    /// then that the caller signed a body with this digest, not that anyone has it.
    Digest([u8; 32]),
}

impl<'a> From<&'a [u8]> for Payload<'a> {
    fn from(body: &'a [u8]) -> Self {
        Self::Bytes(body)
    }
}

/// A request as it was received, before any normalisation.
#[derive(Clone, Copy)]
pub struct Request<'a> {
    /// The method, upper case: `POST`.
    pub method: &'a str,
    /// The path as received, still percent-encoded: `/`.
    pub path: &'a str,
    /// The query string as received, without its `?`.
    pub query: Option<&'a str>,
    /// Every header line in order of arrival, names in lower case. For HTTP/2 the server puts
    /// `:authority` here as `host`, and no pseudo-header.
    pub headers: &'a [(&'a str, &'a [u8])],
    /// The whole body as received, or its digest.
    pub body: Payload<'a>,
}
