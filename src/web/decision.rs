//! What a person may decide about a flow: exactly what its machine allows, asked once more before it is done, and
//! journalled with who it was.

use askama::Template;

use crate::domain::{DepositNumber, FlowId, Timestamp};
use crate::fault::{Code, Fault};
use crate::flow::{Decision, FlowKind, Policy, deposit, status_change};
use crate::store::{ChangeFacts, Decided, Facts, FlowRecord, InvoiceRecord, PDF};
use crate::web::answer::Answer;
use crate::web::ask::Ask;
use crate::web::doubt::{self, Facing};
use crate::web::error::Trouble;
use crate::web::home::FlowLine;
use crate::web::page::{Chrome, Visit};
use crate::web::site::Site;
use crate::web::words::Tongue;
use crate::work;

/// Characters of a person's remark.
const REMARK_LIMIT: usize = 300;

/// Invoices that one decision is about at most: the others are for the next one.
const WHICH_LIMIT: usize = 100;

/// Something a person may decide about a flow.
pub struct Choice {
    pub word: &'static str,
    pub label: &'static str,
    pub meaning: &'static str,
    pub asks_number: bool,
    /// Whether one of the rows that Chorus Pro shows may be chosen.
    pub asks_row: bool,
    /// The invoices among which the person says of which it is so, by their place in the file.
    pub which: Vec<(u32, String)>,
    event: Decidable,
}

/// What a person's decision is to the flow's machine.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Decidable {
    Deposit(deposit::Event),
    Change(status_change::Event),
    /// No event: some of its invoices are not there.
    NotTaken,
}

#[derive(Template)]
#[template(path = "decision.html", config = "src/web/askama.toml")]
struct DecisionPage<'a> {
    c: &'a Chrome,
    line: FlowLine,
    choice: &'a Choice,
    facing: Option<Facing>,
    number: &'a str,
    remark: &'a str,
    problem: Option<&'a str>,
}

/// What a person may decide about the flow in its state: exactly what its machine allows.
pub fn choices(t: Tongue, flow: &FlowRecord, invoices: &[InvoiceRecord]) -> Vec<Choice> {
    let is_form = flow.syntax.as_deref() == Some(PDF);
    let all = [
        Choice {
            word: "confirme",
            label: t.say("Elle y est", "It is there"),
            meaning: t.say(
                "Vous avez trouvé la facture sur le portail Chorus Pro. Le flux est considéré comme déposé et son suivi reprend ; rien n’est renvoyé.",
                "You found the invoice on Chorus Pro’s portal. The flow counts as deposited and is followed again; nothing is sent.",
            ),
            // A form that was submitted is an invoice at once, without a flux.
            asks_number: !is_form,
            asks_row: true,
            which: Vec::new(),
            event: Decidable::Deposit(if is_form {
                deposit::Event::Submitted
            } else {
                deposit::Event::ConfirmedByPerson
            }),
        },
        Choice {
            word: "renvoyer",
            label: t.say("La renvoyer", "Send again"),
            meaning: t.say(
                "Vous avez cherché la facture sur le portail Chorus Pro et elle n’y est pas. Elle est déposée de nouveau : si elle y était malgré tout, elle serait déposée deux fois.",
                "You looked for the invoice on Chorus Pro’s portal and it is not there. It is deposited again: were it there after all, it would be deposited twice.",
            ),
            asks_number: false,
            asks_row: false,
            which: Vec::new(),
            event: Decidable::Deposit(deposit::Event::ResendByPerson),
        },
        Choice {
            word: "abandonner",
            label: t.say("Abandonner", "Abandon"),
            meaning: if is_doubtful(flow) {
                t.say(
                    "Le flux s’arrête ici pour toujours, et Chorus Pro a peut-être la facture. Cherchez-la d’abord sur le portail : si elle y est, choisissez plutôt « Elle y est » et n’en déposez pas d’autre. Si elle n’y est pas et qu’elle est encore due, déposez-en une nouvelle.",
                    "The flow ends here for ever, and Chorus Pro may have the invoice. First look for it on the portal: if it is there, choose “It is there” instead and do not drop another. If it is not there and is still due, drop a new one.",
                )
            } else {
                t.say(
                    "Le flux s’arrête ici pour toujours. Si la facture est encore due, déposez-en une nouvelle.",
                    "The flow ends here for ever. If the invoice is still due, drop a new one.",
                )
            },
            asks_number: false,
            asks_row: false,
            which: Vec::new(),
            event: Decidable::Deposit(deposit::Event::AbandonedByPerson),
        },
        Choice {
            word: "abandonner",
            label: t.say("Abandonner", "Abandon"),
            meaning: if flow.state == status_change::State::Doubtful.as_str() {
                t.say(
                    "On ne sait pas si Chorus Pro a donné ce statut : regardez la facture sur le portail. Fluxgate n’enverra plus rien pour cette demande, et ne reprend pas ce qui a été donné.",
                    "It is not known whether Chorus Pro gave this status: look at the invoice on the portal. Fluxgate sends nothing more for this request, and takes back nothing that was given.",
                )
            } else {
                t.say(
                    "Le statut ne sera pas transmis à Chorus Pro. La demande suivante pour la même facture prend son tour.",
                    "The status will not be passed on to Chorus Pro. The invoice’s next request takes its turn.",
                )
            },
            asks_number: false,
            asks_row: false,
            which: Vec::new(),
            event: Decidable::Change(status_change::Event::AbandonedByPerson),
        },
    ];
    let all = all.into_iter().chain(of_rejection(t)).filter(|choice| is_allowed(flow, choice.event));
    all.chain(of_unconfirmed(t, flow, invoices)).collect()
}

