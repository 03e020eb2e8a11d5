//! What a slot keeps on disk over restarts: a prepared pair, a back-off, an order; and files of others, that are not taken.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod household;
mod lab;
mod scripted;

use dwcp_base::{Clock, LocalDisk};
use dwcp_pki::{
    Activation, CertificateRequest, Credential, Event, NextStep, ProviderError, ScheduleRecord, SlotPhase,
};
use household::*;
use lab::*;
use scripted::*;
use std::path::Path;
use std::sync::atomic::Ordering;
use std::time::Duration;

const GRACE: Duration = Duration::from_secs(30);

#[test]
fn a_prepared_pair_survives_a_restart_and_is_activated_after_its_grace() {
    let home = Home::new();
    let first = home.start(LocalDisk);
    let before = first.serial();
    home.clock.advance(HOUR);
    let serial = first.prepare();
    drop(first);
    let second = home.start(LocalDisk);
    assert_eq!(second.serial(), before);
    assert_eq!(second.codes(), ["pki.renewal.prepared"]);
    let SlotPhase::Prepared { serial: waits, activate_at } = second.manager.state("node").unwrap().phase
    else {
        panic!("it was lost")
    };
    assert_eq!((waits, activate_at), (serial, home.clock.unix().plus(GRACE)));
    home.clock.advance(GRACE);
    assert!(matches!(second.manager.next(home.clock.unix()), NextStep::Activate { .. }));
    second.manager.activate("node").unwrap();
    assert_eq!(second.serial(), serial);
    assert_eq!(second.provider.calls.load(Ordering::SeqCst), 0, "nothing was issued twice");
    drop(second);
    let third = home.start(LocalDisk);
    assert_eq!((third.serial(), third.codes()), (serial, vec![]), "what was committed is not prepared again");
}

#[test]
fn a_staged_pair_that_does_not_pass_the_checks_of_an_answer_is_not_taken() {
    let other = Party::root("root");
    type Spoil<'a> = &'a dyn Fn(&Home);
    let stage = |home: &Home, credential: &Credential| {
        let elsewhere = home.directory.path().join("other");
        credential.save(&LocalDisk, &elsewhere).unwrap();
        for (from, to) in [("other.key", "node.next.key"), ("other.crt", "node.next.crt")] {
            std::fs::rename(home.directory.path().join(from), home.directory.path().join(to)).unwrap();
        }
    };
    let foreign: Spoil<'_> = &|home| {
        let signer = Home { root: other.reissued(|_| {}), ..Home::new() };
        signer.clock.set_unix(home.clock.unix());
        stage(home, &signer.issued());
    };
    let over: Spoil<'_> = &|home| {
        home.clock.advance(HOUR);
        stage(home, &home.issued());
        home.clock.advance(30 * HOUR);
    };
    let garbage: Spoil<'_> = &|home| std::fs::write(home.file("next.crt"), "no certificate").unwrap();
    let huge: Spoil<'_> = &|home| std::fs::write(home.file("next.crt"), vec![b'x'; 2 << 20]).unwrap();
    let torn: Spoil<'_> = &|home| {
        let fresh = home.issued();
        std::fs::write(home.file("next.crt"), fresh.chain().to_pem()).unwrap();
    };
    for (name, spoil, told) in [
        ("foreign", foreign, Some("pki.issued.invalid")),
        ("over", over, Some("pki.issued.invalid")),
        ("garbage", garbage, Some("")),
        ("huge", huge, Some("")),
        ("torn", torn, None),
    ] {
        let home = Home::new();
        home.clock.advance(MINUTE);
        spoil(&home);
        let process = home.start(LocalDisk);
        assert_eq!(process.manager.state("node").unwrap().phase, SlotPhase::Active, "{name}");
        let ignored = process.events.events().into_iter().find_map(|event| match event {
            Event::RenewalIgnored { what, code, .. } => Some((what, code)),
            _ => None,
        });
        match told {
            Some(code) => assert!(
                ignored.is_some_and(|(what, found)| what == "staged pair" && found.contains(code)),
                "{name}: {ignored:?}"
            ),
            None => assert_eq!(ignored, None, "{name}"),
        }
        // And a renewal goes on as ever.
        let _ = run(process.manager.renew("node", Activation::Now, DEADLINE)).unwrap();
        let serial = process.serial();
        drop(process);
        assert_eq!(home.start(LocalDisk).serial(), serial, "{name}");
    }
}

