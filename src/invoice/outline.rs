//! A document's elements as a flat list over its text: what the guard saw, for questions the semantic model cannot answer
//! (where is it, how often, how was it written).
//!
//! Holds ranges, not copies: about 48 bytes an element. Built only by [`super::guard`].

use std::borrow::Cow;
use std::ops::Range;

use quick_xml::events::attributes::Attributes;

/// An element, by its place in document order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Id(u32);

impl Id {
    /// The root element.
    pub const ROOT: Id = Id(0);

    pub(super) fn index(self) -> usize {
        self.0 as usize
    }
}

#[derive(Debug, Clone)]
struct Element {
    /// Start tag without its brackets.
    tag: Range<u32>,
    /// Length of the qualified name at the head of `tag`.
    name: u16,
    /// Length of `prefix:` in the name.
    prefix: u16,
    parent: u32,
    /// One past the last descendant, in document order.
    end: u32,
    /// Between the tags; empty for `<a/>`.
    content: Range<u32>,
}

/// The elements of a document in document order.
#[derive(Debug)]
pub struct Outline<'t> {
    text: &'t str,
    elements: Vec<Element>,
    lines: Vec<u32>,
}

impl<'t> Outline<'t> {
    pub(super) fn new(text: &'t str) -> Self {
        Self { text, elements: Vec::new(), lines: line_starts(text) }
    }

    /// Opens an element; `tag` is its start tag without brackets, `name` the qualified name's length.
    pub(super) fn open(&mut self, parent: Option<Id>, tag: Range<usize>, name: usize, content: usize) -> Id {
        let id = Id(small(self.elements.len()));
        let prefix = self.text[tag.start..tag.start + name].find(':').map_or(0, |at| at + 1);
        self.elements.push(Element {
            tag: small(tag.start)..small(tag.end),
            name: u16::try_from(name).unwrap_or(u16::MAX),
            prefix: u16::try_from(prefix).unwrap_or(u16::MAX),
            parent: parent.map_or(u32::MAX, |p| p.0),
            end: id.0 + 1,
            content: small(content)..small(content),
        });
        id
    }

    pub(super) fn close(&mut self, id: Id, content_end: usize) {
        let end = small(self.elements.len());
        let element = &mut self.elements[id.index()];
        element.end = end;
        element.content.end = small(content_end);
    }

    /// How many elements there are.
    pub fn len(&self) -> usize {
        self.elements.len()
    }

    /// Whether there is no element at all.
    pub fn is_empty(&self) -> bool {
        self.elements.is_empty()
    }

    /// All elements in document order.
    pub fn all(&self) -> impl Iterator<Item = Id> + use<> {
        (0..small(self.elements.len())).map(Id)
    }

