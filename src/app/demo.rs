//! `fluxgate demo`: the gateway as `serve` runs it, beside the built-in simulator, on loopback, in a folder of its own.
//! Samples are dropped through its own SFTP door; a table shows what becomes of them.
//!
//! Promises: no path that `serve` lacks: the gateway is this same binary run as `serve --config FILE`; only the
//! configuration and the samples are the demo's. Needs no root, no network and no prior file.

mod screen;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use toml_edit::{DocumentMut, value};

use self::screen::{Row, Screen, summary};
use super::exit;
use super::front::{ADDRESSES_FILE, Addresses};
use super::samples::SAMPLES;
use super::words::said;
use crate::bridge::client::{Client, ClientError, Credential};
use crate::fault::{Language, Text};
use crate::os::signals::Shutdown;
use crate::os::{durable, process, random};
use crate::simulator::{Options, Scenario, Simulator};
use crate::store::StoreError;
use crate::store::verify::{self, Report};
use crate::web::Tongue;

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
/// The configuration of the practice gateway, against the simulator.
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
    #[arg(long, help = said(
        "Finir de soi-même : 0 quand tout s'est réglé comme prévu, sinon 1",
        "End by itself: 0 when everything settled as expected, else 1"
    ))]
    once: bool,
    #[arg(long, value_name = said("DOSSIER", "DIR"), help = said(
        "Travailler dans ce dossier, nouveau ou vide, et le garder (sans cela : un dossier temporaire, supprimé à la fin)",
        "Work in this folder, new or empty, and keep it (default: a temporary one, deleted at the end)"
    ))]
    dir: Option<PathBuf>,
}

/// What stopped the demo.
#[derive(Debug)]
enum DemoError {
    Folder {
        path: PathBuf,
        error: std::io::Error,
    },
    FolderNotEmpty(PathBuf),
    Simulator(String),
    Gateway(String),
    /// Ended by itself; its log says why.
    GatewayEnded {
        status: String,
        log: PathBuf,
    },
    NotReady(Duration),
    Sftp {
        doing: Text,
        error: String,
    },
}

impl DemoError {
    /// What happened; what the system or a library says of it stands behind.
    fn text(&self) -> Text {
        match self {
            DemoError::Folder { path, error } => Text::technical(
                &format!("le dossier {} ne peut pas être utilisé", path.display()),
                &format!("the folder {} cannot be used", path.display()),
                error,
            ),
            DemoError::FolderNotEmpty(path) => Text::new(
                format!("le dossier {} n'est pas vide : nommez-en un nouveau", path.display()),
                format!("the folder {} is not empty: name a new one", path.display()),
            ),
            DemoError::Simulator(error) => {
                Text::technical("le simulateur de Chorus Pro n'a pas démarré", "the simulator did not start", error)
            }
            DemoError::Gateway(error) => {
                Text::technical("la passerelle n'a pas démarré", "the gateway did not start", error)
            }
            DemoError::GatewayEnded { status, log } => Text::new(
                format!("la passerelle s'est arrêtée ({status}) ; voyez {}", log.display()),
                format!("the gateway ended ({status}); see {}", log.display()),
            ),
            DemoError::NotReady(waited) => Text::new(
                format!("la passerelle n'est pas prête après {} s", waited.as_secs()),
                format!("the gateway is not ready after {} s", waited.as_secs()),
            ),
            DemoError::Sftp { doing, error } => Text::technical(&doing.fr, &doing.en, error),
        }
    }

    /// An error of the SFTP client.
    fn sftp(fr: &str, en: &str) -> impl FnOnce(ClientError) -> Self + use<> {
        let doing = Text::new(format!("SFTP : {fr}"), format!("SFTP: {en}"));
        move |error| DemoError::Sftp { doing, error: error.to_string() }
    }
}

