//! What a followed deposit shows: derived anew from its invoices' rows whenever one of them changes. One place for a fault,
//! many invoices: the gravest that nobody has corrected comes first, every invoice it concerns is named, and what it hid is
//! shown again once it is over.

use super::columns::{fault_text, maybe_fault, maybe_word, word};
use super::flows;
use super::journal::Entry;
use super::writer::Writing;
use super::{InvoiceRecord, StoreError};
use crate::chorus::explained;
use crate::domain::{FlowId, InvoiceNumber, InvoiceStatus, Timestamp};
use crate::fault::{Code, Fault, Language, Retry, Text};
use crate::flow::FlowKind;
use crate::flow::deposit::State;

/// Invoices named in one fault.
const NAMED: usize = 5;

/// What a round of following has met beside the invoices' own statuses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Passing {
    /// What is shown of it stays.
    Kept,
    /// These, the first as it is and the others named beside it; or nothing any more.
    Now(Vec<Fault>),
}

/// An invoice of a followed deposit, as far as a person may have to act on it.
struct Row {
    number: InvoiceNumber,
    status: Option<InvoiceStatus>,
    is_refused: bool,
    /// By Chorus Pro's own words, or ours of a file's member; not only because no search shows it.
    is_named: bool,
    /// Or is on its way by another file, which a refusal says ([`ELSEWHERE`]): there is nothing to correct.
    is_corrected: bool,
    /// A search has shown it.
    is_there: bool,
    /// Of its present status.
    comment: Option<String>,
}

impl Row {
    /// What is to be said of it.
    fn claim(&self) -> Option<Code> {
        if self.is_refused {
            return Some(Code::PartlyIntegrated);
        }
        match self.status.as_ref()? {
            InvoiceStatus::Rejetee => Some(Code::InvoiceRejected),
            InvoiceStatus::Refusee1 | InvoiceStatus::Refusee2 => Some(Code::RefusedByValidator),
            InvoiceStatus::ARecycler => Some(Code::InvoiceRecalled),
            InvoiceStatus::Suspendue => Some(Code::InvoiceSuspended),
            InvoiceStatus::ErreurFournisseurSurValideur | InvoiceStatus::ErreurCotraitantSurValideur => {
                Some(Code::WrongValidator)
            }
            status => (!status.is_known()).then_some(Code::UnknownInvoiceStatus),
        }
    }
}

/// The codes that [`derive`] gives an invoice, gravest first: a rejection is graver than a validator's refusal (another
/// validator may be named), that than a suspension, and that than an unknown code.
const CLAIMS: [Code; 8] = [
    Code::InvoiceRejected,
    Code::PartlyIntegrated,
    Code::NotConfirmed,
    Code::RefusedByValidator,
    Code::InvoiceRecalled,
    Code::InvoiceSuspended,
    Code::WrongValidator,
    Code::UnknownInvoiceStatus,
];

/// Whether an invoice of the flow waits on, whatever graver one is shown: its claim is among [`super::WAITS_ON`]. A condition
/// on `flow`.
macro_rules! waits_on {
    () => {
        "(flow.kind = 'deposit' AND flow.state IN ('integrated', 'partly_integrated')
         AND EXISTS (SELECT 1 FROM invoice AS open WHERE open.realm = flow.realm AND open.flow = flow.id
             AND open.corrected_by IS NULL AND open.refused IS NULL
             AND open.status IN ('SUSPENDUE', 'A_RECYCLER', 'ERREUR_FOURNISSEUR_SUR_VALIDEUR',
                                 'ERREUR_COTRAITANT_SUR_VALIDEUR')))"
    };
}
pub(super) use waits_on;

/// The same of one flow.
pub fn has_waiting(w: &Writing<'_>, realm: i64, id: &FlowId) -> Result<bool, StoreError> {
    let sql = concat!("SELECT 1 FROM flow WHERE realm = ?1 AND id = ?2 AND ", waits_on!());
    Ok(w.one(sql, (realm, id.as_str()), |_| Ok(()))?.is_some())
}

