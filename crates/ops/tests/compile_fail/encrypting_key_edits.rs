use keystead_engine::{Encrypting, OneKey, Ready};

fn run(ready: &mut Ready<'_, OneKey<Encrypting>>) {
    ready.update(|key| key.policy.clear());
}

fn main() {}
