use keystead_engine::{CrossAccount, Encrypting, Identifier, Spec, States, TwoKeys};

const SPEC: Spec<TwoKeys<Encrypting>> = Spec {
    actions: ["kms:ReEncryptFrom"],
    identifier: Identifier::KeyOrAlias,
    cross_account: CrossAccount::Allowed,
    states: States::Usable,
    source: "",
};

fn main() {}
