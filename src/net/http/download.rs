//! A large file by GET, piece by piece: bounded in bytes and in time, never by way of another address.

use std::time::{Duration, Instant};

use bytes::Bytes;
use reqwest::header::{
    ACCEPT_ENCODING, ETAG, HeaderMap, HeaderValue, IF_MODIFIED_SINCE, IF_NONE_MATCH, LAST_MODIFIED, LOCATION,
};
use reqwest::{Response, StatusCode, Url};
use serde::{Deserialize, Serialize};

use super::{Client, DETAIL_LIMIT, SendError, classify, root_cause};
use crate::fault::Text;

/// Bytes of a validator that is kept, at most.
const VALIDATOR_LIMIT: usize = 256;

/// What is asked for.
#[derive(Debug)]
pub struct Wanted<'a> {
    pub url: &'a Url,
    /// The state that is known already.
    pub known: &'a Validators,
    /// Bytes of the file, at most.
    pub limit: u64,
    /// From the first byte asked to the last one read.
    pub longest: Duration,
}

/// What a server calls the state of a file (RFC 9110 §8.8).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Validators {
    pub etag: Option<String>,
    pub modified: Option<String>,
}

impl Validators {
    fn of(headers: &HeaderMap) -> Self {
        let text = |name| {
            let text = headers.get(name).and_then(|value| value.to_str().ok())?;
            (text.len() <= VALIDATOR_LIMIT).then(|| text.to_owned())
        };
        Self { etag: text(ETAG), modified: text(LAST_MODIFIED) }
    }

    /// As conditions of a request.
    fn conditions(&self) -> HeaderMap {
        let mut headers = HeaderMap::new();
        // The file is wanted as it is, byte for byte.
        headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        let known = [(IF_NONE_MATCH, &self.etag), (IF_MODIFIED_SINCE, &self.modified)];
        for (name, value) in known {
            if let Some(value) = value.as_deref().and_then(|value| HeaderValue::from_str(value).ok()) {
                headers.insert(name, value);
            }
        }
        headers
    }
}

/// Why a file did not come. Details hold nothing of it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DownloadError {
    #[error(transparent)]
    Send(#[from] SendError),
    #[error("the answer leads to {to:?}")]
    Redirected { to: String },
    #[error("HTTP {0}")]
    Status(u16),
    #[error("larger than {limit} bytes")]
    TooLarge { limit: u64 },
    #[error("broke off after {bytes} bytes: {detail}")]
    Cut { bytes: u64, detail: String },
    #[error("not a byte for {} s", .0.as_secs())]
    Stalled(Duration),
    #[error("not at its end within {} s", .0.as_secs())]
    TooSlow(Duration),
}

impl DownloadError {
    /// For people.
    pub fn text(&self) -> Text {
        match self {
            DownloadError::Send(SendError::NotSent { stage, detail }) => stage.text(detail),
            DownloadError::Send(SendError::Lost { detail }) => {
                Text::technical("le serveur n'a pas répondu", "the server did not answer", detail)
            }
            DownloadError::Redirected { to } => Text::new(
                format!("le serveur renvoie à {to}, ce qui n'est pas suivi : écrivez cette adresse-là"),
                format!("the server leads to {to}, which is not followed: write that address"),
            ),
            DownloadError::Status(status) => {
                Text::new(format!("le serveur a répondu HTTP {status}"), format!("the server answered HTTP {status}"))
            }
            DownloadError::TooLarge { limit } => Text::new(
                format!("le fichier fait plus de {limit} octets"),
                format!("the file is larger than {limit} bytes"),
            ),
            DownloadError::Cut { bytes, detail } => Text::technical(
                &format!("le fichier s'interrompt après {bytes} octets"),
                &format!("the file breaks off after {bytes} bytes"),
                detail,
            ),
            DownloadError::Stalled(span) => Text::new(
                format!("plus un octet n'est venu pendant {} s", span.as_secs()),
                format!("not a byte came for {} s", span.as_secs()),
            ),
            DownloadError::TooSlow(span) => Text::new(
                format!("le fichier n'était pas entier après {} s", span.as_secs()),
                format!("the file was not whole after {} s", span.as_secs()),
            ),
        }
    }
}

/// A file on its way.
#[derive(Debug)]
pub struct Download {
    response: Response,
    /// Bytes of the whole, where the server tells.
    pub length: Option<u64>,
    pub validators: Validators,
    came: u64,
    limit: u64,
    idle: Duration,
    longest: Duration,
    end: Instant,
}

impl Client {
    /// Asks for a file, of which nothing is read yet; `None`: it is the one that is known.
    pub async fn download(&self, wanted: Wanted<'_>) -> Result<Option<Download>, DownloadError> {
        let Wanted { url, known, limit, longest } = wanted;
        let end = Instant::now() + longest;
        let through = self.proxy.as_ref().is_some_and(|p| p.covers(url.host_str().unwrap_or_default()));
        let asked = self.alone.get(url.clone()).headers(known.conditions()).timeout(longest).send();
        let response = match tokio::time::timeout(self.timeout, asked).await {
            Ok(sent) => sent.map_err(|error| classify(&error, through, longest))?,
            Err(_) => return Err(DownloadError::Stalled(self.timeout)),
        };
        match response.status() {
            StatusCode::OK => {}
            StatusCode::NOT_MODIFIED => return Ok(None),
            status if status.is_redirection() => {
                let to = response.headers().get(LOCATION).and_then(|to| to.to_str().ok()).unwrap_or_default();
                let shown = to.chars().filter(|c| !c.is_control()).take(DETAIL_LIMIT).collect();
                return Err(DownloadError::Redirected { to: shown });
            }
            status => return Err(DownloadError::Status(status.as_u16())),
        }
        let length = response.content_length();
        if length.is_some_and(|length| length > limit) {
            return Err(DownloadError::TooLarge { limit });
        }
        let validators = Validators::of(response.headers());
        Ok(Some(Download { response, length, validators, came: 0, limit, idle: self.timeout, longest, end }))
    }
}

impl Download {
    /// The next piece; `None` at the end of a whole file.
    pub async fn next(&mut self) -> Result<Option<Bytes>, DownloadError> {
        let left = self.end.saturating_duration_since(Instant::now());
        let piece = match tokio::time::timeout(self.idle.min(left), self.response.chunk()).await {
            Ok(Ok(piece)) => piece,
            Ok(Err(error)) if error.is_timeout() => return Err(DownloadError::TooSlow(self.longest)),
            Ok(Err(error)) => return Err(DownloadError::Cut { bytes: self.came, detail: root_cause(&error) }),
            Err(_) if left <= self.idle => return Err(DownloadError::TooSlow(self.longest)),
            Err(_) => return Err(DownloadError::Stalled(self.idle)),
        };
        self.came += piece.as_ref().map_or(0, |piece| u64::try_from(piece.len()).unwrap_or(u64::MAX));
        if self.came > self.limit {
            return Err(DownloadError::TooLarge { limit: self.limit });
        }
        Ok(piece)
    }
}
