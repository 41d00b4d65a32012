//! The journal on the page: how much it holds, its last checkpoint, its public key, and a verification on demand.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use askama::Template;

use crate::domain::Timestamp;
use crate::store::verify;
use crate::web::answer::Answer;
use crate::web::ask::Ask;
use crate::web::error::Trouble;
use crate::web::page::{Chrome, Visit};
use crate::web::site::{Site, note};

/// The last verification asked for on the page. One at a time: it reads the whole journal.
#[derive(Default)]
pub struct Verification(Mutex<Stage>);

#[derive(Default, Clone)]
enum Stage {
    #[default]
    Never,
    Running(Timestamp),
    Done(Outcome),
}

#[derive(Clone)]
struct Outcome {
    at: Timestamp,
    took: Duration,
    /// What was verified, or the first record that is wrong.
    verdict: Result<String, String>,
}

struct OutcomeView {
    at: String,
    took: String,
    sound: bool,
    text: String,
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
        Stage::Done(done) => {
            let sound = done.verdict.is_ok();
            let text = done.verdict.unwrap_or_else(|wrong| wrong);
            let took = t.span(done.took);
            (None, Some(OutcomeView { at: done.at.paris_text(), took, sound, text }))
        }
    };
    let mut c = visit.chrome(site, ask, "journal", t.say("Journal", "Journal"));
    c.refresh = running.is_some();
    let page = JournalPage {
        c: &c,
        leaves: t.number(reader.overview(now)?.leaves),
        checkpoint: reader.last_checkpoint()?.map(|last| CheckpointView {
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
        let verdict = verify::verify(&dir, Some(&key), true);
        mine.end(match verdict {
            Ok(report) if report.is_sound() => Ok(report.to_string()),
            Ok(report) => Err(report.to_string()),
            Err(error) => Err(error.to_string()),
        });
    });
    running.map_err(|source| Trouble::Io { what: "verification thread", source })?;
    Ok(back)
}

/// A verification under way: whatever happens to it, the next one may begin.
struct Running {
    verification: Arc<Verification>,
    begun: Timestamp,
    clock: Instant,
}

impl Running {
    fn end(self, verdict: Result<String, String>) {
        self.note(verdict);
    }

    fn note(&self, verdict: Result<String, String>) {
        let mut stage = self.verification.0.lock().unwrap_or_else(PoisonError::into_inner);
        if matches!(*stage, Stage::Running(_)) {
            *stage = Stage::Done(Outcome { at: self.begun, took: self.clock.elapsed(), verdict });
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.note(Err("the verification broke off".to_owned()));
    }
}
