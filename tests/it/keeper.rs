//! The appliance's keeper as its unit runs it: the real process, its socket, terminals that a pseudo-terminal stands for. Its root
//! folder is another one, and process 1 is another one, which notes that it was asked to restart.

use std::fs;
use std::io::{Read, Write};
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use fluxgate::gate::{
    Happening, Health, KeeperClient, KeeperError, KeeperRequest, KeyAnswer, Refusal, SealRefusal, Sealing, Sight,
};

use crate::commands::program;
use crate::web::{Browser, edit};

/// Longer than anything here should take, on a machine that does much else.
const PATIENCE: Duration = Duration::from_secs(60);
const WISH: &str = "sys/firmware/efi/efivars/FactoryReset-8cf2644b-4b0b-428f-9387-6d876050dc67";
const CLAIM: &str = "0123-4567-89ab-cdef";

pub fn until<T>(what: &str, mut probe: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = probe() {
            return found;
        }
        assert!(Instant::now() < end, "not in time: {what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// One end of a pseudo-terminal: somebody who looks and types. What is shown is gathered on a thread.
struct Seat {
    keyboard: fs::File,
    shown: Arc<Mutex<String>>,
    /// Kept open, so that the terminal does not hang up between two keepers.
    _line: std::os::fd::OwnedFd,
}

impl Seat {
    /// At the device `name` of the machine.
    fn at(root: &Path, name: &str) -> Self {
        let pair = nix::pty::openpty(None, None).unwrap();
        let line = fs::read_link(format!("/proc/self/fd/{}", pair.slave.as_raw_fd())).unwrap();
        std::os::unix::fs::symlink(line, root.join("dev").join(name)).unwrap();
        let keyboard = fs::File::from(pair.master);
        let (mut screen, shown) = (keyboard.try_clone().unwrap(), Arc::new(Mutex::new(String::new())));
        let kept = shown.clone();
        std::thread::spawn(move || {
            let mut bytes = [0; 4096];
            while let Ok(read @ 1..) = screen.read(&mut bytes) {
                kept.lock().unwrap().push_str(&String::from_utf8_lossy(&bytes[..read]));
            }
        });
        Self { keyboard, shown, _line: pair.slave }
    }

    fn shown(&self) -> String {
        self.shown.lock().unwrap().clone()
    }

    /// Waits until it shows `text`, from now on.
    fn sees(&self, text: &str) {
        until(text, || self.shown().contains(text).then_some(()));
    }

    fn types(&mut self, text: &str) {
        self.keyboard.write_all(text.as_bytes()).unwrap();
    }

    /// Opens a question and answers it with the digits that it shows.
    fn confirms(&mut self, item: &str, count: usize) {
        self.shown.lock().unwrap().clear();
        self.types(item);
        let digits = until("a question", || {
            let shown = self.shown();
            // So many and no more: another question may still be on the screen.
            let questions = shown.split("Tapez ").skip(1);
            let digits = |rest: &str| rest.chars().take_while(char::is_ascii_digit).collect::<String>();
            questions.map(digits).find(|digits| digits.len() == count)
        });
        self.types(&digits);
        self.types("\r");
    }
}

/// A machine with a keeper, in a folder.
pub struct Machine {
    dir: tempfile::TempDir,
    child: Option<Child>,
    screen: Seat,
    line: Seat,
    /// What process 1 does before keeper starts, in a mount namespace of its own: `$1` is the root folder.
    pub before: &'static str,
}

impl Machine {
    /// `None` where no process 1 of one's own can be had; that is said aloud.
    pub fn start() -> Option<Self> {
        let mut machine = Self::off()?;
        machine.boot();
        Some(machine)
    }

    /// The same, before it is switched on.
    pub fn off() -> Option<Self> {
        if !nix::unistd::geteuid().is_root() {
            eprintln!("NOT RUN: keeper runs as root");
            return None;
        }
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path();
        for folder in [
            "run/fluxgate-keeper",
            "run/systemd/system",
            "run/systemd/network",
            "var/lib/fluxgate-keeper",
            "dev",
            "etc",
        ] {
            fs::create_dir_all(root.join(folder)).unwrap();
        }
        for (path, text) in [
            ("etc/os-release", "IMAGE_VERSION=9.8.7\n"),
            ("proc/cmdline", "quiet fluxgate.slot=b\n"),
            ("proc/uptime", "1.00 1.00\n"),
            ("sys/class/tty/console/active", "tty0 ttyS0\n"),
            ("sys/firmware/efi/efivars/Lang-x", "fr"),
            ("proc/meminfo", "MemTotal:         481012 kB\nMemAvailable:     400000 kB\n"),
            ("sys/class/net/enp0s2/device/vendor", "0x1af4\n"),
            ("sys/class/net/enp0s2/address", "52:54:00:f1:00:01\n"),
            ("sys/class/net/enp0s3/device/vendor", "0x1af4\n"),
        ] {
            fs::create_dir_all(root.join(path).parent().unwrap()).unwrap();
            fs::write(root.join(path), text).unwrap();
        }
        let (screen, line) = (Seat::at(root, "tty1"), Seat::at(root, "ttyS0"));
        Some(Self { dir, child: None, screen, line, before: "" })
    }

    pub fn root(&self) -> &Path {
        self.dir.path()
    }

    /// Process 1 is a shell that starts keeper and notes the signal which means a restart to systemd.
    pub fn boot(&mut self) {
        for seat in [&self.screen, &self.line] {
            seat.shown.lock().unwrap().clear();
        }
        let script = "set -e; eval \"$3\"; set +e; trap 'touch \"$1/restarts\"' RTMIN+5; \"$2\" serve --role keeper --root \"$1\" & \
                      while kill -0 $! 2>/dev/null; do wait $!; done";
        let log = fs::File::options().create(true).append(true).open(self.root().join("log")).unwrap();
        let child = Command::new("unshare")
            .args(["--mount", "--pid", "--fork", "--kill-child", "bash", "-c", script, "bash"])
            .arg(self.root())
            .arg(program().get_program())
            .arg(self.before)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        self.child = Some(child);
        until("keeper's socket", || UnixStream::connect(self.socket()).ok());
        // What is typed before somebody is there to read it is nobody's wish.
        let os_release = fs::read_to_string(self.root().join("etc/os-release")).unwrap();
        let version = os_release.lines().find_map(|line| line.strip_prefix("IMAGE_VERSION=")).unwrap();
        for seat in [&self.screen, &self.line] {
            seat.sees(&format!("Fluxgate {version}"));
        }
    }

    fn end(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().unwrap();
            child.wait().unwrap();
            // What was in its namespace ends a moment after it: the next one must not find the lock taken.
            until("keeper's end", || UnixStream::connect(self.socket()).is_err().then_some(()));
        }
    }

    fn socket(&self) -> PathBuf {
        self.root().join("run/fluxgate-keeper/keeper.sock")
    }

    pub fn core(&self) -> KeeperClient {
        KeeperClient::beside(&self.root().join("run/fluxgate")).unwrap()
    }

    /// What systemd-networkd would read of the first card.
    fn network(&self) -> String {
        fs::read_to_string(self.root().join("run/systemd/network/10-fluxgate-0.network")).unwrap_or_default()
    }

    pub fn log(&self) -> String {
        fs::read_to_string(self.root().join("log")).unwrap()
    }

    /// What happened, as core is told.
    fn events(&self) -> Vec<Happening> {
        self.core().show(sight()).unwrap().events.iter().map(|event| event.what).collect()
    }

    fn restarts(&self) {
        let mark = self.root().join("restarts");
        until("a restart", || mark.exists().then_some(()));
        fs::remove_file(mark).unwrap();
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        self.end();
    }
}

fn sight() -> Sight {
    Sight {
        door_port: Some(443),
        door_fingerprint: Some(["AB"; 32].join(":")),
        sftp_fingerprint: Some("SHA256:abcdefgh".to_owned()),
        claim: Some(CLAIM.to_owned()),
        trouble: None,
        health: Health::default(),
    }
}

#[test]
fn both_terminals_show_the_box_and_what_core_tells() {
    let Some(machine) = Machine::start() else { return };
    for (seat, starting) in [(&machine.screen, "Démarrage"), (&machine.line, "Demarrage")] {
        seat.sees("Fluxgate 9.8.7 - emplacement B");
        seat.sees(starting);
    }
    assert!(!machine.screen.shown().contains(CLAIM));
    let told = machine.core().show(sight()).unwrap();
    assert_eq!((told.events, told.lost, told.updates), (Vec::new(), 0, Vec::new()));
    for seat in [&machine.screen, &machine.line] {
        seat.sees(CLAIM);
        seat.sees("SHA256:abcdefgh");
    }
    let status = machine.core().status().unwrap();
    assert_eq!((status.version.as_str(), status.slot, status.reset_asked), ("9.8.7", Some('b'), false));
    assert_eq!(status.sealing, Sealing::Missing);
    // Somebody claimed it: the code goes.
    machine.screen.shown.lock().unwrap().clear();
    machine.core().show(Sight { claim: None, ..sight() }).unwrap();
    machine.screen.sees("9.8.7");
    assert!(!machine.screen.shown().contains(CLAIM));
}

#[test]
fn a_restart_at_the_console_is_done_and_waits_for_the_journal() {
    let Some(mut machine) = Machine::start() else { return };
    machine.screen.confirms("2", 2);
    machine.restarts();
    machine.screen.sees("Redémarrage");
    // It survives the restart that it is.
    machine.end();
    machine.boot();
    assert_eq!(machine.events(), [Happening::ConsoleRestart]);
    machine.line.confirms("2", 2);
    machine.restarts();
    let events = machine.core().show(sight()).unwrap().events;
    machine.core().order(KeeperRequest::Recorded { through: events[0].number, updates: 0 }).unwrap();
    assert_eq!(machine.events(), [Happening::ConsoleRestart], "the second one waits on");
    machine.core().order(KeeperRequest::Recorded { through: events[1].number, updates: 0 }).unwrap();
    assert_eq!(machine.events(), []);
    // Core asks as well; then it is core that journals it.
    machine.core().order(KeeperRequest::Restart).unwrap();
    machine.restarts();
    assert_eq!(machine.events(), []);
}

#[test]
fn keys_and_noise_without_the_digits_do_nothing() {
    let Some(mut machine) = Machine::start() else { return };
    // Without the key of the language: what is seen below is French.
    let noise = (0..2_000u32).map(|n| char::from(u8::try_from(n * 7919 % 128).unwrap()));
    let noise: String = noise.filter(|letter| !"lL".contains(*letter)).collect();
    for seat in [&mut machine.screen, &mut machine.line] {
        seat.types(&noise);
        // An Escape that stands alone, whatever the noise has opened.
        until("a question", || {
            seat.types("\x1b");
            std::thread::sleep(Duration::from_millis(700));
            seat.types("3");
            std::thread::sleep(Duration::from_millis(700));
            seat.shown().contains("ffac").then_some(())
        });
        seat.types("x\r");
        seat.sees("Ce n'est pas ce code");
        seat.types("\x1b");
        // What is typed next is none of a key's letters.
        std::thread::sleep(Duration::from_millis(1_500));
    }
    assert_eq!(machine.events(), []);
    assert!(!machine.root().join("restarts").exists() && !machine.root().join(WISH).exists());
    // It still takes the right ones.
    machine.line.confirms("2", 2);
    machine.restarts();
}

#[test]
fn a_factory_reset_is_a_wish_that_the_next_start_finds() {
    let Some(mut machine) = Machine::start() else { return };
    machine.screen.confirms("3", 6);
    machine.restarts();
    assert_eq!(fs::read(machine.root().join(WISH)).unwrap(), b"\x07\0\0\0y\0e\0s\0\0\0");
    machine.screen.sees("tout sera effacé");
    assert_eq!(machine.events(), [Happening::ConsoleFactoryReset]);
    assert!(machine.core().status().unwrap().reset_asked);
    // Asked twice is asked once.
    machine.core().order(KeeperRequest::FactoryReset).unwrap();
    machine.end();

    // What the unit does at the next start: the partition beside the slot that runs reads as zeros, then the wish goes.
    let root = machine.root().to_owned();
    let number = std::os::unix::fs::MetadataExt::dev(&fs::metadata(&root).unwrap());
    let (major, minor) = (nix::sys::stat::major(number), nix::sys::stat::minor(number));
    for (partition, name) in [("vda2", "root-b"), ("vda4", "data")] {
        fs::create_dir_all(root.join("sys/devices/vda").join(partition)).unwrap();
        let said = format!("DEVNAME={partition}\nPARTNAME={name}\n");
        fs::write(root.join("sys/devices/vda").join(partition).join("uevent"), said).unwrap();
        fs::write(root.join("dev").join(partition), vec![b'x'; 3 << 20]).unwrap();
    }
    fs::create_dir_all(root.join("sys/dev/block")).unwrap();
    std::os::unix::fs::symlink(root.join("sys/devices/vda/vda2"), root.join(format!("sys/dev/block/{major}:{minor}")))
        .unwrap();
    for step in ["wipe", "finish"] {
        let status = program().args(["keeper", step, "--root"]).arg(&root).status().unwrap();
        assert!(status.success(), "{step}");
    }
    let is_all = |name: &str, byte: u8| fs::read(root.join("dev").join(name)).unwrap().iter().all(|b| *b == byte);
    assert!(is_all("vda4", 0) && is_all("vda2", b'x'), "data is wiped, the slot is not");
    assert!(!root.join(WISH).exists());

    // The partition is new: what keeper kept there is gone with the rest, and the reset is noted.
    fs::remove_dir_all(root.join("var/lib/fluxgate-keeper")).unwrap();
    fs::create_dir_all(root.join("var/lib/fluxgate-keeper")).unwrap();
    machine.boot();
    assert_eq!(machine.events(), [Happening::FactoryResetDone]);
    machine.end();
    machine.boot();
    assert_eq!(machine.events(), [Happening::FactoryResetDone], "noted once");
}

#[test]
fn without_a_place_for_the_wish_a_reset_is_refused_and_says_why() {
    let Some(mut machine) = Machine::start() else { return };
    fs::remove_dir_all(machine.root().join("sys/firmware")).unwrap();
    match machine.core().order(KeeperRequest::FactoryReset) {
        Err(KeeperError::Refused(Refusal::NoFirmwareVariables)) => {}
        other => panic!("{other:?}"),
    }
    machine.screen.confirms("3", 6);
    machine.screen.sees("ne garde pas de variables");
    assert!(!machine.root().join("restarts").exists());
    // Nor is there anything to restart where systemd is not process 1.
    fs::remove_dir_all(machine.root().join("run/systemd")).unwrap();
    for order in [KeeperRequest::Restart, KeeperRequest::FactoryReset] {
        assert!(matches!(machine.core().order(order), Err(KeeperError::Refused(Refusal::System { .. }))));
    }
}

#[test]
fn a_stranger_and_what_makes_no_sense_are_refused() {
    let Some(machine) = Machine::start() else { return };
    let raw = |bytes: &[u8]| {
        let mut stream = UnixStream::connect(machine.socket()).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.write_all(bytes).unwrap();
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        String::from_utf8_lossy(&answer).into_owned()
    };
    let frame = |header: &str, body: &str| {
        let length = |text: &str| u32::try_from(text.len()).unwrap().to_be_bytes();
        [&length(header)[..], &length(body), header.as_bytes(), body.as_bytes()].concat()
    };
    for bad in [
        &[0xff; 64][..],
        &frame("\"shell\"", ""),
        &frame("\"status\"", "with a body"),
        &frame("{\"show\":{\"claim\":\"a b\"}}", ""),
        &frame("nonsense", ""),
    ] {
        assert!(raw(bad).contains("malformed"), "{:?}", String::from_utf8_lossy(bad));
    }
    // Of another user, even where the file system lets it in.
    fs::set_permissions(machine.socket(), std::os::unix::fs::PermissionsExt::from_mode(0o666)).unwrap();
    for folder in [machine.root(), &machine.root().join("run"), &machine.root().join("run/fluxgate-keeper")] {
        fs::set_permissions(folder, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    }
    let script = "socket(S, AF_UNIX, SOCK_STREAM, 0); connect(S, sockaddr_un($ARGV[0])) or die $!; \
                  syswrite S, pack('NN', 8, 0).'\"status\"'; sysread S, $said, 4096; print $said";
    let stranger = Command::new("setpriv")
        .args(["--reuid", "65534", "--regid", "65534", "--clear-groups", "perl", "-MSocket", "-e", script])
        .arg(machine.socket())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&stranger.stdout).into_owned();
    assert!(
        said.contains("not_you") && !said.contains("9.8.7"),
        "{said:?} {:?}",
        String::from_utf8_lossy(&stranger.stderr)
    );
    assert!(machine.log().contains("not core asked keeper"));
    // It goes on.
    assert_eq!(machine.core().status().unwrap().version, "9.8.7");
}

/// Core beside it, as a unit of its own runs it.
pub struct Core {
    child: Child,
    pub dir: PathBuf,
}

impl Core {
    fn start(machine: &Machine) -> Self {
        Self::start_with(machine, "")
    }

    /// With more sections of the configuration.
    pub fn start_with(machine: &Machine, more: &str) -> Self {
        let dir = machine.root().join("core");
        fs::create_dir_all(&dir).unwrap();
        let (data, run) = (dir.join("data"), machine.root().join("run/fluxgate"));
        let (config, local) = (dir.join("fluxgate.toml"), "listen = \"127.0.0.1:0\"\n");
        let text = format!(
            "version = 1\n[door]\n{local}metrics_{local}[sftp]\n{local}[store]\ndir = {data:?}\nrun_dir = {run:?}\n{more}"
        );
        fs::write(&config, text).unwrap();
        let log = fs::File::create(dir.join("log")).unwrap();
        let command = program().args(["serve", "--role", "core", "--config"]).arg(config).stderr(log).spawn();
        Self { child: command.unwrap(), dir }
    }

    /// Leaves of the journal that hold a word.
    pub fn leaves(&self, word: &str) -> usize {
        let Ok(store) = rusqlite::Connection::open_with_flags(
            self.dir.join("data/fluxgate.db"),
            rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY,
        ) else {
            return 0;
        };
        let Ok(mut rows) = store.prepare("SELECT bytes FROM leaf") else { return 0 };
        let leaves = rows.query_map([], |row| row.get::<_, Vec<u8>>(0)).unwrap();
        leaves.flatten().filter(|bytes| bytes.windows(word.len()).any(|part| part == word.as_bytes())).count()
    }
}

impl Drop for Core {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn core_shows_its_claim_code_and_journals_what_happens_at_the_console() {
    let Some(mut machine) = Machine::start() else { return };
    let core = Core::start(&machine);
    let claim = machine.root().join("run/fluxgate/claim");
    let code = until("a claim code", || fs::read_to_string(&claim).ok().filter(|code| !code.is_empty()));
    for seat in [&machine.screen, &machine.line] {
        seat.sees(code.trim());
    }
    machine.line.confirms("2", 2);
    machine.restarts();
    until("a leaf", || (core.leaves("console_restart") == 1).then_some(()));
    until("the leaf's receipt", || machine.events().is_empty().then_some(()));
    // Not beside a console of its own: who reads logs is not who stands before the box.
    let said = fs::read_to_string(core.dir.join("log")).unwrap();
    assert!(!said.contains(code.trim()), "{said}");
    assert_eq!(core.leaves("console_restart"), 1);
}

/// A box that somebody claimed, and their browser.
pub fn claimed(machine: &Machine) -> Browser {
    let claim = machine.root().join("run/fluxgate/claim");
    let code = until("a claim code", || fs::read_to_string(&claim).ok().filter(|code| !code.is_empty()));
    let socket = machine.root().join("run/fluxgate/web.sock");
    until("the page", || UnixStream::connect(&socket).ok());
    let mut browser = Browser::at(socket);
    browser.claim_leads_to(code.trim(), "/cle-de-secours?fait=reclame");
    browser
}

/// Nobody could put right on the page what keeps the page from being reached.
#[test]
fn a_configuration_that_would_shut_the_appliance_is_not_taken() {
    let Some(machine) = Machine::start() else { return };
    let core = Core::start(&machine);
    let mut browser = claimed(&machine);
    let now = fs::read_to_string(core.dir.join("fluxgate.toml")).unwrap();
    let (door, sftp) = ("[door]\nlisten = \"127.0.0.1:0\"", "[sftp]\nlisten = \"127.0.0.1:0\"");
    assert!(now.contains(door) && now.contains(sftp), "{now}");
    fs::write(core.dir.join("data/open"), "a key").unwrap();
    fs::set_permissions(core.dir.join("data/open"), std::os::unix::fs::PermissionsExt::from_mode(0o644)).unwrap();
    for (text, said) in [
        (now.replace(door, "[door]\nlisten = \"0.0.0.0:8443\""), "que le port 443"),
        (now.replace(sftp, "[sftp]\nlisten = \"[::]:2222\""), "que le port 22"),
        (now.replace(door, "[door]\nlisten = \"192.0.2.77:443\""), "adresse 192.0.2.77"),
        (now.replace("/run/fluxgate\"", "/run/elsewhere\""), "ne se déplace pas"),
        (
            now.replace("[sftp]", "certificate_file = \"secrets/c.pem\"\nkey_file = \"secrets/k.pem\"\n[sftp]"),
            "la porte ne s",
        ),
        (now.replace("[store]", "host_key_file = \"open\"\n[store]"), "autres peuvent le lire"),
    ] {
        assert_ne!(text, now, "{said}");
        let refused = edit(&mut browser, &text);
        assert_eq!(refused.status, 422, "{said}: {}", refused.text());
        refused.says(said);
    }
    assert_eq!(fs::read_to_string(core.dir.join("fluxgate.toml")).unwrap(), now);
    // What stands there already, and what its firewall lets in.
    let open = now.replace(door, "[door]\nlisten = \"0.0.0.0:443\"");
    assert_eq!(edit(&mut browser, &open).status, 200);
}

#[test]
fn the_page_shows_the_machine_and_restarts_and_resets_it_on_a_typed_word() {
    let Some(machine) = Machine::start() else { return };
    let core = Core::start(&machine);
    let mut browser = claimed(&machine);
    let page = browser.get("/appliance");
    page.says("9.8.7");
    page.says("emplacement B");
    browser.get("/configuration").says("href=\"/appliance\"");
    let typed = |word: &str| [("confirmation", word.to_owned()), ("password", "faux".to_owned())];
    for (path, wrong) in [("redemarrer", "oui"), ("redemarrer", "tout effacer"), ("usine", "redemarrer")] {
        let refused = browser.post(&format!("/appliance/{path}"), &typed(wrong));
        assert_eq!(refused.status, 422);
        refused.says("Rien n’a été fait");
    }
    assert_eq!(core.leaves("machine_"), 0);
    browser.post("/appliance/redemarrer", &typed("Redémarrer")).says("La machine redémarre");
    machine.restarts();
    assert_eq!(core.leaves("machine_restart"), 1);
    let refused = browser.post("/appliance/usine", &typed("tout effacer"));
    assert_eq!(refused.status, 422);
    refused.says("Le mot de passe est incorrect");
    assert!(!machine.root().join(WISH).exists());
    let right = [("confirmation", "tout effacer".to_owned()), ("password", crate::web::PASSWORD.to_owned())];
    browser.post("/appliance/usine", &right).says("efface tout");
    machine.restarts();
    assert!(machine.root().join(WISH).exists());
    assert_eq!((core.leaves("machine_reset"), core.leaves("machine_refused")), (1, 0));
    // Of what was refused nobody believes that it was done.
    fs::remove_dir_all(machine.root().join("run/systemd")).unwrap();
    let refused = browser.post("/appliance/redemarrer", &typed("restart"));
    assert_eq!(refused.status, 422);
    refused.says("systemd is not process 1");
    assert_eq!(core.leaves("machine_refused"), 1);
}

const KEY: &str = "cbdefghi-jklnrtuv-cbdefghi-jklnrtuv-cbdefghi-jklnrtuv-cbdefghi-jklnrtuv";

/// A sealed machine: its partition, and in the place of systemd's two programs ones that know a key each. `closed`: its TPM does not
/// open it.
fn seal(machine: &Machine, closed: bool) {
    let root = machine.root();
    let cause = if closed { "\"elsewhere\"" } else { "null" };
    let found = format!("{{\"sealed\":{},\"cause\":{cause},\"has_recovery_key\":{closed}}}", !closed);
    let mut head = b"LUKS\xba\xbe\0\x02".to_vec();
    head.resize(4096, 0);
    let enroll = format!("#!/bin/sh\nprintf '%s ' \"$@\" >>'{}/enrolled'\necho {KEY}\n", root.display());
    // attach NAME PARTITION KEYFILE OPTIONS
    let attach = format!(
        "#!/bin/sh\n[ \"$(cat \"$4\")\" = {KEY} ] && exit\n\
         echo \"Failed to activate with key file '$4'. (Key data incorrect?)\" >&2\nexit 1\n"
    );
    for (path, bytes, mode) in [
        ("run/fluxgate-keeper/seal/found.json", found.as_bytes(), 0o600),
        ("dev/fluxgate/data", &head, 0o600),
        ("usr/bin/systemd-cryptenroll", enroll.as_bytes(), 0o755),
        ("usr/lib/systemd/systemd-cryptsetup", attach.as_bytes(), 0o755),
    ] {
        let path = root.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, bytes).unwrap();
        fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(mode)).unwrap();
    }
}

