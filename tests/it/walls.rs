//! What is left to front and core once they serve: the real processes try what an intruder would, and are refused by the very
//! walls they always have.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use fluxgate::app::front::Addresses;

use crate::commands::program;

/// Longer than anything here should take, on a machine that does much else.
const PATIENCE: Duration = Duration::from_secs(60);
/// Bad system call, signal(7).
const SIGSYS: i32 = 31;

/// A folder with a configuration, and a neighbour of the gateway on this machine.
struct Place {
    dir: tempfile::TempDir,
    /// What a site of the door leads to.
    upstream: TcpListener,
    /// What nothing of the configuration names.
    stranger: TcpListener,
}

/// A process of the two, alone, as a service manager starts it.
struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Place {
    fn new() -> Self {
        let (dir, listen) = (tempfile::tempdir().unwrap(), || TcpListener::bind("127.0.0.1:0").unwrap());
        let (upstream, stranger) = (listen(), listen());
        let text = format!(
            "version = 1\n[door]\nlisten = \"127.0.0.1:0\"\nmetrics_listen = \"127.0.0.1:0\"\n[[door.site]]\nhost = \
             \"a.fr\"\nupstream = \"http://{upstream}\"\n[sftp]\nlisten = \"127.0.0.1:0\"\n[store]\ndir = \
             \"{0}/data\"\nrun_dir = \"{0}/run\"\n[proxy]\nurl = \"http://{upstream}\"\n[limits]\ndisk_reserve = \
             \"1MiB\"\n",
            dir.path().display(),
            upstream = upstream.local_addr().unwrap(),
        );
        fs::create_dir(dir.path().join("config")).unwrap();
        fs::write(dir.path().join("config/fluxgate.toml"), text).unwrap();
        fs::write(dir.path().join("beside"), "nobody's").unwrap();
        Self { dir, upstream, stranger }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn start(&self, role: &str, attempts: &[String]) -> Process {
        let mut command = program();
        command.args(["serve", "--role", role, "--config"]).arg(self.path("config/fluxgate.toml"));
        for attempt in attempts {
            command.args(["--attempt", attempt]);
        }
        let log = fs::File::options().create(true).append(true).open(self.path("log")).unwrap();
        Process(command.stdout(Stdio::piped()).stderr(log).spawn().unwrap())
    }

    fn log(&self) -> String {
        fs::read_to_string(self.path("log")).unwrap()
    }

    /// What a process of this role is answered to each attempt; it serves when it has said so.
    fn answers(&self, role: &str, attempts: &[String]) -> (Process, Vec<String>) {
        let mut process = self.start(role, attempts);
        let lines = BufReader::new(process.0.stdout.take().unwrap()).lines();
        let said: Vec<String> = lines.take(attempts.len()).map(Result::unwrap).collect();
        assert_eq!(said.len(), attempts.len(), "{role} ended: {said:?}\n{}", self.log());
        (process, said)
    }

    fn metrics(&self) -> Option<String> {
        let addresses: Addresses = serde_json::from_slice(&fs::read(self.path("run/addresses.json")).ok()?).ok()?;
        let mut stream = TcpStream::connect(addresses.metrics).ok()?;
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        write!(stream, "GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).ok()?;
        Some(answer)
    }

    /// `None`, said aloud: this kernel has no landlock, so that only calls are filtered.
    fn landlock(&self) -> Option<u32> {
        let log = self.log();
        let version = log.split("walls=\"landlock ").nth(1).and_then(|rest| rest.split(',').next()?.parse().ok());
        if version.is_none() {
            eprintln!("NOT RUN: this kernel has no landlock, so that nothing is told of files and ports");
            assert!(log.contains("this kernel has no landlock") || log.contains("landlock is switched off"), "{log}");
        }
        version
    }
}

fn read(path: &Path) -> String {
    format!("read:{}", path.display())
}

fn write(path: &Path) -> String {
    format!("write:{}", path.display())
}

fn connect(to: &TcpListener) -> String {
    format!("connect:{}", to.local_addr().unwrap())
}

/// Each attempt with the answer that is wanted.
fn held_against(place: &Place, role: &str, wanted: &[(String, &str)]) -> Process {
    let attempts: Vec<String> = wanted.iter().map(|(attempt, _)| attempt.clone()).collect();
    let (process, said) = place.answers(role, &attempts);
    let wanted: Vec<String> = wanted.iter().map(|(attempt, answer)| format!("{attempt} {answer}")).collect();
    assert_eq!(said, wanted);
    process
}

/// Files and ports. What this very test may do, so that it is the walls that refuse it.
#[test]
fn each_process_reaches_its_own_files_and_ports_and_no_others() {
    let place = Place::new();
    let stranger = |port: SocketAddr| TcpStream::connect(port).map(drop);
    fs::read("/etc/passwd").unwrap();
    fs::write(place.path("control"), "").unwrap();
    stranger(place.stranger.local_addr().unwrap()).unwrap();

    // Core first: it makes what front must not see.
    let core = [
        (read(&place.path("data/fluxgate.toml")), "ENOENT"),
        (write(&place.path("data/new")), "done"),
        (write(&place.path("run/new")), "done"),
        (write(&place.path("config/new")), "done"),
        (connect(&place.upstream), "done"),
        (connect(&place.stranger), "EACCES"),
        (read(&place.path("beside")), "EACCES"),
        (read(Path::new("/etc/passwd")), "EACCES"),
        (read(Path::new("/proc/self/environ")), "EACCES"),
        (write(&place.path("new")), "EACCES"),
        (write(Path::new("/tmp/fluxgate-walls")), "EACCES"),
        ("listen".to_owned(), "EACCES"),
    ];
    let front = [
        (write(&place.path("data/staging/new")), "done"),
        (connect(&place.upstream), "done"),
        (connect(&place.stranger), "EACCES"),
        (read(&place.path("data/fluxgate.db")), "EACCES"),
        (read(&place.path("data/secrets/journal.key")), "EACCES"),
        (read(&place.path("config/fluxgate.toml")), "EACCES"),
        (read(&place.path("run/claim")), "EACCES"),
        (read(&place.path("beside")), "EACCES"),
        (read(Path::new("/etc/passwd")), "EACCES"),
        (read(Path::new("/proc/self/environ")), "EACCES"),
        (write(&place.path("data/other")), "EACCES"),
        (write(&place.path("run/other")), "EACCES"),
        (write(&place.path("config/other")), "EACCES"),
        ("listen".to_owned(), "EACCES"),
    ];
    let first = place.start("core", &[]);
    until("core has made its files", || place.path("run/claim").exists().then_some(()));
    drop(first);
    if place.landlock().is_some() {
        held_against(&place, "core", &core);
        held_against(&place, "front", &front);
    }
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

#[test]
fn a_call_that_no_process_needs_is_denied_and_counted_and_people_are_told() {
    let place = Place::new();
    let denied = [
        ("raw-socket", "EPERM"),
        ("fork", "EPERM"),
        ("executable-memory", "EPERM"),
        ("call:kill", "EPERM"),
        ("call:kill", "EPERM"),
        ("call:symlinkat", "EPERM"),
        ("call:setuid", "EPERM"),
        ("call:seccomp", "EPERM"),
        // The C library takes it for an older kernel, and makes its threads in the older way.
        ("call:clone3", "ENOSYS"),
    ];
    let denied = denied.map(|(attempt, answer)| (attempt.to_owned(), answer));
    let _core = held_against(&place, "core", &denied);
    let _front = held_against(&place, "front", &denied);
    let counted = |process: &str, call: &str, times: u32| {
        format!("fluxgate_denied_calls_total{{process=\"{process}\",call=\"{call}\"}} {times}\n")
    };
    let metrics =
        until("both processes' counts", || place.metrics().filter(|text| text.contains(&counted("front", "kill", 2))));
    for process in ["core", "front"] {
        for (call, times) in [("kill", 2), ("socket", 1), ("clone", 1), ("mmap", 1), ("setuid", 1), ("seccomp", 1)] {
            assert!(metrics.contains(&counted(process, call, times)), "{process} {call}:\n{metrics}");
        }
        assert!(metrics.contains(&format!("fluxgate_walls{{process=\"{process}\",wall=\"seccomp\"}} 1\n")));
        let said = format!("fluxgate-{process}: A forbidden call of the kernel was denied call=kill times=2\n");
        assert!(place.log().contains(&said), "{}", place.log());
    }
    assert!(!metrics.contains("call=\"clone3\""), "no forbidden call: {metrics}");
    until("the alarm of each process", || {
        let alarms = "fluxgate_alarms{fault=\"FG-913\",gravity=\"warning\"} 2\n";
        place.metrics().filter(|text| text.contains(alarms))
    });
}

#[test]
fn a_call_that_only_an_intruder_makes_ends_the_process() {
    let place = Place::new();
    let calls = ["ptrace", "unshare", "setns", "mount", "bpf", "keyctl", "perf_event_open", "io_uring_setup", "chroot"];
    let attempts = calls.map(|call| format!("call:{call}"));
    for attempt in attempts.iter().map(String::as_str).chain(["execute:/bin/true", "call:execveat"]) {
        // The roles in turn: both have the same list.
        for role in if attempt.starts_with("exec") { vec!["core", "front"] } else { vec!["front"] } {
            let mut process = place.start(role, &[attempt.to_owned()]);
            let status = until(attempt, || process.0.try_wait().unwrap());
            assert_eq!(status.signal(), Some(SIGSYS), "{role} {attempt}: {status:?}\n{}", place.log());
        }
    }
}
