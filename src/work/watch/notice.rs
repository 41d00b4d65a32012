//! A notice in words: an e-mail's subject and text, and a webhook's JSON. Neither holds a secret, an IBAN or the name of a
//! person: titles and remedies of the catalogue, short names, counts and dates.

use serde_json::{Value, json};

use crate::domain::Timestamp;
use crate::fault::{Actor, Gravity, Language, Retry};
use crate::store::NoticeItem;
use crate::work::watch::settings::{NotifySection, Watched};

/// The longest subject of an e-mail, in characters.
const SUBJECT_LIMIT: usize = 160;
/// Alarms that an e-mail tells in full.
const ITEMS_LIMIT: usize = 40;

/// Who speaks, to whom.
pub(super) struct Voice<'a> {
    pub notify: &'a NotifySection,
    pub establishments: &'a [Watched],
    /// What this machine is called.
    pub machine: &'a str,
}

impl Voice<'_> {
    fn language(&self) -> Language {
        self.notify.language
    }

    fn say<'t>(&self, fr: &'t str, en: &'t str) -> &'t str {
        match self.language() {
            Language::Fr => fr,
            Language::En => en,
        }
    }

    /// The establishment a notice is about, or the only one there is, or the machine.
    fn house(&self, items: &[NoticeItem]) -> String {
        let named = gravest(items).and_then(|item| item.realm.as_ref()).map(|realm| realm.establishment.as_str());
        let only = match self.establishments {
            [one] => Some(one.id.as_str()),
            _ => None,
        };
        named.or(only).map_or_else(|| self.machine.to_owned(), |id| format!("{id}, {}", self.machine))
    }

    /// The subject of an e-mail: the box, the establishment, the gravest thing.
    pub fn subject(&self, items: &[NoticeItem]) -> String {
        let house = self.house(items);
        let others = |n: usize, text: String| match (n, self.language()) {
            (0, _) => text,
            (1, Language::Fr) => format!("{text} (et une autre)"),
            (n, Language::Fr) => format!("{text} (et {n} autres)"),
            (1, Language::En) => format!("{text} (and one more)"),
            (n, Language::En) => format!("{text} (and {n} more)"),
        };
        let subject = match gravest(items) {
            Some(item) => {
                let mark = match item.over {
                    Some(_) => self.say("Terminé", "Over"),
                    None => item.gravity.label(self.language()),
                };
                let colon = self.say(" : ", ": ");
                let title = item.fault.title(self.language());
                others(items.len() - 1, format!("[Fluxgate {house}] {mark}{colon}{title}"))
            }
            None => format!("[Fluxgate {house}] {}", self.say("Essai des alarmes", "Test of the alarms")),
        };
        subject.chars().map(|c| if c.is_control() { ' ' } else { c }).take(SUBJECT_LIMIT).collect()
    }

    /// The text of an e-mail.
    pub fn text(&self, items: &[NoticeItem], now: Timestamp) -> String {
        let mut text = String::new();
        let mut line = |words: &str| {
            text.push_str(words);
            text.push('\n');
        };
        if items.is_empty() {
            line(self.say(
                "Ceci est un essai : les alarmes de cette machine arrivent par cette voie. Rien n'est à faire.",
                "This is a test: this box's alarms arrive this way. There is nothing to do.",
            ));
        }
        let mut ordered: Vec<&NoticeItem> = items.iter().collect();
        ordered.sort_by_key(|item| (item.over.is_some(), std::cmp::Reverse(item.gravity), item.since));
        for item in ordered.iter().take(ITEMS_LIMIT) {
            for words in self.lines(item) {
                line(&words);
            }
            line("");
        }
        if items.len() > ITEMS_LIMIT {
            let more = items.len() - ITEMS_LIMIT;
            line(&format!("{} {more}", self.say("Autres alarmes, sur la page :", "More alarms, on the page:")));
        }
        line("");
        if let Some(page) = &self.notify.page {
            line(&format!("{} {page}", self.say("La page :", "The page:")));
        }
        line(&format!("{} {}, {}", self.say("Machine :", "Box:"), self.machine, now.paris_text()));
        text
    }

    fn lines(&self, item: &NoticeItem) -> Vec<String> {
        let language = self.language();
        let mark = match item.over {
            Some(_) => self.say("TERMINÉ", "OVER").to_owned(),
            None => item.gravity.label(language).to_uppercase(),
        };
        let mut lines = vec![format!("{mark} {} - {}", item.fault.code, item.fault.title(language))];
        if let Some(realm) = &item.realm {
            let name = self.establishments.iter().find(|e| e.id == realm.establishment).map(|e| e.name.as_str());
            let name = name.unwrap_or(realm.establishment.as_str());
            lines.push(format!(
                "{} {name} ({}), {}",
                self.say("Où :", "Where:"),
                realm.establishment,
                language.environment(realm.environment)
            ));
        }
        lines.push(format!("{} {}", self.say("Depuis :", "Since:"), item.since.paris_text()));
        match item.over {
            Some(over) => lines.push(format!("{} {}", self.say("Terminé :", "Over:"), over.paris_text())),
            None => {
                lines.push(format!("{} {}", self.say("Qui agit :", "Who acts:"), actor(item.fault.actor(), language)));
                lines.push(format!("{} {}", self.say("Que faire :", "What to do:"), item.fault.remedy(language)));
                if item.fault.retry() == Retry::Later {
                    lines.push(self.say("Nouvel essai automatique.", "Tried again by itself.").to_owned());
                }
            }
        }
        lines
    }

    /// The body of a webhook.
    pub fn json(&self, mark: &str, items: &[NoticeItem], now: Timestamp) -> Value {
        let language = self.language();
        let alarms: Vec<Value> = items
            .iter()
            .map(|item| {
                json!({
                    "subject": item.subject,
                    "code": item.fault.code.as_str(),
                    "gravity": item.gravity.as_str(),
                    "establishment": item.realm.as_ref().map(|realm| realm.establishment.as_str()),
                    "environment": item.realm.as_ref().map(|realm| realm.environment.as_str()),
                    "since": item.since.to_string(),
                    "over": item.over.map(|at| at.to_string()),
                    "title": item.fault.title(language),
                    "remedy": item.fault.remedy(language),
                })
            })
            .collect();
        json!({
            "version": 1,
            "id": mark,
            "sent_at": now.to_string(),
            "machine": self.machine,
            "test": items.is_empty(),
            "text": self.subject(items),
            "page": self.notify.page,
            "alarms": alarms,
        })
    }
}

/// The first of the gravest that is not over.
fn gravest(items: &[NoticeItem]) -> Option<&NoticeItem> {
    let rank = |item: &&NoticeItem| (item.over.is_none(), item.gravity, std::cmp::Reverse(item.since));
    items.iter().max_by_key(rank)
}

fn actor(actor: Actor, language: Language) -> &'static str {
    let [fr, en] = match actor {
        Actor::Supplier => ["le fournisseur (émetteur)", "the supplier (issuer)"],
        Actor::Establishment => ["l'établissement", "the establishment"],
        Actor::Chorus => ["Chorus Pro", "Chorus Pro"],
        Actor::Network => ["le service réseau", "the network team"],
        Actor::Appliance => ["l'administrateur de la machine", "the box's administrator"],
    };
    match language {
        Language::Fr => fr,
        Language::En => en,
    }
}

/// The gravest of what a notice tells, for the page and for logs.
pub(super) fn gravity(items: &[NoticeItem]) -> Gravity {
    items.iter().filter(|item| item.over.is_none()).map(|item| item.gravity).max().unwrap_or(Gravity::Info)
}
