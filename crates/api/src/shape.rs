//! What every operation's wire shape offers.

use keystead_types::Fault;

use crate::OperationName;

/// The wire shape of one operation; implemented by its marker type, e.g. [`crate::Encrypt`].
pub trait Shape: Sized + Send + Sync + 'static {
    /// The request. Only [`Shape::decode`] makes it, so its constraints hold:
    ///
    /// ```
    /// use keystead_api::{DescribeKey, Shape, describe_key::Input};
    /// let Input { key_id, .. } = DescribeKey::decode(br#"{"KeyId":"alias/a"}"#)?;
    /// assert_eq!(key_id, "alias/a");
    /// # Ok::<(), keystead_types::Fault>(())
    /// ```
    ///
    /// ```compile_fail,E0639
    /// use keystead_api::describe_key::Input;
    /// let unchecked = Input { key_id: String::new(), grant_tokens: None };
    /// ```
    type Input: Send + Sync + 'static;
    /// The answer.
    type Output: Send + 'static;
    /// Which operation.
    const OPERATION: OperationName;

    /// Takes a request body apart.
    ///
    /// Errors: SerializationException for anything but one JSON object with members of the right
    /// JSON types, within [`crate::limits`]; ValidationException that lists every violated
    /// constraint of the model. Unknown members are ignored, names are case-sensitive, null is
    /// absent. Time: linear in the body. Source: KMS service model 2014-11-01.
    fn decode(body: &[u8]) -> Result<Self::Input, Fault>;

    /// The body of the answer: a JSON object, or nothing for operations without output.
    fn encode(output: &Self::Output) -> Vec<u8>;

    /// True if the request only asks whether it would succeed; always false for operations
    /// without `DryRun`.
    fn dry_run(input: &Self::Input) -> bool;

    /// Appends CloudTrail's `requestParameters`: an object in lowerCamel without blobs, sensitive
    /// members and tokens, or `null` when nothing is left.
    fn audit_parameters(input: &Self::Input, out: &mut Vec<u8>);
}
