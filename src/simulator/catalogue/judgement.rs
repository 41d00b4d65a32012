//! What each scenario makes of the notes. Pure: the same notes, the same findings.

use std::time::Duration;

use super::note::{Note, Notes};
use super::{OVERTAKEN, PAUSE_SECONDS, Said, Standing, UNHEARD, said};
use crate::simulator::invoice::Side;
use crate::simulator::world::{Flux, World};

/// What a judgement sees.
pub struct View<'a> {
    pub notes: &'a Notes,
    pub world: &'a World,
}

/// What it finds.
pub struct Finding {
    /// How it stands.
    pub standing: Standing,
    /// Why: what was seen.
    pub seen: Said,
}

fn found(standing: Standing, fr: impl Into<String>, en: impl Into<String>) -> Finding {
    Finding { standing, seen: said(fr, en) }
}

fn passed(fr: impl Into<String>, en: impl Into<String>) -> Finding {
    found(Standing::Passed, fr, en)
}

fn failed(fr: impl Into<String>, en: impl Into<String>) -> Finding {
    found(Standing::Failed, fr, en)
}

fn waiting(fr: impl Into<String>, en: impl Into<String>) -> Finding {
    found(Standing::Waiting, fr, en)
}

fn not_played() -> Finding {
    found(Standing::NotPlayed, "rien", "nothing")
}

/// Three tries within this time are hammering.
const HAMMERING: Duration = Duration::from_secs(5);
/// After a server's error, the next try is no sooner.
const BREATH: Duration = Duration::from_millis(900);
/// A client's clock and ours may differ by this much.
const TOLERANCE: Duration = Duration::from_millis(100);

impl<'a> View<'a> {
    fn calls(&self, service: &str) -> impl Iterator<Item = (usize, &'a Note)> {
        let service = service.to_owned();
        self.notes.calls.iter().enumerate().filter(move |(_, note)| note.service == service)
    }

    /// Deposits of invoices whose number begins so, in order.
    fn deposits(&self, prefix: &str) -> Vec<(usize, &'a Note)> {
        self.calls("deposer/flux").filter(|(_, note)| note.is_about(prefix)).collect()
    }

    /// A search for the number, by number or by flux, after this place and before that one.
    fn looked_up(&self, number: &str, after: usize, before: usize) -> bool {
        let within = self.notes.calls.get(after + 1..before.min(self.notes.calls.len())).unwrap_or_default();
        within.iter().any(|note| {
            note.service == "rechercher/fournisseur" && note.subject.invoices.iter().any(|one| one == number)
        })
    }

    fn fluxes(&self, prefix: &str) -> Vec<&'a Flux> {
        self.world.fluxes.iter().filter(|flux| flux.numbers().any(|number| number.starts_with(prefix))).collect()
    }

    /// Whether an invoice's pivot was downloaded no more often than it changed: once, and once more after each COMPLETEE
    /// that the client had read since its last download.
    fn is_due(&self, number: &str, downloads: &[usize]) -> bool {
        let now = self.world.clock.now();
        let received = self.world.invoices.iter().filter(|one| one.is_received() && one.number == number);
        let completed = received.flat_map(|one| one.history(now)).filter(|step| step.status == "COMPLETEE").count();
        let read_between =
            |two: &[usize]| self.notes.calls[two[0]..two[1]].iter().any(|note| note.tells(number, "COMPLETEE"));
        downloads.len() <= 1 + completed && downloads.windows(2).all(read_between)
    }

    /// The place of the first compte rendu of a flux that told this state.
    fn told_state(&self, flux: &Flux, state: &str) -> Option<usize> {
        self.notes.calls.iter().position(|note| {
            note.detail("flux") == Some(&flux.number) && note.told.flux_state.as_deref() == Some(state)
        })
    }
}

fn number_of(note: &Note, prefix: &str) -> String {
    note.subject.invoices.iter().find(|number| number.starts_with(prefix)).cloned().unwrap_or_default()
}

pub fn token_reused(view: &View<'_>) -> Finding {
    let (tokens, calls) = (view.notes.tokens_given, view.notes.good_calls);
    let seen = (format!("jetons : {tokens}, appels : {calls}"), format!("tokens: {tokens}, calls: {calls}"));
    match (tokens, calls) {
        (0, _) => not_played(),
        (_, 0..=4) => waiting(seen.0, seen.1),
        (tokens, calls) if tokens * 2 > calls => failed(seen.0, seen.1),
        _ => passed(seen.0, seen.1),
    }
}

