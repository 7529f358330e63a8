//! What an operation touches, as types: how many resources it names, and for which use.

use std::future::Future;
use std::marker::PhantomData;
use std::sync::Arc;

use keystead_store::Versioned;
use keystead_store::records::{AliasRecord, GrantRecord};
use keystead_types::{AccountId, AliasName, Fault, KeyId, KeyUsage, Timestamp};

use crate::authorize;
use crate::entry::KeyEntry;
use crate::limits::SAME_KEY_ATTEMPTS;
use crate::lookup::{self, Stage};
use crate::operation::Spec;

mod sealed {
    pub trait Sealed {}
}

/// What a key is needed for. Only the matching [`crate::Ready`] has the matching methods.
pub trait Usage: sealed::Sealed + Send + Sync + 'static {
    /// The key usage that the key must have; `None` for management, which any key allows.
    const NEEDED: Option<KeyUsage>;
}

macro_rules! usages {
    ($($(#[$doc:meta])* $name:ident = $needed:expr;)*) => {$(
        $(#[$doc])*
        pub enum $name {}
        impl sealed::Sealed for $name {}
        impl Usage for $name {
            const NEEDED: Option<KeyUsage> = $needed;
        }
    )*};
}

usages! {
    /// Management: any key.
    AnyUse = None;
    /// Encrypt, Decrypt, data keys.
    Encrypting = Some(KeyUsage::EncryptDecrypt);
    /// Sign, Verify.
    Signing = Some(KeyUsage::SignVerify);
    /// GenerateMac, VerifyMac.
    Authenticating = Some(KeyUsage::GenerateVerifyMac);
    /// DeriveSharedSecret.
    Agreeing = Some(KeyUsage::KeyAgreement);
    /// Encapsulate, Decapsulate.
    Encapsulating = Some(KeyUsage::EncapsulateDecapsulate);
}

/// How a request names a key.
#[derive(Debug, Clone)]
pub enum KeySelector<'a> {
    /// By a `KeyId` member.
    Named(&'a str),
    /// By a ciphertext that carries the key's identity; a `KeyId` beside it must agree.
    Ciphertext {
        /// The blob.
        blob: &'a [u8],
        /// The `KeyId` member, if sent.
        named: Option<&'a str>,
    },
}

/// A kind of target. The set is closed.
pub trait Target: sealed::Sealed + Send + Sync + 'static {
    /// How a request selects it.
    type Selection<'a>: Send;
    /// The actions to allow: as many as there are resources.
    type Actions: Copy + Send + Sync;
    /// What the operation gets to hold once authorized.
    type Held: Send + Sync;
    /// Whether the request says different things of a first and a second resource.
    const HAS_SECOND: bool = false;

    /// Looks the resources up and authorizes the caller for every action.
    fn acquire<'a>(
        stage: &'a mut Stage<'_>,
        spec: &'a Spec<Self>,
        selection: Self::Selection<'a>,
    ) -> impl Future<Output = Result<Self::Held, Fault>> + Send
    where
        Self: Sized;

    /// The keys held, in the order in which their usage and state are checked.
    fn keys(held: &Self::Held) -> [Option<&KeyEntry>; 2];

    /// The key usage that the held keys must have.
    fn needed() -> Option<KeyUsage> {
        None
    }
}

/// One key, for one use.
pub struct OneKey<U>(PhantomData<U>);

/// Two keys of one use, the first selected by a ciphertext: ReEncrypt.
pub struct TwoKeys<U>(PhantomData<U>);

/// A new alias and the key it will point to.
pub enum NewAlias {}

/// An existing alias and the key it points to.
pub enum NamedAlias {}

/// An existing alias, the key it points to and the key it will point to.
pub enum MovedAlias {}

/// No key resource: only the caller's own account decides.
pub struct AccountWide<K>(PhantomData<K>);

/// Listing keys and aliases.
pub enum Listing {}
/// Creating a key.
pub enum Creating {}
/// Random bytes.
pub enum Randomness {}

impl<U> sealed::Sealed for OneKey<U> {}
impl<U> sealed::Sealed for TwoKeys<U> {}
impl sealed::Sealed for NewAlias {}
impl sealed::Sealed for NamedAlias {}
impl sealed::Sealed for MovedAlias {}
impl<K> sealed::Sealed for AccountWide<K> {}

impl<U: Usage> Target for OneKey<U> {
    type Selection<'a> = KeySelector<'a>;
    type Actions = &'static str;
    type Held = Arc<KeyEntry>;

