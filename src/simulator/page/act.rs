//! What a form of the page does.

use std::sync::Arc;

use serde_json::{Map, Value};

use super::views::Told;
use super::{Fields, Tongue, field};
use crate::domain::Duration;
use crate::simulator::control::{Control, changed_readings};
use crate::simulator::fault::{Effect, FaultRule};
use crate::simulator::pivot::{Attachment, ReceivedInvoice, pdf};
use crate::simulator::scenario::VerdictRule;
use crate::simulator::server::Shared;
use crate::simulator::weather::OutageKind;

/// What is said after each deed.
const DEEDS: &[(&str, &str, &str)] = &[
    ("sent", "Facture envoyée à l'établissement.", "Invoice sent to the establishment."),
    ("samples", "Factures envoyées à l'établissement.", "Invoices sent to the establishment."),
    ("completed", "Facture complétée.", "Invoice completed."),
    ("clock", "Horloge changée.", "Clock changed."),
    ("verdict", "Verdict prévu pour les prochains dépôts.", "Verdict scripted for the next deposits."),
    ("outage", "Panne générale commencée.", "Outage begun."),
    ("outage_end", "Panne générale terminée.", "Outage ended."),
    ("fault", "Panne prévue.", "Fault scripted."),
    ("fault_removed", "Panne retirée.", "Fault removed."),
    ("readings", "Lectures changées.", "Readings changed."),
    ("password", "Expiration changée.", "Expiry changed."),
    ("tokens", "Tous les jetons sont oubliés.", "All tokens are forgotten."),
    ("moved", "Statut donné.", "Status set."),
    ("declared", "Déclaration prise en compte.", "Declaration noted."),
];

/// The line at the top of the page: whether it went well, and what to say.
pub(super) fn told(t: Tongue, told: Option<&str>, what: Option<&str>) -> Option<Told> {
    let told = told?;
    if told == "problem" {
        let what: String = what.unwrap_or_default().chars().take(300).collect();
        let text = format!("{} {what}", t.say("Non fait :", "Not done:"));
        return Some(Told { well: false, text });
    }
    DEEDS.iter().find(|deed| deed.0 == told).map(|deed| Told { well: true, text: t.say(deed.1, deed.2).to_owned() })
}

/// Does it; the error is for a person.
pub(super) fn act(fields: &Fields, shared: &Arc<Shared>) -> Result<&'static str, String> {
    let control = Control { shared: shared.clone() };
    let text = |name: &str| field(fields, name).unwrap_or_default();
    let done = |deed: bool, name: &'static str, problem: &str| if deed { Ok(name) } else { Err(problem.to_owned()) };
    match text("action") {
        "send" => send(fields, &control),
        "samples" => {
            control.send_samples(number(fields, "count")?);
            Ok("samples")
        }
        "complete" => {
            let pieces = if text("piece").is_empty() { Vec::new() } else { vec![sample_piece(text("number"))] };
            let completed = control.complete_invoice(text("number"), text("comment"), pieces);
            done(completed, "completed", "cette facture n'est plus suspendue / no longer suspended")
        }
        "speed" => {
            control.set_speed(number(fields, "speed")?).map_err(|e| e.to_string())?;
            Ok("clock")
        }
        "advance" => {
            let by: Duration = text("by").parse().map_err(|_| format!("{} : 10min, 2h, 3d", text("by")))?;
            control.advance(by.get());
            Ok("clock")
        }
        "verdict" => {
            control
                .add_verdict(VerdictRule {
                    invoice: Some(text("invoice").to_owned()),
                    file: None,
                    state: text("state").to_owned(),
                    label: text("label").to_owned(),
                    times: number(fields, "times")?,
                })
                .map_err(|e| e.to_string())?;
            Ok("verdict")
        }
        "outage" => {
            control.begin_outage(match text("kind") {
                "close_before" => OutageKind::CloseBefore,
                "garbage_200" => OutageKind::Maintenance,
                _ => OutageKind::Unavailable,
            });
            Ok("outage")
        }
        "outage_end" => {
            control.end_outage();
            Ok("outage_end")
        }
        "fault" => fault(fields, &control),
        "fault_remove" => done(control.remove_fault(number(fields, "id")?), "fault_removed", "id ?"),
        "readings" => readings(fields, &control),
        "password" => {
            control.set_password_days(number(fields, "days")?).map_err(|e| e.to_string())?;
            Ok("password")
        }
        "tokens" => {
            control.expire_tokens();
            Ok("tokens")
        }
        "move" => {
            let moved = match text("mandate") {
                "" => control.move_invoice(text("number"), text("status"), text("comment")),
                mandate if text("status") == "MANDATEE" => {
                    control.order_payment(text("number"), mandate, text("comment"))
                }
                _ => {
                    return Err(
                        "numéro de mandat : seulement pour MANDATEE / payment order: for MANDATEE only".to_owned()
                    );
                }
            };
            done(moved, "moved", "facture inconnue / unknown invoice")
        }
        "double_stopped" => {
            done(control.declare_double_stopped(), "declared", "le catalogue n'est pas joué / not played")
        }
        other => Err(format!("action ? {}", other.chars().take(40).collect::<String>())),
    }
}

