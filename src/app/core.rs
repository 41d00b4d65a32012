//! The core process: store, work, secrets, the page. It listens on nothing but Unix sockets in `run_dir`; its only
//! network is outbound, to Chorus Pro.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;
use tokio::sync::mpsc;

use super::front::{GATE_SOCKET, PAGE_SOCKET};
use super::heart::Heart;
use super::opening::{self, OpenError, Opened};
use super::serve::Role;
use super::tables_in_force::TablesInForce;
use super::{appliance, control, exit, metrics, releases, remote_log, runtime, walls};
use crate::config::{self, Boot, Config, ConfigFile, Source};
use crate::domain::{DocumentHash, Realm, Timestamp};
use crate::gate::{self, KeeperClient};
use crate::invoice::Tables;
use crate::os::sandbox::Attempt;
use crate::os::signals::{self, Shutdown};
use crate::os::{process, secret, service};
use crate::store::{Note, Store, StoreError};
use crate::web;
use crate::work::connector::Connectors;
use crate::work::gatehouse::{DropLimits, DropRoute, Gatehouse, ReleaseDesk, Rules, Superseded};
use crate::work::releases::{Releases, Waiting};
use crate::work::remote_log::RemoteLog;
use crate::work::watch::WatchOptions;
use crate::work::{FrontWalls, Options, Parts, Workshop};

/// How long a stop waits for jobs under way: a call to Chorus Pro may be.
const JOBS_LONGEST: Duration = Duration::from_secs(6);

/// Between two looks whether the file of tables was written anew.
const TABLES_LOOK: Duration = Duration::from_secs(5);

