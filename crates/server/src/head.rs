//! What a request's head asks for, and whether it is one that this server speaks.

use http::header::{CONTENT_ENCODING, CONTENT_TYPE, HOST};
use http::request::Parts;
use http::{HeaderMap, Method, Version};

/// Where a request goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Route {
    /// `POST /`: a signed call.
    Api,
    /// `GET /?…`: a signed call of the query protocol, its form in the query string.
    Query,
    /// `POST /sessions`: a session for a client certificate.
    Sessions,
    /// `GET /healthz`: the process lives.
    Live,
    /// `GET /readyz`: requests would be served.
    Ready,
}

/// Why a head is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BadHead {
    /// No such path.
    NotFound,
    /// Another method than the path has; this one is right.
    Method(&'static str),
    /// Not the HTTP that is spoken here.
    Malformed(&'static str),
}

/// The route of a request. Paths are compared as they came: nothing is decoded or normalised.
pub(crate) fn route(parts: &Parts) -> Result<Route, BadHead> {
    check_host(parts)?;
    let (route, method, name) = match parts.uri.path() {
        "/" if parts.method == Method::GET && has_query(parts) => {
            (Route::Query, &Method::GET, "GET")
        }
        "/" => (Route::Api, &Method::POST, "POST"),
        "/sessions" => (Route::Sessions, &Method::POST, "POST"),
        "/healthz" => (Route::Live, &Method::GET, "GET"),
        "/readyz" => (Route::Ready, &Method::GET, "GET"),
        _ => return Err(BadHead::NotFound),
    };
    if parts.method != method {
        return Err(BadHead::Method(name));
    }
    if parts.headers.contains_key(CONTENT_ENCODING) {
        return Err(BadHead::Malformed(
            "Content-Encoding is not supported: send the body as it is.",
        ));
    }
    Ok(route)
}

fn has_query(parts: &Parts) -> bool {
    parts.uri.query().is_some_and(|query| !query.is_empty())
}

/// One host, said once or twice the same way. Source: RFC 9112, 3.2 and 3.2.2; RFC 9113, 8.3.1.
fn check_host(parts: &Parts) -> Result<(), BadHead> {
    let mut hosts = parts.headers.get_all(HOST).iter();
    let host = hosts.next();
    if hosts.next().is_some() {
        return Err(BadHead::Malformed("More than one Host header."));
    }
    match (host, parts.uri.authority()) {
        (Some(host), Some(authority)) => {
            let same = host
                .as_bytes()
                .eq_ignore_ascii_case(authority.as_str().as_bytes());
            if same {
                Ok(())
            } else {
                Err(BadHead::Malformed(
                    "The Host header and the request target name different hosts.",
                ))
            }
        }
        (None, None) if parts.version == Version::HTTP_11 => {
            Err(BadHead::Malformed("The Host header is missing."))
        }
        _ => Ok(()),
    }
}

/// True for the one content type of KMS's protocol. Everything else is answered like an unknown
/// operation, as AWS JSON services do.
pub(crate) fn is_json_1_1(headers: &HeaderMap) -> bool {
    has_content_type(headers, b"application/x-amz-json-1.1")
}

/// True for the one content type of the query protocol.
pub(crate) fn is_form(headers: &HeaderMap) -> bool {
    has_content_type(headers, b"application/x-www-form-urlencoded")
}

/// True for JSON over paths.
pub(crate) fn is_json(headers: &HeaderMap) -> bool {
    has_content_type(headers, b"application/json")
}

/// Compares the content type in any case, with or without parameters.
fn has_content_type(headers: &HeaderMap, wanted: &[u8]) -> bool {
    headers.get(CONTENT_TYPE).is_some_and(|value| {
        let kind = value.as_bytes().split(|b| *b == b';').next();
        let kind = kind.unwrap_or_default().trim_ascii();
        kind.eq_ignore_ascii_case(wanted)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(method: &str, target: &str, headers: &[(&'static str, &'static str)]) -> Parts {
        let mut request = http::Request::builder().method(method).uri(target);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(()).unwrap().into_parts().0
    }

    #[test]
    fn only_these_routes_exist() {
        let host = [("host", "a")];
        assert_eq!(route(&parts("POST", "/", &host)), Ok(Route::Api));
        assert_eq!(route(&parts("GET", "/healthz", &host)), Ok(Route::Live));
        assert_eq!(route(&parts("GET", "/readyz", &host)), Ok(Route::Ready));
        assert_eq!(route(&parts("GET", "/?Action=x", &host)), Ok(Route::Query));
        let sessions = route(&parts("POST", "/sessions?roleArn=x", &host));
        assert_eq!(sessions, Ok(Route::Sessions));
        let refused = route(&parts("GET", "/?", &host));
        assert_eq!(refused, Err(BadHead::Method("POST")));
        for method in ["GET", "PUT", "OPTIONS", "TRACE", "HEAD", "post"] {
            let refused = route(&parts(method, "/", &host));
            assert_eq!(refused, Err(BadHead::Method("POST")), "{method}");
        }
        for path in [
            "/x",
            "//",
            "/..;/",
            "/%2e%2e",
            "/%2f",
            "/healthz/",
            "/./",
            "*",
        ] {
            let refused = route(&parts("POST", path, &host));
            assert_eq!(refused, Err(BadHead::NotFound), "{path}");
        }
    }

    #[test]
    fn hosts_must_agree() {
        let malformed = |target, headers: &[(&'static str, &'static str)]| {
            matches!(
                route(&parts("POST", target, headers)),
                Err(BadHead::Malformed(_))
            )
        };
        assert!(malformed("http://other/", &[("host", "a")]));
        assert!(!malformed("http://A/", &[("host", "a")]));
        assert!(malformed("/", &[("host", "a"), ("host", "a")]));
        assert!(malformed("/", &[]));
        assert!(malformed(
            "/",
            &[("host", "a"), ("content-encoding", "gzip")]
        ));
    }

    #[test]
    fn one_content_type_is_spoken() {
        let speaks = |value: &'static str| {
            is_json_1_1(&parts("POST", "/", &[("content-type", value)]).headers)
        };
        assert!(speaks("application/x-amz-json-1.1"));
        assert!(speaks("Application/X-Amz-JSON-1.1; charset=utf-8"));
        for other in [
            "application/x-amz-json-1.0",
            "text/plain",
            "application/json",
            "",
        ] {
            assert!(!speaks(other), "{other}");
        }
        assert!(!is_json_1_1(&HeaderMap::new()));
    }
}
