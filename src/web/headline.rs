//! What the first screen says in large letters: the worst of what is, since when it is so, and who must act.

use crate::domain::{Realm, Timestamp};
use crate::fault::{Actor, Fault, Gravity};
use crate::store::{AlarmRecord, Overview, halt_subject};
use crate::web::words::{Tone, Tongue};

/// What there is to say, at one moment.
pub struct Situation<'a> {
    pub overview: &'a Overview,
    /// Every alarm that is not over, those of halts as well.
    pub alarms: &'a [AlarmRecord],
    /// What boot found wrong with the configuration.
    pub boot: Option<&'a Fault>,
    pub now: Timestamp,
}

/// The worst of it.
enum Worst {
    Boot,
    Halt,
    Critical(u64),
    Stuck(u64),
    /// A halt that somebody has taken note of: still there, and nothing is well.
    SeenHalt,
    Warnings(u64),
    NothingYet,
    Nothing,
}

/// The alarm by which the watch tells of a halt, once it has looked.
pub fn alarm_of<'a>(realm: &Realm, fault: &Fault, alarms: &'a [AlarmRecord]) -> Option<&'a AlarmRecord> {
    let subject = halt_subject(realm);
    alarms.iter().find(|a| a.cleared_at.is_none() && a.alarm.subject == subject && a.alarm.fault.code == fault.code)
}

impl Situation<'_> {
    /// The headline and how it looks.
    pub fn headline(&self, t: Tongue) -> (String, Tone) {
        let counted = |n, one, many| format!("{} {}", t.number(n), t.plural(n, one, many));
        match self.worst() {
            Worst::Boot => {
                let said = t.say("La configuration doit être corrigée", "The configuration must be corrected");
                (said.to_owned(), Tone::Bad)
            }
            Worst::Halt => {
                let said = t.say("La liaison avec Chorus Pro est arrêtée", "The link to Chorus Pro is halted");
                (said.to_owned(), Tone::Bad)
            }
            Worst::SeenHalt => {
                let said = t.say(
                    "La liaison avec Chorus Pro est arrêtée : pris en compte",
                    "The link to Chorus Pro is halted: acknowledged",
                );
                (t.typeset(said), Tone::Warn)
            }
            Worst::Critical(n) => {
                let one = ["alarme critique", "critical alarm"];
                (counted(n, one, ["alarmes critiques", "critical alarms"]), Tone::Bad)
            }
            Worst::Stuck(n) => {
                let one = ["flux attend une action", "flow waits for action"];
                (counted(n, one, ["flux attendent une action", "flows wait for action"]), Tone::Bad)
            }
            Worst::Warnings(n) => {
                let one = ["avertissement : rien n’est bloqué", "warning: nothing is stuck"];
                let many = ["avertissements : rien n’est bloqué", "warnings: nothing is stuck"];
                (t.typeset(&counted(n, one, many)), Tone::Warn)
            }
            Worst::NothingYet => {
                let said = t.say("Prêt : en attente du premier fichier", "Ready: waiting for the first file");
                (t.typeset(said), Tone::Good)
            }
            Worst::Nothing => {
                (t.typeset(t.say("Tout va bien : rien n’est bloqué", "All is well: nothing is stuck")), Tone::Good)
            }
        }
    }

    /// Since when it is as the headline says.
    pub fn since(&self) -> Option<Timestamp> {
        let alarms = |gravity| self.urgent().filter(move |a| a.alarm.gravity == gravity).map(|a| a.raised_at).min();
        match self.worst() {
            // When the halt came, not when somebody took note of it.
            Worst::Halt => self.halts(false).map(|(.., at)| *at).min(),
            Worst::SeenHalt => self.halts(true).map(|(.., at)| *at).min(),
            Worst::Critical(_) => alarms(Gravity::Critical),
            Worst::Stuck(_) => self.overview.stuck_since,
            Worst::Warnings(_) => alarms(Gravity::Warning),
            Worst::Boot | Worst::NothingYet | Worst::Nothing => None,
        }
    }

    /// Who must act, and in how many cases.
    pub fn actors(&self, t: Tongue) -> Vec<(&'static str, String)> {
        let stuck = self.overview.stuck_faults.iter().map(|(code, count)| (code.entry().actor, *count));
        let halts = self.halts(false).map(|(_, fault, _)| (fault.actor(), 1));
        let alarms = self.urgent().map(|record| (record.alarm.fault.actor(), 1));
        let boot = self.boot.map(|fault| (fault.actor(), 1));
        let cases: Vec<(Actor, u64)> = stuck.chain(halts).chain(alarms).chain(boot).collect();
        [Actor::Establishment, Actor::Supplier, Actor::Network, Actor::Chorus, Actor::Appliance]
            .into_iter()
            .filter_map(|actor| {
                let cases =
                    cases.iter().filter(|(of, _)| *of == actor).fold(0u64, |sum, (_, n)| sum.saturating_add(*n));
                (cases > 0).then(|| (t.actor(actor), t.number(cases)))
            })
            .collect()
    }

    fn worst(&self) -> Worst {
        let of =
            |gravity| u64::try_from(self.urgent().filter(|a| a.alarm.gravity == gravity).count()).unwrap_or(u64::MAX);
        if self.boot.is_some() {
            Worst::Boot
        } else if self.halts(false).next().is_some() {
            Worst::Halt
        } else if of(Gravity::Critical) > 0 {
            Worst::Critical(of(Gravity::Critical))
        } else if self.overview.stuck_total > 0 {
            Worst::Stuck(self.overview.stuck_total)
        } else if !self.overview.halts.is_empty() {
            Worst::SeenHalt
        } else if of(Gravity::Warning) > 0 {
            Worst::Warnings(of(Gravity::Warning))
        } else if self.overview.is_empty {
            Worst::NothingYet
        } else {
            Worst::Nothing
        }
    }

    /// The halts that somebody has taken note of lately, or the others.
    fn halts(&self, seen: bool) -> impl Iterator<Item = &(Realm, Fault, Timestamp)> {
        let is_seen = |(realm, fault, _): &&(Realm, Fault, Timestamp)| {
            alarm_of(realm, fault, self.alarms).is_some_and(|alarm| alarm.is_seen(self.now))
        };
        self.overview.halts.iter().filter(move |halt| is_seen(halt) == seen)
    }

    /// Alarms for whose sake somebody must act, and that nobody has taken note of lately; a halt is no case of its own here.
    fn urgent(&self) -> impl Iterator<Item = &AlarmRecord> {
        self.alarms.iter().filter(|record| {
            !record.alarm.is_of_halt() && record.alarm.gravity > Gravity::Info && !record.is_seen(self.now)
        })
    }
}
