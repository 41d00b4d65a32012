//! The operator's catalogue of faults: one table (`catalogue`). A code is stable for ever; its wording may improve.
//!
//! Every message a person reads about something that went wrong is a row here: who must act, whether trying again
//! helps, and in French and English what happened (title) and what to do (remedy). `{name}` in a text is filled
//! from the case's details. The README lists the table (`tests/it/house.rs` compares).

use std::collections::BTreeMap;
use std::fmt;
use std::io::{self, ErrorKind};

use serde::{Deserialize, Serialize};

use crate::domain::Environment;

mod catalogue;

pub use catalogue::{CATALOGUE, Code};

/// Who must act for the fault to go away.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Actor {
    /// Whoever made the invoice: the firm, or the application that writes the file.
    Supplier,
    /// The establishment: its accountants or its IT admin.
    Establishment,
    /// The State's platform.
    Chorus,
    /// The way between this box and Chorus Pro.
    Network,
    /// This box.
    Appliance,
}

/// Whether the same thing tried again may succeed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Retry {
    /// Never by itself: a file is to be dropped again, or nothing is to be done, as the remedy says.
    Never,
    /// By itself, later: nothing to do unless it lasts.
    Later,
    /// By itself, once somebody has done what the remedy says.
    AfterAction,
}

/// How grave an alarm is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Gravity {
    /// Good to know.
    Info,
    /// Somebody looks tomorrow.
    #[default]
    Warning,
    /// Somebody gets up.
    Critical,
}

impl Gravity {
    pub const ALL: [Gravity; 3] = [Gravity::Info, Gravity::Warning, Gravity::Critical];

    /// As a word of the journal and of metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Gravity::Info => "info",
            Gravity::Warning => "warning",
            Gravity::Critical => "critical",
        }
    }

    pub fn label(self, language: Language) -> &'static str {
        match (self, language) {
            (Gravity::Info, Language::Fr) => "Information",
            (Gravity::Info, Language::En) => "Information",
            (Gravity::Warning, Language::Fr) => "Avertissement",
            (Gravity::Warning, Language::En) => "Warning",
            (Gravity::Critical, Language::Fr) => "Critique",
            (Gravity::Critical, Language::En) => "Critical",
        }
    }
}

/// The language of a text for people.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Language {
    #[default]
    Fr,
    En,
}

impl Language {
    /// An environment as people call it; the configuration's word is its code.
    pub fn environment(self, environment: Environment) -> &'static str {
        match (self, environment) {
            (Language::Fr, Environment::Practice) => "entraînement",
            (_, environment) => environment.as_str(),
        }
    }
}

impl From<Environment> for Text {
    fn from(environment: Environment) -> Self {
        Self::new(Language::Fr.environment(environment), Language::En.environment(environment))
    }
}

/// A sentence, or a part of one, in both languages. Displays in English, the language of logs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Text {
    pub fr: String,
    pub en: String,
}

impl Text {
    pub fn new(fr: impl Into<String>, en: impl Into<String>) -> Self {
        Self { fr: fr.into(), en: en.into() }
    }

    /// What reads the same in both: a number, a name, a code.
    pub fn same(text: impl Into<String>) -> Self {
        let text = text.into();
        Self { fr: text.clone(), en: text }
    }

    /// A library's own words, which are English and meant for who repairs things: a person reads ours first.
    pub fn technical(fr: &str, en: &str, detail: impl fmt::Display) -> Self {
        Self { fr: format!("{fr} (détail technique : {detail})"), en: format!("{en} (technical detail: {detail})") }
    }

    /// The text of each language, changed alike.
    #[must_use]
    pub fn map(self, mut change: impl FnMut(String) -> String) -> Self {
        Self { fr: change(self.fr), en: change(self.en) }
    }

    /// With what it is about before it.
    #[must_use]
    pub fn about(self, what: impl fmt::Display) -> Self {
        Self { fr: format!("{what} : {}", self.fr), en: format!("{what}: {}", self.en) }
    }

    pub fn get(&self, language: Language) -> &str {
        match language {
            Language::Fr => &self.fr,
            Language::En => &self.en,
        }
    }
}

/// The system's errors that people meet, in their words; others as they are, named as its own.
impl From<&io::Error> for Text {
    fn from(error: &io::Error) -> Self {
        match error.kind() {
            ErrorKind::NotFound => Text::new("introuvable", "not found"),
            ErrorKind::PermissionDenied => Text::new("accès refusé", "permission denied"),
            ErrorKind::IsADirectory => Text::new("c'est un dossier", "it is a folder"),
            ErrorKind::NotADirectory => {
                Text::new("une partie du chemin n'est pas un dossier", "a part of the path is no folder")
            }
            ErrorKind::InvalidData => Text::new("ce n'est pas du texte en UTF-8", "it is no UTF-8 text"),
            _ => Text::technical("erreur du système", "an error of the system", error),
        }
    }
}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.en)
    }
}

