//! The front process: door, SFTP bridge, metrics. It holds the TLS and SSH host keys, no Chorus Pro secret and no
//! database; it asks core through the gate. It opens everything it needs, raises its walls, and only then accepts a
//! connection.

use std::net::{IpAddr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use nix::sys::socket::Backlog;
use serde::{Deserialize, Serialize};

use super::heart::Heart;
use super::serve::Role;
use super::{exit, remote_log, runtime, walls};
use crate::bridge::{self, Bridge, HostKey};
use crate::config::{Boot, Config};
use crate::domain::DocumentHash;
use crate::door::{self, Certificate, CertificateFiles, Door};
use crate::gate;
use crate::net::resolver::Resolver;
use crate::os::sandbox::Attempt;
use crate::os::signals::{Shutdown, ShutdownTrigger};
use crate::os::{durable, secret, service};

/// Connections that wait to be accepted.
const BACKLOG: i32 = 1024;

/// Between two looks whether another configuration is in force.
const FOLLOW_LOOK: Duration = Duration::from_secs(2);

/// Core's socket for the gate, in `run_dir`.
pub const GATE_SOCKET: &str = "gate.sock";
/// Core's socket for the page, in `run_dir`.
pub const PAGE_SOCKET: &str = "web.sock";
/// Where the listeners' actual addresses are written, in `run_dir`.
pub const ADDRESSES_FILE: &str = "addresses.json";

/// `addresses.json`: where front really listens (a configured port 0 is a free one).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Addresses {
    pub door: SocketAddr,
    pub sftp: SocketAddr,
    pub metrics: SocketAddr,
    /// SHA-256 of the door's certificate, as browsers show it.
    pub door_fingerprint: String,
    /// SHA-256 of the SSH host key, as OpenSSH shows it.
    pub sftp_fingerprint: String,
}

