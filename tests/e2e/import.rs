//! Documents from files and back, by the built program: repeated, killed half way, with bad rows.

use crate::folder::{Folder, TICKETS, text};
use serde_json::Value;
use std::{
    fmt::Write as _,
    fs,
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

/// How long anything may take before the test fails.
const PATIENCE: Duration = Duration::from_mins(5);

/// A number of the summary that an import prints.
fn total(summary: &str, what: &str) -> i64 {
    let line = summary.lines().find(|line| line.trim_start().starts_with(what));
    line.and_then(|line| line.split_whitespace().last()?.parse().ok())
        .unwrap_or_else(|| panic!("{what} in {summary}"))
}

/// Sends SIGINT, as Ctrl-C does.
#[expect(clippy::disallowed_methods, reason = "the standard library sends no signal but KILL")]
fn interrupt(child: &Child) {
    assert!(
        Command::new("kill")
            .args(["-INT", &child.id().to_string()])
            .status()
            .unwrap()
            .success()
    );
}

#[test]
fn the_sample_tickets_are_stored_summarised_and_classified_once() {
    let folder = Folder::new().with_taxonomy();
    let command = [
        "import",
        TICKETS,
        "--collection",
        "tickets",
        "--summarize",
        "--classify",
        "ticket-topic",
    ];
    let first = folder.succeed(&command);
    for what in ["read", "created", "summaries made", "classifications made"] {
        assert_eq!(total(&first, what), 48, "{first}");
    }
    let again = folder.succeed(&command);
    assert_eq!(
        [
            total(&again, "unchanged"),
            total(&again, "created"),
            total(&again, "updated")
        ],
        [48, 0, 0],
        "{again}"
    );
    assert_eq!(
        [total(&again, "summaries made"), total(&again, "classifications made")],
        [0, 0],
        "{again}"
    );
    assert_eq!(folder.count("SELECT COUNT(*) FROM documents"), 48);
    assert_eq!(folder.count("SELECT COUNT(*) FROM analyses"), 96);
}

#[test]
fn an_unknown_taxonomy_is_named_before_anything_is_read() {
    let folder = Folder::new().with_taxonomy();
    let output = folder.run(&["import", TICKETS, "--collection", "tickets", "--classify", "topic"]);
    assert_eq!(output.status.code(), Some(1));
    let words = text(&output.stderr);
    assert!(
        words.contains("no taxonomy `topic`; there are `ticket-topic`"),
        "{words}"
    );
    assert_eq!(folder.count("SELECT COUNT(*) FROM collections"), 0);
}

#[test]
fn rejected_rows_are_listed_and_the_others_are_stored() {
    let folder = Folder::new();
    let mut file = b"\xEF\xBB\xBFid;text\r\n1;one\r\n2;\xFF\r\n3\r\n1;again\r\n".to_vec();
    for id in 10..50 {
        file.extend(format!("{id};\r\n").bytes());
    }
    file.extend(b"4;\"four\r\n4\"\r\n");
    let file = folder.write("mixed.csv", file);
    let rejected = folder.path().join("rejected.ndjson");
    let command = [
        "import",
        file.to_str().unwrap(),
        "--collection",
        "mixed",
        "--rejected",
        rejected.to_str().unwrap(),
    ];
    let output = folder.run(&command);
    let summary = text(&output.stdout);
    assert_eq!(output.status.code(), Some(3), "{summary}{}", text(&output.stderr));
    assert_eq!(
        [
            total(&summary, "read"),
            total(&summary, "created"),
            total(&summary, "rejected")
        ],
        [45, 2, 43]
    );
    assert!(
        summary.contains("mixed.csv:5 (1): the external id is also that of line 2"),
        "{summary}"
    );
    assert!(summary.contains("and 23 more"), "{summary}");
    let rows: Vec<Value> = fs::read_to_string(&rejected)
        .unwrap()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(rows.len(), 43);
    assert_eq!(
        (&rows[0]["line"], &rows[0]["external_id"]),
        (&Value::from(3), &Value::from("2"))
    );
}

#[test]
fn a_pipe_a_folder_and_files_of_several_kinds_are_read() {
    let folder = Folder::new();
    fs::create_dir(folder.path().join("notes")).unwrap();
    for (name, content) in [
        ("notes/b.md", "Second."),
        ("notes/a.txt", "First."),
        ("notes/c.pdf", "No."),
    ] {
        folder.write(name, content);
    }
    let lines = folder.write("more.data", "{\"text\":\"Third.\"}\n{\"text\":\"Third.\"}\n");
    let notes = folder.path().join("notes");
    let arguments = [
        "import",
        notes.to_str().unwrap(),
        lines.to_str().unwrap(),
        "-",
        "--collection",
        "all",
    ];
    let import = || {
        let pipe = fs::File::open(folder.write("pipe", "text,id\nFourth.,4\n")).unwrap();
        let output = folder.command(&arguments).stdin(pipe).output().unwrap();
        assert!(output.status.success(), "{}", text(&output.stderr));
        text(&output.stdout)
    };
    assert_eq!(total(&import(), "created"), 5);
    assert_eq!(total(&import(), "unchanged"), 5);
    let exported = folder.succeed(&["export", "--collection", "all"]);
    let first = exported.lines().next().unwrap();
    assert!(
        first.starts_with(r#"{"external_id":"a.txt","title":"a.txt","text":"First.""#),
        "{first}"
    );
}

#[test]
fn what_cannot_be_read_is_told_before_anything_is_stored() {
    let folder = Folder::new();
    let prose = folder.write("prose", "Dear team, how are you?");
    let header = folder.write("header.csv", "id,message\n1,a\n");
    for (file, words) in [
        (prose.to_str().unwrap(), "the format of"),
        ("missing.csv", "missing.csv cannot be read"),
        (header.to_str().unwrap(), "no column for the text"),
    ] {
        let output = folder.run(&["import", file, "--collection", "new"]);
        assert_eq!(output.status.code(), Some(1));
        assert!(text(&output.stderr).contains(words), "{}", text(&output.stderr));
        assert!(output.stdout.is_empty(), "{}", text(&output.stdout));
    }
    assert_eq!(folder.count("SELECT COUNT(*) FROM collections"), 0);
    let output = folder.run(&["import", TICKETS, "--collection", "No Slug"]);
    assert!(
        text(&output.stderr).contains("for example `no-slug`"),
        "{}",
        text(&output.stderr)
    );
}

#[test]
fn what_was_exported_can_be_imported_again() {
    let folder = Folder::new().with_taxonomy();
    folder.succeed(&[
        "import",
        TICKETS,
        "--collection",
        "tickets",
        "--summarize",
        "--classify",
        "ticket-topic",
    ]);
    for format in ["csv", "ndjson"] {
        let file = folder.path().join(format!("out.{format}"));
        let file = file.to_str().unwrap();
        let told = folder.succeed(&["export", "--collection", "tickets", "--output", file]);
        assert!(told.starts_with("48 documents written"), "{told}");
        assert!(!Path::new(&format!("{file}.partial")).exists());
        assert_eq!(
            total(
                &folder.succeed(&["import", file, "--collection", "tickets"]),
                "unchanged"
            ),
            48
        );
        let copy = format!("copy-{format}");
        assert_eq!(
            total(&folder.succeed(&["import", file, "--collection", &copy]), "created"),
            48
        );
    }
    let exported = folder.succeed(&["export", "--collection", "tickets"]);
    let first: Value = serde_json::from_str(exported.lines().next().unwrap()).unwrap();
    assert_eq!(first["synoptic"]["label"], "billing");
    assert!(
        first["synoptic"]["summary"]
            .as_str()
            .is_some_and(|summary| !summary.is_empty()),
        "{first}"
    );
}

#[test]
fn an_export_is_on_the_audit_trail() {
    let folder = Folder::new();
    folder.succeed(&["import", TICKETS, "--collection", "tickets"]);
    let file = folder.path().join("out.csv");
    folder.succeed(&["export", "--collection", "tickets", "--output", file.to_str().unwrap()]);
    folder.succeed(&["export", "--collection", "tickets"]);
    folder.run(&["export", "--collection", "none"]);
    let exports = folder.count(
        "SELECT COUNT(*) FROM audit WHERE action = 'documents_exported' AND actor_kind = 'operator'
         AND target_name = 'tickets' AND detail = 'documents: 48'",
    );
    assert_eq!((exports, folder.count("SELECT COUNT(*) FROM audit")), (2, 2));
}

#[test]
fn only_the_row_that_the_database_refuses_is_rejected() {
    let folder = Folder::new().with_taxonomy();
    folder.execute(
        "CREATE TRIGGER refuse BEFORE INSERT ON documents WHEN new.text = 'Text 7.'
         BEGIN SELECT RAISE(ABORT, 'not this one'); END",
    );
    let rows: Vec<_> = (0..100).map(|id| format!("{id},Text {id}.")).collect();
    let file = folder.write("rows.csv", format!("id,text\n{}", rows.join("\n")));
    let output = folder.run(&["import", file.to_str().unwrap(), "--collection", "rows", "--summarize"]);
    let summary = text(&output.stdout);
    assert_eq!(output.status.code(), Some(3), "{summary}");
    assert_eq!(
        [total(&summary, "created"), total(&summary, "summaries made")],
        [99, 99],
        "{summary}"
    );
    assert!(
        summary.contains("rows.csv:9 (7):") && summary.contains("not this one"),
        "{summary}"
    );
}

#[test]
fn a_killed_import_is_carried_on_and_nothing_is_there_twice() {
    const ROWS: i64 = 20_000;
    let folder = Folder::new().with_taxonomy();
    let mut file = "id,subject,text,plan\n".to_owned();
    for id in 0..ROWS {
        let _ = writeln!(
            file,
            "T-{id},Ticket {id},\"I was charged {id} euros, twice.\nPlease refund one.\",pro"
        );
    }
    let file = folder.write("large.csv", file);
    let arguments = ["import", file.to_str().unwrap(), "--collection", "large", "--summarize"];
    let mut child = folder
        .command(&arguments)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let began = Instant::now();
    while folder.count("SELECT COUNT(*) FROM documents") < 2_000 {
        assert!(
            began.elapsed() < PATIENCE && child.try_wait().unwrap().is_none(),
            "it was not killed in time"
        );
        std::thread::sleep(Duration::from_millis(5));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    let kept = folder.count("SELECT COUNT(*) FROM documents");
    assert!((2_000..ROWS).contains(&kept), "{kept} were stored before the kill");

    let summary = folder.succeed(&arguments);
    assert_eq!(total(&summary, "unchanged"), kept, "{summary}");
    assert_eq!(total(&summary, "created"), ROWS - kept, "{summary}");
    assert_eq!(folder.count("SELECT COUNT(*) FROM documents"), ROWS);
    assert_eq!(folder.count("SELECT COUNT(DISTINCT external_id) FROM documents"), ROWS);
    assert_eq!(folder.count("SELECT COUNT(*) FROM analyses"), ROWS);
    assert_eq!(folder.count("SELECT COUNT(DISTINCT document_id) FROM analyses"), ROWS);
}

#[test]
fn ctrl_c_stops_after_a_batch_and_says_what_is_stored() {
    let folder = Folder::new().with_taxonomy();
    let mut rows = String::new();
    for id in 0..20_000 {
        let _ = writeln!(rows, "{{\"id\":{id},\"text\":\"Text {id}.\"}}");
    }
    let file = folder.write("large.ndjson", rows);
    let arguments = ["import", file.to_str().unwrap(), "--collection", "large", "--summarize"];
    let child = folder
        .command(&arguments)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let began = Instant::now();
    while folder.count("SELECT COUNT(*) FROM documents") < 500 {
        assert!(began.elapsed() < PATIENCE);
        std::thread::sleep(Duration::from_millis(5));
    }
    interrupt(&child);
    let output = child.wait_with_output().unwrap();
    let summary = text(&output.stdout);
    assert_eq!(output.status.code(), Some(130), "{summary}");
    assert!(summary.starts_with("Stopped before the end"), "{summary}");
    assert_eq!(
        total(&summary, "created"),
        folder.count("SELECT COUNT(*) FROM documents")
    );
    assert_eq!(
        total(&summary, "summaries made"),
        folder.count("SELECT COUNT(*) FROM analyses")
    );
}

#[test]
fn texts_are_summarised_and_classified_without_a_database() {
    let folder = Folder::new();
    let letter = folder.write(
        "letter.txt",
        "I was charged twice. The weather is fine. Please refund the second charge.",
    );
    let letter = letter.to_str().unwrap();
    let json: Value =
        serde_json::from_str(&folder.succeed(&["summarize", letter, "--sentences", "1", "--json"])).unwrap();
    assert_eq!(json["sentences"].as_array().unwrap().len(), 1);
    let labels = [
        "classify",
        letter,
        "--labels",
        "billing and refunds,bug report,feature request",
    ];
    assert!(folder.succeed(&labels).starts_with("billing and refunds\n"));
    let entries = fs::read_dir(folder.path()).unwrap().count();
    assert_eq!(entries, 1, "nothing but the letter is in the folder");
}
