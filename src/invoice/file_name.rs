//! What a file's name says of its content, and whether that is true.
//!
//! Promise: the content alone decides how a file is read; a name that says something else is told, never believed.

use super::{Examined, Finding, Options, Severity, Site, Syntax, texts};

/// Extensions that say what a file is. Another one says nothing: many applications end their names in a number or a type.
const TELLING: &[&str] = &[
    "xml", "pdf", "zip", "gz", "tgz", "tar", "csv", "json", "txt", "doc", "docx", "odt", "xls", "xlsx", "ods", "htm",
    "html", "jpg", "jpeg", "png", "tif", "tiff", "eml", "msg",
];

impl Examined {
    /// The same, with a warning where the file's name says that it is something else.
    pub fn of_name(mut self, name: &str, options: &Options) -> Self {
        let expected = match self.syntax {
            Some(Syntax::FacturX | Syntax::PdfUbl) => "pdf",
            Some(_) => "xml",
            None => return self,
        };
        let extension = name.rsplit_once('.').map(|(_, extension)| extension.to_ascii_lowercase()).unwrap_or_default();
        if extension == expected || !TELLING.contains(&extension.as_str()) {
            return self;
        }
        let values = [("extension", extension.as_str()), ("expected", expected)];
        let (message, remedy) = texts::said(options.tables, "FG-NAME", &values, "");
        let language = options.language;
        self.findings.push(Finding {
            rule: "FG-NAME".to_owned(),
            severity: Severity::Warning,
            place: String::new(),
            message: message.get(language).to_owned(),
            remedy: remedy.get(language).to_owned(),
            site: Site::default(),
        });
        self
    }
}
