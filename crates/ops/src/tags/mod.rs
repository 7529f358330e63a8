//! Tags of keys.

mod list_resource_tags;
mod tag_resource;
mod untag_resource;

pub use list_resource_tags::ListResourceTags;
pub use tag_resource::TagResource;
pub use untag_resource::UntagResource;

use keystead_api::model::Tag;
use keystead_types::{Fault, FaultKind};

/// Tag keys that only AWS may set begin so.
const RESERVED_PREFIX: &str = "aws:";

fn refuse<T>(message: &'static str) -> Result<T, Fault> {
    Err(Fault::new(FaultKind::Tag, message))
}

/// The tags of a request, in their order; a key may have `most`.
///
/// Errors: TagException for reserved and duplicate keys, and for too many tags.
pub(crate) fn checked(tags: &[Tag], most: usize) -> Result<Vec<(String, String)>, Fault> {
    if tags
        .iter()
        .any(|tag| tag.tag_key.starts_with(RESERVED_PREFIX))
    {
        return refuse("Tags beginning with aws: are reserved");
    }
    let mut keys: Vec<&str> = tags.iter().map(|tag| tag.tag_key.as_str()).collect();
    keys.sort_unstable();
    if keys
        .windows(2)
        .any(|pair| matches!(pair, [one, other] if one == other))
    {
        return refuse("Duplicate tag keys");
    }
    within_limit(tags.len(), most)?;
    Ok(tags
        .iter()
        .map(|tag| (tag.tag_key.clone(), tag.tag_value.clone()))
        .collect())
}

/// Refuses more tags than a key may have.
fn within_limit(count: usize, most: usize) -> Result<(), Fault> {
    if count > most {
        refuse("Too many tags")
    } else {
        Ok(())
    }
}
