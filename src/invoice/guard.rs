//! The first reader of an XML document, in one pass and constant stack: nothing else touches the text before it passed.
//!
//! Refuses what a parser could be hurt by (DOCTYPE and entities, depth, counts, sizes) and what is not XML, with line and
//! column. Refuses to know what the elements mean.

use std::collections::HashSet;

use quick_xml::Reader;
use quick_xml::events::{BytesRef, BytesStart, Event};

use crate::fault::{Code, Fault, Language};

use super::limits::Limits;
use super::outline::{Id, Outline, line_starts, position};
use super::texts::pick;

/// Elements that may repeat without a pairwise cost.
const LINES: [&str; 3] = ["InvoiceLine", "CreditNoteLine", "IncludedSupplyChainTradeLineItem"];
/// VAT breakdown entries of a document (BG-23), by parent and name.
const VAT_ENTRIES: [(&str, &str); 2] =
    [("TaxTotal", "TaxSubtotal"), ("ApplicableHeaderTradeSettlement", "ApplicableTradeTax")];

/// Reads `text` to its end under `limits`; what passes is well-formed enough to be parsed by anybody.
pub fn outline<'t>(text: &'t str, limits: &Limits, language: Language) -> Result<Outline<'t>, Fault> {
    if text.len() > limits.xml_bytes {
        return Err(over(language, "taille du XML", "XML size", limits.xml_bytes));
    }
    if let Some(at) = forbidden_character(text) {
        let code = text[at..].chars().next().map_or(0, u32::from);
        let detail = match language {
            Language::Fr => format!("caractère de contrôle U+{code:04X} interdit en XML"),
            Language::En => format!("control character U+{code:04X}, which XML forbids"),
        };
        return Err(malformed(text, at, language, &detail));
    }
    let outline = Guard::new(text, limits, language).run()?;
    count_repeats(&outline, limits, language)?;
    Ok(outline)
}

struct Guard<'t, 'l> {
    text: &'t str,
    limits: &'l Limits,
    language: Language,
    outline: Outline<'t>,
    open: Vec<Id>,
    /// Bytes of text seen in the innermost open element.
    text_bytes: Vec<usize>,
    namespaces: usize,
    root_closed: bool,
}

