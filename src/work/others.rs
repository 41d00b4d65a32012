//! Whose a received invoice is, where a technical account is attached to several structures: each establishment of this box
//! takes what is for its own SIRET, and nothing is delivered twice. What is for a structure that this box does not know is
//! delivered to nobody, left untouched at Chorus Pro, and told by an alarm (FG-617) until the configuration names it. Then what
//! was passed over meanwhile is read by the realm that receives for it, as if no look since its first sight had been (FG-618
//! until it is).

use std::collections::BTreeMap;
use std::time::Duration;

use crate::domain::{InvoiceNumber, Realm, Siret, Timestamp};
use crate::store::{Reader, StoreError};
use crate::work::core::Core;
use crate::work::settings::Options;

/// The named value that holds which other structures' invoices a realm's account shows.
const OTHERS: &str = "reception.others";
/// One that was seen no more for so long is forgotten, if both lists were read throughout meanwhile and did not show it.
const FORGOTTEN_AFTER: Duration = Duration::from_secs(15 * 24 * 3600);
/// Seen again within this time, it is not written down again.
const WRITTEN_EVERY: Duration = Duration::from_secs(24 * 3600);
/// Since when one was seen whose line does not say (of an earlier version): as far back as a first look goes.
const SINCE_UNKNOWN: Duration = Duration::from_secs(35 * 24 * 3600);
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
    let Some(own) = siret_of(options, realm) else { return Whose::Ours };
    let Some(recipient) = recipient.and_then(|text| text.trim().parse::<Siret>().ok()) else { return Whose::Ours };
    if recipient == *own {
        return Whose::Ours;
    }
    let receives =
        |other: &Realm| other.environment == realm.environment && siret_of(options, other) == Some(&recipient);
    match options.receivers().iter().any(|(other, _)| receives(other)) {
        true => Whose::AnotherOnes,
        false => Whose::Nobodys(recipient),
    }
}

fn siret_of<'a>(options: &'a Options, realm: &Realm) -> Option<&'a Siret> {
    options.sirets.iter().find(|(id, _)| *id == realm.establishment).map(|(_, siret)| siret)
}

/// Whether `by` receives by now for a structure whose invoices the account of `of` showed, whatever became of `of`.
fn is_owed(options: &Options, of: &Realm, by: &Realm, siret: &str) -> bool {
    of.environment == by.environment
        && siret_of(options, by).is_some_and(|own| own.as_str() == siret)
        && options.receivers().iter().any(|(realm, _)| realm == by)
}

/// What a realm has to read once more, because it receives for it only by now.
#[derive(Debug, Default)]
pub(super) struct Owed {
    /// The structures, whose account showed them, and an invoice for each.
    entries: Vec<(Realm, String, String)>,
    /// Since when the first of them was passed over.
    pub since: Option<Timestamp>,
}

impl Owed {
    pub fn to(reader: &Reader, options: &Options, by: &Realm) -> Result<Self, StoreError> {
        let mut owed = Self::default();
        for (of, text) in reader.remembered_everywhere(OTHERS)? {
            for (siret, sight) in Others::read(&text).seen {
                if is_owed(options, &of, by, &siret) {
                    owed.since = Some(owed.since.map_or(sight.since, |since| since.min(sight.since)));
                    owed.entries.push((of.clone(), siret, sight.number));
                }
            }
        }
        Ok(owed)
    }

    /// Whose account showed which structure.
    pub fn entries(&self) -> impl Iterator<Item = (Realm, String)> {
        self.entries.iter().map(|(of, siret, _)| (of.clone(), siret.clone()))
    }

    /// Each structure, once, and the number of an invoice for it.
    pub fn list(self) -> Vec<(String, String)> {
        let each = self.entries.into_iter().map(|(_, siret, number)| (siret, number));
        each.collect::<BTreeMap<_, _>>().into_iter().collect()
    }

    /// It was read throughout: nothing more is told of it.
    pub async fn settle(self, core: &Core) -> Result<(), StoreError> {
        for (of, siret, _) in self.entries {
            let mut others = Others::kept(&core.store.reader()?, &of)?;
            if others.seen.remove(&siret).is_some() {
                others.write(core, &of).await?;
            }
        }
        Ok(())
    }
}

/// Structures that are no establishment of this box, by what was seen of them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Others {
    seen: BTreeMap<String, Sight>,
    changed: bool,
}

/// What was seen of a structure.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Sight {
    /// When last.
    at: Timestamp,
    /// From when on the look read that saw it first: what it shows has been passed over since.
    since: Timestamp,
    /// An invoice for it.
    number: String,
}

impl Others {
    pub fn kept(reader: &Reader, realm: &Realm) -> Result<Self, StoreError> {
        Ok(reader.remembered(realm, OTHERS)?.map_or_else(Self::default, |text| Self::read(&text)))
    }

    /// One a line: SIRET, instant, since when, number.
    fn read(text: &str) -> Self {
        let line = |line: &str| {
            let mut words = line.splitn(3, ' ');
            let (siret, at, rest) = (words.next()?, words.next()?.parse::<Timestamp>().ok()?, words.next()?);
            let dated = rest.split_once(' ').and_then(|(since, number)| Some((since.parse().ok()?, number)));
            let (since, number) = dated.unwrap_or((at.minus(SINCE_UNKNOWN), rest));
            Some((siret.to_owned(), Sight { at, since, number: number.to_owned() }))
        };
        Self { seen: text.lines().filter_map(line).collect(), changed: false }
    }