    async fn acquire<'a>(
        stage: &'a mut Stage<'_>,
        spec: &'a Spec<Self>,
        selection: KeySelector<'a>,
    ) -> Result<Arc<KeyEntry>, Fault> {
        lookup::authorized_key(
            stage,
            spec.identifier,
            spec.cross_account,
            spec.actions,
            selection,
        )
        .await
    }

    fn keys(held: &Arc<KeyEntry>) -> [Option<&KeyEntry>; 2] {
        [Some(held), None]
    }

    fn needed() -> Option<KeyUsage> {
        U::NEEDED
    }
}

/// The keys of a ReEncrypt.
pub struct KeyPair {
    /// Opens.
    pub source: Arc<KeyEntry>,
    /// Seals.
    pub destination: Arc<KeyEntry>,
}

impl<U: Usage> Target for TwoKeys<U> {
    type Selection<'a> = (KeySelector<'a>, KeySelector<'a>);
    type Actions = [&'static str; 2];
    type Held = KeyPair;
    const HAS_SECOND: bool = true;

    async fn acquire<'a>(
        stage: &'a mut Stage<'_>,
        spec: &'a Spec<Self>,
        (source, destination): Self::Selection<'a>,
    ) -> Result<KeyPair, Fault> {
        let Spec {
            identifier,
            cross_account,
            actions: [from, to],
            ..
        } = *spec;
        let both = (
            lookup::meant(stage, &source).await?,
            lookup::meant(stage, &destination).await?,
        );
        stage.same_key = Some(both.0.is_some() && both.0 == both.1);
        let (first, second) = (stage.facts, stage.second);
        // An alias may move between the guess and the look-up: what was found counts, and both
        // keys are authorized on it.
        for _ in 0..SAME_KEY_ATTEMPTS {
            stage.facts = first;
            let source =
                lookup::authorized_key(stage, identifier, cross_account, from, source.clone());
            let source = source.await?;
            stage.facts = second;
            let destination =
                lookup::authorized_key(stage, identifier, cross_account, to, destination.clone());
            let destination = destination.await?;
            let same = source.arn() == destination.arn();
            if stage.same_key == Some(same) {
                return Ok(KeyPair {
                    source,
                    destination,
                });
            }
            stage.same_key = Some(same);
            stage.entry.undecided();
        }
        Err(Fault::internal(
            "an alias kept moving while the request ran",
        ))
    }

    fn keys(held: &KeyPair) -> [Option<&KeyEntry>; 2] {
        [Some(&held.source), Some(&held.destination)]
    }

    fn needed() -> Option<KeyUsage> {
        U::NEEDED
    }
}

/// The alias and keys of an alias operation.
pub struct AliasHeld {
    /// The alias's name.
    pub name: AliasName,
    /// The alias as it is; `None` for a new one.
    pub existing: Option<Versioned<AliasRecord>>,
    /// The key it will point to; for DeleteAlias the key it points to, if that is still there.
    pub key: Option<Arc<KeyEntry>>,
    /// The key it points to when it is moved.
    pub old_key: Option<Arc<KeyEntry>>,
}

impl Target for NewAlias {
    type Selection<'a> = (AliasName, KeySelector<'a>);
    type Actions = &'static str;
    type Held = AliasHeld;

    async fn acquire<'a>(
        stage: &'a mut Stage<'_>,
        spec: &'a Spec<Self>,
        (name, key): Self::Selection<'a>,
    ) -> Result<AliasHeld, Fault> {
        authorize::alias(stage, spec.actions, &name)?;
        let Spec {
            identifier,
            cross_account,
            actions,
            ..
        } = *spec;
        let key = lookup::authorized_key(stage, identifier, cross_account, actions, key).await?;
        let existing = lookup::alias(stage, &name).await?;
        Ok(AliasHeld {
            name,
            existing,
            key: Some(key),
            old_key: None,
        })
    }

    fn keys(held: &AliasHeld) -> [Option<&KeyEntry>; 2] {
        [held.key.as_deref(), None]
    }
}

impl Target for NamedAlias {
    type Selection<'a> = AliasName;
    type Actions = &'static str;
    type Held = AliasHeld;