impl<'t, 'l> Guard<'t, 'l> {
    fn new(text: &'t str, limits: &'l Limits, language: Language) -> Self {
        Self {
            text,
            limits,
            language,
            outline: Outline::new(text),
            open: Vec::new(),
            text_bytes: Vec::new(),
            namespaces: 0,
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
                    return Err(self.malformed(place, &syntax(&error, self.language)));
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
                    return Err(Fault::new(Code::XmlForbidden).with(
                        "detail",
                        match self.language {
                            Language::Fr => format!("déclaration DOCTYPE ({})", self.place(start)),
                            Language::En => format!("DOCTYPE declaration ({})", self.place(start)),
                        },
                    ));
                }
                Event::Decl(_) if start != 0 => {
                    let detail =
                        pick(self.language, "déclaration XML ailleurs qu'au début", "XML declaration not at the start");
                    return Err(self.malformed(start, detail));
                }
                Event::Decl(_) | Event::Comment(_) | Event::PI(_) => {}
                Event::Eof => return self.finish(end),
            }
        }
    }

    fn start(&mut self, tag: &BytesStart<'_>, start: usize, end: usize, empty: bool) -> Result<(), Fault> {
        if self.open.is_empty() && self.root_closed {
            let detail = pick(self.language, "un second élément racine", "a second root element");
            return Err(self.malformed(start, detail));
        }
        if self.open.len() >= self.limits.xml_depth {
            return Err(over(self.language, "profondeur des éléments", "element depth", self.limits.xml_depth)
                .at(&self.place(start)));
        }
        if self.outline.len() >= self.limits.xml_elements {
            return Err(over(self.language, "nombre d'éléments", "number of elements", self.limits.xml_elements));
        }
        let name = tag.name().into_inner().len();
        if name == 0 || name > self.limits.xml_name_bytes {
            return Err(over(self.language, "longueur d'un nom", "length of a name", self.limits.xml_name_bytes)
                .at(&self.place(start)));
        }
        self.attributes(tag, start)?;
        let inner = start + 1..end - if empty { 2 } else { 1 };
        let id = self.outline.open(self.open.last().copied(), inner, name, end);
        if empty {
            self.root_closed |= self.open.is_empty();
        } else {
            self.open.push(id);
            self.text_bytes.push(0);
        }
        Ok(())
    }

    fn attributes(&mut self, tag: &BytesStart<'_>, start: usize) -> Result<(), Fault> {
        let mut seen: Vec<&str> = Vec::new();
        // Duplicates are looked for below, among at most `xml_attributes`: the reader's own check is quadratic.
        for attribute in tag.attributes().with_checks(false) {
            let attribute = match attribute {
                Ok(attribute) => attribute,
                Err(error) => {
                    let detail = match self.language {
                        Language::Fr => format!("attribut mal écrit ({error})"),
                        Language::En => format!("badly written attribute ({error})"),
                    };
                    return Err(self.malformed(start, &detail));
                }
            };
            let key = attribute.key.into_inner();
            if seen.len() >= self.limits.xml_attributes {
                let limit = self.limits.xml_attributes;
                return Err(over(self.language, "attributs d'un élément", "attributes of an element", limit)
                    .at(&self.place(start)));
            }
            if attribute.value.len() > self.limits.xml_attribute_bytes || key.len() > self.limits.xml_name_bytes {
                let limit = self.limits.xml_attribute_bytes;
                return Err(over(self.language, "longueur d'un attribut", "length of an attribute", limit)
                    .at(&self.place(start)));
            }
            if seen.contains(&key) {
                let detail = match self.language {
                    Language::Fr => format!("attribut {key} en double"),
                    Language::En => format!("attribute {key} twice"),
                };
                return Err(self.malformed(start, &detail));
            }
            if attribute.value.contains('<') {
                let detail = pick(self.language, "« < » dans un attribut", "\"<\" in an attribute");
                return Err(self.malformed(start, detail));
            }
            self.references_of(&attribute.value, start)?;
            if key == "xmlns" || key.starts_with("xmlns:") {
                self.namespaces += 1;
                if self.namespaces > self.limits.xml_namespaces {
                    let limit = self.limits.xml_namespaces;
                    return Err(over(self.language, "déclarations d'espaces de noms", "namespace declarations", limit));
                }
            }
            seen.push(key);
        }
        Ok(())
    }

    /// The references inside an attribute's value.
    fn references_of(&self, value: &str, start: usize) -> Result<(), Fault> {
        let mut rest = value;
        while let Some((_, after)) = rest.split_once('&') {
            let Some((name, after)) = after.split_once(';') else {
                let detail = pick(self.language, "« & » isolé", "a lone \"&\"");
                return Err(self.malformed(start, detail));
            };
            self.known_reference(&BytesRef::new(name), start)?;
            rest = after;
        }
        Ok(())
    }

    fn known_reference(&self, reference: &BytesRef<'_>, start: usize) -> Result<(), Fault> {
        match reference.resolve_char_ref() {
            Ok(Some(character)) if is_xml_character(character) => Ok(()),
            Ok(Some(_)) | Err(_) => {
                let detail = pick(
                    self.language,
                    "référence à un caractère interdit en XML",
                    "reference to a character that XML forbids",
                );
                Err(self.malformed(start, detail))
            }
            Ok(None) => {
                let name: &str = reference;
                if quick_xml::escape::resolve_xml_entity(name).is_some() {
                    return Ok(());
                }
                let name: String = name.chars().take(40).collect();
                Err(Fault::new(Code::XmlForbidden).with(
                    "detail",
                    match self.language {
                        Language::Fr => format!("entité &{name}; ({})", self.place(start)),
                        Language::En => format!("entity &{name}; ({})", self.place(start)),
                    },
                ))
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
            return Err(over(self.language, "taille du texte d'un élément", "text size of an element", limit)
                .at(&self.place(start)));
        }
        if self.text[start..end].contains("]]>") && !self.text[start..end].starts_with("<![CDATA[") {
            let detail = pick(self.language, "« ]]> » dans un texte", "\"]]>\" in a text");
            return Err(self.malformed(start, detail));
        }
        Ok(())
    }

    fn end(&mut self, start: usize) {
        if let Some(id) = self.open.pop() {
            self.text_bytes.pop();
            self.outline.close(id, start);
            self.root_closed |= self.open.is_empty();
        }
    }

    fn finish(self, end: usize) -> Result<Outline<'t>, Fault> {
        if let Some(open) = self.open.last() {
            let (line, name) = (self.outline.line(*open), self.outline.name(*open));
            let detail = match self.language {
                Language::Fr => format!("le fichier s'arrête avant la fin de <{name}>, ouvert ligne {line}"),
                Language::En => format!("the file ends before the end of <{name}>, opened on line {line}"),
            };
            return Err(self.malformed(end, &detail));
        }
        if self.outline.is_empty() {
            return Err(self.malformed(end, pick(self.language, "aucun élément", "no element at all")));
        }
        Ok(self.outline)
    }

    fn outside(&self, offset: usize) -> Fault {
        self.malformed(offset, pick(self.language, "texte hors de l'élément racine", "text outside the root element"))
    }

    fn malformed(&self, offset: usize, detail: &str) -> Fault {
        malformed(self.text, offset, self.language, detail)
    }

    fn place(&self, offset: usize) -> String {
        place(self.text, offset, self.language)
    }
}

