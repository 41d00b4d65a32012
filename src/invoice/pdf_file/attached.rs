//! The files that a PDF carries (ISO 32000-1 §7.11.4): in its list of embedded files, as associated files, or pinned to a
//! page.
//!
//! Promises that what the document does not name is no file of it, whatever else lies in its bytes; that the same file counts
//! once; and that nothing is inflated. Refuses to know what the files are.

use std::collections::HashSet;
use std::rc::Rc;

use super::syntax::{Dictionary, Object, Value};
use super::{PdfFile, Trouble, at_most, text_string};

/// Entries of the list of embedded files: several may name one file.
const ENTRIES: usize = 10_000;

/// A file in a PDF.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attached {
    pub name: String,
    /// What it is to the document (`/AFRelationship`).
    pub relationship: Option<String>,
    /// In the document's list of embedded files.
    pub is_listed: bool,
    /// In the catalogue's `/AF`.
    pub is_associated: bool,
    /// The object that holds its content.
    pub stream: u32,
    /// As the PDF declares it, or as it lies in the PDF, in bytes.
    pub size: usize,
}

/// All files of a PDF, in the order in which the document names them.
#[derive(Debug, Default)]
pub struct Attachments {
    pub files: Vec<Attached>,
    /// Entries of the lists that lead nowhere.
    pub unread: usize,
}

/// Which list a file stands in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum List {
    Names,
    Associated,
    Page,
}

/// As much of a name as is shown of it.
fn beginning(name: &[u8]) -> &[u8] {
    const NAME_BYTES: usize = 1_024;
    &name[..name.len().min(NAME_BYTES)]
}

struct Walk<'p, 'b> {
    pdf: &'p mut PdfFile<'b>,
    limit: usize,
    found: Attachments,
}

impl PdfFile<'_> {
    /// The files it carries. More than `limit` are an error.
    pub fn attachments(&mut self, limit: usize) -> Result<Attachments, Trouble> {
        let catalog = self.catalog()?;
        let mut walk = Walk { pdf: self, limit, found: Attachments::default() };
        let Some(catalog) = catalog.dictionary() else { return Err(Trouble::Broken) };
        for (key, file) in walk.listed(catalog)? {
            walk.file(&file, Some(&key), List::Names)?;
        }
        walk.associated(catalog, List::Associated)?;
        walk.pages(catalog)?;
        Ok(walk.found)
    }

    /// The entries of its list of embedded files, as they are written.
    pub fn listed(&mut self, catalog: &Dictionary) -> Result<Vec<(Value, Value)>, Trouble> {
        Walk { pdf: self, limit: 0, found: Attachments::default() }.listed(catalog)
    }
}

impl Walk<'_, '_> {
    /// The name tree `/Names/EmbeddedFiles`, each node once.
    fn listed(&mut self, catalog: &Dictionary) -> Result<Vec<(Value, Value)>, Trouble> {
        let mut entries = Vec::new();
        let Some(names) = self.pdf.entry(catalog, "Names")? else {
            self.found.unread += usize::from(catalog.get("Names").is_some_and(|names| *names != Value::Null));
            return Ok(entries);
        };
        let Some(root) = names.dictionary().and_then(|names| names.get("EmbeddedFiles")) else { return Ok(entries) };
        let (mut seen, mut open) = (HashSet::new(), vec![root.clone()]);
        while let Some(node) = open.pop() {
            self.pdf.budget.step()?;
            if let Value::Reference(number, _) = node
                && !seen.insert(number)
            {
                continue;
            }
            let node = self.pdf.referred(&node)?;
            let Some(node) = node.as_ref().and_then(|node| node.dictionary()) else {
                self.found.unread += 1;
                continue;
            };
            if let Some(leaf) = self.pdf.entry(node, "Names")?
                && let Value::Array(leaf) = &*leaf
            {
                for pair in leaf.chunks_exact(2) {
                    self.pdf.budget.step()?;
                    let budget = &mut self.pdf.budget;
                    entries.push((budget.copy(&pair[0])?, budget.copy(&pair[1])?));
                    if entries.len() > ENTRIES {
                        return Err(Trouble::Over(
                            ["entrées de la liste des fichiers joints", "entries of the list of attached files"],
                            ENTRIES,
                        ));
                    }
                }
            }
            if let Some(kids) = self.pdf.entry(node, "Kids")?
                && let Value::Array(kids) = &*kids
            {
                for kid in kids.iter().rev() {
                    self.pdf.budget.step()?;
                    open.push(self.pdf.budget.copy(kid)?);
                }
            }
        }
        Ok(entries)
    }

    /// The array `/AF` of the catalogue or of a page.
    fn associated(&mut self, holder: &Dictionary, list: List) -> Result<(), Trouble> {
        let files = self.pdf.entry(holder, "AF")?;
        let Some(Value::Array(files)) = files.as_deref() else {
            self.found.unread += usize::from(holder.get("AF").is_some_and(|files| *files != Value::Null));
            return Ok(());
        };
        for file in files {
            self.pdf.budget.step()?;
            self.file(file, None, list)?;
        }
        Ok(())
    }

