//! The links at PISTE and Chorus Pro: token, subscriptions, technical account, structure, attachment, password. Only calls
//! that change nothing.

use std::time::{Duration, Instant};

use super::{Diagnosis, LinkKind, Outcome, Patient, finding};
use crate::chorus::{
    Attachment, ConsulterStructure, FoundStructure, IdName, Page, Period, RechercherEngagement, RechercherFournisseur,
    RechercherStructure, RecupererRattachements, RecupererTauxTva, Service, StructureId,
};
use crate::domain::Timestamp;
use crate::fault::{Code, Fault, Language, Text};
use crate::work::connector::{CallError, Connector};

/// Pages of attachments that are looked through.
const PAGES_LIMIT: u32 = 20;
/// A password that ends within so many days deserves a look.
const PASSWORD_DAYS: i64 = 60;
const DAY_MS: i64 = 24 * 3600 * 1000;
/// A commitment number that nobody has: its search finds nothing, and needs the API all the same.
const NO_COMMITMENT: &str = "FLUXGATE-DOCTOR";

/// What a call says about the layers in front of the service.
enum Access<A> {
    /// All are open; what the service itself answered, unless it refused the question.
    Open(Option<A>),
    /// PISTE lets it through, Chorus Pro does not know the account.
    Unauthorised,
    /// PISTE does not let it through.
    Forbidden,
    Failed(Fault),
}

/// An API as PISTE names it, and how it was found.
struct Api {
    name: &'static str,
    /// Deposits and receptions need it.
    needed: bool,
    found: Found,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Found {
    Open,
    Unauthorised,
    Forbidden,
    Failed,
}

/// The calls of one realm, and what is found by them.
struct Visit<'a> {
    diagnosis: &'a mut Diagnosis,
    patient: &'a Patient<'a>,
    connector: &'a Connector,
    apis: Vec<Api>,
    /// Nothing gets through any more: no further call.
    over: bool,
}

pub(super) async fn examine(diagnosis: &mut Diagnosis, patient: &Patient<'_>, connector: &Connector) {
    if !token(diagnosis, patient, connector).await {
        diagnosis.rest_untried(&Text::new("non essayé : pas de jeton", "not tried: no token"));
        return;
    }
    let mut visit = Visit { diagnosis, patient, connector, apis: Vec::new(), over: false };
    visit.ask("Transverses", true, &RecupererTauxTva).await;
    let now = Timestamp::now();
    let sent = RechercherFournisseur {
        number: None,
        deposit: None,
        deposited: Some(Period { from: now.minus(Duration::from_secs(24 * 3600)), to: now }),
        state_changed: None,
        page: Page { number: 1, rows: 1 },
    };
    visit.ask("Factures", true, &sent).await;
    let siret = patient.siret.to_string();
    let structure = RechercherStructure { siret: siret.clone(), page: Page::FIRST };
    let structures = visit.ask("Structures", false, &structure).await;
    let attachments = visit.attachments().await;
    let number = NO_COMMITMENT.to_owned();
    visit.ask("EngagementsJuridiques", false, &RechercherEngagement { recipient_siret: siret, number }).await;
    visit.judge_apis();
    if let Some(why) = visit.judge_account() {
        visit.diagnosis.rest_untried(&why);
        return;
    }
    if let Some(page) = structures {
        visit.judge_structure(page.rows).await;
    }
    if let Some(rows) = attachments {
        visit.judge_attachments(&rows);
    }
    let why = Text::new(
        "non essayé : la question qu'il y faut n'a pas eu de réponse",
        "not tried: the question it needs had no answer",
    );
    visit.diagnosis.rest_untried(&why);
}

async fn token(diagnosis: &mut Diagnosis, patient: &Patient<'_>, connector: &Connector) -> bool {
    let begun = Instant::now();
    let Err(error) = connector.log_in().await else {
        diagnosis.good(LinkKind::Token, Text::same(patient.api.token_url.clone()), begun);
        return true;
    };
    let fault = error.fault();
    let said = Text::new(fault.title(Language::Fr), fault.title(Language::En));
    let finding = match fault.code {
        Code::ClientRefused => finding::client_refused(patient.realm.environment),
        Code::TokenUnreadable => finding::token_empty(),
        _ => finding::fault(fault),
    };
    diagnosis.broken(LinkKind::Token, said, begun, finding);
    false
}

