use keystead_engine::{AnyUse, CrossAccount, Identifier, OneKey, Spec};

const SPEC: Spec<OneKey<AnyUse>> = Spec {
    actions: "kms:DescribeKey",
    identifier: Identifier::KeyOnly,
    cross_account: CrossAccount::Refused,
    source: "",
};

fn main() {}
