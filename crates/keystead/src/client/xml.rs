//! Reading the XML of answers: elements and texts, no attributes' values, no documents types.

/// Deepest nesting that is read. Ours; answers of IAM have seven levels.
const DEPTH_MAX: usize = 32;

/// An element.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Element {
    name: String,
    text: String,
    children: Vec<Element>,
}

impl Element {
    /// Reads a document. `None` when it is not one.
    pub(crate) fn read(text: &str) -> Option<Self> {
        let mut open = vec![Self::default()];
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('<') {
            open.last_mut()?.text.push_str(&unescaped(before)?);
            let (tag, after) = after.split_once('>')?;
            rest = after;
            if tag.starts_with('?') {
                continue;
            }
            if tag.starts_with('!') {
                return None;
            }
            if let Some(name) = tag.strip_prefix('/') {
                let closed = open.pop().filter(|closed| closed.name == name.trim_end())?;
                open.last_mut()?.children.push(closed);
                continue;
            }
            let is_whole = tag.ends_with('/');
            let name = tag.split([' ', '/', '\n', '\t']).next()?;
            let element = Self {
                name: name.to_owned(),
                ..Self::default()
            };
            if is_whole {
                open.last_mut()?.children.push(element);
            } else {
                open.push(element);
            }
            if open.len() > DEPTH_MAX {
                return None;
            }
        }
        let document = open.pop().filter(|_| open.is_empty())?;
        document.children.into_iter().next()
    }

    /// The first child of a name.
    pub(crate) fn child(&self, name: &str) -> Option<&Self> {
        self.children.iter().find(|child| child.name == name)
    }

    /// The text of a child; empty when it is not there.
    pub(crate) fn text_of(&self, name: &str) -> &str {
        self.child(name).map_or("", |child| child.text.as_str())
    }

    /// The members of a list that is a child.
    pub(crate) fn members(&self, name: &str) -> impl Iterator<Item = &Self> {
        let list = self.child(name).into_iter();
        list.flat_map(|list| list.children.iter().filter(|child| child.name == "member"))
    }

    pub(crate) fn text(&self) -> &str {
        &self.text
    }
}

fn unescaped(text: &str) -> Option<String> {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('&') {
        out.push_str(before);
        let (name, after) = after.split_once(';')?;
        let letter = match name {
            "lt" => '<',
            "gt" => '>',
            "amp" => '&',
            "quot" => '"',
            "apos" => '\'',
            _ => {
                let number = name.strip_prefix('#')?;
                let code = match number.strip_prefix('x') {
                    Some(hex) => u32::from_str_radix(hex, 16).ok()?,
                    None => number.parse().ok()?,
                };
                char::from_u32(code)?
            }
        };
        out.push(letter);
        rest = after;
    }
    out.push_str(rest);
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_read() {
        let text = "<?xml version=\"1.0\"?>\n<R xmlns=\"https://x/\"><L><member>a&lt;b&#x41;</member>\
                    <member/></L><B>x</B></R>";
        let read = Element::read(text).unwrap();
        let members: Vec<&str> = read.members("L").map(Element::text).collect();
        assert_eq!(members, ["a<bA", ""]);
        assert_eq!(read.text_of("B"), "x");
        assert_eq!(read.text_of("C"), "");
    }

    #[test]
    fn what_is_no_document_is_nothing() {
        for bad in [
            "",
            "<a>",
            "<a></b>",
            "<a>&x;</a>",
            "</a>",
            "<!DOCTYPE a><a/>",
            "<a>&#xd800;</a>",
        ] {
            assert_eq!(Element::read(bad), None, "{bad}");
        }
        assert_eq!(Element::read(&"<a>".repeat(1000)), None);
    }
}