/// That no search shows these invoices, nor any other of their structure: nobody but a person can say what became of them.
pub fn not_confirmed(numbers: &[&str]) -> Fault {
    let names = Text::new(list(numbers, "et", "autres"), list(numbers, "and", "more"));
    Fault::new(Code::NotConfirmed).with_text("number", &names)
}

/// Faults of following that are over once an ordinary answer has come.
fn passes(code: Code) -> bool {
    matches!(code, Code::NotFoundAfterIntegration | Code::CallRefused | Code::JobFails | Code::FluxNotSearched)
}

/// Of `invoice`: it was refused because the same is on its way already. Nobody drops it again. Of the same bytes (FG-106) that
/// is so; of the same number (FG-110) only where date and amount are those of the one that has it: otherwise it is another
/// invoice, which needs a number of its own.
pub const ELSEWHERE: &str = "(coalesce(refused, '') LIKE 'FG-106 %' OR coalesce(refused, '') LIKE 'FG-110 %'
     AND EXISTS (SELECT 1 FROM invoice AS held JOIN flow AS holder ON holder.realm = held.realm AND holder.id = held.flow
         WHERE held.realm = invoice.realm AND held.number = invoice.number AND held.supplier = invoice.supplier
         AND held.issued_on = invoice.issued_on AND held.payable = invoice.payable AND held.refused IS NULL
         AND holder.kind = 'deposit'
         AND holder.state NOT IN ('received', 'unmatched', 'split', 'joined', 'rejected', 'refused', 'abandoned')))";

/// *stand*: see [`super::Store::stand`].
pub fn stand(w: &mut Writing<'_>, id: &FlowId, passing: Passing, at: Timestamp) -> Result<(), StoreError> {
    let flow = flows::load(w, id)?;
    let followed = flow.kind == FlowKind::Deposit.as_str() && flow.state.parse::<State>().is_ok_and(State::is_followed);
    if !followed {
        return Ok(());
    }
    let key = (flow.realm, id.as_str());
    let columns = "SELECT fault, waits, verdict, seen_at, refused_parts FROM flow WHERE realm = ?1 AND id = ?2";
    let Some((shown, waited, verdict, seen, refused_parts)) = w.one(columns, key, |r| {
        let seen = r.get::<_, Option<i64>>("seen_at")?.is_some();
        let refused_parts = super::columns::count(r.get("refused_parts")?);
        Ok((maybe_fault(r, "fault")?, r.get::<_, bool>("waits")?, maybe_fault(r, "verdict")?, seen, refused_parts))
    })?
    else {
        return Ok(());
    };
    let rows = w.all(
        &format!(
            "SELECT number, status, refused IS NOT NULL AS refused,
             coalesce(refused, ?3) <> ?3 AS named, corrected_by IS NOT NULL OR {ELSEWHERE} AS corrected,
             chorus_id IS NOT NULL AS there,
             (SELECT comment FROM status WHERE status.realm = invoice.realm AND status.flow = invoice.flow
              AND status.ordinal = invoice.ordinal AND status.status = invoice.status AND status.at = invoice.status_at
              ORDER BY n DESC LIMIT 1) AS comment
         FROM invoice WHERE realm = ?1 AND flow = ?2 ORDER BY ordinal"
        ),
        (key.0, key.1, InvoiceRecord::NOT_SHOWN),
        |r| {
            Ok(Row {
                number: word(r, "number")?,
                status: maybe_word(r, "status")?,
                is_refused: r.get("refused")?,
                is_named: r.get("named")?,
                is_corrected: r.get("corrected")?,
                is_there: r.get("there")?,
                comment: r.get("comment")?,
            })
        },
    )?;
    // What of a file could not be read at all has no row: nobody can have corrected it.
    let is_nameless = refused_parts > rows.iter().filter(|row| row.is_refused).count() as u64;
    let (fault, waits) = derive(shown.as_ref(), verdict.as_ref(), (&rows, is_nameless), passing);
    if fault == shown {
        // What somebody has read does not come back by itself.
        if waits != waited && !seen {
            w.run("UPDATE flow SET waits = ?3 WHERE realm = ?1 AND id = ?2", (key.0, key.1, waits))?;
        }
        return Ok(());
    }
    if let Some(fault) = &fault {
        log::warn!(flow = id.as_str(), fault = fault.code.as_str(); "{}", fault.title(Language::En));
    }
    Entry::new("trouble", at, Some(&flow.place))
        .object("flow", id)
        .object("fault", fault.as_ref().map_or("none", |f| f.code.as_str()))
        .fault(fault.as_ref())
        .append(w)?;
    w.run(
        "UPDATE flow SET fault_code = ?3, fault = ?4, waits = ?5, changed_at = ?6, seen_at = NULL, seen_by = NULL
         WHERE realm = ?1 AND id = ?2",
        (key.0, key.1, fault.as_ref().map(|f| f.code.as_str()), fault.as_ref().map(fault_text), waits, at.millis()),
    )?;
    flow.queue_receipt(w, at)
}