/// Why front could not start.
#[derive(Debug, thiserror::Error)]
enum StartError {
    #[error("{key} = {address}: {cause}")]
    Listen { key: &'static str, address: SocketAddr, cause: std::io::Error },
    #[error(transparent)]
    Certificate(#[from] door::CertificateError),
    #[error(transparent)]
    HostKey(#[from] bridge::HostKeyError),
    #[error("{what} {}: {cause}", path.display())]
    Folder { what: &'static str, path: PathBuf, cause: std::io::Error },
}

/// Everything that front opens before its walls are raised.
struct Opened {
    config: Config,
    door: TcpListener,
    sftp: TcpListener,
    metrics: TcpListener,
    certificate: Arc<Certificate>,
    host_key: HostKey,
    bridge: Arc<Bridge>,
    client: gate::Client,
    addresses: Addresses,
}

/// `attempts`: what is tried against the walls before it serves.
pub fn run(boot: Boot, supervised: bool, attempts: &[Attempt]) -> ExitCode {
    let processors = runtime::processors();
    // Under a supervisor it is started anew by that.
    let followed = (!supervised).then_some(boot.sha256);
    let opened = match open(boot.config) {
        Ok(opened) => opened,
        Err(error) => return not_started(&error),
    };
    walls::try_all(attempts);
    runtime::block_on(processors, async move {
        match serve(opened, Heart::new(supervised), followed).await {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => not_started(&error),
        }
    })
}

fn not_started(error: &StartError) -> ExitCode {
    log::error!(error = error.to_string().as_str(); "Front could not start");
    // Trying again may help: a port becomes free, a file is put right.
    exit::UNAVAILABLE.into()
}

/// Opens everything, then raises the walls.
fn open(config: Config) -> Result<Opened, StartError> {
    let run_dir = config.store.run_dir.clone();
    secret::make_private_dir(&run_dir).map_err(folder("the folder of the sockets", &run_dir))?;
    let before = read_addresses(&run_dir);
    let door = listen("door.listen", config.door.listen, before.as_ref().map(|a| a.door))?;
    let sftp = listen("sftp.listen", config.sftp.listen, before.as_ref().map(|a| a.sftp))?;
    let metrics = listen("door.metrics_listen", config.door.metrics_listen, before.as_ref().map(|a| a.metrics))?;

    let files = certificate_files(&config);
    let certificate = Arc::new(Certificate::load(files.clone(), &own_names(&config))?);
    let default_key = PathBuf::from("secrets/ssh_host_ed25519");
    let key_path = config.path(config.sftp.host_key_file.as_ref().unwrap_or(&default_key));
    let host_key = HostKey::load_or_make(&key_path)?;
    let client = gate::Client::new(run_dir.join(GATE_SOCKET));
    let staging = config.path(Path::new("staging"));
    let settings = bridge::Settings { section: config.sftp.clone(), staging: staging.clone() };
    let bridge = Bridge::new(client.clone(), settings).map_err(folder("the staging folder", &staging))?;

    let addresses = Addresses {
        door: local(&door, config.door.listen),
        sftp: local(&sftp, config.sftp.listen),
        metrics: local(&metrics, config.door.metrics_listen),
        door_fingerprint: certificate.fingerprint.clone(),
        sftp_fingerprint: host_key.fingerprint(),
    };
    write_addresses(&run_dir, &addresses).map_err(folder("the addresses in", &run_dir))?;
    walls::raise(Role::Front, &walls::front(&config, &staging, [&files.certificate, &files.key], files.own));
    Ok(Opened { config, door, sftp, metrics, certificate, host_key, bridge, client, addresses })
}

/// `followed`: the text that the configuration was read from, where front ends by itself once another one is in force.
async fn serve(opened: Opened, heart: Heart, followed: Option<Option<DocumentHash>>) -> Result<(), StartError> {
    let Opened { config, door, sftp, metrics, certificate, host_key, bridge, client, addresses } = opened;
    let copies = remote_log::copies(&config);
    let (trigger, shutdown) = signals()?;
    let listener = |key, address, listener| {
        tokio::net::TcpListener::from_std(listener).map_err(|cause| StartError::Listen { key, address, cause })
    };
    let door_listener = listener("door.listen", config.door.listen, door)?;
    let sftp_listener = listener("sftp.listen", config.sftp.listen, sftp)?;
    let metrics_listener = listener("door.metrics_listen", config.door.metrics_listen, metrics)?;
    let counters = Arc::new(door::Counters::default());
    let door = Door {
        section: config.door.clone(),
        certificate,
        page_socket: config.store.run_dir.join(PAGE_SOCKET),
        resolver: Resolver::system(),
        counters: counters.clone(),
    };
    let source = Arc::new(metrics_source(client.clone(), counters, bridge.clone()));
    log::info!(
        door:display = addresses.door, sftp:display = addresses.sftp, metrics:display = addresses.metrics,
        fingerprint = addresses.door_fingerprint.as_str();
        "Front listens"
    );
    heart.ready("front listens");
    heart.beat(shutdown.clone(), trigger.clone());
    if let Some(sha256) = followed {
        tokio::spawn(follow(client.clone(), sha256, trigger, shutdown.clone()));
    }
    let bridge_told = shutdown.clone();
    tokio::join!(
        door::serve(door_listener, door, shutdown.clone()),
        bridge.serve(sftp_listener, &host_key, async move { bridge_told.told().await }),
        door::metrics::serve(metrics_listener, source, shutdown.clone()),
        remote_log::hand_over(copies, client.clone(), shutdown.clone()),
        walls::watch(Some(client), shutdown.clone()),
        async {
            shutdown.told().await;
            service::stopping();
            log::info!("Front stops");
        },
    );
    Ok(())
}

/// Ends front once core has another configuration in force: who started it starts it again, with that one.
async fn follow(client: gate::Client, sha256: Option<DocumentHash>, trigger: ShutdownTrigger, shutdown: Shutdown) {
    loop {
        tokio::select! {
            () = shutdown.told() => return,
            () = tokio::time::sleep(FOLLOW_LOOK) => {}
        }
        // Core may be starting: it is asked again.
        if client.is_superseded(sha256).await.unwrap_or(false) {
            log::info!("Another configuration is in force: front starts anew");
            trigger.tell();
            return;
        }
    }
}

fn signals() -> Result<(ShutdownTrigger, Shutdown), StartError> {
    Shutdown::on_signals().map_err(folder("signals of", Path::new("this process")))
}

fn folder(what: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> StartError {
    let path = path.to_owned();
    move |cause| StartError::Folder { what, path, cause }
}

/// Listens; where the port is free to choose, the one that a former life had is tried first: clients know it.
fn listen(key: &'static str, wanted: SocketAddr, before: Option<SocketAddr>) -> Result<TcpListener, StartError> {
    let failed = |cause| StartError::Listen { key, address: wanted, cause };
    if wanted.port() == 0
        && let Some(before) = before.filter(|before| before.ip() == wanted.ip())
        && let Ok(listener) = bind(before)
    {
        return Ok(listener);
    }
    bind(wanted).map_err(failed)
}

/// An address that a former life has just left may be taken again (`SO_REUSEADDR`, which std sets).
fn bind(address: SocketAddr) -> std::io::Result<TcpListener> {
    let listener = TcpListener::bind(address)?;
    nix::sys::socket::listen(&listener, Backlog::new(BACKLOG)?)?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}

fn local(listener: &TcpListener, configured: SocketAddr) -> SocketAddr {
    listener.local_addr().unwrap_or(configured)
}

fn certificate_files(config: &Config) -> CertificateFiles {
    match (&config.door.certificate_file, &config.door.key_file) {
        (Some(certificate), Some(key)) => {
            CertificateFiles { certificate: config.path(certificate), key: config.path(key), own: false }
        }
        _ => CertificateFiles {
            certificate: config.path(Path::new("secrets/door.pem")),
            key: config.path(Path::new("secrets/door.key")),
            own: true,
        },
    }
}

/// What a certificate of our own is made for: the machine's name, its loopback, and the address it listens on.
fn own_names(config: &Config) -> Vec<String> {
    let mut names = Vec::new();
    let machine = nix::unistd::gethostname().ok().and_then(|name| name.into_string().ok());
    names.extend(machine.map(|name| name.to_ascii_lowercase()).filter(|name| name.parse::<door::site::Host>().is_ok()));
    names.extend(["localhost", "127.0.0.1", "::1"].map(str::to_owned));
    let ip: IpAddr = config.door.listen.ip();
    if !ip.is_unspecified() && !names.contains(&ip.to_string()) {
        names.push(ip.to_string());
    }
    names
}

/// Where front listens, once it does.
pub(super) fn read_addresses(run_dir: &Path) -> Option<Addresses> {
    serde_json::from_slice(&std::fs::read(run_dir.join(ADDRESSES_FILE)).ok()?).ok()
}

fn write_addresses(run_dir: &Path, addresses: &Addresses) -> std::io::Result<()> {
    let text = serde_json::to_vec_pretty(addresses)?;
    durable::write_atomically(&run_dir.join(ADDRESSES_FILE), &text)
}

fn metrics_source(client: gate::Client, counters: Arc<door::Counters>, bridge: Arc<Bridge>) -> door::metrics::Source {
    let health = client.clone();
    door::metrics::Source {
        health: Box::new(move || {
            let client = health.clone();
            Box::pin(async move { client.health().await.map_err(|error| error.fault().to_string()) })
        }),
        metrics: Box::new(move || {
            let (client, front) = (client.clone(), [counters.text(), bridge.metrics()].concat());
            Box::pin(async move {
                let core = client.metrics().await;
                let up = u8::from(core.is_ok());
                let help = "# HELP fluxgate_core_up Whether core answers front.\n# TYPE fluxgate_core_up gauge";
                format!("{front}{help}\nfluxgate_core_up {up}\n{}", core.unwrap_or_default())
            })
        }),
    }
}