    /// The element's local name.
    pub fn name(&self, id: Id) -> &'t str {
        let element = &self.elements[id.index()];
        let start = element.tag.start as usize;
        &self.text[start + usize::from(element.prefix)..start + usize::from(element.name)]
    }

    /// The prefix of the element's name, without the colon.
    pub fn prefix(&self, id: Id) -> &'t str {
        let element = &self.elements[id.index()];
        let start = element.tag.start as usize;
        self.text[start..start + usize::from(element.prefix)].trim_end_matches(':')
    }

    /// The enclosing element.
    pub fn parent(&self, id: Id) -> Option<Id> {
        Some(self.elements[id.index()].parent).filter(|p| *p != u32::MAX).map(Id)
    }

    /// The direct children in document order.
    pub fn children(&self, id: Id) -> impl Iterator<Item = Id> + '_ {
        let end = self.elements[id.index()].end;
        let mut next = id.0 + 1;
        std::iter::from_fn(move || {
            (next < end).then(|| {
                let child = Id(next);
                next = self.elements[child.index()].end;
                child
            })
        })
    }

    /// The direct children of that name.
    pub fn named<'o>(&'o self, id: Id, name: &'o str) -> impl Iterator<Item = Id> + 'o {
        self.children(id).filter(move |c| self.name(*c) == name)
    }

    /// The first element down the path of local names.
    pub fn find(&self, id: Id, path: &[&str]) -> Option<Id> {
        path.iter().try_fold(id, |at, name| self.named(at, name).next())
    }

    /// All elements down the path of local names.
    pub fn each(&self, id: Id, path: &[&str]) -> Vec<Id> {
        match path {
            [] => vec![id],
            [name, rest @ ..] => {
                let mut found = Vec::new();
                for child in self.children(id).filter(|child| self.name(*child) == *name) {
                    found.extend(self.each(child, rest));
                }
                found
            }
        }
    }

    /// Whether the element holds no element.
    pub fn is_leaf(&self, id: Id) -> bool {
        self.elements[id.index()].end == id.0 + 1
    }

    /// One past the element's last descendant, in document order.
    pub(super) fn end(&self, id: Id) -> u32 {
        self.elements[id.index()].end
    }

    /// Whether the element may declare a namespace.
    pub(super) fn declares(&self, id: Id) -> bool {
        let element = &self.elements[id.index()];
        self.text[element.tag.start as usize + usize::from(element.name)..element.tag.end as usize].contains("xmlns")
    }

    /// The text of the element and of all elements in it (XPath 2.0 §2.5.2, string value).
    pub(super) fn all_text(&self, id: Id) -> String {
        let content = &self.elements[id.index()].content;
        plain(&self.text[content.start as usize..content.end as usize])
    }

    /// The element's text, its references replaced and its comments left out; empty unless it is a leaf.
    pub fn value(&self, id: Id) -> Cow<'t, str> {
        if !self.is_leaf(id) {
            return Cow::Borrowed("");
        }
        let content = &self.elements[id.index()].content;
        let raw = &self.text[content.start as usize..content.end as usize];
        if raw.contains(['<', '&']) { Cow::Owned(plain(raw)) } else { Cow::Borrowed(raw) }
    }

    /// [`Self::value`] trimmed, `None` when nothing is left.
    pub fn text(&self, id: Id) -> Option<String> {
        let value = self.value(id);
        let value = value.trim();
        (!value.is_empty()).then(|| value.to_owned())
    }

    /// The text of the first element down the path.
    pub fn text_at(&self, id: Id, path: &[&str]) -> Option<String> {
        self.text(self.find(id, path)?)
    }

    /// An attribute's value by its qualified name.
    pub fn attribute(&self, id: Id, name: &str) -> Option<Cow<'t, str>> {
        self.attributes(id).find(|(key, _)| *key == name).map(|(_, value)| value)
    }

    /// The attributes as `(qualified name, value)`.
    pub fn attributes(&self, id: Id) -> impl Iterator<Item = (&'t str, Cow<'t, str>)> + use<'t> {
        let element = &self.elements[id.index()];
        let tag = &self.text[element.tag.start as usize..element.tag.end as usize];
        Attributes::new(tag, usize::from(element.name)).flatten().map(|attribute| {
            let value = match attribute.value {
                Cow::Borrowed(raw) if !raw.contains('&') => Cow::Borrowed(raw),
                raw => Cow::Owned(quick_xml::escape::unescape(&raw).map_or_else(|_| raw.to_string(), Cow::into_owned)),
            };
            (attribute.key.into_inner(), value)
        })
    }

    /// The namespace of the root element.
    pub fn root_namespace(&self) -> Option<String> {
        self.namespace(Id::ROOT, self.prefix(Id::ROOT)).map(Cow::into_owned)
    }

    /// What a prefix stands for at an element; the empty prefix is the default namespace.
    pub fn namespace(&self, id: Id, prefix: &str) -> Option<Cow<'t, str>> {
        let wanted = if prefix.is_empty() { "xmlns".to_owned() } else { format!("xmlns:{prefix}") };
        std::iter::successors(Some(id), |at| self.parent(*at)).find_map(|at| self.attribute(at, &wanted))
    }

    /// Where the element's start tag stands in the text, with its brackets.
    pub fn start_tag(&self, id: Id) -> Range<usize> {
        let element = &self.elements[id.index()];
        element.tag.start as usize - 1..element.content.start as usize
    }

    /// Where the element's content ends in the text; of `<a/>`, where the tag does.
    pub fn content_end(&self, id: Id) -> usize {
        self.elements[id.index()].content.end as usize
    }

    /// The line of the element's start tag, from 1.
    pub fn line(&self, id: Id) -> usize {
        self.position(self.elements[id.index()].tag.start as usize).0
    }

    /// Line and column (in characters) of a byte of the text, both from 1.
    pub fn position(&self, offset: usize) -> (usize, usize) {
        position(self.text, &self.lines, offset)
    }

    /// The chain of local names from the root down to the element: `Invoice/InvoiceLine/ID`.
    pub fn path(&self, id: Id) -> String {
        let mut names = vec![self.name(id)];
        let mut at = id;
        while let Some(parent) = self.parent(at) {
            names.push(self.name(parent));
            at = parent;
        }
        names.reverse();
        names.join("/")
    }
}

/// The byte at which each line starts.
pub(super) fn line_starts(text: &str) -> Vec<u32> {
    std::iter::once(0)
        .chain(text.bytes().enumerate().filter(|(_, b)| *b == b'\n').map(|(at, _)| small(at + 1)))
        .collect()
}

/// Line and column of a byte; the column is counted over at most 10,000 bytes.
pub(super) fn position(text: &str, lines: &[u32], offset: usize) -> (usize, usize) {
    let offset = offset.min(text.len());
    let line = lines.partition_point(|start| *start as usize <= offset).max(1);
    let start = lines[line - 1] as usize;
    let counted = text.as_bytes()[start..offset].iter().take(10_000);
    let column = 1 + counted.filter(|b| (**b & 0xC0) != 0x80).count();
    (line, column)
}

/// Documents are limited far below 4 GiB; a larger offset cannot be built.
fn small(offset: usize) -> u32 {
    u32::try_from(offset).unwrap_or(u32::MAX)
}

/// A leaf's raw content as text: references replaced, CDATA unwrapped, comments and instructions left out.
fn plain(raw: &str) -> String {
    let mut out = String::with_capacity(raw.len());
    let mut rest = raw;
    while let Some(at) = rest.find('<') {
        push_unescaped(&mut out, &rest[..at]);
        rest = &rest[at..];
        let (kept, close) = if rest.starts_with("<![CDATA[") {
            (9, "]]>")
        } else if rest.starts_with("<!--") {
            (0, "-->")
        } else {
            (0, ">")
        };
        let Some(end) = rest.find(close) else { return out };
        if kept > 0 {
            out.push_str(&rest[kept..end]);
        }
        rest = &rest[end + close.len()..];
    }
    push_unescaped(&mut out, rest);
    out
}

fn push_unescaped(out: &mut String, raw: &str) {
    match quick_xml::escape::unescape(raw) {
        Ok(text) => out.push_str(&text),
        Err(_) => out.push_str(raw),
    }
}
