//! The texts of records: the vectors of their page, what is refused, and that there is one text for each.

use super::*;
use crate::{AccountStanding, KeptAdvice};
use dwcp_base::UnixTime;
use dwcp_crypto::Secret;
use dwcp_pki::SubjectName;
use proptest::prelude::*;

/// The vectors of `docs/formats/acme-cache.md`.
fn vectors() -> Vec<String> {
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/formats/acme-cache.md");
    let page = std::fs::read_to_string(page).unwrap();
    let blocks = page.split("```\n").filter(|block| block.starts_with("dwcp-acme-"));
    blocks.map(str::to_owned).collect()
}

/// The text that each kind would write for it; the lines that are wrong otherwise.
fn rewritten(text: &[u8]) -> [Result<Vec<u8>, BadLine>; 4] {
    [
        AccountRecord::parse(text).map(|record| record.to_text().unwrap().to_vec()),
        OrderRecord::parse(text).map(|record| record.to_text().unwrap().to_vec()),
        LastRecord::parse(text).map(|record| record.to_text().unwrap().to_vec()),
        PauseRecord::parse(text).map(|record| record.to_text().unwrap().to_vec()),
    ]
}

#[test]
fn the_vectors_of_the_page_are_read_and_written_the_same() {
    let vectors = vectors();
    assert_eq!(vectors.len(), 6);
    for (vector, kind) in vectors.iter().zip([0, 0, 1, 2, 3, 3]) {
        for (at, read) in rewritten(vector.as_bytes()).into_iter().enumerate() {
            if at == kind {
                assert_eq!(read.unwrap(), vector.as_bytes())
            } else {
                assert_eq!(read, Err(BadLine { line: 1 }))
            }
        }
    }
    let order = OrderRecord::parse(vectors[2].as_bytes()).unwrap();
    let last = LastRecord::parse(vectors[3].as_bytes()).unwrap();
    assert_eq!(NamesDigest::of(&order.names), last.names);
    let account = AccountRecord::parse(vectors[1].as_bytes()).unwrap();
    assert_eq!((account.contacts.len(), account.key.expose()), (2, &[0, 1, 2, 3, 4, 5, 6, 7][..]));
    assert!(!format!("{account:?}").contains("AAECAw"), "{account:?}");
}

#[test]
fn whatever_differs_from_a_text_of_ours_is_refused() {
    let vectors = vectors();
    for (at, from, to, line) in [
        (0, "account 1", "account 2", 1),
        (0, "\nmade", "\r\nmade", 3),
        (0, "https:", "http:", 2),
        (0, "directory https://ca.example/directory", "directory https://", 2),
        (0, "ca.example/", "ca.exämple/", 2),
        (0, "account -", "account", 3),
        (0, "made 2026-11-22T12:00:00Z", "made 2026-11-22T12:00:00.000Z", 4),
        (0, "external -", "external a b", 5),
        (0, "contacts -", "contacts  ", 6),
        (0, "contacts -", "contacts a -", 6),
        (0, "contacts -", "contacts a b c d e f g h i", 6),
        (0, "Bgc=", "Bgc", 7),
        (0, "Bgc=", "Bgd=", 7),
        (0, "key AAECAwQFBgc=", "key ", 7),
        (0, "Bgc=\n", "Bgc=", 7),
        (0, "Bgc=\n", "Bgc=\n\n", 8),
        (2, "DNS:shop", "dns:shop", 5),
        (2, "DNS:shop.example", "DNS:../../etc/x", 5),
        (2, "IP:192.0.2.1", "IP:::ffff:192.0.2.1", 5),
        (2, "profile shortlived", "profile short lived", 6),
        (2, "sha256/", "sha1/", 8),
        (3, "names 4", "names A", 2),
        (3, "aYhba4dGQEHhs3uEe6CuLN4ByNQ.", "aYhba4dGQEHhs3uEe6CuLN4ByNQ", 5),
        (3, "-01-22T", "-01-19T", 7),
        (3, " 2026-11-22T18:00:00Z", "", 7),
        (
            3,
            "advice 2027-01-20T00:00:00Z 2027-01-22T00:00:00Z 2027-01-20T17:31:07Z 2026-11-22T18:00:00Z",
            "advice -",
            8,
        ),
        (4, "to 2026-11-22T13", "to 2026-11-23T13", 4),
        (4, "to 2026-11-22T13", "to 2026-11-22T11", 4),
        (4, "failures -", "failures 1", 5),
        (4, "failures -", "failures 0 4", 5),
        (5, "failures 3", "failures 0", 5),
        (5, "failures 3", "failures 03", 5),
        (5, "failures 3", "failures 1001", 5),
        (5, "failures 3 4", "failures 3 A", 5),
        (4, "rateLimited: too many new orders", "-", 6),
        (4, "rateLimited: too many new orders", "   ", 6),
        (4, "too many", "\u{1b}[2J", 6),
    ] {
        let bad = vectors[at].replacen(from, to, 1);
        assert_ne!(bad, vectors[at], "{from}");
        let lines: Vec<_> =
            rewritten(bad.as_bytes()).into_iter().map(|read| read.map_err(|bad| bad.line)).collect();
        let kind = [0, 0, 1, 2, 3, 3][at];
        assert_eq!(lines[kind], Err(line), "{bad}");
    }
    assert!(rewritten(&[b'a'; 40_000]).iter().all(|read| *read == Err(BadLine { line: 1 })));
}

