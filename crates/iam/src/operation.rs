//! What an operation of IAM states and does.

use keystead_api::query::QueryShape;
use keystead_types::Fault;

use crate::asks::Asks;
use crate::call::Call;
use crate::scene::Scene;

/// One operation of IAM, implemented by the marker of its shape. There is no default for what it
/// asks: an operation that does not state its resources does not compile.
pub(crate) trait Operation: QueryShape {
    /// Whether it makes an access key, whose secret the HSM process draws and seals beforehand.
    const MAKES_ACCESS_KEY: bool = false;

    /// What must be allowed: the operation's own action on a resource, maybe more. Whether the
    /// resource exists plays no part, so that a stranger does not learn it.
    ///
    /// Errors: what no permission could mend, such as a text that is no ARN.
    fn asks(input: &Self::Input, scene: &Scene<'_>) -> Result<Asks, Fault>;

    /// Does it. What it puts into the draft becomes durable together with the audit record, or not
    /// at all.
    fn run(input: &Self::Input, call: &mut Call<'_, '_>) -> Result<Self::Output, Fault>;
}