/// What the unit does once keeper asks: it is started by the request's file.
fn unit_runs(machine: &Machine) {
    let request = machine.root().join("run/fluxgate-keeper/seal/request.json");
    until("a request to the unit", || request.exists().then_some(()));
    let status = program().args(["keeper", "recovery", "--root"]).arg(machine.root()).status().unwrap();
    assert!(status.success() && !request.exists());
}

fn enrolled(machine: &Machine) -> String {
    fs::read_to_string(machine.root().join("enrolled")).unwrap_or_default()
}

#[test]
fn a_recovery_key_is_made_for_core_and_handed_out_once() {
    let Some(machine) = Machine::start() else { return };
    let core = machine.core();
    let refused = |anew| match core.make_key(anew) {
        Err(KeeperError::Refused(Refusal::Seal(refusal))) => refusal,
        other => panic!("{other:?}"),
    };
    // Nothing is sealed.
    assert_eq!((refused(false), refused(true)), (SealRefusal::NotSealed, SealRefusal::NotSealed));
    seal(&machine, false);
    core.make_key(false).unwrap();
    assert_eq!(core.take_key().unwrap(), KeyAnswer::Making);
    assert_eq!(refused(true), SealRefusal::Busy);
    unit_runs(&machine);
    assert!(enrolled(&machine).contains("--recovery-key --unlock-tpm2-device=auto"), "{}", enrolled(&machine));
    match core.take_key().unwrap() {
        KeyAnswer::Key(key) => assert_eq!(key.as_str(), KEY),
        KeyAnswer::Making => panic!("still making"),
    }
    assert!(matches!(core.take_key(), Err(KeeperError::Refused(Refusal::Seal(SealRefusal::NoKey)))));
    // There is one now: only who asks for a new one gets another.
    assert_eq!(refused(false), SealRefusal::KeyExists);
    assert!(core.status().unwrap().seal.has_recovery_key);
    core.make_key(true).unwrap();
    unit_runs(&machine);
    assert!(matches!(core.take_key(), Ok(KeyAnswer::Key(_))));
    assert!(!machine.log().contains("cbdefghi"), "{}", machine.log());
}