/// Refused calls that a client may have had on the way, side by side, when the token was forgotten: more of them in a row
/// were made knowing better.
const IN_FLIGHT: usize = 10;

pub fn token_renewed(view: &View<'_>) -> Finding {
    if !view.notes.forgot {
        return if view.notes.good_calls == 0 {
            not_played()
        } else {
            waiting("les jetons valent encore", "the tokens are still good")
        };
    }
    let calls = &view.notes.calls;
    let Some(first) = calls.iter().position(|note| note.http == 401 && note.fault.is_none()) else {
        return waiting("plus d'appel depuis que les jetons sont oubliés", "no call since the tokens were forgotten");
    };
    let refused = calls[first..].iter().take_while(|note| note.http == 401 || note.service == "token");
    let refused = refused.filter(|note| note.http == 401).count();
    let after = calls[first..].iter().any(|note| note.is_good() && note.service != "token");
    if refused > IN_FLIGHT {
        let seen = format!("{refused} appels de suite avec un jeton refusé");
        return failed(seen, format!("{refused} calls in a row with a refused token"));
    }
    match after {
        true => {
            passed("nouveau jeton après le 401, puis un appel réussi", "a new token after the 401, then a good call")
        }
        false => waiting("401 reçu, pas encore d'appel réussi", "401 received, no good call yet"),
    }
}

/// An invoice in this syntax was integrated, and the client read it.
fn integrated(view: &View<'_>, fits: impl Fn(&str) -> bool) -> Finding {
    let fluxes: Vec<&Flux> = view.world.fluxes.iter().filter(|flux| fits(&flux.syntax)).collect();
    if fluxes.is_empty() {
        return not_played();
    }
    match fluxes.iter().find(|flux| view.told_state(flux, "IN_INTEGRE").is_some()) {
        Some(flux) => {
            let seen = format!("{} : IN_INTEGRE lu par consulterCRDetaille", flux.number);
            passed(seen, format!("{}: IN_INTEGRE read by consulterCRDetaille", flux.number))
        }
        None => {
            let seen = format!("dépôts : {}, aucun IN_INTEGRE lu", fluxes.len());
            waiting(seen, format!("deposits: {}, no IN_INTEGRE read", fluxes.len()))
        }
    }
}

pub fn deposit_ubl(view: &View<'_>) -> Finding {
    integrated(view, |syntax| syntax.contains("_UBL_INVOICE") && !syntax.contains("PDFARCHIVE"))
}

pub fn deposit_cii(view: &View<'_>) -> Finding {
    integrated(view, |syntax| syntax.contains("_CII") && !syntax.ends_with("FACTURX") && !syntax.contains("PDFARCHIVE"))
}

pub fn deposit_facturx(view: &View<'_>) -> Finding {
    integrated(view, |syntax| syntax == "IN_DP_E2_CII_FACTURX")
}

pub fn deposit_mixed(view: &View<'_>) -> Finding {
    integrated(view, |syntax| syntax == "IN_DP_E2_CPP_FACTURE_MIN")
}

pub fn deposit_pdf(view: &View<'_>) -> Finding {
    let submitted = view.world.invoices.iter().find(|one| matches!(one.side, Side::Sent { flux: None }));
    match submitted {
        Some(one) => {
            let seen = format!("facture {} soumise, identifiant {}", one.number, one.id);
            passed(seen, format!("invoice {} submitted, id {}", one.number, one.id))
        }
        None if view.calls("deposer/pdf").next().is_some() => {
            waiting("PDF déposé, pas encore soumis", "PDF deposited, not submitted yet")
        }
        None => not_played(),
    }
}

