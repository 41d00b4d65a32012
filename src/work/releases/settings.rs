//! `[update]`: where the appliance's releases come from, beside the page.

use std::path::PathBuf;

use reqwest::Url;
use serde::Deserialize;

use crate::domain::{AccountName, Duration};
use crate::fault::Text;
use crate::work::connector::SettingsError;

/// The shortest time between two looks.
const EVERY_LEAST: Duration = Duration::from_secs(3600);

/// `[update]`
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct UpdateSection {
    /// Where the newest release lies; `https` only.
    pub url: Option<String>,
    /// Extra authorities, PEM.
    pub ca_file: Option<PathBuf>,
    /// Between two looks at `url`.
    pub every: Duration,
    /// Who may drop a release, into its folder `/mise-a-jour`.
    pub account: Option<AccountName>,
}

impl Default for UpdateSection {
    fn default() -> Self {
        Self { url: None, ca_file: None, every: Duration::from_secs(24 * 3600), account: None }
    }
}

impl UpdateSection {
    /// Everything that is wrong with the values, for `config check`.
    pub fn problems(&self) -> Vec<SettingsError> {
        let wrong = |key, fr: &str, en: &str| SettingsError { key, reason: Text::new(fr, en) };
        let url = self.url.as_ref().filter(|_| self.address().is_none()).map(|_| {
            wrong(
                "url",
                "doit être une adresse https, sans identifiant ni mot de passe, comme https://miroir.univ.fr/fluxgate.update",
                "must be an https address without a user or a password, such as https://mirror.univ.fr/fluxgate.update",
            )
        });
        let every =
            (self.every < EVERY_LEAST).then(|| wrong("every", "doit être d'au moins 1h", "must be at least 1h"));
        url.into_iter().chain(every).collect()
    }

    /// The address to look at, if there is one and it is sound.
    pub fn address(&self) -> Option<Url> {
        let url = self.url.as_ref()?.parse::<Url>().ok()?;
        let is_bare = url.username().is_empty() && url.password().is_none();
        (url.scheme() == "https" && url.has_host() && is_bare && url.fragment().is_none()).then_some(url)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_https_and_carries_no_secret() {
        let problems = |text: &str| {
            let section = toml::from_str::<UpdateSection>(text).unwrap();
            section.problems().into_iter().map(|problem| problem.key).collect::<Vec<_>>()
        };
        assert_eq!(problems(""), [""; 0]);
        assert_eq!(problems("url = \"https://miroir.univ.fr:8443/x.update\"\nevery = \"1h\""), [""; 0]);
        for bad in ["http://miroir.univ.fr/x", "https://me:secret@miroir.univ.fr/x", "miroir.univ.fr/x", "https://m/#x"]
        {
            assert_eq!(problems(&format!("url = {bad:?}")), ["url"], "{bad}");
        }
        assert_eq!(problems("every = \"10min\""), ["every"]);
    }
}