fn access<A>(result: Result<A, CallError>) -> Access<A> {
    match result {
        Ok(answer) => Access::Open(Some(answer)),
        // The service itself has spoken: every layer in front of it is open.
        Err(CallError::Refused { .. }) => Access::Open(None),
        Err(CallError::Stopped(fault)) if fault.code == Code::AccountRefused => Access::Unauthorised,
        Err(CallError::Stopped(fault)) if fault.code == Code::AccessForbidden => Access::Forbidden,
        Err(error) => Access::Failed(error.fault().clone()),
    }
}

impl Visit<'_> {
    /// One call of an API; the answer, where there is one.
    async fn ask<S: Service>(&mut self, api: &'static str, needed: bool, service: &S) -> Option<S::Answer> {
        if self.over {
            return None;
        }
        let begun = Instant::now();
        let result = self.connector.call(service).await;
        self.over = matches!(&result, Err(CallError::NotSent(_) | CallError::SlowDown { .. }));
        let call = format!("{api} ({})", S::NAME);
        let (found, answer) = match access(result) {
            Access::Open(answer) => {
                self.diagnosis.good(LinkKind::Api, Text::same(call), begun);
                (Found::Open, answer)
            }
            Access::Unauthorised => {
                let said = Text::new(
                    format!("{call} : ouverte, mais le compte technique est refusé (401)"),
                    format!("{call}: open, but the technical account is refused (401)"),
                );
                self.diagnosis.good(LinkKind::Api, said, begun);
                (Found::Unauthorised, None)
            }
            Access::Forbidden => {
                let outcome = if needed { Outcome::Broken } else { Outcome::Doubtful };
                let said = Text::new(format!("{call} : interdite (403)"), format!("{call}: forbidden (403)"));
                self.diagnosis.add(LinkKind::Api, outcome, said, Some(begun));
                (Found::Forbidden, None)
            }
            Access::Failed(fault) => {
                let (fr, en) = (fault.title(Language::Fr), fault.title(Language::En));
                let said = Text::new(format!("{call} : {fr}"), format!("{call}: {en}"));
                self.diagnosis.broken(LinkKind::Api, said, begun, finding::fault(&fault));
                (Found::Failed, None)
            }
        };
        self.apis.push(Api { name: api, needed, found });
        answer
    }

    /// What the account is attached to, page after page.
    async fn attachments(&mut self) -> Option<Vec<Attachment>> {
        let mut page = Page::FIRST;
        let first = self.ask("Utilisateurs", false, &RecupererRattachements { page }).await?;
        let mut more = first.has_more(page);
        let mut rows = first.rows;
        while more && page.number < PAGES_LIMIT {
            page = page.next();
            let next = self.connector.call(&RecupererRattachements { page }).await.ok()?;
            more = next.has_more(page);
            rows.extend(next.rows);
        }
        Some(rows)
    }

    fn judge_apis(&mut self) {
        let closed: Vec<&str> =
            self.apis.iter().filter(|api| api.found == Found::Forbidden).map(|api| api.name).collect();
        if closed.is_empty() {
            return;
        }
        let all = closed.len() == self.apis.len();
        let breaks = self.apis.iter().any(|api| api.found == Found::Forbidden && api.needed);
        self.diagnosis.find(super::Finding { breaks, ..finding::apis_closed(&closed, all) });
    }

    /// Why the account is not good for further questions.
    fn judge_account(&mut self) -> Option<Text> {
        let login = &self.patient.account.login;
        let found = |wanted: Found| self.apis.iter().any(|api| api.found == wanted);
        if found(Found::Unauthorised) {
            let finding = finding::account_refused(login, self.patient.realm.environment);
            let said = Text::new(format!("{login} : refusé (401)"), format!("{login}: refused (401)"));
            self.diagnosis.add(LinkKind::Account, Outcome::Broken, said, None);
            self.diagnosis.find(finding);
            let why = ("non essayé : le compte technique est refusé", "not tried: the technical account is refused");
            return Some(Text::new(why.0, why.1));
        }
        if found(Found::Open) {
            self.diagnosis.add(LinkKind::Account, Outcome::Good, Text::same(login.clone()), None);
            return None;
        }
        Some(Text::new("non essayé : aucune API n'est ouverte", "not tried: no API is open"))
    }

    async fn judge_structure(&mut self, rows: Vec<FoundStructure>) {
        let siret = self.patient.siret;
        let begun = Instant::now();
        let own = rows.into_iter().find(|row| row.siret.as_deref() == Some(siret.as_str()));
        let Some(own) = own else {
            let said = Text::new(format!("{siret} : introuvable"), format!("{siret}: not found"));
            let finding = finding::structure_unknown(siret, self.patient.realm.environment);
            self.diagnosis.broken(LinkKind::Structure, said, begun, finding);
            return;
        };
        let name = own.name.as_deref().unwrap_or_default();
        let said = Text::same(format!("{siret} {name}"));
        if own.is_active() == Some(false) {
            self.diagnosis.broken(LinkKind::Structure, said, begun, finding::structure_inactive(siret));
        } else {
            self.diagnosis.good(LinkKind::Structure, said, begun);
        }
        self.judge_password(own.id).await;
    }

    /// The documents disagree about the name of the structure's number: the second is tried when the first is refused.
    async fn judge_password(&mut self, structure: StructureId) {
        let begun = Instant::now();
        let mut id_name = Some(IdName::default());
        let mut told = None;
        while let Some(name) = id_name {
            match self.connector.call(&ConsulterStructure { structure, id_name: name }).await {
                Ok(answer) => {
                    told = answer.technical_account_expires;
                    break;
                }
                Err(CallError::Refused { .. }) => id_name = name.fallback(),
                Err(_) => break,
            }
        }
        let Some(end) = told.and_then(|date| date.instant()) else {
            let said = Text::new("Chorus Pro ne dit pas quand il expire", "Chorus Pro does not say when it expires");
            self.diagnosis.untried(LinkKind::Password, said);
            return;
        };
        let days = (end.millis() - Timestamp::now().millis()).div_euclid(DAY_MS);
        let day = end.paris_date();
        let said = Text::new(format!("expire le {day} ({days} jours)"), format!("expires on {day} ({days} days)"));
        match days {
            ..0 => self.diagnosis.broken(LinkKind::Password, said, begun, finding::password_ends(days)),
            0..PASSWORD_DAYS => self.diagnosis.doubtful(LinkKind::Password, said, begun, finding::password_ends(days)),
            _ => self.diagnosis.good(LinkKind::Password, said, begun),
        }
    }

    fn judge_attachments(&mut self, rows: &[Attachment]) {
        let (siret, login) = (self.patient.siret, &self.patient.account.login);
        let begun = Instant::now();
        let Some(own) = rows.iter().find(|row| row.siret.as_deref() == Some(siret.as_str())) else {
            let others: Vec<String> = rows.iter().filter_map(|row| row.siret.clone()).take(10).collect();
            let said = Text::new(format!("{login} : pas à {siret}"), format!("{login}: not to {siret}"));
            self.diagnosis.broken(LinkKind::Attachment, said, begun, finding::not_attached(login, siret, &others));
            return;
        };
        let status = own.status.as_deref().unwrap_or("VALIDE");
        let services = own.services.len();
        let said = Text::new(
            format!("{login} → {siret} (« {status} », services : {services})"),
            format!("{login} → {siret} (\"{status}\", services: {services})"),
        );
        if status.eq_ignore_ascii_case("VALIDE") {
            self.diagnosis.good(LinkKind::Attachment, said, begun);
        } else {
            self.diagnosis.broken(LinkKind::Attachment, said, begun, finding::attachment_pending(siret, status));
        }
    }
}
