//! The parent of front and core: starts both, restarts the one that dies or stops answering, stops both in order.
//!
//! Children are made by the main thread, which lives as long as the process: the kernel's "parent ended" signal is
//! bound to the thread that made the child.

use std::collections::VecDeque;
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::{ExitCode, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};
use tokio::sync::watch;

use super::exit::{self, Exit};
use super::heart::Word;
use super::instance;
use super::serve::Role;
use crate::config::ConfigFile;
use crate::os::signals::{self, Shutdown};
use crate::os::{logging, process, service};

/// Before a child that had been ready is started again.
const RESTART_SHORTEST: Duration = Duration::from_millis(50);
/// Before a child that never got ready, or dies again and again, is started again: doubles up to this.
const RESTART_LONGEST: Duration = Duration::from_secs(10);
/// So many deaths within [`DEATHS_WINDOW`] are "again and again".
const DEATHS_MANY: usize = 20;
const DEATHS_WINDOW: Duration = Duration::from_secs(10);
/// A child that says nothing for so long hangs, and is killed.
const SILENCE_LONGEST: Duration = Duration::from_secs(60);
/// A start may take so long: a large database is upgraded.
const START_LONGEST: Duration = Duration::from_secs(600);
/// A child that was asked to stop is killed after this.
const STOP_LONGEST: Duration = Duration::from_secs(12);
/// Between the page's wish to reload and the restart: its answer is still on the way.
const RELOAD_DELAY: Duration = Duration::from_millis(300);

/// A child that ends so is not started again: only a person can help. Its log says with what.
const HOPELESS: [Exit; 2] = [exit::CONFIG, exit::IN_USE];

/// What the supervisor wants of a child.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wish {
    /// Run; a higher number is another life.
    Run(u64),
    Stop,
}

/// What is known of a child, for the watchdog and readiness.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Pulse {
    Starting,
    Ready(Instant),
    /// It said that it can never start as things are, by this exit code.
    GaveUp(Exit),
}

impl Pulse {
    fn given_up(self) -> Option<Exit> {
        match self {
            Pulse::GaveUp(code) => Some(code),
            Pulse::Starting | Pulse::Ready(_) => None,
        }
    }
}

pub fn run(file: &ConfigFile) -> ExitCode {
    let boot = file.boot(false);
    logging::start(boot.config.log.level.into(), "fluxgate");
    let _alone = match instance::claim(&boot.config.store) {
        Ok(claimed) => claimed,
        Err(failure) => return failure.tell("serve"),
    };
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            log::error!(error = error.to_string().as_str(); "The supervisor could not start");
            return exit::SOFTWARE.into();
        }
    };
    runtime.block_on(supervise(file.path().to_owned()))
}

async fn supervise(config: PathBuf) -> ExitCode {
    let (shutdown, mut hangups, program) = match (Shutdown::on_signals(), signals::hangups(), own_program()) {
        (Ok((_, shutdown)), Ok(hangups), Ok(program)) => (shutdown, hangups, program),
        (Err(error), ..) | (_, Err(error), _) | (.., Err(error)) => {
            log::error!(error = error.to_string().as_str(); "The supervisor could not start");
            return exit::SOFTWARE.into();
        }
    };
    let (reload, mut reloads) = tokio::sync::mpsc::channel(1);
    let start = |role| {
        let (wish, wishes) = watch::channel(Wish::Run(0));
        let (pulse, pulses) = watch::channel(Pulse::Starting);
        let keeper =
            Keeper { role, program: program.clone(), config: config.clone(), wishes, pulse, reload: reload.clone() };
        (wish, pulses, keeper.keep())
    };
    let (core_wish, core_pulse, core) = start(Role::Core);
    let (front_wish, front_pulse, front) = start(Role::Front);
    let conduct = async {
        let mut announced = false;
        let mut tick = tokio::time::interval(tick_length());
        let mut life = 0;
        loop {
            tokio::select! {
                () = shutdown.told() => break ExitCode::SUCCESS,
                Some(()) = async { tokio::select! { wish = reloads.recv() => wish, wish = hangups.recv() => wish } } => {
                    log::info!("Both processes start anew, with the configuration as it is now");
                    tokio::time::sleep(RELOAD_DELAY).await;
                    life += 1;
                    front_wish.send_replace(Wish::Run(life));
                    core_wish.send_replace(Wish::Run(life));
                }
                _ = tick.tick() => {
                    let pulses = [*core_pulse.borrow(), *front_pulse.borrow()];
                    if let Some(code) = pulses.iter().find_map(|pulse| pulse.given_up()) {
                        break code.into();
                    }
                    let alive = pulses.iter().all(|pulse| matches!(pulse, Pulse::Ready(_)));
                    if alive && !announced {
                        announced = true;
                        service::ready("front and core run");
                        log::info!("Front and core run");
                    }
                    // A child that is being restarted is alive enough: the limits above see to it.
                    if announced {
                        service::alive();
                    }
                }
            }
        }
    };
    let stop_in_order = async {
        let code = conduct.await;
        service::stopping();
        log::info!("Stopping");
        // Front first: it finishes what it acknowledged while core still answers.
        front_wish.send_replace(Wish::Stop);
        front_wish.closed().await;
        core_wish.send_replace(Wish::Stop);
        core_wish.closed().await;
        code
    };
    let (code, (), ()) = tokio::join!(stop_in_order, core, front);
    log::info!("Stopped");
    code
}

/// How often readiness and the watchdog are looked at.
fn tick_length() -> Duration {
    const LONGEST: Duration = Duration::from_millis(100);
    service::watchdog_interval().map_or(LONGEST, |half| half.min(LONGEST))
}

