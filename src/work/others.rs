//! Whose a received invoice is, where a technical account is attached to several structures: each establishment of this box
//! takes what is for its own SIRET, and nothing is delivered twice. What is for a structure that this box does not know is
//! delivered to nobody, left untouched at Chorus Pro, and told by an alarm (FG-617) until the configuration names it.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::domain::{InvoiceNumber, Realm, Siret, Timestamp};
use crate::store::{Reader, StoreError};
use crate::work::core::Core;
use crate::work::settings::Options;

/// The named value that holds which other structures' invoices a realm's account shows.
const OTHERS: &str = "reception.others";
/// One that was seen no more for so long is forgotten: each week everything that is open is seen.
const FORGOTTEN_AFTER: Duration = Duration::from_secs(15 * 24 * 3600);
/// Seen again within this time, it is not written down again.
const WRITTEN_EVERY: Duration = Duration::from_secs(24 * 3600);
/// Structures that are told of one account.
const OTHERS_LIMIT: usize = 200;

/// Whose an invoice is that a realm's account shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Whose {
    Ours,
    /// Another establishment of this box, which looks for its own.
    AnotherOnes,
    /// No establishment of this box receives for it.
    Nobodys(Siret),
}

/// By the recipient that the row names; one that names none is for who asked.
pub(super) fn whose(options: &Options, realm: &Realm, recipient: Option<&str>) -> Whose {
    let siret_of = |realm: &Realm| options.sirets.iter().find(|(id, _)| *id == realm.establishment).map(|(_, s)| s);
    let Some(own) = siret_of(realm) else { return Whose::Ours };
    let Some(recipient) = recipient.and_then(|text| text.trim().parse::<Siret>().ok()) else { return Whose::Ours };
    if recipient == *own {
        return Whose::Ours;
    }
    let receives = |other: &Realm| other.environment == realm.environment && siret_of(other) == Some(&recipient);
    match options.receivers().iter().any(|(other, _)| receives(other)) {
        true => Whose::AnotherOnes,
        false => Whose::Nobodys(recipient),
    }
}

/// Structures that are no establishment of this box: when an invoice for it was last seen, and its number.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Others {
    seen: BTreeMap<String, (Timestamp, String)>,
    changed: bool,
}

impl Others {
    pub fn kept(reader: &Reader, realm: &Realm) -> Result<Self, StoreError> {
        Ok(reader.remembered(realm, OTHERS)?.map_or_else(Self::default, |text| Self::read(&text)))
    }

    /// One a line: SIRET, instant, number.
    fn read(text: &str) -> Self {
        let line = |line: &str| {
            let mut words = line.splitn(3, ' ');
            let (siret, at, number) = (words.next()?, words.next()?, words.next()?);
            Some((siret.to_owned(), (at.parse().ok()?, number.to_owned())))
        };
        Self { seen: text.lines().filter_map(line).collect(), changed: false }
    }

    pub fn saw(&mut self, siret: Siret, number: &InvoiceNumber, at: Timestamp) {
        let known = self.seen.get(siret.as_str());
        if known.is_some_and(|(seen, _)| at.since(*seen) < WRITTEN_EVERY) {
            return;
        }
        if known.is_none() {
            log::warn!(siret = siret.as_str(), number = number.as_str();
                "A received invoice is for a structure that is no establishment of this box; it is left at Chorus Pro");
        }
        if known.is_some() || self.seen.len() < OTHERS_LIMIT {
            self.seen.insert(siret.as_str().to_owned(), (at, number.as_str().to_owned()));
            self.changed = true;
        }
    }

    /// Writes down what is new; what this box receives for by now, or what shows no more, goes.
    pub async fn keep(&mut self, core: &Core, realm: &Realm, now: Timestamp) -> Result<(), StoreError> {
        let options = core.options.load_full();
        let before = self.seen.len();
        self.seen.retain(|siret, (seen, _)| {
            now.since(*seen) < FORGOTTEN_AFTER && matches!(whose(&options, realm, Some(siret)), Whose::Nobodys(_))
        });
        if !self.changed && self.seen.len() == before {
            return Ok(());
        }
        let lines = self.seen.iter().map(|(siret, (at, number))| format!("{siret} {at} {number}\n"));
        core.store.remember(realm, OTHERS, &lines.collect::<String>()).await
    }

    /// Each structure and the number of an invoice for it.
    pub fn list(&self) -> Vec<(String, String)> {
        self.seen.iter().map(|(siret, (_, number))| (siret.clone(), number.clone())).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Environment;

    fn options() -> Options {
        let route = |establishment: &str| {
            let text = format!(
                "account = \"a\"\nestablishment = \"{establishment}\"\nenvironment = \"practice\"\nreceive = true"
            );
            toml::from_str(&text).unwrap()
        };
        let siret = |id: &str, siret: &str| (id.parse().unwrap(), siret.parse().unwrap());
        Options {
            routes: vec![route("one"), route("two")],
            sirets: vec![
                siret("one", "12345678200051"),
                siret("two", "12345678200036"),
                siret("mute", "12345678200028"),
            ],
            ..Options::default()
        }
    }

    #[test]
    fn an_invoice_is_for_whose_siret_it_names() {
        let realm = |id: &str| Realm { establishment: id.parse().unwrap(), environment: Environment::Practice };
        let of = |id: &str, recipient| whose(&options(), &realm(id), recipient);
        assert_eq!(of("one", Some(" 12345678200051")), Whose::Ours);
        assert_eq!(of("one", Some("12345678200036")), Whose::AnotherOnes);
        assert_eq!(of("two", Some("12345678200036")), Whose::Ours);
        let nobodys = |siret: &str| Whose::Nobodys(siret.parse().unwrap());
        assert_eq!(of("one", Some("12345678200044")), nobodys("12345678200044"));
        assert_eq!(of("one", Some("12345678200028")), nobodys("12345678200028"), "no route receives for it");
        assert_eq!(of("one", None), Whose::Ours);
        let elsewhere = Realm { environment: Environment::Production, ..realm("one") };
        assert_eq!(whose(&options(), &elsewhere, Some("12345678200036")), nobodys("12345678200036"));
    }

    #[test]
    fn what_is_seen_of_others_is_read_back() {
        let now: Timestamp = "2026-11-26T10:00:00Z".parse().unwrap();
        let mut others = Others::default();
        others.saw("12345678200044".parse().unwrap(), &"F 1".parse().unwrap(), now);
        assert!(others.changed);
        let line = format!("12345678200044 {now} F 1\n");
        let mut read = Others::read(&line);
        assert_eq!((read.list(), read.changed), (vec![("12345678200044".to_owned(), "F 1".to_owned())], false));
        read.saw("12345678200044".parse().unwrap(), &"F 2".parse().unwrap(), now.plus(Duration::from_secs(60)));
        assert!(!read.changed, "within the day");
    }
}
