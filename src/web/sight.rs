//! A person has read what ended a flow badly, and says so: it leaves the first screen for everybody.

use crate::domain::{FlowId, Timestamp};
use crate::store::StoreError;
use crate::web::answer::Answer;
use crate::web::ask::Ask;
use crate::web::error::Trouble;
use crate::web::page::Visit;
use crate::web::site::{Site, local_path};

/// As the flow was when the page was made; leads back to where it was read.
pub fn see(site: &Site, ask: &Ask, visit: &Visit, id: &str) -> Result<Answer, Trouble> {
    let id: FlowId = id.parse().map_err(|_| Trouble::NotFound)?;
    let as_of = ask.form.get("seen").parse().map(Timestamp::from_millis).map_err(|_| Trouble::NotFound)?;
    let done = match site.store.see(&id, as_of, visit.person(), Timestamp::now()).wait() {
        Err(StoreError::UnknownFlow(_)) => return Err(Trouble::NotFound),
        done => done?,
    };
    let back = local_path(ask.form.get("retour")).unwrap_or("/");
    let and = if back.contains('?') { '&' } else { '?' };
    let said = if done { "vu" } else { "vu-change" };
    Ok(Answer::see_other(&format!("{back}{and}fait={said}")))
}
