//! `fluxgate simulate`: a practice Chorus Pro, until Ctrl-C or SIGTERM.
//!
//! The first line on the standard output is the credentials as JSON; everything else goes to the log.

use std::io::{Read, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use tokio::signal::unix::{SignalKind, signal};

use super::exit::{self, Exit, Failure};
use super::words::said;
use crate::fault::Text;
use crate::simulator::{Options, SCENARIO_LIMIT_BYTES, Scenario, Simulator, SimulatorError, catalogue_list};

/// The command's arguments.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[arg(long, default_value = "127.0.0.1:0", value_name = said("ADRESSE", "ADDR"), help = said(
        "Adresse d'écoute ; le port 0 en prend un libre",
        "Address to listen on; port 0 takes a free one"
    ))]
    pub listen: SocketAddr,
    #[arg(long, help = said(
        "HTTP au lieu de HTTPS, sur la boucle locale seulement",
        "HTTP instead of HTTPS, on loopback only"
    ))]
    pub plain: bool,
    #[arg(long, value_name = said("DOSSIER", "DIR"), help = said(
        "Garder dans ce dossier, d'un démarrage à l'autre, l'autorité, le certificat et les secrets, en fichiers que la \
         configuration d'une passerelle peut nommer (config/practice.toml), mais rien de ce qui a été déposé",
        "Keep authority, certificate and secrets in this folder over restarts, as files that a gateway's configuration \
         can name (config/practice.toml); nothing of what was deposited"
    ))]
    pub dir: Option<PathBuf>,
    #[arg(long, value_name = said("FICHIER", "FILE"), help = said(
        "Ce qu'il faut jouer : voir config/simulate.toml",
        "What to play: see config/simulate.toml"
    ))]
    pub scenario: Option<PathBuf>,
    #[arg(long, value_name = "list|run", num_args = 0..=1, default_missing_value = "list", help = said(
        "Le cahier de tests d'une demande de raccordement : le lister (list, puis fin), ou le jouer (run) : servir, \
         observer le client et rendre compte à la fin, par 0 quand chaque scénario exigé est réussi, sinon 1",
        "The catalogue of tests of a connection request: list it and end, or run it: serve, watch the client and report \
         at the end, with 0 when every required scenario is passed, else 1"
    ))]
    pub catalogue: Option<CatalogueMode>,
}

/// What `--catalogue` does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum CatalogueMode {
    List,
    Run,
}

/// Serves until SIGINT or SIGTERM, then ends with 0; with `--catalogue run`, as the catalogue was passed.
pub fn run(args: &Args) -> ExitCode {
    if args.catalogue == Some(CatalogueMode::List) {
        print!("{}", catalogue_list());
        return ExitCode::SUCCESS;
    }
    let mut scenario = match args.scenario.as_deref().map(read_scenario).transpose() {
        Ok(scenario) => scenario.unwrap_or_default(),
        Err(failure) => return failure.tell("simulate"),
    };
    scenario.catalogue |= args.catalogue == Some(CatalogueMode::Run);
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return system(&error).tell("simulate"),
    };
    let options = Options {
        listen: args.listen,
        plain: args.plain,
        dir: args.dir.clone(),
        speed: scenario.speed,
        seed: scenario.seed,
        scenario,
        witness: None,
    };
    match runtime.block_on(serve(options)) {
        Ok(passed) => ExitCode::from(u8::from(!passed)),
        Err(failure) => failure.tell("simulate"),
    }
}

const FORGETS_FR: &str = "le dossier --dir ne garde que l'autorité et les secrets. Ce qui a été déposé ou envoyé est oublié à \
    l'arrêt : la passerelle tient ensuite ces flux pour inconnus (FG-447) et ne voit plus ces factures.";
const FORGETS_EN: &str = "the folder --dir keeps the authority and the secrets only. What was deposited or sent is forgotten \
    when this ends: the gateway then takes those fluxes for unknown (FG-447) and sees those invoices no more.";

/// Whether the catalogue was passed, or not played.
async fn serve(options: Options) -> Result<bool, Failure> {
    // Before the line is printed: whoever reads it may send the signal at once.
    let mut interrupt = signal(SignalKind::interrupt()).map_err(|error| system(&error))?;
    let mut terminate = signal(SignalKind::terminate()).map_err(|error| system(&error))?;
    let keeps = options.dir.is_some();
    let simulator = Simulator::start(options).await.map_err(|error| match error {
        SimulatorError::Scenario(_) | SimulatorError::PlainBeyondLoopback(_) | SimulatorError::Kept { .. } => {
            failed(exit::CONFIG, &error)
        }
        _ => system(&error),
    })?;
    let line = serde_json::to_string(simulator.credentials()).map_err(|error| system(&error))?;
    let mut out = std::io::stdout();
    writeln!(out, "{line}").and_then(|()| out.flush()).map_err(|error| system(&error))?;
    if keeps {
        eprintln!("fluxgate simulate: {}", said(FORGETS_FR, FORGETS_EN));
    }
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
    let report = simulator.catalogue();
    simulator.stop().await;
    if let Some(report) = &report {
        write!(out, "{}", report.text()).and_then(|()| out.flush()).map_err(|error| system(&error))?;
    }
    Ok(report.is_none_or(|report| report.passed))
}

fn read_scenario(path: &Path) -> Result<Scenario, Failure> {
    let unreadable = |error: std::io::Error| Failure::io(exit::NO_INPUT, path.display(), &error);
    let mut text = String::new();
    let file = std::fs::File::open(path).map_err(unreadable)?;
    file.take(SCENARIO_LIMIT_BYTES + 1).read_to_string(&mut text).map_err(unreadable)?;
    let wrong = |reason: String| failed(exit::CONFIG, &format!("{}: {reason}", path.display()));
    if text.len() as u64 > SCENARIO_LIMIT_BYTES {
        return Err(wrong(format!("larger than {SCENARIO_LIMIT_BYTES} bytes")));
    }
    Scenario::from_toml(&text).map_err(|error| wrong(error.to_string()))
}

/// The address cannot be had, a file not written, or another trouble of the system.
fn system(error: &impl std::fmt::Display) -> Failure {
    failed(exit::SYSTEM, error)
}

fn failed(code: Exit, error: &impl std::fmt::Display) -> Failure {
    Failure::said(code, Text::technical("le simulateur ne démarre pas", "the simulator does not start", error))
}
