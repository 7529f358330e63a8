//! RetireGrant.

use keystead_api::retire_grant::Input;
use keystead_engine::{
    CrossAccount, Facts, GrantSelector, HeldGrant, Identifier, Operation, Part, Ready, Spec, States,
};
use keystead_types::Fault;

/// Removes a grant that is not needed any more, by those whom the grant itself lets do so.
pub enum RetireGrant {}

impl Operation for RetireGrant {
    type Shape = keystead_api::RetireGrant;
    type Target = HeldGrant;
    const SPEC: Spec<Self::Target> = Spec {
        actions: "kms:RetireGrant",
        identifier: Identifier::KeyOnly,
        cross_account: CrossAccount::Allowed,
        states: States::Any,
        source: "https://docs.aws.amazon.com/kms/latest/APIReference/API_RetireGrant.html",
    };

    fn facts(_input: &Input, _part: Part) -> Facts<'_> {
        Facts::none()
    }

    fn target(input: &Input) -> Result<GrantSelector<'_>, Fault> {
        match (&input.grant_token, &input.key_id, &input.grant_id) {
            (Some(token), None, None) => Ok(GrantSelector::Token(token)),
            (None, Some(key), Some(grant_id)) => Ok(GrantSelector::Named { key, grant_id }),
            // Two names for one grant could disagree.
            (Some(_), _, _) => Err(Fault::validation(
                "The request must contain either GrantToken or both KeyId and GrantId, not all.",
            )),
            _ => Err(Fault::validation(
                "The request must contain GrantToken or both KeyId and GrantId.",
            )),
        }
    }

    async fn run(_input: &Input, ready: &mut Ready<'_, Self::Target>) -> Result<(), Fault> {
        let grant_id = ready.grant().grant_id.to_string();
        ready.note("grantId", grant_id);
        ready.retire();
        Ok(())
    }
}
