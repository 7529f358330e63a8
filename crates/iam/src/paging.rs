//! Pages of lists: stable by name, because the marker is the name of the last item shown.

use keystead_types::{Fault, FaultKind};

use crate::limits::PAGE_ITEMS;

/// What a request says about paging.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Paging<'a> {
    /// Where the page before ended.
    pub(crate) marker: Option<&'a str>,
    /// How many items at most.
    pub(crate) max_items: Option<u32>,
}

impl Paging<'_> {
    /// The same with pages of no more items than that.
    pub(crate) fn at_most(self, items: usize) -> Self {
        let items = u32::try_from(items).unwrap_or(u32::MAX);
        let default = u32::try_from(PAGE_ITEMS).unwrap_or(u32::MAX);
        Self {
            max_items: Some(self.max_items.unwrap_or(default).min(items)),
            ..self
        }
    }
}

/// One page.
#[derive(Debug)]
pub(crate) struct Page<T> {
    pub(crate) items: Vec<T>,
    /// For the next page; `None` on the last.
    pub(crate) marker: Option<String>,
}

impl<T> Page<T> {
    pub(crate) fn truncated(&self) -> Option<bool> {
        Some(self.marker.is_some())
    }

    pub(crate) fn map<U>(self, each: impl FnMut(T) -> U) -> Page<U> {
        Page {
            items: self.items.into_iter().map(each).collect(),
            marker: self.marker,
        }
    }
}

/// Names are unique without case, and so is their order.
fn order(name: &str) -> String {
    name.to_ascii_lowercase()
}

/// Cuts a page out of items that `name` names uniquely. They need not be sorted.
///
/// Errors: ValidationError for a marker that no page gave.
pub(crate) fn by_name<T>(
    items: impl IntoIterator<Item = T>,
    name: impl Fn(&T) -> &str,
    paging: Paging<'_>,
) -> Result<Page<T>, Fault> {
    let after = paging.marker.map(open).transpose()?;
    let mut items: Vec<(String, T)> = items
        .into_iter()
        .map(|item| (order(name(&item)), item))
        .filter(|(key, _)| after.as_ref().is_none_or(|after| key > after))
        .collect();
    items.sort_by(|(a, _), (b, _)| a.cmp(b));
    Ok(cut(items, paging, |(key, _)| seal(key)).map(|(_, item)| item))
}

/// Cuts a page out of items in the order that they have; the marker counts them. For lists that
/// belong to one entity, such as the versions of a policy.
///
/// Errors: as above.
pub(crate) fn by_place<T>(
    items: impl IntoIterator<Item = T>,
    paging: Paging<'_>,
) -> Result<Page<T>, Fault> {
    let after = paging.marker.map(open).transpose()?;
    let after = after.map(|text| text.parse::<usize>().map_err(|_| bad_marker()));
    let skip = after.transpose()?.unwrap_or(0);
    let items: Vec<(usize, T)> = items.into_iter().enumerate().skip(skip).collect();
    let page = cut(items, paging, |(place, _)| {
        seal(&place.saturating_add(1).to_string())
    });
    Ok(page.map(|(_, item)| item))
}

fn cut<T>(mut items: Vec<T>, paging: Paging<'_>, marker: impl Fn(&T) -> String) -> Page<T> {
    let wanted = paging.max_items.and_then(|max| usize::try_from(max).ok());
    let wanted = wanted.unwrap_or(PAGE_ITEMS);
    let more = items.len() > wanted;
    items.truncate(wanted);
    let marker = match items.last() {
        Some(last) if more => Some(marker(last)),
        _ => None,
    };
    Page { items, marker }
}

/// Markers are opaque to callers: hex of the place. 320 characters are the longest that requests
/// may send, and names have at most 128.
fn seal(place: &str) -> String {
    place.bytes().map(|byte| format!("{byte:02x}")).collect()
}

fn open(marker: &str) -> Result<String, Fault> {
    let digits: Option<Vec<u8>> = marker
        .as_bytes()
        .chunks(2)
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok())
        .collect();
    // A number may have a sign for `from_str_radix`, a marker may not.
    let digit = |byte: u8| byte.is_ascii_hexdigit();
    let whole = marker.len().is_multiple_of(2) && marker.bytes().all(digit);
    let text = digits
        .filter(|_| whole)
        .and_then(|bytes| String::from_utf8(bytes).ok());
    text.ok_or_else(bad_marker)
}

fn bad_marker() -> Fault {
    Fault::new(FaultKind::Validation, "Invalid Marker.")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pages(names: &[&str], max: u32) -> Vec<Vec<String>> {
        let mut all = Vec::new();
        let mut marker: Option<String> = None;
        loop {
            let paging = Paging {
                marker: marker.as_deref(),
                max_items: Some(max),
            };
            let page = by_name(names.iter().copied(), |name| name, paging).unwrap();
            all.push(page.items.iter().map(|name| (*name).to_owned()).collect());
            marker = page.marker;
            if marker.is_none() {
                return all;
            }
        }
    }

    #[test]
    fn pages_follow_each_other_by_name_without_case() {
        assert_eq!(
            pages(&["b", "A", "c", "D"], 3),
            [vec!["A", "b", "c"], vec!["D"]]
        );
        assert_eq!(pages(&["b", "a"], 2), [vec!["a", "b"]]);
        assert_eq!(pages(&[], 1), [Vec::<String>::new()]);
    }

    #[test]
    fn a_marker_is_a_name_so_that_deletions_lose_nothing() {
        let paging = |marker| Paging {
            marker,
            max_items: Some(1),
        };
        let first = by_name(["a", "b", "c"], |name| name, paging(None)).unwrap();
        let marker = first.marker.unwrap();
        let second = by_name(["b", "c"], |name| name, paging(Some(&marker))).unwrap();
        assert_eq!(second.items, ["b"]);
    }

    #[test]
    fn invented_markers_are_refused() {
        for marker in ["x", "zz", "c3", "é", "+1"] {
            let paging = Paging {
                marker: Some(marker),
                max_items: None,
            };
            let fault = by_name(["a"], |name| name, paging).unwrap_err();
            assert_eq!(fault.kind(), FaultKind::Validation, "{marker}");
        }
        let paging = Paging {
            marker: Some("61"),
            max_items: None,
        };
        assert!(by_place(["a"], paging).is_err());
    }

    #[test]
    fn places_count() {
        let paging = Paging {
            marker: None,
            max_items: Some(2),
        };
        let first = by_place([1, 2, 3], paging).unwrap();
        assert_eq!(
            (first.items.as_slice(), first.truncated()),
            (&[1, 2][..], Some(true))
        );
        let paging = Paging {
            marker: first.marker.as_deref(),
            max_items: Some(2),
        };
        let last = by_place([1, 2, 3], paging).unwrap();
        assert_eq!(
            (last.items.as_slice(), last.truncated()),
            (&[3][..], Some(false))
        );
    }
}
