//! An operation as it should be: the wrong programs differ from it in one thing each.
use keystead_api::sign::{Input, Output};
use keystead_audit::Audited;
use keystead_engine::{
    CrossAccount, Facts, Identifier, KeySelector, OneKey, Operation, Part, Ready, Request, Signing,
    Site, Spec, States, serve,
};
use keystead_types::{Fault, FaultKind, Plaintext};

enum Sign {}

impl Operation for Sign {
    type Shape = keystead_api::Sign;
    type Target = OneKey<Signing>;
    const SPEC: Spec<Self::Target> = Spec {
        actions: "kms:Sign",
        identifier: Identifier::KeyOrAlias,
        cross_account: CrossAccount::Allowed,
        states: States::Usable,
        source: "https://docs.aws.amazon.com/kms/latest/APIReference/API_Sign.html",
    };

    fn facts(input: &Input, _part: Part) -> Facts<'_> {
        Facts::use_of_key(input.grant_tokens.as_ref())
    }

    fn target(input: &Input) -> Result<KeySelector<'_>, Fault> {
        Ok(KeySelector::Named(&input.key_id))
    }

    async fn run(_: &Input, ready: &mut Ready<'_, Self::Target>) -> Result<Output, Fault> {
        let _now = ready.now();
        Err(Fault::bare(FaultKind::UnsupportedOperation))
    }
}

async fn door(site: &Site, request: Request<'_>) {
    send(serve::<Sign>(site, request).await);
}

fn send(answer: Audited<Vec<u8>>) {
    let _sent = answer.into_outcome();
}

fn main() {
    let _walk = door;
    assert_eq!(format!("{:?}", Plaintext::new(b"secret".to_vec())), "Plaintext(redacted)");
}