/// The fault to show, and whether it waits for a person. `is_nameless`: something was refused that has no row.
fn derive(
    shown: Option<&Fault>,
    verdict: Option<&Fault>,
    (rows, is_nameless): (&[Row], bool),
    passing: Passing,
) -> (Option<Fault>, bool) {
    // Chorus Pro may say that it took a part, and not which: one that no search has shown yet, if any. That some are known
    // to be refused, because they alone do not show, says nothing of the others: those are not confirmed.
    let none_named = verdict.is_some() && !rows.iter().any(|row| row.is_named);
    let is_hidden = |row: &Row| none_named && !row.is_refused && !row.is_there;
    let is_sorted = verdict.is_some_and(|v| v.code == Code::NotConfirmed) || rows.iter().any(|row| row.is_refused);
    let claim = |row: &Row| row.claim().or_else(|| (is_sorted && is_hidden(row)).then_some(Code::NotConfirmed));
    let with = |code: Code, corrected: bool| -> Vec<&Row> {
        rows.iter().filter(|row| claim(row) == Some(code) && row.is_corrected == corrected).collect()
    };
    let unnamed = verdict.is_some() && (is_nameless || !is_sorted && rows.iter().any(is_hidden));
    let is_open = |code: Code| !with(code, false).is_empty() || (unnamed && code == Code::PartlyIntegrated);
    let open = CLAIMS.into_iter().find(|code| *code != Code::UnknownInvoiceStatus && is_open(*code));
    let is_derived = |fault: &Fault| CLAIMS.contains(&fault.code) || verdict.is_some_and(|v| v.code == fault.code);
    let met: Vec<Fault> = match passing {
        Passing::Now(met) if !met.is_empty() => met,
        Passing::Now(_) => {
            shown.filter(|fault| !passes(fault.code) && !is_derived(fault)).cloned().into_iter().collect()
        }
        Passing::Kept => shown.filter(|fault| !is_derived(fault)).cloned().into_iter().collect(),
    };
    if let Some(code) = open {
        let others = rows.iter().filter(|row| !row.is_corrected).filter_map(|row| {
            claim(row).filter(|other| *other != code).map(|other| Text::same(format!("{} {other}", row.number)))
        });
        let others: Vec<Text> = others.chain(met.iter().map(short)).collect();
        return (Some(told(code, verdict, &with(code, false), &others)), true);
    }
    if let [first, rest @ ..] = met.as_slice() {
        let rest: Vec<Text> = rest.iter().map(short).collect();
        return (Some(also(first.clone(), &rest)), met.iter().any(|fault| fault.retry() != Retry::Later));
    }
    let unknown = with(Code::UnknownInvoiceStatus, false);
    if !unknown.is_empty() {
        return (Some(told(Code::UnknownInvoiceStatus, verdict, &unknown, &[])), false);
    }
    // What was corrected stays to be read, and waits for nobody.
    let past = CLAIMS.into_iter().find(|code| !with(*code, true).is_empty());
    (past.map(|code| told(code, verdict, &with(code, true), &[])), false)
}

