//! The wish to stop, as one value that everything long-lived holds.

use std::io;

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

/// Told once that the process should stop; cheap to clone. Never un-told.
#[derive(Clone, Debug)]
pub struct Shutdown {
    told: watch::Receiver<bool>,
}

/// The other end of a [`Shutdown`]. Dropping the last one also tells; signals hold one of their own.
#[derive(Debug, Clone)]
pub struct ShutdownTrigger {
    tell: watch::Sender<bool>,
}

impl Shutdown {
    /// A pair for the caller's own use (tests, a supervisor).
    pub fn pair() -> (ShutdownTrigger, Shutdown) {
        let (tell, told) = watch::channel(false);
        (ShutdownTrigger { tell }, Shutdown { told })
    }

    /// Told by SIGTERM or SIGINT, or by the trigger. Inside a tokio runtime.
    pub fn on_signals() -> io::Result<(ShutdownTrigger, Shutdown)> {
        let (trigger, shutdown) = Self::pair();
        let tell = trigger.tell.clone();
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        tokio::spawn(async move {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
            tell.send_replace(true);
        });
        Ok((trigger, shutdown))
    }

    /// Whether it was told already.
    pub fn is_told(&self) -> bool {
        *self.told.borrow()
    }

    /// Resolves when told; at once when it was told before.
    pub async fn told(&self) {
        let mut told = self.told.clone();
        // An error means the trigger is gone: nobody is left who could want us to go on.
        let _ = told.wait_for(|told| *told).await;
    }

    /// The channel underneath, for those who want to watch it themselves.
    pub fn watch(&self) -> watch::Receiver<bool> {
        self.told.clone()
    }
}

impl ShutdownTrigger {
    pub fn tell(&self) {
        self.tell.send_replace(true);
    }
}

/// SIGHUP: read the configuration anew. Inside a tokio runtime; from then on the signal does not end the process.
pub fn hangups() -> io::Result<tokio::signal::unix::Signal> {
    signal(SignalKind::hangup())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn told_once_reaches_every_clone_even_late() {
        let (trigger, shutdown) = Shutdown::pair();
        let early = tokio::spawn({
            let shutdown = shutdown.clone();
            async move { shutdown.told().await }
        });
        assert!(!shutdown.is_told());
        trigger.tell();
        early.await.unwrap();
        shutdown.clone().told().await;
        assert!(shutdown.is_told());
    }

    #[tokio::test]
    async fn a_signal_tells() {
        let (_trigger, shutdown) = Shutdown::on_signals().unwrap();
        nix::sys::signal::raise(nix::sys::signal::Signal::SIGTERM).unwrap();
        tokio::time::timeout(std::time::Duration::from_secs(5), shutdown.told()).await.unwrap();
    }
}
