use super::*;
use crate::{domain::imports::RecordNames, interchange::Record};
use proptest::prelude::*;

fn settings(format: RecordFormat) -> ImportSettings {
    ImportSettings {
        format,
        replace: true,
        delimiter: None,
        names: RecordNames::default(),
    }
}

/// Every piece of a file that arrives in steps of so many bytes, and the header.
fn pieces(settings: &ImportSettings, most: u64, file: &[u8], step: usize) -> (Vec<Piece>, Option<Vec<u8>>) {
    let mut splitter = Splitter::new(settings);
    splitter.most_records = most;
    let mut pieces = Vec::new();
    for bytes in file.chunks(step) {
        splitter.push(bytes);
        while let Some(piece) = splitter.next_piece().unwrap() {
            pieces.push(piece);
        }
    }
    splitter.end();
    while let Some(piece) = splitter.next_piece().unwrap() {
        pieces.push(piece);
    }
    (pieces, splitter.header().map(<[u8]>::to_vec))
}

fn records(settings: &ImportSettings, pieces: &[Piece], header: Option<&[u8]>) -> Vec<Row> {
    let rows = pieces
        .iter()
        .map(|piece| rows_of(settings, header, piece.lines_before, &piece.content).unwrap());
    rows.flatten().collect()
}

fn text(row: &Row) -> (u64, &str) {
    match row {
        Row::Record(Record { line, fields }) => (*line, &fields.text),
        Row::Rejected(rejected) => (rejected.line, &rejected.reason),
    }
}

const CSV: &str = "\u{FEFF}\n\"id\";\"body\"\r\n1;\"one\n\n\"\"two\"\"\"\r\n\n2;three\n3;\"fo;ur\"";

#[test]
fn records_stay_whole_however_the_file_arrives() {
    let settings = settings(RecordFormat::Csv);
    for step in 1..CSV.len() {
        let (pieces, header) = pieces(&settings, 1, CSV.as_bytes(), step);
        let rows = records(&settings, &pieces, header.as_deref());
        let found: Vec<_> = rows.iter().map(text).collect();
        assert_eq!(
            found,
            [(3, "one\n\n\"two\""), (7, "three"), (8, "fo;ur")],
            "in steps of {step}"
        );
        assert_eq!(pieces.last().unwrap().end, CSV.len() as u64);
    }
}

#[test]
fn whoever_goes_on_after_a_piece_finds_the_others() {
    let settings = settings(RecordFormat::Csv);
    let (all, header) = pieces(&settings, 1, CSV.as_bytes(), CSV.len());
    for (done, piece) in all.iter().enumerate() {
        let lines = piece.lines_before + piece.lines;
        let mut splitter = Splitter::after(&settings, header.clone(), piece.end, lines);
        splitter.most_records = 1;
        splitter.push(&CSV.as_bytes()[piece.end as usize..]);
        splitter.end();
        let mut rest = Vec::new();
        while let Some(piece) = splitter.next_piece().unwrap() {
            rest.push(piece);
        }
        assert_eq!(rest, all[done + 1..]);
    }
}

#[test]
fn a_broken_row_does_not_take_the_rest_along() {
    let settings = settings(RecordFormat::Csv);
    let file = "id,text\n1,\"never closed\n2,\"x\"\n3,y\n";
    let (pieces, header) = pieces(&settings, 1, file.as_bytes(), 7);
    let rows = records(&settings, &pieces, header.as_deref());
    assert!(text(&rows[0]).1.contains("quote"), "{rows:?}");
    assert_eq!(text(rows.last().unwrap()), (4, "y"));
}

#[test]
fn a_header_without_a_text_is_refused_at_once() {
    let settings = settings(RecordFormat::Csv);
    let mut splitter = Splitter::new(&settings);
    splitter.push(b"a,b\n");
    assert!(
        splitter
            .next_piece()
            .unwrap_err()
            .to_string()
            .contains("no column for the text")
    );
}

#[test]
fn columns_may_be_named() {
    let mut settings = settings(RecordFormat::Csv);
    settings.names.text = Some("Beschreibung".to_owned());
    settings.names.external_id = Some("Nr".to_owned());
    let (found, header) = pieces(&settings, 9, b"Nr\tbeschreibung\ttext\n7\tkaputt\tx\n", 5);
    let rows = records(&settings, &found, header.as_deref());
    let Row::Record(record) = &rows[0] else {
        panic!("{rows:?}")
    };
    assert_eq!(
        (record.fields.external_id.as_deref(), record.fields.text.as_str()),
        (Some("7"), "kaputt")
    );
    assert_eq!(record.fields.attributes["text"], "x");
    let mut splitter = Splitter::new(&settings);
    splitter.push(b"text\nx\n");
    assert!(splitter.next_piece().unwrap_err().to_string().contains("`Nr`"));
}

#[test]
fn the_records_of_one_document_are_taken_out() {
    let csv = settings(RecordFormat::Csv);
    let content = b"a,\"one\ntwo\"\nb,three\na,four\n\"a,broken\n";
    let left = without(&csv, Some(b"id,text\n"), content, "a").unwrap().unwrap();
    assert_eq!(left, b"\n\nb,three\n\n\n");
    assert_eq!(without(&csv, Some(b"id,text\n"), b"b,three\n", "a").unwrap(), None);
    let ndjson = settings(RecordFormat::Ndjson);
    let content = b"{\"id\":\"a\",\"text\":\"x\"}\n{\"id\":\"b\",\"text\":\"a\"}\n";
    let left = without(&ndjson, None, content, "a").unwrap().unwrap();
    assert_eq!(left, b"\n{\"id\":\"b\",\"text\":\"a\"}\n");
}

proptest! {
    /// What the reader of whole files finds, the pieces have.
    #[test]
    fn pieces_have_what_the_whole_file_has(
        texts in prop::collection::vec("[a-z\u{e9}\u{6f22}\"\n\r,; ]{1,20}", 0..20),
        most in 1_u64..5,
        step in 1_usize..40,
        csv in any::<bool>(),
    ) {
        let format = if csv { RecordFormat::Csv } else { RecordFormat::Ndjson };
        let settings = settings(format);
        let mut file = Vec::new();
        if csv {
            let mut writer = ::csv::Writer::from_writer(&mut file);
            writer.write_record(["id", "text"]).unwrap();
            for (number, text) in texts.iter().enumerate() {
                writer.write_record([&number.to_string(), &format!("x{text}")]).unwrap();
            }
            writer.flush().unwrap();
        } else {
            for (number, text) in texts.iter().enumerate() {
                let object = serde_json::json!({"id": number, "text": format!("x{text}")});
                file.extend(format!("{object}\n").bytes());
            }
        }
        let whole: Vec<Row> = if csv {
            CsvReader::new(&file[..], None).unwrap().collect::<io::Result<_>>().unwrap()
        } else {
            NdjsonReader::new(&file[..]).collect::<io::Result<_>>().unwrap()
        };
        let (found, header) = pieces(&settings, most, &file, step);
        prop_assert_eq!(records(&settings, &found, header.as_deref()), whole);
        prop_assert_eq!(found.iter().map(|piece| piece.records).sum::<u64>(), texts.len() as u64);
        prop_assert!(found.iter().all(|piece| piece.records <= most));
    }
}
