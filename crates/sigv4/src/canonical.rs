//! The canonical request, hashed while it is written.
//!
//! Source: AWS IAM User Guide, "Create a signed AWS API request", step 1.

use aws_lc_rs::digest::{self, Context, Digest, SHA256};

use crate::bytes::{Block, any, below, same, split};
use crate::claim::{Claim, trim};
use crate::limits::METHOD_MAX_BYTES;
use crate::query::{encode, hex};
use crate::rejection::Rejection;
use crate::request::Request;
use crate::settings::Paths;

/// A SHA-256 of everything that is pushed.
pub(crate) struct Canonical {
    block: Block,
    /// What did not fit into the block any more; a usual request never begins it.
    context: Option<Context>,
}

impl Canonical {
    fn new() -> Self {
        Self {
            block: Block::new(),
            context: None,
        }
    }

    pub(crate) fn push(&mut self, bytes: &[u8]) {
        if self.block.put(bytes) {
            return;
        }
        let Self { block, context } = self;
        let context = context.get_or_insert_with(|| Context::new(&SHA256));
        context.update(block.filled());
        block.clear();
        if !block.put(bytes) {
            context.update(bytes);
        }
    }

    fn finish(self) -> Digest {
        let Self { block, context } = self;
        match context {
            None => digest::digest(&SHA256, block.filled()),
            Some(mut context) => {
                context.update(block.filled());
                context.finish()
            }
        }
    }
}

/// The digest of the canonical request of what was received. `body_digest` is the SHA-256 of
/// the body in lower-case hex.
///
/// Refuses a `SignedHeaders` list that is not strictly sorted or names an absent header, and a
/// header that must be signed and is not.
pub(crate) fn digest(
    request: &Request<'_>,
    claim: &Claim<'_>,
    body_digest: &[u8; 64],
    paths: Paths,
) -> Result<Digest, Rejection> {
    let method = request.method.as_bytes();
    if !(1..=METHOD_MAX_BYTES).contains(&method.len()) || !method.iter().all(u8::is_ascii_uppercase)
    {
        return Err(Rejection::NotCanonical("method"));
    }
    let mut out = Canonical::new();
    out.push(method);
    out.push(b"\n");
    match paths {
        Paths::EncodedAgain => path(&mut out, request.path)?,
        Paths::EncodedOnce => path_of_s3(&mut out, request.path)?,
    }
    out.push(b"\n");
    claim.query.write(&mut out);
    out.push(b"\n");
    headers(&mut out, request, claim)?;
    out.push(b"\n");
    out.push(claim.signed_headers.as_bytes());
    out.push(b"\n");
    out.push(body_digest);
    Ok(out.finish())
}

/// Writes the path, percent-encoded once more.
///
/// Clients normalise a path before they sign it (all services but S3). A path that arrives in
/// another form than the normal one (`//`, `.`, `..`) is refused rather than normalised: what is
/// verified and what is routed are then the same bytes.
fn path(out: &mut Canonical, path: &str) -> Result<(), Rejection> {
    const REFUSED: Rejection = Rejection::NotCanonical("path");
    if path == "/" {
        out.push(b"/");
        return Ok(());
    }
    let mut segments = path.strip_prefix('/').ok_or(REFUSED)?.split('/').peekable();
    while let Some(segment) = segments.next() {
        let inner = segments.peek().is_some();
        if matches!(segment, "." | "..") || segment.is_empty() && inner {
            return Err(REFUSED);
        }
    }
    out.push(&encode(path.as_bytes(), b"/"));
    Ok(())
}

/// Writes the path of a request to S3: decoded, and percent-encoded once. Segments stay as they are;
/// `//`, `.` and `..` are parts of an object's key.
///
/// An encoded `/` is refused: the canonical form could not tell it from one that separates, and
/// whoever reads the path could.
fn path_of_s3(out: &mut Canonical, path: &str) -> Result<(), Rejection> {
    const REFUSED: Rejection = Rejection::NotCanonical("path");
    let mut rest = path.as_bytes();
    if rest.first() != Some(&b'/') {
        return Err(REFUSED);
    }
    let mut decoded = Vec::with_capacity(rest.len());
    while let Some((first, after)) = rest.split_first() {
        rest = after;
        if *first != b'%' {
            decoded.push(*first);
            continue;
        }
        let ([high, low], after) = rest.split_first_chunk::<2>().ok_or(REFUSED)?;
        rest = after;
        match hex(*high).zip(hex(*low)).map(|(high, low)| high << 4 | low) {
            None | Some(b'/') => return Err(REFUSED),
            Some(byte) => decoded.push(byte),
        }
    }
    out.push(&encode(&decoded, b"/"));
    Ok(())
}

fn headers(out: &mut Canonical, request: &Request<'_>, claim: &Claim<'_>) -> Result<(), Rejection> {
    let mut unsigned = claim.must_sign;
    let mut previous = "";
    for name in split(claim.signed_headers, b';') {
        if name <= previous || name == "authorization" {
            return Err(Rejection::SignedHeaders);
        }
        previous = name;
        let mut line = 1u128;
        let mut found = false;
        for (own_name, own_value) in request.headers {
            if *own_name == name {
                out.push(if found { b"," } else { name.as_bytes() });
                if !found {
                    out.push(b":");
                }
                value(out, trim(own_value))?;
                unsigned &= !line;
                found = true;
            }
            line <<= 1;
        }
        if !found {
            return Err(Rejection::SignedHeaders);
        }
        out.push(b"\n");
    }
    let first = usize::try_from(unsigned.trailing_zeros()).unwrap_or(usize::MAX);
    match request.headers.get(first).filter(|_| unsigned != 0) {
        Some((name, _)) => Err(Rejection::Unsigned((*name).into())),
        None => Ok(()),
    }
}