pub fn archive_partly(view: &View<'_>) -> Finding {
    let partly: Vec<&Flux> =
        view.world.fluxes.iter().filter(|flux| flux.verdict == Some("IN_INTEGRE_PARTIEL")).collect();
    let Some(flux) = partly.first() else { return not_played() };
    if view.told_state(flux, "IN_INTEGRE_PARTIEL").is_none() {
        return waiting("flux intégré en partie, compte rendu non lu", "a flux partly integrated, its report not read");
    }
    let good: Vec<String> = view
        .world
        .invoices
        .iter()
        .filter(|one| flux.numbers().any(|number| number == one.number))
        .map(|one| one.number.clone())
        .collect();
    let again = view.world.fluxes.iter().filter(|other| other.number != flux.number);
    let again = again.filter(|other| other.numbers().any(|number| good.iter().any(|one| one == number))).count();
    if again > 0 {
        return failed(
            "une facture intégrée du lot a été redéposée",
            "an integrated invoice of the batch was sent again",
        );
    }
    passed(
        "IN_INTEGRE_PARTIEL lu, rien d'intégré n'est redéposé",
        "IN_INTEGRE_PARTIEL read, nothing integrated sent again",
    )
}

pub fn rejection_noticed(view: &View<'_>) -> Finding {
    let rejected = view.world.fluxes.iter().find(|flux| {
        flux.verdict == Some("IN_REJETE") && flux.content.iter().flatten().any(|one| one.recipient == "99999999999999")
    });
    let Some(flux) = rejected else {
        let sent = view
            .world
            .fluxes
            .iter()
            .any(|flux| flux.content.iter().flatten().any(|one| one.recipient == "99999999999999"));
        return if sent { waiting("déposée, pas encore jugée", "deposited, not judged yet") } else { not_played() };
    };
    let same = view.world.fluxes.iter().filter(|other| other.sha256 == flux.sha256).count();
    if same > 1 {
        let seen = format!("le fichier rejeté a été déposé {same} fois tel quel");
        return failed(seen, format!("the rejected file was deposited {same} times unchanged"));
    }
    match view.told_state(flux, "IN_REJETE") {
        Some(_) => passed("IN_REJETE lu, le fichier n'est pas redéposé", "IN_REJETE read, the file is not sent again"),
        None => waiting("rejetée, compte rendu non lu", "rejected, its report not read"),
    }
}

pub fn duplicate_stopped(view: &View<'_>) -> Finding {
    let fluxes = view.fluxes("CAT-DOUBLE");
    match fluxes.len() {
        0 => not_played(),
        1 => one_double(view, fluxes[0]),
        2 => match view.told_state(fluxes[1], "IN_REJETE") {
            Some(_) => passed(
                "rejet du doublon lu, pas de troisième dépôt",
                "the duplicate's rejection read, no third deposit",
            ),
            None => waiting("doublon déposé, compte rendu non lu", "duplicate deposited, its report not read"),
        },
        more => failed(format!("{more} dépôts du même numéro"), format!("{more} deposits of one number")),
    }
}

/// One deposit: the client may have stopped the second by itself, which only its tester can tell.
fn one_double(view: &View<'_>, flux: &Flux) -> Finding {
    let integrated = view.told_state(flux, "IN_INTEGRE").is_some();
    match (view.notes.double_stopped, integrated) {
        (true, true) => passed(
            "un seul dépôt, IN_INTEGRE lu ; second arrêté par le client (déclaré)",
            "one deposit, IN_INTEGRE read; the second stopped by the client (declared)",
        ),
        (true, false) => waiting(
            "un seul dépôt, second arrêté par le client (déclaré) ; IN_INTEGRE pas encore lu",
            "one deposit, the second stopped by the client (declared); IN_INTEGRE not read yet",
        ),
        (false, _) => waiting(
            "un seul dépôt : si le client arrête le second de lui-même, le déclarer",
            "one deposit only: if the client stops the second by itself, declare it",
        ),
    }
}

/// The answer of an accepted deposit never arrived: looked up, never sent again.
fn lost(view: &View<'_>, prefix: &str) -> Finding {
    let deposits = view.deposits(prefix);
    let Some((first, note)) = deposits.first().copied() else { return not_played() };
    let number = number_of(note, prefix);
    let again = deposits.iter().skip(1).filter(|(_, note)| note.subject.invoices.contains(&number)).count();
    if again > 0 {
        let seen = format!("{number} redéposée alors qu'elle était acceptée ; dépôts en trop : {again}");
        return failed(seen, format!("{number} deposited again though it was accepted; deposits too many: {again}"));
    }
    let shown = view.notes.calls[first..].iter().any(|note| {
        note.service == "rechercher/fournisseur" && note.told.statuses.iter().any(|(known, _)| *known == number)
    });
    if shown {
        return passed(
            format!("{number} retrouvée par rechercher/fournisseur, un seul dépôt"),
            format!("{number} found by rechercher/fournisseur, one deposit"),
        );
    }
    match view.looked_up(&number, first, usize::MAX) {
        true => waiting("recherchée, pas encore trouvée", "looked up, not found yet"),
        false => waiting("réponse perdue, pas encore recherchée", "answer lost, not looked up yet"),
    }
}