/// What a supplier adds who is asked for something.
fn sample_piece(number: &str) -> Attachment {
    let lines = ["Pièce demandée", "Facture", number];
    Attachment {
        name: "piece-demandee.pdf".to_owned(),
        mime: "application/pdf".to_owned(),
        content: pdf(&lines),
        category: String::new(),
        zipped: false,
    }
}

fn number<T: std::str::FromStr>(fields: &Fields, name: &str) -> Result<T, String> {
    let text = field(fields, name).unwrap_or_default();
    text.replace(',', ".").parse().map_err(|_| format!("{name} : {}", text.chars().take(40).collect::<String>()))
}

fn send(fields: &Fields, control: &Control) -> Result<&'static str, String> {
    let text = |name: &str| field(fields, name).unwrap_or_default().to_owned();
    let given = |name: &str| Some(text(name)).filter(|value| !value.is_empty());
    let invoice = ReceivedInvoice {
        number: text("number"),
        supplier: text("supplier").parse().map_err(|_| "SIRET : 14 chiffres / digits".to_owned())?,
        supplier_name: text("name"),
        date: text("date"),
        net: number(fields, "net")?,
        vat_rate: number(fields, "vat")?,
        service: given("service"),
        commitment: given("commitment"),
        comment: text("comment"),
        credit_note: text("kind") == "credit",
        ..ReceivedInvoice::default()
    };
    let numbered = invoice.number.clone();
    let invoice = match text("kind").as_str() {
        "works" => ReceivedInvoice { number: numbered, ..invoice.as_works() },
        "validate" => ReceivedInvoice { number: numbered, ..invoice.as_subcontracted() },
        _ => invoice,
    };
    invoice.check()?;
    match text("kind").as_str() {
        "validate" => control.ask_validation(invoice),
        _ => control.send_invoice(invoice),
    };
    Ok("sent")
}

fn fault(fields: &Fields, control: &Control) -> Result<&'static str, String> {
    let text = |name: &str| field(fields, name).unwrap_or_default();
    let effect: Effect = serde_json::from_value(Value::String(text("effect").to_owned())).map_err(|e| e.to_string())?;
    let mut rule = FaultRule::new(text("service"), effect).times(number(fields, "times")?);
    if !text("percent").is_empty() {
        let percent: f64 = number(fields, "percent")?;
        rule = rule.probability(percent / 100.0);
    }
    if !text("invoice").is_empty() {
        rule = rule.invoice(text("invoice"));
    }
    match effect {
        Effect::Slow => rule = rule.ms(3_000),
        Effect::Refuse => rule = rule.refusal(20_001, "GDP_MSG_11.005"),
        _ => {}
    }
    control.add_fault(rule).map_err(|e| e.to_string())?;
    Ok("fault")
}

/// Every reading of the form; an empty one goes back to its default.
fn readings(fields: &Fields, control: &Control) -> Result<&'static str, String> {
    let known = super::views::reading_keys();
    let changes: Map<String, Value> = fields
        .iter()
        .filter(|(key, _)| key == "recycling_until" || known.contains(&key.as_str()))
        .map(|(key, value)| {
            let value = if value.is_empty() { Value::Null } else { Value::String(value.clone()) };
            (key.clone(), value)
        })
        .collect();
    let changed = changed_readings(&control.readings(), changes)?;
    control.set_readings(changed).map_err(|e| e.to_string())?;
    Ok("readings")
}
