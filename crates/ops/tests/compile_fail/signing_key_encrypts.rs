use keystead_engine::{OneKey, Ready, Signing};
use keystead_types::{EncryptionContext, Plaintext};

async fn run(ready: &mut Ready<'_, OneKey<Signing>>, context: &EncryptionContext, text: &Plaintext) {
    let _ciphertext = ready.encrypt(context, text).await;
}

fn main() {}