pub fn answer_lost(view: &View<'_>) -> Finding {
    lost(view, "CAT-PERDUE")
}

pub fn answer_cut(view: &View<'_>) -> Finding {
    lost(view, "CAT-COUPEE")
}

/// Refused access: whoever goes on at once is hammering.
fn stopped(view: &View<'_>, prefix: &str, status: u16) -> Finding {
    let deposits = view.deposits(prefix);
    let struck: Vec<&Note> = deposits.iter().map(|(_, note)| *note).collect();
    let Some(first) = struck.iter().position(|note| note.http == status) else { return not_played() };
    let struck = &struck[first..];
    let hammered = struck.windows(3).any(|three| three[2].at.saturating_duration_since(three[0].at) < HAMMERING);
    if hammered {
        return failed(
            format!("au moins 3 essais en moins de {} s après le {status}", HAMMERING.as_secs()),
            format!("3 tries or more within {} s of the {status}", HAMMERING.as_secs()),
        );
    }
    passed(
        format!("{status} reçu, essais : {}, sans insistance", struck.len()),
        format!("{status} received, tries: {}, no hammering", struck.len()),
    )
}

pub fn error_401(view: &View<'_>) -> Finding {
    stopped(view, "CAT-401", 401)
}

pub fn error_403(view: &View<'_>) -> Finding {
    stopped(view, "CAT-403", 403)
}

pub fn error_429(view: &View<'_>) -> Finding {
    let deposits = view.deposits("CAT-429");
    let Some(at) = deposits.iter().position(|(_, note)| note.http == 429) else { return not_played() };
    let pause = Duration::from_secs(u64::from(PAUSE_SECONDS)).saturating_sub(TOLERANCE);
    let told = deposits[at].1;
    match deposits.get(at + 1) {
        None => waiting("429 reçu, pas encore réessayé", "429 received, not tried again yet"),
        Some((_, next)) => {
            let after = next.at.saturating_duration_since(told.at);
            let seconds = after.as_secs_f64();
            if after < pause {
                return failed(
                    format!("réessayé après {seconds:.1} s malgré Retry-After: {PAUSE_SECONDS}"),
                    format!("tried again after {seconds:.1} s in spite of Retry-After: {PAUSE_SECONDS}"),
                );
            }
            passed(format!("réessayé après {seconds:.1} s"), format!("tried again after {seconds:.1} s"))
        }
    }
}

pub fn error_500(view: &View<'_>) -> Finding {
    let deposits = view.deposits("CAT-500");
    let Some((first, note)) = deposits.first().copied() else { return not_played() };
    let number = number_of(note, "CAT-500");
    for two in deposits.windows(2) {
        let ((earlier, before), (later, after)) = (two[0], two[1]);
        if before.http != 500 {
            continue;
        }
        if !view.looked_up(&number, earlier, later) {
            return failed(
                "redéposée après un 500 sans recherche préalable",
                "deposited again after a 500 without a look-up before",
            );
        }
        if after.at.saturating_duration_since(before.at) < BREATH {
            return failed("redéposée moins d'une seconde après un 500", "deposited again within a second of a 500");
        }
    }
    match view.looked_up(&number, first, usize::MAX) {
        true => passed("recherchée après le 500", "looked up after the 500"),
        false => waiting("500 reçu, pas encore recherchée", "500 received, not looked up yet"),
    }
}

