//! The SSH server: who may connect, how often, and how they log in. Only the subsystem `sftp` exists behind it: no
//! shell, no command, no forwarding.

use std::borrow::Cow;
use std::collections::HashMap;
use std::future::Future;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use russh::keys::{Algorithm, EcdsaCurve, HashAlg};
use russh::server::{Auth, ChannelOpenHandle, Config, Handler, Msg, PublicKeyOffer, Session, VerifiedPublicKey};
use russh::{
    Channel, ChannelId, ChannelOpenFailure, MethodKind, MethodSet, Preferred, SshId, cipher, compression, kex, mac,
};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinHandle;

use super::caretaker::Caretaker;
use super::desk::Desk;
use super::drops::Claims;
use super::guarded::{Guarded, Leash};
use super::host_key::HostKey;
use super::settings::Section;
use super::sftp_session;
use super::staging::Staging;
use super::taken::Taken;
use crate::gate::{self, Grant, Proof};

/// Log-in attempts on one connection.
const LOGIN_ATTEMPTS: usize = 6;
/// Public keys a client may offer on one connection (agents hold several).
const KEY_OFFERS: usize = 20;
/// A refused log-in is answered after this long, whatever the reason.
const REFUSAL_TIME: Duration = Duration::from_secs(1);
/// SFTP channels on one connection.
const CHANNELS: usize = 4;
/// Window of a channel: bytes on the way without an acknowledgement.
const WINDOW: u32 = 8 << 20;
/// Bytes of an SSH packet's data.
const PACKET: u32 = 65_535;
/// Packets that wait for a session before its connection stops reading.
const INBOX: usize = 32;
/// How long a stop waits for sessions to discard and journal what is unfinished.
const STOP_TIME: Duration = Duration::from_secs(15);
/// Pause after a failed accept (no descriptor left).
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// What the bridge needs to run.
#[derive(Debug, Clone)]
pub struct Settings {
    pub section: Section,
    /// Front's own folder for unfinished and temporary-named uploads.
    pub staging: PathBuf,
}

/// A number that only grows.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    pub fn add(&self, n: u64) {
        self.0.fetch_add(n, Ordering::Relaxed);
    }

    fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// What the bridge has done since it started.
#[derive(Debug, Default)]
pub struct Counters {
    pub connections: Counter,
    pub turned_away: Counter,
    pub logins: Counter,
    pub logins_refused: Counter,
    pub taken: Counter,
    pub duplicates: Counter,
    pub refused: Counter,
    pub bytes_in: Counter,
}

/// The SFTP bridge: what all its connections share.
pub struct Bridge {
    pub(super) gate: gate::Client,
    pub(super) staging: Staging,
    pub(super) taken: Taken,
    pub(super) claims: Claims,
    pub(super) counters: Counters,
    pub(super) caretaker: Caretaker,
    section: Section,
    open: Mutex<HashMap<IpAddr, u32>>,
}

impl Bridge {
    /// Opens the staging folder, and sees what a former process left there.
    pub fn new(gate: gate::Client, settings: Settings) -> std::io::Result<Arc<Self>> {
        let staging = Staging::open(settings.staging)?;
        let caretaker = Caretaker::new(staging.left()?);
        Ok(Arc::new(Self {
            gate,
            staging,
            caretaker,
            taken: Taken::default(),
            claims: Claims::default(),
            counters: Counters::default(),
            section: settings.section,
            open: Mutex::new(HashMap::new()),
        }))
    }

