//! `[auth.oidc]`, checked: the provider, and the rules by which those who come from it are let in.

use crate::{
    config::{Oidc as Settings, Secret},
    credentials::oidc::{self, ClientId, ClientSecret, IssuerUrl, Provider, RedirectUrl, is_secure},
    domain::permissions::Role,
};
use std::{collections::BTreeMap, sync::Arc};

/// Where the provider sends browsers back to.
pub const CALLBACK: &str = "/auth/oidc/callback";

/// A provider that can be signed in with.
pub struct Setup {
    pub(super) provider: Arc<Provider>,
    pub(super) rules: Arc<Rules>,
}

/// Who is let in, and as what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rules {
    /// What the button on the sign-in page says.
    pub name: String,
    /// Where browsers reach this server, without a closing slash.
    pub base_url: String,
    pub create_users: bool,
    /// Whether the provider says what role somebody has, at every sign-in.
    pub role_is_claimed: bool,
    pub roles: BTreeMap<String, Role>,
    pub default_role: Role,
}

impl Setup {
    /// Checks the settings. Nothing is fetched yet: the server starts while the provider is down.
    ///
    /// # Errors
    /// What is wrong with which setting, in words.
    pub fn new(settings: &Settings, base_url: Option<String>) -> Result<Self, String> {
        let base_url = base_url.ok_or(
            "`auth.oidc` needs `server.public_url`, the address under which browsers reach this server: the provider sends \
             them back there",
        )?;
        let issuer = IssuerUrl::new(settings.issuer.clone())
            .map_err(|_| "`auth.oidc.issuer` must be an address such as `https://accounts.example`")?;
        if !is_secure(issuer.url()) {
            return Err(
                "`auth.oidc.issuer` must begin with `https://`; `http://` is for providers on this machine".to_owned(),
            );
        }
        if settings.client_id.trim().is_empty() {
            return Err(
                "`auth.oidc.client_id` must not be empty; the provider gives it when this server is registered"
                    .to_owned(),
            );
        }
        if settings.role_claim.is_none() && !settings.roles.is_empty() {
            return Err("`auth.oidc.roles` needs `auth.oidc.role_claim`, the claim whose values it lists".to_owned());
        }
        let redirect_uri = RedirectUrl::new(format!("{base_url}{CALLBACK}"))
            .map_err(|_| "`server.public_url` must be an address such as `https://synoptic.example`")?;
        let rules = Rules {
            name: settings.name.clone(),
            base_url,
            create_users: settings.create_users,
            role_is_claimed: settings.role_claim.is_some(),
            roles: roles(&settings.roles)?,
            default_role: role("default_role", &settings.default_role)?,
        };
        let secret = settings.client_secret.as_ref().map(Secret::reveal);
        let provider = Provider::new(oidc::Settings {
            issuer,
            client_id: ClientId::new(settings.client_id.clone()),
            client_secret: secret
                .filter(|secret| !secret.is_empty())
                .map(|secret| ClientSecret::new(secret.to_owned())),
            redirect_uri,
            scopes: settings.scopes.clone(),
            role_claim: settings.role_claim.clone(),
            trust_email: settings.trust_email,
        });
        let provider = provider
            .map_err(|error| format!("`auth.oidc` cannot be used, as no TLS connection can be made: {error:?}"))?;
        Ok(Self {
            provider: Arc::new(provider),
            rules: Arc::new(rules),
        })
    }
}

impl Rules {
    /// The highest role that the claim's values mean.
    #[must_use]
    pub fn role(&self, claimed: &[String]) -> Role {
        let meant = claimed.iter().filter_map(|value| self.roles.get(value).copied());
        meant.max().unwrap_or(self.default_role)
    }
}

fn roles(settings: &BTreeMap<String, String>) -> Result<BTreeMap<String, Role>, String> {
    let checked = settings
        .iter()
        .map(|(value, name)| Ok((value.clone(), role(&format!("roles.{value}"), name)?)));
    checked.collect()
}

fn role(setting: &str, name: &str) -> Result<Role, String> {
    name.parse().map_err(|wrong| format!("`auth.oidc.{setting}` {wrong}"))
}

