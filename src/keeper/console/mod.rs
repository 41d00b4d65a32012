//! The console: what somebody in front of the box sees on its screen and on a serial line, and the few things they can do.
//!
//! The screen is the kernel's first virtual terminal; a serial line is one only where it is a console of the kernel's. Drawn
//! when something changed; a terminal that vanishes or takes nothing is tried again later, and holds nothing up.

pub mod keys;
pub mod letters;
mod menu;
mod qr;
mod screen;
mod view;
mod wizard;

use std::io::ErrorKind;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use super::recovery::Turn;
use super::{Keeper, sealer, verbs};
use crate::domain::Timestamp;
use crate::fault::Text;
use crate::gate::{Happening, NetworkSettings, Refusal};
use crate::os::terminal::{RawTerminal, wait_for_keys};
use crate::os::{firmware, random, service};
use keys::Keys;
use menu::{Action, Menu};
use view::{Signs, View};
use wizard::Wizard;

/// Between two looks at what there is to show.
const LOOK: Duration = Duration::from_millis(500);
/// A screen is drawn anew after this, in case the kernel wrote over it.
const REFRESH: Duration = Duration::from_secs(60);
/// Before a terminal that failed is opened again.
const REOPEN: Duration = Duration::from_secs(5);
/// For all bytes of one drawing: a serial line of 9600 baud takes three seconds for a screen.
const WRITE_LONGEST: Duration = Duration::from_secs(8);
/// Bytes that are read of a terminal at once; what comes faster than this per look is dropped by the kernel.
const READ_AT_ONCE: usize = 64;
/// Serial lines that are served, at most.
const LINES_LIMIT: usize = 4;

/// Serves the terminals until the process ends.
pub(super) fn run(keeper: &Keeper) -> ! {
    let begun = Instant::now();
    let mut terminals = terminals(keeper);
    let beat = service::watchdog_interval().unwrap_or(Duration::MAX);
    let mut beaten = Instant::now();
    loop {
        wait_for_keys(terminals.iter().filter_map(|terminal| terminal.opened.as_ref()), LOOK);
        let now = begun.elapsed();
        for terminal in &mut terminals {
            for action in terminal.actions(now) {
                if let Some(said) = act(keeper, action, terminal, now) {
                    terminal.menu.say(said, now);
                }
            }
        }
        keeper.tick();
        if keeper.recovery().turn(&keeper.machine, Instant::now()) == Some(Turn::Opened)
            && let Err(refusal) = opened(keeper)
        {
            let trouble = refusal.text();
            terminals.iter_mut().for_each(|terminal| terminal.menu.say(trouble.clone(), now));
        }
        let view = look(keeper);
        for terminal in &mut terminals {
            terminal.menu.wants_key = view.wants_key;
            terminal.menu.tick(now);
            terminal.draw(&view, now);
        }
        if beaten.elapsed() >= beat {
            beaten = Instant::now();
            service::alive();
        }
    }
}

fn look(keeper: &Keeper) -> View {
    let (sight, restarting) = {
        let told = keeper.told();
        (told.sight.as_ref().map(|(at, sight)| (at.elapsed(), sight.clone())), told.restarting)
    };
    let machine = &keeper.machine;
    let signs = Signs {
        uptime: machine.uptime(),
        core: machine.runs("fluxgate-core"),
        front: machine.runs("fluxgate-front"),
        sight,
        restarting,
        trial: keeper.recovery().trial(Instant::now()),
    };
    View::new(keeper.status(), signs)
}

/// Does what somebody confirmed; what is to be said of it.
fn act(keeper: &Keeper, action: Action, terminal: &mut Terminal, now: Duration) -> Option<Text> {
    let done = match action {
        // Noted before it is done, and not where it cannot be.
        Action::Restart => verbs::can_restart(keeper).and_then(|()| {
            keeper.events().note(Happening::ConsoleRestart, Timestamp::now());
            verbs::restart(keeper)
        }),
        Action::FactoryReset => verbs::can_restart(keeper).and_then(|()| {
            keeper.events().note(Happening::ConsoleFactoryReset, Timestamp::now());
            verbs::factory_reset(keeper)
        }),
        Action::TryKey(key) => keeper.recovery().try_key(&keeper.machine, key, Instant::now()).map_err(Refusal::Seal),
        Action::ShowCode => {
            terminal.show_code(&look(keeper));
            Ok(())
        }
        Action::AskNetwork => {
            let cards = keeper.machine.cards().into_iter().map(|(name, _)| name).collect();
            let status = keeper.network().status(Instant::now());
            terminal.menu.ask_network(Wizard::new(&status, cards, digits), now);
            Ok(())
        }
        Action::Network(settings) => match change_network(keeper, *settings) {
            Ok(said) => return Some(said),
            Err(refusal) => Err(refusal),
        },
        Action::ConfirmNetwork => keeper.network().confirm().map(|()| {
            keeper.events().note(Happening::ConsoleNetworkConfirmed, Timestamp::now());
        }),
    };
    done.err().map(|refusal: Refusal| refusal.text())
}

