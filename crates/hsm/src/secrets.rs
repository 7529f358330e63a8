//! Small secrets of the server itself under the Region's domain key. Layout in
//! `docs/formats/wrapped-key.md`, "Sealed secret".

use keystead_types::{Plaintext, Region};
use keystead_wall::Refusal;
use zeroize::Zeroizing;

use crate::aead;
use crate::domains::{DomainKeyId, Domains};
use crate::halt;
use crate::limits::{LABEL_MAX_BYTES, SECRET_MAX_BYTES};

const VERSION: u8 = 1;
const LABEL: &[u8] = b"keystead secret v1\0";

/// Seals 1–1024 bytes under a label of at most 512 bytes.
///
/// Refusals: `InvalidArgument`, `DomainMissing`.
pub(crate) fn seal(
    domains: &Domains,
    region: &Region,
    label: &[u8],
    secret: &[u8],
) -> Result<Vec<u8>, Refusal> {
    if label.len() > LABEL_MAX_BYTES || secret.is_empty() || secret.len() > SECRET_MAX_BYTES {
        return Err(Refusal::InvalidArgument);
    }
    let domain = domains.current(region)?;
    let mut out = vec![VERSION];
    out.extend_from_slice(&domain.id);
    let aad = associated(region, domain.id, label);
    aead::seal_box(domain.expose(), &aad, secret, &mut out).unwrap_or_else(|_| halt());
    Ok(out)
}

/// Opens what [`seal`] made.
///
/// Refusals: `SealBroken`, `DomainMissing`.
pub(crate) fn open(
    domains: &Domains,
    region: &Region,
    label: &[u8],
    sealed: &[u8],
) -> Result<Plaintext, Refusal> {
    const BROKEN: Refusal = Refusal::SealBroken;
    let (version, rest) = sealed.split_first().ok_or(BROKEN)?;
    let (id, sealed) = rest.split_first_chunk().ok_or(BROKEN)?;
    let len = aead::box_len(sealed).filter(|len| (1..=SECRET_MAX_BYTES).contains(len));
    let len = len.ok_or(BROKEN)?;
    if *version != VERSION || label.len() > LABEL_MAX_BYTES {
        return Err(BROKEN);
    }
    let domain = domains.by_id(region, *id, BROKEN)?;
    let mut out = Zeroizing::new(vec![0; len]);
    let aad = associated(region, *id, label);
    aead::open_box(domain.expose(), &aad, sealed, &mut out).map_err(|_| BROKEN)?;
    Ok(Plaintext::new(std::mem::take(&mut *out)))
}

/// The fixed label keeps secrets apart from wrapped keys; the Region is framed by its length.
fn associated(region: &Region, id: DomainKeyId, label: &[u8]) -> Vec<u8> {
    let name = region.as_str().as_bytes();
    let framed = u8::try_from(name.len()).unwrap_or_else(|_| halt());
    [LABEL, id.as_slice(), &[framed], name, label].concat()
}