#[test]
fn a_closed_machine_says_so_and_takes_its_recovery_key_at_the_console() {
    let Some(mut machine) = Machine::start() else { return };
    seal(&machine, true);
    machine.line.sees("scellees a une autre machine");
    machine.line.sees("4 Cle de secours");
    machine.line.types(&format!("4{}\r", KEY.replace("cbd", "cbc")));
    unit_runs(&machine);
    machine.line.sees("cette cle de secours n'ouvre pas les donnees");
    assert_eq!(enrolled(&machine), "");
    // Too early: it is not even tried.
    machine.line.types(&format!("4{KEY}\r"));
    std::thread::sleep(Duration::from_millis(1500));
    assert!(!machine.root().join("run/fluxgate-keeper/seal/request.json").exists());
    machine.line.types("\x1b");
    std::thread::sleep(Duration::from_secs(4));
    machine.line.types(&format!("4{KEY}\r"));
    unit_runs(&machine);
    machine.restarts();
    let words = enrolled(&machine);
    let wiped = words.find("--wipe-slot=tpm2").expect("the former seal is wiped");
    let enrolled = words.find("--tpm2-device=auto --tpm2-pcrs=7 --tpm2-public-key-pcrs=11").expect("a new one is made");
    assert!(wiped < enrolled, "{words}");
    assert!(!machine.root().join("run/fluxgate-keeper/seal/key").exists());
    // The next start notes it, once what is kept is open.
    fs::write(machine.root().join("run/fluxgate-keeper/recovered"), "").unwrap();
    machine.end();
    machine.boot();
    assert_eq!(machine.events(), [Happening::RecoveryKeyUsed]);
}

