//! What it looks like: the known mistakes, each with its cause and its remedy (PROTOCOL §1, §7).

use std::path::Path;

use crate::domain::{Environment, Siret};
use crate::fault::{Actor, Code, Fault, Language, Text};
use crate::net::proxy::Proxy;
use crate::net::resolver::ResolveError;
use crate::net::trace::{Broken, Certificate, Objection, TunnelError};
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
        Text::technical("La configuration de l'API n'est pas utilisable", "The API's section is of no use", error),
        Text::new("Corrigez-la : « fluxgate config check »", "Correct it: \"fluxgate config check\""),
    )
}

// ── The way ─────────────────────────────────────────────────────────────────────────────────────────────────

pub(super) fn name(host: &str, error: &ResolveError, is_proxy: bool) -> Finding {
    let gone = host.ends_with(".aife.economie.gouv.fr") || host.ends_with(".rie.gouv.fr");
    match error {
        _ if gone => ours(
            "host_withdrawn",
            Text::new(
                format!("{host} n'existe plus, ou n'existe que sur le réseau de l'État"),
                format!("{host} exists no more, or on the State's own network only"),
            ),
            Text::new(
                "Les adresses de PISTE sont oauth.piste.gouv.fr et api.piste.gouv.fr (bac à sable : sandbox-oauth…, sandbox-api…)",
                "PISTE's addresses are oauth.piste.gouv.fr and api.piste.gouv.fr (sandbox: sandbox-oauth…, sandbox-api…)",
            ),
        ),
        ResolveError::NotFound(_) | ResolveError::NotAName(_) => ours(
            "name_unknown",
            Text::new(format!("Le nom {host} est inconnu du DNS"), format!("The DNS does not know the name {host}")),
            if is_proxy {
                Text::new(
                    "Vérifiez url dans [proxy], ou le serveur DNS de la machine",
                    "Check url in [proxy], or the machine's name server",
                )
            } else {
                Text::new(
                    "Vérifiez l'adresse dans [chorus.api] ; si elle est juste, votre DNS ne résout pas les noms d'Internet : \
                     déclarez le proxy de l'établissement ([proxy]), qui résout lui-même, ou un autre serveur DNS",
                    "Check the address in [chorus.api]; if it is right, your DNS does not resolve the Internet's names: \
                     give the establishment's proxy ([proxy]), which resolves by itself, or another name server",
                )
            },
        ),
        ResolveError::NoNameServer { path, .. } => ours(
            "no_name_server",
            Text::new(format!("Aucun serveur DNS n'est déclaré ({path})"), format!("No name server is given ({path})")),
            Text::new(
                "Donnez à la machine un serveur DNS (DHCP ou réglage fixe)",
                "Give the machine a name server (DHCP or a fixed setting)",
            ),
        ),
        ResolveError::TimedOut(_) | ResolveError::Failed { .. } => theirs(
            "name_server_silent",
            Text::new("Le serveur DNS ne répond pas", "The name server does not answer"),
            Text::new(
                "Vérifiez que la machine peut joindre son serveur DNS (port 53, UDP et TCP)",
                "Check that the machine can reach its name server (port 53, UDP and TCP)",
            ),
        ),
    }
}

pub(super) fn unreachable(host: &str, port: u16, refused: bool, is_proxy: bool) -> Finding {
    if is_proxy {
        return theirs(
            "proxy_unreachable",
            Text::new(
                format!("Le proxy {host}:{port} n'accepte pas de connexion"),
                format!("The proxy {host}:{port} takes no connection"),
            ),
            Text::new(
                "Vérifiez hôte et port dans [proxy], puis que le pare-feu laisse passer cette machine vers le proxy",
                "Check host and port in [proxy], then that the firewall lets this machine through to the proxy",
            ),
        );
    }
    let cause = if refused {
        Text::new(
            format!("Rien n'écoute sur {host}:{port}, ou un pare-feu refuse la connexion"),
            format!("Nothing listens on {host}:{port}, or a firewall refuses the connection"),
        )
    } else {
        Text::new(
            format!("Un pare-feu retient la connexion vers {host}:{port} (rien ne répond)"),
            format!("A firewall holds back the connection to {host}:{port} (nothing answers)"),
        )
    };
    theirs(
        "unreachable",
        cause,
        Text::new(
            format!(
                "Faites ouvrir {host}, port {port}, en sortie pour cette machine ; si l'établissement ne sort que par un \
                 proxy, déclarez-le dans [proxy]"
            ),
            format!(
                "Have {host}, port {port}, opened outwards for this machine; if the establishment only goes out through a \
                 proxy, give it in [proxy]"
            ),
        ),
    )
}

