//! What it looks like: the known mistakes, each with its cause and its remedy (PROTOCOL §1, §7).

mod way;

use std::path::Path;

pub(super) use self::way::{clock, inspected, name, tls, tunnel, unreachable};
use crate::domain::{Environment, Siret};
use crate::fault::{Actor, Code, Fault, Language, Text};
use crate::work::connector::SettingsError;

/// Who can repair it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Blame {
    /// The configuration, a secret, or what was set up at PISTE and Chorus Pro.
    Configuration,
    /// The network, PISTE or Chorus Pro: it may be there again later.
    Unavailable,
}

/// A known mistake.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// A stable word for programs: `client_refused`.
    pub mistake: String,
    pub blame: Blame,
    /// Whether a link is broken by it.
    pub breaks: bool,
    pub cause: Text,
    pub remedy: Text,
}

fn new(mistake: &str, blame: Blame, cause: Text, remedy: Text) -> Finding {
    Finding { mistake: mistake.to_owned(), blame, breaks: true, cause, remedy }
}

fn ours(mistake: &str, cause: Text, remedy: Text) -> Finding {
    new(mistake, Blame::Configuration, cause, remedy)
}

fn theirs(mistake: &str, cause: Text, remedy: Text) -> Finding {
    new(mistake, Blame::Unavailable, cause, remedy)
}

// ── Configuration and secrets ───────────────────────────────────────────────────────────────────────────────

pub(super) fn secret_missing(key: &str, path: &Path) -> Finding {
    let path = path.display();
    ours(
        "secret_missing",
        Text::new(
            format!("Le secret que nomme {key} ne peut pas être lu : {path}"),
            format!("The secret that {key} names cannot be read: {path}"),
        ),
        Text::new(
            "Mettez-y le secret (droits 0600), ou envoyez-le sur la page ; lancez cette commande sous l'utilisateur de Fluxgate",
            "Put the secret there (mode 0600), or upload it on the page; run this command as Fluxgate's own user",
        ),
    )
}

pub(super) fn secret_open(path: &Path) -> Finding {
    let path = path.display();
    ours(
        "secret_open",
        Text::new(
            format!("D'autres que Fluxgate peuvent lire {path}"),
            format!("Others than Fluxgate can read {path}"),
        ),
        Text::same(format!("chmod 600 {path}")),
    )
}

pub(super) fn secret_odd(path: &Path) -> Finding {
    let path = path.display();
    ours(
        "secret_odd",
        Text::new(
            format!("{path} contient un espace ou plusieurs lignes : sans doute une copie de trop"),
            format!("{path} holds a space or several lines: probably too much was copied"),
        ),
        Text::new(
            "Copiez de nouveau le seul « Client Secret » du panneau « OAuth Credentials » de PISTE",
            "Copy the \"Client Secret\" of PISTE's panel \"OAuth Credentials\" again, and nothing else",
        ),
    )
}

pub(super) fn authority_unusable(path: &Path) -> Finding {
    let path = path.display();
    ours(
        "authority_unusable",
        Text::new(
            format!("L'autorité de confiance que nomme ca_file n'est pas utilisable : {path}"),
            format!("The trusted authority that ca_file names is of no use: {path}"),
        ),
        Text::new(
            "Mettez-y l'autorité (PEM), ou retirez ca_file si aucun proxy n'inspecte TLS",
            "Put the authority (PEM) there, or remove ca_file if no proxy inspects TLS",
        ),
    )
}

pub(super) fn environments_mixed(environment: Environment, key: &str) -> Finding {
    let sandbox = if environment == Environment::Production { "" } else { "sandbox-" };
    ours(
        "environments_mixed",
        Text::new(
            format!("Bac à sable et production sont mélangés : {key} de [chorus.api.{environment}]"),
            format!("Sandbox and production are mixed up: {key} of [chorus.api.{environment}]"),
        ),
        Text::new(
            format!(
                "Pour {environment} : token_url = \"https://{sandbox}oauth.piste.gouv.fr/api/oauth/token\", \
                 base_url = \"https://{sandbox}api.piste.gouv.fr\""
            ),
            format!(
                "For {environment}: token_url = \"https://{sandbox}oauth.piste.gouv.fr/api/oauth/token\", \
                 base_url = \"https://{sandbox}api.piste.gouv.fr\""
            ),
        ),
    )
}

