//! Keeper's side of the recovery key: what it asks of the unit that has the rights (`sealer`), and what came of it.
//!
//! Promises: one thing at a time; a key that was made is handed out once and then forgotten, and after [`KEY_WAITS`] in any case; after a wrong key the next one waits,
//! twice as long each time.

use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use super::machine::Machine;
use super::sealer::{self, ANSWER, Answer, Done, FOLDER, REQUEST, Request, Wish};
use crate::gate::{KEY_WAITS, KeyAnswer, RecoveryKey, SealRefusal};
use crate::os::{durable, random};

/// Without an answer for so long the unit is taken for dead.
const ANSWER_LONGEST: Duration = Duration::from_secs(180);
/// After the first wrong key, and after any further one at most.
const WRONG_WAIT: Duration = Duration::from_secs(5);
const WRONG_WAIT_LONGEST: Duration = Duration::from_secs(300);

/// How it stands with a key that somebody typed at the console.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Trial {
    #[default]
    None,
    Running,
    /// That was not the key; another one is taken after this.
    Wrong(Duration),
    Failed(String),
}

/// What is asked, and what came of it.
#[derive(Debug, Default)]
pub struct Recovery {
    asked: Option<Asked>,
    /// With when it was asked for.
    made: Option<(RecoveryKey, Instant)>,
    failed: Option<String>,
    tried: Tried,
}

#[derive(Debug)]
struct Asked {
    number: String,
    at: Instant,
    is_trial: bool,
}

/// What came of keys that were typed.
#[derive(Debug, Default)]
enum Tried {
    #[default]
    Nothing,
    Wrong {
        times: u32,
        until: Instant,
    },
    Failed(String),
}

/// What changed.
#[derive(Debug, PartialEq, Eq)]
pub enum Turn {
    /// A typed key opened what is kept, which is sealed to this machine now.
    Opened,
}

impl Recovery {
    /// Asks for a key.
    pub fn make(&mut self, machine: &Machine, now: Instant) -> Result<(), SealRefusal> {
        self.made = None;
        self.failed = None;
        let unshown = machine.path(sealer::UNSHOWN);
        let noted = durable::make_dir_durably(durable::folder_of(&unshown))
            .and_then(|()| durable::write_atomically(&unshown, b""));
        noted.map_err(|error| SealRefusal::Failed { error: error.to_string() })?;
        self.ask(machine, Wish::MakeKey, now)
    }

    /// The key that was made, once.
    pub fn take(&mut self, machine: &Machine, now: Instant) -> Result<KeyAnswer, SealRefusal> {
        self.turn(machine, now);
        if let Some((key, _)) = self.made.take() {
            if let Err(error) = fs::remove_file(machine.path(sealer::UNSHOWN)) {
                log::warn!(error = error.to_string().as_str(); "That the recovery key was shown could not be noted");
            }
            return Ok(KeyAnswer::Key(key));
        }
        match (&self.asked, self.failed.take()) {
            (_, Some(error)) => Err(SealRefusal::Failed { error }),
            (Some(asked), None) if !asked.is_trial => Ok(KeyAnswer::Making),
            _ => Err(SealRefusal::NoKey),
        }
    }

    /// Has a typed key tried.
    pub fn try_key(&mut self, machine: &Machine, key: RecoveryKey, now: Instant) -> Result<(), SealRefusal> {
        match self.tried {
            Tried::Wrong { until, .. } if until > now => Err(SealRefusal::TooSoon),
            _ => self.ask(machine, Wish::TryKey(key), now),
        }
    }

    /// How it stands with typed keys.
    pub fn trial(&self, now: Instant) -> Trial {
        match (&self.asked, &self.tried) {
            (Some(Asked { is_trial: true, .. }), _) => Trial::Running,
            (_, Tried::Nothing) => Trial::None,
            (_, Tried::Wrong { until, .. }) => Trial::Wrong(until.saturating_duration_since(now)),
            (_, Tried::Failed(error)) => Trial::Failed(error.clone()),
        }
    }

    fn ask(&mut self, machine: &Machine, what: Wish, now: Instant) -> Result<(), SealRefusal> {
        if self.asked.is_some() {
            return Err(SealRefusal::Busy);
        }
        let number = random::hex::<8>();
        let is_trial = matches!(what, Wish::TryKey(_));
        sealer::write_json(&path(machine, REQUEST), &Request { number: number.clone(), what })
            .map_err(|error| SealRefusal::Failed { error: error.to_string() })?;
        self.asked = Some(Asked { number, at: now, is_trial });
        Ok(())
    }

