//! RevokeGrant.

use keystead_api::revoke_grant::Input;
use keystead_engine::{
    AnyUse, CrossAccount, Facts, Identifier, KeySelector, OneKey, Operation, Part, Ready, Spec,
    States,
};
use keystead_types::Fault;

use super::parse_grant_id;

/// Removes a grant, by those whom the key's policy lets do so.
pub enum RevokeGrant {}

impl Operation for RevokeGrant {
    type Shape = keystead_api::RevokeGrant;
    type Target = OneKey<AnyUse>;
    const SPEC: Spec<Self::Target> = Spec {
        actions: "kms:RevokeGrant",
        identifier: Identifier::KeyOnly,
        cross_account: CrossAccount::Allowed,
        states: States::Any,
        source: "https://docs.aws.amazon.com/kms/latest/APIReference/API_RevokeGrant.html",
    };

    fn facts(_input: &Input, _part: Part) -> Facts<'_> {
        Facts {
            about_grants: true,
            ..Facts::none()
        }
    }

    fn target(input: &Input) -> Result<KeySelector<'_>, Fault> {
        Ok(KeySelector::Named(&input.key_id))
    }

    async fn run(input: &Input, ready: &mut Ready<'_, Self::Target>) -> Result<(), Fault> {
        let grant_id = parse_grant_id(&input.grant_id)?;
        ready.revoke_grant(grant_id).await
    }
}
