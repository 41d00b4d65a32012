//! A person gives a received invoice a status: the statuses that Chorus Pro allows, the motif with its codes, the number of
//! the payment order; or decides about one to validate. Journalled with who asked; the job asks Chorus Pro once more before anything is sent.

use askama::Template;

use crate::chorus::{
    MOTIVE_LIMIT, Motive, MotiveCode, RECIPIENT_TARGETS, TraiterFactureAValider, TraiterRecue, TreatmentError,
    VALIDATOR_TARGETS, awaited, demands_mandate, demands_motive,
};
use crate::config::Config;
use crate::domain::{FlowId, InvoiceStatus, Role, Timestamp};
use crate::flow::FlowKind;
use crate::invoice::status_code::{Frame, afnor_label, afnor_of};
use crate::store::{Asked, AskedChange, FlowRecord, InvoiceRecord, Reader};
use crate::web::answer::Answer;
use crate::web::ask::Ask;
use crate::web::error::Trouble;
use crate::web::home::FlowLine;
use crate::web::page::{Chrome, Visit};
use crate::web::received::Head;
use crate::web::site::Site;
use crate::web::words::Tongue;
use crate::work::kept_transitions;

/// A status that was asked for, in a list.
pub struct ChangeLine {
    pub id: String,
    pub number: String,
    pub motif: String,
    pub at: String,
    pub status: String,
    pub status_tone: &'static str,
    pub state: String,
    pub tone: &'static str,
}

/// A status that may be chosen.
struct Target {
    code: &'static str,
    label: String,
    tone: &'static str,
    meaning: String,
    /// What the supplier's platform is told.
    afnor: String,
    chosen: bool,
}

struct MotiveView {
    code: &'static str,
    label: &'static str,
    afnor: &'static str,
    chosen: bool,
}

#[derive(Template)]
#[template(path = "treatment.html", config = "src/web/askama.toml")]
struct TreatmentPage<'a> {
    c: &'a Chrome,
    line: FlowLine,
    title: &'a str,
    /// Whether the establishment is its validator only.
    to_validate: bool,
    head: Head,
    current: Option<(String, &'static str)>,
    targets: Vec<Target>,
    /// Where the list of statuses comes from.
    source: String,
    motives: Vec<MotiveView>,
    motif: &'a str,
    mandate: &'a str,
    limit: usize,
    /// What is missing or wrong in what was sent.
    problem: Option<String>,
}

/// Whether the flow is a received invoice that can be given a status.
pub fn may_ask(flow: &FlowRecord, invoices: &[InvoiceRecord]) -> bool {
    flow.kind == FlowKind::Reception && invoices.first().is_some_and(|invoice| invoice.chorus_id.is_some())
}

/// The statuses in which a validator is asked.
const TO_BE_VALIDATED: [InvoiceStatus; 2] = [InvoiceStatus::AValider1, InvoiceStatus::AValider2];

/// Whether a validator has decided, here or elsewhere.
pub fn is_decided(flow: &FlowRecord, invoices: &[InvoiceRecord]) -> bool {
    let status = invoices.first().and_then(|invoice| invoice.status.as_ref());
    flow.role == Role::Validator && status.is_some_and(|status| !TO_BE_VALIDATED.contains(status))
}

/// The statuses asked for so far, oldest first: of a received invoice all, of sent ones their complements.
pub fn changes(
    t: Tongue,
    reader: &Reader,
    flow: &FlowRecord,
    invoices: &[InvoiceRecord],
) -> Result<Vec<ChangeLine>, Trouble> {
    let is_told = |target: &InvoiceStatus| match flow.kind {
        FlowKind::Reception => *target != InvoiceStatus::Completee,
        FlowKind::Deposit => *target == InvoiceStatus::Completee,
        FlowKind::StatusChange => false,
    };
    lines(t, reader, flow, invoices, is_told)
}

/// The validators that were named anew on sent invoices, oldest first.
pub fn namings(
    t: Tongue,
    reader: &Reader,
    flow: &FlowRecord,
    invoices: &[InvoiceRecord],
) -> Result<Vec<ChangeLine>, Trouble> {
    let is_naming = |target: &InvoiceStatus| flow.kind == FlowKind::Deposit && *target == InvoiceStatus::AValider1;
    lines(t, reader, flow, invoices, is_naming)
}