    /// Serves `listener` until `shutdown` ends; then cuts connections, journals what is unfinished, and returns.
    pub async fn serve(
        self: &Arc<Self>,
        listener: TcpListener,
        host_key: &HostKey,
        shutdown: impl Future<Output = ()> + Send,
    ) {
        log::info!(fingerprint = host_key.fingerprint().as_str(); "SFTP bridge listens");
        let config = Arc::new(ssh_config(&self.section, host_key));
        let places = usize::try_from(self.section.connections).unwrap_or(usize::MAX).clamp(1, 65_536);
        let places = u32::try_from(places).expect("clamped to 65,536");
        let all = Arc::new(Semaphore::new(places as usize));
        // Strangers never fill the house: half of it is for those who are logged in.
        let strangers = Arc::new(Semaphore::new((places as usize).div_ceil(2)));
        let (stop, stopped) = watch::channel(false);
        let chores = self.caretaker.begin(self);
        tokio::pin!(shutdown);
        loop {
            let (stream, peer) = tokio::select! {
                () = &mut shutdown => break,
                accepted = listener.accept() => match accepted {
                    Ok(accepted) => accepted,
                    Err(e) => {
                        log::warn!(error = e.to_string().as_str(); "SFTP bridge could not accept a connection");
                        tokio::time::sleep(ACCEPT_PAUSE).await;
                        continue;
                    }
                },
            };
            let Some(place) = self.admit_address(peer, &all, &strangers) else {
                self.counters.turned_away.add(1);
                continue;
            };
            self.counters.connections.add(1);
            tokio::spawn(connection(Arc::clone(self), Arc::clone(&config), stream, place, stopped.clone()));
        }
        let _ = stop.send(true);
        if tokio::time::timeout(STOP_TIME, all.acquire_many(places)).await.is_err() {
            log::warn!("SFTP bridge stops with sessions that did not end");
        }
        chores.iter().for_each(JoinHandle::abort);
    }

    fn admit_address(
        self: &Arc<Self>,
        peer: SocketAddr,
        all: &Arc<Semaphore>,
        strangers: &Arc<Semaphore>,
    ) -> Option<Place> {
        let place = Arc::clone(all).try_acquire_owned().ok()?;
        let stranger = Arc::clone(strangers).try_acquire_owned().ok()?;
        let address = neighbourhood(peer.ip());
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let count = open.entry(address).or_insert(0);
        if *count >= self.section.connections_per_address {
            return None;
        }
        *count += 1;
        let share = AddressShare { bridge: Arc::clone(self), address, _place: place };
        Some(Place { share: Arc::new(share), stranger, peer: peer.ip().to_canonical() })
    }

    /// Prometheus' text format.
    pub fn metrics(&self) -> String {
        use std::fmt::Write;
        let c = &self.counters;
        let open: u32 = self.open.lock().unwrap_or_else(PoisonError::into_inner).values().sum();
        let mut text = format!(
            "# HELP fluxgate_sftp_open_connections SFTP connections open now.\n\
             # TYPE fluxgate_sftp_open_connections gauge\nfluxgate_sftp_open_connections {open}\n"
        );
        for (name, help, value) in [
            ("connections", "Connections accepted.", c.connections.get()),
            ("turned_away", "Connections turned away by a limit.", c.turned_away.get()),
            ("logins", "Log-ins let in.", c.logins.get()),
            ("logins_refused", "Log-ins refused.", c.logins_refused.get()),
            ("files_taken", "Files taken.", c.taken.get()),
            ("files_duplicate", "Files identical to an earlier one.", c.duplicates.get()),
            ("files_refused", "Files refused.", c.refused.get()),
            ("bytes_in", "Bytes of file content received.", c.bytes_in.get()),
        ] {
            let name = format!("fluxgate_sftp_{name}_total");
            let _ = write!(text, "# HELP {name} {help}\n# TYPE {name} counter\n{name} {value}\n");
        }
        text
    }
}

/// A connection's share of the limits; sessions hold it too, so that a stop waits for them.
struct AddressShare {
    bridge: Arc<Bridge>,
    address: IpAddr,
    _place: OwnedSemaphorePermit,
}

impl Drop for AddressShare {
    fn drop(&mut self) {
        let mut open = self.bridge.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = open.get_mut(&self.address) {
            *count -= 1;
            if *count == 0 {
                open.remove(&self.address);
            }
        }
    }
}

struct Place {
    share: Arc<AddressShare>,
    stranger: OwnedSemaphorePermit,
    peer: IpAddr,
}

/// What counts as one address: an IPv4 address, or a /64 of IPv6 (what one customer gets).
fn neighbourhood(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() & !u128::from(u64::MAX))),
        v4 @ IpAddr::V4(_) => v4,
    }
}

