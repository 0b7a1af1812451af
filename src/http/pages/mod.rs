//! The pages for people in a browser: signing in, by password or through a provider, and what stands around Swagger UI.

mod oidc;
mod sign_in;
pub mod swagger;

use super::security_headers::page_policy;
use crate::{
    auth::{ClientAddress, cookies},
    services::{Services, sign_in::Origin},
    telemetry::trace_id,
};
use poem::{
    Request, Response, Route,
    endpoint::{make, make_sync},
    get,
    http::{
        StatusCode,
        header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, LOCATION, SET_COOKIE},
    },
};

const STYLE: &str = include_str!("page.css");

/// Adds the pages' routes.
pub fn add_to(routes: Route, services: &Services, cookies: cookies::Names) -> Route {
    let provider = services.oidc.as_ref();
    let html = sign_in::page(provider.map(|oidc| (oidc.name(), oidc.base_url())));
    let policy = page_policy(&html);
    let pages = oidc::Pages {
        oidc: services.oidc.clone(),
        cookies,
    };
    let (at_start, at_callback) = (pages.clone(), pages);
    routes
        .at(
            "/sign-in",
            get(make_sync(move |_| page(StatusCode::OK, &policy, html.clone()))),
        )
        .at(
            oidc::START,
            get(make(move |request| {
                let pages = at_start.clone();
                async move { pages.start(&request).await }
            })),
        )
        .at(
            oidc::CALLBACK,
            get(make(move |request| {
                let pages = at_callback.clone();
                async move { pages.callback(&request).await }
            })),
        )
}

/// A page that says what went wrong, in words that anybody may read.
fn failure(status: StatusCode, title: &str, words: &str) -> Response {
    let trace = trace_id::current().map_or(String::new(), |id| format!(" · trace id {id}"));
    let html = filled(
        include_str!("failure.html"),
        &[
            ("style", STYLE),
            ("title", &escaped(title)),
            ("words", &escaped(words)),
            ("status", status.as_str()),
            ("trace", &trace),
        ],
    );
    page(status, &page_policy(&html), html)
}

fn page(status: StatusCode, policy: &str, html: String) -> Response {
    Response::builder()
        .status(status)
        .content_type("text/html; charset=utf-8")
        .header(CONTENT_SECURITY_POLICY, policy)
        .header(CACHE_CONTROL, "no-store")
        .body(html)
}

/// Sends the browser on, with cookies; the next request is a GET.
fn redirect(to: &str, set_cookies: Vec<String>) -> Response {
    let response = Response::builder()
        .status(StatusCode::SEE_OTHER)
        .header(LOCATION, to)
        .header(CACHE_CONTROL, "no-store");
    let with_cookies = |response: poem::ResponseBuilder, cookie| response.header(SET_COOKIE, cookie);
    set_cookies.into_iter().fold(response, with_cookies).finish()
}

/// From where somebody signs in.
fn origin(request: &Request, cookies: cookies::Names) -> Origin {
    Origin {
        address: request.extensions().get::<ClientAddress>().map(|address| address.0),
        device: cookies::read(request, cookies.device).ok().flatten(),
    }
}

/// A template with its `{{places}}` filled in. What is filled in is not looked at again.
fn filled(template: &str, values: &[(&str, &str)]) -> String {
    let mut parts = template.split("{{");
    let mut html = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (name, rest) = part.split_once("}}").unwrap_or(("", part));
        let value = values.iter().find(|(place, _)| *place == name);
        html.push_str(value.map_or("", |(_, value)| value));
        html.push_str(rest);
    }
    html
}

/// Text as it may stand in HTML and in its attributes.
fn escaped(text: &str) -> String {
    let escape = |character| match character {
        '&' => "&amp;".to_owned(),
        '<' => "&lt;".to_owned(),
        '>' => "&gt;".to_owned(),
        '"' => "&quot;".to_owned(),
        '\'' => "&#39;".to_owned(),
        other => other.to_string(),
    };
    text.chars().map(escape).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_template_is_filled_once_and_text_stays_text() {
        let values = [("a", "{{b}}"), ("b", "1")];
        assert_eq!(filled("<p>{{a}} {{b}} {{c}}</p>", &values), "<p>{{b}} 1 </p>");
        assert_eq!(escaped("<a href='\"&'>"), "&lt;a href=&#39;&quot;&amp;&#39;&gt;");
    }
}
