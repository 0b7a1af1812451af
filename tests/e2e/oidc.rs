//! Signing in through a provider, against a real one, in a real browser and without.

use crate::{
    process::Server,
    provider::{ADMIN, Browser, PASSWORD, Page, World, drive},
};
use serde_json::{Value, json};
use std::{fs, net::TcpListener};

/// Roles at the provider, at a path in the claims, and what they mean here.
const ROLES: &str = "role_claim = \"realm_access.roles\"\n[auth.oidc.roles]\nwriters = \"editor\"\nowners = \"admin\"";

fn person(name: &str, roles: &[&str]) -> Value {
    json!({
        "email": format!("{name}@example.org"),
        "email_verified": true,
        "name": name,
        "realm_access": {"roles": roles},
    })
}

/// A page to be read, with its status and the trace id, and nothing of the inside.
fn assert_explains(page: &Page, status: u16, words: &str) {
    assert_eq!(page.status, status, "{page:?}");
    assert_eq!(page.header("content-type"), Some("text/html; charset=utf-8"));
    assert_eq!(page.header("cache-control"), Some("no-store"));
    let trace = page.header("x-trace-id").unwrap();
    assert!(page.body.contains(words), "{page:?}");
    assert!(
        page.body.contains(&format!("Status {status} · trace id {trace}")),
        "{page:?}"
    );
    for inside in ["127.0.0.1", "error", "src/", "sign_on"] {
        assert!(!page.body.contains(inside), "{inside}: {page:?}");
    }
    let cookies = page
        .head
        .lines()
        .filter(|line| line.to_lowercase().starts_with("set-cookie"));
    assert!(
        !cookies
            .into_iter()
            .any(|line| line.contains("session=") && !line.contains("Max-Age=0")),
        "{page:?}"
    );
}

#[test]
fn in_a_browser_somebody_signs_in_changes_something_and_signs_out() {
    let world = World::new(ROLES);
    world.provider.put("ann", &person("ann", &["writers"]));
    let seen = drive("browser.mjs", &world.base, &[ADMIN, PASSWORD]);
    assert_eq!(
        seen["wrongPassword"],
        "No user has this e-mail address and this password together."
    );
    assert_eq!(seen["signedIn"], "Signed in as ann@example.org (editor)Sign out");
    assert!(
        seen["address"]
            .as_str()
            .unwrap()
            .starts_with(&format!("{}/docs", world.base))
    );
    assert_eq!(seen["executed"], "201", "{seen}");
    assert_eq!(seen["left"], 401);
    assert_eq!(seen["tooMany"], "Too many failures; try again in 2 s.");
    assert_eq!(seen["byPassword"], format!("Signed in as {ADMIN} (admin)Sign out"));
    assert!(seen["failure"].as_str().unwrap().contains("Begin again"), "{seen}");
    assert_eq!(seen["complaints"], json!([]));
    for cookie in seen["cookies"].as_array().unwrap() {
        assert_eq!(cookie["httpOnly"], json!(cookie["name"] != "synoptic_csrf"), "{cookie}");
        assert_eq!(cookie["sameSite"], "Lax", "{cookie}");
    }
    assert_eq!(
        world.api("GET", "/api/collections/made-in-a-browser", "")["name"],
        "Made in a browser"
    );
}

