//! What the door counts, for `/metrics`.

use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};

/// One number that many tasks change.
#[derive(Debug, Default)]
pub struct Count(AtomicU64);

impl Count {
    pub fn up(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    pub fn down(&self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }

    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// The door's numbers since its start.
#[derive(Debug, Default)]
pub struct Counters {
    pub connections: Count,
    /// Open now.
    pub connections_open: Count,
    /// Closed at once: too many from one address.
    pub connections_refused: Count,
    pub handshakes_failed: Count,
    /// Plain HTTP on the TLS port.
    pub plain_http: Count,
    pub requests_page: Count,
    pub requests_site: Count,
    /// Answers by the first digit of their status: 1xx to 5xx.
    pub answers: [Count; 5],
    /// Requests that no upstream answered.
    pub upstream_failures: Count,
    /// Requests refused as malformed or ambiguous.
    pub requests_malformed: Count,
    pub certificate_reloads: Count,
}

impl Counters {
    pub fn note_status(&self, status: hyper::StatusCode) {
        if let Some(count) = self.answers.get(usize::from(status.as_u16() / 100).saturating_sub(1)) {
            count.up();
        }
    }

    /// In Prometheus' text form.
    pub fn text(&self) -> String {
        let mut text = String::new();
        let mut family = |name: &str, kind: &str, help: &str, rows: &[(&str, u64)]| {
            let _ = writeln!(text, "# HELP fluxgate_door_{name} {help}\n# TYPE fluxgate_door_{name} {kind}");
            for (labels, value) in rows {
                let _ = writeln!(text, "fluxgate_door_{name}{labels} {value}");
            }
        };
        family("connections_total", "counter", "Connections taken.", &[("", self.connections.get())]);
        family("connections_open", "gauge", "Connections open now.", &[("", self.connections_open.get())]);
        let refused = self.connections_refused.get();
        family("connections_refused_total", "counter", "Closed at once: too many from one address.", &[("", refused)]);
        let failed = self.handshakes_failed.get();
        family("tls_handshakes_failed_total", "counter", "TLS handshakes that failed.", &[("", failed)]);
        family("plain_http_total", "counter", "Plain HTTP on the TLS port.", &[("", self.plain_http.get())]);
        let requests = [
            (r#"{to="page"}"#, self.requests_page.get()),
            (r#"{to="site"}"#, self.requests_site.get()),
            (r#"{to="nobody"}"#, self.requests_malformed.get()),
        ];
        family("requests_total", "counter", "Requests by where they went; nobody: malformed.", &requests);
        let labels = [r#"{code="1xx"}"#, r#"{code="2xx"}"#, r#"{code="3xx"}"#, r#"{code="4xx"}"#, r#"{code="5xx"}"#];
        let answers: Vec<(&str, u64)> = labels.into_iter().zip(self.answers.iter().map(Count::get)).collect();
        family("answers_total", "counter", "Answers by the class of their status.", &answers);
        let failures = self.upstream_failures.get();
        family("upstream_failures_total", "counter", "Requests that no upstream answered.", &[("", failures)]);
        let reloads = self.certificate_reloads.get();
        family("certificate_reloads_total", "counter", "Certificates taken into use while running.", &[("", reloads)]);
        text
    }
}
