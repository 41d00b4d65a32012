//! A document as the official rules walk it: elements by name, their text as XPath sees it, and what stops the official
//! engine.

use std::borrow::Cow;

use super::lists::{List, Which};
use super::names::{Name, Space};
use super::number::{self, Decimal};
use crate::invoice::outline::{Id, Outline};
use crate::invoice::tables::Tables;

/// Where the official engine stops without a verdict: a value that is not of the type a rule needs, or two where one is
/// expected (XPath 2.0 errors FORG0001, XPTY0004).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stop {
    pub at: Id,
    pub why: Why,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    Number,
    Date,
    Boolean,
    /// More than one element where the rules expect one.
    Several,
    /// None where the rules need one.
    Missing,
}

/// A rule's answer: kept, broken, or no answer at all.
pub type Answer = Result<bool, Stop>;

/// The elements of a document with their names.
pub struct Document<'d> {
    outline: &'d Outline<'d>,
    /// The code lists in force.
    tables: Tables,
    names: Vec<Name>,
    spaces: Vec<Space>,
    /// All elements, sorted by name, in document order within a name.
    sorted: Vec<Id>,
    /// Where each name's elements begin in `sorted`.
    starts: Vec<u32>,
}

impl<'d> Document<'d> {
    pub fn new(outline: &'d Outline<'d>, tables: Tables) -> Self {
        let (names, spaces) = Namespaces::resolve(outline);
        let mut starts = vec![0_u32; Name::COUNT + 1];
        for name in &names {
            starts[*name as usize + 1] += 1;
        }
        for at in 1..starts.len() {
            starts[at] += starts[at - 1];
        }
        let mut next = starts.clone();
        let mut sorted = vec![Id::ROOT; names.len()];
        for (id, name) in outline.all().zip(&names) {
            let place = &mut next[*name as usize];
            sorted[*place as usize] = id;
            *place += 1;
        }
        Self { outline, tables, names, spaces, sorted, starts }
    }

    /// The root element.
    pub fn root(&'d self) -> Node<'d> {
        Node { doc: self, id: Id::ROOT }
    }

    /// All elements in document order.
    pub fn nodes(&'d self) -> impl Iterator<Item = Node<'d>> {
        self.outline.all().map(|id| Node { doc: self, id })
    }

    /// `//name`, in document order.
    pub fn all(&'d self, name: Name) -> impl ExactSizeIterator<Item = Node<'d>> {
        let range = self.starts[name as usize] as usize..self.starts[name as usize + 1] as usize;
        self.sorted[range].iter().map(|id| Node { doc: self, id: *id })
    }

    /// Whether the document has such an element anywhere.
    pub fn has(&self, name: Name) -> bool {
        self.starts[name as usize] < self.starts[name as usize + 1]
    }
}

/// The namespaces in force while the elements are gone through.
struct Namespaces<'d> {
    /// Prefix, namespace, and the first element that no longer has it.
    scopes: Vec<(Cow<'d, str>, Space, u32)>,
}

impl<'d> Namespaces<'d> {
    fn resolve(outline: &'d Outline<'d>) -> (Vec<Name>, Vec<Space>) {
        let mut namespaces = Self { scopes: Vec::new() };
        let mut names = Vec::with_capacity(outline.len());
        let mut spaces = Vec::with_capacity(outline.len());
        for (index, id) in outline.all().enumerate() {
            let index = u32::try_from(index).unwrap_or(u32::MAX);
            while namespaces.scopes.last().is_some_and(|(_, _, end)| *end <= index) {
                namespaces.scopes.pop();
            }
            if outline.declares(id) {
                for (key, value) in outline.attributes(id) {
                    let Some(prefix) = key.strip_prefix("xmlns") else { continue };
                    let prefix = prefix.strip_prefix(':').unwrap_or(prefix);
                    namespaces.scopes.push((Cow::Borrowed(prefix), Space::of(&value), outline.end(id)));
                }
            }
            let space = namespaces.of(outline.prefix(id));
            spaces.push(space);
            names.push(Name::of(outline.name(id), space));
        }
        (names, spaces)
    }

    fn of(&self, prefix: &str) -> Space {
        self.scopes.iter().rev().find(|(p, _, _)| p == prefix).map_or(Space::Nowhere, |(_, space, _)| *space)
    }
}

/// An element of a document.
#[derive(Clone, Copy)]
pub struct Node<'d> {
    doc: &'d Document<'d>,
    pub id: Id,
}

impl PartialEq for Node<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.id == other.id
    }
}

