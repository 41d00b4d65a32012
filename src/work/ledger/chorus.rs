//! Chorus Pro's ledger as the worlds of this test have it: accepts, integrates within its delay, rejects duplicates, and
//! answers late, twice, wrongly or not at all, as the seed says.

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::io::Read;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde_json::{Value, json};

use super::Dice;
use crate::domain::Timestamp;
use crate::work::connector::wire::{Outcome, Wire};

/// Within this time everything accepted is settled, and every search shows it.
pub const DELAY: Duration = Duration::from_secs(2 * 3600);
/// How long searches are refused in each world.
const RIGHTLESS: Duration = Duration::from_secs(2 * 3600);
const MINUTE: Duration = Duration::from_secs(60);
const ROWS: usize = 100;

const DUPLICATE: &str = "REJ_UNI : la facture existe déjà";
const BAD: &str = "Destinataire inconnu";

/// One invoice's content: its number, and what tells it from another one of that number.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key {
    pub number: String,
    pub city: String,
    /// Of direct payment: its number may come again.
    pub direct: bool,
}

impl Key {
    /// Chorus Pro refuses this content whenever it comes.
    fn is_bad(&self) -> bool {
        self.number.ends_with("33") || self.number.ends_with("7")
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Integrated,
    PartlyIntegrated,
    Rejected,
    Incident,
}

struct Flux {
    number: String,
    invoices: Vec<Key>,
    accepted: Timestamp,
    settles: Timestamp,
    /// What becomes of it apart from duplicates.
    fate: Verdict,
    /// An incident that was none: its invoices are integrated all the same, after the word.
    risen: bool,
    verdict: Option<Verdict>,
    /// What it did not take, and why.
    refused: Vec<(Key, &'static str)>,
    /// A proxy sent the same request twice: this is one of both.
    twice: bool,
}

pub struct Row {
    id: i64,
    pub key: Key,
    deposit: String,
    accepted: Timestamp,
    visible: Timestamp,
}

pub struct Ledger {
    pub now: Timestamp,
    /// From then on, for [`RIGHTLESS`], the account has no right to search.
    rightless: Timestamp,
    dice: Dice,
    fluxes: Vec<Flux>,
    pub rows: Vec<Row>,
    taken: BTreeSet<String>,
    pub violations: Vec<String>,
    /// The request that is answered only at its time: nobody polls on before.
    pub held: Option<Timestamp>,
    /// Contents that a person had sent again in haste: they may be at Chorus Pro twice over, on that person's word.
    hasty: BTreeSet<Key>,
    /// How often each content was handed to `deposer/flux`.
    tries: BTreeMap<Key, u32>,
    pub counts: BTreeMap<&'static str, u64>,
}

impl Ledger {
    pub fn new(seed: u64, now: Timestamp) -> Self {
        let mut dice = Dice(seed);
        Self {
            now,
            rightless: now.plus(MINUTE * dice.few(5 * 60)),
            dice,
            fluxes: Vec::new(),
            rows: Vec::new(),
            taken: BTreeSet::new(),
            violations: Vec::new(),
            held: None,
            hasty: BTreeSet::new(),
            tries: BTreeMap::new(),
            counts: BTreeMap::new(),
        }
    }

    /// Whether the content is there, as the portal shows it; `None` while a flux with it awaits its verdict.
    pub fn is_there(&self, key: &Key) -> Option<bool> {
        let waits = self.fluxes.iter().any(|flux| flux.verdict.is_none() && flux.invoices.contains(key));
        (!waits).then(|| self.rows.iter().any(|row| row.key == *key))
    }

    pub fn is_hasty(&self, key: &Key) -> bool {
        self.hasty.contains(key)
    }

    /// A person has the content sent again, whatever is on its way.
    pub fn hurry(&mut self, key: &Key) {
        self.hasty.insert(key.clone());
        self.count("sent again in haste");
    }

    pub fn count(&mut self, what: &'static str) {
        *self.counts.entry(what).or_default() += 1;
    }

    /// Judges what is due, in the order of its time.
    pub fn advance(&mut self, now: Timestamp) {
        self.now = now;
        let mut due: Vec<usize> = (0..self.fluxes.len())
            .filter(|n| self.fluxes[*n].verdict.is_none() && self.fluxes[*n].settles <= now)
            .collect();
        due.sort_by_key(|n| (self.fluxes[*n].settles, *n));
        for n in due {
            self.judge(n);
        }
    }