pub fn run(arguments: &Arguments) -> ExitCode {
    let language = exit::language();
    process::make_files_private();
    let runtime = match tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            let text = Text::technical("la démonstration n'a pas démarré", "the demo could not start", error);
            eprintln!("fluxgate: {}", text.get(language));
            return exit::SOFTWARE.into();
        }
    };
    match runtime.block_on(play(arguments, language)) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            let text = error.text();
            let text =
                Text::new(format!("démonstration arrêtée : {}", text.fr), format!("the demo stopped: {}", text.en));
            eprintln!("fluxgate: {}", text.get(language));
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
        if !ours && std::fs::read_dir(&path).is_ok_and(|mut entries| entries.next().is_some()) {
            return Err(DemoError::FolderNotEmpty(path));
        }
        let make = || {
            if ours {
                // Nobody else's folder: the name cannot be guessed, and one that is there is refused.
                std::fs::create_dir(&path)?;
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

async fn play(arguments: &Arguments, language: Language) -> Result<bool, DemoError> {
    let (_trigger, shutdown) = Shutdown::on_signals().map_err(|e| DemoError::Gateway(e.to_string()))?;
    let folder = Folder::make(arguments.dir.as_deref())?;
    let simulator = start_simulator(&folder).await?;
    let password = random_word();
    let config = configure(&folder, &simulator, &password, language)?;
    let mut gateway = Gateway::start(&config)?;
    let outcome = tokio::select! {
        outcome = show(arguments, &folder, &password, language, &shutdown) => outcome,
        status = gateway.ended() => Err(DemoError::GatewayEnded { status, log: folder.path.join("gateway.log") }),
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
        witness: None,
    };
    Simulator::start(options).await.map_err(|e| DemoError::Simulator(e.to_string()))
}

/// Writes the configuration: the one of `config/practice.toml`, in this folder, on free ports, with this password; page
/// and receipts speak `language`.
fn configure(folder: &Folder, simulator: &Simulator, password: &str, language: Language) -> Result<PathBuf, DemoError> {
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
    config["web"] = toml_edit::table();
    config["web"]["language"] = value(Tongue(language).code());
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
async fn show(
    arguments: &Arguments,
    folder: &Folder,
    password: &str,
    language: Language,
    shutdown: &Shutdown,
) -> Result<bool, DemoError> {
    let addresses = addresses(folder).await?;
    let mut client = connect(&addresses, password).await?;
    print_access(folder, &addresses, password, language);
    for sample in SAMPLES {
        let failed = DemoError::sftp(&format!("dépôt de {}", sample.name), &format!("dropping {}", sample.name));
        client.put(&format!("/depot/{}", sample.name), sample.bytes).await.map_err(failed)?;
    }
    let started = Instant::now();
    let mut screen = Screen::new(language);
    loop {
        let rows = look(&mut client).await?;
        let received = received(&mut client).await?;
        screen.show(&rows, received);
        let settled = received >= RECEIVED && rows.iter().all(Row::is_settled);
        let late = started.elapsed() > SETTLE_LONGEST;
        if settled || (arguments.once && late) {
            let as_expected = settled && rows.iter().all(Row::is_as_expected);
            let verified = verify(folder);
            println!();
            for line in summary(&rows, received, &verified, started.elapsed()) {
                println!("{}", line.get(language));
            }
            if arguments.once {
                return Ok(as_expected && verified.is_ok_and(|report| report.bad.is_none()));
            }
            let open = Text::new(
                "La passerelle reste ouverte : déposez vos propres fichiers. Ctrl-C met fin à la démonstration.",
                "The gateway keeps running: drop files of your own. Ctrl-C ends the demo.",
            );
            println!("\n{}", open.get(language));
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
            return Err(DemoError::NotReady(START_LONGEST));
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
            Err(error) if started.elapsed() > START_LONGEST => {
                return Err(DemoError::sftp("ouverture d'une session", "logging in")(error));
            }
            Err(_) => tokio::time::sleep(LOOK_EVERY).await,
        }
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
    let listed = client.list("/recues").await.map_err(DemoError::sftp("lecture de /recues", "listing /recues"))?;
    Ok(listed.iter().filter(|entry| entry.folder).count())
}

fn print_access(folder: &Folder, addresses: &Addresses, password: &str, language: Language) {
    let code = std::fs::read_to_string(folder.path.join("run/claim")).unwrap_or_default();
    let lines = [
        ("page", "page", format!("https://{}/", addresses.door)),
        ("certificat", "certificate", addresses.door_fingerprint.clone()),
        ("code", "claim code", code.trim().to_owned()),
        ("SFTP", "SFTP", format!("sftp -P {} {ACCOUNT}@{}", addresses.sftp.port(), addresses.sftp.ip())),
        ("mot de passe", "password", password.to_owned()),
        ("mesures", "metrics", format!("http://{}/metrics", addresses.metrics)),
        ("dossier", "folder", folder.path.display().to_string()),
        ("journal", "journal", format!("fluxgate audit verify {}", folder.path.join(DATA).display())),
    ];
    let title = Text::new(
        "Démonstration de Fluxgate : la passerelle telle que « serve » la lance, et un Chorus Pro d'entraînement, sur cette machine seule.",
        "Fluxgate demo: the gateway as \"serve\" runs it, and a practice Chorus Pro, on this machine alone.",
    );
    println!("{}\n", title.get(language));
    for (fr, en, value) in lines {
        println!("  {:<13} {value}", Tongue(language).say(fr, en));
    }
    println!();
}

/// `audit verify` on the demo's data, while the gateway runs.
fn verify(folder: &Folder) -> Result<Report, StoreError> {
    verify::verify(&folder.path.join(DATA), &verify::Options { documents: true, ..verify::Options::default() })
}