pub(super) fn tunnel(proxy: &Proxy, host: &str, port: u16, error: &TunnelError) -> Finding {
    match error {
        TunnelError::Status { status: 407, by, .. } => {
            let scheme = by.as_deref().and_then(|by| by.split(' ').next()).filter(|s| !s.eq_ignore_ascii_case("basic"));
            let (fr, en) = scheme.map_or_else(
                || (String::new(), String::new()),
                |s| {
                    (
                        format!(" ; le proxy propose « {s} », Fluxgate ne parle que Basic : faites-le ouvrir pour cette machine"),
                        format!("; the proxy offers \"{s}\", Fluxgate speaks Basic only: have it opened for this machine"),
                    )
                },
            );
            ours(
                "proxy_login",
                Text::new(
                    format!("Le proxy {proxy} refuse l'identification de cette machine (407)"),
                    format!("The proxy {proxy} refuses this machine's log-in (407)"),
                ),
                Text::new(
                    format!("Donnez dans [proxy] le bon login et son password_file{fr}"),
                    format!("Give the right login and its password_file in [proxy]{en}"),
                ),
            )
        }
        TunnelError::Status { status, .. } => new(
            "proxy_refuses",
            if matches!(status, 400..=499) { Blame::Configuration } else { Blame::Unavailable },
            Text::new(
                format!(
                    "Le proxy {proxy} n'ouvre pas {host}:{port} (HTTP {status}) : ce refus vient du proxy, pas de Chorus Pro"
                ),
                format!(
                    "The proxy {proxy} does not open {host}:{port} (HTTP {status}): that refusal is the proxy's, not Chorus Pro's"
                ),
            ),
            Text::new(
                format!(
                    "Demandez à l'exploitant du proxy d'autoriser CONNECT vers {host}, port {port}, sans inspection TLS"
                ),
                format!("Ask the proxy's operator to allow CONNECT to {host}, port {port}, without TLS inspection"),
            ),
        ),
        TunnelError::NotHttp => ours(
            "proxy_wrong",
            Text::new(
                format!("Ce qui répond en {proxy} n'est pas un proxy HTTP"),
                format!("What answers at {proxy} is no HTTP proxy"),
            ),
            Text::new("Vérifiez hôte et port dans [proxy]", "Check host and port in [proxy]"),
        ),
        TunnelError::Io(_) | TunnelError::Closed | TunnelError::TimedOut => theirs(
            "proxy_silent",
            Text::new(
                format!("Le proxy {proxy} prend la connexion et ne répond pas à CONNECT {host}:{port}"),
                format!("The proxy {proxy} takes the connection and does not answer CONNECT {host}:{port}"),
            ),
            Text::new(
                "Demandez à l'exploitant du proxy ce qu'il fait de cette demande : son journal la montre",
                "Ask the proxy's operator what it does with this request: its log shows it",
            ),
        ),
    }
}

