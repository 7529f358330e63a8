//! UpdatePrimaryRegion.

use std::sync::Arc;

use keystead_api::update_primary_region::Input;
use keystead_engine::{
    AnyUse, CrossAccount, Facts, Identifier, KeyEntry, KeySelector, OneKey, Operation, Part, Ready,
    Spec, States,
};
use keystead_types::{Fault, Region};

use super::require_primary;

/// The permission that both keys must give.
const ACTION: &str = "kms:UpdatePrimaryRegion";

/// Makes a replica the primary key of its set.
pub enum UpdatePrimaryRegion {}

impl Operation for UpdatePrimaryRegion {
    type Shape = keystead_api::UpdatePrimaryRegion;
    type Target = OneKey<AnyUse>;
    const SPEC: Spec<Self::Target> = Spec {
        actions: ACTION,
        identifier: Identifier::KeyOnly,
        cross_account: CrossAccount::Refused,
        states: States::Replicable,
        source: "https://docs.aws.amazon.com/kms/latest/APIReference/API_UpdatePrimaryRegion.html",
    };

    fn facts(input: &Input, _part: Part) -> Facts<'_> {
        Facts {
            primary_region: Some(&input.primary_region),
            ..Facts::none()
        }
    }

    fn target(input: &Input) -> Result<KeySelector<'_>, Fault> {
        Ok(KeySelector::Named(&input.key_id))
    }

    fn suits(_input: &Input, held: &Arc<KeyEntry>) -> Result<(), Fault> {
        require_primary(held)
    }

    async fn run(input: &Input, ready: &mut Ready<'_, Self::Target>) -> Result<(), Fault> {
        let region = Region::parse(&input.primary_region).map_err(|_| {
            let region = &input.primary_region;
            Fault::validation(format!("{region} is not a Region."))
        })?;
        ready.hand_over(&region, ACTION).await
    }
}
