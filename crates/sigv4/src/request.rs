//! What the verifier sees of a request.

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
    /// The whole body as received.
    pub body: &'a [u8],
}