impl<'d> Node<'d> {
    fn at(self, id: Id) -> Self {
        Self { doc: self.doc, id }
    }

    pub fn document(self) -> &'d Document<'d> {
        self.doc
    }

    /// A code list in force.
    pub fn list(self, list: Which) -> &'static List {
        self.doc.tables.list(list)
    }

    pub fn name(self) -> Name {
        self.doc.names[self.id.index()]
    }

    pub fn space(self) -> Space {
        self.doc.spaces[self.id.index()]
    }

    /// The local name as written, for rules that match parts of names.
    pub fn spelling(self) -> &'d str {
        self.doc.outline.name(self.id)
    }

    pub fn parent(self) -> Option<Self> {
        self.doc.outline.parent(self.id).map(|id| self.at(id))
    }

    /// The parent's name; [`Name::Other`] above the root.
    pub fn above(self) -> Name {
        self.parent().map_or(Name::Other, Self::name)
    }

    /// Whether the elements above it have these names, the nearest first.
    pub fn under(self, names: &[Name]) -> bool {
        let mut at = self;
        names.iter().all(|name| match at.parent() {
            Some(parent) => {
                at = parent;
                parent.name() == *name
            }
            None => false,
        })
    }

    /// `ancestor::name`.
    pub fn is_inside(self, name: Name) -> bool {
        let mut at = self;
        while let Some(parent) = at.parent() {
            if parent.name() == name {
                return true;
            }
            at = parent;
        }
        false
    }

    /// Whether it is the document's element.
    pub fn is_root(self) -> bool {
        self.id == Id::ROOT
    }

    /// The child elements.
    pub fn children(self) -> impl Iterator<Item = Self> {
        self.doc.outline.children(self.id).map(move |id| self.at(id))
    }

    /// `name`: the child elements of a name.
    pub fn kids(self, name: Name) -> impl Iterator<Item = Self> {
        self.children().filter(move |child| child.name() == name)
    }

    /// The first child of a name.
    pub fn kid(self, name: Name) -> Option<Self> {
        self.kids(name).next()
    }

    pub fn has(self, name: Name) -> bool {
        self.kid(name).is_some()
    }

    /// The first element down the path, or itself where there is none: what a finding shows.
    pub fn shown(self, path: &[Name]) -> Self {
        let mut found = self;
        self.walk(path, &mut |node| {
            found = node;
            true
        });
        found
    }

    pub fn count(self, name: Name) -> usize {
        self.kids(name).count()
    }

    /// Calls `each` with every element down the path, until it says stop; whether it did.
    pub fn walk(self, path: &[Name], each: &mut dyn FnMut(Self) -> bool) -> bool {
        match path {
            [] => each(self),
            [name, rest @ ..] => self.kids(*name).any(|child| child.walk(rest, each)),
        }
    }

    /// `a/b/c`: all elements down the path.
    pub fn path(self, path: &[Name]) -> Vec<Self> {
        let mut found = Vec::new();
        self.walk(path, &mut |node| {
            found.push(node);
            false
        });
        found
    }

    /// `exists(a/b/c)`.
    pub fn exists(self, path: &[Name]) -> bool {
        self.walk(path, &mut |_| true)
    }

    /// `count(a/b/c)`.
    pub fn count_of(self, path: &[Name]) -> usize {
        let mut count = 0;
        self.walk(path, &mut |_| {
            count += 1;
            false
        });
        count
    }

    /// The only element down the path: two stop the official engine.
    pub fn one(self, path: &[Name]) -> Result<Option<Self>, Stop> {
        let mut found = None;
        let mut second = None;
        self.walk(path, &mut |node| {
            if found.is_some() {
                second = Some(node);
                return true;
            }
            found = Some(node);
            false
        });
        match second {
            Some(node) => Err(node.stop(Why::Several)),
            None => Ok(found),
        }
    }

    pub fn stop(self, why: Why) -> Stop {
        Stop { at: self.id, why }
    }

    /// `string(.)`: the text of the element and of all in it.
    pub fn text(self) -> Cow<'d, str> {
        let outline = self.doc.outline;
        if outline.is_leaf(self.id) { outline.value(self.id) } else { Cow::Owned(outline.all_text(self.id)) }
    }

    /// `normalize-space(.)`.
    pub fn plain(self) -> Cow<'d, str> {
        normalized(self.text())
    }

    /// `normalize-space(a/b)`, empty when there is none.
    pub fn plain_of(self, path: &[Name]) -> Result<Cow<'d, str>, Stop> {
        Ok(self.one(path)?.map_or(Cow::Borrowed(""), Self::plain))
    }

    /// `normalize-space(a/b) != ''`.
    pub fn filled(self, path: &[Name]) -> Answer {
        Ok(!self.plain_of(path)?.is_empty())
    }

    /// An attribute without a namespace.
    pub fn attribute(self, name: &str) -> Option<Cow<'d, str>> {
        self.doc.outline.attribute(self.id, name)
    }

    pub fn has_attribute(self, name: &str) -> bool {
        self.attribute(name).is_some()
    }

    /// `xs:decimal(.)`.
    pub fn decimal(self) -> Result<Decimal, Stop> {
        number::decimal(&self.text()).ok_or_else(|| self.stop(Why::Number))
    }

    /// `xs:decimal(a/b)`.
    pub fn decimal_of(self, path: &[Name]) -> Result<Option<Decimal>, Stop> {
        self.one(path)?.map(Self::decimal).transpose()
    }

    /// `number` as XPath compares an untyped value with one: `xs:double(.)`.
    pub fn double(self) -> Result<f64, Stop> {
        number::double(&self.text()).ok_or_else(|| self.stop(Why::Number))
    }

    /// `xs:boolean(.)`.
    pub fn boolean(self) -> Answer {
        match trimmed(&self.text()) {
            "true" | "1" => Ok(true),
            "false" | "0" => Ok(false),
            _ => Err(self.stop(Why::Boolean)),
        }
    }

    /// `xs:date(.)`, comparable.
    pub fn date(self) -> Result<i64, Stop> {
        number::date(&self.text()).ok_or_else(|| self.stop(Why::Date))
    }

    /// `a/b = value`: whether one of them is written so, to the letter.
    pub fn any_is(self, path: &[Name], value: &str) -> bool {
        self.walk(path, &mut |node| node.text() == value)
    }
}

