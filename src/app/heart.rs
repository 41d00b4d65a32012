//! How a child tells its supervisor that it lives: lines on its standard output, which it uses for nothing else.
//!
//! `ready` once, `alive` at every beat, `reload` when the configuration changed. Under a service manager instead of a
//! supervisor the same things are said by notification.

use std::io::Write;
use std::time::Duration;

use crate::os::service;
use crate::os::signals::{Shutdown, ShutdownTrigger};

/// Between two beats.
pub const BEAT: Duration = Duration::from_secs(2);

/// A child's voice. Cheap to clone.
#[derive(Debug, Clone, Copy)]
pub struct Heart {
    supervised: bool,
}

/// What a child says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Word {
    Ready,
    Alive,
    Reload,
}

impl Word {
    pub const ALL: [Word; 3] = [Word::Ready, Word::Alive, Word::Reload];

    pub fn as_str(self) -> &'static str {
        match self {
            Word::Ready => "ready",
            Word::Alive => "alive",
            Word::Reload => "reload",
        }
    }
}

impl Heart {
    /// `supervised`: standard output is the supervisor's pipe.
    pub fn new(supervised: bool) -> Self {
        Self { supervised }
    }

    /// Starts to beat, until `shutdown` is told or the supervisor is gone; then everything is told to stop.
    pub fn beat(self, shutdown: Shutdown, trigger: ShutdownTrigger) {
        let pause = if self.supervised { Some(BEAT) } else { service::watchdog_interval() };
        tokio::spawn(async move {
            let Some(pause) = pause else {
                // Nobody listens. The trigger must live on: dropping it would tell.
                shutdown.told().await;
                return;
            };
            loop {
                tokio::select! {
                    () = shutdown.told() => break,
                    () = tokio::time::sleep(pause) => {}
                }
                if !self.supervised {
                    service::alive();
                } else if !say(Word::Alive) {
                    log::warn!("The supervisor is gone: stopping");
                    trigger.tell();
                    break;
                }
            }
        });
    }

    /// Everything is up.
    pub fn ready(self, status: &str) {
        if self.supervised {
            say(Word::Ready);
        } else {
            service::ready(status);
        }
    }

    /// The configuration changed: both processes should start anew. `false` when there is no supervisor to do it; the
    /// caller then ends, and its service manager starts it again.
    pub fn reload(self) -> bool {
        self.supervised && say(Word::Reload)
    }
}

fn say(word: Word) -> bool {
    let mut out = std::io::stdout().lock();
    out.write_all(word.as_str().as_bytes()).and_then(|()| out.write_all(b"\n")).and_then(|()| out.flush()).is_ok()
}
