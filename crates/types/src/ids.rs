//! Identifiers: accounts, Regions, keys, aliases, key material, requests.

use std::fmt;
use std::sync::Arc;

use arrayvec::ArrayString;

/// Why a text is not the identifier it was taken for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InvalidId(pub &'static str);

impl fmt::Display for InvalidId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl std::error::Error for InvalidId {}

/// A 12-digit account number.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AccountId(ArrayString<12>);

impl AccountId {
    /// Takes exactly twelve ASCII digits.
    pub fn parse(text: &str) -> Result<Self, InvalidId> {
        const WHY: InvalidId = InvalidId("an account id has 12 digits");
        if text.len() == 12 && text.bytes().all(|b| b.is_ascii_digit()) {
            ArrayString::from(text).map(Self).map_err(|_| WHY)
        } else {
            Err(WHY)
        }
    }

    /// The twelve ASCII digits.
    pub fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }

    /// The twelve digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The number that the digits spell, below 10^12.
    pub fn to_number(self) -> u64 {
        self.0
            .bytes()
            .fold(0, |n, digit| n * 10 + u64::from(digit - b'0'))
    }

    /// The account whose number this is; `None` from 10^12 on.
    pub fn from_number(mut number: u64) -> Option<Self> {
        let mut digits = [b'0'; 12];
        for digit in digits.iter_mut().rev() {
            *digit = b'0' + u8::try_from(number % 10).ok()?;
            number /= 10;
        }
        (number == 0).then_some(Self(text(&digits)))
    }
}

/// An AWS Region name such as `eu-central-1`; cheap to clone.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Region(Arc<str>);

impl Region {
    /// Takes 1–32 characters of the form `^([a-z]+-){2,3}\d+$` (KMS model, `RegionType`).
    pub fn parse(text: &str) -> Result<Self, InvalidId> {
        const WHY: InvalidId = InvalidId("a Region looks like eu-central-1");
        let mut parts = text.split('-').rev();
        let number = parts.next().unwrap_or_default();
        let words = parts.clone().count();
        let good = text.len() <= 32
            && !number.is_empty()
            && number.bytes().all(|b| b.is_ascii_digit())
            && (2..=3).contains(&words)
            && parts.all(|word| !word.is_empty() && word.bytes().all(|b| b.is_ascii_lowercase()));
        if good {
            Ok(Self(text.into()))
        } else {
            Err(WHY)
        }
    }

