//! Mistakes on the way to a server: its name, the connection, the proxy, TLS, the clock.

use super::{Blame, Finding, new, ours, theirs};
use crate::fault::Text;
use crate::net::proxy::Proxy;
use crate::net::resolver::ResolveError;
use crate::net::trace::{Broken, Certificate, Objection, TunnelError};

pub(in crate::work::doctor) fn name(host: &str, error: &ResolveError, is_proxy: bool) -> Finding {
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

pub(in crate::work::doctor) fn unreachable(host: &str, port: u16, refused: bool, is_proxy: bool) -> Finding {
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

pub(in crate::work::doctor) fn tunnel(proxy: &Proxy, host: &str, port: u16, error: &TunnelError) -> Finding {
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

pub(in crate::work::doctor) fn tls(host: &str, broken: &Broken, leaf: Option<&Certificate>) -> Finding {
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

pub(in crate::work::doctor) fn inspected(issuer: &str) -> Finding {
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

pub(in crate::work::doctor) fn clock(seconds: u64) -> Finding {
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