#[test]
fn the_network_is_changed_on_the_page_and_counts_once_it_is_confirmed() {
    let Some(mut machine) = Machine::start() else { return };
    let core = Core::start(&machine);
    let mut browser = claimed(&machine);
    let page = browser.get("/appliance");
    for shown in [
        "enp0s2",
        "52:54:00:f1:00:01",
        "Réseau et heure",
        "non synchronisée",
        "79,1\u{a0}Mio occupés sur 469,7\u{a0}Mio",
    ] {
        page.says(shown);
    }
    let form = |address: &str| {
        ["card=enp0s2", "ipv4=static", &format!("address4={address}"), "gateway4=192.0.2.1", "ipv6=off"].map(|pair| {
            let (name, value) = pair.split_once('=').unwrap();
            (format!("inside_{name}"), value.to_owned())
        })
    };
    let mut send = |address: &str| {
        let fields = form(address);
        let fields: Vec<(&str, String)> = fields.iter().map(|(name, value)| (name.as_str(), value.clone())).collect();
        browser.post("/appliance/reseau", &fields)
    };
    let refused = send("192.0.2.0/24");
    assert_eq!(refused.status, 422);
    refused.says("côté intérieur, adresse");
    refused.says("value=\"192.0.2.0/24\"");
    assert_eq!((core.leaves("network_change"), machine.network()), (0, String::new()));
    let changed = send("192.0.2.7/24");
    changed.says("Le réseau change");
    assert!(!changed.text().contains("/appliance/reseau/confirmer"), "it came by the former network");
    browser.get("/appliance").says("/appliance/reseau/confirmer");
    assert!(machine.network().contains("Address=192.0.2.7/24"), "{}", machine.network());
    assert_eq!(core.leaves("enp0s2; ; IPv4 static 192.0.2.7/24 192.0.2.1"), 1, "who changed what is in the journal");
    machine.screen.sees("à l'essai");
    let kept = browser.post("/appliance/reseau/confirmer", &[]);
    assert_eq!((kept.status, core.leaves("network_confirm")), (303, 1));
    let again = browser.post("/appliance/reseau/confirmer", &[]);
    assert_eq!(again.status, 422);
    again.says("aucun réglage du réseau");
    assert_eq!(core.leaves("machine_refused"), 1);
    // It is there after a restart of keeper's, and nothing is told.
    machine.end();
    machine.boot();
    assert!(machine.core().status().unwrap().network.trial.is_none());
    assert_eq!(machine.core().status().unwrap().network.settings.inside.card.to_string(), "enp0s2");
}

