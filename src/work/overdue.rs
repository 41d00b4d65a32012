//! Deliveries that the application does not fetch.
//!
//! Promise: an invoice that stands in `/recues` longer than `[limits] delivery_deadline` is a fault, shown once, until it is
//! taken: an application that has stopped fetching is noticed.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use crate::fault::{Code, Fault};
use crate::flow::reception::State;
use crate::work::core::{Core, JobError};

/// Between two looks, unless the deadline is shorter.
const LOOK_EVERY: Duration = Duration::from_secs(60);
/// The shortest wait between two looks.
const LOOK_SHORTEST: Duration = Duration::from_millis(100);

/// Looks until `stop` is set.
pub(super) async fn watch_over(core: Arc<Core>, mut stop: watch::Receiver<bool>) {
    while !*stop.borrow() {
        if let Err(error) = look(&core).await {
            log::error!(error = error.to_string().as_str(); "Deliveries that nobody fetches cannot be looked for");
        }
        let deadline = core.options.load().limits.delivery_deadline.get();
        tokio::select! {
            _ = stop.changed() => return,
            () = tokio::time::sleep(LOOK_EVERY.min(deadline).max(LOOK_SHORTEST)) => {}
        }
    }
}

async fn look(core: &Core) -> Result<(), JobError> {
    let deadline = core.options.load().limits.delivery_deadline.get();
    let overdue = core.store.reader()?.overdue_deliveries(core.now().minus(deadline), Code::NotTaken)?;
    for id in overdue {
        let Some(flow) = core.store.reader()?.flow(&id)? else { continue };
        let fault = Fault::new(Code::NotTaken)
            .with("folder", flow.delivered_as.as_deref().unwrap_or_default())
            .with("account", &flow.account)
            .with("since", flow.since.paris_text());
        log::warn!(flow = id.as_str(), account = flow.account.as_str(); "A received invoice is not fetched by its application");
        core.store.trouble(&id, Some(fault), core.now()).await?;
        // Taken between the look and the note: nothing waits any more.
        let taken = core.store.reader()?.flow(&id)?.is_some_and(|flow| flow.state == State::Taken.as_str());
        if taken {
            core.store.trouble(&id, None, core.now()).await?;
        }
    }
    Ok(())
}
