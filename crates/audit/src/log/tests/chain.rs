use std::os::unix::fs::PermissionsExt;

use keystead_types::Hex32;
use proptest::prelude::*;

use super::fixture::{append, files, id, open, place, record, runtime, written};
use crate::limits::RECENT_EVENT_IDS;
use crate::log::line;
use crate::{
    AuditLog, Broken, Durability, Head, LaneCount, OpenError, Reason, Record, Sink, verify,
    verify_against,
};

#[test]
fn the_format_of_version_1() {
    let mut out = Vec::new();
    line::header(&mut out, Head::EMPTY);
    let head = line::line(&mut out, Head::EMPTY, &record(1));
    let mut bare = record(2);
    bare.receipts.clear();
    line::line(&mut out, head, &bare);
    let text = String::from_utf8(out).unwrap();
    let golden = concat!(
        r#"{"keystead_audit":1,"first_seq":1,"#,
        r#""prev":"0000000000000000000000000000000000000000000000000000000000000000"}"#,
        "\n",
        r#"{"seq":1,"prev":"0000000000000000000000000000000000000000000000000000000000000000","#,
        r#""receipts":[{"epoch":"ffffffffffffffff","lane":2,"counter":1,"#,
        r#""digest":"abababababababababababababababab"}],"event":"#,
        r#"{"eventName":"Encrypt","n":1,"eventID":"00000000-0000-4001-8000-000000000001"}}"#,
        "\n",
        r#"{"seq":2,"prev":"a4d15fb4d6555e221e26c99e55b56e3b2e4808f4e61228122003241c2a4a6c9c","#,
        r#""receipts":[],"event":"#,
        r#"{"eventName":"Encrypt","n":2,"eventID":"00000000-0000-4002-8000-000000000002"}}"#,
        "\n",
    );
    assert_eq!(text, golden);
}

#[test]
fn a_log_goes_on_where_it_ended_and_verifies() {
    let (_outer, dir) = place();
    written(&dir, 3, 1 << 20);
    let log = open(&dir);
    assert_eq!(log.recent_event_ids(), [id(1), id(2), id(3)]);
    assert_eq!(log.head().seq, 3);
    append(&log, 4).unwrap();
    let head = log.head();
    drop(log);
    let report = verify(&dir).unwrap();
    assert_eq!(report.broken, None);
    assert_eq!((report.segments, report.records), (1, 4));
    assert_eq!((report.before, report.head), (Head::EMPTY, head));
    let lane = report.lanes[&(u64::MAX, 2)];
    let expected = LaneCount {
        first: 1,
        last: 4,
        seen: 4,
    };
    assert_eq!((lane, lane.missing()), (expected, 0));
}

#[test]
fn a_missing_receipt_shows() {
    let (_outer, dir) = place();
    let log = open(&dir);
    for number in [1, 2, 5] {
        append(&log, number).unwrap();
    }
    assert_eq!(verify(&dir).unwrap().lanes[&(u64::MAX, 2)].missing(), 2);
}

/// A replayed outbox tells of receipts that an ABANDONED record told of already; that must not
/// hide another receipt's absence.
#[test]
fn a_receipt_told_twice_hides_no_missing_one() {
    let (_outer, dir) = place();
    let log = open(&dir);
    for number in [3, 1, 7, 7, 3, 2, 6] {
        append(&log, number).unwrap();
    }
    let lane = verify(&dir).unwrap().lanes[&(u64::MAX, 2)];
    let expected = LaneCount {
        first: 1,
        last: 7,
        seen: 5,
    };
    assert_eq!((lane, lane.missing()), (expected, 2));
}

#[test]
fn files_are_private_and_named_after_their_first_record() {
    let (_outer, dir) = place();
    written(&dir, 5, 600);
    let mode = |path: &std::path::Path| path.metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&dir), 0o700);
    let files = files(&dir);
    assert!(files.len() > 1);
    assert!(files[0].ends_with("audit-00000000000000000001.log"));
    assert!(files.iter().all(|file| mode(file) == 0o600));
}

