//! The sign-in page: e-mail address and password, and a button for the provider when there is one.

use super::{STYLE, escaped, filled, oidc};

/// The page as it is sent, the same for everybody, so that its script can be named by its hash. The provider is given by its
/// name and the address under which browsers reach this server.
#[must_use]
pub fn page(provider: Option<(&str, &str)>) -> String {
    let button = provider.map_or(String::new(), |(name, base)| {
        // The whole address: the sign-in must come back to the host that it began at, where its cookie is.
        format!(
            "    <a class=\"button second\" id=\"provider\" href=\"{}{}\">Continue with {}</a>\n    <p class=\"or\">or</p>\n",
            escaped(base),
            oidc::START,
            escaped(name),
        )
    });
    filled(include_str!("sign_in.html"), &[("style", STYLE), ("provider", &button)])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_provider_has_a_button_when_there_is_one() {
        let page_without = page(None);
        assert!(!page_without.contains("Continue with") && !page_without.contains("{{"));
        let with = page(Some(("Acme <SSO>", "https://synoptic.example")));
        assert!(with.contains("href=\"https://synoptic.example/auth/oidc/start\">Continue with Acme &lt;SSO&gt;</a>"));
        assert_eq!(
            with.matches("<script").count(),
            1,
            "one script, to be named by its hash"
        );
    }
}
