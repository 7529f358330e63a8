//! The pipeline. A request walks once, forwards: decode, look up, authorize, admit, run, commit,
//! seal. Each room hands the next a value that proves what it did.
//!
//! [`serve`] is the walk; an [`Operation`] is one API call; its [`Target`] says what it touches;
//! [`Ready`] is the proof that the caller may touch it now, and the only way to do so.
#![forbid(unsafe_code)]

mod authorize;
mod cache;
mod clockwork;
mod context;
mod destruction;
mod entry;
mod facts;
mod grant_token;
mod grants;
pub mod limits;
mod lookup;
mod managed;
mod marker;
mod multi_region;
mod operation;
mod ready;
mod serve;
mod service;
mod site;
mod states;
mod target;
mod usage;

pub use clockwork::{Destruction, Due, run_due};
pub use entry::KeyEntry;
pub use facts::{CreatedKey, Facts, GrantFacts, Pairs, Part, Tags};
pub use keystead_attestation::{Attested, TrustedRoots};
pub use keystead_store::records::{
    Deletion, GrantConstraints, GrantParty, GrantRecord, Import, KeyRecord, Material,
    MaterialState, MultiRegion, MultiRegionRole, Replica, Rotation, RotationSetting, UsageRecord,
};
pub use keystead_wall::Delivered;
pub use lookup::Stage;
pub use operation::{CrossAccount, Identifier, Operation, Spec};
pub use ready::{
    Audience, DataKey, GrantPage, ImportParameters, Imported, KeyScope, Lockout, NewGrant, NewKey,
    NewReplica, Page, ReEncrypted, Ready, Recipient, Side, Signable, Window,
    check_plaintext_length, page_limit, settle_import_state,
};
pub use serve::{Peer, Request, serve, serve_unbuilt};
pub use site::{Alone, Attestation, FoundSite, Neighbours, Quotas, Site, SiteParts, Sm2};
pub use states::States;
pub use target::{
    AccountWide, Agreeing, AliasHeld, AnyUse, Authenticating, Creating, Encapsulating, Encrypting,
    GrantHeld, GrantSelector, HeldGrant, KeyPair, KeySelector, Listing, MovedAlias, NamedAlias,
    NewAlias, OneKey, Randomness, Signing, Target, TwoKeys, Usage,
};
pub use usage::Use;
