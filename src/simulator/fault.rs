//! Scripted faults: which call they strike, and what they do to it. Knows nothing of sockets: the server acts.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use super::scenario::{ScenarioError, at_most, fits, wrong};
use super::world::World;
use crate::config::nearest;

/// What a fault may be put on, besides `*` (every service of the API).
/// `connect` is the TCP connection before its first byte, `token` the token service.
pub const SERVICES: &[&str] = &[
    "connect",
    "token",
    // factures
    "deposer/flux",
    "deposer/pdf",
    "soumettre",
    "completer",
    "recycler",
    "consulter/recipiendaire",
    "consulter/fournisseur",
    "consulter/valideur",
    "consulter/historique",
    "rechercher/recipiendaire",
    "rechercher/fournisseur",
    "rechercher/valideur",
    "rechercher/demandePaiement",
    "rechercher/atraiter/recipiendaire",
    "rechercher/atraiter/fournisseur",
    "rechercher/aTraiter/valideur",
    "telecharger/groupe",
    "traiter/recue",
    "traiter/factureAValider",
    "traiterRejet",
    "corriger/valideur/facture",
    "recuperer/statutsFactureVisibles/valideur",
    // transverses
    "consulterCR",
    "consulterCRDetaille",
    "ajouter/fichier",
    "telecharger/pieceJointe",
    "telecharger/annuaire/destinataire",
    "rechercher/destinataire",
    "rechercher/pj/structure",
    "rechercher/pj/moncompte",
    "recuperer/etat/typedp",
    "recuperer/etats/traitement",
    "recuperer/formatflux",
    "recuperer/devises",
    "recuperer/modedepot",
    "recuperer/pays",
    "recuperer/modereglements",
    "recuperer/cadrefacturation",
    "recuperer/coordbanc/valides",
    "recuperer/typespj",
    "recuperer/tauxtva",
    "recuperer/motifs/exonerationtva",
    "recuperer/motifs/refus/Facture/AValider",
    "recuperer/typedp",
    "recuperer/typefacturetravaux",
    "recuperer/typeidentifiant/structure",
    "recuperer/structures/actives/fournisseur",
    "recuperer/structures/actives/destinataire",
    "recuperer/structures/actives/facturetravaux",
    "consulter/information/siret",
    "health-check",
    // the other APIs, with their name in front
    "structures/rechercher",
    "structures/consulter",
    "structures/rechercher/services",
    "structures/consulter/service",
    "structures/lister/rattachementsutilisateur",
    "utilisateurs/monCompte/recuperer/rattachements",
    "engagementsJuridiques/rechercher",
    "facturesTravaux/rechercher",
];

/// The longest wait of `slow`, in milliseconds.
pub const SLOW_LIMIT_MS: u64 = 600_000;

/// What happens to the call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Effect {
    /// The call is worked on, then the connection is closed without a byte.
    #[serde(rename = "lose_answer")]
    LoseAnswer,
    #[serde(rename = "status_401")]
    Status401,
    /// API not subscribed: 403 without a body (PROTOCOL §1).
    #[serde(rename = "status_403_empty")]
    Status403Empty,
    /// 429, with `Retry-After` when `retry_after` is given.
    #[serde(rename = "status_429")]
    Status429,
    #[serde(rename = "status_500")]
    Status500,
    #[serde(rename = "status_503")]
    Status503,
    /// 200 with something that is no JSON.
    #[serde(rename = "garbage_200")]
    Garbage200,
    /// 200 without a body.
    #[serde(rename = "empty_200")]
    Empty200,
    /// The call is worked on, and answered `ms` milliseconds (real) later.
    #[serde(rename = "slow")]
    Slow,
    /// The call is worked on; half of the answer is sent, then the connection is closed.
    #[serde(rename = "cut")]
    Cut,
    /// The connection is closed before the request's body (on `connect`: before anything) is read.
    #[serde(rename = "close_before")]
    CloseBefore,
    /// A business error: `code` and `label`, by the transport in force.
    #[serde(rename = "refuse")]
    Refuse,
    /// One of the others by chance, of those that a client must live with; or one of `among`.
    #[serde(rename = "any")]
    Any,
}