/// What a person may say of invoices that no search shows, of a flux that was taken in part.
fn of_unconfirmed(t: Tongue, flow: &FlowRecord, invoices: &[InvoiceRecord]) -> Option<Choice> {
    let is_partly = flow.kind == FlowKind::Deposit && flow.state == deposit::State::PartlyIntegrated.as_str();
    let unconfirmed = InvoiceRecord::unconfirmed(invoices).into_iter().take(WHICH_LIMIT);
    let which: Vec<(u32, String)> = unconfirmed.map(|i| (i.ordinal, i.facts.number.to_string())).collect();
    (is_partly && !which.is_empty()).then(|| Choice {
        word: "absentes",
        label: t.say("Ce qui n’y est pas", "What is not there"),
        meaning: t.say(
            "Vous avez cherché ces factures sur le portail Chorus Pro. Cochez celles qui n’y sont pas : elles comptent comme non prises, ne sont plus suivies et peuvent être déposées de nouveau ; si l’une y était malgré tout, elle serait déposée deux fois. Celles que vous ne cochez pas restent suivies.",
            "You looked for these invoices on Chorus Pro’s portal. Tick those that are not there: they count as not taken, are followed no longer and can be dropped again; were one there after all, it would be deposited twice. Those that you do not tick are still followed.",
        ),
        asks_number: false,
        asks_row: false,
        which,
        event: Decidable::NotTaken,
    })
}

/// What a person may say of a rejection that Chorus Pro does not let us look up.
fn of_rejection(t: Tongue) -> [Choice; 2] {
    [
        Choice {
            word: "prise",
            label: t.say("Elle y est", "It is there"),
            meaning: t.say(
                "Vous avez trouvé la facture sur le portail Chorus Pro : un essai précédent a été pris. Le flux est considéré comme intégré et son suivi reprend ; rien n’est renvoyé.",
                "You found the invoice on Chorus Pro’s portal: an earlier try was taken. The flow counts as integrated and is followed; nothing is sent.",
            ),
            asks_number: false,
            asks_row: false,
            which: Vec::new(),
            event: Decidable::Deposit(deposit::Event::TakenBefore),
        },
        Choice {
            word: "rejetee",
            label: t.say("Le rejet est définitif", "The rejection is final"),
            meaning: t.say(
                "Vous avez cherché la facture sur le portail Chorus Pro et elle n’y est pas : aucun essai précédent n’a été pris. Le flux est rejeté et la facture corrigée peut être déposée ; si elle y était malgré tout, elle serait déposée deux fois.",
                "You looked for the invoice on Chorus Pro’s portal and it is not there: no earlier try was taken. The flow is rejected and the corrected invoice can be dropped; were it there after all, it would be deposited twice.",
            ),
            asks_number: false,
            asks_row: false,
            which: Vec::new(),
            event: Decidable::Deposit(deposit::Event::RejectionStands),
        },
    ]
}

/// Whether the deposit may be at Chorus Pro without our knowing.
fn is_doubtful(flow: &FlowRecord) -> bool {
    flow.kind == FlowKind::Deposit && flow.state == deposit::State::Doubtful.as_str()
}

fn is_allowed(flow: &FlowRecord, event: Decidable) -> bool {
    let (now, policy) = (Timestamp::now(), Policy::default());
    // One word settles one invoice. An older program did not count them; its word is then asked for anew.
    let is_one = |fault: &Fault| fault.details.get(work::REJECTION_IN_QUESTION).is_none_or(|count| count == "1");
    let not_looked_up = flow.fault.as_ref().is_some_and(|f| f.code == Code::RejectionNotLookedUp && is_one(f));
    match (flow.kind, event) {
        // Nobody is asked about a verdict that is still awaited.
        (_, Decidable::Deposit(deposit::Event::RejectionStands | deposit::Event::TakenBefore)) if !not_looked_up => {
            false
        }
        (FlowKind::Deposit, Decidable::Deposit(event)) => {
            flow.state.parse().is_ok_and(|state| deposit::decide(state, event, now, &policy) != Decision::Impossible)
        }
        (FlowKind::StatusChange, Decidable::Change(event)) => flow
            .state
            .parse()
            .is_ok_and(|state| status_change::decide(state, event, now, &policy) != Decision::Impossible),
        _ => false,
    }
}

