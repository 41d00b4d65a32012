//! The first reader of an XML document, in one pass and constant stack: nothing else touches the text before it passed.
//!
//! Refuses what a parser could be hurt by (DOCTYPE and entities, depth, counts, sizes) and what is not XML, with line and
//! column. Refuses to know what the elements mean.

use std::collections::{HashMap, HashSet};

use quick_xml::Reader;
use quick_xml::events::{BytesRef, BytesStart, Event};

use crate::fault::{Fault, Text};

use super::complaint::{forbidden, lone_ampersand, malformed, of_attribute, of_reader, over, over_at, place_in};
use super::limits::Limits;
use super::outline::{Id, Outline};

/// Elements that may repeat without a pairwise cost.
const LINES: [&str; 3] = ["InvoiceLine", "CreditNoteLine", "IncludedSupplyChainTradeLineItem"];
/// The same of a pivot, by parent and name.
const PIVOT_LINE: (&str, &str) = ("Lignes", "Ligne");
/// VAT breakdown entries of a document (BG-23), by parent and name.
const VAT_ENTRIES: [(&str, &str); 2] =
    [("TaxTotal", "TaxSubtotal"), ("ApplicableHeaderTradeSettlement", "ApplicableTradeTax")];

/// Reads `text` to its end under `limits`; what passes is well-formed enough to be parsed by anybody.
pub fn outline<'t>(text: &'t str, limits: &Limits) -> Result<Outline<'t>, Fault> {
    if text.len() > limits.xml_bytes {
        return Err(over("taille du XML", "XML size", limits.xml_bytes));
    }
    if let Some(at) = forbidden_character(text) {
        let code = text[at..].chars().next().map_or(0, u32::from);
        let detail = Text::new(
            format!("caractère de contrôle U+{code:04X} interdit en XML"),
            format!("control character U+{code:04X}, which XML forbids"),
        );
        return Err(malformed(&detail, &place_in(text, at)));
    }
    // The one that may begin a file is its encoding's (XML 1.0 §4.3.3); the reader would skip another in silence.
    if text.starts_with('\u{feff}') {
        let detail = Text::new("deux marques d'ordre des octets (BOM)", "two byte order marks (BOM)");
        return Err(malformed(&detail, &place_in(text, 0)));
    }
    let outline = Guard::new(text, limits).run()?;
    count_repeats(&outline, limits)?;
    Ok(outline)
}

struct Guard<'t, 'l> {
    text: &'t str,
    limits: &'l Limits,
    outline: Outline<'t>,
    open: Vec<Id>,
    /// Bytes of text seen in the innermost open element.
    text_bytes: Vec<usize>,
    /// Namespace declarations seen so far.
    namespaces: usize,
    /// Prefixes in force: how many open elements declare each.
    prefixes: HashMap<String, u32>,
    /// Which of them end with which open element: its depth, and the prefix.
    scopes: Vec<(usize, String)>,
    root_closed: bool,
}

impl<'t, 'l> Guard<'t, 'l> {
    fn new(text: &'t str, limits: &'l Limits) -> Self {
        Self {
            text,
            limits,
            outline: Outline::new(text),
            open: Vec::new(),
            text_bytes: Vec::new(),
            namespaces: 0,
            prefixes: HashMap::new(),
            scopes: Vec::new(),
            root_closed: false,
        }
    }

