//! The pipeline. A request walks once, forwards: decode, look up, authorize, admit, run, commit,
//! seal. Each room hands the next a value that proves what it did.
//!
//! [`serve`] is the walk; an [`Operation`] is one API call; its [`Target`] says what it touches;
//! [`Ready`] is the proof that the caller may touch it now, and the only way to do so.
#![forbid(unsafe_code)]

mod authorize;
mod cache;
mod clockwork;
mod entry;
pub mod limits;
mod lookup;
mod marker;
mod operation;
mod ready;
mod serve;
mod site;
mod states;
mod target;

pub use clockwork::{Destruction, Due, run_due};
pub use entry::KeyEntry;
pub use keystead_store::records::{Deletion, KeyRecord, Material, Rotation, RotationSetting};
pub use lookup::Stage;
pub use operation::{CrossAccount, Identifier, Operation, Spec};
pub use ready::{DataKey, Lockout, NewKey, Page, Ready, Window, page_limit};
pub use serve::{Peer, Request, serve, serve_unbuilt};
pub use site::{Site, SiteParts};
pub use states::States;
pub use target::{
    AccountWide, AliasHeld, AnyUse, Creating, Encrypting, KeyPair, KeySelector, Listing,
    MovedAlias, NamedAlias, NewAlias, OneKey, Randomness, Signing, Target, TwoKeys, Usage,
};
