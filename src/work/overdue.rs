//! Deliveries that the application does not fetch.
//!
//! Promise: an invoice, or what completes one, that stands in `/recues` longer than `[limits] delivery_deadline` is a fault,
//! shown once, until it is taken: an application that has stopped fetching is noticed. It hides no other fault of its flow,
//! which somebody is told of already. The watch counts these very flows (FG-613).

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use crate::fault::{Code, Fault};
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
    let overdue = core.store.reader()?.overdue_deliveries(core.now().minus(deadline))?;
    for standing in overdue {
        let Some(flow) = core.store.reader()?.flow(&standing.flow)? else { continue };
        let fault = Fault::new(Code::NotTaken)
            .with("folder", &standing.folder)
            .with("account", &flow.account)
            .with("since", standing.since.paris_text());
        log::warn!(flow = flow.id.as_str(), account = flow.account.as_str(), folder = standing.folder.as_str(); "A received invoice is not fetched by its application");
        core.store.trouble(&flow.id, Some(fault), core.now()).await?;
    }
    // Taken between the look and the note: nothing waits any more.
    let reader = core.store.reader()?;
    let settled = reader.no_longer_standing(Code::NotTaken)?;
    drop(reader);
    for flow in settled {
        core.store.trouble(&flow, None, core.now()).await?;
    }
    Ok(())
}
