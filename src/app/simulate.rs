//! `fluxgate simulate`: Chorus Pro to practise against, until Ctrl-C or SIGTERM.
//!
//! The first line on the standard output is the credentials as JSON; everything else goes to the log.

use std::io::{Read, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use tokio::signal::unix::{SignalKind, signal};

use crate::simulator::{Options, SCENARIO_LIMIT_BYTES, Scenario, Simulator, SimulatorError, catalogue_list};

/// The command's arguments.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Address to listen on; port 0 takes a free one
    #[arg(long, default_value = "127.0.0.1:0", value_name = "ADDR")]
    pub listen: SocketAddr,
    /// HTTP instead of HTTPS, on loopback only
    #[arg(long)]
    pub plain: bool,
    /// What to play: see config/simulate.toml
    #[arg(long, value_name = "FILE")]
    pub scenario: Option<PathBuf>,
    /// The catalogue of tests of a connection request: list it, or run it and report at the end
    #[arg(long, value_name = "list|run", num_args = 0..=1, default_missing_value = "list")]
    pub catalogue: Option<CatalogueMode>,
}

/// What `--catalogue` does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum CatalogueMode {
    /// Prints the scenarios and ends
    List,
    /// Serves, watches the client, and reports at the end: 0 when every required scenario is passed, else 1
    Run,
}

/// sysexits: wrong scenario.
const EX_CONFIG: u8 = 78;
/// sysexits: scenario file cannot be read.
const EX_NOINPUT: u8 = 66;
/// sysexits: the address cannot be had, or another trouble of the system.
const EX_OSERR: u8 = 71;

/// Serves until SIGINT or SIGTERM, then ends with 0; with `--catalogue run`, as the catalogue was passed.
pub fn run(args: &Args) -> ExitCode {
    if args.catalogue == Some(CatalogueMode::List) {
        print!("{}", catalogue_list());
        return ExitCode::SUCCESS;
    }
    let mut scenario = match args.scenario.as_deref().map(read_scenario).transpose() {
        Ok(scenario) => scenario.unwrap_or_default(),
        Err((code, message)) => return fail(code, &message),
    };
    scenario.catalogue |= args.catalogue == Some(CatalogueMode::Run);
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return fail(EX_OSERR, &error.to_string()),
    };
    let options = Options {
        listen: args.listen,
        plain: args.plain,
        dir: None,
        speed: scenario.speed,
        seed: scenario.seed,
        scenario,
    };
    match runtime.block_on(serve(options)) {
        Ok(passed) => ExitCode::from(u8::from(!passed)),
        Err((code, message)) => fail(code, &message),
    }
}

/// Whether the catalogue was passed, or not played.
async fn serve(options: Options) -> Result<bool, (u8, String)> {
    let system = |error: std::io::Error| (EX_OSERR, error.to_string());
    // Before the line is printed: whoever reads it may send the signal at once.
    let mut interrupt = signal(SignalKind::interrupt()).map_err(system)?;
    let mut terminate = signal(SignalKind::terminate()).map_err(system)?;
    let simulator = Simulator::start(options).await.map_err(|error| match error {
        SimulatorError::Scenario(_) | SimulatorError::PlainBeyondLoopback(_) => (EX_CONFIG, error.to_string()),
        _ => (EX_OSERR, error.to_string()),
    })?;
    let line = serde_json::to_string(simulator.credentials()).map_err(|e| (EX_OSERR, e.to_string()))?;
    let mut out = std::io::stdout();
    writeln!(out, "{line}").and_then(|()| out.flush()).map_err(system)?;
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
    let report = simulator.catalogue();
    simulator.stop().await;
    if let Some(report) = &report {
        write!(out, "{}", report.text()).and_then(|()| out.flush()).map_err(system)?;
    }
    Ok(report.is_none_or(|report| report.passed))
}

fn read_scenario(path: &Path) -> Result<Scenario, (u8, String)> {
    let unreadable = |error: std::io::Error| (EX_NOINPUT, format!("{}: {error}", path.display()));
    let mut text = String::new();
    let file = std::fs::File::open(path).map_err(unreadable)?;
    file.take(SCENARIO_LIMIT_BYTES + 1).read_to_string(&mut text).map_err(unreadable)?;
    if text.len() as u64 > SCENARIO_LIMIT_BYTES {
        return Err((EX_CONFIG, format!("{}: larger than {SCENARIO_LIMIT_BYTES} bytes", path.display())));
    }
    Scenario::from_toml(&text).map_err(|error| (EX_CONFIG, format!("{}: {error}", path.display())))
}

fn fail(code: u8, message: &str) -> ExitCode {
    eprintln!("fluxgate simulate: {message}");
    ExitCode::from(code)
}