fn lines(
    t: Tongue,
    reader: &Reader,
    flow: &FlowRecord,
    invoices: &[InvoiceRecord],
    is_told: impl Fn(&InvoiceStatus) -> bool,
) -> Result<Vec<ChangeLine>, Trouble> {
    let mut lines = Vec::new();
    let mut known = Vec::new();
    for id in invoices.iter().filter_map(|invoice| invoice.chorus_id) {
        known.extend(reader.changes_of(&flow.realm, id)?);
    }
    for id in known {
        let (Some(change), Some(asked)) = (reader.flow(&id)?, reader.change(&id)?) else { continue };
        if !is_told(&asked.asked.target) {
            continue;
        }
        let ((status, status_tone), (state, tone)) =
            (t.status(&asked.asked.target), t.state(change.kind, &change.state));
        lines.push(ChangeLine {
            id: id.to_string(),
            number: asked.asked.number.to_string(),
            motif: asked.asked.motif,
            at: change.received_at.paris_text(),
            status,
            status_tone: status_tone.class(),
            state,
            tone: tone.class(),
        });
    }
    Ok(lines)
}

/// The invoice a form is about.
struct Subject {
    flow: FlowRecord,
    invoice: InvoiceRecord,
}

fn subject(reader: &Reader, id: &str) -> Result<Subject, Trouble> {
    let id: FlowId = id.parse().map_err(|_| Trouble::NotFound)?;
    let flow = reader.flow(&id)?.ok_or(Trouble::NotFound)?;
    let invoices = reader.invoices(&id)?;
    if !may_ask(&flow, &invoices) {
        return Err(Trouble::NotFound);
    }
    let invoice = invoices.into_iter().next().ok_or(Trouble::NotFound)?;
    Ok(Subject { flow, invoice })
}

/// The form, empty or as it was sent with what is wrong in it.
pub fn show(site: &Site, ask: &Ask, visit: &Visit, id: &str, problem: Option<String>) -> Result<Answer, Trouble> {
    let (t, reader) = (visit.t, site.reader()?);
    let Subject { flow, invoice } = subject(&reader, id)?;
    let to_validate = flow.role == Role::Validator;
    let title = match to_validate {
        true => t.say("Valider ou refuser", "Validate or refuse"),
        false => t.say("Donner un statut", "Give a status"),
    };
    let c = visit.chrome(site, ask, "flows", title);
    let (allowed, source) = allowed(t, site, &reader, &flow, &invoice)?;
    let chosen = ask.form.get("statut");
    let motive = ask.form.get("code");
    let refused = problem.is_some();
    let page = TreatmentPage {
        c: &c,
        line: FlowLine::new(&flow, t, Timestamp::now()),
        title,
        to_validate,
        head: Head::of(t, &reader, &flow, &invoice)?,
        current: invoice.status.as_ref().map(|s| t.status(s)).map(|(label, tone)| (label, tone.class())),
        targets: allowed.into_iter().map(|status| target(t, status, chosen)).collect(),
        source,
        motives: motives(flow.role)
            .iter()
            .map(|code| MotiveView {
                code: code.as_str(),
                label: code.label(),
                // The official tables contradict each other.
                afnor: match code {
                    MotiveCode::ManualTreatment => t.say("AUTRE, ou inchangé", "AUTRE, or unchanged"),
                    code => code.afnor(),
                },
                chosen: code.as_str() == motive,
            })
            .collect(),
        motif: ask.form.get("motif"),
        mandate: ask.form.trimmed("mandat"),
        limit: MOTIVE_LIMIT,
        problem,
    };
    let answer = Answer::html(page.render()?);
    Ok(if refused { answer.status(422) } else { answer })
}

/// The motif codes that mean something in a role. Of a validator's, the documents tell these two apart (DSE-CP §3.4.2.1).
fn motives(role: Role) -> &'static [MotiveCode] {
    match role {
        Role::Recipient => MotiveCode::ALL,
        Role::Validator => &[MotiveCode::OtherThanValidator, MotiveCode::Validator],
    }
}

