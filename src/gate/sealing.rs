//! What core and keeper say to each other of the seal: how what is kept is bound to the machine's TPM, and of the recovery key that
//! opens it where the TPM does not.
//!
//! Refuses to know: how a seal is made (`keeper`).

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::fault::Text;

/// What weakens the seal, why there is none, or why it does not open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SealCause {
    /// Sealed, but the firmware starts anything: who has the whole machine, not its disk alone, can read what is kept.
    NoSecureBoot,
    /// Plain: the machine has no TPM 2.
    NoTpm,
    /// Plain: the TPM did not seal when what is kept was made.
    TpmFailed,
    /// Plain since it was made, on a machine that has a TPM 2 now.
    MadePlain,
    /// Not open: this TPM does not give the key.
    Elsewhere,
    /// Not open: sealed, and no TPM 2 is there.
    TpmGone,
    /// Not open: the partition could neither be made nor read.
    Damaged,
}

impl SealCause {
    /// For people, with what to do.
    pub fn text(self) -> Text {
        let (fr, en) = match self {
            SealCause::NoSecureBoot => (
                "scellées à cette machine, mais Secure Boot est éteint : qui emporte la machine entière peut les lire ; \
                 activez-le, puis remettez l'appliance à l'état d'usine ou donnez la clé de secours",
                "sealed to this machine, but Secure Boot is off: who takes the whole machine can read it; turn it on, then \
                 reset the appliance to the factory's state or give the recovery key",
            ),
            SealCause::NoTpm => (
                "non scellées : cette machine n'a pas de TPM 2, ou il est éteint dans le micrologiciel",
                "not sealed: this machine has no TPM 2, or its firmware turned it off",
            ),
            SealCause::TpmFailed => (
                "non scellées : le TPM a refusé de sceller ; effacez-le dans le micrologiciel, puis remettez à l'état d'usine",
                "not sealed: the TPM refused to seal; clear it in the firmware, then reset to the factory's state",
            ),
            SealCause::MadePlain => (
                "non scellées : elles ont été créées sans TPM ; une remise à l'état d'usine les scelle",
                "not sealed: they were made without a TPM; a factory reset seals them",
            ),
            SealCause::Elsewhere => (
                "les données sont scellées à une autre machine, ou le TPM ou Secure Boot de celle-ci ont changé : tapez 4 \
                 et la clé de secours",
                "the data is sealed to another machine, or this one's TPM or Secure Boot were changed: press 4 and type \
                 the recovery key",
            ),
            SealCause::TpmGone => (
                "les données sont scellées et cette machine n'a pas de TPM 2 : rallumez-le dans le micrologiciel, ou \
                 remettez le disque dans sa machine",
                "the data is sealed and this machine has no TPM 2: turn it on in the firmware, or put the disk back into \
                 its machine",
            ),
            SealCause::Damaged => (
                "la partition des données ne peut être ni créée ni lue : remplacez le disque, ou remettez à l'état d'usine",
                "the data partition can neither be made nor read: replace the disk, or reset to the factory's state",
            ),
        };
        Text::new(fr, en)
    }

    /// Whether what is kept is closed, and by a recovery key can be opened.
    pub fn opens_by_key(self) -> bool {
        self == SealCause::Elsewhere
    }

    /// Whether what is kept is not open.
    pub fn is_closed(self) -> bool {
        matches!(self, SealCause::Elsewhere | SealCause::TpmGone | SealCause::Damaged)
    }
}

/// How the seal stands, as far as keeper knows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Seal {
    /// Encrypted, and opened by the TPM.
    pub sealed: bool,
    pub cause: Option<SealCause>,
    /// Somebody was given a recovery key.
    pub has_recovery_key: bool,
}

/// What is asked of the recovery key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KeyAsk {
    /// The first one: refused where there is one. → `Done`, while it is being made
    Make,
    /// A new one in place of the former, which opens nothing from then on. → `Done`, while it is being made
    Renew,
    /// What was made, once. → `RecoveryKey`
    Take,
}

/// A recovery key: eight groups of eight letters that each keyboard has in the same place.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct RecoveryKey(Zeroizing<String>);

