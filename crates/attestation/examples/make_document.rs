//! Writes an attestation document that is valid now and the root to trust for it, for tests with
//! other languages' clients:
//!
//! ```text
//! make_document --public-key SPKI.der --out DIR [--module-id ID] [--pcr0 HEX] [--age-seconds N]
//! ```
//!
//! `DIR/root.pem` and `DIR/document.cbor` are written. The certificates are valid for three hours.

use keystead_attestation::fixture::{Chain, Document};
use keystead_types::Timestamp;
use std::error::Error;
use std::path::PathBuf;
use std::time::SystemTime;

const USAGE: &str = "make_document --public-key FILE --out DIR [--module-id ID] [--pcr0 HEX] \
                     [--age-seconds N]";

fn main() -> Result<(), Box<dyn Error>> {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)?;
    let now = Timestamp::from_millis(i64::try_from(now.as_millis())?);
    let mut document = Document::new(now);
    let mut out = None;
    let mut arguments = std::env::args().skip(1);
    while let Some(name) = arguments.next() {
        let value = arguments.next().ok_or(USAGE)?;
        match name.as_str() {
            "--public-key" => document.public_key = Some(std::fs::read(value)?),
            "--out" => out = Some(PathBuf::from(value)),
            "--module-id" => document.module_id = value,
            "--pcr0" => {
                document
                    .pcrs
                    .insert(0, hex(&value).ok_or("--pcr0: not hex")?);
            }
            "--age-seconds" => {
                let age = value.parse::<u64>()?.saturating_mul(1000);
                document.timestamp = document.timestamp.saturating_sub(age);
            }
            _ => return Err(USAGE.into()),
        }
    }
    let out = out.ok_or(USAGE)?;
    if document.public_key.is_none() {
        return Err(USAGE.into());
    }
    let chain = Chain::new(now);
    std::fs::create_dir_all(&out)?;
    std::fs::write(out.join("root.pem"), chain.root_pem())?;
    std::fs::write(out.join("document.cbor"), document.sign(&chain))?;
    Ok(())
}

fn hex(text: &str) -> Option<Vec<u8>> {
    let nibble = |c: &u8| {
        char::from(*c)
            .to_digit(16)
            .and_then(|n| u8::try_from(n).ok())
    };
    let digits: Option<Vec<u8>> = text.as_bytes().iter().map(nibble).collect();
    let digits = digits.filter(|digits| digits.len() % 2 == 0)?;
    digits
        .chunks(2)
        .map(|pair| Some(pair.first()? << 4 | pair.get(1)?))
        .collect()
}
