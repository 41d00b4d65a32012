//! The journal on the page: how much it holds, its last checkpoint, its public key, and a verification on demand.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use askama::Template;

use crate::audit::Verifier;
use crate::domain::Timestamp;
use crate::fault::Text;
use crate::store::verify::{self, Bad, Options, Report};
use crate::web::answer::Answer;
use crate::web::ask::Ask;
use crate::web::damage;
use crate::web::error::Trouble;
use crate::web::page::{Chrome, REFRESH_SECONDS, Visit};
use crate::web::site::{Site, note};
use crate::web::words::{Tone, Tongue};

/// The last verification asked for on the page. One at a time: it reads the whole journal.
#[derive(Default)]
pub struct Verification(Mutex<Stage>);

#[derive(Default, Clone)]
enum Stage {
    #[default]
    Never,
    Running(Timestamp),
    Done(Box<Outcome>),
}

#[derive(Clone)]
struct Outcome {
    at: Timestamp,
    took: Duration,
    verdict: Verdict,
}

#[derive(Clone)]
enum Verdict {
    Sound(Report),
    /// The first record that is wrong.
    Damaged(Bad),
    /// Nothing is known.
    Failed(Text),
}

struct OutcomeView {
    at: String,
    took: String,
    tone: &'static str,
    headline: &'static str,
    /// What was verified, by kind.
    counts: Vec<(&'static str, String)>,
    /// What is wrong, then what it means.
    text: Vec<String>,
}

impl OutcomeView {
    fn new(outcome: Outcome, t: Tongue) -> Self {
        let (headline, tone) = match &outcome.verdict {
            Verdict::Sound(_) => (t.say("Journal intact", "Journal sound"), Tone::Good),
            Verdict::Damaged(_) => (t.say("Journal altéré", "Journal damaged"), Tone::Bad),
            Verdict::Failed(_) => (t.say("Vérification impossible", "Verification impossible"), Tone::Warn),
        };
        let counts = match &outcome.verdict {
            Verdict::Sound(report) => vec![
                (t.say("Enregistrements vérifiés", "Records verified"), t.number(report.leaves)),
                (t.say("dont pas encore scellés", "of these not sealed yet"), t.number(report.unsigned)),
                (t.say("Points de contrôle", "Checkpoints"), t.number(report.checkpoints)),
                (t.say("Flux conformes", "Flows that agree"), t.number(report.flows)),
                (t.say("Documents relus", "Documents read"), t.number(report.documents)),
            ],
            Verdict::Damaged(_) | Verdict::Failed(_) => Vec::new(),
        };
        let text = match outcome.verdict {
            Verdict::Sound(_) => Vec::new(),
            Verdict::Damaged(bad) => vec![damage::told(&bad), damage::meaning(&bad)],
            Verdict::Failed(why) => vec![why],
        };
        let text = text.iter().map(|text| t.typeset(text.get(t.0))).collect();
        Self { at: outcome.at.paris_text(), took: t.span(outcome.took), tone: tone.class(), headline, counts, text }
    }
}

#[derive(Template)]
#[template(path = "journal.html", config = "src/web/askama.toml")]
struct JournalPage<'a> {
    c: &'a Chrome,
    leaves: String,
    checkpoint: Option<CheckpointView>,
    key: &'a str,
    running: Option<String>,
    outcome: Option<OutcomeView>,
}

struct CheckpointView {
    at: String,
    size: String,
    root: String,
    note: String,
}

pub fn show(site: &Site, ask: &Ask, visit: &Visit) -> Result<Answer, Trouble> {
    let (t, now) = (visit.t, Timestamp::now());
    let reader = site.reader()?;
    let stage = site.verification.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let (running, outcome) = match stage {
        Stage::Never => (None, None),
        Stage::Running(since) => (Some(t.span(now.since(since))), None),
        Stage::Done(outcome) => (None, Some(OutcomeView::new(*outcome, t))),
    };
    let mut c = visit.chrome(site, ask, "journal", t.say("Journal", "Journal"));
    c.refresh = running.is_some().then_some(REFRESH_SECONDS);
    let page = JournalPage {
        c: &c,
        leaves: t.number(reader.overview(now)?.leaves),
        checkpoint: reader.checkpoint()?.map(|last| CheckpointView {
            at: last.at.paris_text(),
            size: t.number(last.size),
            root: crate::domain::DocumentHash(last.root).to_string(),
            note: last.note,
        }),
        key: &site.settings.journal_key,
        running,
        outcome,
    };
    Ok(Answer::html(page.render()?))
}

/// Begins a verification, unless one is under way.
pub fn verify(site: &Site, visit: &Visit) -> Result<Answer, Trouble> {
    let back = Answer::see_other("/journal");
    let begun = Timestamp::now();
    {
        let mut stage = site.verification.0.lock().unwrap_or_else(PoisonError::into_inner);
        if matches!(*stage, Stage::Running(_)) {
            return Ok(back);
        }
        *stage = Stage::Running(begun);
    }
    let mine = Running { verification: site.verification.clone(), begun, clock: Instant::now() };
    site.note(note("verify", visit.person()))?;
    let (dir, key) = (site.settings.data_dir.clone(), site.settings.journal_key.clone());
    let thread = std::thread::Builder::new().name("verify".to_owned());
    let running = thread.spawn(move || {
        mine.end(run(&dir, &key));
    });
    running.map_err(|source| Trouble::Io { what: "verification thread", source })?;
    Ok(back)
}

fn run(dir: &Path, key: &str) -> Verdict {
    let keys = match Verifier::parse(key) {
        Ok(key) => vec![key],
        Err(error) => {
            return Verdict::Failed(Text::technical(
                "La clé publique ne se lit pas",
                "The public key cannot be read",
                error,
            ));
        }
    };
    match verify::verify(dir, &Options { keys, documents: true, ..Options::default() }) {
        Ok(Report { bad: Some(bad), .. }) => {
            log::error!(record = bad.to_string().as_str(); "The journal was found damaged");
            Verdict::Damaged(bad)
        }
        Ok(report) => Verdict::Sound(report),
        Err(error) => Verdict::Failed(Text::technical("Le journal ne se lit pas", "The journal cannot be read", error)),
    }
}

/// A verification under way: whatever happens to it, the next one may begin.
struct Running {
    verification: Arc<Verification>,
    begun: Timestamp,
    clock: Instant,
}

impl Running {
    fn end(&self, verdict: Verdict) {
        let mut stage = self.verification.0.lock().unwrap_or_else(PoisonError::into_inner);
        if matches!(*stage, Stage::Running(_)) {
            *stage = Stage::Done(Box::new(Outcome { at: self.begun, took: self.clock.elapsed(), verdict }));
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let text = Text::new(
            "La vérification s'est interrompue : recommencez.",
            "The verification broke off: begin it again.",
        );
        self.end(Verdict::Failed(text));
    }
}