/// What `any` is without `among`: what a client must live with unattended. 401 and 403 are left out, which must stop it.
const ANY: &[Effect] = &[
    Effect::LoseAnswer,
    Effect::Status429,
    Effect::Status500,
    Effect::Status503,
    Effect::Garbage200,
    Effect::Empty200,
    Effect::Slow,
    Effect::Cut,
];
/// The longest wait of a `slow` that `any` draws, in milliseconds.
const ANY_SLOW_MS: f64 = 2_000.0;

impl Effect {
    /// Every effect, as the page offers them.
    pub const ALL: [Effect; 13] = [
        Effect::LoseAnswer,
        Effect::Status401,
        Effect::Status403Empty,
        Effect::Status429,
        Effect::Status500,
        Effect::Status503,
        Effect::Garbage200,
        Effect::Empty200,
        Effect::Slow,
        Effect::Cut,
        Effect::CloseBefore,
        Effect::Refuse,
        Effect::Any,
    ];

    /// Whether the call is worked on before the fault shows, unless the rule says otherwise; `None`: it has no choice.
    fn accepts(self) -> Result<bool, bool> {
        match self {
            Effect::LoseAnswer | Effect::Cut => Ok(true),
            Effect::Status500 | Effect::Status503 | Effect::Garbage200 | Effect::Empty200 => Ok(false),
            Effect::Slow => Err(true),
            Effect::Status401
            | Effect::Status403Empty
            | Effect::Status429
            | Effect::CloseBefore
            | Effect::Refuse
            | Effect::Any => Err(false),
        }
    }
}

/// A fault and the calls it strikes. Calls that are refused anyway (wrong token, no JSON ...) are not counted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FaultRule {
    /// One of [`SERVICES`], or `*`.
    pub service: String,
    /// What happens to the call.
    pub effect: Effect,
    /// Only the nth call that fits, 1 first, counted since the rule was added.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nth: Option<u32>,
    /// Only calls about an invoice of this number, `*` for any characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub invoice: Option<String>,
    /// Only calls about a file of this name, `*` for any characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// Only by chance, 0 to 1, from the seed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub probability: Option<f64>,
    /// How often it strikes; 0: until removed. Default: 1, or 0 with `probability`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub times: Option<u32>,
    /// Whether the call is worked on before the fault shows. Default: lose_answer and cut yes, the others no.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accepted: Option<bool>,
    /// `slow`: real milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ms: Option<u64>,
    /// `status_429`: seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after: Option<u32>,
    /// `refuse`: codeRetour.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<i32>,
    /// `refuse`: libelle.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// `any`: which effects it draws from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub among: Option<Vec<Effect>>,
}

impl FaultRule {
    /// Strikes the next call of `service`, once; the methods below narrow or widen that.
    pub fn new(service: &str, effect: Effect) -> Self {
        Self {
            service: service.to_owned(),
            effect,
            nth: None,
            invoice: None,
            file: None,
            probability: None,
            times: None,
            accepted: None,
            ms: None,
            retry_after: None,
            code: None,
            label: None,
            among: None,
        }
    }

    /// Only the nth call that fits, 1 first.
    pub fn nth(mut self, nth: u32) -> Self {
        self.nth = Some(nth);
        self
    }

    /// Only calls about an invoice of such a number; `*` stands for anything.
    pub fn invoice(mut self, pattern: &str) -> Self {
        self.invoice = Some(pattern.to_owned());
        self
    }

    /// Only deposits of a file of such a name; `*` stands for anything.
    pub fn file(mut self, pattern: &str) -> Self {
        self.file = Some(pattern.to_owned());
        self
    }

    /// Strikes by chance: 0.0 never, 1.0 always.
    pub fn probability(mut self, probability: f64) -> Self {
        self.probability = Some(probability);
        self
    }

    /// Strikes so often; 0: until removed.
    pub fn times(mut self, times: u32) -> Self {
        self.times = Some(times);
        self
    }

    /// Until removed.
    pub fn always(self) -> Self {
        self.times(0)
    }

    /// Whether the call is worked on all the same, where the effect leaves the choice.
    pub fn accepted(mut self, accepted: bool) -> Self {
        self.accepted = Some(accepted);
        self
    }

    /// For `slow`: real milliseconds.
    pub fn ms(mut self, ms: u64) -> Self {
        self.ms = Some(ms);
        self
    }

    /// For `status_429`: seconds.
    pub fn retry_after(mut self, seconds: u32) -> Self {
        self.retry_after = Some(seconds);
        self
    }