    fn run(mut self) -> Result<Outline<'t>, Fault> {
        let mut reader = Reader::from_str(self.text);
        let config = reader.config_mut();
        config.check_comments = true;
        config.check_end_names = true;
        loop {
            let start = at(reader.buffer_position());
            let event = match reader.read_event() {
                Ok(event) => event,
                Err(error) => {
                    let place = at(reader.error_position()).max(start);
                    let open = self.open.last().map(|id| (self.outline.name(*id), self.outline.line(*id)));
                    return Err(malformed(&of_reader(&error, open), &self.place(place)));
                }
            };
            let end = at(reader.buffer_position());
            match event {
                Event::Start(tag) => self.start(&tag, start, end, false)?,
                Event::Empty(tag) => self.start(&tag, start, end, true)?,
                Event::End(_) => self.end(start),
                Event::Text(_) => self.characters(start, end)?,
                Event::CData(_) => {
                    if self.open.is_empty() {
                        return Err(self.outside(start));
                    }
                    self.characters(start, end)?;
                }
                Event::GeneralRef(reference) => self.reference(&reference, start, end)?,
                Event::DocType(_) => {
                    let what = Text::new("déclaration DOCTYPE", "DOCTYPE declaration");
                    return Err(forbidden(&what, &self.place(start)));
                }
                Event::Decl(_) if self.root_closed => {
                    return Err(self.malformed(
                        start,
                        "un second document XML commence ici : une seule facture par fichier",
                        "a second XML document begins here: one invoice a file",
                    ));
                }
                Event::Decl(_) if start != 0 => {
                    return Err(self.malformed(
                        start,
                        "déclaration XML ailleurs qu'au début",
                        "XML declaration not at the start",
                    ));
                }
                Event::Decl(_) | Event::Comment(_) | Event::PI(_) => {}
                Event::Eof => return self.finish(end),
            }
        }
    }

    fn start(&mut self, tag: &BytesStart<'_>, start: usize, end: usize, empty: bool) -> Result<(), Fault> {
        if self.open.is_empty() && self.root_closed {
            return Err(self.malformed(
                start,
                "un second élément racine : une seule facture par fichier",
                "a second root element: one invoice a file",
            ));
        }
        if self.open.len() >= self.limits.xml_depth {
            return Err(self.over_at(start, "profondeur des éléments", "element depth", self.limits.xml_depth));
        }
        if self.outline.len() >= self.limits.xml_elements {
            return Err(over("nombre d'éléments", "number of elements", self.limits.xml_elements));
        }
        let name = tag.name().into_inner().len();
        if name == 0 || name > self.limits.xml_name_bytes {
            return Err(self.over_at(start, "longueur d'un nom", "length of a name", self.limits.xml_name_bytes));
        }
        self.attributes(tag, start)?;
        let inner = start + 1..end - if empty { 2 } else { 1 };
        let id = self.outline.open(self.open.last().copied(), inner, name, end);
        if empty {
            self.end_scope(self.open.len());
            self.root_closed |= self.open.is_empty();
        } else {
            self.open.push(id);
            self.text_bytes.push(0);
        }
        Ok(())
    }

    fn attributes(&mut self, tag: &BytesStart<'_>, start: usize) -> Result<(), Fault> {
        let mut seen: Vec<&str> = Vec::new();
        let mut count = 0;
        // Duplicates are looked for below, among few: the reader's own check is quadratic.
        for attribute in tag.attributes().with_checks(false) {
            let attribute = attribute.map_err(|error| malformed(&of_attribute(&error), &self.place(start)))?;
            let key = attribute.key.into_inner();
            let is_declaration = key == "xmlns" || key.starts_with("xmlns:");
            count += usize::from(!is_declaration);
            if count > self.limits.xml_attributes {
                let limit = self.limits.xml_attributes;
                return Err(self.over_at(start, "attributs d'un élément", "attributes of an element", limit));
            }
            if attribute.value.len() > self.limits.xml_attribute_bytes || key.len() > self.limits.xml_name_bytes {
                let limit = self.limits.xml_attribute_bytes;
                return Err(self.over_at(start, "longueur d'un attribut", "length of an attribute", limit));
            }
            if seen.contains(&key) {
                let detail = Text::new(format!("attribut {key} en double"), format!("attribute {key} twice"));
                return Err(malformed(&detail, &self.place(start)));
            }
            if attribute.value.contains('<') {
                return Err(self.malformed(start, "« < » dans un attribut", "\"<\" in an attribute"));
            }
            self.references_of(&attribute.value, start)?;
            if is_declaration {
                self.declare(key)?;
            }
            seen.push(key);
        }
        self.known_prefix(tag.name().into_inner(), start)?;
        seen.into_iter().try_for_each(|key| self.known_prefix(key, start))
    }

    /// A namespace declaration, in force until the element that is being opened ends.
    fn declare(&mut self, key: &str) -> Result<(), Fault> {
        self.namespaces += 1;
        if self.namespaces > self.limits.xml_namespaces {
            let limit = self.limits.xml_namespaces;
            return Err(over("déclarations d'espaces de noms", "namespace declarations", limit));
        }
        if let Some(prefix) = key.strip_prefix("xmlns:") {
            *self.prefixes.entry(prefix.to_owned()).or_default() += 1;
            self.scopes.push((self.open.len(), prefix.to_owned()));
        }
        Ok(())
    }

    /// Takes back what the element at that depth declared.
    fn end_scope(&mut self, depth: usize) {
        while let Some((_, prefix)) = self.scopes.pop_if(|(of, _)| *of >= depth) {
            if let Some(count) = self.prefixes.get_mut(&prefix) {
                *count -= 1;
            }
        }
    }

    /// The prefix of an element's or attribute's name was declared (Namespaces in XML 1.0 §4).
    fn known_prefix(&self, name: &str, start: usize) -> Result<(), Fault> {
        let Some((prefix, _)) = name.split_once(':') else { return Ok(()) };
        if matches!(prefix, "xml" | "xmlns") || self.prefixes.get(prefix).is_some_and(|count| *count > 0) {
            return Ok(());
        }
        let detail = Text::new(
            format!("le préfixe « {prefix} » de {name} n'est pas déclaré : xmlns:{prefix} manque"),
            format!("the prefix \"{prefix}\" of {name} is not declared: xmlns:{prefix} is missing"),
        );
        Err(malformed(&detail, &self.place(start)))
    }

    /// The references inside an attribute's value.
    fn references_of(&self, value: &str, start: usize) -> Result<(), Fault> {
        let mut rest = value;
        while let Some((_, after)) = rest.split_once('&') {
            let Some((name, after)) = after.split_once(';') else {
                return Err(malformed(&lone_ampersand(), &self.place(start)));
            };
            self.known_reference(&BytesRef::new(name), start)?;
            rest = after;
        }
        Ok(())
    }

    fn known_reference(&self, reference: &BytesRef<'_>, start: usize) -> Result<(), Fault> {
        match reference.resolve_char_ref() {
            Ok(Some(character)) if is_xml_character(character) => Ok(()),
            Ok(Some(_)) | Err(_) => Err(self.malformed(
                start,
                "référence à un caractère interdit en XML",
                "reference to a character that XML forbids",
            )),
            Ok(None) => {
                let name: &str = reference;
                if quick_xml::escape::resolve_xml_entity(name).is_some() {
                    return Ok(());
                }
                let name: String = name.chars().take(40).collect();
                let what = Text::new(format!("entité inconnue &{name};"), format!("unknown entity &{name};"));
                Err(forbidden(&what, &self.place(start)))
            }
        }
    }

    fn reference(&mut self, reference: &BytesRef<'_>, start: usize, end: usize) -> Result<(), Fault> {
        self.known_reference(reference, start)?;
        if self.open.is_empty() {
            return Err(self.outside(start));
        }
        self.characters(start, end)
    }

    fn characters(&mut self, start: usize, end: usize) -> Result<(), Fault> {
        let Some(seen) = self.text_bytes.last_mut() else {
            return match self.text[start..end].trim_start_matches([' ', '\t', '\r', '\n']) {
                "" => Ok(()),
                rest => Err(self.outside(end - rest.len())),
            };
        };
        *seen += end - start;
        if *seen > self.limits.xml_text_bytes {
            let limit = self.limits.xml_text_bytes;
            return Err(self.over_at(start, "taille du texte d'un élément", "text size of an element", limit));
        }
        if self.text[start..end].contains("]]>") && !self.text[start..end].starts_with("<![CDATA[") {
            return Err(self.malformed(start, "« ]]> » dans un texte", "\"]]>\" in a text"));
        }
        Ok(())
    }

    fn end(&mut self, start: usize) {
        if let Some(id) = self.open.pop() {
            self.text_bytes.pop();
            self.outline.close(id, start);
            self.end_scope(self.open.len());
            self.root_closed |= self.open.is_empty();
        }
    }

    fn finish(self, end: usize) -> Result<Outline<'t>, Fault> {
        if let Some(open) = self.open.last() {
            let (line, name) = (self.outline.line(*open), self.outline.name(*open));
            let detail = Text::new(
                format!("le fichier s'arrête avant la fin de <{name}>, ouvert ligne {line}"),
                format!("the file ends before the end of <{name}>, opened on line {line}"),
            );
            return Err(malformed(&detail, &self.place(end)));
        }
        if self.outline.is_empty() {
            return Err(self.malformed(end, "aucun élément", "no element at all"));
        }
        Ok(self.outline)
    }

    fn outside(&self, offset: usize) -> Fault {
        self.malformed(offset, "texte hors de l'élément racine", "text outside the root element")
    }

    fn malformed(&self, offset: usize, fr: &str, en: &str) -> Fault {
        malformed(&Text::new(fr, en), &self.place(offset))
    }

    fn over_at(&self, offset: usize, fr: &str, en: &str, limit: usize) -> Fault {
        over_at(fr, en, limit, &self.place(offset))
    }

    fn place(&self, offset: usize) -> Text {
        place_in(self.text, offset)
    }
}