pub(super) fn unusable(error: &SettingsError) -> Finding {
    ours(
        "configuration_unusable",
        Text::new(
            format!("La configuration de l'API n'est pas utilisable : {} {}", error.key, error.reason.fr),
            format!("The API's section is of no use: {} {}", error.key, error.reason.en),
        ),
        Text::new("Corrigez-la : « fluxgate config check »", "Correct it: \"fluxgate config check\""),
    )
}

// ── PISTE and Chorus Pro ────────────────────────────────────────────────────────────────────────────────────

pub(super) fn client_refused(environment: Environment) -> Finding {
    ours(
        "client_refused",
        Text::new(
            "PISTE refuse l'identifiant ou le secret (invalid_client) : il répond de même pour l'un et pour l'autre. \
             Le plus souvent, ils viennent du panneau « API Keys » au lieu de « OAuth Credentials »",
            "PISTE refuses id or secret (invalid_client): its answer is the same for either. Most often they come from \
             the panel \"API Keys\" instead of \"OAuth Credentials\"",
        ),
        Text::new(
            format!(
                "Sur PISTE, application de {}, panneau « OAuth Credentials » : copiez client_id et « Client Secret » sans \
                 espace ni retour à la ligne. Chaque environnement a les siens ; un secret régénéré remplace l'ancien",
                if environment == Environment::Production { "production" } else { "bac à sable (sandbox)" }
            ),
            format!(
                "On PISTE, the {} application, panel \"OAuth Credentials\": copy client_id and \"Client Secret\" without \
                 a space or a line break. Each environment has its own; a secret made anew replaces the former one",
                if environment == Environment::Production { "production" } else { "sandbox" }
            ),
        ),
    )
}

/// `all`: no API at all is open.
pub(super) fn apis_closed(closed: &[&str], all: bool) -> Finding {
    let list = closed.join(", ");
    if all {
        return ours(
            "connection_not_declared",
            Text::new(
                format!(
                    "Aucune API n'est ouverte à cette application (403 : {list}) : CGU non acceptées, API non souscrites, ou raccordement non déclaré dans Chorus Pro"
                ),
                format!(
                    "No API is open to this application (403: {list}): terms not accepted, APIs not subscribed, or the connection not declared in Chorus Pro"
                ),
            ),
            Text::new(
                "Sur PISTE : acceptez les CGU de chaque API, puis cochez ces API dans l'application. Dans Chorus Pro, \
                 « Raccordement EDI et API » : déclarez le nom exact de l'application PISTE",
                "On PISTE: accept the terms of each API, then tick these APIs in the application. In Chorus Pro, \
                 \"Raccordement EDI et API\": declare the PISTE application's exact name",
            ),
        );
    }
    ours(
        "api_not_subscribed",
        Text::new(
            format!("Abonnement absent, ou CGU non acceptées : {list} (403) ; les autres API répondent"),
            format!("Not subscribed, or terms not accepted: {list} (403); the other APIs answer"),
        ),
        Text::new(
            format!(
                "Sur PISTE : acceptez les CGU, puis cochez dans l'application : {list} (bac à sable et production sont distincts)"
            ),
            format!(
                "On PISTE: accept the terms, then tick in the application: {list} (sandbox and production are apart)"
            ),
        ),
    )
}

pub(super) fn account_refused(login: &str, environment: Environment) -> Finding {
    let Text { fr, en } = environment.into();
    ours(
        "account_refused",
        Text::new(
            format!(
                "Chorus Pro refuse le compte technique {login} (401) : nom ou mot de passe faux, mot de passe expiré, ou compte créé il y a moins de 30 minutes"
            ),
            format!(
                "Chorus Pro refuses the technical account {login} (401): wrong name or password, password expired, or account made less than 30 minutes ago"
            ),
        ),
        Text::new(
            format!(
                "Un compte neuf est actif après 30 minutes environ : attendez. Sinon, dans Chorus Pro ({fr}), le gestionnaire \
                 principal renouvelle le mot de passe du compte technique (montré une seule fois ; il expire après 424 jours)"
            ),
            format!(
                "A new account is active after about 30 minutes: wait. Otherwise, in Chorus Pro ({en}), the principal manager \
                 renews the technical account's password (shown only once; it expires after 424 days)"
            ),
        ),
    )
}