#[test]
fn the_network_is_changed_at_the_console_and_a_start_without_a_word_brings_the_former_back() {
    let Some(mut machine) = Machine::start() else { return };
    let change = |machine: &mut Machine, keys: &str| {
        machine.line.shown.lock().unwrap().clear();
        machine.line.types("5");
        machine.line.sees("RESEAU : 1");
        machine.line.types(keys);
        let digits = until("a question", || {
            let shown = machine.line.shown();
            let digits = shown.split("Tapez ").nth(1)?.get(..2)?.to_owned();
            digits.bytes().all(|b| b.is_ascii_digit()).then_some(digits)
        });
        machine.line.types(&format!("{digits}\r"));
    };
    change(&mut machine, "112192.0.2.7/24\r192.0.2.1\r192.0.2.53\r");
    machine.line.sees("Le reseau change");
    assert!(machine.network().contains("Gateway=192.0.2.1\nDNS=192.0.2.53"), "{}", machine.network());
    assert_eq!(machine.events(), [Happening::ConsoleNetwork]);
    machine.end();
    // As a unit does before systemd-networkd starts.
    let written = program().args(["keeper", "network", "--root"]).arg(machine.root()).status().unwrap();
    assert!(written.success() && machine.network().contains("DHCP=ipv4"), "{}", machine.network());
    machine.boot();
    assert_eq!(machine.events(), [Happening::ConsoleNetwork, Happening::NetworkReverted]);
    change(&mut machine, "112198.51.100.7/24\r\r\r");
    machine.line.sees("Le reseau change");
    machine.line.types(" ");
    change(&mut machine, "4");
    until("a confirmation", || machine.events().contains(&Happening::ConsoleNetworkConfirmed).then_some(()));
    machine.end();
    machine.boot();
    assert_eq!(machine.core().status().unwrap().network.in_force().inside.card.to_string(), "enp0s2");
}

