//! The links to a server: its name, a connection, the proxy, TLS, and what time it is there.

use std::io::ErrorKind;
use std::time::Instant;

use reqwest::Url;
use tokio::net::TcpStream;

use super::finding;
use super::{Diagnosis, Gear, LINK_TIMEOUT, LinkKind};
use crate::domain::{Environment, Timestamp};
use crate::fault::Text;
use crate::net::resolver::{NameSource, ResolveError};
use crate::net::trace::{self, Certificate, Established, Handshake, TunnelError};

/// A clock that differs by more makes certificates and tokens fail, sooner or later.
const CLOCK_TOLERANCE_MS: u64 = 2 * 60 * 1000;

pub(super) fn is_same_place(one: &Url, other: &Url) -> bool {
    let place = |url: &Url| (url.scheme().to_owned(), url.host_str().map(str::to_owned), url.port_or_known_default());
    place(one) == place(other)
}

/// Walks to the server of `url`; whether it was reached.
pub(super) async fn walk(diagnosis: &mut Diagnosis, url: &Url, gear: &Gear) -> bool {
    let host = url.host_str().unwrap_or_default().to_owned();
    let port = url.port_or_known_default().unwrap_or(443);
    let proxy = gear.proxy.as_ref().filter(|proxy| proxy.covers(&host));
    let (next, next_port) = proxy.map_or((host.as_str(), port), |proxy| (proxy.host(), proxy.port()));
    if !name(diagnosis, gear, next, proxy.is_some()).await {
        return false;
    }
    let Some(stream) = connect(diagnosis, gear, next, next_port, proxy.is_some()).await else { return false };
    let stream = match proxy {
        None => stream,
        Some(proxy) => {
            let begun = Instant::now();
            match trace::tunnel(stream, proxy, &host, port, LINK_TIMEOUT).await {
                Ok(stream) => {
                    diagnosis.good(LinkKind::Proxy, Text::same(format!("{proxy} → {host}:{port}")), begun);
                    stream
                }
                Err(error) => {
                    let said = tunnel_said(&error).about(format!("{proxy} → {host}:{port}"));
                    diagnosis.broken(LinkKind::Proxy, said, begun, finding::tunnel(proxy, &host, port, &error));
                    return false;
                }
            }
        }
    };
    if url.scheme() != "https" {
        return true;
    }
    let Some(established) = encrypt(diagnosis, gear, &host, stream).await else { return false };
    clock(diagnosis, &host, url.path(), established).await;
    true
}

fn tunnel_said(error: &TunnelError) -> Text {
    match error {
        TunnelError::Status { by: Some(by), .. } => Text::same(format!("{error} ({by})")),
        TunnelError::Status { .. } => Text::same(error.to_string()),
        TunnelError::Io(error) => Text::from(error),
        TunnelError::Closed => Text::new("connexion fermée sans réponse", error.to_string()),
        TunnelError::NotHttp => Text::new("ce qui répond n'est pas un proxy HTTP", error.to_string()),
        TunnelError::TimedOut => Text::new("pas de réponse à temps", error.to_string()),
    }
}

async fn name(diagnosis: &mut Diagnosis, gear: &Gear, host: &str, is_proxy: bool) -> bool {
    let begun = Instant::now();
    let source = gear.resolver.source(host);
    let by = match &source {
        NameSource::Itself => Text::same(""),
        NameSource::File(path) => {
            Text::new(format!(" (d'après {})", path.display()), format!(" (by {})", path.display()))
        }
        NameSource::Servers(servers) => {
            let servers = servers.join(", ");
            Text::new(format!(" (serveur DNS {servers})"), format!(" (name server {servers})"))
        }
    };
    match gear.resolver.lookup(host).await {
        Ok(found) => {
            let found = found.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
            let said = Text::new(format!("{host} : {found}{}", by.fr), format!("{host}: {found}{}", by.en));
            diagnosis.good(LinkKind::Name, said, begun);
            true
        }
        Err(error) => {
            let said =
                Text::new(format!("{host}{} : {}", by.fr, name_said(&error).fr), format!("{host}{}: {error}", by.en));
            diagnosis.broken(LinkKind::Name, said, begun, finding::name(host, &error, is_proxy));
            false
        }
    }
}