    /// The pseudo-Region of what belongs to no Region, such as accounts and their identities:
    /// `aws-global-1`. Ours; AWS calls it `aws-global`, which has not the form of a Region.
    pub fn global() -> Self {
        Self("aws-global-1".into())
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A key id: a lower-case UUID, or `mrk-` and 32 lower-case hex digits. Always 36 characters.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct KeyId(ArrayString<36>);

impl KeyId {
    /// How the id of a multi-Region key begins.
    const MULTI_REGION: &'static [u8] = b"mrk-";

    /// Takes one of the two forms, lower case only.
    pub fn parse(text: &str) -> Result<Self, InvalidId> {
        const WHY: InvalidId = InvalidId("a key id is a UUID or mrk- and 32 hex digits");
        let bytes: [u8; 36] = text.as_bytes().try_into().map_err(|_| WHY)?;
        let framed = bytes.starts_with(Self::MULTI_REGION)
            || [bytes[8], bytes[13], bytes[18], bytes[23]] == [b'-'; 4];
        // Without branches, so that many digits are looked at together.
        let hex = |b: u8| (b.wrapping_sub(b'0') < 10) | (b.wrapping_sub(b'a') < 6);
        let digits = digits(&bytes);
        let good = framed & digits.into_iter().fold(true, |good, b| good & hex(b));
        if good {
            ArrayString::from(text).map(Self).map_err(|_| WHY)
        } else {
            Err(WHY)
        }
    }

    /// Makes a single-Region key id (UUID version 4) of 16 random bytes.
    pub fn from_random(random: [u8; 16]) -> Self {
        Self(text(&uuid_v4(random)))
    }

    /// Makes a multi-Region key id, `mrk-` and 32 hex digits, of 16 random bytes.
    pub fn multi_region_from_random(random: [u8; 16]) -> Self {
        Self::multi_region_from_bytes(random)
    }

    /// The single-Region key id whose 32 digits these bytes are; of any UUID version.
    pub fn single_region_from_bytes(bytes: [u8; 16]) -> Self {
        Self(text(&uuid(bytes)))
    }

    /// The multi-Region key id whose 32 digits these bytes are.
    pub fn multi_region_from_bytes(bytes: [u8; 16]) -> Self {
        let mut id = *b"mrk-00000000000000000000000000000000";
        let digits = hex_digits(bytes);
        for (place, digit) in id.iter_mut().skip(4).zip(digits.as_flattened()) {
            *place = *digit;
        }
        Self(text(&id))
    }

    /// The bytes that the 32 digits spell. Together with [`Self::is_multi_region`] they are the id.
    pub fn to_bytes(&self) -> [u8; 16] {
        // Without branches, so that many digits are taken at once: '0' is 0x30, 'a' is 0x61.
        let values = digits(self.as_bytes()).map(|digit| (digit & 0x0f) + 9 * (digit >> 6));
        let mut bytes = [0; 16];
        for (byte, pair) in bytes.iter_mut().zip(values.as_chunks::<2>().0) {
            *byte = pair[0] << 4 | pair[1];
        }
        bytes
    }

    /// The 36 ASCII characters of the text form.
    pub fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }

    /// The text form.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// True for `mrk-…`.
    pub fn is_multi_region(&self) -> bool {
        self.0.as_bytes().starts_with(Self::MULTI_REGION)
    }
}

/// The id of a request or an audit event: a lower-case UUID.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct RequestId(ArrayString<36>);

impl RequestId {
    /// Takes a UUID in lower case.
    pub fn parse(text: &str) -> Result<Self, InvalidId> {
        match KeyId::parse(text) {
            Ok(id) if !id.is_multi_region() => Ok(Self(id.0)),
            _ => Err(InvalidId("a request id is a UUID")),
        }
    }

    /// Makes a UUID version 4 of 16 random bytes.
    pub fn from_random(random: [u8; 16]) -> Self {
        Self(text(&uuid_v4(random)))
    }

    /// The 36 ASCII characters of the text form.
    pub fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }

    /// The text form.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// An alias name with its `alias/` prefix, 1–256 characters; cheap to clone.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AliasName(Arc<str>);

impl AliasName {
    /// The prefix of every alias name.
    pub const PREFIX: &'static str = "alias/";
    /// The prefix that belongs to AWS managed keys.
    pub const RESERVED_PREFIX: &'static str = "alias/aws/";

    /// Takes `alias/` and at least one of `[a-zA-Z0-9/_-]`, at most 256 characters in all.
    pub fn parse(text: &str) -> Result<Self, InvalidId> {
        let name = text
            .strip_prefix(Self::PREFIX)
            .ok_or(InvalidId("an alias name starts with alias/"))?;
        let allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'/' | b'_' | b'-');
        if name.is_empty() || text.len() > 256 || !name.bytes().all(allowed) {
            return Err(InvalidId(
                "an alias name has 1-256 characters of a-z A-Z 0-9 / _ -",
            ));
        }
        Ok(Self(text.into()))
    }

    /// The whole name, prefix included.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// True for `alias/aws/…`, which only AWS managed keys may have.
    pub fn is_reserved(&self) -> bool {
        self.0.starts_with(Self::RESERVED_PREFIX)
    }
}

/// 32 bytes shown as 64 lower-case hex digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Hex32(pub [u8; 32]);

/// The id of one version of key material: 64 lower-case hex digits on the wire.
pub type MaterialId = Hex32;

/// The id of a grant.
pub type GrantId = Hex32;

