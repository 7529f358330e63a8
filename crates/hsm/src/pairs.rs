//! Data key pairs: made here, kept by the caller.

use keystead_types::KeySpec;
use keystead_wall::{Delivered, Delivery, KeyHandle, Refusal, Reply, Supply};

use crate::core::Core;
use crate::encryption::deliver;
use crate::symmetric::{self, Scratch};
use crate::{halt, material};

/// What GenerateKeyPair asks for.
#[derive(Clone, Copy)]
pub(crate) struct PairRequest<'a> {
    pub(crate) key: KeyHandle<'a>,
    pub(crate) context: &'a [u8],
    pub(crate) spec: KeySpec,
    pub(crate) delivery: Delivery<'a>,
    pub(crate) supply: Supply,
}

/// Makes a key pair; its private key, as unencrypted PKCS#8, is sealed like a data key.
///
/// Refusals: `WrongUsage`, `InvalidArgument` (not a spec of data key pairs, or the context),
/// `NonePrepared`, `WrappedKeyDamaged`, `DomainMissing`, `RecipientInvalid`.
pub(crate) fn generate(
    core: &Core,
    scratch: &mut Scratch,
    request: PairRequest<'_>,
) -> Result<Reply, Refusal> {
    let PairRequest { key, context, .. } = request;
    symmetric::check_binding(key.binding)?;
    if !request.spec.is_data_key_pair() {
        return Err(Refusal::InvalidArgument);
    }
    let fresh = core.fresh(request.spec, request.supply)?;
    let private = material::pkcs8(request.spec, fresh.bytes.expose())?;
    let len = private.len();
    let mut plaintext = Delivered::Withheld;
    let ciphertext = symmetric::seal(&core.domains, scratch, key, context, len, |_, body| {
        body.copy_from_slice(&private);
        plaintext = deliver(&private, request.delivery)?;
        Ok(())
    })?;
    Ok(Reply::KeyPair {
        ciphertext,
        plaintext,
        public_key: fresh.public_key.unwrap_or_else(|| halt()),
    })
}
