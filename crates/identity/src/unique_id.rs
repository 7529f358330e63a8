//! Unique ids and access key ids. Source: IAM User Guide, "Unique identifiers"; that an access key
//! id tells its account is how AWS has made them since 2019, and what GetAccessKeyInfo answers.

use keystead_types::{AccountId, Entropy};

const ALPHABET: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
/// Characters of a unique id after its prefix. Source: IAM User Guide, examples: 21 in all.
const UNIQUE_ID_CHARS: usize = 17;
/// Bytes behind the 16 characters of an access key id after its prefix.
const ACCESS_KEY_ID_BYTES: usize = 10;
const PREFIX_CHARS: usize = 4;

/// What a unique id is of: its first four characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UniqueKind {
    /// `AIDA`
    User,
    /// `AROA`
    Role,
    /// `AGPA`
    Group,
    /// `ANPA`
    Policy,
}

impl UniqueKind {
    fn prefix(self) -> &'static str {
        match self {
            Self::User => "AIDA",
            Self::Role => "AROA",
            Self::Group => "AGPA",
            Self::Policy => "ANPA",
        }
    }
}

fn letter(bits: u8) -> char {
    let letter = ALPHABET.get(usize::from(bits % 32)).copied();
    letter.map_or('A', char::from)
}

/// A new unique id: 21 characters, 85 random bits.
pub fn new_unique_id(entropy: &dyn Entropy, kind: UniqueKind) -> String {
    let mut random = [0; UNIQUE_ID_CHARS];
    entropy.fill(&mut random);
    let letters = random.into_iter().map(letter);
    kind.prefix().chars().chain(letters).collect()
}

/// A new access key id, 20 characters. After `prefix` it is base32 of: one bit, the account (40
/// bits), 39 random bits. Two may be equal, so whoever makes a long-lived one looks first.
pub(crate) fn new_access_key_id(
    entropy: &dyn Entropy,
    prefix: &'static str,
    account: AccountId,
) -> String {
    let mut random = [0; 5];
    entropy.fill(&mut random);
    let random = random
        .into_iter()
        .fold(0u128, |sum, byte| sum << 8 | u128::from(byte));
    let account = account.as_str().bytes();
    let number = account.fold(0u128, |sum, digit| sum * 10 + u128::from(digit - b'0'));
    let bits = 1 << 79 | number << 39 | (random & ((1 << 39) - 1));
    let letters = (0..16u32).rev().map(|place| {
        let five = (bits >> (place * 5)) & 31;
        letter(u8::try_from(five).unwrap_or_default())
    });
    prefix.chars().chain(letters).collect()
}

/// The account in an access key id of the form that IAM gives today, whoever made it. It proves
/// nothing.
pub fn account_in_access_key_id(id: &str) -> Option<AccountId> {
    let letters = id
        .get(PREFIX_CHARS..)
        .filter(|rest| rest.len() == ACCESS_KEY_ID_BYTES * 8 / 5)?;
    let mut bits = 0u128;
    for letter in letters.bytes() {
        let place = ALPHABET.iter().position(|own| *own == letter)?;
        bits = bits << 5 | u128::try_from(place).ok()?;
    }
    let number = (bits >> 39) & ((1 << 40) - 1);
    (bits >> 79 == 1).then_some(())?;
    AccountId::parse(&format!("{number:012}")).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Fixed(u8);
    impl Entropy for Fixed {
        fn fill(&self, out: &mut [u8]) {
            let mut next = self.0;
            for byte in out {
                *byte = next;
                next = next.wrapping_mul(37).wrapping_add(11);
            }
        }
    }

    #[test]
    fn unique_ids_have_twenty_one_characters() {
        for (kind, prefix) in [
            (UniqueKind::User, "AIDA"),
            (UniqueKind::Role, "AROA"),
            (UniqueKind::Group, "AGPA"),
            (UniqueKind::Policy, "ANPA"),
        ] {
            let id = new_unique_id(&Fixed(7), kind);
            assert_eq!((id.len(), id.get(..4)), (21, Some(prefix)));
            assert!(id.bytes().all(|byte| ALPHABET.contains(&byte)), "{id}");
            assert_ne!(id, new_unique_id(&Fixed(8), kind));
        }
    }

    #[test]
    fn access_key_ids_tell_their_account() {
        for digits in ["000000000000", "111122223333", "999999999999"] {
            let account = AccountId::parse(digits).unwrap();
            for seed in [0, 1, 255] {
                let id = new_access_key_id(&Fixed(seed), "AKIA", account);
                assert_eq!(id.len(), 20);
                assert_eq!(account_in_access_key_id(&id), Some(account), "{id}");
            }
        }
        // A published example of this form.
        let known = account_in_access_key_id("ASIAQNZGKIQY56JQ7WML").unwrap();
        assert_eq!(known.as_str(), "029608264753");
        for other in [
            "",
            "AKIA",
            "test",
            "AKIAIOSFODNN7EXAMPLE",
            "AKIA0000000000000000",
            "111122223333",
        ] {
            assert_eq!(account_in_access_key_id(other), None, "{other}");
        }
    }
}
