//! CreateAlias.

use keystead_api::create_alias::Input;
use keystead_engine::{
    CrossAccount, Facts, Identifier, KeySelector, NewAlias, Operation, Part, Ready, Spec, States,
};
use keystead_types::{AliasName, Fault};

use super::{checked_name, refuse_alias_target};

/// Gives a key a name.
pub enum CreateAlias {}

impl Operation for CreateAlias {
    type Shape = keystead_api::CreateAlias;
    type Target = NewAlias;
    const SPEC: Spec<Self::Target> = Spec {
        actions: "kms:CreateAlias",
        identifier: Identifier::KeyOnly,
        cross_account: CrossAccount::Refused,
        states: States::NotPendingDeletion,
        source: "https://docs.aws.amazon.com/kms/latest/APIReference/API_CreateAlias.html",
    };

    fn facts(_input: &Input, _part: Part) -> Facts<'_> {
        Facts::none()
    }

    fn target(input: &Input) -> Result<(AliasName, KeySelector<'_>), Fault> {
        let name = checked_name(&input.alias_name)?;
        refuse_alias_target(&input.target_key_id)?;
        Ok((name, KeySelector::Named(&input.target_key_id)))
    }

    async fn run(_input: &Input, ready: &mut Ready<'_, Self::Target>) -> Result<(), Fault> {
        ready.create().await
    }
}
