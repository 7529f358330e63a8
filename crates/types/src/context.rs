//! The encryption context: non-secret pairs bound into a symmetric ciphertext.

use std::collections::BTreeMap;

/// Pairs of an encryption context, ordered by key bytes. Absent and empty are the same.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EncryptionContext(BTreeMap<String, String>);

impl EncryptionContext {
    /// Takes the pairs; their order does not matter.
    pub fn new(pairs: BTreeMap<String, String>) -> Self {
        Self(pairs)
    }

    /// The pairs in order of their keys.
    pub fn pairs(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0
            .iter()
            .map(|(key, value)| (key.as_str(), value.as_str()))
    }

    /// True without pairs.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Bytes of all keys and values together.
    pub fn len_bytes(&self) -> usize {
        self.pairs()
            .map(|(key, value)| key.len() + value.len())
            .sum()
    }

    /// The one byte form that is authenticated: for each pair in order of key bytes, the key
    /// and then the value, each as a 4-byte big-endian length and its UTF-8 bytes. No pairs, no
    /// bytes. Two contexts have the same form only if they are equal.
    pub fn canonical(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.len_bytes() + 8 * self.0.len());
        for text in self.pairs().flat_map(|(key, value)| [key, value]) {
            let len = u32::try_from(text.len()).unwrap_or(u32::MAX);
            out.extend_from_slice(&len.to_be_bytes());
            out.extend_from_slice(text.as_bytes());
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn context(pairs: &[(&str, &str)]) -> EncryptionContext {
        EncryptionContext::new(
            pairs
                .iter()
                .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
                .collect(),
        )
    }

    #[test]
    fn length_framing_keeps_splices_apart() {
        assert_ne!(
            context(&[("a", "bc")]).canonical(),
            context(&[("ab", "c")]).canonical()
        );
        assert_ne!(
            context(&[("a", "b"), ("c", "d")]).canonical(),
            context(&[("a", "bcd")]).canonical()
        );
    }

    #[test]
    fn order_does_not_matter_and_bytes_do() {
        let one = context(&[("a", "1"), ("b", "2")]);
        assert_eq!(
            one.canonical(),
            context(&[("b", "2"), ("a", "1")]).canonical()
        );
        assert_ne!(
            one.canonical(),
            context(&[("A", "1"), ("b", "2")]).canonical()
        );
        assert!(context(&[]).canonical().is_empty());
    }
}
