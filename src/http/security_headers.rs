//! What every answer tells a browser: not to guess, not to frame, not to send our addresses elsewhere, to load nothing, and what it
//! may keep.

use super::Context;
use base64::{Engine, prelude::BASE64_STANDARD};
use poem::{
    Endpoint, IntoResponse, Request, Response, Result,
    http::{
        HeaderName, HeaderValue,
        header::{
            CACHE_CONTROL, CONTENT_SECURITY_POLICY, ETAG, REFERRER_POLICY, STRICT_TRANSPORT_SECURITY,
            X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
        },
    },
};
use sha2::{Digest, Sha256};
use std::{fmt::Write, sync::Arc};

/// Under what answers hold what belongs to somebody.
const PROTECTED: &str = "/api/";
const FIXED: [(HeaderName, HeaderValue); 6] = [
    (X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    (X_FRAME_OPTIONS, HeaderValue::from_static("DENY")),
    (REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    (
        HeaderName::from_static("cross-origin-opener-policy"),
        HeaderValue::from_static("same-origin"),
    ),
    (
        HeaderName::from_static("cross-origin-resource-policy"),
        HeaderValue::from_static("same-origin"),
    ),
    (
        HeaderName::from_static("permissions-policy"),
        HeaderValue::from_static("camera=(), geolocation=(), microphone=(), payment=(), usb=()"),
    ),
];
/// For what is no page.
const NOTHING: HeaderValue = HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'");
/// A year. Sub-domains are not ours to speak for.
const HTTPS_ONLY: HeaderValue = HeaderValue::from_static("max-age=31536000");
/// May be kept by the browser that asked, and asked about each time.
const KEEP_AND_ASK: HeaderValue = HeaderValue::from_static("private, no-cache");
const DO_NOT_KEEP: HeaderValue = HeaderValue::from_static("no-store");

pub async fn around<E: Endpoint>(context: Arc<Context>, next: Arc<E>, request: Request) -> Result<Response> {
    let is_protected = request.uri().path().starts_with(PROTECTED);
    let mut response = next.call(request).await?.into_response();
    let is_error = response.status().is_client_error() || response.status().is_server_error();
    let headers = response.headers_mut();
    for (name, value) in FIXED {
        headers.insert(name, value);
    }
    headers.entry(CONTENT_SECURITY_POLICY).or_insert(NOTHING);
    if context.limits.is_https() {
        headers.insert(STRICT_TRANSPORT_SECURITY, HTTPS_ONLY);
    }
    if is_protected || is_error {
        let keeping = if headers.contains_key(ETAG) && !is_error {
            KEEP_AND_ASK
        } else {
            DO_NOT_KEEP
        };
        headers.entry(CACHE_CONTROL).or_insert(keeping);
    }
    Ok(response)
}

/// The policy of a page that holds its scripts: these run, named by their hashes, and no others. Styles may stand anywhere, as
/// Swagger UI sets them on its elements.
#[must_use]
pub fn page_policy(html: &str) -> String {
    let mut policy = "default-src 'none'; script-src".to_owned();
    for script in inline_scripts(html) {
        // A browser reads every end of a line as a line feed, before it hashes.
        let read = script.replace("\r\n", "\n").replace('\r', "\n");
        let hash = BASE64_STANDARD.encode(Sha256::digest(read));
        let _ = write!(policy, " 'sha256-{hash}'");
    }
    policy.push_str(
        "; style-src 'unsafe-inline'; img-src data:; connect-src 'self'; base-uri 'none'; form-action 'none'; \
         frame-ancestors 'none'",
    );
    policy
}

/// What stands between `<script …>` and `</script>`.
fn inline_scripts(html: &str) -> Vec<&str> {
    let mut scripts = Vec::new();
    let mut rest = html;
    while let Some((_, opened)) = rest.split_once("<script") {
        let Some((script, after)) = opened
            .split_once('>')
            .and_then(|(_, body)| body.split_once("</script>"))
        else {
            break;
        };
        scripts.push(script);
        rest = after;
    }
    scripts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_may_run_its_own_scripts_and_no_others() {
        let page = "<style>a{}</style><script charset=\"UTF-8\">let a = '<script>';\r\n</script><p><script>b</script>";
        assert_eq!(inline_scripts(page), ["let a = '<script>';\r\n", "b"]);
        let policy = page_policy(page);
        // echo -n b | openssl dgst -sha256 -binary | base64
        assert!(
            policy.contains(" 'sha256-PiPoFgA5WUoziU9lZOGxNIu9egCI1CxKy3PurtWcAJ0='; style-src"),
            "{policy}"
        );
        let unix = page_policy(&page.replace("\r\n", "\n"));
        assert_eq!(policy, unix);
    }
}
