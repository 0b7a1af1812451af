//! Swagger UI in a real browser, on the sample data: sign in through its dialog, then every operation as it is filled in.

use crate::{process::Server, provider::drive};
use synoptic::{
    domain::permissions::OPERATIONS,
    services::demo::{ADMIN_EMAIL, VIEWER_EMAIL, VIEWER_PASSWORD},
};

#[test]
fn every_operation_succeeds_as_filled_in_for_somebody_who_signs_in_on_the_page() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), &["--demo"]);
    let output = server.output();
    let password = output
        .lines()
        .find_map(|line| line.trim().strip_prefix("Password"))
        .unwrap();
    let password = password.split_whitespace().next().unwrap();
    let base = format!("http://{}", server.address);
    let seen = drive(
        "swagger.mjs",
        &base,
        &[ADMIN_EMAIL, password, VIEWER_EMAIL, VIEWER_PASSWORD],
    );
    let statuses = seen["statuses"].as_object().unwrap();
    let missing: Vec<_> = OPERATIONS
        .iter()
        .filter(|(id, _)| !statuses.contains_key(*id))
        .collect();
    assert!(missing.is_empty(), "not on the page: {missing:?}");
    for (id, status) in statuses {
        assert!(matches!(status.as_u64(), Some(200..=299)), "{id} answers {status}");
    }
    assert_eq!(seen["complaints"], serde_json::json!([]), "the browser complained");
}
