//! What reads or changes more than the one row that it is given is looked at here: a function that is added is missed by name.

use std::{collections::BTreeSet, fs, path::Path};

/// Each writes the rows that it is given, or changes one row by its primary key.
const GIVEN_ROWS: &[&str] = &[
    "append",
    "add",
    "add_identity",
    "begin",
    "checked",
    "disable",
    "ends",
    "goes_on",
    "insert",
    "insert_all",
    "insert_chunk",
    "insert_flow",
    "insert_refresh_token",
    "insert_refusals",
    "planned",
    "put",
    "put_ended",
    "ran",
    "rehashed",
    "retried",
    "rotate",
    "schedule",
    "set_collections",
    "set_content",
    "set_state",
    "set_status",
    "update",
    "advance",
];
/// Of these tables, at most a few rows, or one by its primary key.
const BY_KEY: &[&str] = &[
    "budgets::delete",
    "erasures::delete",
    "prompts::delete",
    "push_urls::delete",
    "taxonomies::delete",
    "webhooks::delete",
    "workers::delete",
    "api_keys::lock",
    "signing_keys::lock",
    "users::lock",
    "signing_keys::delete_all",
    "signing_keys::retire_all",
];

fn sources(folder: &str) -> Vec<(String, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    files
        .filter(|file| file.extension().is_some_and(|extension| extension == "rs"))
        .map(|file| {
            let name = file.file_stem().unwrap().to_string_lossy().into_owned();
            (name, fs::read_to_string(file).unwrap())
        })
        .collect()
}

#[test]
fn every_function_of_a_repository_is_looked_at() {
    let looked_at: String = sources("tests/plans").into_iter().map(|(_, text)| text).collect();
    let mut missed = BTreeSet::new();
    let mut found = 0;
    for (module, text) in sources("src/repositories") {
        for rest in text.split("\npub async fn ").skip(1) {
            let name = rest.split(['(', '<']).next().unwrap();
            let full = format!("{module}::{name}");
            found += 1;
            if module != "restriction"
                && !GIVEN_ROWS.contains(&name)
                && !BY_KEY.contains(&full.as_str())
                && !looked_at.contains(&format!(" {full}("))
            {
                missed.insert(full);
            }
        }
    }
    assert!(found > 150, "{found}");
    assert!(missed.is_empty(), "look at the plans of {missed:#?}");
}