/// Why core could not start.
#[derive(Debug, thiserror::Error)]
enum StartError {
    #[error(transparent)]
    Open(#[from] OpenError),
    #[error("store: {0}")]
    Store(#[from] StoreError),
    #[error(transparent)]
    Page(#[from] web::ServeError),
    #[error(transparent)]
    Claim(#[from] web::ClaimError),
    #[error("{what} {}: {cause}", path.display())]
    Io { what: &'static str, path: PathBuf, cause: std::io::Error },
}

fn io(what: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> StartError {
    let path = path.to_owned();
    move |cause| StartError::Io { what, path, cause }
}

/// `attempts`: what is tried against the walls before it serves.
pub fn run(file: ConfigFile, boot: Boot, supervised: bool, attempts: &[Attempt]) -> ExitCode {
    let processors = runtime::processors();
    if let Err(error) = wall_in(&file, &boot.config) {
        log::error!(error = error.to_string().as_str(); "Core could not start");
        return exit::UNAVAILABLE.into();
    }
    walls::try_all(attempts);
    // Before any thread of the runtime: opening may take long, and blocks.
    let opened = match opening::open(&boot.config) {
        Ok(opened) => opened,
        Err(error) => {
            log::error!(error = error.to_string().as_str(); "The store could not be opened");
            return match error {
                // Nothing gets better by trying again: only a person, or another version, can help.
                OpenError::KeyForm { .. }
                | OpenError::Key(_)
                | OpenError::Store(StoreError::TooNew { .. } | StoreError::JournalDamaged(_)) => exit::CONFIG.into(),
                OpenError::Store(StoreError::InUse(_)) => exit::IN_USE.into(),
                _ => exit::UNAVAILABLE.into(),
            };
        }
    };
    runtime::block_on(processors, async move {
        match serve(file, boot, opened, Heart::new(supervised)).await {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                log::error!(error = error.to_string().as_str(); "Core failed");
                exit::UNAVAILABLE.into()
            }
        }
    })
}

/// Raises the walls. Before the store is opened, which has a thread of its own: its folders are made for it first.
fn wall_in(file: &ConfigFile, config: &Config) -> Result<(), StartError> {
    for (what, folder) in [("the data folder", &config.store.dir), ("the folder of the sockets", &config.store.run_dir)]
    {
        secret::make_private_dir(folder).map_err(io(what, folder))?;
    }
    process::sort_in(&config.store.dir);
    walls::raise(Role::Core, &walls::core(config, file));
    Ok(())
}

async fn serve(file: ConfigFile, boot: Boot, opened: Opened, heart: Heart) -> Result<(), StartError> {
    let Opened { store, signer } = opened;
    let run_dir = boot.config.store.run_dir.clone();
    let (trigger, shutdown) = Shutdown::on_signals().map_err(io("signals of", Path::new("this process")))?;
    let remote_log = remote_log::begin(&boot.config, shutdown.clone());
    let releases = releases::begin(&boot.config, &store, shutdown.clone());
    let told = Told { remote_log, releases, waiting: Waiting::default() };
    note_start(&store, &boot).await?;

    let mut tables = TablesInForce::new(store.clone())?;
    // A configuration that is none names no file, and says nothing of the last one.
    if boot.source != Source::Nothing {
        tables.look(&boot.config).await?;
    }
    let front = FrontWalls::default();
    let connectors = connectors(&boot.config);
    let options = options(&boot.config, &tables, &told);
    let receivers = receivers(&options);
    // Without a usable configuration flows are paused: nothing is taken up, not even what an earlier one began.
    let workshop = if boot.source == Source::Nothing {
        None
    } else {
        let parts = Parts {
            store: store.clone(),
            connectors: connectors.clone(),
            folders: boot.config.path(Path::new("folders")),
            signer: signer.clone(),
            options,
            front: front.clone(),
            clock: Arc::new(Timestamp::now),
        };
        Some(Workshop::start(parts).map_err(io("the accounts' folders in", &boot.config.store.dir))?)
    };
    let readings = workshop.as_ref().map(Workshop::readings).unwrap_or_default();
    let dir = boot.config.store.dir.clone();
    let numbers = metrics::source(store.clone(), connectors, receivers, dir, readings, front.clone());
    let (dir, rules_now) = (&boot.config.store.dir, rules(&boot.config));
    let in_force = InForce::new(&file, boot.sha256);
    let gatehouse = Gatehouse::new(store.clone(), dir, rules_now, numbers.text(), in_force.superseded(), front.clone());
    let desk = KeeperClient::beside(&run_dir).map(|keeper| ReleaseDesk { keeper, signer: signer.clone() });
    let gatehouse = gatehouse.map_err(io("the gate's folders in", &boot.config.store.dir))?;
    let gatehouse = Arc::new(gatehouse.with_releases(desk));
    let control_socket = run_dir.join(control::CONTROL_SOCKET);
    control::serve(listen(&control_socket)?, store.clone()).map_err(io("the socket", &control_socket))?;
    let (reload, mut reloads) = reload_wishes()?;
    let claim = claim(&boot, &store)?;
    let judged = (signer.verifier().text(), tables.shared());
    let page = page(&file, &boot, &store, judged, (reload, claim.clone()), told.releases.clone())?;
    let shown = appliance::Shown {
        run_dir: run_dir.clone(),
        claim,
        fault: boot.fault.clone(),
        source: boot.source.clone(),
        is_configured: file.path().exists(),
        front,
        waiting: told.waiting.clone(),
    };
    appliance::attend(shown, store.clone(), shutdown.clone());
    // Last: front calls the box healthy when the gate answers.
    let gate_socket = run_dir.join(GATE_SOCKET);
    let gate = gate::serve(listen(&gate_socket)?, gatehouse.clone()).map_err(io("the gate's socket", &gate_socket))?;

    log::info!(journal = signer.origin(); "Core runs");
    heart.ready("core runs");
    heart.beat(shutdown.clone(), trigger);
    tokio::spawn(walls::watch(None, shutdown.clone()));
    let mut config = boot.config;
    let mut looks = tokio::time::interval(TABLES_LOOK);
    loop {
        tokio::select! {
            () = shutdown.told() => break,
            Some(()) = reloads.recv() => {
                let Some((changed, sha256)) = changed(&file) else { continue };
                // What was wrong at boot is shown until a start without it.
                let in_place = boot.fault.is_none()
                    && only_flows_differ(&config, &changed)
                    && walls::core(&config, &file) == walls::core(&changed, &file);
                match workshop.as_ref().filter(|_| in_place) {
                    Some(workshop) => {
                        take_into_force(&changed, &mut tables, (workshop, &gatehouse, &told), &numbers).await;
                        in_force.also(sha256);
                        config = changed;
                    }
                    None if heart.reload() => {}
                    None => break,
                }
            }
            _ = looks.tick() => {
                if let Some(workshop) = workshop.as_ref().filter(|_| tables.has_changed(&config)) {
                    match tables.look(&config).await {
                        Ok(true) => workshop.judge_by(tables.tables(), tables.refused().cloned()),
                        Ok(false) => {}
                        Err(error) => unjournalled(&error),
                    }
                }
            }
        }
    }
    service::stopping();
    log::info!("Core stops");
    let serving = tokio::task::spawn_blocking(move || {
        page.stop();
        gate.stop();
    });
    if let Some(workshop) = workshop {
        workshop.stop(JOBS_LONGEST).await;
    }
    let _ = serving.await;
    store.note(note("stop")).await?;
    let closed = tokio::task::spawn_blocking(move || store.close()).await;
    closed.unwrap_or(Err(StoreError::WriterGone))?;
    Ok(())
}

/// While nobody is enrolled, the code that lets the first person in is shown: on the appliance's own console, else here.
fn claim(boot: &Boot, store: &Store) -> Result<Arc<web::Claim>, StartError> {
    let run_dir = &boot.config.store.run_dir;
    let claim = web::Claim::at_start(&store.reader()?)?;
    claim.write(run_dir)?;
    if let Some(code) = claim.code().filter(|_| !appliance::has_console(run_dir)) {
        // Not a log line: it is for whoever stands before the console, once.
        eprintln!("Fluxgate: code pour prendre possession de la machine / claim code: {code}");
    }
    Ok(Arc::new(claim))
}

/// Serves the page.
fn page(
    file: &ConfigFile,
    boot: &Boot,
    store: &Store,
    (journal_key, tables): (String, Arc<ArcSwap<Tables>>),
    (reload, claim): (mpsc::Sender<()>, Arc<web::Claim>),
    releases: Option<Releases>,
) -> Result<web::Running, StartError> {
    let settings = web::Settings {
        socket: boot.config.store.run_dir.join(PAGE_SOCKET),
        data_dir: boot.config.store.dir.clone(),
        session_idle: boot.config.web.session_idle.get(),
        language: boot.config.web.language,
        configuration: file.clone(),
        fault: boot.fault.clone(),
        journal_key,
        tables,
        releases,
    };
    let wish = move || {
        // Full: a reload is on its way already.
        let _ = reload.try_send(());
    };
    Ok(web::serve(settings, store.clone(), claim, wish)?)
}

/// Wishes to read the configuration anew: SIGHUP, and the page.
fn reload_wishes() -> Result<(mpsc::Sender<()>, mpsc::Receiver<()>), StartError> {
    let (wish, wishes) = mpsc::channel(1);
    let mut hangups = signals::hangups().map_err(io("signals of", Path::new("this process")))?;
    let hangup = wish.clone();
    tokio::spawn(async move {
        while hangups.recv().await.is_some() {
            // Full: a reload is on its way already.
            let _ = hangup.try_send(());
        }
    });
    Ok((wish, wishes))
}

/// Listens on a Unix socket of this user's; a dead one of a former process is replaced.
fn listen(path: &Path) -> Result<UnixListener, StartError> {
    match std::fs::remove_file(path) {
        Err(cause) if cause.kind() != std::io::ErrorKind::NotFound => return Err(io("the socket", path)(cause)),
        _ => {}
    }
    // The folder is 0700 and the umask 077: nobody else can open it at any instant.
    let listener = UnixListener::bind(path).map_err(io("the socket", path))?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).map_err(io("the socket", path))?;
    Ok(listener)
}

async fn note_start(store: &Store, boot: &Boot) -> Result<(), StoreError> {
    let mut start = note("start");
    start.objects.insert("version".to_owned(), env!("CARGO_PKG_VERSION").to_owned());
    start.hashes.extend(boot.sha256.map(|sha256| ("configuration".to_owned(), sha256)));
    if let Some(fault) = &boot.fault {
        start.objects.insert("fault".to_owned(), fault.code.to_string());
    }
    store.note(start).await
}

pub(super) fn note(kind: &'static str) -> Note {
    Note {
        kind,
        actor: "system".to_owned(),
        realm: None,
        objects: BTreeMap::new(),
        hashes: BTreeMap::new(),
        private: BTreeMap::new(),
        at: Timestamp::now(),
    }
}

fn connectors(config: &Config) -> Connectors {
    let accounts = config.establishments.iter().flat_map(|establishment| {
        establishment.technical_account.iter().map(move |account| (&establishment.id, account))
    });
    Connectors::through(&config.proxy, &config.store.dir, &config.chorus.api, accounts)
}

/// What goes on beside the flows, and the watch is told of.
struct Told {
    remote_log: Option<RemoteLog>,
    releases: Option<Releases>,
    waiting: Waiting,
}

fn options(config: &Config, tables: &TablesInForce, told: &Told) -> Options {
    let Told { remote_log, releases, waiting } = told;
    let (remote_log, releases, waiting) = (remote_log.clone(), releases.clone(), waiting.clone());
    Options {
        routes: config.routes.clone(),
        sirets: config.establishments.iter().map(|one| (one.id.clone(), one.siret.clone())).collect(),
        limits: config.limits.clone(),
        language: config.web.language,
        recycling_until: config.chorus.recycling_until.as_ref().map(|day| day.as_str().to_owned()),
        motive_codes: config.chorus.motive_codes,
        watch: WatchOptions { remote_log, releases, waiting, ..config.watched() },
        tables: tables.tables(),
        tables_refused: tables.refused().cloned(),
    }
}

fn receivers(options: &Options) -> Vec<Realm> {
    options.receivers().into_iter().map(|(realm, _)| realm).collect()
}

fn rules(config: &Config) -> Rules {
    let route = |route: &crate::work::RouteSection| DropRoute {
        account: route.account.clone(),
        folder: route.folder.clone(),
        realm: route.realm(),
    };
    Rules {
        accounts: config.accounts.clone(),
        routes: config.routes.iter().map(route).collect(),
        releases: config.update.account.clone(),
        limits: DropLimits::from(&config.limits),
    }
}

/// The texts by which front may go on: what core started with, and what came into force since without a restart.
#[derive(Clone)]
struct InForce {
    file: ConfigFile,
    texts: Arc<Mutex<Vec<Option<DocumentHash>>>>,
}

impl InForce {
    fn new(file: &ConfigFile, sha256: Option<DocumentHash>) -> Self {
        Self { file: file.clone(), texts: Arc::new(Mutex::new(vec![sha256])) }
    }

    fn texts(&self) -> MutexGuard<'_, Vec<Option<DocumentHash>>> {
        self.texts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn also(&self, sha256: DocumentHash) {
        self.texts().push(Some(sha256));
    }

    /// Front is asked to start anew only where that makes a difference.
    fn superseded(&self) -> Superseded {
        let mine = self.clone();
        Box::new(move |told| !mine.texts().contains(&told) && mine.file.boot(false).sha256 != told)
    }
}

/// The configuration as the file has it now. A bad one changes nothing: the page accepts none.
fn changed(file: &ConfigFile) -> Option<(Config, DocumentHash)> {
    match file.text().map(|text| Config::parse(&text).map(|config| (config, config::hash(&text)))) {
        Ok(Ok(changed)) => Some(changed),
        Ok(Err(problems)) => {
            log::warn!(problems = problems.len(); "The changed configuration has problems and is not taken into force");
            None
        }
        Err(error) => {
            log::warn!(error = error.to_string().as_str(); "The changed configuration cannot be read");
            None
        }
    }
}

/// Whether establishments, Chorus Pro, proxy, accounts, routes, rules and who is told of alarms are all that differs: those change
/// without a restart, as long as core's walls need no other opening.
fn only_flows_differ(before: &Config, after: &Config) -> bool {
    let same_flows = Config {
        establishments: before.establishments.clone(),
        chorus: before.chorus.clone(),
        // Who looks for releases began with the proxy as it was.
        proxy: if after.update.url.is_some() { after.proxy.clone() } else { before.proxy.clone() },
        accounts: before.accounts.clone(),
        routes: before.routes.clone(),
        notify: before.notify.clone(),
        rules: before.rules.clone(),
        ..after.clone()
    };
    same_flows == *before
}

fn unjournalled(error: &StoreError) {
    log::error!(error = error.to_string().as_str(); "The tables in force stay so: the journal could not be written; tried again");
}

/// Uploads under way go on; who is no longer allowed is out at the next request.
async fn take_into_force(
    config: &Config,
    tables: &mut TablesInForce,
    (workshop, gatehouse, told): (&Workshop, &Gatehouse, &Told),
    numbers: &metrics::Numbers,
) {
    if let Err(error) = tables.look(config).await {
        unjournalled(&error);
    }
    let connectors = connectors(config);
    let options = options(config, tables, told);
    numbers.replace(connectors.clone(), receivers(&options));
    let folders = workshop.reconfigure(options, connectors).and_then(|()| gatehouse.replace(rules(config)));
    match folders {
        Ok(()) => log::info!("The changed configuration is in force"),
        Err(error) => log::error!(error = error.to_string().as_str(); "The accounts' folders could not be made"),
    }
}
