//! Swagger UI in a real browser, on the sample data: sign in through its dialog, then every operation as it is filled in.

use crate::{
    process::Server,
    provider::{modules, program, sources},
};
use serde_json::Value;
use std::{
    fs,
    process::{Command, Stdio},
};
use synoptic::{
    domain::permissions::OPERATIONS,
    services::demo::{ADMIN_EMAIL, VIEWER_EMAIL, VIEWER_PASSWORD},
};

#[test]
#[expect(clippy::disallowed_methods, reason = "the browser is driven by a program of its own")]
fn every_operation_succeeds_as_filled_in_for_somebody_who_signs_in_on_the_page() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), &["--demo"]);
    let output = server.output();
    let password = output
        .lines()
        .find_map(|line| line.trim().strip_prefix("Password"))
        .unwrap();
    let password = password.split_whitespace().next().unwrap();
    let shots = std::env::temp_dir().join(format!("synoptic-swagger-{}", std::process::id()));
    fs::create_dir_all(&shots).unwrap();
    let driver = Command::new(program(&["node", "nodejs"]))
        .arg(sources().join("swagger.mjs"))
        .arg(modules())
        .arg(program(&["chromium", "chromium-browser", "google-chrome"]))
        .args([&format!("http://{}", server.address), &shots.display().to_string()])
        .args([ADMIN_EMAIL, password, VIEWER_EMAIL, VIEWER_PASSWORD])
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let (out, fault) = (
        String::from_utf8_lossy(&driver.stdout),
        String::from_utf8_lossy(&driver.stderr),
    );
    assert!(
        driver.status.success(),
        "screenshots are in {}: {fault}",
        shots.display()
    );
    let seen: Value = serde_json::from_str(out.trim().lines().last().unwrap()).unwrap();
    let statuses = seen["statuses"].as_object().unwrap();
    let missing: Vec<_> = OPERATIONS
        .iter()
        .filter(|(id, _)| !statuses.contains_key(*id))
        .collect();
    assert!(missing.is_empty(), "not on the page: {missing:?}");
    for (id, status) in statuses {
        assert!(
            matches!(status.as_u64(), Some(200..=299)),
            "{id} answers {status}; screenshots are in {}",
            shots.display()
        );
    }
    assert_eq!(seen["complaints"], serde_json::json!([]), "the browser complained");
    fs::remove_dir_all(&shots).unwrap();
}