/// A recovery key opened what is kept, which this machine's TPM opens from now on: the machine starts anew, and its next start notes
/// it where it can.
fn opened(keeper: &Keeper) -> Result<(), Refusal> {
    let wish = keeper.machine.path(sealer::RECOVERED_WISH);
    match firmware::make(&wish, "yes") {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => {
            log::warn!(error = error.to_string().as_str(); "That the recovery key was used will not be in the journal");
        }
        _ => {}
    }
    verbs::restart(keeper)
}

/// Noted once it is durable: it may be refused until then.
fn change_network(keeper: &Keeper, settings: NetworkSettings) -> Result<Text, Refusal> {
    keeper.network().propose(settings, Instant::now())?;
    keeper.events().note(Happening::ConsoleNetwork, Timestamp::now());
    Ok(Text::new(
        "Le réseau change. Confirmez dans les cinq minutes (5, puis 4), ou sur la page ; sinon l'ancien revient.",
        "The network changes. Confirm within five minutes (5, then 4), or on the page; else the former one comes back.",
    ))
}

/// A way to show something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// A screen whose cursor can be moved.
    Screen,
    /// Lines, one after the other.
    Lines,
}

/// One terminal.
struct Terminal {
    device: PathBuf,
    kind: Kind,
    opened: Option<RawTerminal>,
    /// When it was last opened, or tried to be.
    tried: Option<Duration>,
    keys: Keys,
    menu: Menu,
    /// What it shows, above the row where is typed and in it, and since when.
    drawn: Option<(String, String, Duration)>,
}

/// The screen, and each serial line that is a console of the kernel's.
fn terminals(keeper: &Keeper) -> Vec<Terminal> {
    let terminal = |name: &str, kind| Terminal {
        device: keeper.machine.path("dev").join(name),
        kind,
        opened: None,
        tried: None,
        keys: if kind == Kind::Screen { Keys::of_keyboard() } else { Keys::default() },
        menu: Menu::new(),
        drawn: None,
    };
    let consoles = keeper.machine.consoles();
    let lines = consoles.iter().filter(|name| !is_screen(name)).take(LINES_LIMIT);
    let mut all = vec![terminal("tty1", Kind::Screen)];
    all.extend(lines.map(|name| terminal(name, Kind::Lines)));
    all
}

/// Whether a console is a virtual terminal: `tty0`, `tty1` ...
fn is_screen(name: &str) -> bool {
    name.strip_prefix("tty").is_some_and(|number| number.bytes().all(|b| b.is_ascii_digit()))
}

impl Terminal {
    /// What is asked for by what was typed since.
    fn actions(&mut self, now: Duration) -> Vec<Action> {
        self.open(now);
        let Some(terminal) = &mut self.opened else { return Vec::new() };
        let mut bytes = [0; READ_AT_ONCE];
        match terminal.read(&mut bytes) {
            Ok(read) => {
                let keys = self.keys.read(&bytes[..read]);
                keys.into_iter().filter_map(|key| self.menu.key(key, now, digits)).collect()
            }
            Err(error) => {
                self.lose(&error);
                Vec::new()
            }
        }
    }

    fn open(&mut self, now: Duration) {
        if self.opened.is_some() || self.tried.is_some_and(|tried| now.saturating_sub(tried) < REOPEN) {
            return;
        }
        let first = self.tried.is_none();
        self.tried = Some(now);
        match RawTerminal::open(&self.device) {
            Ok(terminal) => self.opened = Some(terminal),
            Err(error) if first => {
                let (device, error) = (self.device.display(), error.to_string());
                log::warn!(device:display = device, error = error.as_str(); "A console cannot be used");
            }
            Err(_) => {}
        }
    }

    fn lose(&mut self, error: &std::io::Error) {
        let (device, error) = (self.device.display(), error.to_string());
        log::warn!(device:display = device, error = error.as_str(); "A console was lost");
        self.opened = None;
        self.drawn = None;
    }

    fn draw(&mut self, view: &View, now: Duration) {
        let ((above, last), refresh) = match self.kind {
            Kind::Screen => ((screen::screen(view, &self.menu), String::new()), REFRESH),
            Kind::Lines => (screen::lines(view, &self.menu), Duration::MAX),
        };
        let written = match &self.drawn {
            Some((drawn, typed, at)) if *drawn == above && now.saturating_sub(*at) < refresh => {
                if *typed == last {
                    return;
                }
                screen::retyped(&last)
            }
            _ => format!("{above}{last}"),
        };
        self.write(&written);
        self.drawn = self.opened.is_some().then_some((above, last, now));
    }

    /// The QR code, below what a terminal of lines shows; a screen has it beside.
    fn show_code(&mut self, view: &View) {
        if self.kind == Kind::Lines {
            self.write(&format!("\r\n{}", screen::code_lines(view)));
            // The row where is typed stands below it.
            self.write(&self.drawn.as_ref().map(|(_, typed, _)| typed.clone()).unwrap_or_default());
        }
    }

    fn write(&mut self, text: &str) {
        let Some(terminal) = &mut self.opened else { return };
        if let Err(error) = terminal.write(text.as_bytes(), WRITE_LONGEST) {
            self.lose(&error);
        }
    }
}

/// As many random digits.
fn digits(count: usize) -> String {
    random::bytes::<16>().iter().take(count).map(|byte| char::from(b'0' + byte % 10)).collect()
}
