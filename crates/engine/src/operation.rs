//! What an operation declares and does.

use std::future::Future;

use keystead_api::Shape;
use keystead_types::Fault;

use crate::facts::{Facts, Part};
use crate::states::States;
use crate::{Ready, Target};

/// Which forms of key identifier an operation takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Identifier {
    /// Key id or key ARN; an alias answers InvalidArnException.
    KeyOnly,
    /// Key id, key ARN, alias name or alias ARN.
    KeyOrAlias,
}

/// Whether keys of other accounts may be named.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CrossAccount {
    /// The key's policy and the caller's account decide.
    Allowed,
    /// Always AccessDeniedException.
    Refused,
}

/// What an operation needs. There is no default: every operation states every part.
pub struct Spec<T: Target> {
    /// The IAM actions that must be allowed, as many as the target has resources.
    pub actions: T::Actions,
    /// How the key may be named.
    pub identifier: Identifier,
    /// Whether the key may belong to another account.
    pub cross_account: CrossAccount,
    /// The key states in which the operation works.
    pub states: States,
    /// The page of the KMS API reference.
    pub source: &'static str,
}

/// One operation of the KMS API: marker type, declaration and deed.
pub trait Operation: Sized + Send + Sync + 'static {
    /// The wire shape.
    type Shape: Shape;
    /// What it touches.
    type Target: Target;
    /// What it needs.
    const SPEC: Spec<Self::Target>;

    /// What the request says of itself to the policies, about each of its resources.
    fn facts(input: &<Self::Shape as Shape>::Input, part: Part) -> Facts<'_>;

    /// Which resources the request names.
    ///
    /// Errors: what the shape cannot say, such as a missing ciphertext.
    fn target(
        input: &<Self::Shape as Shape>::Input,
    ) -> Result<<Self::Target as Target>::Selection<'_>, Fault>;

    /// Checks the request against the authorized resources, before their state is looked at:
    /// algorithms against key specs. Most operations have nothing to check.
    fn suits(
        _input: &<Self::Shape as Shape>::Input,
        _held: &<Self::Target as Target>::Held,
    ) -> Result<(), Fault> {
        Ok(())
    }

    /// Does it. Changes are minted through `ready` and committed by the pipeline afterwards; it
    /// may run again when others changed the same records meanwhile.
    fn run(
        input: &<Self::Shape as Shape>::Input,
        ready: &mut Ready<'_, Self::Target>,
    ) -> impl Future<Output = Result<<Self::Shape as Shape>::Output, Fault>> + Send;
}
