//! The address under which browsers reach the server, on which cookies, redirects and strict transport security
//! depend.

use serde::{Deserialize, Serialize};
use std::fmt;
use url::Url;

/// `http` or `https`, a host and perhaps a port, without a closing slash.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PublicUrl(String);

impl PublicUrl {
    /// # Errors
    /// When it is not such an address; the message does not repeat it, as it may hold a password.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        let url = Url::parse(text).map_err(|_| "must be an address such as `https://synoptic.example`")?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err("must begin with `http://` or `https://`");
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err("must hold no user and no password");
        }
        if url.path() != "/" || url.query().is_some() || url.fragment().is_some() {
            return Err("must end with its host or port: the server is at the root of its address, not below a path");
        }
        Ok(Self(url.origin().ascii_serialization()))
    }

    #[must_use]
    pub fn is_https(&self) -> bool {
        self.0.starts_with("https://")
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for PublicUrl {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl TryFrom<String> for PublicUrl {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(&text)
    }
}

impl From<PublicUrl> for String {
    fn from(url: PublicUrl) -> Self {
        url.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_public_address_is_an_origin() {
        for (text, shown, is_https) in [
            ("https://synoptic.example", "https://synoptic.example", true),
            ("https://Synoptic.example:443/", "https://synoptic.example", true),
            ("http://localhost:8080", "http://localhost:8080", false),
        ] {
            let url = PublicUrl::parse(text).unwrap();
            assert_eq!((url.as_str(), url.is_https()), (shown, is_https));
        }
        for bad in [
            "synoptic.example",
            "ftp://synoptic.example",
            "https://me:hunter2@synoptic.example",
            "https://synoptic.example/below",
            "https://synoptic.example/?a=1",
            "https://synoptic.example/#a",
            "https://",
        ] {
            let fault = PublicUrl::parse(bad).unwrap_err();
            assert!(!fault.contains("hunter2"), "{fault}");
        }
    }
}
