use super::*;
use crate::interchange::Record;
use serde_json::json;
use std::fmt::Write;

fn read(bytes: &[u8]) -> Vec<Row> {
    CsvReader::new(bytes, None).unwrap().collect::<Result<_, _>>().unwrap()
}

fn header_error(bytes: &[u8]) -> String {
    match CsvReader::new(bytes, None) {
        Ok(_) => panic!("the header was accepted"),
        Err(error) => error.to_string(),
    }
}

fn record(row: &Row) -> &Record {
    match row {
        Row::Record(record) => record,
        Row::Rejected(rejected) => panic!("{rejected:?}"),
    }
}

fn rejected(row: &Row) -> &Rejected {
    match row {
        Row::Record(record) => panic!("{record:?}"),
        Row::Rejected(rejected) => rejected,
    }
}

/// Each row's line, with a `-` before it when the row was rejected.
fn lines(rows: &[Row]) -> Vec<i64> {
    let line = |line: u64| i64::try_from(line).unwrap();
    rows.iter()
        .map(|row| match row {
            Row::Record(record) => line(record.line),
            Row::Rejected(rejected) => -line(rejected.line),
        })
        .collect()
}

#[test]
fn columns_have_aliases_and_the_rest_are_attributes() {
    let rows = read(
        b"ID,Subject,Body,language,plan,synoptic_label,,attributes\n\
          7,Hi,It broke.,en-GB,pro,billing,x,\"{\"\"seats\"\": 3}\"\n\
          8,,Again.,,,,,\n",
    );
    let fields = &record(&rows[0]).fields;
    assert_eq!(fields.external_id.as_deref(), Some("7"));
    assert_eq!(
        (fields.title.as_deref(), fields.text.as_str()),
        (Some("Hi"), "It broke.")
    );
    assert_eq!(fields.language.as_deref(), Some("en"));
    assert_eq!(
        Value::Object(fields.attributes.clone()),
        json!({"plan": "pro", "column_7": "x", "seats": 3})
    );
    let fields = &record(&rows[1]).fields;
    assert_eq!(
        (
            fields.title.as_deref(),
            fields.language.as_deref(),
            fields.attributes.len()
        ),
        (None, None, 0)
    );
}

#[test]
fn of_two_names_for_a_field_the_other_is_an_attribute() {
    let rows = read(b"id,external_id,content,text\n1,a,c,t\n");
    let fields = &record(&rows[0]).fields;
    assert_eq!((fields.external_id.as_deref(), fields.text.as_str()), (Some("a"), "t"));
    assert_eq!(
        Value::Object(fields.attributes.clone()),
        json!({"id": "1", "content": "c"})
    );
}

#[test]
fn lines_are_counted_as_an_editor_counts_them() {
    let file = "id,text\n\n1,\"a\n\"\"b\"\"\n\nc\"\n\n2,d\n,\n3,e";
    for bytes in [file.to_owned(), file.replace('\n', "\r\n")] {
        let rows = read(bytes.as_bytes());
        assert_eq!(lines(&rows), [3, 8, -9, 10]);
        assert_eq!(record(&rows[0]).fields.text.replace('\r', ""), "a\n\"b\"\n\nc");
    }
}

#[test]
fn a_byte_order_mark_is_no_part_of_the_header() {
    let rows = read(b"\xEF\xBB\xBFtext;id\nhello, world;1\n");
    assert_eq!(record(&rows[0]).fields.text, "hello, world");
}

#[test]
fn the_header_shows_the_delimiter() {
    for delimiter in [',', ';', '\t', '|'] {
        let rows = read(format!("\"id\"{delimiter}\"text\"\n1{delimiter}a\n").as_bytes());
        assert_eq!(record(&rows[0]).fields.text, "a");
    }
    let mut rows = CsvReader::new(&b"id:text\n1:a,b\n"[..], Some(b':')).unwrap();
    assert_eq!(record(&rows.next().unwrap().unwrap()).fields.text, "a,b");
}

#[test]
fn bad_rows_stand_alone() {
    let rows = read(
        b"id,text,attributes\n1,a,\n2,b\n3,c,,d\n4,\xFFe,\n5,,\n6,f\0,\n7,g,[1]\n8,h,{\n9,i,\n9,j,\n\"10\",\"k\",\"\"\n",
    );
    assert_eq!(lines(&rows), [2, -3, -4, -5, -6, -7, -8, -9, 10, -11, 12]);
    let reasons: Vec<_> = [1, 2, 3, 4, 5, 6, 7, 9]
        .map(|row: usize| rejected(&rows[row]).reason.as_str())
        .into();
    assert_eq!(reasons[0], "the row has 2 fields, the header 3");
    assert!(reasons[1].starts_with("the row has 4 fields, the header 3; "));
    assert!(reasons[2].starts_with("field 2 is not UTF-8 (at its byte 1)"));
    assert_eq!(reasons[3], "`text` must not be empty");
    assert!(reasons[4].contains("U+0000"));
    assert!(reasons[5].contains("must be a JSON object such as {\"plan\": \"pro\"}, not a list"));
    assert!(reasons[6].starts_with("`attributes` is not JSON"));
    assert_eq!(reasons[7], "the external id is also that of line 10");
    assert_eq!(rejected(&rows[2]).external_id.as_deref(), Some("3"));
}