/// `ligne 3, colonne 14`.
fn place(text: &str, offset: usize, language: Language) -> String {
    let (line, column) = position(text, &line_starts(text), offset);
    match language {
        Language::Fr => format!("ligne {line}, colonne {column}"),
        Language::En => format!("line {line}, column {column}"),
    }
}

fn malformed(text: &str, offset: usize, language: Language, detail: &str) -> Fault {
    Fault::new(Code::XmlMalformed).with("detail", detail).with("place", place(text, offset, language))
}

/// A limit was passed: what, and how much is allowed.
pub(super) fn over(language: Language, fr: &str, en: &str, limit: usize) -> Fault {
    let detail = match language {
        Language::Fr => format!("{fr} (au plus {limit})"),
        Language::En => format!("{en} (at most {limit})"),
    };
    Fault::new(Code::ContentOverLimit).with("detail", detail)
}

trait At {
    fn at(self, place: &str) -> Self;
}

impl At for Fault {
    /// Adds the place to the detail: the catalogue's text for a passed limit has one blank.
    fn at(self, place: &str) -> Self {
        let detail = self.details.get("detail").cloned().unwrap_or_default();
        self.with("detail", format!("{detail}, {place}"))
    }
}

fn syntax(error: &quick_xml::Error, language: Language) -> String {
    use quick_xml::errors::{Error, IllFormedError, SyntaxError};
    match (language, error) {
        (Language::Fr, Error::IllFormed(IllFormedError::MismatchedEndTag { expected, found })) => {
            format!("</{found}> alors que </{expected}> était attendu")
        }
        (Language::Fr, Error::IllFormed(IllFormedError::UnmatchedEndTag(name))) => {
            format!("</{name}> sans élément ouvert")
        }
        (language, Error::Syntax(cut)) => {
            let (fr, en) = match cut {
                SyntaxError::UnclosedTag => ("fichier coupé au milieu d'une balise", "file cut in the middle of a tag"),
                SyntaxError::UnclosedComment => ("commentaire jamais fermé", "comment never closed"),
                SyntaxError::UnclosedCData => ("section CDATA jamais fermée", "CDATA section never closed"),
                SyntaxError::UnclosedDoctype => ("DOCTYPE jamais fermé", "DOCTYPE never closed"),
                _ => ("balise mal écrite ou jamais fermée", "tag badly written or never closed"),
            };
            pick(language, fr, en).to_owned()
        }
        (_, error) => error.to_string(),
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
fn count_repeats(outline: &Outline<'_>, limits: &Limits, language: Language) -> Result<(), Fault> {
    let (mut repeats, mut lines, mut vat) = (0, 0, 0);
    let mut names: HashSet<&str> = HashSet::new();
    for parent in outline.all().filter(|id| !outline.is_leaf(*id)) {
        names.clear();
        let parent_name = outline.name(parent);
        for child in outline.children(parent) {
            let name = outline.name(child);
            if LINES.contains(&name) {
                lines += 1;
            } else if !names.insert(name) {
                repeats += 1;
            }
            vat += usize::from(VAT_ENTRIES.contains(&(parent_name, name)));
        }
    }
    if lines > limits.lines {
        return Err(over(language, "nombre de lignes de facture", "number of invoice lines", limits.lines));
    }
    if vat > limits.vat_entries {
        return Err(over(language, "ventilations de TVA", "VAT breakdown entries", limits.vat_entries));
    }
    if repeats > limits.xml_repeats + 4 * lines {
        return Err(over(language, "éléments répétés", "repeated elements", limits.xml_repeats + 4 * lines));
    }
    Ok(())
}

/// A byte position of the reader; documents are far smaller than the address space.
fn at(position: u64) -> usize {
    usize::try_from(position).unwrap_or(usize::MAX)
}