async fn connection(
    bridge: Arc<Bridge>,
    config: Arc<Config>,
    stream: TcpStream,
    place: Place,
    mut stop: watch::Receiver<bool>,
) {
    let Place { share, stranger, peer } = place;
    if let Err(e) = stream.set_nodelay(true) {
        log::debug!(error = e.to_string().as_str(); "A connection is served with Nagle's delay");
    }
    let leash = Arc::new(Leash::new());
    let deadline = tokio::time::Instant::now() + bridge.section.login_timeout.get();
    let guarded = Guarded::new(stream, Arc::clone(&leash), deadline);
    let visitor = Visitor {
        bridge,
        share: Arc::clone(&share),
        stranger: Some(stranger),
        peer,
        leash: Arc::clone(&leash),
        grant: None,
        offers: 0,
        channels: HashMap::new(),
        sessions: Arc::new(Semaphore::new(CHANNELS)),
    };
    let conversation = async {
        match russh::server::run_stream(config, guarded, visitor).await {
            Ok(running) => running.await,
            Err(e) => Err(e),
        }
    };
    tokio::pin!(conversation);
    let stopped = async {
        let _ = stop.wait_for(|stopped| *stopped).await;
    };
    let ended = tokio::select! {
        ended = &mut conversation => ended,
        () = stopped => {
            leash.cut();
            conversation.await
        }
    };
    if let Err(e) = ended {
        log::debug!(peer = peer.to_string().as_str(), error = e.to_string().as_str(); "SSH connection ended");
    }
    drop(share);
}

/// Modern algorithms only: no SHA-1, no CBC, no finite-field Diffie-Hellman (its cost before the log-in is the
/// server's), no compression (its memory is the client's to ask).
fn ssh_config(section: &Section, host_key: &HostKey) -> Config {
    const KEX: &[kex::Name] = &[
        kex::MLKEM768X25519_SHA256,
        kex::CURVE25519,
        kex::CURVE25519_PRE_RFC_8731,
        kex::ECDH_SHA2_NISTP256,
        kex::ECDH_SHA2_NISTP384,
        kex::ECDH_SHA2_NISTP521,
        kex::EXTENSION_SUPPORT_AS_SERVER,
        kex::EXTENSION_OPENSSH_STRICT_KEX_AS_SERVER,
    ];
    const KEYS: &[Algorithm] = &[
        Algorithm::Ed25519,
        Algorithm::Ecdsa { curve: EcdsaCurve::NistP256 },
        Algorithm::Ecdsa { curve: EcdsaCurve::NistP384 },
        Algorithm::Ecdsa { curve: EcdsaCurve::NistP521 },
        Algorithm::Rsa { hash: Some(HashAlg::Sha512) },
        Algorithm::Rsa { hash: Some(HashAlg::Sha256) },
    ];
    const CIPHERS: &[cipher::Name] =
        &[cipher::AES_256_GCM, cipher::AES_128_GCM, cipher::CHACHA20_POLY1305, cipher::AES_256_CTR];
    const MACS: &[mac::Name] = &[mac::HMAC_SHA256_ETM, mac::HMAC_SHA512_ETM, mac::HMAC_SHA256, mac::HMAC_SHA512];
    Config {
        server_id: SshId::Standard(Cow::Borrowed("SSH-2.0-Fluxgate")),
        methods: MethodSet::from(&[MethodKind::PublicKey, MethodKind::Password][..]),
        auth_rejection_time: REFUSAL_TIME,
        // The "none" every OpenSSH client begins with tells nothing: answered at once.
        auth_rejection_time_initial: Some(Duration::ZERO),
        keys: vec![host_key.private()],
        window_size: WINDOW,
        maximum_packet_size: PACKET,
        channel_buffer_size: INBOX,
        preferred: Preferred {
            kex: Cow::Borrowed(KEX),
            key: Cow::Borrowed(KEYS),
            cipher: Cow::Borrowed(CIPHERS),
            mac: Cow::Borrowed(MACS),
            compression: Cow::Borrowed(&[compression::NONE]),
            ..Preferred::default()
        },
        max_auth_attempts: LOGIN_ATTEMPTS,
        inactivity_timeout: Some(section.idle_timeout.get()),
        nodelay: true,
        ..Config::default()
    }
}

/// One connection, from its greeting to its end.
struct Visitor {
    bridge: Arc<Bridge>,
    share: Arc<AddressShare>,
    /// Given back at the log-in.
    stranger: Option<OwnedSemaphorePermit>,
    peer: IpAddr,
    leash: Arc<Leash>,
    grant: Option<Grant>,
    offers: usize,
    /// Channels that are open and have no subsystem yet.
    channels: HashMap<ChannelId, Channel<Msg>>,
    /// Channels at once, with or without a subsystem.
    sessions: Arc<Semaphore>,
}