#[test]
fn segments_join_and_a_lost_one_is_missed() {
    let (_outer, dir) = place();
    written(&dir, 20, 600);
    let report = verify(&dir).unwrap();
    assert_eq!((report.broken, report.records), (None, 20));
    let files = files(&dir);
    assert_eq!(report.segments, files.len() as u64);
    let log = open(&dir);
    let ids: Vec<_> = (1..=20).map(id).collect();
    assert!(ids.ends_with(log.recent_event_ids()) && log.recent_event_ids().len() > 1);
    drop(log);
    std::fs::remove_file(&files[1]).unwrap();
    let broken = verify(&dir).unwrap().broken.unwrap();
    assert_eq!((broken.file, broken.line), (files[2].clone(), 1));
    assert_eq!(broken.reason, Reason::Header);
}

#[test]
fn old_segments_may_go_and_the_report_says_so() {
    let (_outer, dir) = place();
    written(&dir, 20, 600);
    std::fs::remove_file(&files(&dir)[0]).unwrap();
    let report = verify(&dir).unwrap();
    assert_eq!(report.broken, None);
    assert!(report.before.seq > 0);
}

#[test]
fn a_cut_end_needs_the_known_head() {
    let (_outer, dir) = place();
    let log = open(&dir);
    append(&log, 1).unwrap();
    let early = log.head();
    append(&log, 2).unwrap();
    let late = log.head();
    drop(log);
    let file = files(&dir).remove(0);
    let text = std::fs::read_to_string(&file).unwrap();
    for known in [Head::EMPTY, early, late] {
        assert_eq!(verify_against(&dir, known).unwrap().broken, None);
    }
    let lines: Vec<_> = text.lines().collect();
    std::fs::write(&file, format!("{}\n{}\n", lines[0], lines[1])).unwrap();
    assert_eq!(verify(&dir).unwrap().broken, None);
    assert_eq!(verify_against(&dir, early).unwrap().broken, None);
    let broken = verify_against(&dir, late).unwrap().broken.unwrap();
    assert_eq!(broken.reason, Reason::Head);
    let other = Head {
        hash: Hex32([1; 32]),
        ..early
    };
    assert!(verify_against(&dir, other).unwrap().broken.is_some());
}

/// Changes the lines of a five-record log and says where the check stops.
fn tampered(change: impl FnOnce(&mut Vec<String>)) -> (Broken, bool) {
    let (_outer, dir) = place();
    written(&dir, 5, 1 << 20);
    let file = files(&dir).remove(0);
    let text = std::fs::read_to_string(&file).unwrap();
    let mut lines: Vec<_> = text.lines().map(str::to_owned).collect();
    change(&mut lines);
    std::fs::write(&file, lines.join("\n") + "\n").unwrap();
    let refused = matches!(
        AuditLog::open(&dir, Durability::Write),
        Err(OpenError::Broken(_))
    );
    (verify(&dir).unwrap().broken.unwrap(), refused)
}

#[test]
fn deleted_swapped_changed_and_shortened_lines_are_found() {
    let sequence = |expected, found| Reason::Sequence { expected, found };
    type Change = fn(&mut Vec<String>);
    let cases: [(&str, u64, Reason, Change); 8] = [
        ("delete", 3, sequence(2, 3), |lines| drop(lines.remove(2))),
        ("delete first", 2, sequence(1, 2), |lines| {
            drop(lines.remove(1))
        }),
        ("swap", 3, sequence(2, 3), |lines| lines.swap(2, 3)),
        ("double", 4, sequence(3, 2), |lines| {
            lines.insert(3, lines[2].clone())
        }),
        ("change", 4, Reason::Previous, |lines| {
            lines[2] = lines[2].replace("Encrypt", "Decrypt");
        }),
        ("receipt", 4, Reason::Previous, |lines| {
            lines[2] = lines[2].replace("\"lane\":2", "\"lane\":3");
        }),
        ("shorten", 3, Reason::NotALine, |lines| {
            lines[2] = lines[2].replace("}}", "}")
        }),
        ("blank", 3, Reason::NotALine, |lines| {
            lines.insert(2, String::new())
        }),
    ];
    for (what, line, reason, change) in cases {
        let (broken, refused) = tampered(change);
        assert_eq!((broken.line, broken.reason), (line, reason), "{what}");
        assert!(refused, "{what}: must not open");
    }
}

