//! `fluxgate demo`: the gateway as `serve` runs it, beside the built-in simulator, on loopback, in a folder of its own.
//! Samples are dropped through its own SFTP door; a table shows what becomes of them.
//!
//! Promises: no path that `serve` lacks: the gateway is this same binary run as `serve --config FILE`; only the
//! configuration and the samples are the demo's. Needs no root, no network and no prior file.

use std::io::{IsTerminal, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use serde_json::Value;
use toml_edit::{DocumentMut, value};

use super::exit;
use super::front::{ADDRESSES_FILE, Addresses};
use super::samples::{Expect, SAMPLES, Sample};
use crate::bridge::client::{Client, Credential};
use crate::os::signals::Shutdown;
use crate::os::{durable, process, random};
use crate::simulator::{Options, Scenario, Simulator};
use crate::store::verify;

/// The gateway must answer after this at the latest; a first start makes keys and a database.
const START_LONGEST: Duration = Duration::from_secs(60);
/// `--once` gives up after this.
const SETTLE_LONGEST: Duration = Duration::from_secs(120);
/// Between two looks at the receipts.
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// Invoices that arrive from suppliers.
const RECEIVED: usize = 3;
/// The gateway's data folder, in the demo's.
const DATA: &str = "data";
const FREE_PORT: &str = "127.0.0.1:0";
/// The configuration of a gateway that practises against the simulator.
const PRACTICE: &str = include_str!("../../config/practice.toml");
/// The account there.
const ACCOUNT: &str = "sifac";

/// Simulated seconds per real second: an invoice is paid within half a minute.
const SPEED: f64 = 900.0;

/// What the simulator is told besides: suppliers' invoices on their way, and an answer that gets lost.
const SCENARIO: &str = r#"
received = 3

[[fault]]
service = "deposer/flux"
invoice = "FA-PERDUE-01"
effect = "lose_answer"
"#;

#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// End by itself: 0 when everything settled as expected, else 1
    #[arg(long)]
    once: bool,
    /// Work in this folder, new or empty, and keep it (default: a temporary one, deleted at the end)
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
}

/// What stopped the demo.
#[derive(Debug, thiserror::Error)]
enum DemoError {
    #[error("the folder {path}: {error}")]
    Folder { path: PathBuf, error: std::io::Error },
    #[error("the simulator: {0}")]
    Simulator(String),
    #[error("the gateway: {0}")]
    Gateway(String),
    #[error("SFTP: {0}")]
    Sftp(String),
}

pub fn run(arguments: &Arguments) -> ExitCode {
    process::make_files_private();
    let runtime = match tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("fluxgate: the demo could not start: {error}");
            return exit::SOFTWARE.into();
        }
    };
    match runtime.block_on(play(arguments)) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("fluxgate: the demo stopped: {error}");
            ExitCode::FAILURE
        }
    }
}

/// A folder that is deleted at the end, unless the user named it.
struct Folder {
    path: PathBuf,
    ours: bool,
}

impl Folder {
    fn make(named: Option<&Path>) -> Result<Self, DemoError> {
        let ours = named.is_none();
        let path = named.map_or_else(
            || std::env::temp_dir().join(format!("fluxgate-demo-{}", random::hex::<8>())),
            Path::to_path_buf,
        );
        let make = || {
            if ours {
                // Nobody else's folder: the name cannot be guessed, and one that is there is refused.
                std::fs::create_dir(&path)?;
            } else if std::fs::read_dir(&path).is_ok_and(|mut entries| entries.next().is_some()) {
                return Err(std::io::Error::other("it is not empty; name a new one"));
            }
            std::fs::create_dir_all(&path)?;
            path.canonicalize()
        };
        match make() {
            Ok(path) => Ok(Self { path, ours }),
            Err(error) => Err(DemoError::Folder { path, error }),
        }
    }

