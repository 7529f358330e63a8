//! DeleteAlias.

use keystead_api::delete_alias::Input;
use keystead_engine::{
    CrossAccount, Facts, Identifier, NamedAlias, Operation, Part, Ready, Spec, States,
};
use keystead_types::{AliasName, Fault};

use super::checked_name;

/// Removes a name; the key stays.
pub enum DeleteAlias {}

impl Operation for DeleteAlias {
    type Shape = keystead_api::DeleteAlias;
    type Target = NamedAlias;
    const SPEC: Spec<Self::Target> = Spec {
        actions: "kms:DeleteAlias",
        identifier: Identifier::KeyOnly,
        cross_account: CrossAccount::Refused,
        states: States::Any,
        source: "https://docs.aws.amazon.com/kms/latest/APIReference/API_DeleteAlias.html",
    };

    fn facts(_input: &Input, _part: Part) -> Facts<'_> {
        Facts::none()
    }

    fn target(input: &Input) -> Result<AliasName, Fault> {
        checked_name(&input.alias_name)
    }

    async fn run(_input: &Input, ready: &mut Ready<'_, Self::Target>) -> Result<(), Fault> {
        ready.remove();
        Ok(())
    }
}
