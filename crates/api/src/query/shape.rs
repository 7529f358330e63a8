//! What every operation's wire shape offers.

use keystead_types::{Fault, RequestId};

use super::Form;

/// The wire shape of one operation of IAM or STS; implemented by its marker type, e.g.
/// [`crate::iam::CreateUser`].
pub trait QueryShape: Sized + Send + Sync + 'static {
    /// The request. Only [`QueryShape::decode`] makes it, so its constraints hold:
    ///
    /// ```
    /// use keystead_api::iam::{DeleteUser, delete_user::Input};
    /// use keystead_api::query::{Form, QueryShape};
    /// let form = Form::parse(b"Action=DeleteUser&Version=2010-05-08&UserName=alice")?;
    /// let Input { user_name, .. } = DeleteUser::decode(&form)?;
    /// assert_eq!(user_name, "alice");
    /// # Ok::<(), keystead_types::Fault>(())
    /// ```
    ///
    /// ```compile_fail,E0639
    /// use keystead_api::iam::delete_user::Input;
    /// let unchecked = Input { user_name: String::new() };
    /// ```
    type Input: Send + Sync + 'static;
    /// The answer.
    type Output: Send + 'static;
    /// The operation's name: what the parameter `Action` says.
    const ACTION: &'static str;
    /// CloudTrail's `readOnly`.
    const READ_ONLY: bool;

    /// Takes a request's parameters.
    ///
    /// Errors: SerializationException (on the wire `MalformedInput`) for a parameter that is not
    /// of its member's kind; ValidationException (`ValidationError`) that lists every violated
    /// constraint of the model. Unknown parameters are ignored, names are case-sensitive. Time:
    /// linear in the form. Source: service models IAM 2010-05-08, STS 2011-06-15.
    fn decode(form: &Form) -> Result<Self::Input, Fault>;

    /// The body of the answer: an XML document.
    fn encode(output: &Self::Output, request_id: &RequestId) -> Vec<u8>;

    /// Appends CloudTrail's `requestParameters`: an object in lowerCamel without sensitive members
    /// and tokens, or `null` when nothing is left.
    fn audit_parameters(input: &Self::Input, out: &mut Vec<u8>);

    /// Appends CloudTrail's `responseElements`: the same of the answer, for operations that change
    /// something or give credentials; for others `null`.
    fn audit_response(output: &Self::Output, out: &mut Vec<u8>);
}
