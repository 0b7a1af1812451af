//! Holds the layers to one direction: reads every `use crate::…` and `super::…` path in `src` and refuses an arrow that is not on the
//! list below, and any cycle between files.
#![expect(clippy::unwrap_used, reason = "a test that cannot read the source should say where")]

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

/// Which layer may use which, each with its reason.
const ALLOWED: &[(&str, &[&str])] = &[
    // Values and words of the domain; nothing of ours below them.
    ("domain", &[]),
    // Pure functions over text.
    ("text", &[]),
    // Plain data; a log format is a type of the logs, a price one of the domain's.
    ("config", &["domain", "telemetry"]),
    ("telemetry", &[]),
    // Transactions answer in the domain's errors.
    ("db", &["domain"]),
    // Hashes passwords, signs tokens, asks a sign-in provider; refuses in the domain's words.
    ("credentials", &["domain"]),
    // Pure functions that check and fill the templates of prompts; they refuse in the domain's words.
    ("templates", &["domain", "text"]),
    // SQL over the domain's types; what a search found is marked in the text.
    ("repositories", &["db", "domain", "text"]),
    // Engines read text and answer in the domain's words; providers are as configured, and what they do is counted.
    ("engines", &["config", "domain", "telemetry", "text"]),
    // Answers at hand, as the configuration bounds them.
    ("cache", &["config", "domain"]),
    // Requests to addresses that users have named; the configuration says which of them may be reached.
    ("outbound", &["config"]),
    // Rules: look up, ask, record. Who signs in is checked against hashes and keys that the database has, for as long as the
    // configuration says and through the provider it names; an analysis notes the trace id of its request. Uploads are read, and
    // exports written, as files are.
    (
        "services",
        &[
            "cache",
            "config",
            "credentials",
            "db",
            "domain",
            "engines",
            "interchange",
            "outbound",
            "repositories",
            "telemetry",
            "templates",
            "text",
        ],
    ),
    // Files of documents: the domain's fields in and out.
    ("interchange", &["domain", "text"]),
    // Bodies turn into what services take; a problem carries the trace id; a cursor's question is hashed.
    ("dto", &["domain", "services", "telemetry", "text"]),
    // Recognises a key through its service; refuses in the shape of a problem.
    ("auth", &["domain", "dto", "services"]),
    // Five lines each: parameters, a service, an answer.
    ("controllers", &["auth", "domain", "dto", "services"]),
    // Work in the background: loops around services, each kind of work a few lines.
    ("jobs", &["config", "domain", "services", "telemetry"]),
    // Routes and middleware around the controllers, with limits from the configuration.
    (
        "http",
        &[
            "auth",
            "config",
            "controllers",
            "domain",
            "dto",
            "services",
            "telemetry",
        ],
    ),
    // Wires everything once.
    (
        "app",
        &[
            "cache",
            "config",
            "db",
            "domain",
            "engines",
            "http",
            "jobs",
            "outbound",
            "services",
            "telemetry",
        ],
    ),
    // Commands start the app, or ask the engine without it.
    (
        "cli",
        &[
            "app",
            "config",
            "domain",
            "engines",
            "interchange",
            "services",
            "telemetry",
            "text",
        ],
    ),
];