/// What a validator may decide now, and a word on that.
fn decisions(t: Tongue, invoice: &InvoiceRecord) -> (Vec<&'static InvoiceStatus>, String) {
    const ALL: &[InvoiceStatus] = &VALIDATOR_TARGETS;
    let open: Vec<_> = ALL.iter().filter(|target| awaited(target) == invoice.status).collect();
    let word = match open.is_empty() {
        false => t.say(
            "Un autre destinataire attend cette facture : elle n’est pas à payer ici.",
            "Another recipient waits for this invoice: it is not to be paid here.",
        ),
        true => t.say(
            "Cette facture n’attend plus de validation de l’établissement.",
            "This invoice waits for no validation of the establishment any more.",
        ),
    };
    (open, word.to_owned())
}

/// The statuses that may be chosen, and a word on where that comes from.
fn allowed(
    t: Tongue,
    site: &Site,
    reader: &Reader,
    flow: &FlowRecord,
    invoice: &InvoiceRecord,
) -> Result<(Vec<&'static InvoiceStatus>, String), Trouble> {
    if flow.role == Role::Validator {
        return Ok(decisions(t, invoice));
    }
    const ALL: &[InvoiceStatus] = &RECIPIENT_TARGETS;
    let recycling = is_recycling(site, Timestamp::now());
    let all = || ALL.iter().filter(move |status| recycling || **status != InvoiceStatus::ARecycler);
    let kept = match &invoice.status {
        Some(current) => kept_transitions(reader, &flow.realm, current)?,
        None => None,
    };
    let listed: Option<(Timestamp, Vec<&'static InvoiceStatus>)> =
        kept.map(|(at, kept)| (at, all().filter(|status| kept.contains(status)).collect()));
    Ok(match listed {
        Some((at, listed)) if !listed.is_empty() => {
            let word = t.say("Statuts que Chorus Pro permet maintenant, relevés le", "What Chorus Pro allows now, as read on");
            (listed, format!("{word} {}.", at.paris_text()))
        }
        Some(_) => (
            all().collect(),
            t.say(
                "Chorus Pro n’annonce aucun statut possible après celui-ci : tous sont proposés, et Chorus Pro tranchera.",
                "Chorus Pro lists no status that may follow this one: all are offered, and Chorus Pro will decide.",
            )
            .to_owned(),
        ),
        None => (
            all().collect(),
            t.say(
                "Chorus Pro n’a pas encore dit quels statuts il permet : tous sont proposés. Un statut impossible est refusé avant l’envoi, avec la liste des permis.",
                "Chorus Pro has not said yet which statuses it allows: all are offered. One that is impossible is refused before it is sent, with the list of those allowed.",
            )
            .to_owned(),
        ),
    })
}

/// Whether A_RECYCLER is still passed on. A configuration that cannot be read says no: FG-418 says the new way.
fn is_recycling(site: &Site, now: Timestamp) -> bool {
    let config = site.settings.configuration.text().ok().and_then(|text| Config::parse(&text).ok());
    let last = config.and_then(|config| config.chorus.recycling_until);
    last.is_some_and(|last| now.paris_date().as_str() <= last.as_str())
}

fn target(t: Tongue, status: &'static InvoiceStatus, chosen: &str) -> Target {
    let (label, tone) = t.status(status);
    let afnor = afnor_of(status, Frame::Other);
    Target {
        code: status.as_str(),
        label,
        tone: tone.class(),
        meaning: t.typeset(meaning(t, status)),
        afnor: afnor.map(|code| format!("AFNOR {code} {}", afnor_label(code).unwrap_or_default())).unwrap_or_default(),
        chosen: chosen == status.as_str(),
    }
}

/// What a status does, for who is about to give it.
fn meaning(t: Tongue, status: &InvoiceStatus) -> &'static str {
    let (french, english) = match status {
        InvoiceStatus::Suspendue => (
            "Demande au fournisseur de compléter sa facture : écrivez ce qui manque. Le délai de paiement s’arrête. Quand il répond, la facture devient « Complétée » et ses nouvelles pièces arrivent dans /recues, à côté de la facture. Motif obligatoire.",
            "Asks the supplier to complete the invoice: write what is missing. The time to pay stops. When the supplier answers, the invoice becomes “Completed” and its new pieces arrive in /recues, beside the invoice. A motif is needed.",
        ),
        InvoiceStatus::Rejetee => (
            "Définitif. Le fournisseur annule la facture par un avoir interne et en émet une nouvelle, avec un nouveau numéro. Motif obligatoire.",
            "Final. The supplier cancels the invoice by an internal credit note and issues a new one, with a new number. A motif is needed.",
        ),
        InvoiceStatus::ARecycler => (
            "Renvoie la facture au fournisseur pour corriger le destinataire ou l’engagement. Prend fin : préférez le rejet.",
            "Sends the invoice back to the supplier to correct recipient or commitment. It is ending: rather reject.",
        ),
        InvoiceStatus::MiseADisposition => {
            ("La facture est de nouveau à traiter.", "The invoice is to be treated again.")
        }
        InvoiceStatus::ServiceFait => {
            ("La livraison ou la prestation est constatée.", "The delivery or the service is established.")
        }
        InvoiceStatus::Mandatee => (
            "Le mandat ou la demande de paiement est émis. Numéro obligatoire.",
            "The payment order is issued. Its number is needed.",
        ),
        InvoiceStatus::MiseADispositionComptable => {
            ("Le dossier est chez le comptable.", "The file is with the accountant.")
        }
        InvoiceStatus::Comptabilisee => ("La dépense est prise en charge.", "The expense is booked."),
        InvoiceStatus::MiseEnPaiement => ("Définitif. Le paiement est lancé.", "Final. The payment is under way."),
        InvoiceStatus::Validee1 | InvoiceStatus::Validee2 => (
            "La facture du sous-traitant ou du cotraitant va à son destinataire, qui la traite et la paie.",
            "The sub- or co-contractor’s invoice goes to its recipient, who treats and pays it.",
        ),
        InvoiceStatus::Refusee1 | InvoiceStatus::Refusee2 => (
            "La facture est arrêtée et son fournisseur lit le motif. Motif obligatoire.",
            "The invoice is stopped, and its supplier reads the motif. A motif is needed.",
        ),
        _ => ("", ""),
    };
    match t.0 {
        crate::fault::Language::Fr => french,
        crate::fault::Language::En => english,
    }
}