impl Hex32 {
    /// Takes exactly 64 lower-case hex digits.
    pub fn parse(text: &str) -> Result<Self, InvalidId> {
        const WHY: InvalidId = InvalidId("64 lower-case hex digits expected");
        let digits: &[u8; 64] = text.as_bytes().try_into().map_err(|_| WHY)?;
        let value = |b: u8| match b {
            b'0'..=b'9' => Some(b - b'0'),
            b'a'..=b'f' => Some(b - b'a' + 10),
            _ => None,
        };
        let mut out = [0; 32];
        for (byte, pair) in out.iter_mut().zip(digits.chunks_exact(2)) {
            let [high, low] = pair else { return Err(WHY) };
            *byte = value(*high).ok_or(WHY)? << 4 | value(*low).ok_or(WHY)?;
        }
        Ok(Self(out))
    }
}

/// The two lower-case hex digits of each byte. Without branches or tables, so that many are made
/// at once.
fn hex_digits<const N: usize>(bytes: [u8; N]) -> [[u8; 2]; N] {
    let digit = |nibble: u8| nibble + b'0' + u8::from(nibble > 9) * (b'a' - b'0' - 10);
    bytes.map(|byte| [digit(byte >> 4), digit(byte & 0x0f)])
}

fn uuid_v4(mut random: [u8; 16]) -> [u8; 36] {
    random[6] = random[6] & 0x0f | 0x40;
    random[8] = random[8] & 0x3f | 0x80;
    uuid(random)
}

#[expect(clippy::indexing_slicing, reason = "constant ranges inside two arrays")]
fn uuid(bytes: [u8; 16]) -> [u8; 36] {
    let pairs = hex_digits(bytes);
    let digits = pairs.as_flattened();
    let mut text = [b'-'; 36];
    text[..8].copy_from_slice(&digits[..8]);
    text[9..13].copy_from_slice(&digits[8..12]);
    text[14..18].copy_from_slice(&digits[12..16]);
    text[19..23].copy_from_slice(&digits[16..20]);
    text[24..].copy_from_slice(&digits[20..]);
    text
}

/// The 32 places of digits in the text of a key id; zeros for other texts.
fn digits(id: &[u8]) -> [u8; 32] {
    let mut digits = [0; 32];
    let places = match id.starts_with(KeyId::MULTI_REGION) {
        true => [4..12, 12..16, 16..20, 20..24, 24..36],
        false => [0..8, 9..13, 14..18, 19..23, 24..36],
    };
    let mut rest = digits.as_mut_slice();
    for place in places {
        let part = id.get(place).unwrap_or_default();
        if let Some((here, behind)) = std::mem::take(&mut rest).split_at_mut_checked(part.len()) {
            here.copy_from_slice(part);
            rest = behind;
        }
    }
    digits
}

/// ASCII characters as a text whose form need not be checked again.
fn text<const N: usize>(characters: &[u8; N]) -> ArrayString<N> {
    ArrayString::from_byte_string(characters).unwrap_or_default()
}

/// The text of bytes that a constructor has shown to be ASCII.
fn ascii(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap_or_default()
}

impl fmt::Display for Hex32 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(ascii(hex_digits(self.0).as_flattened()))
    }
}

impl fmt::Debug for Hex32 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