#[test]
fn arrows_between_layers_point_one_way() {
    let mut wrong = Vec::new();
    for (file, targets) in imports() {
        let layer = layer_of(&file);
        let allowed = ALLOWED
            .iter()
            .find(|(name, _)| *name == layer)
            .map(|(_, allowed)| *allowed);
        let Some(allowed) = allowed else {
            wrong.push(format!("{file}: the layer `{layer}` is not on the list"));
            continue;
        };
        for target in targets {
            let used = layer_of(&target);
            if used != layer && !allowed.contains(&used.as_str()) {
                wrong.push(format!("{file} uses {target}: `{layer}` may not use `{used}`"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn files_do_not_depend_on_each_other_in_circles() {
    let graph = imports();
    let mut done = BTreeSet::new();
    for start in graph.keys() {
        let mut path = Vec::new();
        if let Some(circle) = find_circle(start, &graph, &mut path, &mut done) {
            panic!("a circle: {}", circle.join(" → "));
        }
    }
}

#[test]
fn the_list_of_arrows_is_itself_without_circles() {
    let graph = ALLOWED
        .iter()
        .map(|(layer, uses)| {
            (
                (*layer).to_owned(),
                uses.iter().map(|used| (*used).to_owned()).collect(),
            )
        })
        .collect();
    let mut done = BTreeSet::new();
    for (layer, _) in ALLOWED {
        assert_eq!(find_circle(layer, &graph, &mut Vec::new(), &mut done), None);
    }
}

#[test]
fn source_files_stay_short_enough_to_read() {
    let long: Vec<String> = sources()
        .into_iter()
        .filter_map(|path| {
            let lines = fs::read_to_string(&path).unwrap().lines().count();
            (lines > 400).then(|| format!("{} has {lines} lines", path.display()))
        })
        .collect();
    assert!(long.is_empty(), "is each of these two files? {}", long.join(", "));
}

type Graph = BTreeMap<String, BTreeSet<String>>;

fn find_circle(file: &str, graph: &Graph, path: &mut Vec<String>, done: &mut BTreeSet<String>) -> Option<Vec<String>> {
    if let Some(begin) = path.iter().position(|step| step == file) {
        let mut circle = path[begin..].to_vec();
        circle.push(file.to_owned());
        return Some(circle);
    }
    if done.contains(file) {
        return None;
    }
    path.push(file.to_owned());
    for next in graph.get(file).into_iter().flatten() {
        if let Some(circle) = find_circle(next, graph, path, done) {
            return Some(circle);
        }
    }
    path.pop();
    done.insert(file.to_owned());
    None
}

/// Every file of `src` as a module path (`services::documents`), with the files it imports from.
fn imports() -> Graph {
    let sources = sources();
    let modules: BTreeMap<String, PathBuf> = sources.iter().map(|path| (module_of(path), path.clone())).collect();
    let mut graph = Graph::new();
    for (module, path) in &modules {
        if module.is_empty() || module == "main" {
            continue;
        }
        let text = fs::read_to_string(path).unwrap();
        // What a test uses is not part of the structure.
        let text = text.split("#[cfg(test)]").next().unwrap_or_default();
        let is_folder = path.ends_with("mod.rs");
        let targets = used_paths(text, module, is_folder)
            .into_iter()
            .filter_map(|used| longest_module(&used, &modules))
            .filter(|target| target != module)
            // A folder's own file lists its parts; a part may use what the folder shares.
            .filter(|target| !target.starts_with(&format!("{module}::")) && !module.starts_with(&format!("{target}::")))
            .collect();
        graph.insert(module.clone(), targets);
    }
    graph
}

fn sources() -> Vec<PathBuf> {
    let mut folders = vec![root().join("src")];
    let mut files = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                files.push(path);
            }
        }
    }
    files.sort();
    files
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn module_of(path: &Path) -> String {
    let relative = path.strip_prefix(root().join("src")).unwrap().with_extension("");
    let parts: Vec<_> = relative
        .iter()
        .map(|part| part.to_string_lossy().into_owned())
        .collect();
    let parts: Vec<_> = parts
        .into_iter()
        .filter(|part| part != "mod" && part != "lib")
        .collect();
    parts.join("::")
}

fn layer_of(module: &str) -> String {
    module.split("::").next().unwrap_or_default().to_owned()
}

/// The paths that `use crate::…` trees, `use super::…` trees and inline `crate::…` paths name.
fn used_paths(text: &str, module: &str, is_folder: bool) -> Vec<String> {
    let code: String = text
        .lines()
        .filter(|line| !line.trim_start().starts_with("//"))
        .flat_map(|line| [line.split("// ").next().unwrap_or_default(), "\n"])
        .collect();
    let parts: Vec<&str> = module.split("::").collect();
    let parent = if is_folder {
        module.to_owned()
    } else {
        parts[..parts.len() - 1].join("::")
    };
    let above = parent
        .rsplit_once("::")
        .map_or(String::new(), |(above, _)| above.to_owned());
    let mut paths = Vec::new();
    for (marker, base) in [
        ("crate::", String::new()),
        ("super::super::", above.clone()),
        ("super::", if is_folder { above } else { parent.clone() }),
        ("self::", if is_folder { module.to_owned() } else { parent }),
    ] {
        for (place, _) in code.match_indices(marker) {
            let before = code[..place].chars().next_back();
            if before.is_some_and(|character| character.is_alphanumeric() || character == '_' || character == ':') {
                continue;
            }
            expand(&code[place + marker.len()..], &base, &mut paths);
        }
    }
    paths
}

/// Expands `a::{b, c::{d, e}}` into `a::b`, `a::c::d`, `a::c::e`; returns what follows.
fn expand<'a>(text: &'a str, base: &str, paths: &mut Vec<String>) -> &'a str {
    let text = text.trim_start();
    if let Some(mut rest) = text.strip_prefix('{') {
        while !rest.trim_start().starts_with('}') && !rest.is_empty() {
            rest = expand(rest, base, paths).trim_start();
            rest = rest.strip_prefix(',').unwrap_or(rest);
        }
        return rest.trim_start().strip_prefix('}').unwrap_or(rest);
    }
    let (name, rest) = split_name(text);
    let path = [base, name]
        .iter()
        .filter(|part| !part.is_empty())
        .copied()
        .collect::<Vec<_>>()
        .join("::");
    if let Some(rest) = rest.strip_prefix("::") {
        return expand(rest, &path, paths);
    }
    paths.push(path);
    // `as other` names nothing else.
    let rest = rest
        .trim_start()
        .strip_prefix("as ")
        .map_or(rest, |alias| split_name(alias.trim_start()).1);
    // Anything else ends the path, and at least one character is passed over, so that this ends too.
    if rest.trim_start().starts_with([',', '}']) || !name.is_empty() {
        rest
    } else {
        rest.get(1..).unwrap_or("")
    }
}

fn split_name(text: &str) -> (&str, &str) {
    text.split_at(
        text.find(|character: char| !(character.is_alphanumeric() || character == '_'))
            .unwrap_or(text.len()),
    )
}

/// The file that a path leads into: `services::documents::Documents` is in `services::documents`.
fn longest_module(path: &str, modules: &BTreeMap<String, PathBuf>) -> Option<String> {
    let parts: Vec<&str> = path.split("::").collect();
    // A macro that is exported from the crate's root belongs to no layer.
    (1..=parts.len())
        .rev()
        .map(|length| parts[..length].join("::"))
        .find(|candidate| !candidate.is_empty() && modules.contains_key(candidate))
}