pub(super) fn tls(host: &str, broken: &Broken, leaf: Option<&Certificate>) -> Finding {
    let issuer = leaf.map_or("?", |leaf| leaf.issuer.as_str());
    match broken.objection {
        Some(Objection::UnknownIssuer) => ours(
            "tls_inspected",
            Text::new(
                format!(
                    "Le certificat de {host} est émis par « {issuer} », que personne ici ne connaît : un proxy inspecte le TLS, ou ce n'est pas le bon serveur"
                ),
                format!(
                    "{host}'s certificate is issued by \"{issuer}\", which nobody here knows: a proxy inspects TLS, or it is not the right server"
                ),
            ),
            Text::new(
                format!(
                    "Demandez une exemption d'inspection pour {host} ; à défaut, mettez l'autorité du proxy (PEM) dans ca_file de [chorus.api]"
                ),
                format!(
                    "Ask that {host} be exempt from inspection; failing that, put the proxy's authority (PEM) into ca_file of [chorus.api]"
                ),
            ),
        ),
        Some(Objection::NotYet | Objection::Expired) => {
            let period =
                leaf.map_or_else(String::new, |leaf| format!("{} – {}", leaf.from.paris_text(), leaf.to.paris_text()));
            let now = crate::domain::Timestamp::now().paris_text();
            theirs(
                "certificate_out_of_date",
                Text::new(
                    format!(
                        "Le certificat de {host} n'est pas valable à l'heure de cette machine ({now} ; certificat : {period})"
                    ),
                    format!("{host}'s certificate is not valid by this machine's clock ({now}; certificate: {period})"),
                ),
                Text::new(
                    "Vérifiez d'abord l'heure de cette machine (NTP) ; si elle est juste, le certificat est périmé : prévenez qui le sert",
                    "Check this machine's clock first (NTP); if it is right, the certificate is out of date: tell whose it is",
                ),
            )
        }
        Some(Objection::OtherName) => ours(
            "other_server",
            Text::new(
                format!("Ce qui répond pour {host} montre le certificat d'un autre serveur"),
                format!("What answers for {host} shows another server's certificate"),
            ),
            Text::new(
                "Vérifiez l'adresse dans [chorus.api], puis le DNS : un portail captif ou une page de blocage répond souvent ainsi",
                "Check the address in [chorus.api], then the DNS: a captive portal or a block page often answers like this",
            ),
        ),
        _ if broken.no_tls => ours(
            "no_tls",
            Text::new(
                format!(
                    "Ce qui répond pour {host} ne parle pas TLS : un proxy ou une page de blocage s'interpose, ou le port est faux"
                ),
                format!(
                    "What answers for {host} does not speak TLS: a proxy or a block page stands between, or the port is wrong"
                ),
            ),
            Text::new(
                "Vérifiez l'adresse et le port ; si l'établissement ne sort que par un proxy, déclarez-le dans [proxy]",
                "Check address and port; if the establishment only goes out through a proxy, give it in [proxy]",
            ),
        ),
        _ => theirs(
            "tls_cut",
            Text::new(
                format!("La connexion chiffrée vers {host} est coupée en chemin"),
                format!("The encrypted connection to {host} is cut on its way"),
            ),
            Text::new(
                format!("Un pare-feu qui filtre par nom (SNI) fait cela : faites autoriser {host}"),
                format!("A firewall that filters by name (SNI) does that: have {host} allowed"),
            ),
        ),
    }
}

pub(super) fn inspected(issuer: &str) -> Finding {
    ours(
        "tls_inspected_and_trusted",
        Text::new(
            format!(
                "Le TLS est inspecté : seul ca_file reconnaît « {issuer} ». Le proxy lit les jetons et les factures"
            ),
            format!("TLS is inspected: only ca_file knows \"{issuer}\". The proxy reads tokens and invoices"),
        ),
        Text::new(
            "Cela fonctionne ; demandez plutôt une exemption d'inspection pour PISTE",
            "It works; better ask that PISTE be exempt from inspection",
        ),
    )
}

pub(super) fn clock(seconds: u64) -> Finding {
    ours(
        "clock_wrong",
        Text::new(
            format!("L'horloge de cette machine diffère de {seconds} s de celle du serveur"),
            format!("This machine's clock differs from the server's by {seconds} s"),
        ),
        Text::new(
            "Réglez l'heure (NTP) : certificats et jetons en dépendent",
            "Set the clock (NTP): certificates and tokens depend on it",
        ),
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
            format!("API non souscrite(s), ou CGU non acceptées : {list} (403) ; les autres répondent"),
            format!("API(s) not subscribed, or terms not accepted: {list} (403); the others answer"),
        ),
        Text::new(
            format!(
                "Sur PISTE : acceptez les CGU de {list}, puis cochez-la(les) dans l'application (bac à sable et production sont distincts)"
            ),
            format!(
                "On PISTE: accept the terms of {list}, then tick it (them) in the application (sandbox and production are apart)"
            ),
        ),
    )
}

pub(super) fn account_refused(login: &str, environment: Environment) -> Finding {
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
                "Un compte neuf est actif après 30 minutes environ : attendez. Sinon, dans Chorus Pro ({environment}), le gestionnaire \
                 principal renouvelle le mot de passe du compte technique (montré une seule fois ; il expire après 424 jours)"
            ),
            format!(
                "A new account is active after about 30 minutes: wait. Otherwise, in Chorus Pro ({environment}), the principal manager \
                 renews the technical account's password (shown only once; it expires after 424 days)"
            ),
        ),
    )
}

pub(super) fn structure_unknown(siret: &Siret, environment: Environment) -> Finding {
    ours(
        "structure_unknown",
        Text::new(
            format!("Chorus Pro ({environment}) ne connaît pas de structure au SIRET {siret}"),
            format!("Chorus Pro ({environment}) knows no structure of SIRET {siret}"),
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
            format!("Le mot de passe du compte technique expire dans {days} jour(s)"),
            format!("The technical account's password expires in {days} day(s)"),
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