/// A fault of these invoices; `others` say what is to be looked at too.
fn told(code: Code, verdict: Option<&Fault>, rows: &[&Row], others: &[Text]) -> Fault {
    let numbers: Vec<&str> = rows.iter().map(|row| row.number.as_str()).collect();
    let names = Text::new(list(&numbers, "et", "autres"), list(&numbers, "and", "more"));
    let of = |row: &Row| row.comment.as_deref().map_or_else(|| "-".to_owned(), explained);
    let comment = match rows {
        [] => "-".to_owned(),
        [first, rest @ ..] if rest.iter().all(|row| row.comment == first.comment) => of(first),
        rows => {
            rows.iter().take(NAMED).map(|row| format!("{} : {}", row.number, of(row))).collect::<Vec<_>>().join(" ; ")
        }
    };
    let fault = match (code, verdict) {
        // Of those that a person, or the others of their structure, told to be missing.
        (Code::PartlyIntegrated, Some(verdict)) if verdict.code == Code::NotConfirmed => {
            let why = InvoiceRecord::not_shown();
            let label = Text::new(format!("{} : {}", names.fr, why.fr), format!("{}: {}", names.en, why.en));
            let deposit = verdict.detail("deposit", Language::Fr).unwrap_or("?");
            Fault::new(code).with("deposit", deposit).with_text("label", &label)
        }
        // As it was told: with Chorus Pro's own words.
        (Code::PartlyIntegrated, Some(verdict)) => verdict.clone(),
        (Code::PartlyIntegrated, None) => Fault::new(code).with("deposit", "?").with_text("label", &names),
        (Code::NotConfirmed, verdict) => {
            let deposit = verdict.and_then(|verdict| verdict.detail("deposit", Language::Fr)).unwrap_or("?");
            not_confirmed(&numbers).with("deposit", deposit)
        }
        (Code::UnknownInvoiceStatus, _) => {
            let mut codes: Vec<String> =
                rows.iter().filter_map(|row| row.status.as_ref()).map(ToString::to_string).collect();
            codes.dedup();
            Fault::new(code).with("status", codes.join(", ")).with_text("number", &names)
        }
        _ => Fault::new(code).with_text("number", &names).with("comment", comment),
    };
    also(fault, others)
}

/// The first of them by number, and how many more there are.
fn list(numbers: &[&str], and: &str, more: &str) -> String {
    let named = numbers.get(..NAMED).unwrap_or(numbers);
    let rest = numbers.len() - named.len();
    let named = named.join(", ");
    if rest == 0 { named } else { format!("{named} {and} {rest} {more}") }
}

/// A fault that a graver one hides, in a word: its code, and the invoice where it names one.
fn short(fault: &Fault) -> Text {
    let of = |language| match fault.detail("number", language) {
        Some(number) => format!("{number} {}", fault.code),
        None => fault.code.to_string(),
    };
    Text::new(of(Language::Fr), of(Language::En))
}

