//! What a verifier accepts.

use std::borrow::Cow;
use std::fmt;

use keystead_types::Region;

use crate::limits::{MINUTE_MILLIS, SKEW_DEFAULT_MILLIS, SKEW_MAX_MILLIS};

/// How a client writes a path into what it signs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Paths {
    /// Normalised, and each segment percent-encoded once more than in the request.
    EncodedAgain,
    /// As S3's clients do: not normalised, and percent-encoded once.
    EncodedOnce,
}

type Accepts = dyn Fn(&str, &Region) -> bool + Send + Sync;

/// The services, Regions, hosts and dates that a verifier accepts.
pub struct Settings {
    services: Vec<Cow<'static, str>>,
    regions: Box<Accepts>,
    hosts: Option<Vec<String>>,
    paths: Paths,
    skew_millis: i64,
}

/// Why settings are refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvalidSettings(&'static str);

impl fmt::Display for InvalidSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl std::error::Error for InvalidSettings {}

impl Settings {
    /// Settings with a window of 5 minutes and any host.
    ///
    /// `services` are the signing names served at this endpoint, such as `kms`; the first one
    /// is named in errors. `regions` is asked about the service and the Region of every request:
    /// a service that is not of a Region, such as `iam`, takes any.
    pub fn new(
        services: &'static [&'static str],
        regions: impl Fn(&str, &Region) -> bool + Send + Sync + 'static,
    ) -> Result<Self, InvalidSettings> {
        Self::of(services.iter().copied().map(Cow::Borrowed), regions)
    }

    /// The same for one service whose name is known at run time only.
    pub fn of_service(
        name: String,
        regions: impl Fn(&str, &Region) -> bool + Send + Sync + 'static,
    ) -> Result<Self, InvalidSettings> {
        Self::of(std::iter::once(Cow::Owned(name)), regions)
    }

    fn of(
        services: impl Iterator<Item = Cow<'static, str>>,
        regions: impl Fn(&str, &Region) -> bool + Send + Sync + 'static,
    ) -> Result<Self, InvalidSettings> {
        let fit = |name: &Cow<'static, str>| {
            let allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
            (1..=64).contains(&name.len()) && name.bytes().all(allowed)
        };
        let services: Vec<_> = services.collect();
        if services.is_empty() || !services.iter().all(fit) {
            return Err(InvalidSettings("one service at least, each of a-z 0-9 -"));
        }
        Ok(Self {
            services,
            regions: Box::new(regions),
            hosts: None,
            paths: Paths::EncodedAgain,
            skew_millis: SKEW_DEFAULT_MILLIS,
        })
    }

    /// Expects paths as S3's clients sign them: percent-encoded once, and as they are, with empty
    /// and dotted segments. Of the forms that mean the same path, such as `%7e` and `~`, each
    /// verifies; an encoded `/` is refused, because it reads as two different paths.
    /// Source: Amazon S3 API Reference, "Authenticating requests: using the Authorization header",
    /// `CanonicalURI`.
    #[must_use]
    pub fn with_paths_of_s3(mut self) -> Self {
        self.paths = Paths::EncodedOnce;
        self
    }

    /// Accepts only these host names, without ports, in any case. A request's port is ignored.
    #[must_use]
    pub fn with_hosts(mut self, hosts: Vec<String>) -> Self {
        self.hosts = Some(hosts);
        self
    }

    /// How far a signature's date may lie from our clock, either way: 1 to 15 whole minutes, in
    /// milliseconds.
    pub fn with_skew_millis(mut self, skew_millis: i64) -> Result<Self, InvalidSettings> {
        if !(MINUTE_MILLIS..=SKEW_MAX_MILLIS).contains(&skew_millis)
            || skew_millis % MINUTE_MILLIS != 0
        {
            return Err(InvalidSettings(
                "the clock skew is 1 to 15 whole minutes, in milliseconds",
            ));
        }
        self.skew_millis = skew_millis;
        Ok(self)
    }

    /// The service of that signing name, if it is served here.
    pub(crate) fn service(&self, name: &str) -> Option<Cow<'static, str>> {
        self.services.iter().find(|own| **own == name).cloned()
    }

    /// The service that errors name.
    pub(crate) fn first_service(&self) -> Cow<'static, str> {
        self.services.first().cloned().unwrap_or_default()
    }

    pub(crate) fn paths(&self) -> Paths {
        self.paths
    }

    /// True if the service is served in that Region. One that is not served here is judged like
    /// the first service, so that a wrong Region is told before a wrong service.
    pub(crate) fn accepts_region(&self, service: Option<&str>, region: &Region) -> bool {
        match service {
            Some(service) => (self.regions)(service, region),
            None => (self.regions)(&self.first_service(), region),
        }
    }

    /// True if the value of a `host` header names one of our hosts.
    pub(crate) fn accepts_host(&self, host: &[u8]) -> bool {
        let Some(hosts) = &self.hosts else {
            return true;
        };
        let name = without_port(host);
        hosts
            .iter()
            .any(|own| own.as_bytes().eq_ignore_ascii_case(name))
    }

    pub(crate) fn skew_millis(&self) -> i64 {
        self.skew_millis
    }

    /// The window in whole minutes.
    pub(crate) fn skew_minutes(&self) -> i64 {
        self.skew_millis / MINUTE_MILLIS
    }
}

fn without_port(host: &[u8]) -> &[u8] {
    let digits = host.iter().rev().take_while(|b| b.is_ascii_digit()).count();
    host.split_at_checked(host.len() - digits)
        .and_then(|(front, _)| front.strip_suffix(b":"))
        .unwrap_or(host)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings() -> Settings {
        Settings::new(&["kms"], |_, _| true).unwrap()
    }

    #[test]
    fn the_window_is_one_to_fifteen_whole_minutes() {
        for bad in [0, -60_000, 59_999, 60_001, 16 * 60_000] {
            assert!(settings().with_skew_millis(bad).is_err(), "{bad}");
        }
        let widest = settings().with_skew_millis(15 * 60_000).unwrap();
        assert_eq!(widest.skew_minutes(), 15);
        assert_eq!(settings().skew_minutes(), 5);
    }

    #[test]
    fn services_have_signing_names() {
        assert!(Settings::new(&[], |_, _| true).is_err());
        assert!(Settings::new(&["kms", ""], |_, _| true).is_err());
        assert!(Settings::new(&["KMS"], |_, _| true).is_err());
    }

    #[test]
    fn hosts_are_compared_without_port_and_case() {
        let own = settings().with_hosts(vec!["kms.example.com".into(), "[::1]".into()]);
        for good in [
            "kms.example.com",
            "KMS.example.com:8443",
            "[::1]:8080",
            "[::1]",
        ] {
            assert!(own.accepts_host(good.as_bytes()), "{good}");
        }
        for bad in [
            "",
            "example.com",
            "kms.example.com.",
            "xkms.example.com",
            "[::2]",
            ":1",
            "kms.example.com:1:2",
            "kms.example.com@evil",
        ] {
            assert!(!own.accepts_host(bad.as_bytes()), "{bad}");
        }
    }
}