#[test]
fn at_p2_a_crash_loop_does_not_hammer_the_issuer_and_an_order_survives_it() {
    let home = Home::new();
    let down = |_: &CertificateRequest| -> Result<_, ProviderError> {
        Err(ProviderError::Unavailable { retry_after: Some(HOUR), source: "busy".into() })
    };
    let due = home.start(LocalDisk).manager.state("node").unwrap().renew_at;
    home.clock.set_unix(due);
    let mut asked = 0;
    // A process that ends with each failure and is started anew every ten seconds, for three hours.
    for _ in 0..1_080 {
        let process = home.start(LocalDisk);
        process.provider.now_answers(down);
        if let NextStep::Renew { .. } = process.manager.next(home.clock.unix()) {
            assert!(run(process.manager.renew("node", Activation::AfterGrace, DEADLINE)).is_err());
            asked += 1;
        }
        assert_eq!(process.manager.state("node").unwrap().failures, asked);
        home.clock.advance(Duration::from_secs(10));
    }
    assert_eq!(asked, 3, "once an hour, as it was asked to");
    let process = home.start(LocalDisk);
    let at = process.manager.order("node", "03:00+2h".parse().unwrap()).unwrap();
    drop(process);
    assert_eq!(home.start(LocalDisk).manager.state("node").unwrap().ordered, Some(at));
}

#[test]
fn a_schedule_that_is_damaged_foreign_or_no_file_is_ignored_and_told() {
    let good = |home: &Home| {
        let _ = run(home.start(LocalDisk).manager.renew("node", Activation::Now, DEADLINE)).unwrap();
        std::fs::read(home.file("renewal")).unwrap()
    };
    let home = Home::new();
    let record = ScheduleRecord::parse(&good(&home)).unwrap();
    assert_eq!((record.failures, record.serial), (0, home.start(LocalDisk).serial()));
    let foreign = ScheduleRecord { serial: "0f0f".parse().unwrap(), failures: 9, ..record };
    let cases: [(&str, Vec<u8>); 4] = [
        ("pki.schedule.malformed", b"dwcp-renewal 1\n".to_vec()),
        ("pki.schedule.malformed", vec![0xff; 300]),
        ("", vec![b'x'; 1 << 20]),
        ("pki.schedule.foreign", foreign.to_text().into_bytes()),
    ];
    for (code, content) in cases {
        std::fs::write(home.file("renewal"), content).unwrap();
        ignored(&home, code);
    }
    std::fs::remove_file(home.file("renewal")).unwrap();
    std::fs::create_dir(home.file("renewal")).unwrap();
    ignored(&home, "");
}

fn ignored(home: &Home, expected: &str) {
    let process = home.start(LocalDisk);
    let events = process.events.events();
    let told = matches!(&events[..], [Event::RenewalIgnored { what: "schedule", code, .. }] if code.contains(expected));
    assert!(told, "{expected}: {events:?}");
    assert_eq!(process.manager.state("node").unwrap().failures, 0);
}

#[test]
fn what_is_staged_is_open_to_nobody_else() {
    let home = Home::new();
    home.clock.advance(HOUR);
    home.start(LocalDisk).prepare();
    for key in ["key", "next.key"] {
        assert!(owner_only(&home.file(key)), "{key}");
    }
}

#[cfg(unix)]
fn owner_only(path: &Path) -> bool {
    std::os::unix::fs::PermissionsExt::mode(&path.metadata().unwrap().permissions()) & 0o077 == 0
}

#[cfg(not(unix))]
fn owner_only(path: &Path) -> bool {
    path.exists()
}