    fn write(&self, name: &str, content: &str) -> Result<(), DemoError> {
        let path = self.path.join(name);
        durable::write_atomically(&path, content.as_bytes()).map_err(|error| DemoError::Folder { path, error })
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if self.ours {
            // Nothing to tell: the folder is in the machine's temporary place anyway.
            let _ = std::fs::remove_dir_all(&self.path);
        }
    }
}

async fn play(arguments: &Arguments) -> Result<bool, DemoError> {
    let (_trigger, shutdown) = Shutdown::on_signals().map_err(|e| DemoError::Gateway(e.to_string()))?;
    let folder = Folder::make(arguments.dir.as_deref())?;
    let simulator = start_simulator(&folder).await?;
    let password = random_word();
    let config = configure(&folder, &simulator, &password)?;
    let mut gateway = Gateway::start(&config)?;
    let outcome = tokio::select! {
        outcome = show(arguments, &folder, &password, &shutdown) => outcome,
        ended = gateway.ended() => Err(DemoError::Gateway(format!("it ended ({ended}); see {}", folder.path.join("gateway.log").display()))),
        () = shutdown.told() => Ok(true),
    };
    gateway.stop().await;
    simulator.stop().await;
    outcome
}

/// A password that nobody else knows.
fn random_word() -> String {
    random::hex::<10>()
}

async fn start_simulator(folder: &Folder) -> Result<Simulator, DemoError> {
    let scenario = Scenario::from_toml(SCENARIO).map_err(|e| DemoError::Simulator(e.to_string()))?;
    let options = Options {
        listen: SocketAddr::from(([127, 0, 0, 1], 0)),
        plain: false,
        dir: Some(folder.path.join(DATA).join("simulator")),
        speed: SPEED,
        scenario,
        seed: 1,
    };
    Simulator::start(options).await.map_err(|e| DemoError::Simulator(e.to_string()))
}

/// Writes the configuration: the one of `config/practice.toml`, in this folder, on free ports, with this password.
fn configure(folder: &Folder, simulator: &Simulator, password: &str) -> Result<PathBuf, DemoError> {
    let url = &simulator.credentials().url;
    let hash = super::user::hash(password).map_err(|failure| DemoError::Gateway(failure.to_string()))?;
    let path = |name: &str| value(folder.path.join(name).to_string_lossy().into_owned());
    let mut config: DocumentMut = PRACTICE.parse().expect("the tests read config/practice.toml");
    let api = &mut config["chorus"]["api"]["practice"];
    api["token_url"] = value(format!("{url}/api/oauth/token"));
    api["base_url"] = value(url);
    config["account"][0]["password_hash"] = value(hash);
    config["door"]["listen"] = value(FREE_PORT);
    config["door"]["metrics_listen"] = value(FREE_PORT);
    config["sftp"]["listen"] = value(FREE_PORT);
    config["store"]["dir"] = path(DATA);
    config["store"]["run_dir"] = path("run");
    folder.write("fluxgate.toml", &format!("# Written by `fluxgate demo`, after config/practice.toml.\n{config}"))?;
    Ok(folder.path.join("fluxgate.toml"))
}

/// `serve` as a child process.
struct Gateway {
    child: tokio::process::Child,
}

impl Gateway {
    fn start(config: &Path) -> Result<Self, DemoError> {
        let failed = |error: std::io::Error| DemoError::Gateway(error.to_string());
        let log = std::fs::File::create(config.with_file_name("gateway.log")).map_err(failed)?;
        let child = tokio::process::Command::new(super::supervisor::own_program().map_err(failed)?)
            .args(["serve", "--config"])
            .arg(config)
            // A pipe that ends at once: an empty root has no /dev/null.
            .stdin(std::process::Stdio::piped())
            .stdout(log.try_clone().map_err(failed)?)
            .stderr(log)
            .kill_on_drop(true)
            .spawn()
            .map_err(failed)?;
        Ok(Self { child })
    }

    async fn ended(&mut self) -> String {
        match self.child.wait().await {
            Ok(status) => status.to_string(),
            Err(error) => error.to_string(),
        }
    }