    /// For `refuse`.
    pub fn refusal(mut self, code: i32, label: &str) -> Self {
        self.code = Some(code);
        self.label = Some(label.to_owned());
        self
    }

    /// For `any`.
    pub fn among(mut self, effects: &[Effect]) -> Self {
        self.among = Some(effects.to_vec());
        self
    }

    /// Whether the call is worked on before the fault shows.
    pub(super) fn is_accepted(&self) -> bool {
        match self.effect.accepts() {
            Ok(usual) => self.accepted.unwrap_or(usual),
            Err(fixed) => fixed,
        }
    }

    /// What types alone do not say.
    pub fn check(&self) -> Result<(), ScenarioError> {
        if self.service != "*" && !SERVICES.contains(&self.service.as_str()) {
            let remedy = match nearest(&self.service, SERVICES.iter().copied()) {
                Some(near) => format!("did you mean {near:?}?"),
                None => "they are listed in src/simulator/PRACTICE.md; \"*\" is every one".to_owned(),
            };
            return Err(wrong("fault.service", format!("there is no service {:?}: {remedy}", self.service)));
        }
        if self.service == "connect" && self.effect != Effect::CloseBefore {
            return Err(wrong("fault.effect", "a connection can only be closed: close_before"));
        }
        if self.effect == Effect::CloseBefore && (self.invoice.is_some() || self.file.is_some()) {
            return Err(wrong("fault.effect", "close_before reads nothing: neither invoice nor file can be asked for"));
        }
        if self.effect == Effect::Slow && self.ms.is_none_or(|ms| ms > SLOW_LIMIT_MS) {
            return Err(wrong("fault.ms", format!("slow needs ms, at most {SLOW_LIMIT_MS}")));
        }
        if self.effect == Effect::Refuse && self.code.is_none_or(|code| code == 0) {
            return Err(wrong("fault.code", "refuse needs a code other than 0"));
        }
        if self.accepted.is_some() && self.effect.accepts().is_err() {
            return Err(wrong("fault.accepted", "this effect leaves no choice"));
        }
        if let Some(among) = &self.among {
            let undrawable = [Effect::Any, Effect::CloseBefore, Effect::Refuse];
            if self.effect != Effect::Any || among.is_empty() || among.iter().any(|one| undrawable.contains(one)) {
                return Err(wrong("fault.among", "names what any draws from: no any, close_before or refuse"));
            }
        }
        if self.nth == Some(0) {
            return Err(wrong("fault.nth", "1 is the first call"));
        }
        if self.probability.is_some_and(|p| !(0.0..=1.0).contains(&p)) {
            return Err(wrong("fault.probability", "must be between 0 and 1"));
        }
        Ok(())
    }

    fn longest(&self) -> u32 {
        self.times.unwrap_or(u32::from(self.probability.is_none()))
    }
}

/// What a call is about, as far as rules ask.
#[derive(Debug, Clone, Default)]
pub(super) struct Subject {
    /// Numbers of the invoices it names.
    pub invoices: Vec<String>,
    /// Name of the file it deposits.
    pub file: Option<String>,
    /// What else the catalogue of tests looks at.
    pub details: Vec<(&'static str, String)>,
}

impl Subject {
    /// About the invoice of this number, if any.
    pub fn of_number(number: Option<String>) -> Self {
        Self { invoices: number.into_iter().collect(), ..Self::default() }
    }

    /// About the invoices of these ids.
    pub fn of_ids(world: &World, ids: impl IntoIterator<Item = i64>) -> Self {
        let numbers = ids.into_iter().filter_map(|id| world.invoice(id).map(|invoice| invoice.number.clone()));
        Self { invoices: numbers.collect(), ..Self::default() }
    }

    /// With something else that the catalogue of tests looks at, if there is any.
    pub fn with(mut self, key: &'static str, value: Option<impl ToString>) -> Self {
        self.details.extend(value.map(|value| (key, value.to_string())));
        self
    }
}

/// The moment a rule is asked at: the body is not read before the second.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Moment {
    BeforeBody,
    BeforeWork,
}

struct Armed {
    id: u64,
    rule: FaultRule,
    /// Calls that fitted.
    seen: u32,
    struck: u32,
}

/// The rules in force, in the order they were added; the first that fits strikes.
pub(super) struct Schedule {
    rules: Vec<Armed>,
    next_id: u64,
    chance: Chance,
    /// What struck lately is not kept: the ledger has it.
    spent: VecDeque<u64>,
}

