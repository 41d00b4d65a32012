//! The TLS listener: who may connect, how many, how long; then HTTP/1.1 or HTTP/2.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::certificate::Certificate;
use super::proxy::Proxy;
use super::settings::DoorSection;
use super::stream::{Guarded, Pulse, Waits};
use crate::os::signals::Shutdown;

/// Headers of a request.
const HEADERS_LIMIT: usize = 128;
/// Streams of one HTTP/2 connection at once.
const STREAMS_LIMIT: u32 = 128;
/// Streams a client opened and reset before we took them (CVE-2023-44487), and those we reset for its errors.
const RESETS_LIMIT: usize = 32;
/// Bytes a client may send ahead, for one stream and for a connection.
const STREAM_WINDOW: u32 = 256 * 1024;
const CONNECTION_WINDOW: u32 = 1024 * 1024;
/// Bytes of answers waiting in one HTTP/2 stream.
const SEND_BUFFER: usize = 128 * 1024;
/// How long a stop waits for requests under way.
const STOP_LONGEST: Duration = Duration::from_secs(8);
/// After `accept` failed (no descriptors left).
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
/// Beyond the upstream's patience, before a connection with a request under way counts as dead.
const BUSY_MARGIN: Duration = Duration::from_secs(5);
/// Between two looks at whether a connection is idle.
const IDLE_LOOKS: u32 = 4;
/// The first byte of a TLS record that holds a handshake.
const TLS_HANDSHAKE: u8 = 0x16;

const PLAIN_HTTP: &str = "Ce port parle HTTPS : utilisez https://\nThis port speaks HTTPS: use https:// instead.\n";

/// The door's waits and bounds, from its section.
#[derive(Debug, Clone, Copy)]
struct Bounds {
    header_limit: usize,
    header_timeout: Duration,
    waits: Waits,
    connections_per_address: usize,
}

struct Shared {
    proxy: Arc<Proxy>,
    certificate: Arc<Certificate>,
    bounds: Bounds,
    shutdown: Shutdown,
    addresses: Mutex<HashMap<IpAddr, usize>>,
}

/// Serves until told to stop, then lets requests under way finish, at most eight seconds.
pub async fn serve(
    listener: TcpListener,
    section: &DoorSection,
    proxy: Arc<Proxy>,
    certificate: Arc<Certificate>,
    shutdown: Shutdown,
) {
    let idle = section.idle_timeout.get();
    let waits = Waits {
        head: section.header_timeout.get(),
        idle: idle + idle / IDLE_LOOKS * 2,
        busy: idle.max(section.upstream_timeout.get() + BUSY_MARGIN),
    };
    let bounds = Bounds {
        header_limit: section.header_limit.as_usize(),
        header_timeout: section.header_timeout.get(),
        waits,
        connections_per_address: section.connections_per_address,
    };
    let places = Arc::new(Semaphore::new(section.connections.min(Semaphore::MAX_PERMITS)));
    let shared = Arc::new(Shared { proxy, certificate, bounds, shutdown, addresses: Mutex::default() });
    let mut sweep = tokio::time::interval(Duration::from_secs(1));
    loop {
        let place = tokio::select! {
            () = shared.shutdown.told() => break,
            _ = sweep.tick() => {
                shared.proxy.sites.each(|pool| pool.sweep());
                continue;
            }
            place = places.clone().acquire_owned() => place.expect("this semaphore is never closed"),
        };
        let accepted = tokio::select! {
            () = shared.shutdown.told() => break,
            _ = sweep.tick() => {
                shared.proxy.sites.each(|pool| pool.sweep());
                continue;
            }
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, peer)) => {
                let shared = shared.clone();
                // A panic in here ends one connection: the task's own.
                tokio::spawn(async move { shared.welcome(stream, peer, idle, place).await });
            }
            Err(error) => {
                log::warn!(error = error.to_string().as_str(); "The door could not accept a connection");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
    drop(listener);
    let all = u32::try_from(section.connections.min(Semaphore::MAX_PERMITS)).unwrap_or(u32::MAX);
    if tokio::time::timeout(STOP_LONGEST, places.acquire_many(all)).await.is_err() {
        log::warn!("The door stopped while requests were still under way");
    }
}

/// One of an address's places; given back when dropped.
struct AddressPlace {
    shared: Arc<Shared>,
    address: IpAddr,
}

impl Drop for AddressPlace {
    fn drop(&mut self) {
        let mut addresses = self.shared.addresses.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = addresses.get_mut(&self.address) {
            *count -= 1;
            if *count == 0 {
                addresses.remove(&self.address);
            }
        }
        self.shared.proxy.counters.connections_open.down();
    }
}

/// Whom connections are counted for: an IPv4 address, or the /64 that one subscriber has.
pub(super) fn household(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
        }
    }
}

impl Shared {
    fn place_for(self: &Arc<Self>, address: IpAddr) -> Option<AddressPlace> {
        let address = household(address);
        let mut addresses = self.addresses.lock().unwrap_or_else(PoisonError::into_inner);
        let count = addresses.entry(address).or_insert(0);
        if *count >= self.bounds.connections_per_address {
            return None;
        }
        *count += 1;
        self.proxy.counters.connections_open.up();
        Some(AddressPlace { shared: self.clone(), address })
    }