#[test]
fn a_quote_that_is_not_doubled_costs_its_own_row() {
    let rows = read(b"id,text\n1,a\n2,\"He said \"hi\" and\nthen, well, went\"\n3,b\n");
    assert_eq!(lines(&rows), [2, -3, 5]);
    assert!(rejected(&rows[1]).reason.ends_with("(lines 3 to 4 are left out)"));
}

#[test]
fn a_quote_that_is_never_closed_does_not_swallow_the_rows_after_it() {
    let mut file = "id,text\n1,\"open\n".to_owned();
    for id in 2..=2_000 {
        let _ = writeln!(file, "{id},text {id}");
    }
    let rows = read(file.as_bytes());
    assert_eq!(rows.len(), 2_000);
    assert_eq!(
        rejected(&rows[0]).reason,
        "a quote is not closed, or not doubled inside a quoted field"
    );
    assert!(rows[1..].iter().all(|row| matches!(row, Row::Record(_))));
    assert_eq!(record(&rows[1]).line, 3);
}

#[test]
fn a_text_that_was_cut_off_does_not_become_documents() {
    let rows = read(b"id,text\n1,a\n2,\"Dear team,\nI was charged twice, and\nthe second");
    assert_eq!(lines(&rows), [2, -3]);
    let prose = "Some words, and more.\nNothing else.\n".repeat(40);
    assert_eq!(lines(&read(format!("id,text\n1,\"{prose}").as_bytes())), [-2]);
}

#[test]
fn broken_quotes_all_over_the_file_are_told_row_by_row() {
    let file = format!("id,text\n{}", "1,\"a\" ,b\n".repeat(1_000));
    assert!(read(file.as_bytes()).iter().all(|row| matches!(row, Row::Rejected(_))));
    let file = format!("id,text\n\"\n{}", "a\",\"\n".repeat(20_000));
    assert!(read(file.as_bytes()).iter().all(|row| matches!(row, Row::Rejected(_))));
}

#[test]
fn a_quote_inside_an_unquoted_field_is_a_character() {
    assert_eq!(
        record(&read(b"id,text\n1,a 5\" screen\n")[0]).fields.text,
        "a 5\" screen"
    );
}

#[test]
fn a_huge_field_is_read_and_a_text_too_long_is_refused() {
    let text = "word ".repeat(1_000_000);
    let file = format!("id,text\n1,\"{text}\"\n2,{}\n3,c\n", text.repeat(3));
    let rows = read(file.as_bytes());
    assert_eq!(lines(&rows), [2, -3, 4]);
    assert_eq!(record(&rows[0]).fields.text.len(), text.len());
    assert!(rejected(&rows[1]).reason.contains("at most 10000000"));
}

#[test]
fn empty_files_and_lone_headers_have_no_rows() {
    for file in ["", "\n\n", "id,text", "id,text\r\n", "\u{FEFF}"] {
        assert_eq!(read(file.as_bytes()), [], "{file:?}");
    }
}

#[test]
fn a_header_that_is_of_no_use_is_explained() {
    assert!(
        header_error(b"id,message\n1,a\n")
            .contains("must name one `text`, `body` or `content`; it has `id`, `message`")
    );
    assert!(header_error(b"text,a,a\n").contains("`a` twice"));
    assert!(header_error(b"\xFF\xFEi\0d\0,\0").contains("UTF-16"));
    assert!(header_error(b"text,\xFF\n").contains("not UTF-8"));
    assert!(header_error(b"text,\"a\n").contains("quote"));
}

#[test]
fn content_gives_an_id_to_records_without_one() {
    let ids = |file: &[u8]| -> Vec<String> {
        read(file)
            .iter()
            .map(|row| record(row).fields.external_id.clone().unwrap())
            .collect()
    };
    let first = ids(b"text\na\nb\na\na\n");
    assert!(first[0].starts_with("auto-") && first[0].len() == "auto-".len() + 16);
    assert_eq!(
        [&first[2], &first[3]],
        [&format!("{}-2", first[0]), &format!("{}-3", first[0])]
    );
    assert_eq!(first, ids(b"text\na\nb\na\na\n"));
    let taken = format!("id,text\n{},z\n,a\n", first[0]);
    assert_eq!(ids(taken.as_bytes())[1], first[2]);
}