/// Ids of used-up rules that are remembered, so that removing one twice is no error.
const SPENT_KEPT: usize = 1_000;

impl Schedule {
    pub fn new(seed: u64) -> Self {
        Self { rules: Vec::new(), next_id: 1, chance: Chance(seed), spent: VecDeque::new() }
    }

    /// Adds a rule; its number removes it.
    pub fn add(&mut self, rule: FaultRule) -> Result<u64, ScenarioError> {
        rule.check()?;
        at_most("fault", self.rules.len() + 1)?;
        let id = self.next_id;
        self.next_id += 1;
        self.rules.push(Armed { id, rule, seen: 0, struck: 0 });
        Ok(id)
    }

    /// Whether there was such a rule, in force or used up.
    pub fn remove(&mut self, id: u64) -> bool {
        let before = self.rules.len();
        self.rules.retain(|armed| armed.id != id);
        self.rules.len() != before || self.spent.contains(&id)
    }

    /// Those in force.
    pub fn rules(&self) -> impl Iterator<Item = (u64, &FaultRule)> {
        self.rules.iter().map(|armed| (armed.id, &armed.rule))
    }

    /// Removes every rule.
    pub fn clear(&mut self) {
        self.rules.clear();
    }

    /// The rule that strikes this call, if any; rules count the calls they fit.
    pub fn strike(&mut self, service: &str, subject: &Subject, moment: Moment) -> Option<FaultRule> {
        let mut struck = None;
        for (at, armed) in self.rules.iter_mut().enumerate() {
            let rule = &armed.rule;
            let early = rule.effect == Effect::CloseBefore;
            if early != (moment == Moment::BeforeBody) || !concerns(rule, service, subject) {
                continue;
            }
            armed.seen = armed.seen.saturating_add(1);
            if struck.is_some() || rule.nth.is_some_and(|nth| nth != armed.seen) {
                continue;
            }
            if rule.probability.is_some_and(|p| self.chance.draw() >= p) {
                continue;
            }
            armed.struck = armed.struck.saturating_add(1);
            struck = Some((at, armed.rule.clone()));
        }
        let (at, mut rule) = struck?;
        let longest = rule.longest();
        if rule.nth.is_some() || (longest != 0 && self.rules[at].struck >= longest) {
            let gone = self.rules.remove(at);
            self.spent.push_back(gone.id);
            if self.spent.len() > SPENT_KEPT {
                self.spent.pop_front();
            }
        }
        if rule.effect == Effect::Any {
            self.chance.choose(&mut rule);
        }
        Some(rule)
    }
}

fn concerns(rule: &FaultRule, service: &str, subject: &Subject) -> bool {
    let served = match rule.service.as_str() {
        "*" => service != "connect" && service != "token",
        name => name == service,
    };
    served
        && rule.invoice.as_deref().is_none_or(|pattern| subject.invoices.iter().any(|number| fits(pattern, number)))
        && rule.file.as_deref().is_none_or(|pattern| subject.file.as_deref().is_some_and(|name| fits(pattern, name)))
}

/// SplitMix64: the same seed, the same faults.
pub(super) struct Chance(u64);

impl Chance {
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// Makes one effect of `any`.
    fn choose(&mut self, rule: &mut FaultRule) {
        let from = rule.among.take().unwrap_or_else(|| ANY.to_vec());
        let mut place = self.draw();
        // Counted down instead of multiplied up: no float becomes an index.
        let step = 1.0 / f64::from(u32::try_from(from.len()).unwrap_or(u32::MAX));
        rule.effect = from.last().copied().unwrap_or(Effect::Status500);
        for effect in from {
            if place < step {
                rule.effect = effect;
                break;
            }
            place -= step;
        }
        if rule.effect.accepts().is_ok() {
            rule.accepted = Some(self.draw() < 0.5);
        }
        if rule.effect == Effect::Slow {
            let wait = std::time::Duration::from_secs_f64(self.draw() * ANY_SLOW_MS / 1_000.0);
            rule.ms = u64::try_from(wait.as_millis()).ok();
        }
    }

