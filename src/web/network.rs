//! The appliance's network and its time servers: the form, a change on trial, the word that keeps it. Keeper does it; who
//! changed what is journalled first.

use crate::gate::{
    Draft, KeeperClient, KeeperRequest, NetworkSettings, SettingsSide, SideDraft, Status, TIME_SERVERS_LIMIT,
};
use crate::web::answer::Answer;
use crate::web::appliance::{self, Shown};
use crate::web::ask::{Ask, Fields};
use crate::web::error::Trouble;
use crate::web::page::Visit;
use crate::web::site::{Site, note};
use crate::web::words::Tongue;

/// What the card of the network shows.
pub struct NetworkView {
    pub sides: [SideView; 2],
    pub time_servers: String,
    /// How long a change still waits for a word.
    pub trial: Option<String>,
    /// Names of cards, and what else is known of each.
    pub cards: Vec<(String, String)>,
}

/// The fields of one side.
pub struct SideView {
    pub key: &'static str,
    pub title: &'static str,
    pub hint: &'static str,
    pub draft: SideDraft,
}

impl NetworkView {
    /// `typed`: what was sent and refused; else the settings in force are shown.
    pub fn new(t: Tongue, status: &Status, typed: Option<Draft>) -> Self {
        let draft = typed.unwrap_or_else(|| Draft::from(status.network.in_force()));
        let inside = SideView {
            key: "inside",
            title: t.say("Intérieur : applications et personnes", "Inside: applications and people"),
            hint: t.say(
                "Le seul côté avec une seule carte. Carte vide : toutes, par DHCP.",
                "The only side with one card. Card empty: all of them, by DHCP.",
            ),
            draft: draft.inside,
        };
        let outside = SideView {
            key: "outside",
            title: t.say("Extérieur : vers Chorus Pro", "Outside: towards Chorus Pro"),
            hint: t.say(
                "Carte vide : pas de second côté. Avec lui, la route par défaut est la sienne.",
                "Card empty: no second side. With it the default route is its own.",
            ),
            draft: draft.outside.unwrap_or_default(),
        };
        // A VLAN's name has a full stop; it is no card.
        let cards = status.interfaces.iter().filter(|one| !one.name.contains('.'));
        let known = |one: &crate::gate::Interface| {
            let mac = one.mac.clone().unwrap_or_default();
            let cable = if one.carrier == Some(true) {
                t.say("branchée", "plugged in")
            } else {
                t.say("sans câble", "no cable")
            };
            (one.name.clone(), format!("{mac} · {cable}"))
        };
        let left = |trial: &crate::gate::NetworkTrial| t.span(std::time::Duration::from_secs(trial.seconds_left));
        Self {
            sides: [inside, outside],
            time_servers: draft.time_servers,
            trial: status.network.trial.as_ref().map(left),
            cards: cards.map(known).collect(),
        }
    }
}

/// The form's fields of one side.
fn side(form: &Fields, key: &str) -> SideDraft {
    let field = |name: &str| form.trimmed(&format!("{key}_{name}")).to_owned();
    SideDraft {
        card: field("card"),
        vlan: field("vlan"),
        ipv4: field("ipv4"),
        address4: field("address4"),
        gateway4: field("gateway4"),
        ipv6: field("ipv6"),
        address6: field("address6"),
        gateway6: field("gateway6"),
        dns: field("dns"),
        routes: field("routes"),
    }
}

fn draft(form: &Fields) -> Draft {
    let outside = side(form, "outside");
    Draft {
        inside: side(form, "inside"),
        outside: (!outside.card.is_empty()).then_some(outside),
        time_servers: form.trimmed("time_servers").to_owned(),
    }
}

/// Changes the settings, on trial.
pub fn change(site: &Site, ask: &Ask, visit: &Visit, keeper: &KeeperClient) -> Result<Answer, Trouble> {
    let (t, draft) = (visit.t, draft(&ask.form));
    let settings = match draft.read() {
        Ok(settings) => settings,
        Err(problem) => {
            let problem = t.typeset(problem.text().get(t.0));
            return appliance::shown(
                site,
                ask,
                visit,
                Shown { problem: Some(problem), typed: Some(draft), done: None },
            );
        }
    };
    let mut asked = note("network_change", visit.person());
    asked.objects.extend(told(&settings));
    site.note(asked)?;
    if let Err(error) = keeper.order(KeeperRequest::Network(settings)) {
        let problem = appliance::refused(site, visit, "network_change", &error)?;
        return appliance::shown(site, ask, visit, Shown { problem: Some(problem), typed: Some(draft), done: None });
    }
    let done = t.say(
        "Le réseau change. Rouvrez cette page à la nouvelle adresse et confirmez dans les cinq minutes ; sinon l’ancien réseau revient de lui-même.",
        "The network changes. Open this page anew at the new address and confirm within five minutes; else the former network comes back by itself.",
    );
    appliance::shown(site, ask, visit, Shown { done: Some(done), ..Shown::default() })
}

/// The word that keeps a change.
pub fn confirm(site: &Site, ask: &Ask, visit: &Visit, keeper: &KeeperClient) -> Result<Answer, Trouble> {
    site.note(note("network_confirm", visit.person()))?;
    match keeper.order(KeeperRequest::ConfirmNetwork) {
        Ok(()) => Ok(Answer::see_other("/appliance?fait=reseau#reseau")),
        Err(error) => {
            let problem = appliance::refused(site, visit, "network_confirm", &error)?;
            appliance::shown(site, ask, visit, Shown { problem: Some(problem), ..Shown::default() })
        }
    }
}

/// The settings as the journal has them.
fn told(settings: &NetworkSettings) -> impl Iterator<Item = (String, String)> {
    let draft = Draft::from(settings);
    let side = |side: &SideDraft| {
        let vlan = if side.vlan.is_empty() { String::new() } else { format!("VLAN {}", side.vlan) };
        let card = if side.card.is_empty() { "*" } else { &side.card };
        let four = ["IPv4", &side.ipv4, &side.address4, &side.gateway4].join(" ");
        let six = ["IPv6", &side.ipv6, &side.address6, &side.gateway6].join(" ");
        let (dns, routes) = (format!("DNS {}", side.dns), format!("routes {}", side.routes.replace('\n', ", ")));
        [card.to_owned(), vlan, four, six, dns, routes].map(|part| part.trim().to_owned()).join("; ")
    };
    let sides = [(SettingsSide::Inside, Some(&draft.inside)), (SettingsSide::Outside, draft.outside.as_ref())];
    let sides = sides.map(|(name, one)| one.map(|one| (name.text().en, side(one))));
    let time =
        (settings.time_servers.len() <= TIME_SERVERS_LIMIT).then(|| ("time".to_owned(), draft.time_servers.clone()));
    let time = time.filter(|(_, servers)| !servers.is_empty());
    sides.into_iter().flatten().chain(time).collect::<Vec<_>>().into_iter()
}
