use keystead_engine::{AnyUse, CrossAccount, Identifier, OneKey, Spec, States};

const SPEC: Spec<OneKey<AnyUse>> = Spec {
    identifier: Identifier::KeyOnly,
    cross_account: CrossAccount::Refused,
    states: States::Any,
    source: "",
};

fn main() {}