pub fn incident_repeated(view: &View<'_>) -> Finding {
    let fluxes = view.fluxes("CAT-INCIDENT");
    let Some(first) = fluxes.first() else { return not_played() };
    let Some(told) = view.told_state(first, "IN_INCIDENTE") else {
        return match fluxes.len() {
            1 => waiting("déposée, incident non lu", "deposited, the incident not read"),
            _ => failed("redéposée sans avoir lu l'incident", "deposited again without reading the incident"),
        };
    };
    let early = view.deposits("CAT-INCIDENT").iter().skip(1).any(|(at, _)| *at < told);
    match fluxes.get(1) {
        _ if early => failed("redéposée avant d'avoir lu l'incident", "deposited again before reading the incident"),
        None => waiting("IN_INCIDENTE lu, flux pas encore redéposé", "IN_INCIDENTE read, flux not deposited again yet"),
        Some(second) => match view.told_state(second, "IN_INTEGRE") {
            Some(_) => passed(
                "flux redéposé après l'incident et intégré",
                "flux deposited again after the incident, integrated",
            ),
            None => waiting("flux redéposé, résultat non lu", "flux deposited again, its result not read"),
        },
    }
}

pub fn search_paged(view: &View<'_>) -> Finding {
    let searches: Vec<&Note> = view.calls("rechercher/recipiendaire").map(|(_, note)| note).collect();
    let pages = searches.iter().filter(|note| note.is_good()).map(|note| note.told.pages).max().unwrap_or(0);
    if searches.is_empty() {
        return not_played();
    }
    if pages < 2 {
        return waiting("aucune réponse de plusieurs pages", "no answer of several pages");
    }
    let missing: Vec<String> = (1..=pages)
        .filter(|page| !searches.iter().any(|note| note.is_good() && note.told.page == *page && note.told.pages > 1))
        .map(|page| page.to_string())
        .collect();
    if missing.is_empty() {
        return passed(format!("{pages} pages lues"), format!("{pages} pages read"));
    }
    let (list, later) = (missing.join(", "), searches.iter().filter(|note| note.told.page == 1).count() > 2);
    let (fr, en) =
        (format!("pages jamais demandées : {list} sur {pages}"), format!("pages never asked for: {list} of {pages}"));
    if later { failed(fr, en) } else { waiting(fr, en) }
}

pub fn pivot_once(view: &View<'_>) -> Finding {
    let mut downloads: Vec<(&str, Vec<usize>)> = Vec::new();
    let waiting_for = view.world.invoices.iter().filter(|one| one.is_received()).count();
    for (at, note) in
        view.calls("telecharger/groupe").filter(|(_, note)| note.detail("format") == Some("PIVOT") && note.is_good())
    {
        for number in &note.subject.invoices {
            match downloads.iter_mut().find(|(known, _)| known == number) {
                Some((_, places)) => places.push(at),
                None => downloads.push((number, vec![at])),
            }
        }
    }
    if downloads.is_empty() {
        return not_played();
    }
    let twice = downloads.iter().filter(|(number, places)| !view.is_due(number, places)).count();
    if twice > 0 {
        return failed(
            format!("pivots téléchargés plus d'une fois : {twice}"),
            format!("pivots downloaded more than once: {twice}"),
        );
    }
    let seen = (
        format!("pivots : {} sur {waiting_for}", downloads.len()),
        format!("pivots: {} of {waiting_for}", downloads.len()),
    );
    if downloads.len() < waiting_for { waiting(seen.0, seen.1) } else { passed(seen.0, seen.1) }
}

pub fn status_motif(view: &View<'_>) -> Finding {
    let tries: Vec<&Note> = view
        .calls("traiter/recue")
        .map(|(_, note)| note)
        .filter(|note| matches!(note.detail("status"), Some("SUSPENDUE" | "REJETEE")))
        .collect();
    if tries.is_empty() {
        return not_played();
    }
    match tries.iter().find(|note| note.is_good() && note.detail("motif").is_some()) {
        Some(note) => {
            let motif = note.detail("motif").unwrap_or_default();
            if motif.contains('\u{fffd}') || motif.contains("Ã©") {
                return failed(format!("accents abîmés : {motif}"), format!("accents spoilt: {motif}"));
            }
            passed(format!("motif reçu : {motif}"), format!("motif received: {motif}"))
        }
        None => waiting("aucun motif accepté", "no motif accepted"),
    }
}

