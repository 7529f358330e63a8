use keystead_engine::{AnyUse, OneKey, Ready};

fn forge<'s>(real: Ready<'s, OneKey<AnyUse>>) -> Ready<'s, OneKey<AnyUse>> {
    Ready { operation: "Decrypt", ..real }
}

fn main() {}
