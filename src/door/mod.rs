//! Front: the reverse proxy. TLS, HTTP/1.1 and HTTP/2 in, HTTP/1.1 to the upstreams, everything bounded.
//!
//! Promises: bodies are streamed and never held; a head or a body beyond its limit, a client or an upstream beyond its
//! time is cut; an upstream hears only this door's word about who asks; nothing that may change something is sent twice.
//! Refuses to know: Chorus Pro, the store, accounts, what an upstream serves.

mod body;
pub mod certificate;
pub mod counters;
mod excuse;
mod forward;
pub mod head;
mod listener;
pub mod metrics;
mod page;
mod pool;
mod proxy;
pub mod settings;
pub mod site;
mod stream;

use std::path::PathBuf;
use std::sync::Arc;

use tokio::net::TcpListener;

pub use certificate::{Certificate, CertificateError, CertificateFiles};
pub use counters::Counters;
pub use settings::{DoorSection, SiteSection};

use crate::net::resolver::Resolver;
use crate::os::signals::Shutdown;

/// Everything the door needs from its process.
pub struct Door {
    pub section: DoorSection,
    pub certificate: Arc<Certificate>,
    /// Core's socket, where the page answers.
    pub page_socket: PathBuf,
    pub resolver: Resolver,
    pub counters: Arc<Counters>,
}

/// Serves until told to stop; requests under way are finished.
pub async fn serve(listener: TcpListener, door: Door, shutdown: Shutdown) {
    let Door { section, certificate, page_socket, resolver, counters } = door;
    let patience = section.upstream_timeout.get();
    let sites = section
        .site
        .iter()
        .map(|site| (site.host.clone(), site.path.clone(), pool::Pool::new(site.upstream.clone(), resolver.clone())));
    // Browsers hold a promise of HTTPS against a certificate they do not trust: then nobody gets in any more.
    let trusted = section.certificate_file.is_some();
    let proxy = proxy::Proxy {
        sites: site::Sites::new(sites),
        page: page::Page::new(page_socket, patience, trusted),
        counters: counters.clone(),
        body_limit: Some(section.body_limit.bytes()).filter(|limit| *limit > 0),
        upstream_patience: patience,
    };
    let reloading = tokio::spawn(certificate.clone().follow(counters, shutdown.clone()));
    listener::serve(listener, &section, Arc::new(proxy), certificate, shutdown).await;
    reloading.abort();
}
