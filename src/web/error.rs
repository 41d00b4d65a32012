//! What went wrong with a request, and the page that says so: 400, 403, 404, 413, 429, 500.

use std::time::Duration;

use askama::Template;

use crate::domain::FlowId;
use crate::store::StoreError;
use crate::web::answer::Answer;
use crate::web::ask::Unread;
use crate::web::page::Chrome;

/// Why a request is not answered with its page.
#[derive(Debug, thiserror::Error)]
pub enum Trouble {
    #[error("no such page")]
    NotFound,
    /// What was asked for as a flow.
    #[error("no such flow")]
    NoFlow(String),
    /// The flow is there, and has no such page.
    #[error("no such page of this flow")]
    NotOfFlow(FlowId),
    #[error("request not understood: {0:?}")]
    Unread(Unread),
    /// The form's token or the request's origin is not ours.
    #[error("not a form of ours")]
    Forged,
    /// One upload at a time.
    #[error("another upload is under way")]
    Busy,
    #[error("too many tries")]
    TooMany(Duration),
    #[error("store: {0}")]
    Store(#[from] StoreError),
    #[error("template: {0}")]
    Template(#[from] askama::Error),
    #[error("{what}: {source}")]
    Io { what: &'static str, source: std::io::Error },
    #[error("no random bits: {0}")]
    Random(#[from] getrandom::Error),
    #[error("{0}")]
    Hash(#[from] crate::web::password::HashError),
}

#[derive(Template)]
#[template(path = "error.html", config = "src/web/askama.toml")]
struct ErrorPage<'a> {
    c: &'a Chrome,
    code: u16,
    title: &'a str,
    text: String,
    /// What to search for instead.
    search: Option<&'a str>,
    /// The flow to go back to.
    flow: Option<&'a FlowId>,
}

impl Trouble {
    /// The page for people. What only an administrator understands goes to the log, not to the browser.
    pub fn page(&self, c: &Chrome) -> Answer {
        let t = c.t;
        let (code, title, text) = match self {
            Trouble::NotFound => (
                404,
                t.say("Page introuvable", "Page not found"),
                t.say("Cette adresse n’existe pas ou plus.", "This address does not exist, or no longer.").to_owned(),
            ),
            Trouble::NoFlow(asked) => (
                404,
                t.say("Flux introuvable", "No such flow"),
                t.typeset(&format!(
                    "{} {} {}",
                    t.say("Aucun flux ne porte ce numéro :", "No flow has this number:"),
                    format_args!("{asked}."),
                    t.say(
                        "Un numéro de flux a 26 caractères et figure dans l’accusé. Cherchez aussi par fichier, facture, dépôt ou fournisseur.",
                        "A flow’s number has 26 characters and stands in its receipt. Search by file, invoice, deposit or supplier as well.",
                    )
                )),
            ),
            Trouble::NotOfFlow(_) => (
                404,
                t.say("Page introuvable", "Page not found"),
                t.typeset(t.say(
                    "Ce flux n’a pas cette page, ou ne l’a plus : il a pu avancer entre-temps. Rien n’a été changé.",
                    "This flow does not have this page, or no longer: it may have gone on meanwhile. Nothing was changed.",
                )),
            ),
            Trouble::Unread(Unread::TooLarge) => (
                413,
                t.say("Envoi trop volumineux", "Too large"),
                t.say("Un envoi par la page est limité à 1 Mio.", "What is sent by the page is limited to 1 MiB.").to_owned(),
            ),
            Trouble::Unread(Unread::UploadTooLarge) => (
                413,
                t.say("Envoi trop volumineux", "Too large"),
                t.say(
                    "Les fichiers d’un envoi par la page sont limités à 40 Mio en tout, et chacun à 10 Mo. Rien n’a été pris : envoyez-en moins, ou déposez une archive par SFTP.",
                    "The files sent by the page are limited to 40 MiB in all, and each to 10 MB. Nothing was taken: send fewer, or drop an archive over SFTP.",
                )
                .to_owned(),
            ),
            Trouble::Unread(Unread::ReleaseTooLarge) => (
                413,
                t.say("Envoi trop volumineux", "Too large"),
                t.say(
                    "Une mise à jour envoyée par la page est limitée à 96 Mio. Rien n’a été pris : vérifiez que c’est bien le fichier publié (.update).",
                    "An update sent by the page is limited to 96 MiB. Nothing was taken: check that it is the published file (.update).",
                )
                .to_owned(),
            ),
            Trouble::Unread(Unread::NotKept) => (
                507,
                t.say("Disque plein ou en panne", "Disk full or broken"),
                t.say(
                    "Le fichier n’a pas pu être écrit sur le disque des données. Rien n’a été changé : faites de la place (l’accueil dit combien il en reste), puis recommencez.",
                    "The file could not be written to the data disk. Nothing was changed: make room (the first screen says how much is left), then try again.",
                )
                .to_owned(),
            ),
            Trouble::Busy => (
                503,
                t.say("Un autre envoi est en cours", "Another upload is under way"),
                t.say("Rien n’a été pris : recommencez dans un instant.", "Nothing was taken: try again in a moment.").to_owned(),
            ),
            Trouble::Unread(Unread::Method) => {
                (405, t.say("Méthode refusée", "Method refused"), "GET, HEAD, POST".to_owned())
            }
            Trouble::Unread(_) => (
                400,
                t.say("Demande incomprise", "Request not understood"),
                t.say("Revenez en arrière et recommencez.", "Go back and try again.").to_owned(),
            ),
            Trouble::Forged => (
                403,
                t.say("Formulaire périmé", "The form is out of date"),
                t.say(
                    "Le formulaire a expiré, ou la demande ne venait pas de cette page. Rien n’a été changé : revenez en \
                     arrière, rechargez la page et recommencez.",
                    "The form has expired, or the request did not come from this page. Nothing was changed: go back, \
                     reload the page and try again.",
                )
                .to_owned(),
            ),
            Trouble::TooMany(wait) => (
                429,
                t.say("Trop d’essais", "Too many tries"),
                format!(
                    "{} {}.",
                    t.say("Attendez", "Wait"),
                    t.span(Duration::from_secs(wait.as_secs().saturating_add(1)))
                ),
            ),
            failed => {
                log::error!(error = failed.to_string().as_str(); "A page could not be made");
                (
                    500,
                    t.say("La page a rencontré un problème", "The page met a problem"),
                    t.say(
                        "Les dépôts ne sont pas touchés par ce problème. Recommencez ; si cela dure, le journal du service en dit plus.",
                        "Deposits are not affected by this problem. Try again; if it lasts, the service's log says more.",
                    )
                    .to_owned(),
                )
            }
        };
        let wait = if let Trouble::TooMany(wait) = self { Some(wait.as_secs().saturating_add(1)) } else { None };
        let search = if let Trouble::NoFlow(asked) = self { Some(asked.as_str()) } else { None };
        let flow = if let Trouble::NotOfFlow(flow) = self { Some(flow) } else { None };
        let page = ErrorPage { c, code, title, text, search, flow }.render();
        let answer = page.map_or_else(|_| excuse(), Answer::html).status(code);
        match wait {
            Some(seconds) => answer.with("Retry-After", seconds.to_string()),
            None => answer,
        }
    }
}

/// When even the error's page failed.
pub fn excuse() -> Answer {
    Answer::bytes("text/plain; charset=utf-8", "Fluxgate: 500\n".into()).status(500)
}