macro_rules! shown_as_text {
    ($($name:ty),*) => {$(
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }
    )*};
}
shown_as_text!(AccountId, Region, KeyId, RequestId, AliasName);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn multi_region_ids_are_hex() {
        let id = KeyId::multi_region_from_random([
            0x0f, 0xa9, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 0xff,
        ]);
        assert_eq!(
            id.as_str(),
            "mrk-0fa90001020304050607080".to_owned() + "90a0b0cff"
        );
        assert!(id.is_multi_region());
        assert_eq!(KeyId::parse(id.as_str()), Ok(id));
    }

    #[test]
    fn account_numbers_round_trip() {
        let account = AccountId::parse("000000000012").unwrap();
        assert_eq!(account.to_number(), 12);
        assert_eq!(AccountId::from_number(12), Some(account));
        assert_eq!(AccountId::from_number(1_000_000_000_000), None);
        assert!(AccountId::parse("00000000001").is_err());
        assert!(AccountId::parse("00000000001x").is_err());
    }

    #[test]
    fn regions_follow_the_model_pattern() {
        for good in [
            "us-east-1",
            "us-gov-west-1",
            "eusc-de-east-1",
            "ap-southeast-12",
        ] {
            assert!(Region::parse(good).is_ok(), "{good}");
        }
        for bad in [
            "",
            "us-1",
            "US-east-1",
            "us-east-",
            "us-east-1a",
            "a-b-c-d-1",
            "us--east-1",
        ] {
            assert!(Region::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn key_ids_have_two_forms_and_one_case() {
        assert!(KeyId::parse("1234abcd-12ab-34cd-56ef-1234567890ab").is_ok());
        assert!(
            KeyId::parse("mrk-1234abcd12ab34cd56ef1234567890ab")
                .unwrap()
                .is_multi_region()
        );
        for bad in [
            "1234ABCD-12ab-34cd-56ef-1234567890ab",
            "1234abcd12ab34cd56ef1234567890ab",
            "mrk-fake-key-id",
            "{234abcd-12ab-34cd-56ef-1234567890a}",
        ] {
            assert!(KeyId::parse(bad).is_err(), "{bad}");
        }
        let made = KeyId::from_random([0xff; 16]);
        assert_eq!(made.as_str(), "ffffffff-ffff-4fff-bfff-ffffffffffff");
        assert_eq!(KeyId::parse(made.as_str()), Ok(made));
    }

    #[test]
    fn every_place_of_a_key_id_is_checked() {
        let forms = [
            *b"01234567-89ab-cdef-0123-456789abcdef",
            *b"mrk-0123456789abcdef0123456789abcdef",
        ];
        for form in forms {
            let good = |id: &[u8; 36], at: usize| match (id.starts_with(b"mrk-"), at) {
                (true, 0..4) => id.starts_with(b"mrk-"),
                (false, 8 | 13 | 18 | 23) => id[at] == b'-',
                _ => matches!(id[at], b'0'..=b'9' | b'a'..=b'f'),
            };
            for (at, byte) in (0..36).flat_map(|at| (0..128).map(move |byte| (at, byte))) {
                let mut id = form;
                id[at] = byte;
                let wanted = (0..36).all(|at| good(&id, at));
                let parsed = KeyId::parse(std::str::from_utf8(&id).unwrap());
                assert_eq!(parsed.is_ok(), wanted, "{at} {byte}");
            }
        }
    }

    #[test]
    fn key_ids_are_their_bytes() {
        let bytes = std::array::from_fn(|at| u8::try_from(at * 17 + 3 * (at % 5)).unwrap_or(0xff));
        let single = KeyId::single_region_from_bytes(bytes);
        let multi = KeyId::multi_region_from_bytes(bytes);
        for id in [single, multi] {
            assert_eq!(KeyId::parse(id.as_str()), Ok(id));
            assert_eq!(id.to_bytes(), bytes);
            assert_eq!(id.as_bytes(), id.as_str().as_bytes());
        }
        assert_eq!(multi.as_str()[4..], single.as_str().replace('-', ""));
    }

    #[test]
    fn alias_names_keep_to_their_alphabet() {
        assert!(AliasName::parse("alias/a/b_c-9").is_ok());
        assert!(AliasName::parse("alias/aws/s3").unwrap().is_reserved());
        for bad in [
            "alias/",
            "Alias/x",
            "x",
            "alias/a b",
            "alias/a:b",
            "alias/é",
        ] {
            assert!(AliasName::parse(bad).is_err(), "{bad}");
        }
        assert!(AliasName::parse(&format!("alias/{}", "a".repeat(250))).is_ok());
        assert!(AliasName::parse(&format!("alias/{}", "a".repeat(251))).is_err());
    }

    #[test]
    fn hex_round_trips_and_refuses_upper_case() {
        let id = Hex32([0xab; 32]);
        assert_eq!(Hex32::parse(&id.to_string()), Ok(id));
        assert!(Hex32::parse(&"AB".repeat(32)).is_err());
    }
}