/// `a > n`, `a = n` and the like of untyped values: whether one of them is so.
///
/// Minus zero is like no number, and what is no number is greater than any: so the official engine compares them.
pub fn any_double(nodes: &[Node<'_>], test: impl Fn(f64) -> bool) -> Answer {
    for node in nodes {
        let value = node.double()?;
        if !(value == 0.0 && value.is_sign_negative()) && test(value) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// `value > 0`.
pub fn is_positive(value: f64) -> bool {
    value > 0.0 || value.is_nan()
}

/// `value >= 0`.
pub fn is_not_negative(value: f64) -> bool {
    value >= 0.0 || value.is_nan()
}

/// Characters behind the first point.
pub fn decimals(text: &str) -> usize {
    text.split_once('.').map_or(0, |(_, fraction)| fraction.chars().count())
}

/// White space of XML.
pub const SPACE: [char; 4] = [' ', '\t', '\r', '\n'];

pub fn trimmed(text: &str) -> &str {
    text.trim_matches(SPACE)
}

/// `normalize-space`: trimmed, and one space where there were several.
pub fn normalized(text: Cow<'_, str>) -> Cow<'_, str> {
    let inner = trimmed(&text);
    let plain = !inner.contains(['\t', '\r', '\n']) && !inner.contains("  ");
    match text {
        Cow::Borrowed(text) if plain => Cow::Borrowed(trimmed(text)),
        _ if plain => Cow::Owned(inner.to_owned()),
        _ => Cow::Owned(inner.split(SPACE).filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ")),
    }
}
