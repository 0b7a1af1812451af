//! What a server reads of the log, and when it reads it again.

use super::*;

#[test]
fn what_becomes_visible_late_is_read_and_nothing_twice() {
    let start = Instant::now();
    let mut reader = Reader::starting(&[3, 5], start);
    assert_eq!(reader.fresh(&[3, 5]), Some(vec![]));
    assert_eq!(reader.fresh(&[3, 4, 5, 7]), Some(vec![4, 7]));
    reader.note(&[3, 4, 5, 7], start + Duration::from_secs(1));
    assert_eq!(reader.fresh(&[3, 4, 5, 6, 7]), Some(vec![6]));
    reader.note(&[3, 4, 5, 6, 7], start + Duration::from_secs(2));
    assert_eq!(reader.floor, 3);
    // What was the highest a minute ago is where the next look begins.
    reader.note(&[3, 4, 5, 6, 7, 9], start + Duration::from_secs(62));
    assert_eq!(reader.floor, 7);
    assert_eq!(reader.fresh(&[7, 8, 9]), Some(vec![8]));
}

#[test]
fn a_log_that_goes_on_elsewhere_is_told() {
    let start = Instant::now();
    let reader = Reader::starting(&[3, 5], start);
    assert_eq!(reader.fresh(&[]), None);
    assert_eq!(reader.fresh(&[3, 9]), None);
    let reader = Reader::starting(&[], start);
    assert_eq!(reader.fresh(&[1, 2]), Some(vec![1, 2]));
}