    /// What is pinned to the pages: annotations that hold a file.
    fn pages(&mut self, catalog: &Dictionary) -> Result<(), Trouble> {
        let Some(root) = catalog.get("Pages") else { return Ok(()) };
        let (mut seen, mut open) = (HashSet::new(), vec![root.clone()]);
        while let Some(node) = open.pop() {
            self.pdf.budget.step()?;
            if let Value::Reference(number, _) = node
                && !seen.insert(number)
            {
                continue;
            }
            let node = self.pdf.referred(&node)?;
            let Some(node) = node.as_ref().and_then(|node| node.dictionary()) else { continue };
            if let Some(kids) = self.pdf.entry(node, "Kids")?
                && let Value::Array(kids) = &*kids
            {
                for kid in kids.iter().rev() {
                    self.pdf.budget.step()?;
                    open.push(self.pdf.budget.copy(kid)?);
                }
            }
            self.associated(node, List::Page)?;
            let Some(annotations) = self.pdf.entry(node, "Annots")? else { continue };
            let Value::Array(annotations) = &*annotations else { continue };
            for annotation in annotations {
                self.pdf.budget.step()?;
                let annotation = self.pdf.referred(annotation)?;
                let Some(annotation) = annotation.as_ref().and_then(|annotation| annotation.dictionary()) else {
                    continue;
                };
                // One may be pinned to many pages.
                self.pdf.budget.work(annotation.0.len())?;
                if annotation.name("Subtype") == Some(b"FileAttachment")
                    && let Some(file) = annotation.get("FS")
                {
                    self.file(file, None, List::Page)?;
                }
            }
        }
        Ok(())
    }

    /// A file specification, of whatever type it says it is: what counts is that it holds a file (`/EF`).
    fn file(&mut self, specification: &Value, key: Option<&Value>, list: List) -> Result<(), Trouble> {
        let Some(specification) = self.pdf.referred(specification)? else {
            self.found.unread += 1;
            return Ok(());
        };
        let Some(specification) = specification.dictionary() else {
            self.found.unread += 1;
            return Ok(());
        };
        let Some(holds) = self.pdf.entry(specification, "EF")? else { return Ok(()) };
        let name = self.name(specification, key)?;
        let relationship = self.pdf.entry(specification, "AFRelationship")?;
        let relationship = relationship.and_then(|relationship| match &*relationship {
            Value::Name(name) => Some(String::from_utf8_lossy(beginning(name)).into_owned()),
            _ => None,
        });
        self.pdf.budget.work(holds.dictionary().map_or(0, |holds| holds.0.len()))?;
        let mut streams = Vec::new();
        for key in ["F", "UF"] {
            if let Some(Value::Reference(number, _)) = holds.dictionary().and_then(|holds| holds.get(key))
                && !streams.contains(number)
            {
                streams.push(*number);
            }
        }
        self.found.unread += usize::from(streams.is_empty());
        for stream in streams {
            self.add(&name, relationship.clone(), stream, list)?;
        }
        Ok(())
    }

    fn add(&mut self, name: &str, relationship: Option<String>, stream: u32, list: List) -> Result<(), Trouble> {
        let files = &mut self.found.files;
        let known = match files.iter_mut().position(|file| file.stream == stream && file.name == name) {
            Some(known) => known,
            None => {
                let Some(content) = self.pdf.object(stream)?.filter(|object| object.data.is_some()) else {
                    self.found.unread += 1;
                    return Ok(());
                };
                let size = self.size(&content)?;
                let files = &mut self.found.files;
                let (is_listed, is_associated) = (false, false);
                files.push(Attached { name: name.to_owned(), relationship, is_listed, is_associated, stream, size });
                if files.len() > self.limit {
                    return Err(Trouble::Over(["pièces jointes du PDF", "attachments of the PDF"], self.limit));
                }
                files.len() - 1
            }
        };
        let file = &mut self.found.files[known];
        file.is_listed |= list == List::Names;
        file.is_associated |= list == List::Associated;
        Ok(())
    }

    /// By which name people know it: the specification's own, or the one it is listed by.
    fn name(&mut self, specification: &Dictionary, key: Option<&Value>) -> Result<String, Trouble> {
        let mut written = Vec::new();
        for key in ["UF", "F"] {
            written.extend(self.pdf.entry(specification, key)?);
        }
        if let Some(key) = key {
            written.extend(self.pdf.referred(key)?);
        }
        let strings = || {
            written.iter().filter_map(|found| match &**found {
                Value::String(raw) if !raw.is_empty() => Some(beginning(raw)),
                _ => None,
            })
        };
        let readable = strings().filter_map(text_string).find(|name| !name.is_empty());
        let name = readable.or_else(|| strings().next().map(|raw| String::from_utf8_lossy(raw).into_owned()));
        Ok(name.unwrap_or_default())
    }

    /// As it is declared, if what lies there can become so much.
    fn size(&mut self, stream: &Rc<Object>) -> Result<usize, Trouble> {
        let Some(dictionary) = stream.dictionary() else { return Ok(0) };
        let stored = self.pdf.raw(stream)?.map_or(0, |range| range.len());
        let parameters = self.pdf.entry(dictionary, "Params")?;
        let declared = parameters.as_ref().and_then(|parameters| parameters.dictionary()?.natural("Size"));
        Ok(declared.filter(|size| at_most(stored, usize::MAX) >= *size).unwrap_or(stored))
    }
}