pub(super) fn structure_unknown(siret: &Siret, environment: Environment) -> Finding {
    let Text { fr, en } = environment.into();
    ours(
        "structure_unknown",
        Text::new(
            format!("Chorus Pro ({fr}) ne connaît pas de structure au SIRET {siret}"),
            format!("Chorus Pro ({en}) knows no structure of SIRET {siret}"),
        ),
        Text::new(
            "Vérifiez siret de [[establishment]] ; la qualification a ses propres SIRET fictifs",
            "Check siret of [[establishment]]; qualification has fictitious SIRETs of its own",
        ),
    )
}

pub(super) fn structure_inactive(siret: &Siret) -> Finding {
    ours(
        "structure_inactive",
        Text::new(
            format!("La structure {siret} n'est pas active dans Chorus Pro"),
            format!("Structure {siret} is not active in Chorus Pro"),
        ),
        Text::new(
            "Son gestionnaire principal la réactive dans Chorus Pro",
            "Its principal manager makes it active again in Chorus Pro",
        ),
    )
}

/// `others`: the SIRETs it is attached to.
pub(super) fn not_attached(login: &str, siret: &Siret, others: &[String]) -> Finding {
    let (fr, en) = if others.is_empty() {
        ("à aucune structure".to_owned(), "to no structure".to_owned())
    } else {
        let list = others.join(", ");
        (format!("à {list} seulement"), format!("to {list} only"))
    };
    ours(
        "account_not_attached",
        Text::new(
            format!("Le compte technique {login} n'est pas rattaché à {siret} : il l'est {fr}"),
            format!("The technical account {login} is not attached to {siret}: it is attached {en}"),
        ),
        Text::new(
            "Dans Chorus Pro, rattachez le compte technique à la structure et à ses espaces « Factures reçues » et « Factures émises »",
            "In Chorus Pro, attach the technical account to the structure and to its spaces \"Factures reçues\" and \"Factures émises\"",
        ),
    )
}

pub(super) fn attachment_pending(siret: &Siret, status: &str) -> Finding {
    ours(
        "attachment_pending",
        Text::new(
            format!("Le rattachement du compte technique à {siret} n'est pas validé (« {status} »)"),
            format!("The technical account's attachment to {siret} is not validated (\"{status}\")"),
        ),
        Text::new(
            "Le gestionnaire principal de la structure le valide dans Chorus Pro",
            "The structure's principal manager validates it in Chorus Pro",
        ),
    )
}

pub(super) fn password_ends(days: i64) -> Finding {
    let renew = Text::new(
        "Le gestionnaire principal le renouvelle dans Chorus Pro ; mettez ensuite le nouveau dans password_file",
        "The principal manager renews it in Chorus Pro; then put the new one into password_file",
    );
    if days < 0 {
        return ours(
            "password_expired",
            Text::new("Le mot de passe du compte technique a expiré", "The technical account's password has expired"),
            renew,
        );
    }
    ours(
        "password_expires_soon",
        Text::new(
            format!("Le mot de passe du compte technique expire bientôt (jours restants : {days})"),
            format!("The technical account's password expires soon (days left: {days})"),
        ),
        renew,
    )
}

pub(super) fn token_empty() -> Finding {
    theirs(
        "token_empty",
        Text::new(
            "PISTE répond 200 sans jeton : cela lui arrive, et une page de proxy ou de maintenance fait de même",
            "PISTE answers 200 without a token: that happens, and a proxy's or maintenance page does the same",
        ),
        Text::new(
            "Recommencez dans quelques minutes ; si cela dure, vérifiez token_url, puis demandez à l'assistance de PISTE",
            "Try again in some minutes; if it lasts, check token_url, then ask PISTE's support",
        ),
    )
}

/// What the gateway itself would show of a failed call.
pub(super) fn fault(fault: &Fault) -> Finding {
    let text = |of: fn(&Fault, Language) -> String| Text::new(of(fault, Language::Fr), of(fault, Language::En));
    let blame = match fault.actor() {
        Actor::Supplier | Actor::Establishment => Blame::Configuration,
        Actor::Chorus | Actor::Network | Actor::Appliance => Blame::Unavailable,
    };
    let mistake = match fault.code {
        Code::Throttled => "throttled".to_owned(),
        Code::ServiceMissing => "wrong_address".to_owned(),
        Code::ChorusFailing | Code::AnswerUnreadable => "chorus_failing".to_owned(),
        other => other.as_str().to_ascii_lowercase(),
    };
    new(&mistake, blame, text(Fault::title), text(Fault::remedy))
}