    /// A look that reads from `since` on shows an invoice for it.
    pub fn saw(&mut self, siret: Siret, number: &InvoiceNumber, since: Timestamp, at: Timestamp) {
        let known = self.seen.get(siret.as_str());
        if known.is_some_and(|sight| at.since(sight.at) < WRITTEN_EVERY && sight.since <= since) {
            return;
        }
        if known.is_none() {
            log::warn!(siret = siret.as_str(), number = number.as_str();
                "A received invoice is for a structure that is no establishment of this box; it is left at Chorus Pro");
        }
        if known.is_some() || self.seen.len() < OTHERS_LIMIT {
            let since = known.map_or(since, |sight| sight.since.min(since));
            self.seen.insert(siret.as_str().to_owned(), Sight { at, since, number: number.as_str().to_owned() });
            self.changed = true;
        }
    }

    /// Writes down what is new; what shows no more goes, once both lists were `read` throughout without it: what was passed
    /// over is not forgotten because Chorus Pro does not answer. What this box receives for by now stays until it is read.
    pub async fn keep(
        &mut self,
        core: &Core,
        realm: &Realm,
        now: Timestamp,
        read: Option<Timestamp>,
    ) -> Result<(), StoreError> {
        let options = core.options.load_full();
        let before = self.seen.len();
        let shows_no_more = |sight: &Sight| {
            now.since(sight.at) >= FORGOTTEN_AFTER && read.is_some_and(|read| read.since(sight.at) >= WRITTEN_EVERY)
        };
        self.seen.retain(|siret, sight| {
            !shows_no_more(sight) || !matches!(whose(&options, realm, Some(siret)), Whose::Nobodys(_))
        });
        if !self.changed && self.seen.len() == before {
            return Ok(());
        }
        self.write(core, realm).await
    }

    async fn write(&self, core: &Core, realm: &Realm) -> Result<(), StoreError> {
        let line =
            |(siret, sight): (&String, &Sight)| format!("{siret} {} {} {}\n", sight.at, sight.since, sight.number);
        let lines = self.seen.iter().map(line);
        core.store.remember(realm, OTHERS, &lines.collect::<String>()).await
    }

    /// Each structure that nobody receives for here, and the number of an invoice for it.
    pub fn list(&self, options: &Options, realm: &Realm) -> Vec<(String, String)> {
        let nobodys = |siret: &str| matches!(whose(options, realm, Some(siret)), Whose::Nobodys(_));
        let each = self.seen.iter().filter(|(siret, _)| nobodys(siret));
        each.map(|(siret, sight)| (siret.clone(), sight.number.clone())).collect()
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
    fn what_was_passed_over_is_read_by_whoever_receives_for_it_by_now() {
        let realm = |id: &str| Realm { establishment: id.parse().unwrap(), environment: Environment::Practice };
        let owed = |of: &str, by: &str, siret| is_owed(&options(), &realm(of), &realm(by), siret);
        assert!(owed("one", "one", "12345678200051") && owed("one", "two", "12345678200036"));
        assert!(!owed("one", "one", "12345678200036") && !owed("two", "two", "12345678200051"));
        assert!(!owed("one", "two", "12345678200051"), "each reads its own list");
        assert!(!owed("one", "mute", "12345678200028"), "still nobody's");
        assert!(owed("replaced", "two", "12345678200036"), "whose account showed it may be no establishment any more");
        let elsewhere = Realm { environment: Environment::Production, ..realm("two") };
        assert!(!is_owed(&options(), &realm("one"), &elsewhere, "12345678200036"));
    }

    #[test]
    fn what_is_seen_of_others_is_read_back() {
        let now: Timestamp = "2026-11-26T10:00:00Z".parse().unwrap();
        let realm = Realm { establishment: "one".parse().unwrap(), environment: Environment::Practice };
        let mut others = Others::default();
        let since = now.minus(WRITTEN_EVERY);
        others.saw("12345678200044".parse().unwrap(), &"F 1".parse().unwrap(), since, now);
        assert!(others.changed);
        let mut read = Others::read(&format!("12345678200044 {now} {since} F 1\n"));
        assert_eq!(read.seen, others.seen);
        let undated = Others::read(&format!("12345678200044 {now} F 1\n"));
        let listed = |others: &Others| others.list(&options(), &realm);
        assert_eq!(listed(&undated), listed(&read), "of an earlier version");
        assert_eq!(undated.seen["12345678200044"].since, now.minus(SINCE_UNKNOWN));
        assert_eq!((listed(&read), read.changed), (vec![("12345678200044".to_owned(), "F 1".to_owned())], false));
        let mut again = |hours: u64| {
            let at = now.plus(Duration::from_secs(hours * 3600));
            read.saw("12345678200044".parse().unwrap(), &"F 2".parse().unwrap(), at, at);
            (read.changed, read.seen["12345678200044"].since)
        };
        assert_eq!(again(1), (false, since), "within the day");
        assert_eq!(again(30), (true, since), "passed over since its first sight");
    }
}
