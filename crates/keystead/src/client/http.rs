//! One request over a connection of its own: no redirects, a deadline, a limit on the answer.

use std::io::ErrorKind;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::HOST;
use http::{HeaderName, HeaderValue, Method, Request, StatusCode, Uri};
use http_body_util::{BodyExt, Full, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

/// Longest time for a whole exchange. Ours.
const DEADLINE: Duration = Duration::from_secs(10);

/// Where to send to.
#[derive(Debug, Clone)]
pub(crate) struct Url {
    is_https: bool,
    /// The host as it stands in the URL, an IPv6 address in brackets.
    host: String,
    port: u16,
    /// `/` at least.
    path: String,
}

impl Url {
    /// Reads an `http` or `https` URL without user or fragment.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let uri: Uri = text
            .parse()
            .map_err(|error| format!("{text} is not a URL: {error}"))?;
        let is_https = match uri.scheme_str() {
            Some("https") => true,
            Some("http") => false,
            _ => return Err(format!("{text} is not an http or https URL")),
        };
        let authority = uri.authority().map_or("", |authority| authority.as_str());
        let host = uri.host().unwrap_or_default();
        if host.is_empty() || authority.contains('@') || text.contains('#') {
            return Err(format!("{text} is not a URL of the form https://host/path"));
        }
        let path = uri.path_and_query().map_or("/", |path| path.as_str());
        Ok(Self {
            is_https,
            host: host.to_owned(),
            port: uri.port_u16().unwrap_or(if is_https { 443 } else { 80 }),
            path: if path.is_empty() { "/" } else { path }.to_owned(),
        })
    }

    pub(crate) fn is_https(&self) -> bool {
        self.is_https
    }

    /// The same place with another path.
    pub(crate) fn with_path(&self, path: &str) -> Self {
        Self {
            path: path.to_owned(),
            ..self.clone()
        }
    }

    pub(crate) fn path(&self) -> &str {
        &self.path
    }

    /// What stands in the `host` header.
    pub(crate) fn authority(&self) -> String {
        match (self.is_https, self.port) {
            (true, 443) | (false, 80) => self.host.clone(),
            (_, port) => format!("{}:{port}", self.host),
        }
    }

    /// The host without brackets, for names and sockets.
    fn bare_host(&self) -> &str {
        let inner = self.host.strip_prefix('[');
        inner
            .and_then(|inner| inner.strip_suffix(']'))
            .unwrap_or(&self.host)
    }
}

/// A request.
pub(crate) struct Call<'a> {
    pub(crate) method: Method,
    pub(crate) url: &'a Url,
    /// Without `host`, which is added.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
    /// How TLS is spoken; with `None` only plain HTTP is.
    pub(crate) tls: Option<Arc<ClientConfig>>,
    /// Longest body of the answer.
    pub(crate) answer_max_bytes: usize,
    /// Where it may go.
    pub(crate) reach: Reach,
}

/// Where a request may go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reach {
    /// Everywhere: somebody at the keyboard or in the configuration named the place.
    Anywhere,
    /// To port 443 of public addresses: somebody else named the place, who must not look at our
    /// network through us.
    Public,
}

/// An answer.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) body: Vec<u8>,
}

/// Sends a request and takes the answer in. The error says what went wrong, not what was sent.
pub(crate) async fn send(call: Call<'_>) -> Result<Answer, String> {
    let shown = call.url.authority();
    tokio::time::timeout(DEADLINE, exchange(call))
        .await
        .map_err(|_| format!("{shown} did not answer within {} s", DEADLINE.as_secs()))?
        .map_err(|error| format!("{shown}: {error}"))
}

async fn exchange(call: Call<'_>) -> Result<Answer, String> {
    let Call {
        method,
        url,
        headers,
        body,
        tls,
        answer_max_bytes,
        reach,
    } = call;
    let mut request = Request::builder().method(method).uri(url.path());
    request = request.header(HOST, url.authority());
    for (name, value) in headers {
        let name = HeaderName::from_bytes(name.as_bytes()).map_err(|error| error.to_string())?;
        let value = HeaderValue::from_str(&value).map_err(|error| error.to_string())?;
        request = request.header(name, value);
    }
    let request = request
        .body(Full::new(Bytes::from(body)))
        .map_err(|error| error.to_string())?;
    let stream = connect(url, reach)
        .await
        .map_err(|error| format!("cannot connect: {error}"))?;
    if !url.is_https() {
        return talk(stream, request, answer_max_bytes).await;
    }
    let tls = tls.ok_or("TLS is not set up")?;
    let name = ServerName::try_from(url.bare_host().to_owned());
    let name = name.map_err(|_| "the host is no name that a certificate can have")?;
    let stream = TlsConnector::from(tls).connect(name, stream).await;
    talk(
        stream.map_err(|error| format!("no TLS: {error}"))?,
        request,
        answer_max_bytes,
    )
    .await
}