#[test]
fn another_version_is_named() {
    let (broken, _) = tampered(|lines| lines[0] = lines[0].replace("audit\":1", "audit\":2"));
    assert_eq!((broken.line, broken.reason), (1, Reason::Version(2)));
    let (broken, refused) = tampered(|lines| lines[0] = lines[0].replace(':', ": "));
    assert_eq!(
        (broken.line, broken.reason, refused),
        (1, Reason::Header, true)
    );
}

#[test]
fn recent_ids_are_bounded_and_reach_over_a_segment() {
    let (_outer, dir) = place();
    let count = RECENT_EVENT_IDS as u64 + 10;
    written(&dir, count, count * 200);
    assert!(files(&dir).len() > 1, "the test wants two segments");
    let log = open(&dir);
    let expected: Vec<_> = (11..=count).map(id).collect();
    assert_eq!(log.recent_event_ids(), expected);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    /// Any changed byte but those of the last line breaks the chain; there, only a known head
    /// helps.
    #[test]
    fn a_flipped_bit_is_found(place in any::<prop::sample::Index>(), bit in 0_u8..8) {
        let (_outer, dir) = self::place();
        written(&dir, 4, 1 << 20);
        let head = verify(&dir).unwrap().head;
        let file = files(&dir).remove(0);
        let mut bytes = std::fs::read(&file).unwrap();
        let at = place.index(bytes.len());
        bytes[at] ^= 1 << bit;
        std::fs::write(&file, &bytes).unwrap();
        let report = verify_against(&dir, head).unwrap();
        prop_assert!(report.broken.is_some());
    }
}

/// A record of the HSM process's start or end; no receipts.
fn process(number: u64, name: &str, details: &str) -> Record {
    let event_id = id(number);
    let json = format!(
        r#"{{"eventName":"{name}","eventID":"{event_id}","serviceEventDetails":{details}}}"#
    );
    Record {
        event_id,
        json: json.into_bytes(),
        receipts: Vec::new(),
    }
}

#[test]
fn uses_before_the_first_record_and_after_the_last_are_missed_too() {
    let epoch = "\"epoch\":\"ffffffffffffffff\"";
    let started = process(100, "StartHsmProcess", &format!("{{{epoch}}}"));
    let counted = r#""counted":{"2":9,"5":1,"x":4}"#;
    let ended = process(101, "EndHsmProcess", &format!("{{{epoch},{counted}}}"));
    let odd = process(102, "StartHsmProcess", r#"{"epoch":17}"#);
    let strange = process(103, "EndHsmProcess", "null");
    for (begins, ends, expected) in [
        (false, false, vec![(2, 1)]),
        (true, false, vec![(2, 3)]),
        (false, true, vec![(2, 3)]),
        (true, true, vec![(2, 5), (5, 1)]),
    ] {
        let (_outer, dir) = place();
        let log = open(&dir);
        let write = |record: &Record| runtime().block_on(log.append(record.clone())).unwrap();
        if begins {
            write(&started);
        }
        // The counters 3, 4, 6, 7 of lane 2.
        [3, 4, 6, 7]
            .into_iter()
            .for_each(|number| write(&record(number)));
        write(&odd);
        write(&strange);
        let counted = [(2, 9), (5, 1)].into();
        let found = crate::unrecorded(&dir, u64::MAX, &counted).unwrap();
        assert_eq!(found, begins.then(|| [(2, 5), (5, 1)].into()));
        if ends {
            write(&ended);
        }
        let report = verify(&dir).unwrap();
        assert_eq!(report.broken, None);
        let missing = report.lanes.iter().filter(|(_, count)| count.missing() > 0);
        let missing: Vec<_> = missing
            .map(|((_, lane), count)| (*lane, count.missing()))
            .collect();
        assert_eq!(missing, expected, "{begins} {ends}");
    }
}