    async fn welcome(
        self: Arc<Self>,
        stream: TcpStream,
        peer: SocketAddr,
        idle: Duration,
        _place: OwnedSemaphorePermit,
    ) {
        let client = peer.ip().to_canonical();
        let counters = &self.proxy.counters;
        counters.connections.up();
        let Some(_address_place) = self.place_for(client) else {
            counters.connections_refused.up();
            return;
        };
        let shaken = tokio::select! {
            () = self.shutdown.told() => return,
            shaken = tokio::time::timeout(self.bounds.header_timeout, self.shake_hands(stream)) => shaken,
        };
        match shaken {
            Ok(Ok(Some(stream))) => self.converse(stream, client, idle).await,
            Ok(Ok(None)) => counters.plain_http.up(),
            Ok(Err(error)) => {
                counters.handshakes_failed.up();
                log::debug!(error = error.to_string().as_str(); "A TLS handshake failed");
            }
            Err(_) => {
                counters.handshakes_failed.up();
                log::debug!("A TLS handshake took too long");
            }
        }
    }

    /// The TLS handshake; `None` when the client speaks plain HTTP, and was told.
    async fn shake_hands(&self, mut stream: TcpStream) -> io::Result<Option<TlsStream<TcpStream>>> {
        stream.set_nodelay(true)?;
        let mut first = [0];
        if stream.peek(&mut first).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        if first[0] != TLS_HANDSHAKE && first[0].is_ascii_alphabetic() {
            let length = PLAIN_HTTP.len();
            let head = format!(
                "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: {length}\r\n\
                 Connection: close\r\n\r\n"
            );
            stream.write_all(head.as_bytes()).await?;
            stream.write_all(PLAIN_HTTP.as_bytes()).await?;
            stream.shutdown().await?;
            // Unread bytes would turn the close into a reset that takes the answer with it.
            let mut rest = [0; 4096];
            while tokio::io::AsyncReadExt::read(&mut stream, &mut rest).await? > 0 {}
            return Ok(None);
        }
        TlsAcceptor::from(self.certificate.config.load_full()).accept(stream).await.map(Some)
    }

    async fn converse(&self, stream: TlsStream<TcpStream>, client: IpAddr, idle: Duration) {
        let http2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
        let pulse = Arc::new(Pulse::default());
        let stream = TokioIo::new(Guarded::new(stream, self.bounds.waits, pulse.clone(), !http2));
        let service = service_fn(|request| {
            let (proxy, pulse) = (self.proxy.clone(), pulse.clone());
            async move { proxy.serve(request, client, &pulse).await }
        });
        let ended = if http2 {
            let mut builder = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
            builder
                .timer(TokioTimer::new())
                .max_concurrent_streams(STREAMS_LIMIT)
                .max_header_list_size(u32::try_from(self.bounds.header_limit).unwrap_or(u32::MAX))
                .max_pending_accept_reset_streams(RESETS_LIMIT)
                .max_local_error_reset_streams(RESETS_LIMIT)
                .initial_stream_window_size(STREAM_WINDOW)
                .initial_connection_window_size(CONNECTION_WINDOW)
                .max_send_buf_size(SEND_BUFFER);
            let service = service_fn(|request| {
                let (proxy, pulse) = (self.proxy.clone(), pulse.clone());
                async move { proxy.serve(request, client, &pulse).await }
            });
            let connection = std::pin::pin!(builder.serve_connection(stream, service));
            self.follow(connection, &pulse, idle, |connection| connection.graceful_shutdown()).await
        } else {
            let mut builder = hyper::server::conn::http1::Builder::new();
            builder
                .timer(TokioTimer::new())
                // The stream has its own, which tells a slow head from an idle connection.
                .header_read_timeout(None)
                .half_close(false)
                .max_headers(HEADERS_LIMIT)
                .max_header_size(self.bounds.header_limit)
                .max_buf_size(self.bounds.header_limit.max(64 * 1024));
            let connection = std::pin::pin!(builder.serve_connection(stream, service));
            self.follow(connection, &pulse, idle, |connection| connection.graceful_shutdown()).await
        };
        if let Err(error) = ended {
            log::debug!(error = error.to_string().as_str(); "A connection ended with an error");
        }
    }

    /// Drives a connection to its end; asks it to finish when it is idle or the door stops.
    async fn follow<C>(
        &self,
        mut connection: std::pin::Pin<&mut C>,
        pulse: &Pulse,
        idle: Duration,
        finish: impl Fn(std::pin::Pin<&mut C>),
    ) -> hyper::Result<()>
    where
        C: Future<Output = hyper::Result<()>>,
    {
        let mut look = tokio::time::interval((idle / IDLE_LOOKS).max(Duration::from_millis(10)));
        let mut finishing = false;
        loop {
            tokio::select! {
                ended = connection.as_mut() => return ended,
                () = self.shutdown.told(), if !finishing => {
                    finishing = true;
                    finish(connection.as_mut());
                }
                _ = look.tick(), if !finishing => {
                    if pulse.is_idle(idle) {
                        finishing = true;
                        finish(connection.as_mut());
                    }
                }
            }
        }
    }
}