fn name_said(error: &ResolveError) -> Text {
    let (fr, en) = match error {
        ResolveError::NoNameServer { .. } => ("aucun serveur DNS", "no name server"),
        ResolveError::NotAName(_) => ("ce n'est pas un nom d'hôte", "it is no host name"),
        ResolveError::NotFound(_) => ("ce nom n'existe pas", "the name does not exist"),
        ResolveError::TimedOut(_) => ("les serveurs DNS ne répondent pas", "the name servers do not answer"),
        ResolveError::Failed { .. } => ("la recherche a échoué", "the lookup failed"),
    };
    Text::technical(fr, en, error)
}

async fn connect(diagnosis: &mut Diagnosis, gear: &Gear, host: &str, port: u16, is_proxy: bool) -> Option<TcpStream> {
    let begun = Instant::now();
    let connected = gear.resolver.connect(host, port, LINK_TIMEOUT / 2).await;
    match connected {
        Ok(stream) => {
            let peer = stream.peer_addr().map_or_else(|_| String::new(), |peer| format!(" ({peer})"));
            let said = Text::same(format!("{host}:{port}{peer}"));
            diagnosis.good(LinkKind::Tcp, said, begun);
            Some(stream)
        }
        Err(error) => {
            let refused = error.kind() == ErrorKind::ConnectionRefused;
            let said = Text::technical(&format!("{host}:{port}"), &format!("{host}:{port}"), &error);
            diagnosis.broken(LinkKind::Tcp, said, begun, finding::unreachable(host, port, refused, is_proxy));
            None
        }
    }
}

async fn encrypt(diagnosis: &mut Diagnosis, gear: &Gear, host: &str, stream: TcpStream) -> Option<Established> {
    let begun = Instant::now();
    let extra_ca = gear.extra_ca.as_ref().map(|pem| pem.as_slice());
    let handshake = match trace::handshake(stream, host, extra_ca, LINK_TIMEOUT).await {
        Ok(handshake) => handshake,
        Err(error) => {
            let broken = trace::Broken { objection: None, no_tls: false, detail: error.to_string() };
            diagnosis.broken(LinkKind::Tls, error.text(), begun, finding::tls(host, &broken, None));
            return None;
        }
    };
    let Handshake { chain, by_extra_authority, outcome } = handshake;
    let leaf = chain.first();
    match outcome {
        Err(broken) => {
            let shown = leaf.map_or_else(|| Text::same(""), described);
            let said = Text::technical(&format!("{host}{}", shown.fr), &format!("{host}{}", shown.en), &broken.detail);
            diagnosis.broken(LinkKind::Tls, said, begun, finding::tls(host, &broken, leaf));
            None
        }
        Ok(established) => {
            let shown = leaf.map_or_else(|| Text::same(""), described);
            let version = &established.version;
            let said = Text::new(format!("{host}, {version}{}", shown.fr), format!("{host}, {version}{}", shown.en));
            match leaf {
                Some(leaf) if by_extra_authority && gear.environment != Environment::Practice => {
                    diagnosis.doubtful(LinkKind::Tls, said, begun, finding::inspected(&leaf.issuer));
                }
                _ => diagnosis.good(LinkKind::Tls, said, begun),
            }
            Some(established)
        }
    }
}

fn described(certificate: &Certificate) -> Text {
    let Certificate { subject, issuer, from, to } = certificate;
    let (from, to) = (from.paris_date(), to.paris_date());
    Text::new(
        format!(", certificat de « {subject} » émis par « {issuer} », valable du {from} au {to}"),
        format!(", certificate of \"{subject}\" issued by \"{issuer}\", valid {from} to {to}"),
    )
}

/// A server that does not say its time leaves no link.
async fn clock(diagnosis: &mut Diagnosis, host: &str, path: &str, established: Established) {
    let begun = Instant::now();
    let Some(theirs) = established.clock(host, path, LINK_TIMEOUT / 2).await else { return };
    let ours = Timestamp::now();
    let off = ours.millis().abs_diff(theirs.millis());
    let seconds = off / 1000;
    if off > CLOCK_TOLERANCE_MS {
        let said = Text::new(
            format!("cette machine : {} ; {host} : {}", ours.paris_text(), theirs.paris_text()),
            format!("this machine: {}; {host}: {}", ours.paris_text(), theirs.paris_text()),
        );
        diagnosis.doubtful(LinkKind::Clock, said, begun, finding::clock(seconds));
    } else {
        let said = Text::new(format!("à {seconds} s près"), format!("within {seconds} s"));
        diagnosis.good(LinkKind::Clock, said, begun);
    }
}