/// The addresses that are looked at are those that are connected to: a name cannot change between.
async fn connect(url: &Url, reach: Reach) -> std::io::Result<TcpStream> {
    let place = (url.bare_host(), url.port);
    if reach == Reach::Anywhere {
        return TcpStream::connect(place).await;
    }
    let refuse = |why: &'static str| std::io::Error::new(ErrorKind::PermissionDenied, why);
    if url.port != 443 {
        return Err(refuse(
            "only port 443 is asked of a host that the configuration does not name",
        ));
    }
    let found = tokio::net::lookup_host(place).await?;
    let public: Vec<SocketAddr> = found.filter(|one| is_public(one.ip())).collect();
    if public.is_empty() {
        let why = "its address is not public, and the configuration does not name the host";
        return Err(refuse(why));
    }
    TcpStream::connect(&*public).await
}

/// Whether an address belongs to the public network.
/// Source: IANA's registries of special-purpose addresses.
fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => {
            let [a, b, c, _] = address.octets();
            let special = matches!(
                (a, b, c),
                (0 | 10 | 127 | 224.., ..)
                    | (100, 64..=127, _)
                    | (169, 254, _)
                    | (172, 16..=31, _)
                    | (192, 0, 0 | 2)
                    | (192, 88, 99)
                    | (192, 168, _)
                    | (198, 18 | 19, _)
                    | (198, 51, 100)
                    | (203, 0, 113)
            );
            !special
        }
        // Of the global unicast block, what neither embeds an IPv4 address nor is for examples.
        IpAddr::V6(address) => {
            let [a, b, ..] = address.segments();
            let embeds = a == 0x2002 || (a == 0x2001 && b < 0x0200);
            let example = (a == 0x2001 && b == 0x0db8) || (a == 0x3fff && b < 0x1000);
            (0x2000..0x4000).contains(&a) && !embeds && !example
        }
    }
}

async fn talk<S>(stream: S, request: Request<Full<Bytes>>, most: usize) -> Result<Answer, String>
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
{
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream))
        .await
        .map_err(|error| error.to_string())?;
    let exchange = async {
        let answer = sender
            .send_request(request)
            .await
            .map_err(|error| error.to_string())?;
        let status = answer.status();
        let body = Limited::new(answer.into_body(), most).collect().await;
        let body = body.map_err(|error| format!("the answer: {error}"))?;
        Ok(Answer {
            status,
            body: body.to_bytes().to_vec(),
        })
    };
    let mut exchange = std::pin::pin!(exchange);
    let mut connection = std::pin::pin!(connection);
    tokio::select! {
        biased;
        answer = &mut exchange => answer,
        ended = &mut connection => match ended {
            // The connection has said all it has; the rest of the answer is on its way.
            Ok(()) => exchange.await,
            Err(error) => Err(error.to_string()),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_read_strictly() {
        let url = Url::parse("https://kms.example").unwrap();
        assert_eq!(
            (url.authority().as_str(), url.path(), url.is_https()),
            ("kms.example", "/", true)
        );
        let url = Url::parse("http://[::1]:4599/sessions?a=b").unwrap();
        assert_eq!(
            (url.authority().as_str(), url.bare_host(), url.path()),
            ("[::1]:4599", "::1", "/sessions?a=b")
        );
        assert_eq!(url.with_path("/x").path(), "/x");
        for bad in [
            "kms.example",
            "ftp://a/",
            "https://user@a/",
            "https://a/#b",
            "https:///x",
            "",
        ] {
            assert!(Url::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn addresses_inside_of_networks_are_not_public() {
        for inside in [
            "0.0.0.0",
            "10.1.2.3",
            "100.64.0.1",
            "127.0.0.1",
            "169.254.169.254",
            "172.31.0.1",
            "192.0.2.1",
            "192.168.1.1",
            "198.18.0.1",
            "203.0.113.9",
            "224.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::ffff:8.8.8.8",
            "::8.8.8.8",
            "64:ff9b::808:808",
            "fc00::1",
            "fe80::1",
            "ff02::1",
            "2001:db8::1",
            "2001::1",
            "2002:7f00:1::",
            "3fff::1",
        ] {
            assert!(!is_public(inside.parse().unwrap()), "{inside}");
        }
        for outside in [
            "8.8.8.8",
            "100.128.0.1",
            "172.32.0.1",
            "2606:4700::1",
            "2a00:1450::1",
        ] {
            assert!(is_public(outside.parse().unwrap()), "{outside}");
        }
    }
}