#[test]
fn what_comes_back_wrong_signs_nobody_in() {
    let world = World::new("");
    world.provider.put("ann", &person("ann", &[]));
    let callback = |parameters: &str| format!("{}/auth/oidc/callback?{parameters}", world.base);
    let not_under_way = "This sign-in is not under way";

    let mut ann = Browser::default();
    let back = ann.through_the_provider(&world, "ann");
    assert_explains(&Browser::default().get(&back), 400, not_under_way);
    let state = parameter(&back, "state");
    assert_explains(&ann.get(&back.replace(&state, &"A".repeat(43))), 400, not_under_way);
    assert_explains(&ann.get(&callback("code=x")), 400, not_under_way);
    assert_explains(&ann.get(&callback("state=x&state=y")), 400, not_under_way);
    assert_eq!(ann.me(&world), None);

    // Neither of these took the sign-in away from the browser that it belongs to.
    let done = ann.get(&back);
    assert_eq!((done.status, done.location()), (303, format!("{}/docs", world.base)));
    assert_eq!(ann.me(&world).unwrap()["name"], "ann@example.org");
    assert_explains(&ann.get(&back), 400, not_under_way);

    // A sign-in that is under way, with a code that was used before, or with somebody else's word for it.
    let begin = |browser: &mut Browser| {
        let start = browser.get(&format!("{}/auth/oidc/start?return_to=//evil.example", world.base));
        parameter(&start.location(), "state")
    };
    let mut mallory = Browser::default();
    let fresh = begin(&mut mallory);
    let reused = mallory.get(&callback(&format!("state={fresh}&code={}", parameter(&back, "code"))));
    assert_explains(&reused, 400, "Its code was used already or has expired");
    let fresh = begin(&mut mallory);
    let mixed_up = mallory.get(&callback(&format!("state={fresh}&code=x&iss=https://other.example")));
    assert_explains(&mixed_up, 502, "nobody was signed in");

    // The person, or the provider, says no; and again with the same state.
    let fresh = begin(&mut mallory);
    let denied = callback(&format!(
        "state={fresh}&error=access_denied&error_description=%3Cscript%3E"
    ));
    let page = mallory.get(&denied);
    assert_explains(&page, 403, "The provider did not sign you in");
    assert!(!page.body.contains("<script"), "{page:?}");
    assert_explains(&mallory.get(&denied), 400, not_under_way);
    assert_eq!(mallory.me(&world), None);

    let trail = world.api("GET", "/api/audit?action=sign_in&result=refused", "");
    let details: Vec<&str> = trail["items"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|entry| entry["detail"].as_str())
        .collect();
    for refusal in ["sign_on_code", "sign_on_untrusted", "sign_on_denied"] {
        assert!(
            details.iter().any(|detail| detail.contains(refusal)),
            "{refusal}: {details:?}"
        );
    }
}