/// Writes a trimmed header value with each run of spaces as one. Control bytes could forge other
/// lines of the canonical request; no HTTP parser lets them pass, and neither does this.
fn value(out: &mut Canonical, value: &[u8]) -> Result<(), Rejection> {
    // Neither a control byte nor a space: nothing more to ask.
    if !any(value, |chunk| below(chunk, b'!') | same(chunk, 0x7f)) {
        out.push(value);
        return Ok(());
    }
    let control = |b: u8| (b < b' ') & (b != b'\t') | (b == 0x7f);
    if value.iter().fold(false, |seen, b| seen | control(*b)) {
        return Err(Rejection::NotCanonical("header value"));
    }
    let next = value.iter().skip(1);
    let runs = value
        .iter()
        .zip(next)
        .fold(false, |seen, (a, b)| seen | ((*a == b' ') & (*b == b' ')));
    if !runs {
        out.push(value);
        return Ok(());
    }
    let words = value.split(|b| *b == b' ').filter(|word| !word.is_empty());
    for (at, word) in words.enumerate() {
        if at > 0 {
            out.push(b" ");
        }
        out.push(word);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hash(pieces: &[&[u8]]) -> Vec<u8> {
        let mut out = Canonical::new();
        pieces.iter().for_each(|piece| out.push(piece));
        out.finish().as_ref().to_vec()
    }

    #[test]
    fn the_cut_into_pieces_does_not_matter() {
        let text: Vec<u8> = (0..2000u32)
            .map(|n| u8::try_from(n % 251).unwrap())
            .collect();
        let whole = aws_lc_rs::digest::digest(&SHA256, &text);
        for cut in [1, 7, 64, 511, 512, 513, 1024, 2000] {
            let pieces: Vec<&[u8]> = text.chunks(cut).collect();
            assert_eq!(hash(&pieces), whole.as_ref(), "{cut}");
        }
        let mixed = [
            &text[..500],
            &text[500..1500],
            &text[1500..1501],
            &text[1501..],
        ];
        assert_eq!(hash(&mixed), whole.as_ref());
    }

    #[test]
    fn paths_are_refused_or_encoded_again() {
        let written = |text: &str| {
            let mut out = Canonical::new();
            path(&mut out, text).map(|()| out.finish().as_ref().to_vec())
        };
        for (text, expected) in [
            ("/", "/"),
            ("/a/", "/a/"),
            ("/a%2Fb c", "/a%252Fb%20c"),
            ("/...", "/..."),
            ("/%2e%2e/", "/%252e%252e/"),
        ] {
            assert_eq!(
                written(text).unwrap(),
                hash(&[expected.as_bytes()]),
                "{text}"
            );
        }
        for bad in [
            "", "a", "*", "//", "/a//b", "/.", "/..", "/a/./b", "/../a", "/a/..",
        ] {
            assert_eq!(written(bad), Err(Rejection::NotCanonical("path")), "{bad}");
        }
    }

    #[test]
    fn paths_of_s3_are_encoded_once_and_not_normalised() {
        let written = |text: &str| {
            let mut out = Canonical::new();
            path_of_s3(&mut out, text).map(|()| out.finish().as_ref().to_vec())
        };
        for (text, expected) in [
            ("/", "/"),
            ("/a//b/../c/./", "/a//b/../c/./"),
            ("/a%20b", "/a%20b"),
            ("/a b", "/a%20b"),
            ("/%c3%A9", "/%C3%A9"),
            ("/%7Ea%41", "/~aA"),
            ("/a+b(c)", "/a%2Bb%28c%29"),
            ("/%2B%25%252F", "/%2B%25%252F"),
            ("/%00", "/%00"),
        ] {
            assert_eq!(
                written(text).unwrap(),
                hash(&[expected.as_bytes()]),
                "{text}"
            );
        }
        for bad in [
            "", "a", "*", "%2F", "/a%2Fb", "/a%2fb", "/%", "/%4", "/%4g", "/%+1",
        ] {
            assert_eq!(written(bad), Err(Rejection::NotCanonical("path")), "{bad}");
        }
    }

    #[test]
    fn values_are_collapsed_but_never_reinterpreted() {
        let written = |text: &[u8]| {
            let mut out = Canonical::new();
            value(&mut out, trim(text)).map(|()| out.finish().as_ref().to_vec())
        };
        for (text, expected) in [
            ("  a   b  c ", "a b c"),
            ("\"a   b\"", "\"a b\""),
            ("a\tb", "a\tb"),
            ("\t a \t", "a"),
            ("   ", ""),
            ("", ""),
        ] {
            assert_eq!(
                written(text.as_bytes()).unwrap(),
                hash(&[expected.as_bytes()])
            );
        }
        for bad in [&b"a\nb"[..], b"a\rb", b"a\0", b"\x7f", b"\x1b[0m"] {
            assert_eq!(written(bad), Err(Rejection::NotCanonical("header value")));
        }
    }
}
