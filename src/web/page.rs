//! What every page has around it, and who is looking at it.

use crate::web::answer::Answer;
use crate::web::ask::Ask;
use crate::web::asset;
use crate::web::error::Trouble;
use crate::web::session::{Session, VISITOR_COOKIE, random_token, strict_cookie};
use crate::web::site::Site;
use crate::web::words::Tongue;

/// How often a page that shows what goes on renews itself.
pub const REFRESH_SECONDS: u32 = 15;

/// The frame of a page.
pub struct Chrome {
    pub t: Tongue,
    pub title: String,
    pub person: Option<String>,
    /// What every form of the page carries.
    pub csrf: String,
    /// The entry of the navigation this page belongs to.
    pub here: &'static str,
    /// Where the other language's link comes back to.
    pub path: String,
    /// After how many seconds the page renews itself, if it does.
    pub refresh: Option<u32>,
    /// A line said once at the top: something was done.
    pub done: Option<&'static str>,
    pub mark: &'static str,
    /// Whether the machine has a page of its own.
    pub is_appliance: bool,
}

/// Who asks.
pub struct Visit {
    pub t: Tongue,
    pub session: Option<Session>,
    /// Binds a form to a browser before log-in.
    visitor: String,
    visitor_is_new: bool,
}

impl Visit {
    pub fn new(ask: &Ask, t: Tongue, session: Option<Session>) -> Result<Self, Trouble> {
        let known = ask.cookie(VISITOR_COOKIE).filter(|v| v.len() == 43).map(str::to_owned);
        let visitor_is_new = known.is_none() && session.is_none();
        let visitor = match known {
            Some(visitor) => visitor,
            None if visitor_is_new => random_token()?,
            None => String::new(),
        };
        Ok(Self { t, session, visitor, visitor_is_new })
    }

    /// The token that this visit's forms carry.
    pub fn csrf(&self, site: &Site) -> String {
        self.session.as_ref().map_or_else(|| site.sessions.visitor_csrf(&self.visitor), |s| s.csrf.clone())
    }

    /// The name of who is logged in.
    pub fn person(&self) -> &str {
        self.session.as_ref().map_or("", |s| s.person.as_str())
    }

    /// The frame for a page of this visit.
    pub fn chrome(&self, site: &Site, ask: &Ask, here: &'static str, title: &str) -> Chrome {
        let said = ask.query.get("fait");
        Chrome {
            t: self.t,
            title: title.to_owned(),
            person: self.session.as_ref().map(|s| s.person.clone()),
            csrf: self.csrf(site),
            here,
            path: ask.path.clone(),
            refresh: None,
            done: DONE.iter().find(|(key, ..)| *key == said).map(|(_, fr, en)| self.t.say(fr, en)),
            mark: &asset::MARK,
            is_appliance: site.keeper().is_some(),
        }
    }

    /// Sets what a page before log-in needs.
    pub fn finish(&self, answer: Answer) -> Answer {
        if self.visitor_is_new && self.session.is_none() {
            answer.with("Set-Cookie", strict_cookie(VISITOR_COOKIE, &self.visitor))
        } else {
            answer
        }
    }
}

/// What a redirect says was done: only these texts, whatever the address asks for.
const DONE: &[(&str, &str, &str)] = &[
    ("enregistre", "Configuration enregistrée et appliquée.", "Configuration saved and applied."),
    (
        "redemarre",
        "La machine redémarre : rechargez cette page dans une minute.",
        "The machine restarts: reload this page in a minute.",
    ),
    ("restaure", "Version restaurée et appliquée.", "Version restored and applied."),
    (
        "inchange",
        "Rien à changer : c’est la configuration en vigueur.",
        "Nothing to change: this is the configuration in force.",
    ),
    (
        "alarme-vue",
        "Alarme prise en compte : elle reste affichée et n’alerte plus personne pendant sept jours, sauf si elle s’aggrave ou revient.",
        "Alarm acknowledged: it stays in sight and calls nobody for seven days, unless it gets graver or comes anew.",
    ),
    (
        "alarme-changee",
        "L’alarme a changé entre-temps, ou elle est finie : relisez-la.",
        "The alarm changed meanwhile, or is over: read it again.",
    ),
    (
        "vu",
        "Marqué comme vu et journalisé : ce flux quitte l’accueil pour tout le monde, et reste dans la liste.",
        "Marked as seen and journalled: this flow leaves the first screen for everybody, and stays in the list.",
    ),
    (
        "vu-change",
        "Ce flux a changé entre-temps, ou n’attend plus personne : relisez-le.",
        "This flow changed meanwhile, or waits for nobody any more: read it again.",
    ),
    (
        "complement",
        "Complément pris et journalisé : il part chez Chorus Pro.",
        "Complement taken and journalled: it goes to Chorus Pro.",
    ),
    (
        "deja-complete",
        "Ce complément a déjà été donné pour cette suspension : rien de plus ne part. Voici ce qu’il est devenu.",
        "This complement was given already for this suspension: nothing more leaves. Here is what became of it.",
    ),
    (
        "valideur",
        "Valideur nommé et journalisé : Chorus Pro en est averti.",
        "Validator named and journalled: Chorus Pro is being told.",
    ),
    (
        "deja-valideur",
        "Ce valideur a déjà été nommé pour cette facture : rien de plus ne part. Voici ce qu’il en est advenu.",
        "This validator was named on this invoice already: nothing more leaves. Here is what became of it.",
    ),
    ("reseau", "Réseau confirmé et journalisé.", "Network confirmed and journalled."),
    ("annuaire", "Actualisation de l’annuaire demandée.", "Refresh of the directory asked for."),
    ("secret", "Secret enregistré.", "Secret saved."),
    ("secret-efface", "Secret effacé.", "Secret deleted."),
    ("decide", "Décision enregistrée et journalisée.", "Decision recorded and journalled."),
    (
        "donnees",
        "Données confirmées et journalisées : la facture part chez Chorus Pro.",
        "Data confirmed and journalled: the invoice goes to Chorus Pro.",
    ),
    (
        "impossible",
        "L’état a changé entre-temps : décision non appliquée.",
        "The state changed meanwhile: the decision was not applied.",
    ),
    (
        "demande",
        "Statut demandé et journalisé ; il est transmis à Chorus Pro.",
        "Status asked for and journalled; it is passed on to Chorus Pro.",
    ),
    ("personne", "Personne enregistrée.", "Person enrolled."),
    (
        "mot-de-passe",
        "Mot de passe changé ; vos autres sessions sont fermées.",
        "Password changed; your other sessions are closed.",
    ),
    ("sorti", "Vous êtes déconnecté.", "You are logged out."),
    ("reclame", "La machine est à vous. Bienvenue.", "The box is yours. Welcome."),
];