/// Asks once more before a decision that cannot be taken back.
pub fn confirm(site: &Site, ask: &Ask, visit: &Visit, id: &str, problem: Option<&str>) -> Result<Answer, Trouble> {
    let id: FlowId = id.parse().map_err(|_| Trouble::NotFound)?;
    let reader = site.reader()?;
    let flow = reader.flow(&id)?.ok_or(Trouble::NotFound)?;
    let word = if problem.is_some() { ask.form.get("choix") } else { ask.query.get("choix") };
    let invoices = reader.invoices(&id)?;
    let choices = choices(visit.t, &flow, &invoices);
    let choice = choices.iter().find(|c| c.word == word).ok_or(Trouble::NotFound)?;
    let c = visit.chrome(site, ask, "flows", choice.label);
    let line = FlowLine::new(&flow, visit.t, Timestamp::now());
    let mut facing = Facing::of(visit.t, &reader, &flow, &invoices)?;
    // What was refused is shown as it was filled in.
    for row in facing.iter_mut().flat_map(|facing| &mut facing.shown) {
        row.chosen = row.chorus_id == ask.form.trimmed("chorus");
    }
    let (number, remark) = (ask.form.trimmed("number"), ask.form.trimmed("remark"));
    let page = DecisionPage { c: &c, line, choice, facing, number, remark, problem };
    let answer = Answer::html(page.render()?);
    Ok(if problem.is_some() { answer.status(422) } else { answer })
}

/// Carries out what a person decided: through the flow's machine, journalled with who it was.
pub fn decide(site: &Site, ask: &Ask, visit: &Visit, id: &str) -> Result<Answer, Trouble> {
    let flow_id: FlowId = id.parse().map_err(|_| Trouble::NotFound)?;
    let reader = site.reader()?;
    let flow = reader.flow(&flow_id)?.ok_or(Trouble::NotFound)?;
    let choices = choices(visit.t, &flow, &reader.invoices(&flow_id)?);
    let Some(choice) = choices.iter().find(|c| c.word == ask.form.get("choix")) else {
        return Ok(Answer::see_other(&format!("/flux/{flow_id}?fait=impossible")));
    };
    let number = ask.form.trimmed("number");
    let deposit_number = match number {
        _ if !choice.asks_number || number.is_empty() => None,
        number => match number.parse::<DepositNumber>() {
            Ok(number) => Some(number),
            Err(_) => {
                let problem = visit.t.say(
                    "Ce n’est pas un numéro de flux : 25 caractères au plus, sans espace.",
                    "This is no flux number: at most 25 characters, without spaces.",
                );
                return confirm(site, ask, visit, id, Some(problem));
            }
        },
    };
    let chosen = match choice.asks_row {
        true => doubt::chosen(visit.t, &reader, &flow, ask.form.trimmed("chorus"), deposit_number.as_ref())?,
        false => Ok(None),
    };
    let (chosen, flux) = match chosen {
        Ok(chosen) => chosen.map(|chosen| (chosen.invoice, chosen.deposit_number)).unzip(),
        Err(problem) => return confirm(site, ask, visit, id, Some(&problem)),
    };
    // A form that was submitted has no flux whose verdict would be awaited.
    let deposit_number = deposit_number.or(flux.flatten().filter(|_| choice.asks_number));
    let detail = remark(ask);
    let abandoned = if is_doubtful(&flow) { Code::AbandonedInDoubt } else { Code::Abandoned };
    let given_up = || Some(Fault::new(abandoned).with("who", visit.person()));
    let (person, now) = (Some(visit.person().to_owned()), Timestamp::now());
    let impossible = match choice.event {
        Decidable::Deposit(event) => {
            let fault = given_up().filter(|_| event == deposit::Event::AbandonedByPerson);
            let facts = Facts { fault, deposit_number, detail, person, chosen, ..Facts::default() };
            let decided = site.store.decide(&flow_id, event, facts, None, now).wait()?;
            matches!(decided, Decided::Impossible { .. })
        }
        Decidable::Change(event) => {
            let facts = ChangeFacts { fault: given_up(), detail, person, ..ChangeFacts::default() };
            let decided = site.store.decide_change(&flow_id, event, facts, None, now).wait()?;
            matches!(decided, Decided::Impossible { .. })
        }
        Decidable::NotTaken => {
            let ticked = choice.which.iter().map(|(place, _)| *place).filter(|place| is_ticked(ask, *place));
            let ticked: Vec<u32> = ticked.collect();
            if ticked.is_empty() {
                let none = visit.t.say("Cochez au moins une facture.", "Tick one invoice at least.");
                return confirm(site, ask, visit, id, Some(none));
            }
            let word = Some((visit.person().to_owned(), detail));
            site.store.not_taken(&flow_id, ticked, word, now).wait()? == 0
        }
    };
    let said = if impossible { "impossible" } else { "decide" };
    log::info!(flow = flow_id.as_str(), choice = choice.word; "A person decided about a flow");
    Ok(Answer::see_other(&format!("/flux/{flow_id}?fait={said}")))
}

fn is_ticked(ask: &Ask, place: u32) -> bool {
    ask.form.has(&format!("facture_{place}"))
}

/// What the person remarks, if anything.
fn remark(ask: &Ask) -> Option<String> {
    let remark: String = ask.form.trimmed("remark").chars().filter(|c| !c.is_control()).take(REMARK_LIMIT).collect();
    (!remark.is_empty()).then_some(remark)
}