    async fn stop(&mut self) {
        if let Some(pid) = self.child.id() {
            process::ask_to_stop(pid);
            // The supervisor kills what does not stop, within a limit of its own.
            let _ = self.child.wait().await;
        }
    }
}

/// Waits for the gateway, drops the samples, shows what becomes of them. Answers whether all settled as expected.
async fn show(arguments: &Arguments, folder: &Folder, password: &str, shutdown: &Shutdown) -> Result<bool, DemoError> {
    let addresses = addresses(folder).await?;
    let mut client = connect(&addresses, password).await?;
    print_access(folder, &addresses, password);
    for sample in SAMPLES {
        client
            .put(&format!("/depot/{}", sample.name), sample.bytes)
            .await
            .map_err(|e| DemoError::Sftp(format!("dropping {}: {e}", sample.name)))?;
    }
    let started = Instant::now();
    let mut screen = Screen::new();
    loop {
        let rows = look(&mut client).await?;
        let received = received(&mut client).await?;
        screen.show(&rows, received);
        let settled = received >= RECEIVED && rows.iter().all(Row::is_settled);
        let late = started.elapsed() > SETTLE_LONGEST;
        if settled || (arguments.once && late) {
            let as_expected = settled && rows.iter().all(Row::is_as_expected);
            let verified = verify(folder);
            summarise(&rows, received, &verified, started.elapsed());
            if arguments.once {
                return Ok(as_expected && verified.is_ok());
            }
            println!("\nThe gateway keeps running: drop files of your own. Ctrl-C ends the demo.");
            shutdown.told().await;
            return Ok(true);
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

async fn addresses(folder: &Folder) -> Result<Addresses, DemoError> {
    let path = folder.path.join("run").join(ADDRESSES_FILE);
    let started = Instant::now();
    loop {
        let read = std::fs::read(&path).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok());
        if let Some(addresses) = read {
            return Ok(addresses);
        }
        if started.elapsed() > START_LONGEST {
            return Err(DemoError::Gateway(format!("not ready after {} s", START_LONGEST.as_secs())));
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// Logs in; front may listen a moment before core answers it.
async fn connect(addresses: &Addresses, password: &str) -> Result<Client, DemoError> {
    let started = Instant::now();
    loop {
        let credential = Credential::Password(password.to_owned());
        match Client::connect(addresses.sftp, ACCOUNT, credential, &addresses.sftp_fingerprint).await {
            Ok(client) => return Ok(client),
            Err(error) if started.elapsed() > START_LONGEST => return Err(DemoError::Sftp(error.to_string())),
            Err(_) => tokio::time::sleep(LOOK_EVERY).await,
        }
    }
}

fn print_access(folder: &Folder, addresses: &Addresses, password: &str) {
    let code = std::fs::read_to_string(folder.path.join("run/claim")).unwrap_or_default();
    println!(
        "Fluxgate demo: the gateway as `serve` runs it, and a Chorus Pro to practise against, on this machine alone."
    );
    println!();
    println!("  page         https://{}/", addresses.door);
    println!("  certificate  {}", addresses.door_fingerprint);
    println!("  claim code   {}", code.trim());
    println!("  SFTP         sftp -P {} {ACCOUNT}@{}", addresses.sftp.port(), addresses.sftp.ip());
    println!("  password     {password}");
    println!("  metrics      http://{}/metrics", addresses.metrics);
    println!("  folder       {}", folder.path.display());
    println!("  journal      fluxgate audit verify {}", folder.path.join(DATA).display());
    println!();
}

/// A sample and the receipt it has by now.
struct Row {
    sample: &'static Sample,
    receipt: Option<Value>,
}

impl Row {
    fn text(&self, key: &str) -> &str {
        self.receipt.as_ref().and_then(|receipt| receipt[key].as_str()).unwrap_or_default()
    }

    fn is_settled(&self) -> bool {
        self.receipt.as_ref().is_some_and(|receipt| receipt["final"] == true)
    }

    /// Whether the receipt tells the way the sample was made for.
    fn is_as_expected(&self) -> bool {
        let doubted = self.receipt.as_ref().is_some_and(|receipt| {
            receipt["history"].as_array().is_some_and(|steps| steps.iter().any(|step| step["state"] == "doubtful"))
        });
        match self.sample.expect {
            Expect::Integrated => self.text("state") == "integrated" && !doubted,
            Expect::AnswerLost => self.text("state") == "integrated" && doubted,
            Expect::RefusedByCheck => self.text("state") == "refused",
            Expect::RejectedByChorus => self.text("state") == "rejected",
        }
    }

    fn line(&self) -> String {
        let status = self.receipt.as_ref().and_then(|receipt| receipt["invoices"][0]["status"].as_str());
        let fault = self.receipt.as_ref().and_then(|receipt| receipt["fault"]["title"].as_str());
        let told: String = fault.or(status).unwrap_or_default().chars().take(60).collect();
        let mark = if self.is_settled() { "*" } else { " " };
        format!("{mark} {:<33} {:<11} {:<26} {told}", self.sample.name, self.text("state"), self.text("deposit_number"))
    }
}

async fn look(client: &mut Client) -> Result<Vec<Row>, DemoError> {
    let mut rows = Vec::with_capacity(SAMPLES.len());
    for sample in SAMPLES {
        // No receipt yet is no error: it is written once the file is checked.
        let receipt = client.get(&format!("/accuses/{}.json", sample.name)).await.ok();
        let receipt = receipt.and_then(|bytes| serde_json::from_slice(&bytes).ok());
        rows.push(Row { sample, receipt });
    }
    Ok(rows)
}

/// How many received invoices stand in `/recues`.
async fn received(client: &mut Client) -> Result<usize, DemoError> {
    let listed = client.list("/recues").await.map_err(|e| DemoError::Sftp(format!("listing /recues: {e}")))?;
    Ok(listed.iter().filter(|entry| entry.folder).count())
}

/// The table: drawn over itself on a terminal, a line per change elsewhere.
struct Screen {
    on_terminal: bool,
    drawn: Vec<String>,
}

impl Screen {
    fn new() -> Self {
        Self { on_terminal: std::io::stdout().is_terminal(), drawn: Vec::new() }
    }

    fn show(&mut self, rows: &[Row], received: usize) {
        let mut lines: Vec<String> = rows.iter().map(Row::line).collect();
        lines.push(format!("  received from suppliers: {received} of {RECEIVED}, in /recues"));
        let mut out = std::io::stdout().lock();
        if self.on_terminal {
            if !self.drawn.is_empty() {
                let _ = write!(out, "\x1b[{}A", self.drawn.len());
            }
            for line in &lines {
                let _ = writeln!(out, "\x1b[2K{line}");
            }
        } else {
            for line in lines.iter().filter(|line| !self.drawn.contains(line)) {
                let _ = writeln!(out, "{line}");
            }
        }
        let _ = out.flush();
        self.drawn = lines;
    }
}

fn summarise(rows: &[Row], received: usize, verified: &Result<String, String>, took: Duration) {
    println!();
    for row in rows.iter().filter(|row| !row.is_as_expected()) {
        println!("not as expected: {} is {:?}, wanted {:?}", row.sample.name, row.text("state"), row.sample.expect);
    }
    let settled = rows.iter().filter(|row| row.is_settled()).count();
    let took = took.as_secs_f32();
    println!("{settled} of {} files settled, {received} invoices received, in {took:.1} s", rows.len());
    match verified {
        Ok(text) => println!("{text}"),
        Err(text) => println!("the journal does not verify: {text}"),
    }
}

/// `audit verify` on the demo's data, while the gateway runs.
fn verify(folder: &Folder) -> Result<String, String> {
    let options = verify::Options { documents: true, ..verify::Options::default() };
    let report = verify::verify(&folder.path.join(DATA), &options).map_err(|e| e.to_string())?;
    match report.bad {
        Some(bad) => Err(bad.to_string()),
        None => Ok(format!("the journal verifies: {} records, {} checkpoints", report.leaves, report.checkpoints)),
    }
}