pub fn status_refused(view: &View<'_>) -> Finding {
    let tries: Vec<(usize, &Note)> = view.calls("traiter/recue").filter(|(_, note)| note.is_about(OVERTAKEN)).collect();
    let Some((at, refused)) = tries.iter().find(|(_, note)| note.code == Some(20_002)).copied() else {
        return not_played();
    };
    let same =
        tries.iter().filter(|(place, note)| *place > at && note.detail("status") == refused.detail("status")).count();
    if same > 0 {
        return failed(
            format!("même demande répétée {same} fois après 20002"),
            format!("the same request repeated {same} times after 20002"),
        );
    }
    let read = view.notes.calls[at + 1..].iter().any(|note| {
        note.told.statuses.iter().any(|(number, _)| number == OVERTAKEN) || note.service == "recuperer/etats/traitement"
    });
    match read {
        true => passed(
            "20002 reçu, statut relu, demande non répétée",
            "20002 received, the status read again, no repetition",
        ),
        false => waiting("20002 reçu, statut pas encore relu", "20002 received, the status not read again yet"),
    }
}

pub fn suspension_received(view: &View<'_>) -> Finding {
    let suspended =
        view.calls("traiter/recue").find(|(_, note)| note.is_good() && note.detail("status") == Some("SUSPENDUE"));
    let Some((at, note)) = suspended else { return not_played() };
    let number = note.subject.invoices.first().cloned().unwrap_or_default();
    let after = &view.notes.calls[at + 1..];
    let Some(told) = after.iter().position(|note| note.tells(&number, "COMPLETEE")) else {
        return waiting(
            format!("{number} suspendue, COMPLETEE pas encore lu"),
            format!("{number} suspended, COMPLETEE not read yet"),
        );
    };
    let treated = after[told..]
        .iter()
        .any(|note| note.service == "traiter/recue" && note.is_good() && note.subject.invoices.contains(&number));
    match treated {
        true => passed(
            format!("{number} complétée puis traitée de nouveau"),
            format!("{number} completed, then treated again"),
        ),
        false => waiting(
            format!("{number} lue COMPLETEE, pas encore traitée"),
            format!("{number} read as COMPLETEE, not treated yet"),
        ),
    }
}

pub fn suspension_sent(view: &View<'_>) -> Finding {
    let completed = view.calls("completer").any(|(_, note)| note.is_good() && note.is_about("CAT-SUSPENDUE"));
    match (completed, view.fluxes("CAT-SUSPENDUE").is_empty()) {
        (true, _) => passed("complétée par completer", "completed by completer"),
        (false, false) => waiting("déposée, pas encore complétée", "deposited, not completed yet"),
        (false, true) => not_played(),
    }
}

pub fn status_unknown(view: &View<'_>) -> Finding {
    let told = view.notes.calls.iter().position(|note| {
        note.told.statuses.iter().any(|(number, status)| number.starts_with("CAT-INCONNU") && status == UNHEARD)
    });
    let Some(told) = told else {
        return match view.fluxes("CAT-INCONNU").is_empty() {
            true => not_played(),
            false => waiting("statut inconnu pas encore lu", "the unknown status not read yet"),
        };
    };
    let later = view.notes.calls[told + 1..].iter().any(|note| {
        note.told
            .statuses
            .iter()
            .any(|(number, status)| number.starts_with("CAT-INCONNU") && status == "MISE_EN_PAIEMENT")
    });
    match later {
        true => passed(
            "statut inconnu lu, suivi poursuivi jusqu'au paiement",
            "unknown status read, followed on to the payment",
        ),
        false => waiting("statut inconnu lu, suite pas encore lue", "unknown status read, what followed not yet"),
    }
}

pub fn password_read(view: &View<'_>) -> Finding {
    let own = view.world.scenario.establishment.as_str();
    let mut calls = view.calls("structures/consulter").map(|(_, note)| note).peekable();
    if calls.peek().is_none() {
        return not_played();
    }
    match calls.any(|note| note.is_good() && note.detail("structure") == Some(own)) {
        true => passed(
            format!("date lue : {}", view.world.password_end()),
            format!("date read: {}", view.world.password_end()),
        ),
        false => waiting("autre structure consultée", "another structure consulted"),
    }
}

pub fn directory_read(view: &View<'_>) -> Finding {
    match view.calls("telecharger/annuaire/destinataire").any(|(_, note)| note.is_good()) {
        true => passed("annuaire téléchargé", "directory downloaded"),
        false => not_played(),
    }
}