/// The first character that XML 1.0 §2.2 forbids.
fn forbidden_character(text: &str) -> Option<usize> {
    let suspicious = |b: &u8| (*b < 0x20 && !matches!(b, b'\t' | b'\n' | b'\r')) || *b == 0xEF;
    let mut from = 0;
    while let Some(found) = text.as_bytes()[from..].iter().position(suspicious) {
        let at = from + found;
        let character = text[at..].chars().next()?;
        if !is_xml_character(character) {
            return Some(at);
        }
        from = at + character.len_utf8();
    }
    None
}

fn is_xml_character(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r' | ' '..='\u{D7FF}' | '\u{E000}'..='\u{FFFD}' | '\u{10000}'..)
}

/// Bounds what later readers compare pair by pair.
fn count_repeats(outline: &Outline<'_>, limits: &Limits) -> Result<(), Fault> {
    let (mut repeats, mut lines, mut vat) = (0, 0, 0);
    let mut names: HashSet<&str> = HashSet::new();
    let is_pivot = outline.name(Id::ROOT).starts_with("CPPFacture");
    for parent in outline.all().filter(|id| !outline.is_leaf(*id)) {
        names.clear();
        let parent_name = outline.name(parent);
        for child in outline.children(parent) {
            let name = outline.name(child);
            if LINES.contains(&name) || (is_pivot && (parent_name, name) == PIVOT_LINE) {
                lines += 1;
            } else if !names.insert(name) {
                repeats += 1;
            }
            vat += usize::from(VAT_ENTRIES.contains(&(parent_name, name)));
        }
    }
    if lines > limits.lines {
        return Err(over("nombre de lignes de facture", "number of invoice lines", limits.lines));
    }
    if vat > limits.vat_entries {
        return Err(over("ventilations de TVA", "VAT breakdown entries", limits.vat_entries));
    }
    if repeats > limits.xml_repeats + 4 * lines {
        return Err(over("éléments répétés", "repeated elements", limits.xml_repeats + 4 * lines));
    }
    Ok(())
}

/// A byte position of the reader; documents are far smaller than the address space.
fn at(position: u64) -> usize {
    usize::try_from(position).unwrap_or(usize::MAX)
}
