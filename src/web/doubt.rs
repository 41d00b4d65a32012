//! Both facts of a doubtful deposit, side by side for the person who decides: what we sent, and what Chorus Pro showed
//! when it was last asked. Read from the store; no call is made for the page.

use crate::domain::{ChorusInvoiceId, DepositNumber, Timestamp, siren};
use crate::fault::Language;
use crate::flow::{FlowKind, deposit};
use crate::store::{FlowRecord, InvoiceFacts, InvoiceRecord, LookRecord, Reader, SightedInvoice};
use crate::web::error::Trouble;
use crate::web::words::Tongue;

/// Invoices of ours that are listed; the others are counted.
const OURS_SHOWN: usize = 20;

/// What we sent.
pub struct Sent {
    pub number: String,
    pub supplier: String,
    pub payable: String,
    pub issued: String,
}

/// What Chorus Pro shows under one of the numbers.
pub struct Shown {
    pub chorus_id: String,
    pub number: String,
    pub supplier: String,
    pub recipient: String,
    pub payable: String,
    pub issued: String,
    pub deposited: String,
    pub deposit: String,
    pub status: String,
    pub tone: &'static str,
    /// The one that a person chose, on a form that is shown again.
    pub chosen: bool,
}

/// Both sides.
pub struct Facing {
    pub sent: Vec<Sent>,
    /// How many more there are.
    pub more: usize,
    /// Each try: when it was meant, and what came of it.
    pub tries: Vec<(String, String)>,
    pub shown: Vec<Shown>,
    /// Whether it was not asked yet, or did not answer when it was: that nothing is shown then says nothing.
    pub silent: bool,
    /// When Chorus Pro was last asked, and since when it has answered throughout, in words.
    pub asked: String,
}

impl Facing {
    /// Of a doubtful deposit only.
    pub fn of(
        t: Tongue,
        reader: &Reader,
        flow: &FlowRecord,
        invoices: &[InvoiceRecord],
    ) -> Result<Option<Self>, Trouble> {
        if flow.kind != FlowKind::Deposit || flow.state != deposit::State::Doubtful.as_str() {
            return Ok(None);
        }
        let look = reader.look(&flow.id)?;
        let attempts = reader.attempts(&flow.id)?.into_iter();
        let outcome = |event: Option<String>| match event {
            Some(event) => t.step(&format!("deposit.{event}")),
            None => t.say("sans réponse notée", "without an answer noted").to_owned(),
        };
        Ok(Some(Self {
            sent: invoices.iter().take(OURS_SHOWN).map(|invoice| sent(t, invoice)).collect(),
            more: invoices.len().saturating_sub(OURS_SHOWN),
            tries: attempts.map(|a| (a.intent_at.paris_text(), outcome(a.outcome))).collect(),
            silent: look.as_ref().is_none_or(|look| look.answered_since.is_none()),
            asked: asked(t, look.as_ref()),
            shown: look.map(|look| look.rows.iter().map(|row| shown(t, row)).collect()).unwrap_or_default(),
        }))
    }
}

/// What a person's choice of a row says: which of the flow's invoices it is, its number there, and its flux.
pub struct Chosen {
    pub invoice: (u32, ChorusInvoiceId),
    pub deposit_number: Option<DepositNumber>,
}

