//! Enumerations of the model.

use keystead_types::{
    EncryptionAlgorithm, GrantOperation, KeyManager, KeySpec, KeyState, KeyUsage, MacAlgorithm,
    MessageType, Origin, SigningAlgorithm, WrappingAlgorithm, WrappingKeySpec,
};

/// A value of an enumeration with one name on the wire.
pub trait Symbol: Copy + Sized + 'static {
    /// The value of that wire name, case-sensitively.
    fn parse(text: &str) -> Option<Self>;
    /// The value's name on the wire.
    fn as_str(self) -> &'static str;
}

macro_rules! shared_symbols {
    ($($name:ident)*) => {$(
        impl Symbol for $name {
            fn parse(text: &str) -> Option<Self> {
                $name::parse(text)
            }
            fn as_str(self) -> &'static str {
                $name::as_str(self)
            }
        }
    )*};
}
shared_symbols!(
    EncryptionAlgorithm GrantOperation KeyManager KeySpec KeyState KeyUsage MacAlgorithm
    MessageType Origin SigningAlgorithm WrappingAlgorithm WrappingKeySpec
);

/// Defines an enumeration of the model.
macro_rules! symbols {
    ($(#[$doc:meta])* $name:ident { $($variant:ident $wire:literal,)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum $name {
            $(#[doc = concat!("`", $wire, "` on the wire.")] $variant,)*
        }

        impl $name {
            /// Every value, in the order of the model.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The value's name on the wire.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $wire,)* }
            }

            /// The value of that wire name, case-sensitively.
            pub fn parse(text: &str) -> Option<Self> {
                match text { $($wire => Some(Self::$variant),)* _ => None }
            }
        }

        impl crate::symbol::Symbol for $name {
            fn parse(text: &str) -> Option<Self> {
                Self::parse(text)
            }
            fn as_str(self) -> &'static str {
                Self::as_str(self)
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}
pub(crate) use symbols;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::generated::rules;

    #[test]
    fn the_shared_enumerations_know_the_names_of_the_model() {
        assert!(
            rules::KEY_SPEC
                .iter()
                .all(|name| KeySpec::parse(name).is_some())
        );
        assert_eq!(rules::KEY_SPEC.len(), KeySpec::ALL.len());
        let older = rules::CUSTOMER_MASTER_KEY_SPEC;
        assert!(older.iter().all(|name| KeySpec::parse(name).is_some()));
        assert_eq!(older.len(), 13);
        assert!(
            rules::KEY_USAGE_TYPE
                .iter()
                .all(|name| KeyUsage::parse(name).is_some())
        );
        assert_eq!(rules::KEY_USAGE_TYPE.len(), KeyUsage::ALL.len());
        assert!(
            rules::ORIGIN_TYPE
                .iter()
                .all(|name| Origin::parse(name).is_some())
        );
        assert_eq!(rules::ORIGIN_TYPE.len(), Origin::ALL.len());
    }
}