/// The letters of a recovery key (systemd's "modhex").
const LETTERS: &str = "cbdefghijklnrtuv";
/// Letters in a recovery key, and in a group of it.
pub const KEY_LETTERS: usize = 64;
const GROUP: usize = 8;

impl RecoveryKey {
    /// From what somebody typed or a program printed: capitals, spaces and hyphens do not count. `None` unless it has exactly
    /// [`KEY_LETTERS`].
    pub fn parse(typed: &str) -> Option<Self> {
        let mut letters = Zeroizing::new(String::with_capacity(KEY_LETTERS + KEY_LETTERS / GROUP));
        let mut count = 0;
        for letter in typed.chars().map(|letter| letter.to_ascii_lowercase()) {
            if LETTERS.contains(letter) && count < KEY_LETTERS {
                if count > 0 && count % GROUP == 0 {
                    letters.push('-');
                }
                letters.push(letter);
                count += 1;
            } else if !matches!(letter, '-' | ' ' | '\n' | '\r') {
                return None;
            }
        }
        (count == KEY_LETTERS).then_some(Self(letters))
    }

    /// With its hyphens.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for RecoveryKey {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(&Zeroizing::new(text)).ok_or("not a recovery key")
    }
}

impl From<RecoveryKey> for String {
    fn from(key: RecoveryKey) -> Self {
        key.as_str().to_owned()
    }
}

/// Whether a key has this letter.
pub fn is_key_letter(letter: char) -> bool {
    LETTERS.contains(letter.to_ascii_lowercase())
}

/// Never in a log.
impl fmt::Debug for RecoveryKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RecoveryKey(…)")
    }
}

/// Of a recovery key that was asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KeyAnswer {
    /// Ask again in a moment.
    Making,
    Key(RecoveryKey),
}

/// A key that was made and that nobody looked at is forgotten after this: another one has to be made.
pub const KEY_WAITS: Duration = Duration::from_secs(15 * 60);

/// Why there is no recovery key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum SealRefusal {
    /// Nothing is sealed, or it is not open.
    NotSealed,
    /// There is one already.
    KeyExists,
    /// Something else is done with the seal right now.
    Busy,
    /// A wrong key was typed a moment ago.
    TooSoon,
    /// None was made, or it was taken.
    NoKey,
    /// The system refused.
    Failed { error: String },
}

impl SealRefusal {
    /// For people, with what to do.
    pub fn text(&self) -> Text {
        match self {
            SealRefusal::NotSealed => Text::new(
                "les données ne sont pas scellées : une clé de secours n'aurait rien à ouvrir",
                "the data is not sealed: a recovery key would have nothing to open",
            ),
            SealRefusal::KeyExists => Text::new(
                "une clé de secours existe déjà : un administrateur en crée une nouvelle sur la page Configuration",
                "there is a recovery key already: an administrator makes a new one on the Configuration page",
            ),
            SealRefusal::Busy => Text::new("une clé est en cours de création : attendez", "a key is being made: wait"),
            SealRefusal::TooSoon => Text::new(
                "après une clé fausse, attendez que le nouvel essai soit permis",
                "after a wrong key, wait until another try is allowed",
            ),
            SealRefusal::NoKey => Text::new(
                "aucune clé de secours n'attend : créez-en une nouvelle sur la page Configuration",
                "no recovery key is waiting: make a new one on the Configuration page",
            ),
            SealRefusal::Failed { error } => Text::new(
                format!("le TPM ou le disque a refusé ({error}) : redémarrez la machine, puis réessayez"),
                format!("the TPM or the disk refused ({error}): restart the machine, then try again"),
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_read_as_people_type_it_and_never_told() {
        let key = ["cbdefghi", "jklnrtuv"].repeat(4).join("-");
        let read = RecoveryKey::parse(&key).unwrap();
        assert_eq!(read.as_str(), key);
        assert_eq!(RecoveryKey::parse(&key.to_uppercase().replace('-', " ")).unwrap(), read);
        assert_eq!(RecoveryKey::parse(&format!("{key}\n")).unwrap(), read);
        for bad in [&key[1..], &format!("{key}c"), &key.replace('c', "a"), "", "é"] {
            assert!(RecoveryKey::parse(bad).is_none(), "{bad}");
        }
        assert!(!format!("{read:?}").contains("cbdefghi"));
    }
}
