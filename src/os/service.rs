//! The service manager: ready, alive, stopping. Does nothing where there is none (no `NOTIFY_SOCKET`).

use std::time::Duration;

use sd_notify::NotifyState;

fn tell(states: &[NotifyState<'_>]) {
    if let Err(cause) = sd_notify::notify(states) {
        log::warn!(cause = cause.to_string().as_str(); "The service manager could not be told");
    }
}

/// Start-up is finished.
pub fn ready(status: &str) {
    tell(&[NotifyState::Ready, NotifyState::Status(status)]);
}

/// A line for `systemctl status`.
pub fn status(status: &str) {
    tell(&[NotifyState::Status(status)]);
}

/// A graceful stop has begun.
pub fn stopping() {
    tell(&[NotifyState::Stopping]);
}

/// Still alive. To be said every [`watchdog_interval`].
pub fn alive() {
    tell(&[NotifyState::Watchdog]);
}

/// How often [`alive`] must be said: half of what the service manager allows; `None` when it does not watch us.
pub fn watchdog_interval() -> Option<Duration> {
    sd_notify::watchdog_enabled().map(|allowed| allowed / 2).filter(|half| !half.is_zero())
}
