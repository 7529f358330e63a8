//! Where to listen, and what clients may call it: checks of `[listen]`.

use std::net::SocketAddr;

use serde::{Deserialize, Deserializer};

use super::Listen;

/// An address and a port. No names: which address a name has is another's to say.
pub(crate) fn parse_address(text: &str) -> Result<SocketAddr, String> {
    text.parse().map_err(|_| {
        "not an IP address with a port, such as 127.0.0.1:4599, 0.0.0.0:443 or [::1]:4599"
            .to_owned()
    })
}

/// The same in a file.
pub(super) fn address<'de, D: Deserializer<'de>>(from: D) -> Result<SocketAddr, D::Error> {
    let text = String::deserialize(from)?;
    parse_address(&text).map_err(serde::de::Error::custom)
}

impl Listen {
    /// Names that no client could ever send, and times that no verifier takes.
    pub(super) fn check(&self) -> Result<(), String> {
        let minutes = self.clock_skew_minutes;
        if !(1..=15).contains(&minutes) {
            return Err(format!(
                "listen.clock_skew_minutes = {minutes} is not between 1 and 15"
            ));
        }
        match self.host_names.iter().find(|name| !is_host(name)) {
            Some(name) => Err(format!(
                "listen.host_names has {name:?}, which is no name of a host: write it without https:// and without a port, such as kms.example.com or [::1]"
            )),
            None => Ok(()),
        }
    }
}

/// Letters, digits, `-`, `_` and dots, or an IPv6 address in brackets.
fn is_host(name: &str) -> bool {
    let bracketed = name
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'));
    if let Some(address) = bracketed {
        return address.parse::<std::net::Ipv6Addr>().is_ok();
    }
    let good = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
    !name.is_empty() && name.bytes().all(good)
}

#[cfg(test)]
mod tests {
    use super::super::File;

    fn problem(text: &str) -> String {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("keystead.toml");
        std::fs::write(&path, text).unwrap();
        File::read(&path).err().unwrap_or_default()
    }

    #[test]
    fn mistakes_are_told_in_the_words_of_the_file() {
        let base = "data_dir = \"d\"\nregions = [\"eu-central-1\"]\n";
        assert_eq!(problem(base), "");
        for (text, part) in [
            (
                "[listen]\naddress = \"localhost:1\"",
                "such as 127.0.0.1:4599",
            ),
            (
                "[listen]\naddress = \"127.0.0.1:80000\"",
                "such as 127.0.0.1:4599",
            ),
            (
                "[[listen.endpoint]]\naddress = \"x\"\nid = \"vpce-1\"\nvpc = \"vpc-1\"",
                "such as 127.0.0.1:4599",
            ),
            (
                "[listen]\nclock_skew_minutes = 0",
                "= 0 is not between 1 and 15",
            ),
            (
                "[listen]\nclock_skew_minutes = 16",
                "= 16 is not between 1 and 15",
            ),
            (
                "[listen]\nhost_names = [\"a.example:443\"]",
                "without a port",
            ),
            (
                "[listen]\nhost_names = [\"https://a.example\"]",
                "without https://",
            ),
            ("[listen]\nhost_names = [\"\"]", "no name of a host"),
            ("[listen]\nhost_names = [\"::1\"]", "no name of a host"),
            ("[log]\nlevel = \"verbose\"", "log.level = \"verbose\""),
            ("[log]\nlevel = \"\"", "log.level"),
        ] {
            let told = problem(&format!("{base}{text}"));
            assert!(told.contains(part), "{told}");
        }
        for (text, part) in [
            ("data_dir = \"d\"\nregions = []", "regions is empty"),
            (
                "data_dir = \"d\"\nregions = [\"a-b-1\", \"a-b-1\"]",
                "a-b-1 twice",
            ),
            (
                "workers = 65\ndata_dir = \"d\"\nregions = [\"a-b-1\"]",
                "1 and 64",
            ),
            (
                "[log]\nlevel = \"info\"\ndata_dir = \"d\"",
                "before the first line in [brackets]",
            ),
        ] {
            let told = problem(text);
            assert!(told.contains(part), "{told}");
        }
        let good = "[listen]\nhost_names = [\"kms.example.com\", \"10.0.0.5\", \"[::1]\", \"a_b\"]\n\
                    [log]\nlevel = \"info,keystead_wall=debug\"";
        assert_eq!(problem(&format!("{base}{good}")), "");
    }
}