/// This program's file. Where there is no `/proc`, the name it was started by.
pub(super) fn own_program() -> std::io::Result<PathBuf> {
    std::env::current_exe().or_else(|error| {
        let name = std::env::args_os().next().map(PathBuf::from);
        name.filter(|name| name.components().count() > 1 && name.is_file()).ok_or(error)
    })
}

/// Keeps one child running.
struct Keeper {
    role: Role,
    program: PathBuf,
    config: PathBuf,
    wishes: watch::Receiver<Wish>,
    pulse: watch::Sender<Pulse>,
    reload: tokio::sync::mpsc::Sender<()>,
}

/// How a child's life ended.
enum End {
    /// As wished.
    Wished,
    Died {
        was_ready: bool,
        status: Option<ExitStatus>,
    },
}

impl Keeper {
    async fn keep(mut self) {
        let mut deaths: VecDeque<Instant> = VecDeque::new();
        let mut pause = RESTART_SHORTEST;
        while *self.wishes.borrow_and_update() != Wish::Stop {
            self.pulse.send_replace(Pulse::Starting);
            let end = match self.spawn() {
                Ok(child) => self.live(child).await,
                Err(error) => {
                    let (role, error) = (self.role.as_str(), error.to_string());
                    log::error!(role = role, error = error.as_str(); "A process could not be started");
                    End::Died { was_ready: false, status: None }
                }
            };
            let End::Died { was_ready, status } = end else { continue };
            let code = status.and_then(|status| status.code());
            if let Some(code) = HOPELESS.into_iter().find(|hopeless| code == Some(i32::from(hopeless.0))) {
                self.pulse.send_replace(Pulse::GaveUp(code));
                return;
            }
            let now = Instant::now();
            deaths.push_back(now);
            deaths.retain(|death| now.duration_since(*death) < DEATHS_WINDOW);
            pause = match (was_ready, deaths.len() >= DEATHS_MANY) {
                (_, true) => RESTART_LONGEST,
                (true, false) => RESTART_SHORTEST,
                (false, false) => (pause * 2).min(RESTART_LONGEST),
            };
            if status.and_then(|status| status.signal()) == Some(process::FORBIDDEN_CALL) {
                log::error!(role = self.role.as_str(); "A process was ended by the kernel: it tried a call that only an intruder makes");
            }
            let status = status.map_or_else(|| "unknown".to_owned(), |status| status.to_string());
            let (role, wait_ms) = (self.role.as_str(), u64::try_from(pause.as_millis()).unwrap_or(u64::MAX));
            log::error!(role = role, status = status.as_str(), wait_ms = wait_ms; "A process ended and is started again");
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                _ = self.wishes.changed() => {}
            }
        }
    }

    fn spawn(&self) -> std::io::Result<Child> {
        Command::new(&self.program)
            .arg("serve")
            .args(["--role", self.role.as_str()])
            .arg("--config")
            .arg(&self.config)
            .args(["--supervisor", &std::process::id().to_string()])
            // A pipe that ends at once: /dev/null may not be there to be opened.
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            // Told to the supervisor alone.
            .env_remove("NOTIFY_SOCKET")
            .env_remove("WATCHDOG_USEC")
            .env_remove("WATCHDOG_PID")
            .kill_on_drop(true)
            .spawn()
    }

    /// Follows one child to its end.
    async fn live(&mut self, mut child: Child) -> End {
        drop(child.stdin.take());
        let mut words = child.stdout.take().map(|out| BufReader::new(out).lines());
        let begun = Instant::now();
        let mut heard: Option<Instant> = None;
        loop {
            let deadline = heard.map_or(begun + START_LONGEST, |heard| heard + SILENCE_LONGEST);
            tokio::select! {
                status = child.wait() => return End::Died { was_ready: heard.is_some(), status: status.ok() },
                _ = self.wishes.changed() => {
                    self.stop(&mut child).await;
                    return End::Wished;
                }
                word = next_word(&mut words) => match word {
                    Some(Word::Ready | Word::Alive) => {
                        let now = Instant::now();
                        heard = Some(now);
                        self.pulse.send_replace(Pulse::Ready(now));
                    }
                    // Full: a reload is on its way already.
                    Some(Word::Reload) => drop(self.reload.try_send(())),
                    None => words = None,
                },
                () = tokio::time::sleep_until(deadline.into()) => {
                    log::error!(role = self.role.as_str(); "A process hangs and is killed");
                    let _ = child.start_kill();
                    return End::Died { was_ready: heard.is_some(), status: child.wait().await.ok() };
                }
            }
        }
    }

    /// Asks a child to stop, and kills it when it takes too long.
    async fn stop(&self, child: &mut Child) {
        if let Some(pid) = child.id() {
            process::ask_to_stop(pid);
        }
        if tokio::time::timeout(STOP_LONGEST, child.wait()).await.is_err() {
            log::warn!(role = self.role.as_str(); "A process did not stop in time and is killed");
            let _ = child.kill().await;
        }
    }
}

/// The next known word of a child; `None` once it says nothing more. A stranger's word is skipped.
async fn next_word(words: &mut Option<Lines<BufReader<ChildStdout>>>) -> Option<Word> {
    let Some(lines) = words else { return std::future::pending().await };
    loop {
        let line = lines.next_line().await.ok()??;
        if let Some(word) = Word::ALL.into_iter().find(|word| word.as_str() == line) {
            return Some(word);
        }
    }
}