/// Where the browser goes after a sign-in: an address of ours, whatever was asked for. Browsers read `//` and `/\` as the
/// beginning of another host, and leave out tabs and line ends before they read.
#[must_use]
pub fn return_to(asked: Option<&str>) -> &str {
    const ELSE: &str = "/docs";
    const LONGEST: usize = 2_000;
    let ours = |path: &str| {
        let mut bytes = path.bytes();
        bytes.next() == Some(b'/')
            && !matches!(bytes.next(), Some(b'/' | b'\\'))
            && path.len() <= LONGEST
            && path.bytes().all(|byte| byte.is_ascii_graphic())
    };
    asked.filter(|path| ours(path)).unwrap_or(ELSE)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules() -> Rules {
        let roles = [
            ("readers", Role::Viewer),
            ("writers", Role::Editor),
            ("owners", Role::Admin),
        ];
        Rules {
            name: "Accounts".to_owned(),
            base_url: "https://synoptic.example".to_owned(),
            create_users: true,
            role_is_claimed: true,
            roles: roles.map(|(value, role)| (value.to_owned(), role)).into(),
            default_role: Role::Viewer,
        }
    }

    fn settings(change: &str) -> Settings {
        let fixed = "issuer = \"https://accounts.example\"\nclient_id = \"synoptic\"\n";
        let mut table: toml::Table = fixed.parse().unwrap();
        table.extend(change.parse::<toml::Table>().unwrap());
        table.try_into().unwrap()
    }

    #[test]
    fn the_highest_of_the_claimed_roles_counts() {
        let role = |claimed: &[&str]| {
            let claimed: Vec<String> = claimed.iter().map(|value| (*value).to_owned()).collect();
            rules().role(&claimed)
        };
        assert_eq!(role(&["writers", "readers"]), Role::Editor);
        assert_eq!(role(&["readers", "owners", "writers"]), Role::Admin);
        assert_eq!(
            role(&["somebody", "admin"]),
            Role::Viewer,
            "only what is listed means a role"
        );
        assert_eq!(role(&[]), Role::Viewer);
    }

    #[test]
    fn a_sign_in_ends_at_an_address_of_ours() {
        for ours in [
            "/",
            "/docs",
            "/docs#/Documents/listDocuments",
            "/sign-in?return_to=/docs",
            "/a//b",
        ] {
            assert_eq!(return_to(Some(ours)), ours);
        }
        for others in [
            "",
            "docs",
            "//evil.example",
            "/\\evil.example",
            "/\t/evil.example",
            "/\n/evil.example",
            "\t//evil.example",
            " /docs",
            "/docs\r\nSet-Cookie: a=b",
            "https://evil.example",
            "javascript:alert(1)",
            "/é",
            "/a b",
        ] {
            assert_eq!(return_to(Some(others)), "/docs", "{others:?}");
        }
        assert_eq!(return_to(Some(&format!("/{}", "a".repeat(2_000)))), "/docs");
        assert_eq!(return_to(None), "/docs");
    }

    #[test]
    fn what_is_wrong_with_the_settings_is_said_at_the_start() {
        drop(rustls::crypto::ring::default_provider().install_default());
        let base = || Some("https://synoptic.example".to_owned());
        let setup = Setup::new(&settings("[roles]\nowners = \"admin\"\n").with_claim(), base()).unwrap();
        assert_eq!(setup.rules.role(&["owners".to_owned()]), Role::Admin);
        assert_eq!(
            setup.provider.settings().redirect_uri.as_str(),
            "https://synoptic.example/auth/oidc/callback"
        );
        for (change, setting) in [
            ("issuer = \"accounts.example\"", "auth.oidc.issuer"),
            ("issuer = \"http://accounts.example\"", "auth.oidc.issuer"),
            ("client_id = \" \"", "auth.oidc.client_id"),
            ("default_role = \"owner\"", "auth.oidc.default_role"),
            (
                "role_claim = \"role\"\n[roles]\nowners = \"root\"",
                "auth.oidc.roles.owners",
            ),
            ("[roles]\nowners = \"admin\"", "auth.oidc.role_claim"),
        ] {
            let fault = Setup::new(&settings(change), base()).err().unwrap();
            assert!(fault.contains(setting), "{fault}");
        }
        let fault = Setup::new(&settings(""), None).err().unwrap();
        assert!(fault.contains("server.public_url"), "{fault}");
    }

    trait WithClaim {
        fn with_claim(self) -> Self;
    }

    impl WithClaim for Settings {
        fn with_claim(mut self) -> Self {
            self.role_claim = Some("role".to_owned());
            self
        }
    }
}