    fn judge(&mut self, n: usize) {
        let flux = &self.fluxes[n];
        let (fate, risen) = (flux.fate, flux.risen);
        let mut refused = Vec::new();
        if fate == Verdict::Integrated || risen {
            for key in flux.invoices.clone() {
                if key.is_bad() {
                    refused.push((key, BAD));
                } else if !key.direct && self.taken.contains(&key.number) {
                    self.count("duplicates");
                    refused.push((key, DUPLICATE));
                } else {
                    self.integrate(n, key);
                }
            }
        }
        let flux = &mut self.fluxes[n];
        flux.verdict = Some(match fate {
            Verdict::Integrated if refused.is_empty() => Verdict::Integrated,
            Verdict::Integrated if refused.len() < flux.invoices.len() => Verdict::PartlyIntegrated,
            Verdict::Integrated => Verdict::Rejected,
            other => other,
        });
        if flux.verdict == Some(Verdict::PartlyIntegrated) && refused.iter().any(|(_, label)| *label == BAD) {
            self.count("one of many refused");
        }
        self.fluxes[n].refused = refused;
    }

    fn integrate(&mut self, n: usize, key: Key) {
        if self.rows.iter().any(|row| row.key == key) && !self.fluxes[n].twice {
            self.violations.push(format!("{key:?} is integrated twice"));
        }
        let flux = &self.fluxes[n];
        let latest = flux.accepted.plus(DELAY);
        let span = latest.since(flux.settles).as_secs();
        let (accepted, deposit, settles) = (flux.accepted, flux.number.clone(), flux.settles);
        let visible = settles.plus(Duration::from_secs(self.dice.below(span + 1)));
        self.taken.insert(key.number.clone());
        self.rows.push(Row {
            id: 1000 + i64::try_from(self.rows.len()).expect("few"),
            key,
            deposit,
            accepted,
            visible,
        });
    }

    fn accept(&mut self, invoices: &[Key], at: Timestamp, twice: bool) -> String {
        for key in invoices {
            let live = self.fluxes.iter().find(|flux| {
                let over = matches!(flux.verdict, Some(Verdict::Rejected | Verdict::Incident));
                let refused = flux.refused.iter().any(|(refused, _)| refused == key);
                // Of two that a proxy made of one the box knows one only, and Chorus Pro sees to the other.
                !flux.twice && !over && !refused && flux.invoices.contains(key)
            });
            if let Some(live) = live.filter(|_| !twice && !self.hasty.contains(key)) {
                let told =
                    format!("{key:?} was sent again at {at} while flux {} of {} was alive", live.number, live.accepted);
                self.violations.push(told);
            }
        }
        let number = format!("CPP{:010}", self.fluxes.len() + 1);
        let fate = match self.dice.below(100) {
            0..3 => Verdict::Incident,
            _ => Verdict::Integrated,
        };
        let risen = fate == Verdict::Incident && invoices.iter().all(|key| !key.direct) && self.dice.below(3) == 0;
        let settles = at.plus(Duration::from_secs(self.dice.below(DELAY.as_secs() / 2)));
        let (verdict, refused) = (None, Vec::new());
        let invoices = invoices.to_vec();
        self.fluxes.push(Flux {
            number: number.clone(),
            invoices,
            accepted: at,
            settles,
            fate,
            risen,
            verdict,
            refused,
            twice,
        });
        number
    }