#[test]
fn what_does_not_fit_is_not_written() {
    let pause = |reason: &str| PauseRecord {
        reason: reason.to_owned(),
        ..PauseRecord::parse(vectors()[4].as_bytes()).unwrap()
    };
    for reason in ["", "-", "ü", &"a".repeat(321)] {
        assert_eq!(pause(reason).to_text().unwrap_err().line, 6, "{reason}");
    }
    assert!(pause("a\nto 2026").to_text().is_err());
    let order = OrderRecord::parse(vectors()[2].as_bytes()).unwrap();
    let named = |names| OrderRecord { names, ..order.clone() };
    let long = SubjectName::Dns(format!("{}.example", vec!["a".repeat(60); 3].join(".")));
    assert!(named(vec![long.clone(); 100]).to_text().is_ok());
    for names in [
        vec![],
        vec![long; 101],
        vec![SubjectName::Dns("a b".to_owned())],
        vec![SubjectName::Dns("../x".to_owned())],
    ] {
        assert_eq!(named(names).to_text().unwrap_err().line, 5);
    }
    assert!(OrderRecord { profile: Some("-".to_owned()), ..order.clone() }.to_text().is_err());
    assert!(OrderRecord { made: UnixTime::from_millis(i64::MAX), ..order }.to_text().is_err());
    let account = AccountRecord::parse(vectors()[0].as_bytes()).unwrap();
    for key in [0, 1_025, 40_000] {
        assert!(
            AccountRecord {
                key: Secret::from(vec![7; key]),
                ..AccountRecord::parse(vectors()[1].as_bytes()).unwrap()
            }
            .to_text()
            .is_err()
        );
    }
    assert!(AccountRecord { contacts: vec!["a b".to_owned()], ..account }.to_text().is_err());
}

#[test]
fn at_p5_a_pause_is_cut_to_a_day_and_its_reason_to_what_can_be_shown() {
    let now = UnixTime::from_secs(1_800_000_000);
    let hostile = format!("\u{1b}[2J\r\nto 2099{}", "x".repeat(10_000));
    let pause = PauseRecord::new("https://ca.example/", now, Duration::from_secs(1_000_000_000), &hostile);
    assert_eq!(pause.left(now), PauseRecord::LONGEST);
    assert_eq!(PauseRecord::parse(&pause.to_text().unwrap()).unwrap(), pause);
    assert!(pause.reason.starts_with("?[2J??to 2099x") && pause.reason.len() == 320);
    for nothing in ["", "  ", "-"] {
        assert_eq!(
            PauseRecord::new("https://ca.example/", now, Duration::ZERO, nothing).reason,
            "no reason given"
        );
    }
    let names = NamesDigest::of(&[SubjectName::Dns("a.example".to_owned())]);
    let lengths = [(0, 1), (1, 1), (2, 2), (6, 32), (7, 60), (8, 60), (u32::MAX, 60)];
    for (count, minutes) in lengths {
        let own = PauseRecord::after_failures("https://ca.example/", names, count, now, &hostile);
        assert_eq!(own.left(now), Duration::from_secs(minutes * 60), "{count}");
        assert_eq!(PauseRecord::parse(&own.to_text().unwrap()).unwrap(), own);
        let short = own.at_most(Duration::from_secs(90));
        assert_eq!(short.left(now), Duration::from_secs(if minutes == 1 { 60 } else { 90 }));
    }
    // A clock that was ahead does not hold us up for ever.
    assert_eq!(pause.left(now.minus(Duration::from_millis(1))), Duration::ZERO);
    assert_eq!(pause.left(now.plus(PauseRecord::LONGEST)), Duration::ZERO);
}

