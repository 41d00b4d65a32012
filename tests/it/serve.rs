//! The real binary as a user runs it: both processes, their restarts, their stop, and the commands around them.

use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use fluxgate::app::front::Addresses;

use crate::commands::{code, listing, program, stderr, stdout};

/// Longer than anything here should take, on a machine that does much else.
const PATIENCE: Duration = Duration::from_secs(60);

/// A gateway in a folder of its own, connected to nothing.
struct Gateway {
    dir: tempfile::TempDir,
    child: Child,
}

fn until<T>(what: &str, mut probe: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = probe() {
            return found;
        }
        assert!(Instant::now() < end, "not in time: {what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// A signal to a process this test started.
fn signal(pid: u32, name: &str) {
    let sent = Command::new("kill").args([format!("-{name}"), pid.to_string()]).status().unwrap();
    assert!(sent.success());
}

fn ask(address: SocketAddr, path: &str) -> Option<String> {
    let mut stream = TcpStream::connect(address).ok()?;
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    Some(answer)
}

fn configuration(dir: &Path) -> PathBuf {
    let file = dir.join("fluxgate.toml");
    let text = format!(
        "version = 1\n[door]\nlisten = \"127.0.0.1:0\"\nmetrics_listen = \"127.0.0.1:0\"\n[sftp]\nlisten = \
         \"127.0.0.1:0\"\n[store]\ndir = \"{0}/data\"\nrun_dir = \"{0}/run\"\n[limits]\ndisk_reserve = \"1MiB\"\n",
        dir.display()
    );
    fs::write(&file, text).unwrap();
    file
}

impl Gateway {
    fn start() -> Self {
        let dir = tempfile::tempdir().unwrap();
        configuration(dir.path());
        let gateway = Self::start_in(dir);
        gateway.ready();
        gateway
    }

    fn start_in(dir: tempfile::TempDir) -> Self {
        let log = fs::File::options().create(true).append(true).open(dir.path().join("log")).unwrap();
        let mut command = program();
        command.args(["serve", "--config"]).arg(dir.path().join("fluxgate.toml"));
        let child = command.stdout(Stdio::null()).stderr(log).spawn().unwrap();
        Self { dir, child }
    }

    fn log(&self) -> String {
        fs::read_to_string(self.dir.path().join("log")).unwrap()
    }

    fn addresses(&self) -> Option<Addresses> {
        serde_json::from_slice(&fs::read(self.dir.path().join("run/addresses.json")).ok()?).ok()
    }

    fn ready(&self) -> Addresses {
        until("front and core answer", || {
            let addresses = self.addresses()?;
            ask(addresses.metrics, "/healthz")?.starts_with("HTTP/1.1 200 ").then_some(addresses)
        })
    }

    /// The process of a role, as the kernel knows it.
    fn process(&self, role: &str) -> u32 {
        until(role, || {
            let list = fs::read_to_string(format!("/proc/{0}/task/{0}/children", self.child.id())).ok()?;
            list.split_whitespace().filter_map(|pid| pid.parse().ok()).find(|pid: &u32| {
                let words = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
                words.split(|b| *b == 0).any(|word| word == role.as_bytes())
            })
        })
    }

    /// A command that needs no configuration; its output.
    fn command_alone(&self, words: &[&str], input: &str) -> String {
        let mut child = program().args(words).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        String::from_utf8(child.wait_with_output().unwrap().stdout).unwrap()
    }

    fn command(&self, words: &[&str], input: &str) -> Output {
        let mut child = program()
            .args(words)
            .arg("--config")
            .arg(self.dir.path().join("fluxgate.toml"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        child.wait_with_output().unwrap()
    }

    fn stop(&mut self) -> i32 {
        signal(self.child.id(), "TERM");
        until("the gateway stops", || self.child.try_wait().unwrap()).code().unwrap()
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn gone(pid: u32) -> bool {
    // A zombie has ended; somebody else has to bury it.
    fs::read_to_string(format!("/proc/{pid}/stat")).map_or(true, |stat| stat.contains(") Z "))
}

#[test]
fn a_process_that_dies_is_started_again_where_it_was_and_a_stop_ends_all() {
    let mut gateway = Gateway::start();
    let before = gateway.ready();
    for (role, signal_name) in [("core", "KILL"), ("front", "KILL"), ("core", "TERM"), ("front", "ABRT")] {
        let victim = gateway.process(role);
        signal(victim, signal_name);
        until("another process of the role", || (gateway.process(role) != victim).then_some(()));
        assert_eq!(gateway.ready(), before, "ports, certificate and host key are the same: clients know them");
    }
    let children = [gateway.process("core"), gateway.process("front")];
    let metrics = ask(before.metrics, "/metrics").unwrap();
    for line in [
        "\nfluxgate_core_up 1\n",
        "\nfluxgate_door_connections_total ",
        "\nfluxgate_journal_leaves ",
        "\n# TYPE fluxgate_certificate_days gauge\n",
        "\n# TYPE fluxgate_alarms gauge\n",
        "\nfluxgate_sftp_",
    ] {
        assert!(metrics.contains(line), "{line:?} in {metrics}");
    }
    assert_eq!(gateway.stop(), 0, "{}", gateway.log());
    until("both processes end", || children.iter().all(|pid| gone(*pid)).then_some(()));
    assert_eq!(
        fs::read_dir(gateway.dir.path().join("run"))
            .unwrap()
            .filter(|e| {
                let name = e.as_ref().unwrap().file_name();
                std::os::unix::net::UnixStream::connect(gateway.dir.path().join("run").join(name)).is_ok()
            })
            .count(),
        0
    );

    let verified = program().args(["audit", "verify"]).arg(gateway.dir.path().join("data")).output().unwrap();
    assert!(verified.status.success(), "{verified:?}");
    assert!(String::from_utf8_lossy(&verified.stdout).ends_with("whole\n"));
}

#[test]
fn children_do_not_outlive_a_supervisor_that_is_killed() {
    let mut gateway = Gateway::start();
    let children = [gateway.process("core"), gateway.process("front")];
    gateway.child.kill().unwrap();
    gateway.child.wait().unwrap();
    until("front and core end", || children.iter().all(|pid| gone(*pid)).then_some(()));
}

#[test]
fn what_holds_secrets_is_for_its_owner_only() {
    use std::os::unix::fs::PermissionsExt;
    let gateway = Gateway::start();
    let mode = |path: &str| fs::metadata(gateway.dir.path().join(path)).unwrap().permissions().mode() & 0o777;
    for folder in ["run", "data", "data/secrets"] {
        assert_eq!(mode(folder), 0o700, "{folder}");
    }
    for file in ["secrets/journal.key", "secrets/door.key", "secrets/ssh_host_ed25519", "fluxgate.db"] {
        assert_eq!(mode(&format!("data/{file}")), 0o600, "{file}");
    }
    for socket in ["gate.sock", "control.sock", "web.sock"] {
        assert_eq!(mode(&format!("run/{socket}")), 0o600, "{socket}");
    }
    // Core listens on nothing that a network reaches.
    let core = gateway.process("core");
    let sockets: Vec<String> = fs::read_dir(format!("/proc/{core}/fd"))
        .unwrap()
        .filter_map(|entry| fs::read_link(entry.unwrap().path()).ok())
        .filter_map(|target| Some(target.to_str()?.strip_prefix("socket:[")?.strip_suffix(']')?.to_owned()))
        .collect();
    for table in ["tcp", "tcp6", "udp", "udp6"] {
        let Ok(table) = fs::read_to_string(format!("/proc/{core}/net/{table}")) else { continue };
        for row in table.lines().skip(1).map(|row| row.split_whitespace().collect::<Vec<_>>()) {
            let listens = row[3] == "0A" || row[3] == "07";
            assert!(!(listens && sockets.iter().any(|inode| inode == row[9])), "core listens: {row:?}");
        }
    }
}

#[test]
fn people_are_added_while_core_runs_and_while_it_does_not() {
    let mut gateway = Gateway::start();
    let names = |gateway: &Gateway| stdout(&gateway.command(&["user", "list"], ""));
    let sentence = "une phrase assez longue\n";
    assert_eq!(names(&gateway), "");
    let added = gateway.command(&["user", "add", "claire"], sentence);
    assert!(added.status.success(), "{added:?}");
    assert_eq!(stdout(&added), "Added: claire\n");
    let again = gateway.command(&["user", "add", "claire"], sentence);
    assert_eq!(code(&again), 65);
    assert!(stderr(&again).contains("claire is there already"), "{again:?}");
    assert_eq!(code(&gateway.command(&["user", "passwd", "paul"], sentence)), 65);
    let short = gateway.command(&["user", "add", "paul"], "court\n");
    assert_eq!(code(&short), 65);
    assert!(stderr(&short).contains("at least 12 characters"), "{short:?}");
    for name in ["console", "account:sifac", "", "a\u{7}b", &"n".repeat(65)] {
        let reserved = gateway.command(&["user", "add", name], sentence);
        assert_eq!(code(&reserved), 64, "{name:?}: {reserved:?}");
    }
    assert_eq!(names(&gateway), "claire\n");
    assert_eq!(gateway.stop(), 0);
    assert!(gateway.command(&["user", "add", "paul"], sentence).status.success());
    let changed = gateway.command(&["user", "passwd", "claire"], "une autre phrase longue\n");
    assert_eq!(stdout(&changed), "Password changed: claire\n");
    let before = listing(gateway.dir.path());
    assert_eq!(names(&gateway), "claire\npaul\n");
    assert_eq!(listing(gateway.dir.path()), before, "a list leaves nothing behind");
    assert!(!gateway.log().contains("claire"), "names of people are not logged");
}

#[test]
fn a_lost_configuration_file_is_replaced_by_its_kept_version() {
    let mut gateway = Gateway::start();
    let before = gateway.ready();
    assert_eq!(gateway.stop(), 0);
    fs::remove_file(gateway.dir.path().join("fluxgate.toml")).unwrap();
    assert_eq!(code(&gateway.command(&["user", "list"], "")), 0, "the path is right, the file is lost");
    let child = {
        let mut command = program();
        command.args(["serve", "--config"]).arg(gateway.dir.path().join("fluxgate.toml"));
        let log = fs::File::options().append(true).open(gateway.dir.path().join("log")).unwrap();
        command.stdout(Stdio::null()).stderr(log).spawn().unwrap()
    };
    gateway.child = child;
    assert_eq!(gateway.ready(), before);
    assert!(gateway.log().contains("FG-902"), "{}", gateway.log());
    assert_eq!(gateway.stop(), 0);
}

#[test]
fn a_second_gateway_says_that_one_runs_and_harms_nothing() {
    let mut gateway = Gateway::start();
    let (addresses, pid) = (gateway.ready(), gateway.child.id());
    let processes = [gateway.process("core"), gateway.process("front")];
    let begun = Instant::now();
    let second = gateway.command(&["serve"], "");
    assert_eq!(code(&second), 75, "{second:?}");
    let said = stderr(&second);
    assert!(said.contains("already running") && said.contains(&format!("process {pid}")), "{said}");
    assert!(begun.elapsed() < Duration::from_secs(10), "it does not try for ever");

    // One of the two folders is enough.
    let other = tempfile::tempdir().unwrap();
    let mine = gateway.dir.path().display().to_string();
    for shared in ["data", "run"] {
        let text = fs::read_to_string(configuration(other.path())).unwrap();
        let of = |name: &str| format!("\"{}/{name}\"", other.path().display());
        fs::write(other.path().join("fluxgate.toml"), text.replace(&of(shared), &format!("\"{mine}/{shared}\"")))
            .unwrap();
        let third = program().args(["serve", "--config"]).arg(other.path().join("fluxgate.toml")).output().unwrap();
        assert_eq!(code(&third), 75, "{shared}: {third:?}");
        assert!(stderr(&third).contains(&format!("{mine}/{shared} (process {pid})")), "{third:?}");
    }

    // A single process, too, after it has waited for one that might be ending.
    let singles = ["core", "front"].map(|role| {
        let mut command = program();
        command.args(["serve", "--role", role, "--config"]).arg(gateway.dir.path().join("fluxgate.toml"));
        command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap()
    });
    for (single, pid) in singles.into_iter().zip(processes) {
        let single = single.wait_with_output().unwrap();
        assert_eq!(code(&single), 75, "{single:?}");
        let said = stderr(&single);
        assert!(said.contains("Already running") && said.contains(&format!("pid={pid}")), "{said}");
    }

    assert_eq!([gateway.process("core"), gateway.process("front")], processes);
    assert_eq!(gateway.ready(), addresses);
    assert!(page(&gateway, "/claim").starts_with("HTTP/1.1 200 "));
    assert!(gateway.command(&["user", "add", "claire"], "une phrase assez longue\n").status.success());
    assert_eq!(gateway.stop(), 0);
    assert!(!gateway.log().contains("started again"), "{}", gateway.log());
}

#[test]
fn an_unusable_configuration_pauses_flows_and_keeps_the_door_open() {
    let dir = tempfile::tempdir().unwrap();
    let file = configuration(dir.path());
    let broken = fs::read_to_string(&file).unwrap() + "[[route]]\naccount = \"nobody\"\n";
    fs::write(&file, broken).unwrap();
    let mut gateway = Gateway::start_in(dir);
    gateway.ready();
    let told = gateway.log().matches("FG-903").count();
    assert!(told > 0, "{}", gateway.log());
    // Repaired, and told so: no restart by hand.
    configuration(gateway.dir.path());
    let core = gateway.process("core");
    signal(gateway.child.id(), "HUP");
    until("core starts anew", || (gateway.process("core") != core).then_some(()));
    gateway.ready();
    assert_eq!(gateway.log().matches("FG-903").count(), told, "{}", gateway.log());
    assert_eq!(gateway.stop(), 0);
}

/// A process of one role, as a service manager starts it.
struct Single(Child);

impl Single {
    fn start(dir: &Path, role: &str) -> Self {
        let log = fs::File::options().create(true).append(true).open(dir.join("log")).unwrap();
        let mut command = program();
        command.args(["serve", "--role", role, "--config"]).arg(dir.join("fluxgate.toml"));
        Self(command.stdout(Stdio::null()).stderr(log).spawn().unwrap())
    }

    fn end(&mut self) -> i32 {
        until("the process ends", || self.0.try_wait().unwrap()).code().unwrap()
    }
}

impl Drop for Single {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn without_a_supervisor_front_ends_once_another_configuration_is_in_force() {
    let dir = tempfile::tempdir().unwrap();
    let file = configuration(dir.path());
    let (mut core, mut front) = (Single::start(dir.path(), "core"), Single::start(dir.path(), "front"));
    let ready = || {
        until("front and core answer", || {
            let addresses = fs::read(dir.path().join("run/addresses.json")).ok()?;
            let addresses: Addresses = serde_json::from_slice(&addresses).ok()?;
            ask(addresses.metrics, "/healthz")?.starts_with("HTTP/1.1 200 ").then_some(addresses)
        })
    };
    let first = ready();
    let log = || fs::read_to_string(dir.path().join("log")).unwrap();

    // What concerns flows comes into force where both stand; what nobody took into force is nobody's business.
    let text = fs::read_to_string(&file).unwrap();
    for (remark, told) in [("one", true), ("two", false)] {
        fs::write(&file, format!("{text}# {remark}\n")).unwrap();
        if told {
            signal(core.0.id(), "HUP");
        }
        std::thread::sleep(Duration::from_secs(5));
        assert!(front.0.try_wait().unwrap().is_none() && core.0.try_wait().unwrap().is_none(), "{}", log());
    }

    // Front's own: core ends for it, and once it is back, front does.
    let metrics = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let listen = "metrics_listen = \"127.0.0.1:0\"";
    assert!(text.contains(listen));
    fs::write(&file, text.replace(listen, &format!("metrics_listen = \"{metrics}\""))).unwrap();
    signal(core.0.id(), "HUP");
    assert_eq!(core.end(), 0, "{}", log());
    core = Single::start(dir.path(), "core");
    assert_eq!(front.end(), 0, "{}", log());
    front = Single::start(dir.path(), "front");
    until("front listens where it is told to", || (ready().metrics == metrics).then_some(()));
    assert_ne!(first.metrics, metrics);
    std::thread::sleep(Duration::from_secs(5));
    assert!(front.0.try_wait().unwrap().is_none() && core.0.try_wait().unwrap().is_none(), "{}", log());
}

/// One GET through the door, over TLS, trusting the certificate it made.
fn page(gateway: &Gateway, path: &str) -> String {
    let address = gateway.addresses().unwrap().door;
    let pem = fs::read(gateway.dir.path().join("data/secrets/door.pem")).unwrap();
    let config = fluxgate::net::tls::client_config(Some(&pem)).unwrap();
    let name = rustls::pki_types::ServerName::try_from("localhost").unwrap();
    let session = rustls::ClientConnection::new(std::sync::Arc::new(config), name).unwrap();
    let stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut stream = rustls::StreamOwned::new(session, stream);
    write!(stream, "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    String::from_utf8_lossy(&answer).into_owned()
}

#[test]
fn the_page_answers_through_the_door_and_says_so_when_core_is_away() {
    let gateway = Gateway::start();
    let first = page(&gateway, "/");
    assert!(first.starts_with("HTTP/1.1 303 ") && first.to_lowercase().contains("location: /claim"), "{first}");
    let claim = page(&gateway, "/claim");
    assert!(claim.starts_with("HTTP/1.1 200 ") && claim.contains("content-security-policy"), "{claim}");
    assert!(!claim.to_lowercase().contains("strict-transport-security"), "no promise that nobody can check");
    let core = gateway.process("core");
    signal(core, "STOP");
    signal(core, "KILL");
    let away = page(&gateway, "/");
    assert!(away.starts_with("HTTP/1.1 503 ") || away.starts_with("HTTP/1.1 303 "), "{away}");
    gateway.ready();
    until("the page is back", || page(&gateway, "/claim").starts_with("HTTP/1.1 200 ").then_some(()));
}

#[test]
fn an_account_is_added_without_a_restart() {
    use fluxgate::bridge::client::{Client, Credential};
    let mut gateway = Gateway::start();
    let addresses = gateway.ready();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let enters = || {
        let password = Credential::Password("une phrase assez longue".to_owned());
        runtime.block_on(Client::connect(addresses.sftp, "erp", password, &addresses.sftp_fingerprint)).is_ok()
    };
    assert!(!enters());
    let hash = gateway.command_alone(&["user", "hash"], "une phrase assez longue\n");
    let file = gateway.dir.path().join("fluxgate.toml");
    let text = fs::read_to_string(&file).unwrap();
    fs::write(&file, format!("{text}[[account]]\nname = \"erp\"\npassword_hash = \"{}\"\n", hash.trim())).unwrap();
    let processes = [gateway.process("core"), gateway.process("front")];
    signal(processes[0], "HUP");
    until("the account is let in", || enters().then_some(()));
    assert_eq!([gateway.process("core"), gateway.process("front")], processes);
    // A change that listeners or the store must hear of starts both anew.
    let text = fs::read_to_string(&file).unwrap();
    fs::write(&file, text.replace("disk_reserve = \"1MiB\"", "disk_reserve = \"2MiB\"")).unwrap();
    signal(processes[0], "HUP");
    until("both start anew", || {
        (gateway.process("core") != processes[0] && gateway.process("front") != processes[1]).then_some(())
    });
    assert_eq!(gateway.ready(), addresses);
    assert_eq!(gateway.stop(), 0);
}

#[test]
fn a_refused_file_of_tables_stops_nothing_and_is_an_alarm_until_it_is_put_right_by_itself() {
    use fluxgate::audit::Signer;
    let dir = tempfile::tempdir().unwrap();
    let config = configuration(dir.path());
    let signer = Signer::from_seed("univ/tables", &[7; 32]).unwrap();
    let note = signer.sign_note("form = 1\nversion = \"2099-01-01.1\"\n").unwrap();
    let file = dir.path().join("tables.signed");
    fs::write(&file, note.replace("2099", "2098")).unwrap();
    let text = fs::read_to_string(&config).unwrap();
    let section = format!("[rules]\ntables = \"{}\"\nkeys = [\"{}\"]\n", file.display(), signer.verifier().text());
    fs::write(&config, format!("{text}{section}")).unwrap();
    let mut gateway = Gateway::start_in(dir);
    let addresses = gateway.ready();
    let alarms = |fault: &str| {
        let metrics = ask(addresses.metrics, "/metrics").unwrap_or_default();
        metrics.contains(&format!("\nfluxgate_alarms{{fault=\"{fault}\",gravity=\"critical\"}} 1\n"))
    };
    until("the alarm", || alarms("FG-909").then_some(()));
    assert!(gateway.log().contains("FG-909"), "{}", gateway.log());
    // Nobody tells it to look again.
    fs::write(&file, note).unwrap();
    until("the alarm is over", || (!alarms("FG-909")).then_some(()));
    until("the tables are in force", || gateway.log().contains("version=2099-01-01.1").then_some(()));
    fs::write(&file, signer.sign_note("form = 1\nversion = \"2098-01-01.1\"\n").unwrap()).unwrap();
    until("the older file is an alarm", || alarms("FG-911").then_some(()));
    assert!(gateway.log().contains("in_force=2099-01-01.1"), "{}", gateway.log());
    assert_eq!(gateway.stop(), 0);
}