    /// `deposer/flux`: what comes back, and when.
    fn deposit(&mut self, body: &Value) -> (Outcome, Timestamp) {
        let invoices = read_flux(body["fichierFlux"].as_str().unwrap_or_default());
        assert!(!invoices.is_empty(), "an empty flux");
        let now = self.now;
        let answer = |number: String| {
            ok(&json!({"codeRetour": 0, "libelle": "TRA_MSG_00.000", "numeroFluxDepot": number,
            "dateDepot": now.paris_date(), "syntaxeFlux": body["syntaxeFlux"]}))
        };
        let short = now.plus(MINUTE * (1 + self.dice.few(9)));
        for key in &invoices {
            *self.tries.entry(key.clone()).or_default() += 1;
        }
        // What was tried before is refused more often than not once a day has such a rule.
        if invoices.iter().all(|key| self.tries[key] > 1) && self.dice.below(4) == 0 {
            self.count("refused after another try");
            return (ok(&json!({"codeRetour": 20001, "libelle": "GDP_MSG_11.022"})), now);
        }
        let throw = self.dice.below(100);
        match throw {
            0..3 => (Outcome::NotSent, now),
            3..5 => (Outcome::Answer { status: 429, body: Vec::new() }, now),
            // Not taken, and nobody can know.
            5..9 => {
                self.count("lost before");
                // Of direct payment nothing proves it.
                if invoices.iter().any(|key| key.direct) {
                    self.count("direct, lost before");
                }
                (if throw == 5 { Outcome::Lost } else { status(503) }, short)
            }
            9..10 => (ok(&json!({"codeRetour": 20001, "libelle": "GDP_MSG_11.022"})), now),
            // Taken, and the answer is lost.
            10..18 => {
                self.count("lost after");
                self.accept(&invoices, now, false);
                let lost = [
                    Outcome::Lost,
                    status(500),
                    ok(&json!({})),
                    Outcome::Answer { status: 200, body: b"<html>".to_vec() },
                ];
                (lost.into_iter().nth(self.dice.pick(4)).expect("one of four"), short)
            }
            // Taken; the answer comes when the lease is long over.
            18..22 => {
                self.count("late");
                (answer(self.accept(&invoices, now, false)), now.plus(MINUTE * (16 + self.dice.few(60))))
            }
            // A proxy sends it twice; either answer comes.
            22..25 if invoices.iter().all(|key| !key.direct) => {
                self.count("twice");
                let first = self.accept(&invoices, now, false);
                let second = self.accept(&invoices, now, true);
                self.fluxes.iter_mut().rev().take(2).for_each(|flux| flux.twice = true);
                (answer(if throw == 23 { first } else { second }), now)
            }
            25..40 => (answer(self.accept(&invoices, now, false)), short),
            _ => (answer(self.accept(&invoices, now, false)), now),
        }
    }

    fn report(&mut self, body: &Value) -> Outcome {
        let number = body["numeroFluxDepot"].as_str().unwrap_or_default();
        let flux = self.fluxes.iter().find(|flux| flux.number == number).expect("a deposit number of ours");
        // Now and then the word of a moment ago.
        let verdict = if self.dice.below(10) == 0 { None } else { flux.verdict };
        let state = match verdict {
            None => "IN_EN_COURS_TRAITEMENT_CPP",
            Some(Verdict::Integrated) => "IN_INTEGRE",
            Some(Verdict::PartlyIntegrated) => "IN_INTEGRE_PARTIEL",
            Some(Verdict::Rejected) => "IN_REJETE",
            Some(Verdict::Incident) => "IN_INCIDENTE",
        };
        let told = match verdict {
            Some(Verdict::Rejected | Verdict::PartlyIntegrated) => flux.refused.as_slice(),
            _ => &[],
        };
        let errors: Vec<Value> =
            told.iter().map(|(key, label)| json!({"numeroDP": key.number, "libelleErreurDP": label})).collect();
        ok(&json!({"codeRetour": 0, "numeroFluxDepot": number, "etatCourantDepotFlux": state, "listeErreurDP": errors}))
    }

    fn search(&mut self, body: &Value) -> Outcome {
        let number = body["numeroFacture"].as_str();
        let from = body["periodeDateDepotDu"].as_str().map(|text| text[..10].to_owned());
        let now = self.now;
        let mut rows: Vec<&Row> = self
            .rows
            .iter()
            .filter(|row| row.visible <= now && number.is_none_or(|number| row.key.number == number))
            .filter(|row| from.as_ref().is_none_or(|from| row.accepted.paris_date() >= *from))
            .collect();
        rows.sort_by_key(|row| (row.accepted, row.id));
        if rows.is_empty() {
            return ok(&json!({"codeRetour": 20000, "libelle": "TRA_MSG_00.015"}));
        }
        let page =
            usize::try_from(body["rechercheFactureParFournisseur"]["pageResultatDemandee"].as_i64().unwrap_or(1))
                .unwrap_or(1);
        let (total, pages) = (rows.len(), rows.len().div_ceil(ROWS));
        let mut shown: Vec<Value> = rows.into_iter().skip((page - 1) * ROWS).take(ROWS).map(|row| {
            let mut shown = json!({"identifiantFactureCPP": row.id, "numeroFacture": row.key.number, "statut": "DEPOSEE",
                "codeFournisseur": "12345678200051", "dateFacture": "2026-11-16", "montantAPayer": 3420, "devise": "EUR",
                "dateDepot": row.accepted.paris_date()});
            // The row says how it came, or does not.
            if row.id % 3 != 0 {
                shown["numeroFluxDepot"] = row.deposit.clone().into();
            }
            shown
        }).collect();
        // Cut short, and its total says so.
        if self.dice.below(30) == 0 {
            shown.pop();
        }
        ok(&json!({"codeRetour": 0, "listeFactures": shown,
            "parametresRetour": {"pageCourante": page, "pages": pages, "total": total}}))
    }