/// The row that a person chose; or, in words, why it cannot be this flow's. `typed`: the flux number read elsewhere.
pub fn chosen(
    t: Tongue,
    reader: &Reader,
    flow: &FlowRecord,
    id: &str,
    typed: Option<&DepositNumber>,
) -> Result<Result<Option<Chosen>, String>, Trouble> {
    if id.is_empty() {
        return Ok(Ok(None));
    }
    let rows = reader.look(&flow.id)?.map(|look| look.rows).unwrap_or_default();
    let Some(row) = rows.into_iter().find(|row| row.chorus_id.to_string() == id) else {
        let gone = t.say(
            "Chorus Pro ne montre plus cette facture : choisissez de nouveau.",
            "Chorus Pro shows this invoice no longer: choose again.",
        );
        return Ok(Err(gone.to_owned()));
    };
    let invoices = reader.invoices(&flow.id)?;
    let number = |facts: &InvoiceFacts| facts.number.as_str().trim() == row.number.as_str().trim();
    let Some(ours) = invoices.iter().find(|invoice| number(&invoice.facts)) else {
        let none = t.say(
            "Aucune facture de ce fichier ne porte le numéro de la ligne choisie.",
            "No invoice of this file has the number of the row you chose.",
        );
        return Ok(Err(none.to_owned()));
    };
    let (supplier, theirs) = (ours.facts.supplier.as_str(), row.supplier.as_deref().unwrap_or_default());
    // What cannot be compared is what a person is asked for.
    if siren(supplier).zip(siren(theirs)).is_some_and(|(a, b)| a != b) {
        return Ok(Err(match t.0 {
            Language::Fr => format!(
                "Cette facture est d’un autre fournisseur ({theirs}) que la nôtre ({supplier}) : ce n’est pas elle. Rien n’a été décidé."
            ),
            Language::En => format!(
                "This invoice is of another supplier ({theirs}) than ours ({supplier}): it is not ours. Nothing was decided."
            ),
        }));
    }
    if let Some((typed, shown)) = typed.zip(row.deposit_number.as_ref()).filter(|(typed, shown)| typed != shown) {
        return Ok(Err(match t.0 {
            Language::Fr => format!(
                "Le numéro de flux {typed} n’est pas celui de la ligne choisie ({shown}) : corrigez l’un ou l’autre. Rien n’a été décidé."
            ),
            Language::En => format!(
                "Flux number {typed} is not that of the row you chose ({shown}): correct one of them. Nothing was decided."
            ),
        }));
    }
    Ok(Ok(Some(Chosen { invoice: (ours.ordinal, row.chorus_id), deposit_number: row.deposit_number })))
}

fn sent(t: Tongue, invoice: &InvoiceRecord) -> Sent {
    let facts = &invoice.facts;
    Sent {
        number: facts.number.to_string(),
        supplier: facts.supplier.clone(),
        payable: facts.payable.as_deref().map(|amount| t.amount(amount)).unwrap_or_default(),
        issued: facts.issued_on.as_deref().map(|day| t.day(day)).unwrap_or_default(),
    }
}

fn shown(t: Tongue, row: &SightedInvoice) -> Shown {
    let (status, tone) = t.status(&row.status);
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    // A day, or an instant as Chorus Pro writes it.
    let date = |date: &Option<String>| {
        let date = date.as_deref().unwrap_or_default();
        date.parse::<Timestamp>().map_or_else(|_| t.day(date), Timestamp::paris_text)
    };
    Shown {
        chorus_id: row.chorus_id.to_string(),
        number: row.number.to_string(),
        supplier: text(&row.supplier),
        recipient: text(&row.recipient),
        payable: row.payable.as_deref().map(|amount| t.amount(amount)).unwrap_or_default(),
        issued: date(&row.issued_on),
        deposited: date(&row.deposited_on),
        deposit: row.deposit_number.as_ref().map(ToString::to_string).unwrap_or_default(),
        status,
        tone: tone.class(),
        chosen: false,
    }
}

fn asked(t: Tongue, look: Option<&LookRecord>) -> String {
    let Some(look) = look else {
        return t.say("Chorus Pro n’a pas encore été interrogé.", "Chorus Pro has not been asked yet.").to_owned();
    };
    let at = look.asked_at.paris_text();
    match look.answered_since {
        Some(since) if since == look.asked_at => match t.0 {
            Language::Fr => format!("Interrogé le {at} ; il a répondu."),
            Language::En => format!("Asked on {at}; it answered."),
        },
        Some(since) => match t.0 {
            Language::Fr => {
                format!("Interrogé le {at} ; il répond sans interruption depuis le {}.", since.paris_text())
            }
            Language::En => {
                format!("Asked on {at}; it has answered throughout since {}.", since.paris_text())
            }
        },
        None if look.rows.is_empty() => match t.0 {
            Language::Fr => format!("Interrogé le {at} : pas de réponse."),
            Language::En => format!("Asked on {at}: no answer."),
        },
        None => match t.0 {
            Language::Fr => {
                format!("Interrogé le {at} : pas de réponse. Ce qui suit date de la réponse précédente.")
            }
            Language::En => format!("Asked on {at}: no answer. What follows is of the answer before."),
        },
    }
}
