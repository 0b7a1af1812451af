//! A SQLite database with something in every table, odd values among it.

use synoptic::{db::Db, on};

/// Odd but allowed: quotes, other scripts, emoji, control characters, separators of `COPY`, what looks like an escape or a number.
pub const ODD: &str =
    "Ümläüte 漢字 \u{1f600} 'quoted' \"twice\"\t\\N \\. \\x00 {1,2} $1 ?1 \u{7f}\u{1b}[2J\r\n\u{feff}end ";
/// Written as PostgreSQL would not write it.
const JSON: &str =
    r#"{"z":-1.5,"a":[1e20,1.25e-9,0.1,-0.0,9007199254740993,true,null,{}],"ß":"\u00e4\\\"\n1e5","":{"b":{"a":[]}}}"#;

/// An identifier, as SQLite writes it; the first is nil.
pub fn id(number: u16) -> String {
    match number {
        0 => format!("X'{}'", "0".repeat(32)),
        _ => format!("X'0198aaaabbbb7ccc8ddd00000000{number:04x}'"),
    }
}

pub async fn execute(db: &Db, statements: &str) {
    let mut tx = db.write().await.unwrap();
    on!(&mut tx, |c| sqlx::raw_sql(sqlx::AssertSqlSafe(statements.to_owned()))
        .execute(c)
        .await
        .map(drop))
    .unwrap_or_else(|error| panic!("{error:?} in {statements}"));
    tx.commit().await.unwrap();
}

/// Fills what the demonstration leaves empty.
pub async fn fill(db: &Db) {
    let quoted = |text: &str| format!("'{}'", text.replace('\'', "''"));
    let mut statements = include_str!("sample_rows.sql").to_owned();
    for number in 0..=25_u16 {
        for (name, value) in [
            ("id", id(number)),
            ("hash", format!("X'{}'", format!("{:02x}", number * 10).repeat(32))),
            ("at", format!("'2026-03-01T08:00:{number:02}.123456Z'")),
        ] {
            statements = statements.replace(&format!("@{name}{number:02}"), &value);
        }
    }
    for (name, value) in [
        ("@odd", quoted(ODD)),
        ("@json", quoted(JSON)),
        ("@early", quoted("0001-01-01T00:00:00.000000Z")),
        ("@late", quoted("9999-12-31T23:59:59.999999Z")),
        ("@most", i64::MAX.to_string()),
    ] {
        statements = statements.replace(name, &value);
    }
    execute(db, &statements).await;
}