fn times() -> impl Strategy<Value = UnixTime> {
    (0_i64..4_000_000_000_000).prop_map(UnixTime::from_millis)
}

fn urls() -> impl Strategy<Value = String> {
    "https://[!-~]{1,60}"
}

proptest! {
    #[test]
    fn every_account_is_read_as_it_was_written(
        directory in urls(), account in prop::option::of(urls()), made in times(),
        external in prop::option::of("[!-~]{2,40}"), contacts in prop::collection::vec("mailto:[!-~]{1,30}", 0..8),
        key in prop::collection::vec(any::<u8>(), 1..1_024),
    ) {
        let standing = account.map_or(AccountStanding::Unconfirmed, |url| AccountStanding::Registered { url });
        let record = AccountRecord { directory, standing, made, external, contacts, key: Secret::from(key) };
        let text = record.to_text().unwrap();
        let read = AccountRecord::parse(&text).unwrap();
        prop_assert_eq!((&read.directory, &read.standing, read.made), (&record.directory, &record.standing, record.made));
        prop_assert_eq!((&read.external, &read.contacts, read.key.expose()), (&record.external, &record.contacts, record.key.expose()));
    }

    #[test]
    fn every_other_record_is_read_as_it_was_written(
        directory in urls(), account in urls(), url in urls(), made in times(), at in times(), later in 0_u64..86_400_000,
        names in prop::collection::vec("[a-z]{1,9}\\.example", 1..100), finalized in prop::option::of(any::<[u8; 32]>()), count in prop::option::of(1_u32..=1_000),
        profile in prop::option::of("[!-~]{2,40}"), advised in any::<bool>(), explanation in prop::option::of(urls()),
    ) {
        let names: Vec<_> = names.into_iter().map(SubjectName::Dns).collect();
        let digest = NamesDigest::of(&names);
        let finalized_for = finalized.map(dwcp_pki::KeyPin::from);
        let order = OrderRecord { directory: directory.clone(), account: account.clone(), url, names, profile, made, finalized_for };
        prop_assert_eq!(OrderRecord::parse(&order.to_text().unwrap()), Ok(order));
        let end = made.plus(Duration::from_millis(later));
        let advice = advised.then_some(KeptAdvice { start: made, end, renew_at: at, ask_again: at, explanation });
        let last = LastRecord { names: digest, directory: directory.clone(), account, certificate: "a-b.c_d".to_owned(), not_after: at, advice };
        prop_assert_eq!(LastRecord::parse(&last.to_text().unwrap()), Ok(last));
        let cause = count.map_or(PauseCause::Authority, |count| PauseCause::Failures { names: digest, count });
        let pause = PauseRecord { directory, from: made, to: end, cause, reason: "why not".to_owned() };
        prop_assert_eq!(PauseRecord::parse(&pause.to_text().unwrap()), Ok(pause));
    }

    #[test]
    fn one_byte_more_less_or_other_is_refused_or_what_would_be_written(vector in 0_usize..6, at in 0_usize..600, byte: u8, how in 0_u8..3) {
        let mut text = vectors().swap_remove(vector).into_bytes();
        let at = at % text.len();
        match how {
            0 => text[at] = byte,
            1 => text.insert(at, byte),
            _ => drop(text.remove(at)),
        }
        for written in rewritten(&text).into_iter().flatten() {
            prop_assert_eq!(&written, &text);
        }
    }
}
