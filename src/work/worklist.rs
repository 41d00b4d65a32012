//! Watches Chorus Pro for invoices that wait for this establishment's validation (it holds the contract, a sub- or
//! co-contractor sends the invoice), and makes each one a flow of its own role.
//!
//! Promise: every page is followed and counted against the total; an invoice is found once; one that is not listed any more
//! was decided, here or elsewhere, and its history is read until it tells so. Chorus Pro's list has no dates, so nothing is
//! asked by date: one call a round while nothing waits. Few establishments validate anything, so this question harms nothing
//! else: who may not ask it is no validator, and one that fails waits for the next round; the watch tells of both.

use std::collections::HashSet;

use crate::chorus::{Page, RechercherATraiterValideur, ResultPage, WaitingInvoice, WireDate};
use crate::domain::{AccountName, ChorusInvoiceId, Realm};
use crate::fault::{Code, Fault, Language, Text};
use crate::store::{Found, FoundInvoice, StoreError};
use crate::work::codes;
use crate::work::connector::CallError;
use crate::work::core::Core;
use crate::work::reach::{Rest, Setback, Tally};
use crate::work::reception;

/// The named value that holds why a realm's list was refused last; empty: it was not.
pub const REFUSED: &str = "to_validate.refused";
/// The named value that holds when a realm's list was last read throughout.
pub const WHOLE: &str = "to_validate.whole";

/// One look for one realm.
pub(super) async fn look(core: &Core, realm: &Realm, account: &AccountName) {
    let mut listed = HashSet::new();
    let looked = match sight(core, realm, account, &mut listed).await {
        Ok(Sight::Whole) => settle(core, realm, listed).await,
        Ok(Sight::Cut) => return,
        Ok(Sight::Refused(fault)) => tell(core, realm, Some(&fault)).await,
        Err(error) => Err(error),
    };
    if let Err(error) = &looked {
        log::error!(realm = realm.to_string().as_str(), error = error.to_string().as_str();
            "Invoices to validate cannot be written down");
    }
}

/// How a look ended.
enum Sight {
    Whole,
    Cut,
    Refused(Fault),
}

/// Every page.
async fn sight(
    core: &Core,
    realm: &Realm,
    account: &AccountName,
    listed: &mut HashSet<ChorusInvoiceId>,
) -> Result<Sight, StoreError> {
    let mut question = RechercherATraiterValideur { structure: None, page: Page::FIRST };
    let mut tally = Tally::new(realm, "invoices to validate");
    loop {
        let page = match ask(core, realm, &question).await {
            Ok(page) => page,
            Err(Setback::Later { .. }) => return Ok(Sight::Cut),
            Err(Setback::Refused { fault }) => return Ok(Sight::Refused(fault)),
        };
        let rest = tally.count(question.page, &page, |row| row.id);
        for row in &page.rows {
            codes::saw_kind(core, realm, row.id, row.kind.as_deref()).await?;
        }
        let steps: Vec<_> = page
            .rows
            .into_iter()
            .filter(|row| listed.insert(row.id))
            .map(|row| core.store.find_to_validate(realm, found(row, account), core.now()))
            .collect();
        for step in steps {
            if let Found::New(flow) = step.await? {
                log::info!(realm = realm.to_string().as_str(), flow = flow.as_str(); "An invoice waits for this establishment's validation");
            }
        }
        match rest {
            Rest::More => question.page = question.page.next(),
            Rest::Whole => return Ok(Sight::Whole),
            Rest::Cut => return Ok(Sight::Cut),
        }
    }
}

/// The question. Only what concerns every call (token, account, 429) stops or delays the others.
async fn ask(
    core: &Core,
    realm: &Realm,
    question: &RechercherATraiterValideur,
) -> Result<ResultPage<WaitingInvoice>, Setback> {
    match core.connector(realm).await?.call(question).await {
        Ok(page) => {
            core.pauses.passed(realm);
            Ok(page)
        }
        Err(CallError::Stopped(fault)) if matches!(fault.code, Code::AccessForbidden | Code::ServiceMissing) => {
            Err(Setback::Refused { fault })
        }
        Err(CallError::Lost(fault) | CallError::NotSent(fault)) => {
            log::info!(realm = realm.to_string().as_str(), fault = fault.code.as_str();
                "Chorus Pro gave no list of invoices to validate; it is asked again next round");
            Err(Setback::Later { fault, at: core.now() })
        }
        Err(error) => Err(core.setback(realm, error).await),
    }
}

/// After a whole look: what is missing in it was decided.
async fn settle(core: &Core, realm: &Realm, listed: HashSet<ChorusInvoiceId>) -> Result<(), StoreError> {
    let missed = core.store.miss_to_validate(realm, listed, core.now()).await?;
    if missed > 0 {
        log::info!(realm = realm.to_string().as_str(), invoices = missed; "Invoices wait for this establishment's validation no more");
    }
    core.store.remember(realm, WHOLE, &core.now().to_string()).await?;
    tell(core, realm, None).await
}

/// A refusal is told when it is new.
async fn tell(core: &Core, realm: &Realm, refused: Option<&Fault>) -> Result<(), StoreError> {
    let now = refused.map(|fault| serde_json::to_string(fault).unwrap_or_default()).unwrap_or_default();
    let before = core.store.reader()?.remembered(realm, REFUSED)?.unwrap_or_default();
    if now == before {
        return Ok(());
    }
    if let Some(fault) = refused {
        log::warn!(realm = realm.to_string().as_str(), refusal = fault.title(Language::En).as_str();
            "Chorus Pro refuses the list of invoices to validate. If this establishment validates none, take to_validate from its route; else give its technical account the space of invoices to validate");
    }
    core.store.remember(realm, REFUSED, &now).await
}

/// Why the list was refused, as [`REFUSED`] holds it; before it had two languages, the English words stood there.
pub(super) fn refusal(kept: &str) -> Option<Text> {
    (!kept.is_empty()).then(|| match serde_json::from_str::<Fault>(kept) {
        Ok(fault) => Text::new(fault.title(Language::Fr), fault.title(Language::En)),
        Err(_) => Text::same(kept),
    })
}

fn found(row: WaitingInvoice, account: &AccountName) -> FoundInvoice {
    FoundInvoice {
        chorus_id: row.id,
        number: row.number,
        supplier: row.supplier.unwrap_or_default(),
        supplier_name: row.supplier_name.unwrap_or_default(),
        recipient: row.recipient.unwrap_or_default(),
        recipient_name: row.recipient_name.unwrap_or_default(),
        status: row.status,
        // The list has none.
        status_at: String::new(),
        issued_on: row.issued_on.as_ref().map(|on| on.paris_day().unwrap_or_else(|| WireDate::as_str(on).to_owned())),
        // The swagger has whole numbers here: an amount without its cents is none.
        payable: row
            .payable
            .filter(|amount| amount.contains('.'))
            .map(|amount| priced(&amount, row.currency.as_deref())),
        type_code: reception::type_code(row.kind.as_deref()),
        account: account.clone(),
    }
}

fn priced(amount: &str, currency: Option<&str>) -> String {
    format!("{amount} {}", currency.unwrap_or("EUR"))
}
