//! What is said of a document that cannot be read: our own words for what XML readers complain about, in both languages,
//! with the place. A library's words stand behind ours, and only where we have none for the case.

use quick_xml::errors::{Error, IllFormedError, SyntaxError};
use quick_xml::events::attributes::AttrError;

use crate::fault::{Code, Fault, Text};

use super::outline::{line_starts, position};

/// `ligne 3, colonne 14`, both from 1.
pub fn place(line: usize, column: usize) -> Text {
    Text::new(format!("ligne {line}, colonne {column}"), format!("line {line}, column {column}"))
}

/// The place of a byte of the text.
pub fn place_in(text: &str, offset: usize) -> Text {
    let (line, column) = position(text, &line_starts(text), offset);
    place(line, column)
}

/// The text is no XML: what, and where.
pub fn malformed(detail: &Text, place: &Text) -> Fault {
    Fault::new(Code::XmlMalformed).with_text("detail", detail).with_text("place", place)
}

/// XML that an invoice has no use for and a reader could be hurt by: what, and where.
pub fn forbidden(what: &Text, place: &Text) -> Fault {
    let detail = Text::new(format!("{} ({})", what.fr, place.fr), format!("{} ({})", what.en, place.en));
    Fault::new(Code::XmlForbidden).with_text("detail", &detail)
}

/// A limit was passed: what, and how much is allowed.
pub fn over(fr: &str, en: &str, limit: usize) -> Fault {
    Fault::new(Code::ContentOverLimit).with_text("detail", &allowance(fr, en, limit))
}

/// [`over`] at a place of the document.
pub fn over_at(fr: &str, en: &str, limit: usize, place: &Text) -> Fault {
    let Text { fr, en } = allowance(fr, en, limit);
    let detail = Text::new(format!("{fr}, {}", place.fr), format!("{en}, {}", place.en));
    Fault::new(Code::ContentOverLimit).with_text("detail", &detail)
}

fn allowance(fr: &str, en: &str, limit: usize) -> Text {
    Text::new(format!("{fr} (au plus {limit})"), format!("{en} (at most {limit})"))
}

/// What the XML reader stumbled over. `open` is the innermost element that was open, with its line.
pub fn of_reader(error: &Error, open: Option<(&str, usize)>) -> Text {
    match error {
        Error::Syntax(error) => cut(*error),
        Error::IllFormed(error) => ill_formed(error, open),
        Error::InvalidAttr(error) => of_attribute(error),
        other => Text::technical("XML illisible", "unreadable XML", other),
    }
}

/// The input ended inside a markup.
fn cut(error: SyntaxError) -> Text {
    let (fr, en) = match error {
        SyntaxError::UnclosedTag => ("fichier coupé au milieu d'une balise", "file cut in the middle of a tag"),
        SyntaxError::UnclosedComment => ("commentaire jamais fermé", "comment never closed"),
        SyntaxError::UnclosedCData => ("section CDATA jamais fermée", "CDATA section never closed"),
        SyntaxError::UnclosedDoctype => ("DOCTYPE jamais fermé", "DOCTYPE never closed"),
        SyntaxError::UnclosedPI => ("instruction « <? » jamais fermée", "instruction \"<?\" never closed"),
        SyntaxError::UnclosedXmlDecl => ("déclaration XML jamais fermée", "XML declaration never closed"),
        SyntaxError::InvalidBangMarkup => ("balise « <! » inconnue ou coupée", "tag \"<!\" unknown or cut"),
        SyntaxError::UnclosedSingleQuotedAttributeValue | SyntaxError::UnclosedDoubleQuotedAttributeValue => (
            "valeur d'attribut jamais fermée : un guillemet manque",
            "attribute value never closed: a quote is missing",
        ),
    };
    Text::new(fr, en)
}

fn ill_formed(error: &IllFormedError, open: Option<(&str, usize)>) -> Text {
    match error {
        IllFormedError::MismatchedEndTag { expected, found } => {
            let (fr, en) = match open {
                Some((_, line)) => (format!(", ouvert ligne {line}"), format!(", opened on line {line}")),
                None => (String::new(), String::new()),
            };
            Text::new(
                format!("</{found}> alors que </{expected}> était attendu{fr}"),
                format!("</{found}> where </{expected}> was expected{en}"),
            )
        }
        IllFormedError::UnmatchedEndTag(name) => {
            Text::new(format!("</{name}> sans élément ouvert"), format!("</{name}> without an open element"))
        }
        IllFormedError::MissingEndTag(name) => {
            Text::new(format!("<{name}> n'est jamais fermé"), format!("<{name}> is never closed"))
        }
        IllFormedError::DoubleHyphenInComment => Text::new("« -- » dans un commentaire", "\"--\" inside a comment"),
        IllFormedError::UnclosedReference => lone_ampersand(),
        IllFormedError::MissingDeclVersion(_) => {
            Text::new("déclaration XML sans version en tête", "XML declaration that does not begin with its version")
        }
        IllFormedError::UnknownVersion => {
            Text::new("version de XML inconnue dans la déclaration", "unknown XML version in the declaration")
        }
        IllFormedError::MissingDoctypeName => Text::new("DOCTYPE sans nom", "DOCTYPE without a name"),
    }
}

/// What is wrong with how an attribute is written.
pub fn of_attribute(error: &AttrError) -> Text {
    let (fr, en) = match error {
        AttrError::ExpectedEq(_) => ("attribut sans « = »", "attribute without \"=\""),
        AttrError::ExpectedValue(_) => ("attribut sans valeur", "attribute without a value"),
        AttrError::UnquotedValue(_) => ("valeur d'attribut sans guillemets", "attribute value without quotes"),
        AttrError::ExpectedQuote(..) => ("valeur d'attribut jamais fermée", "attribute value never closed"),
        AttrError::Duplicated(..) => ("attribut en double", "attribute twice"),
    };
    Text::new(fr, en)
}

/// An `&` that begins no reference.
pub fn lone_ampersand() -> Text {
    Text::new("« & » isolé : il s'écrit &amp;", "a lone \"&\": it is written &amp;")
}