impl Visitor {
    async fn authenticate(&mut self, login: &str, proof: Proof, secret: Vec<u8>) -> Auth {
        let refused = Auth::reject();
        match self.bridge.gate.authenticate(login, proof, secret, self.peer).await {
            Ok(Some(_)) if proof == Proof::OfferedKey => Auth::Accept,
            Ok(Some(grant)) => {
                self.bridge.counters.logins.add(1);
                log::info!(account = grant.account.as_str(), peer = self.peer.to_string().as_str(); "Logged in");
                self.leash.welcome();
                self.stranger = None;
                self.grant = Some(grant);
                Auth::Accept
            }
            Ok(None) => {
                if proof != Proof::OfferedKey {
                    self.bridge.counters.logins_refused.add(1);
                    log::info!(peer = self.peer.to_string().as_str(); "Log-in refused");
                }
                refused
            }
            Err(e) => {
                log::warn!(error = e.to_string().as_str(); "A log-in could not be checked: core did not answer");
                refused
            }
        }
    }
}

impl Handler for Visitor {
    type Error = russh::Error;

    async fn auth_password(&mut self, user: &str, password: &str) -> Result<Auth, Self::Error> {
        Ok(self.authenticate(user, Proof::Password, password.as_bytes().to_vec()).await)
    }

    async fn auth_publickey_offered(&mut self, user: &str, offer: PublicKeyOffer<'_>) -> Result<Auth, Self::Error> {
        self.offers += 1;
        if self.offers > KEY_OFFERS || matches!(offer.algorithm, Algorithm::Rsa { hash: None }) {
            return Ok(Auth::reject());
        }
        let Ok(blob) = offer.public_key.to_bytes() else { return Ok(Auth::reject()) };
        Ok(self.authenticate(user, Proof::OfferedKey, blob).await)
    }

    async fn auth_publickey(&mut self, user: &str, key: VerifiedPublicKey<'_>) -> Result<Auth, Self::Error> {
        if matches!(key.algorithm, Algorithm::Rsa { hash: None }) {
            return Ok(Auth::reject());
        }
        let Ok(blob) = key.public_key.to_bytes() else { return Ok(Auth::reject()) };
        Ok(self.authenticate(user, Proof::VerifiedKey, blob).await)
    }

    async fn channel_open_session(
        &mut self,
        channel: Channel<Msg>,
        reply: ChannelOpenHandle,
        _session: &mut Session,
    ) -> Result<(), Self::Error> {
        if self.grant.is_some() && self.channels.len() < self.sessions.available_permits() {
            self.channels.insert(channel.id(), channel);
            reply.accept().await;
        } else {
            reply.reject(ChannelOpenFailure::ResourceShortage).await;
        }
        Ok(())
    }

    async fn channel_close(&mut self, channel: ChannelId, _session: &mut Session) -> Result<(), Self::Error> {
        self.channels.remove(&channel);
        Ok(())
    }

    async fn subsystem_request(
        &mut self,
        channel: ChannelId,
        name: &str,
        session: &mut Session,
    ) -> Result<(), Self::Error> {
        let wanted = if name == "sftp" { self.channels.remove(&channel) } else { None };
        let (Some(open), Some(grant), Ok(turn)) =
            (wanted, self.grant.clone(), Arc::clone(&self.sessions).try_acquire_owned())
        else {
            return session.channel_failure(channel);
        };
        session.channel_success(channel)?;
        let desk = Desk::new(Arc::clone(&self.bridge), grant, self.peer);
        let (share, leash) = (Arc::clone(&self.share), Arc::clone(&self.leash));
        tokio::spawn(async move {
            if let Err(sftp_session::NobodyReads) = sftp_session::run(open, desk).await {
                leash.cut();
            }
            drop((turn, share));
        });
        Ok(())
    }

    async fn shell_request(&mut self, channel: ChannelId, session: &mut Session) -> Result<(), Self::Error> {
        session.channel_failure(channel)
    }

    async fn exec_request(
        &mut self,
        channel: ChannelId,
        _command: &[u8],
        session: &mut Session,
    ) -> Result<(), Self::Error> {
        session.channel_failure(channel)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_address_is_one_customer() {
        let of = |text: &str| neighbourhood(text.parse().unwrap());
        assert_eq!(of("::ffff:10.0.0.1"), of("10.0.0.1"));
        assert_ne!(of("10.0.0.1"), of("10.0.0.2"));
        assert_eq!(of("2001:db8:0:1::1"), of("2001:db8:0:1:ffff::2"));
        assert_ne!(of("2001:db8:0:1::1"), of("2001:db8:0:2::1"));
    }
}