    /// Evenly in [0, 1), from 32 bits.
    pub fn draw(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^= mixed >> 31;
        f64::from(u32::try_from(mixed >> 32).expect("32 bits are left")) / (f64::from(u32::MAX) + 1.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn about(number: &str) -> Subject {
        Subject { invoices: vec![number.to_owned()], file: Some("f.xml".to_owned()), ..Subject::default() }
    }

    fn strikes(schedule: &mut Schedule, service: &str, number: &str) -> bool {
        schedule.strike(service, &about(number), Moment::BeforeWork).is_some()
    }

    #[test]
    fn a_rule_strikes_the_calls_it_names_and_no_other() {
        let mut schedule = Schedule::new(1);
        schedule.add(FaultRule::new("deposer/flux", Effect::Cut).nth(2)).unwrap();
        schedule.add(FaultRule::new("deposer/flux", Effect::LoseAnswer).invoice("FA-PERDUE-*")).unwrap();
        let always = schedule.add(FaultRule::new("*", Effect::Status500).file("f.xml").always()).unwrap();
        assert!(!strikes(&mut schedule, "token", "A"), "* leaves the token alone");
        let effect = |schedule: &mut Schedule, number: &str| {
            schedule.strike("deposer/flux", &about(number), Moment::BeforeWork).map(|rule| rule.effect)
        };
        assert_eq!(effect(&mut schedule, "A"), Some(Effect::Status500));
        assert_eq!(effect(&mut schedule, "A"), Some(Effect::Cut), "the second call");
        assert_eq!(effect(&mut schedule, "FA-PERDUE-01"), Some(Effect::LoseAnswer));
        assert_eq!(effect(&mut schedule, "FA-PERDUE-01"), Some(Effect::Status500), "once only");
        assert!(schedule.remove(always) && !schedule.remove(always));
        assert_eq!(effect(&mut schedule, "A"), None);
    }

    #[test]
    fn chance_repeats_with_its_seed_and_keeps_its_odds() {
        let play = |seed| {
            let mut schedule = Schedule::new(seed);
            schedule.add(FaultRule::new("*", Effect::Status500).probability(0.25)).unwrap();
            (0..4000).map(|_| strikes(&mut schedule, "deposer/flux", "A")).collect::<Vec<_>>()
        };
        assert_eq!(play(7), play(7));
        assert_ne!(play(7), play(8));
        let struck = play(7).into_iter().filter(|s| *s).count();
        assert!((900..1100).contains(&struck), "{struck} of 4000");
    }

    #[test]
    fn any_is_each_of_its_effects_and_repeats_with_its_seed() {
        let play = |seed, rule: &FaultRule| {
            let mut schedule = Schedule::new(seed);
            schedule.add(rule.clone()).unwrap();
            let strike = |_| schedule.strike("deposer/flux", &about("A"), Moment::BeforeWork);
            (0..4000).map(strike).map(|rule| rule.map(|rule| (rule.effect, rule.accepted, rule.ms))).collect::<Vec<_>>()
        };
        let rule = FaultRule::new("*", Effect::Any).probability(0.05);
        assert_eq!(play(7, &rule), play(7, &rule));
        assert_ne!(play(7, &rule), play(8, &rule));
        let drawn = play(7, &rule);
        let struck: Vec<_> = drawn.iter().flatten().collect();
        assert!((150..250).contains(&struck.len()), "{} of 4000", struck.len());
        for effect in ANY {
            assert!(struck.iter().any(|(drawn, ..)| drawn == effect), "{effect:?}");
        }
        assert!(struck.iter().any(|one| one.1 == Some(true)) && struck.iter().any(|one| one.1 == Some(false)));
        assert!(struck.iter().all(|one| (one.0 == Effect::Slow) == one.2.is_some()));
        let only = FaultRule::new("*", Effect::Any).among(&[Effect::Status401]).always();
        assert!(play(1, &only).iter().all(|one| one.is_some_and(|one| one.0 == Effect::Status401)));
        assert!(FaultRule::new("*", Effect::Any).among(&[Effect::Any]).check().is_err());
        assert!(FaultRule::new("*", Effect::Cut).among(&[Effect::Slow]).check().is_err());
    }

    #[test]
    fn the_moment_tells_closing_early_from_the_rest() {
        let mut schedule = Schedule::new(1);
        schedule.add(FaultRule::new("deposer/flux", Effect::CloseBefore)).unwrap();
        assert!(!strikes(&mut schedule, "deposer/flux", "A"));
        let early = schedule.strike("deposer/flux", &Subject::default(), Moment::BeforeBody);
        assert_eq!(early.map(|rule| rule.effect), Some(Effect::CloseBefore));
    }
}