    /// Takes in what the unit answered.
    pub fn turn(&mut self, machine: &Machine, now: Instant) -> Option<Turn> {
        if self.made.take_if(|(_, asked)| now.saturating_duration_since(*asked) >= KEY_WAITS).is_some() {
            log::warn!("A recovery key was made and nobody looked at it: it is forgotten, another one can be made");
        }
        let asked = self.asked.as_ref()?;
        let at = asked.at;
        let is_trial = asked.is_trial;
        let done = match fs::read(path(machine, ANSWER)) {
            Ok(bytes) => {
                let _ = fs::remove_file(path(machine, ANSWER));
                match serde_json::from_slice::<Answer>(&bytes) {
                    Ok(answer) if answer.number == asked.number => answer.what,
                    // Of a life before.
                    Ok(_) => return None,
                    Err(error) => Done::Failed(error.to_string()),
                }
            }
            Err(_) if now.saturating_duration_since(asked.at) < ANSWER_LONGEST => return None,
            Err(_) => {
                // Nobody takes it any more, and a key may stand in it.
                let _ = fs::remove_file(path(machine, REQUEST));
                Done::Failed("no answer".to_owned())
            }
        };
        self.asked = None;
        match done {
            Done::Key(key) => self.made = Some((key, at)),
            Done::Failed(error) if is_trial => self.tried = Tried::Failed(error),
            Done::Failed(error) => self.failed = Some(error),
            Done::WrongKey => {
                let times = if let Tried::Wrong { times, .. } = self.tried { times + 1 } else { 1 };
                let wait = WRONG_WAIT.saturating_mul(1 << (times - 1).min(6)).min(WRONG_WAIT_LONGEST);
                self.tried = Tried::Wrong { times, until: now + wait };
            }
            Done::Sealed => {
                self.tried = Tried::Nothing;
                return Some(Turn::Opened);
            }
        }
        None
    }
}

fn path(machine: &Machine, name: &str) -> PathBuf {
    machine.path(FOLDER).join(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key() -> RecoveryKey {
        RecoveryKey::parse(&"cbdefghi".repeat(8)).unwrap()
    }

    /// As the unit does.
    fn answers(machine: &Machine, what: Done) {
        let request: Request = serde_json::from_slice(&fs::read(path(machine, REQUEST)).unwrap()).unwrap();
        fs::remove_file(path(machine, REQUEST)).unwrap();
        sealer::write_json(&path(machine, ANSWER), &Answer { number: request.number, what }).unwrap();
    }

    #[test]
    fn a_key_is_made_and_handed_out_once() {
        let dir = tempfile::tempdir().unwrap();
        let (machine, now) = (Machine::at(dir.path()), Instant::now());
        let mut recovery = Recovery::default();
        assert_eq!(recovery.take(&machine, now), Err(SealRefusal::NoKey));
        recovery.make(&machine, now).unwrap();
        assert_eq!(recovery.make(&machine, now), Err(SealRefusal::Busy));
        assert_eq!(recovery.take(&machine, now), Ok(KeyAnswer::Making));
        answers(&machine, Done::Key(key()));
        assert_eq!(recovery.take(&machine, now), Ok(KeyAnswer::Key(key())));
        assert_eq!(recovery.take(&machine, now), Err(SealRefusal::NoKey));
        assert!(!path(&machine, ANSWER).exists());

        // Nobody came for it.
        recovery.make(&machine, now).unwrap();
        answers(&machine, Done::Key(key()));
        assert_eq!(recovery.turn(&machine, now), None);
        assert_eq!(recovery.take(&machine, now + KEY_WAITS), Err(SealRefusal::NoKey));
    }

    #[test]
    fn a_unit_that_fails_or_stays_silent_is_told() {
        let dir = tempfile::tempdir().unwrap();
        let (machine, now) = (Machine::at(dir.path()), Instant::now());
        let mut recovery = Recovery::default();
        recovery.make(&machine, now).unwrap();
        answers(&machine, Done::Failed("no TPM".to_owned()));
        assert_eq!(recovery.take(&machine, now), Err(SealRefusal::Failed { error: "no TPM".to_owned() }));
        recovery.try_key(&machine, key(), now).unwrap();
        assert_eq!(recovery.turn(&machine, now + ANSWER_LONGEST), None);
        assert!(matches!(recovery.trial(now), Trial::Failed(_)));
        assert!(!path(&machine, REQUEST).exists(), "the key stays nowhere");
    }

    #[test]
    fn wrong_keys_wait_longer_each_time() {
        let dir = tempfile::tempdir().unwrap();
        let machine = Machine::at(dir.path());
        let (mut recovery, mut now) = (Recovery::default(), Instant::now());
        let mut waits = Vec::new();
        for _ in 0..9 {
            recovery.try_key(&machine, key(), now).unwrap();
            assert_eq!(recovery.trial(now), Trial::Running);
            answers(&machine, Done::WrongKey);
            assert_eq!(recovery.turn(&machine, now), None);
            let Trial::Wrong(wait) = recovery.trial(now) else { panic!() };
            assert_eq!(recovery.try_key(&machine, key(), now), Err(SealRefusal::TooSoon));
            waits.push(wait.as_secs());
            now += wait;
        }
        assert_eq!(waits, [5, 10, 20, 40, 80, 160, 300, 300, 300]);
        recovery.try_key(&machine, key(), now).unwrap();
        answers(&machine, Done::Sealed);
        assert_eq!(recovery.turn(&machine, now), Some(Turn::Opened));
        assert_eq!(recovery.trial(now), Trial::None);
    }
}