#[test]
fn systemd_networkd_is_told_to_read_its_files_anew() {
    let dir = tempfile::tempdir().unwrap();
    let reload = || program().args(["keeper", "reload", "--root"]).arg(dir.path()).status().unwrap().code();
    assert_eq!(reload(), Some(0), "where it does not run nobody need be told");
    let script = "trap 'touch \"$0/told\"; exit' HUP; touch \"$0/ready\"; while :; do sleep 0.1; done";
    let mut networkd = Command::new("bash").args(["-c", script]).arg(dir.path()).spawn().unwrap();
    let group = dir.path().join("sys/fs/cgroup/system.slice/systemd-networkd.service");
    fs::create_dir_all(&group).unwrap();
    fs::write(group.join("cgroup.procs"), format!("{}\n", networkd.id())).unwrap();
    until("a process", || dir.path().join("ready").exists().then_some(()));
    assert_eq!(reload(), Some(0));
    until("a signal", || dir.path().join("told").exists().then_some(()));
    networkd.wait().unwrap();
    assert_ne!(reload(), Some(0), "that nobody was told is said");
}

#[test]
fn the_page_shows_the_recovery_key_once_and_makes_a_new_one_for_a_password() {
    let Some(machine) = Machine::start() else { return };
    seal(&machine, false);
    let core = Core::start(&machine);
    let mut browser = claimed(&machine);
    assert!(browser.get("/cle-de-secours?fait=reclame").text().contains("Afficher la clé"));
    unit_runs(&machine);
    let shown = browser.post("/cle-de-secours", &[]);
    assert!(shown.status == 200 && shown.text().contains(KEY), "{}", shown.text());
    let again = browser.post("/cle-de-secours", &[]);
    assert!(again.status == 422 && !again.text().contains(KEY), "{}", again.text());
    for place in ["/appliance", "/cle-de-secours"] {
        assert!(!browser.get(place).text().contains(KEY), "{place}");
    }
    let asked = |password: &str| [("password", password.to_owned())];
    assert_eq!(browser.post("/appliance/cle-de-secours", &asked("not the password")).status, 422);
    assert!(!machine.root().join("run/fluxgate-keeper/seal/request.json").exists());
    let done = browser.post("/appliance/cle-de-secours", &asked(crate::web::PASSWORD));
    assert_eq!((done.status, done.header("location")), (303, Some("/cle-de-secours")), "{}", done.text());
    unit_runs(&machine);
    browser.get("/cle-de-secours");
    assert!(browser.post("/cle-de-secours", &[]).text().contains(KEY));
    let leaves = ["recovery_key_asked", "recovery_key_shown", "recovery_key_renewed"].map(|word| core.leaves(word));
    assert_eq!(leaves, [1, 2, 1]);
    assert_eq!(core.leaves("cbdefghi"), 0, "the journal does not have it");
}

#[test]
fn where_nothing_is_sealed_the_page_says_so_after_the_claim() {
    let Some(machine) = Machine::start() else { return };
    seal(&machine, false);
    let found = machine.root().join("run/fluxgate-keeper/seal/found.json");
    fs::write(found, "{\"sealed\":false,\"cause\":\"no_tpm\",\"has_recovery_key\":false}").unwrap();
    let _core = Core::start(&machine);
    let page = claimed(&machine).get("/cle-de-secours").text();
    assert!(
        page.contains("ne sont pas scellées") && page.contains("pas de TPM") && !page.contains("Afficher la clé"),
        "{page}"
    );
}
