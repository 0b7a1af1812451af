//! `[cors]`: which web pages of other origins may use the API from a browser. None by default.

use serde::{Deserialize, Serialize};
use url::Url;

/// Stands for every origin.
const ANY: &str = "*";

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Cors {
    /// Origins as browsers send them (`https://app.example`), or `*` alone for every origin.
    #[serde(deserialize_with = "origins")]
    pub allowed_origins: Vec<Origin>,
    /// Whether a browser may send the cookie of a sign-in along.
    pub allow_credentials: bool,
}

impl Cors {
    #[must_use]
    pub fn allows_any(&self) -> bool {
        self.allowed_origins.iter().any(|origin| origin.0 == ANY)
    }

    /// What cannot be meant, in words.
    pub(super) fn fault(&self) -> Option<&'static str> {
        if self.allows_any() && self.allow_credentials {
            return Some(
                "`cors.allowed_origins` cannot be `*` while `cors.allow_credentials` is true: every page of the web could act \
                 as whoever is signed in; list the origins",
            );
        }
        if self.allows_any() && self.allowed_origins.len() > 1 {
            return Some("`cors.allowed_origins` is either `*` alone or a list of origins");
        }
        None
    }
}

/// A scheme, a host and perhaps a port (RFC 6454), written as a browser writes it; or `*`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Origin(String);

impl Origin {
    /// # Errors
    /// When it is not written as a browser would.
    pub fn parse(text: &str) -> Result<Self, String> {
        let written = Url::parse(text).map(|url| url.origin().ascii_serialization());
        let is_exact = !text.contains('*') && written.is_ok_and(|written| written == text);
        if text == ANY || is_exact {
            return Ok(Self(text.to_owned()));
        }
        Err(format!(
            "{text:?} is no origin as browsers send them: scheme, host and perhaps a port, in lower case and without a path \
             or a closing slash, such as `https://app.example`"
        ))
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn origins<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Vec<Origin>, D::Error> {
    let texts = Vec::<String>::deserialize(deserializer)?;
    let given = texts.iter().map(|text| text.trim()).filter(|text| !text.is_empty());
    given
        .map(|text| Origin::parse(text).map_err(serde::de::Error::custom))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_written_as_a_browser_sends_it() {
        for good in [
            "*",
            "https://app.example",
            "http://localhost:3000",
            "https://[::1]:8443",
        ] {
            assert_eq!(Origin::parse(good).unwrap().as_str(), good);
        }
        for bad in [
            "",
            "null",
            "app.example",
            "https://app.example/",
            "https://App.example",
            "https://app.example:443",
            "https://*.app.example",
            "file:///x",
        ] {
            assert!(Origin::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn every_origin_and_credentials_do_not_go_together() {
        let cors = |origins: &[&str], allow_credentials| Cors {
            allowed_origins: origins.iter().map(|text| Origin::parse(text).unwrap()).collect(),
            allow_credentials,
        };
        assert_eq!(cors(&["*"], false).fault(), None);
        assert_eq!(cors(&["https://app.example"], true).fault(), None);
        assert!(
            cors(&["*"], true)
                .fault()
                .is_some_and(|fault| fault.contains("list the origins"))
        );
        assert!(cors(&["*", "https://app.example"], false).fault().is_some());
    }
}