/// Writes down what a person asks for: durable and journalled, then passed on.
pub fn ask_for(site: &Site, ask: &Ask, visit: &Visit, id: &str) -> Result<Answer, Trouble> {
    let (t, reader) = (visit.t, site.reader()?);
    let Subject { flow, invoice } = subject(&reader, id)?;
    let asked =
        match read(t, ask, flow.role, &invoice).and_then(|asked| in_order(t, site, &reader, &flow, &invoice, asked)) {
            Ok(asked) => asked,
            Err(Wrong::Form(problem)) => return show(site, ask, visit, id, Some(t.typeset(&problem))),
            Err(Wrong::Trouble(trouble)) => return Err(trouble),
        };
    let status = asked.target.clone();
    let step = site.store.ask_change(&flow.realm, &flow.account, asked, visit.person(), Timestamp::now());
    let change = match step.wait()? {
        Asked::New(change) => change,
        Asked::UnderWay(_) => {
            let said =
                t.say("Ce statut est déjà demandé et en route.", "This status is asked for already, and under way.");
            return show(site, ask, visit, id, Some(said.to_owned()));
        }
    };
    log::info!(flow = change.as_str(), status = status.as_str(); "A person asked for a status of a received invoice");
    Ok(Answer::see_other(&format!("/flux/{change}?fait=demande")))
}

/// Why nothing was asked for.
enum Wrong {
    /// What the person is to correct.
    Form(String),
    Trouble(Trouble),
}

impl<E: Into<Trouble>> From<E> for Wrong {
    fn from(error: E) -> Self {
        Wrong::Trouble(error.into())
    }
}

