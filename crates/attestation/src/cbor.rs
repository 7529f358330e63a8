//! A reader of CBOR items out of a slice: nothing is copied, nothing recurses, and a length counts
//! only as far as there are bytes.
//!
//! Items of indefinite length are refused, except that a map may be opened that way where the
//! caller asks for it.

use ciborium_ll::{Decoder, Header};

/// Not well-formed, cut off, or of another type than was asked for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Malformed;

/// `null`. Source: RFC 8949, 3.3.
const NULL: u8 = 0xf6;
/// The end of an item of indefinite length. Source: RFC 8949, 3.2.1.
const BREAK: u8 = 0xff;

/// The bytes that are still to be read.
pub(crate) struct Reader<'a> {
    rest: &'a [u8],
}

/// A map's pairs that are still to be read.
#[derive(Debug)]
pub(crate) enum Pairs {
    /// This many.
    Counted(usize),
    /// Until a break.
    UntilBreak,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// Nothing is left.
    pub(crate) fn end(&self) -> Result<(), Malformed> {
        self.rest.is_empty().then_some(()).ok_or(Malformed)
    }

    /// Steps over tag `number` if it stands here.
    pub(crate) fn skip_tag(&mut self, number: u64) -> Result<(), Malformed> {
        let before = self.rest;
        if self.head()? != Header::Tag(number) {
            self.rest = before;
        }
        Ok(())
    }

    /// Steps over `null` if it stands here, and says whether it did.
    pub(crate) fn skip_null(&mut self) -> bool {
        self.skip(NULL)
    }

    pub(crate) fn uint(&mut self) -> Result<u64, Malformed> {
        match self.head()? {
            Header::Positive(value) => Ok(value),
            _ => Err(Malformed),
        }
    }

    pub(crate) fn bytes(&mut self) -> Result<&'a [u8], Malformed> {
        match self.head()? {
            Header::Bytes(Some(len)) => self.take(len),
            _ => Err(Malformed),
        }
    }

    pub(crate) fn text(&mut self) -> Result<&'a str, Malformed> {
        match self.head()? {
            Header::Text(Some(len)) => std::str::from_utf8(self.take(len)?).map_err(|_| Malformed),
            _ => Err(Malformed),
        }
    }

    /// The number of items of the array that begins here.
    pub(crate) fn array(&mut self) -> Result<usize, Malformed> {
        match self.head()? {
            Header::Array(Some(len)) => Ok(len),
            _ => Err(Malformed),
        }
    }

    /// The number of pairs of the map that begins here.
    pub(crate) fn map(&mut self) -> Result<usize, Malformed> {
        match self.head()? {
            Header::Map(Some(len)) => Ok(len),
            _ => Err(Malformed),
        }
    }

    /// The pairs of the map that begins here; it may be of indefinite length.
    pub(crate) fn open_map(&mut self) -> Result<Pairs, Malformed> {
        match self.head()? {
            Header::Map(Some(len)) => Ok(Pairs::Counted(len)),
            Header::Map(None) => Ok(Pairs::UntilBreak),
            _ => Err(Malformed),
        }
    }

    /// Whether another pair of the map follows.
    pub(crate) fn another(&mut self, pairs: &mut Pairs) -> bool {
        match pairs {
            Pairs::Counted(0) => false,
            Pairs::Counted(left) => {
                *left -= 1;
                true
            }
            Pairs::UntilBreak => !self.skip(BREAK),
        }
    }

    fn skip(&mut self, byte: u8) -> bool {
        match self.rest.split_first() {
            Some((first, rest)) if *first == byte => {
                self.rest = rest;
                true
            }
            _ => false,
        }
    }

    fn head(&mut self) -> Result<Header, Malformed> {
        let mut decoder = Decoder::from(self.rest);
        let header = decoder.pull().map_err(|_| Malformed)?;
        let used = decoder.offset();
        self.rest = self.rest.get(used..).ok_or(Malformed)?;
        Ok(header)
    }

    fn take(&mut self, len: usize) -> Result<&'a [u8], Malformed> {
        let (taken, rest) = self.rest.split_at_checked(len).ok_or(Malformed)?;
        self.rest = rest;
        Ok(taken)
    }
}