    async fn acquire<'a>(
        stage: &'a mut Stage<'_>,
        spec: &'a Spec<Self>,
        name: AliasName,
    ) -> Result<AliasHeld, Fault> {
        authorize::alias(stage, spec.actions, &name)?;
        let existing = lookup::existing_alias(stage, &name).await?;
        let key = lookup::alias_target(stage, spec.actions, &existing).await?;
        Ok(AliasHeld {
            name,
            existing: Some(existing),
            key,
            old_key: None,
        })
    }

    fn keys(held: &AliasHeld) -> [Option<&KeyEntry>; 2] {
        [held.key.as_deref(), None]
    }
}

impl Target for MovedAlias {
    type Selection<'a> = (AliasName, KeySelector<'a>);
    type Actions = &'static str;
    type Held = AliasHeld;

    async fn acquire<'a>(
        stage: &'a mut Stage<'_>,
        spec: &'a Spec<Self>,
        (name, key): Self::Selection<'a>,
    ) -> Result<AliasHeld, Fault> {
        authorize::alias(stage, spec.actions, &name)?;
        let existing = lookup::existing_alias(stage, &name).await?;
        let old_key = lookup::alias_target(stage, spec.actions, &existing).await?;
        let Spec {
            identifier,
            cross_account,
            actions,
            ..
        } = *spec;
        let key = lookup::authorized_key(stage, identifier, cross_account, actions, key).await?;
        Ok(AliasHeld {
            name,
            existing: Some(existing),
            key: Some(key),
            old_key,
        })
    }

    /// Only the new target's state matters: an alias may leave a key that is pending deletion.
    fn keys(held: &AliasHeld) -> [Option<&KeyEntry>; 2] {
        [held.key.as_deref(), None]
    }
}

impl<K: Send + Sync + 'static> Target for AccountWide<K> {
    type Selection<'a> = ();
    type Actions = &'static str;
    type Held = ();

    async fn acquire<'a>(
        stage: &'a mut Stage<'_>,
        spec: &'a Spec<Self>,
        (): (),
    ) -> Result<(), Fault> {
        authorize::account_wide(stage, spec.actions)
    }

    fn keys((): &()) -> [Option<&KeyEntry>; 2] {
        [None, None]
    }
}

/// An existing grant, named by a token or by its key and id, and its key: RetireGrant.
pub enum HeldGrant {}

impl sealed::Sealed for HeldGrant {}

/// How a request names a grant.
#[derive(Debug, Clone)]
pub enum GrantSelector<'a> {
    /// By a token.
    Token(&'a str),
    /// By its key and id.
    Named {
        /// The key's ARN or id.
        key: &'a str,
        /// The grant's id.
        grant_id: &'a str,
    },
}

/// A grant that the caller may retire.
pub struct GrantHeld {
    /// The grant.
    pub grant: Versioned<GrantRecord>,
    /// Its key.
    pub key: Arc<KeyEntry>,
}

impl Target for HeldGrant {
    type Selection<'a> = GrantSelector<'a>;
    type Actions = &'static str;
    type Held = GrantHeld;

    async fn acquire<'a>(
        stage: &'a mut Stage<'_>,
        spec: &'a Spec<Self>,
        selection: GrantSelector<'a>,
    ) -> Result<GrantHeld, Fault> {
        lookup::retirable_grant(stage, spec.actions, selection).await
    }

    fn keys(held: &GrantHeld) -> [Option<&KeyEntry>; 2] {
        [Some(&held.key), None]
    }
}

/// Usage first, then (after the operation's own checks) state: the order is pinned by goldens.
pub(crate) fn admit_usage<T: Target>(held: &T::Held, operation: &str) -> Result<(), Fault> {
    let Some(needed) = T::needed() else {
        return Ok(());
    };
    let mut keys = T::keys(held).into_iter().flatten();
    keys.try_for_each(|key| key.check_usage(needed, operation))
}

/// The keys held, by name.
pub(crate) fn names<T: Target>(held: &T::Held) -> [Option<(AccountId, KeyId)>; 2] {
    let name = |key: &KeyEntry| (key.record().account, key.record().key_id);
    T::keys(held).map(|key| key.map(name))
}

/// Refuses keys whose state does not allow the operation.
pub(crate) fn admit_states<T: Target>(
    held: &T::Held,
    spec: &Spec<T>,
    now: Timestamp,
) -> Result<(), Fault> {
    let mut keys = T::keys(held).into_iter().flatten();
    keys.try_for_each(|key| {
        let state = key.state_at(now);
        spec.states.admit(state, key.arn_text())
    })
}