    fn answer(&mut self, path: &str, body: &Value) -> (Outcome, Timestamp) {
        let now = self.now;
        if path.ends_with("deposer/flux") {
            return self.deposit(body);
        }
        match self.dice.below(40) {
            0 => return (status(503), now),
            1 => return (Outcome::Lost, now),
            2 => return (Outcome::Answer { status: 200, body: b"{\"codeRetour\":".to_vec() }, now),
            _ => {}
        }
        let rightless = self.rightless <= now && now < self.rightless.plus(RIGHTLESS);
        if rightless && path.ends_with("rechercher/fournisseur") {
            self.count("look-up refused");
            return (ok(&json!({"codeRetour": 20003, "libelle": "GDP_MSG_11.005"})), now);
        }
        let answer = if path.ends_with("consulterCRDetaille") { self.report(body) } else { self.search(body) };
        // An answer that was true when it was made, and comes later than the next one.
        let at = if self.dice.below(20) == 0 { now.plus(MINUTE * 3) } else { now };
        (answer, at)
    }
}

fn ok(body: &Value) -> Outcome {
    Outcome::Answer { status: 200, body: body.to_string().into_bytes() }
}

fn status(status: u16) -> Outcome {
    Outcome::Answer { status, body: Vec::new() }
}

fn read_flux(base64: &str) -> Vec<Key> {
    let bytes = STANDARD.decode(base64).expect("base64");
    if !bytes.starts_with(&[0x1f, 0x8b]) {
        return vec![read_invoice(&bytes)];
    }
    let mut keys = Vec::new();
    for entry in tar::Archive::new(flate2::read::GzDecoder::new(bytes.as_slice())).entries().unwrap() {
        let mut content = Vec::new();
        entry.unwrap().read_to_end(&mut content).unwrap();
        keys.push(read_invoice(&content));
    }
    keys
}

fn read_invoice(bytes: &[u8]) -> Key {
    let text = std::str::from_utf8(bytes).unwrap();
    let between = |tag: &str| {
        let from = text.find(&format!("<cbc:{tag}>")).expect("the element is there") + tag.len() + 6;
        text[from..from + text[from..].find('<').expect("it ends")].to_owned()
    };
    Key { number: between("ID"), city: between("CityName"), direct: between("ProfileID") == "S3" }
}

/// The ledger behind the wire. A held answer is polled again when the ledger's time has come.
pub struct Line(pub Arc<Mutex<Ledger>>);

struct Held {
    ledger: Arc<Mutex<Ledger>>,
    answer: Option<Outcome>,
    at: Timestamp,
}

impl Future for Held {
    type Output = Outcome;
    fn poll(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Outcome> {
        let at = self.at;
        let mut ledger = self.ledger.lock().unwrap_or_else(PoisonError::into_inner);
        if ledger.now < at {
            ledger.held = Some(at);
            return Poll::Pending;
        }
        drop(ledger);
        Poll::Ready(self.answer.take().expect("polled once when it is ready"))
    }
}

impl Wire for Line {
    fn post(&self, path: &'static str, body: Bytes) -> Pin<Box<dyn Future<Output = Outcome> + Send + '_>> {
        let body: Value = serde_json::from_slice(&body).expect("a service's body is JSON");
        let (answer, at) = self.0.lock().unwrap_or_else(PoisonError::into_inner).answer(path, &body);
        Box::pin(Held { ledger: Arc::clone(&self.0), answer: Some(answer), at })
    }
}