/// A row of the catalogue.
#[derive(Debug, Clone, Copy)]
pub struct Entry {
    pub code: Code,
    /// What people quote: `FG-` and three digits.
    pub text: &'static str,
    pub actor: Actor,
    pub retry: Retry,
    title: [&'static str; 2],
    remedy: [&'static str; 2],
}

impl Entry {
    /// The title with its blanks as they stand in the table.
    pub fn title(&self, language: Language) -> &'static str {
        self.title[language as usize]
    }

    /// The remedy with its blanks as they stand in the table.
    pub fn remedy(&self, language: Language) -> &'static str {
        self.remedy[language as usize]
    }
}

impl Code {
    /// The code's row.
    pub fn entry(self) -> &'static Entry {
        &CATALOGUE[self as usize]
    }

    /// The stable code: `FG-` and three digits.
    pub fn as_str(self) -> &'static str {
        self.entry().text
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl std::str::FromStr for Code {
    type Err = UnknownCode;
    fn from_str(text: &str) -> Result<Self, UnknownCode> {
        CATALOGUE
            .iter()
            .find(|e| e.text == text)
            .map(|e| e.code)
            .ok_or_else(|| UnknownCode(text.chars().take(20).collect()))
    }
}

/// A code that this version's catalogue does not list.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown fault code {0:?}")]
pub struct UnknownCode(pub String);

impl Serialize for Code {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for Code {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// Before an environment where a text names a section of the configuration.
const SECTION: &str = "[chorus.api.";

/// The longest value that fills a blank, in characters.
const VALUE_CHARACTERS: usize = 300;

/// Under which key the English words of a value stand beside the French ones.
fn english(name: &str) -> String {
    format!("{name}.en")
}

/// One occurrence of a fault: the code, and what fills the blanks of its texts. Serialised as JSON in the store.
///
/// A value that reads differently in the two languages stands twice, as `name` and as `name.en`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fault {
    pub code: Code,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub details: BTreeMap<String, String>,
}

impl Fault {
    pub fn new(code: Code) -> Self {
        Self { code, details: BTreeMap::new() }
    }

    /// Fills the blank `{name}` of the texts; a value is cut to 300 characters.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl fmt::Display) -> Self {
        self.details.insert(name.to_owned(), value.to_string().chars().take(VALUE_CHARACTERS).collect());
        self
    }

    /// Fills the blank `{name}` of each language's texts with that language's words.
    #[must_use]
    pub fn with_text(self, name: &str, value: &Text) -> Self {
        let fault = self.with(name, &value.fr);
        if value.fr == value.en { fault } else { fault.with(&english(name), &value.en) }
    }

    /// What fills the blank `{name}`.
    pub fn detail(&self, name: &str, language: Language) -> Option<&str> {
        let own = match language {
            Language::Fr => None,
            Language::En => self.details.get(&english(name)),
        };
        own.or_else(|| self.details.get(name)).map(String::as_str)
    }

    pub fn actor(&self) -> Actor {
        self.code.entry().actor
    }

    pub fn retry(&self) -> Retry {
        self.code.entry().retry
    }

    /// What happened, in one line.
    pub fn title(&self, language: Language) -> String {
        self.fill(self.code.entry().title(language), language)
    }

    /// What to do about it.
    pub fn remedy(&self, language: Language) -> String {
        self.fill(self.code.entry().remedy(language), language)
    }

    fn fill(&self, text: &str, language: Language) -> String {
        let mut filled = String::with_capacity(text.len());
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('{') {
            filled.push_str(before);
            let Some((name, after)) = after.split_once('}') else { break };
            let value = self.detail(name, language).unwrap_or("?");
            // Kept as its code, which is what the configuration's sections are called by.
            let environment = value.parse().ok().filter(|_| name == "environment" && !filled.ends_with(SECTION));
            filled.push_str(environment.map_or(value, |environment| language.environment(environment)));
            rest = after;
        }
        filled.push_str(rest);
        filled
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.code, self.title(Language::En))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn blanks(text: &str) -> BTreeSet<&str> {
        text.split('{').skip(1).filter_map(|rest| rest.split_once('}')).map(|(name, _)| name).collect()
    }