#[test]
fn who_is_let_in_and_as_what_is_what_the_provider_vouches_for() {
    let world = World::new(ROLES);
    let role = |name: &str| {
        let mut browser = Browser::default();
        let page = browser.sign_in(&world, name);
        assert_eq!(page.status, 303, "{page:?}");
        browser.me(&world).unwrap()["role"].clone()
    };

    // A new user has the role that the provider gives, and it follows the provider.
    world.provider.put("ann", &person("ann", &["others", "writers"]));
    assert_eq!(role("ann"), "editor");
    world.provider.put("ann", &person("ann", &["owners", "writers"]));
    assert_eq!(role("ann"), "admin");
    world.provider.put("ann", &person("ann", &[]));
    assert_eq!(role("ann"), "viewer");

    // Somebody who has an account is known by a verified address, and from then on by their identity.
    world.api(
        "POST",
        "/api/users",
        r#"{"email": "bob@example.org", "name": "Bob", "role": "viewer"}"#,
    );
    let mut unverified = person("bob", &["writers"]);
    unverified["email_verified"] = false.into();
    world.provider.put("bob", &unverified);
    let refused = Browser::default().sign_in(&world, "bob");
    assert_explains(&refused, 403, "Your e-mail address is not verified");
    world.provider.put("bob", &person("Bob", &["writers"]));
    assert_eq!(role("bob"), "editor");
    world.provider.put("bob", &unverified);
    assert_eq!(role("bob"), "editor", "the identity is known by now");
    let found = world.api("GET", "/api/users?search=bob", "");
    let (bob, more) = (found["items"][0].clone(), found["items"].as_array().unwrap().len());
    assert_eq!((more, bob["email"].as_str()), (1, Some("bob@example.org")));

    // Disabled, neither the old session nor a new sign-in works.
    let mut browser = Browser::default();
    assert_eq!(browser.sign_in(&world, "bob").status, 303);
    let user = format!("/api/users/{}", bob["id"].as_str().unwrap());
    world.api("PATCH", &user, r#"{"state": "disabled"}"#);
    assert_eq!(browser.me(&world), None);
    browser.forget_cookies();
    assert_explains(&browser.sign_in(&world, "bob"), 403, "Your account is disabled");

    let trail = world.api("GET", "/api/audit?limit=200", "").to_string();
    for detail in [
        "role editor, by single sign-on at http://127.0.0.1",
        "role editor → admin, by single sign-on",
        "sign_on_unverified_email (bob)",
        "inactive_user",
    ] {
        assert!(trail.contains(detail), "{detail}: {trail}");
    }
}

#[test]
fn strangers_stay_out_where_users_are_not_made() {
    let world = World::new("create_users = false");
    world.provider.put("ann", &person("ann", &[]));
    assert_explains(
        &Browser::default().sign_in(&world, "ann"),
        403,
        "You have no account here",
    );
    // The first admin is the last one, too: the provider's word is not asked about roles here.
    world
        .provider
        .put("admin", &json!({"email": ADMIN, "email_verified": true}));
    let mut admin = Browser::default();
    assert_eq!(admin.sign_in(&world, "admin").status, 303);
    assert_eq!(admin.me(&world).unwrap()["role"], "admin");
}

#[test]
fn the_last_admin_stays_one_whatever_the_provider_says() {
    let world = World::new(ROLES);
    world
        .provider
        .put("admin", &json!({"email": ADMIN, "email_verified": true}));
    let mut admin = Browser::default();
    assert_eq!(admin.sign_in(&world, "admin").status, 303);
    assert_eq!(admin.me(&world).unwrap()["role"], "admin");
}

#[test]
fn without_the_provider_a_page_says_so_and_the_server_goes_on() {
    let mut world = World::new("");
    world.provider.put("ann", &person("ann", &[]));
    let down = "The sign-in provider does not answer";
    let mut ann = Browser::default();
    let back = ann.through_the_provider(&world, "ann");
    world.provider.stop();
    assert_explains(&ann.get(&back), 503, down);
    assert_eq!(ann.me(&world), None);

    // A server that starts without its provider serves, and tells those who want to sign in there.
    let folder = tempfile::tempdir().unwrap();
    let bind = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let config = format!(
        "[auth.oidc]\nissuer = \"{}\"\nclient_id = \"synoptic\"\n",
        world.provider.issuer
    );
    fs::write(folder.path().join("synoptic.toml"), config).unwrap();
    let server = Server::start_at(folder.path(), &bind.to_string(), &[]);
    for _ in 0..3 {
        assert_explains(
            &Browser::default().get(&format!("http://{bind}/auth/oidc/start")),
            503,
            down,
        );
    }
    assert_eq!(Browser::default().get(&format!("http://{bind}/sign-in")).status, 200);
    drop(server);

    // Settings that cannot work stop the start.
    fs::write(
        folder.path().join("synoptic.toml"),
        "[auth.oidc]\nissuer = \"http://accounts.example\"\nclient_id = \"a\"\n",
    )
    .unwrap();
    let refused = crate::process::synoptic(folder.path())
        .args(["serve"])
        .output()
        .unwrap();
    let words = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(
        !refused.status.success() && words.contains("auth.oidc.issuer"),
        "{words}"
    );
}

/// A parameter of an address, as it stands there.
fn parameter(url: &str, name: &str) -> String {
    let (_, query) = url.split_once('?').unwrap();
    let found = query.split('&').find_map(|pair| pair.strip_prefix(&format!("{name}=")));
    found.unwrap_or_else(|| panic!("no {name} in {url}")).to_owned()
}