/// Names what waits for another reason, where the fault names its own.
fn also(fault: Fault, others: &[Text]) -> Fault {
    let blank =
        ["number", "deposit", "missing", "service"].into_iter().find(|blank| fault.details.contains_key(*blank));
    let Some(blank) = blank.filter(|_| !others.is_empty()) else { return fault };
    let more = |language, see: &str, and: &str, more: &str| {
        let own = fault.detail(blank, language).unwrap_or("?");
        let names: Vec<&str> = others.iter().take(NAMED).map(|other| other.get(language)).collect();
        let names = names.join(", ");
        match others.len().saturating_sub(NAMED) {
            0 => format!("{own} ({see} {names})"),
            rest => format!("{own} ({see} {names} {and} {rest} {more})"),
        }
    };
    let text =
        Text::new(more(Language::Fr, "voir aussi", "et", "autres"), more(Language::En, "see also", "and", "more"));
    fault.with_text(blank, &text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(number: &str, status: InvoiceStatus) -> Row {
        Row {
            number: number.parse().unwrap(),
            status: Some(status),
            is_refused: false,
            is_named: false,
            is_corrected: false,
            is_there: true,
            comment: Some(format!("mot de {number}")),
        }
    }

    fn shown(rows: &[Row], passing: Passing) -> (String, bool) {
        let (fault, waits) = derive(None, None, (rows, false), passing);
        (fault.map(|fault| fault.title(Language::Fr)).unwrap_or_default(), waits)
    }

    #[test]
    fn the_gravest_comes_first_and_names_what_it_hides() {
        let mut rows = [
            row("S", InvoiceStatus::Suspendue),
            row("R", InvoiceStatus::Rejetee),
            row("A", InvoiceStatus::ARecycler),
            row("D", InvoiceStatus::Deposee),
        ];
        let missing = Fault::new(Code::NotFoundAfterIntegration).with("number", "M");
        let now = || Passing::Now(vec![missing.clone()]);
        let (title, waits) = shown(&rows, now());
        assert!(title.contains("R (voir aussi S FG-421, A FG-449, M FG-412) : « mot de R »"), "{title}");
        assert!(waits);
        rows[1].is_corrected = true;
        assert!(shown(&rows, now()).0.contains("A (voir aussi S FG-421, M FG-412)"));
        rows[2].is_corrected = true;
        rows[0].status = Some(InvoiceStatus::Completee);
        assert_eq!(shown(&rows, now()), (missing.title(Language::Fr), false));
        let (title, waits) = shown(&rows, Passing::Now(Vec::new()));
        assert!(title.contains("rejeté la facture R : ") && !waits, "what was corrected is told last: {title}");
    }

    #[test]
    fn the_store_asks_for_what_waits_on_as_it_is_claimed() {
        for status in InvoiceStatus::KNOWN {
            let claim = row("F", status.clone()).claim();
            let waits = claim.is_some_and(|code| crate::store::WAITS_ON.contains(&code));
            assert_eq!(waits_on!().contains(&format!("'{status}'")), waits, "{status}");
        }
    }

    #[test]
    fn what_chorus_pro_said_of_a_part_stands_until_it_is_known_which() {
        let verdict = Fault::new(Code::PartlyIntegrated).with("deposit", "CPP1").with("label", "inconnu");
        let mut rows = [row("D", InvoiceStatus::Deposee), row("M", InvoiceStatus::Deposee)];
        rows[1].is_there = false;
        let now = |rows: &[Row]| derive(None, Some(&verdict), (rows, false), Passing::Now(Vec::new()));
        assert_eq!(now(&rows), (Some(verdict.clone()), true));
        rows[1].is_refused = true;
        assert_eq!(now(&rows), (Some(verdict.clone()), true));
        rows[1].is_corrected = true;
        assert_eq!(now(&rows), (Some(verdict.clone()), false));
        // Of another supplier, whose invoices may not be seen: that one was corrected says nothing of it.
        let mut rows = rows.into_iter().chain([row("H", InvoiceStatus::Deposee)]).collect::<Vec<_>>();
        rows[2].is_there = false;
        assert_eq!(
            now(&rows),
            (Some(not_confirmed(&["H"]).with("deposit", "CPP1")), true),
            "a person finds out about the hidden one"
        );
        rows[1].is_named = true;
        assert_eq!(now(&rows), (Some(verdict.clone()), false), "Chorus Pro said which: it was not this one");
        let rows = [row("D", InvoiceStatus::Deposee), row("M", InvoiceStatus::Deposee)];
        assert_eq!(now(&rows), (None, false), "all are there after all");
    }
}
