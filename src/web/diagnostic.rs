//! Why does it not connect, and would people be told? What `fluxgate doctor` and `fluxgate notify test` do, from the page:
//! in the background, one at a time, each with a bound, and journalled with who began it.

use std::time::Duration;

use askama::Template;

use crate::config::Config;
use crate::domain::Timestamp;
use crate::fault::Text;

use crate::invoice::{EUROPEAN_VERSION, FRENCH_VERSION, Tables};
use crate::web::answer::Answer;
use crate::web::ask::Ask;
use crate::web::background::Stage;
use crate::web::error::Trouble;
use crate::web::page::{Chrome, Visit};
use crate::web::site::{Site, note};
use crate::web::words::{Tone, Tongue};
use crate::work::doctor::{self, Diagnosis, Outcome};
use crate::work::watch;

/// For all that is examined: each link has its own, shorter one.
const DIAGNOSIS_LONGEST: Duration = Duration::from_secs(5 * 60);
/// For a test by every channel.
const TEST_LONGEST: Duration = Duration::from_secs(2 * 60);

/// What came of an examination: each realm, or why there is none.
pub type Examined = Result<Vec<Diagnosis>, Text>;
/// What came of a test notice, by channel: who did not get it all the same, or why it did not leave.
pub type Tested = Result<Vec<(&'static str, Result<Vec<Text>, Text>)>, Text>;

struct LinkView {
    tone: &'static str,
    outcome: &'static str,
    title: String,
    said: String,
    took: String,
}

struct RealmView {
    name: String,
    sound: bool,
    links: Vec<LinkView>,
    /// Cause and remedy.
    findings: Vec<(String, String)>,
}

struct ChannelView {
    name: &'static str,
    tone: &'static str,
    outcome: &'static str,
    detail: String,
}

/// How the services of an establishment have fared.
struct CallsView {
    name: String,
    services: Vec<ServiceView>,
}

struct ServiceView {
    service: String,
    /// When it last answered, and how long ago.
    answered: Option<(String, String)>,
    /// Since when it fails, and how often.
    failing: Option<(String, u64)>,
}

/// One of the two, as the page shows it.
struct StageView<V> {
    running: Option<String>,
    /// When, and how long it took.
    done: Option<String>,
    /// Why there is nothing to show.
    problem: Option<String>,
    shown: Vec<V>,
}

#[derive(Template)]
#[template(path = "diagnostic.html", config = "src/web/askama.toml")]
struct DiagnosticPage<'a> {
    c: &'a Chrome,
    tab: &'static str,
    examined: StageView<RealmView>,
    tested: StageView<ChannelView>,
    calls: Vec<CallsView>,
    european: &'static str,
    french: &'static str,
    /// Version and hash of those in force, and whether they are this program's own.
    tables: (&'static str, String),
    own: bool,
}

pub fn show(site: &Site, ask: &Ask, visit: &Visit) -> Result<Answer, Trouble> {
    let t = visit.t;
    let examined = view(t, site.examination.stage(), |diagnosis| realm(t, &diagnosis));
    let tested = view(t, site.notice_test.stage(), |(name, outcome)| channel(t, name, outcome));
    let mut c = visit.chrome(site, ask, "configuration", "Diagnostic");
    // Most of it is done within a second or two.
    c.refresh = (examined.running.is_some() || tested.running.is_some()).then_some(2);
    let now = Timestamp::now();
    let calls = watch::last_answers(&site.reader()?)?.into_iter().map(|(realm, sights)| CallsView {
        name: format!("{} · {}", realm.establishment, t.environment(realm.environment)),
        services: sights
            .into_iter()
            .map(|sight| ServiceView {
                service: sight.service,
                answered: sight.answered.map(|at| (at.paris_text(), t.ago(at, now))),
                failing: sight.failing.map(|(since, times)| (since.paris_text(), times)),
            })
            .collect(),
    });
    let calls = calls.collect();
    let tables = **site.settings.tables.load();
    let page = DiagnosticPage {
        c: &c,
        tab: "diagnostic",
        examined,
        tested,
        calls,
        european: EUROPEAN_VERSION,
        french: FRENCH_VERSION,
        tables: (tables.version(), tables.hash()),
        own: tables == Tables::built_in(),
    };
    Ok(Answer::html(page.render()?))
}

fn view<T, V>(t: Tongue, stage: Stage<Result<Vec<T>, Text>>, shown: impl Fn(T) -> V) -> StageView<V> {
    let mut view = StageView { running: None, done: None, problem: None, shown: Vec::new() };
    match stage {
        Stage::Never => {}
        Stage::Running(since) => view.running = Some(t.span(Timestamp::now().since(since))),
        Stage::Done(at, took, outcome) => {
            view.done = Some(format!("{} · {}", at.paris_text(), t.span(took)));
            match outcome {
                Some(Ok(all)) => view.shown = all.into_iter().map(shown).collect(),
                Some(Err(why)) => view.problem = Some(t.typeset(why.get(t.0))),
                None => {
                    let why = t.say(
                        "Interrompu par une erreur de Fluxgate : recommencez.",
                        "Broken off by an error of Fluxgate: begin again.",
                    );
                    view.problem = Some(why.to_owned());
                }
            }
        }
    }
    view
}

fn realm(t: Tongue, diagnosis: &Diagnosis) -> RealmView {
    let link = |link: &doctor::Link| {
        let (tone, outcome) = match link.outcome {
            Outcome::Good => (Tone::Good, t.say("bon", "good")),
            Outcome::Doubtful => (Tone::Warn, t.say("à regarder", "worth a look")),
            Outcome::Broken => (Tone::Bad, t.say("rompu", "broken")),
            Outcome::Untried => (Tone::Quiet, t.say("non essayé", "not tried")),
        };
        LinkView {
            tone: tone.class(),
            outcome,
            title: link.kind.title().get(t.0).to_owned(),
            said: t.typeset(link.said.get(t.0)),
            took: link.took.map(|took| format!("{} ms", took.as_millis())).unwrap_or_default(),
        }
    };
    let establishment = &diagnosis.realm.establishment;
    RealmView {
        name: format!("{} ({establishment}) · {}", diagnosis.name, t.environment(diagnosis.realm.environment)),
        sound: diagnosis.is_sound(),
        links: diagnosis.links.iter().map(link).collect(),
        findings: diagnosis
            .findings
            .iter()
            .map(|finding| (t.typeset(finding.cause.get(t.0)), t.typeset(finding.remedy.get(t.0))))
            .collect(),
    }
}

fn channel(t: Tongue, name: &'static str, outcome: Result<Vec<Text>, Text>) -> ChannelView {
    let shown = |said: &Text| t.typeset(said.get(t.0));
    let (tone, said, detail) = match outcome {
        Ok(refused) if refused.is_empty() => (Tone::Good, t.say("parti", "sent"), String::new()),
        Ok(refused) => (
            Tone::Warn,
            t.say("parti, sauf pour certains", "sent, but not to everybody"),
            refused.iter().map(shown).collect::<Vec<_>>().join("; "),
        ),
        Err(error) => (Tone::Bad, t.say("non parti", "not sent"), shown(&error)),
    };
    let name = if name == "mail" { t.say("Courriel", "E-mail") } else { "Webhook" };
    ChannelView { name, tone: tone.class(), outcome: said, detail }
}

/// Begins an examination of every realm, unless one is under way.
pub fn examine(site: &Site, visit: &Visit) -> Result<Answer, Trouble> {
    let config = configured(site);
    let begun = site.examination.begin("diagnostic", move || {
        let config = config?;
        within(DIAGNOSIS_LONGEST, async {
            let mut diagnoses = Vec::new();
            for patient in config.patients() {
                diagnoses.push(doctor::examine(&patient).await);
            }
            Ok(diagnoses)
        })
    });
    if begun.map_err(|source| Trouble::Io { what: "diagnostic thread", source })? {
        site.note(note("diagnosis", visit.person()))?;
    }
    Ok(Answer::see_other("/diagnostic"))
}

/// Sends a test by every channel, unless one is under way.
pub fn test(site: &Site, visit: &Visit) -> Result<Answer, Trouble> {
    let config = configured(site);
    let begun = site.notice_test.begin("notice test", move || {
        let options = config?.watched();
        within(TEST_LONGEST, async {
            let outcomes = watch::test(&options).await.into_iter();
            Ok(outcomes.map(|(name, outcome)| (name, outcome.map_err(|error| error.text().clone()))).collect())
        })
    });
    if begun.map_err(|source| Trouble::Io { what: "notice thread", source })? {
        site.note(note("notice_test", visit.person()))?;
    }
    Ok(Answer::see_other("/diagnostic#essai"))
}

/// The configuration as its file has it now.
fn configured(site: &Site) -> Result<Config, Text> {
    let unusable = || {
        Text::new(
            "La configuration n'est pas utilisable : corrigez-la d'abord, puis recommencez.",
            "The configuration is of no use: correct it first, then begin again.",
        )
    };
    let text = site.settings.configuration.text().map_err(|_| unusable())?;
    Config::parse(&text).map_err(|_| unusable())
}

/// Runs calls on a runtime of their own: nothing of the gateway's waits for them.
fn within<T>(longest: Duration, work: impl Future<Output = Result<T, Text>>) -> Result<T, Text> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Text::technical("Impossible de commencer", "It cannot begin", error))?;
    runtime.block_on(async { tokio::time::timeout(longest, work).await }).unwrap_or_else(|_| {
        let minutes = longest.as_secs() / 60;
        Err(Text::new(
            format!("Interrompu après {minutes} minutes : le réseau ne répond pas. Recommencez plus tard."),
            format!("Broken off after {minutes} minutes: the network does not answer. Try again later."),
        ))
    })
}
