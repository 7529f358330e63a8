//! Simulations: what would be decided. Not offered yet.

use keystead_api::iam as api;
use keystead_types::{Fault, FaultKind};

use crate::asks::{Ask, Asks};
use crate::call::Call;
use crate::operation::Operation;
use crate::scene::Scene;

macro_rules! not_yet {
    ($($operation:ident)*) => {
        $(impl Operation for api::$operation {
            fn asks(_: &Self::Input, _: &Scene<'_>) -> Result<Asks, Fault> {
                Ok(Ask::anything().into())
            }

            fn run(_: &Self::Input, _: &mut Call<'_, '_>) -> Result<Self::Output, Fault> {
                let text = concat!("Keystead does not offer ", stringify!($operation), " yet.");
                Err(Fault::new(FaultKind::UnsupportedOperation, text))
            }
        })*
    };
}

not_yet! {
    GetContextKeysForCustomPolicy
    GetContextKeysForPrincipalPolicy
    ListPoliciesGrantingServiceAccess
    SimulateCustomPolicy
    SimulatePrincipalPolicy
}
