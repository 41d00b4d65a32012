//! `[syslog]`: core sends log lines on, its own and those that front hands it.

use std::time::Duration;

use tokio::sync::mpsc::Receiver;

use crate::config::Config;
use crate::gate::{self, LOG_LINES_AT_ONCE, LogLine};
use crate::os::log_copy::{self, Line};
use crate::os::signals::Shutdown;
use crate::work::remote_log::{self, RemoteLog};

/// Front's lines are handed over this often.
const HAND_OVER: Duration = Duration::from_secs(1);

/// In core: begins, where the configuration wants it. Must be called inside the runtime, as early as lines are to be sent.
pub fn begin(config: &Config, shutdown: Shutdown) -> Option<RemoteLog> {
    let section = config.syslog.clone()?;
    let lines = log_copy::take()?;
    let host = nix::unistd::gethostname().ok().and_then(|name| name.into_string().ok()).unwrap_or_default();
    let standing = RemoteLog::default();
    tokio::spawn(remote_log::send_over(section, config.store.dir.clone(), host, lines, standing.clone(), shutdown));
    Some(standing)
}

/// In front: from now on lines are kept for [`hand_over`], where the configuration wants them.
pub fn copies(config: &Config) -> Option<Receiver<Line>> {
    config.syslog.as_ref()?;
    log_copy::take()
}

/// In front: hands lines to core until told to stop. What core does not take is kept until it does, or counted as lost.
pub async fn hand_over(lines: Option<Receiver<Line>>, core: gate::Client, shutdown: Shutdown) {
    let Some(mut lines) = lines else { return };
    let mut waiting: Vec<LogLine> = Vec::new();
    loop {
        while waiting.len() < LOG_LINES_AT_ONCE
            && let Ok(line) = lines.try_recv()
        {
            waiting.push(LogLine::from(line));
        }
        let lost = log_copy::lost();
        if lost > 0 {
            log::warn!(lines = lost; "Log lines of front were lost: core did not take them in time");
        }
        let is_full = waiting.len() == LOG_LINES_AT_ONCE;
        let is_handed = waiting.is_empty() || core.log(waiting.clone()).await.is_ok();
        if is_handed {
            waiting.clear();
        }
        if is_full && is_handed {
            continue;
        }
        tokio::select! {
            () = shutdown.told() => return,
            () = tokio::time::sleep(HAND_OVER) => {}
        }
    }
}