    #[test]
    fn codes_are_unique_in_order_and_texts_complete() {
        for (row, entry) in CATALOGUE.iter().enumerate() {
            assert_eq!(entry.code as usize, row);
            assert!(row == 0 || CATALOGUE[row - 1].text < entry.text, "{} is out of order or double", entry.text);
            assert_eq!(entry.text.parse(), Ok(entry.code));
            for language in [Language::Fr, Language::En] {
                assert!(entry.title(language).len() > 5 && entry.remedy(language).len() > 10, "{}", entry.text);
            }
            assert_eq!(blanks(entry.title(Language::Fr)), blanks(entry.title(Language::En)), "{}", entry.text);
            assert_eq!(blanks(entry.remedy(Language::Fr)), blanks(entry.remedy(Language::En)), "{}", entry.text);
        }
    }

    #[test]
    fn blanks_are_filled_and_values_are_never_read_as_blanks() {
        let fault = Fault::new(Code::Duplicate).with("first", "{first}");
        assert_eq!(fault.title(Language::En), "Already dropped: this file is identical to flow {first}");
        assert!(Fault::new(Code::Duplicate).title(Language::Fr).ends_with("flux ?"));
        let text = serde_json::to_string(&fault).unwrap();
        assert_eq!(serde_json::from_str::<Fault>(&text).unwrap(), fault);
    }

    #[test]
    fn a_detail_reads_in_the_language_of_its_sentence() {
        let fault = Fault::new(Code::ContentOverLimit).with_text("detail", &Text::new("trop long", "too long"));
        assert_eq!(fault.title(Language::Fr), "Contenu hors limites : trop long");
        assert_eq!(fault.title(Language::En), "Content over a limit: too long");
        let stored = serde_json::to_string(&fault).unwrap();
        assert_eq!(serde_json::from_str::<Fault>(&stored).unwrap(), fault);
        // As it was stored before details had two languages, and as what reads the same in both is.
        let one = r#"{"code":"FG-206","details":{"detail":"1 000"}}"#;
        let one: Fault = serde_json::from_str(one).unwrap();
        assert_eq!(one.title(Language::En), "Content over a limit: 1 000");
        assert_eq!(one, Fault::new(Code::ContentOverLimit).with_text("detail", &Text::same("1 000")));
    }

    #[test]
    fn an_environment_reads_in_the_language_of_its_sentence_and_a_section_as_it_is_written() {
        let fault = Fault::new(Code::AuthorityUnusable).with("environment", Environment::Practice);
        assert!(
            fault.title(Language::Fr).contains("pour l'environnement entraînement"),
            "{}",
            fault.title(Language::Fr)
        );
        assert!(fault.title(Language::En).contains("for environment practice"), "{}", fault.title(Language::En));
        for language in [Language::Fr, Language::En] {
            let remedy = fault.remedy(language);
            assert!(remedy.contains("[chorus.api.practice]") && !remedy.contains("entra"), "{remedy}");
        }
    }

    /// Libraries, the system and Chorus Pro speak in their own language: what they say stands at the end of the title, named
    /// as a technical detail or as a quotation.
    #[test]
    fn others_words_are_marked_as_theirs() {
        let read_by_us = [
            Code::XmlMalformed,
            Code::EncodingWrong,
            Code::XmlForbidden,
            Code::ContentOverLimit,
            Code::ArchiveUnreadable,
            Code::PivotNotRead,
            Code::ComplementWrong,
        ];
        for entry in CATALOGUE.iter().filter(|entry| !read_by_us.contains(&entry.code)) {
            let (fr, en) = (entry.title(Language::Fr), entry.title(Language::En));
            for blank in ["{detail}", "{reason}"].iter().filter(|blank| fr.contains(**blank)) {
                assert!(fr.ends_with(&format!("(détail technique : {blank})")), "{fr}");
                assert!(en.ends_with(&format!("(technical detail: {blank})")), "{en}");
            }
            for blank in ["{label}", "{comment}", "{event}"].iter().filter(|blank| fr.contains(**blank)) {
                assert!(fr.contains(&format!("« {blank} »")), "{fr}");
                assert!(en.contains(&format!("\"{blank}\"")), "{en}");
            }
        }
    }

    /// A file refused at the door is gone: no remedy may promise that it is taken up again by itself.
    #[test]
    fn a_refused_drop_is_to_be_dropped_again() {
        for code in [Code::QuotaExceeded, Code::DiskNearlyFull, Code::UploadInterrupted, Code::NoRoute] {
            let entry = code.entry();
            assert_eq!(entry.retry, Retry::Never, "{code}");
            assert!(entry.remedy(Language::Fr).starts_with("Rien n'a été pris."), "{code}");
            assert!(entry.remedy(Language::Fr).contains("de nouveau"), "{code}");
            assert!(entry.remedy(Language::En).starts_with("Nothing was taken."), "{code}");
            assert!(entry.remedy(Language::En).to_lowercase().contains("again"), "{code}");
        }
    }
}