/// What the form says, complete.
fn read(t: Tongue, ask: &Ask, role: Role, invoice: &InvoiceRecord) -> Result<AskedChange, Wrong> {
    let wrong = |problem: &str| Wrong::Form(problem.to_owned());
    let targets: &[InvoiceStatus] = match role {
        Role::Recipient => &RECIPIENT_TARGETS,
        Role::Validator => &VALIDATOR_TARGETS,
    };
    let target = targets.iter().find(|status| status.as_str() == ask.form.get("statut"));
    let target = target.ok_or_else(|| wrong(t.say("Choisissez un statut.", "Choose a status.")))?.clone();
    let text = ask.form.trimmed("motif");
    let code = motives(role).iter().find(|code| code.as_str() == ask.form.get("code"));
    // The code's own words are sent, not the code: whether Chorus Pro reads codes there is not known (PROTOCOL §9). A
    // validator's has a field of its own.
    let motif = match code {
        Some(code) if role == Role::Validator => format!("{} {text}", code.as_str()).trim_end().to_owned(),
        Some(code) if text.is_empty() => code.label().to_owned(),
        Some(code) => format!("{} : {text}", code.label()),
        None => text.to_owned(),
    };
    let length = motif.chars().count();
    if length > MOTIVE_LIMIT {
        return Err(Wrong::Form(match t.0 {
            crate::fault::Language::Fr => format!(
                "Chorus Pro prend un motif de {MOTIVE_LIMIT} caractères au plus ; celui-ci en a {length} avec le libellé de son code. Raccourcissez-le."
            ),
            crate::fault::Language::En => format!(
                "Chorus Pro takes a motif of {MOTIVE_LIMIT} characters at most; this one has {length} with the label of its code. Shorten it."
            ),
        }));
    }
    let mandate = Some(ask.form.trimmed("mandat")).filter(|_| demands_mandate(&target)).map(str::to_owned);
    let id = invoice.chorus_id.ok_or(Trouble::NotFound)?;
    let sound = match role {
        Role::Recipient => TraiterRecue::new(id, target.clone(), Motive::new(&motif), mandate.as_deref()).map(|_| ()),
        Role::Validator => TraiterFactureAValider::new(id, &target, &Motive::new(&motif)).map(|_| ()),
    };
    match sound {
        Ok(()) => Ok(AskedChange {
            chorus_id: id,
            number: invoice.facts.number.clone(),
            supplier: invoice.facts.supplier.clone(),
            target,
            motif,
            mandate,
        }),
        Err(error) => Err(Wrong::Form(missing(t, &error))),
    }
}

fn missing(t: Tongue, error: &TreatmentError) -> String {
    let of = |status: &InvoiceStatus| t.status(status).0;
    match (error, t.0) {
        (TreatmentError::MotiveMissing(status), crate::fault::Language::En) => {
            format!("Status “{}” needs a motif: choose a code or write it.", of(status))
        }
        (TreatmentError::MotiveMissing(status), _) => {
            format!("Le statut « {} » exige un motif : choisissez un code ou écrivez-le.", of(status))
        }
        (TreatmentError::MandateMissing(status), crate::fault::Language::En) => {
            format!("Status “{}” needs the number of the payment order.", of(status))
        }
        (error, crate::fault::Language::En) => {
            let mut text = error.to_string();
            text.push('.');
            text
        }
        (error, _) => error.remedy(),
    }
}

/// What is asked for, unless it is not allowed.
fn in_order(
    t: Tongue,
    site: &Site,
    reader: &Reader,
    flow: &FlowRecord,
    invoice: &InvoiceRecord,
    asked: AskedChange,
) -> Result<AskedChange, Wrong> {
    if asked.target == InvoiceStatus::ARecycler && !is_recycling(site, Timestamp::now()) {
        return Err(Wrong::Form(
            t.say(
                "Le recyclage a pris fin : rejetez la facture avec un motif. Le fournisseur en émet une nouvelle, avec un nouveau numéro (FG-418).",
                "Recycling has ended: reject the invoice with a motif. The supplier issues a new one, with a new number (FG-418).",
            )
            .to_owned(),
        ));
    }
    let (allowed, source) = allowed(t, site, reader, flow, invoice)?;
    if allowed.is_empty() {
        return Err(Wrong::Form(source));
    }
    if !allowed.contains(&&asked.target) {
        let names: Vec<String> = allowed.iter().map(|status| t.status(status).0).collect();
        let said = t.say(
            "La facture a changé de statut entre-temps. Permis maintenant :",
            "The invoice’s status changed meanwhile. Allowed now:",
        );
        return Err(Wrong::Form(format!("{said} {}.", names.join(", "))));
    }
    debug_assert!(!demands_motive(&asked.target) || !asked.motif.is_empty());
    Ok(asked)
}
