//! The text of a schedule: its vectors, what is refused, and that there is one text for each record.

use super::*;
use proptest::prelude::*;

/// The vectors of `docs/formats/renewal-schedule.md`.
fn vectors() -> Vec<String> {
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/formats/renewal-schedule.md");
    let page = std::fs::read_to_string(page).unwrap();
    let blocks = page.split("```\n").filter(|block| block.starts_with(HEAD));
    blocks.map(str::to_owned).collect()
}

#[test]
fn the_vectors_of_the_page_are_read_and_written_the_same() {
    let vectors = vectors();
    assert_eq!(vectors.len(), 3);
    for vector in &vectors {
        assert_eq!(ScheduleRecord::parse(vector.as_bytes()).unwrap().to_text(), *vector);
    }
    let failed = ScheduleRecord::parse(vectors[1].as_bytes()).unwrap();
    assert_eq!((failed.failures, failed.pause.unwrap().length), (3, Duration::from_secs(240)));
    let ordered = ScheduleRecord::parse(vectors[2].as_bytes()).unwrap().ordered.unwrap();
    assert_eq!(ordered.window.to_string(), "03:00+2h");
}

#[test]
fn whatever_differs_from_a_text_of_ours_is_refused() {
    let good =
        "dwcp-renewal 1\nserial 0a\nfailures 2\npause 2026-11-22T12:00:00Z 2026-11-22T12:02:00Z\nordered -\n";
    assert!(ScheduleRecord::parse(good.as_bytes()).is_ok());
    for (from, to, line) in [
        ("dwcp-renewal 1", "dwcp-renewal 2", 1),
        ("\n", "\r\n", 1),
        ("serial 0a", "serial A", 2),
        ("serial 0a", "serial 000a", 2),
        ("serial 0a", "serial 0", 2),
        ("serial 0a\n", "", 2),
        ("failures 2", "failures 02", 3),
        ("failures 2", "failures +2", 3),
        ("failures 2", "failures -1", 3),
        ("failures 2", "failures 4294967296", 3),
        ("12:02:00Z", "11:59:59Z", 4),
        ("12:02:00Z", "12:02:00.000Z", 4),
        ("12:02:00Z", "12:02:00+01:00", 4),
        ("pause 2026", "pause  2026", 4),
        ("ordered -", "ordered", 5),
        ("ordered -", "ordered 2026-11-23T03:00:00Z", 5),
        ("ordered -", "ordered 2026-11-23T03:00:00Z 03:00+120m", 5),
        ("ordered -\n", "ordered -", 5),
        ("ordered -\n", "", 5),
        ("ordered -\n", "ordered -\n\n", 6),
    ] {
        let bad = good.replace(from, to);
        assert_eq!(ScheduleRecord::parse(bad.as_bytes()), Err(BadRecord { line }), "{bad}");
    }
    assert!(ScheduleRecord::parse(&[0xff; 40]).is_err());
    assert!(ScheduleRecord::parse(format!("{good}{}", " ".repeat(600)).as_bytes()).is_err());
}

proptest! {
    #[test]
    fn every_record_is_read_as_it_was_written(
        serial in prop::collection::vec(1_u8.., 1..20), failures: u32,
        pause in prop::option::of((-1_000_000_000_000_i64..4_000_000_000_000, 0_u64..10_000_000_000)),
        ordered in prop::option::of((0_i64..4_000_000_000_000, 0_u16..24, 1_u16..24)),
    ) {
        let record = ScheduleRecord {
            serial: Serial::from_be_bytes(&serial).unwrap(),
            failures,
            pause: pause.map(|(from, length)| Pause { from: UnixTime::from_millis(from), length: Duration::from_millis(length) }),
            ordered: ordered.map(|(at, hour, hours)| Ordered {
                at: UnixTime::from_millis(at),
                window: format!("{hour:02}:00+{hours}h").parse().unwrap(),
            }),
        };
        let text = record.to_text();
        prop_assert!(text.len() <= ScheduleRecord::LONGEST);
        prop_assert_eq!(ScheduleRecord::parse(text.as_bytes()), Ok(record));
    }

    #[test]
    fn whatever_is_read_is_what_would_be_written(text in "(dwcp-renewal 1\n)?(serial [0-9a-f]{1,6}\n)?(failures [0-9]{1,3}\n)?(pause -\n)?(ordered -\n)?.{0,3}") {
        if let Ok(record) = ScheduleRecord::parse(text.as_bytes()) {
            prop_assert_eq!(record.to_text(), text);
        }
    }
}
