use keystead_engine::{AnyUse, OneKey, Ready};
use keystead_store::Change;

fn forge(ready: &mut Ready<'_, OneKey<AnyUse>>, change: Change) {
    ready.changes.push(change);
}

fn main() {}
