//! Authorities that are slow, false, hostile or merely full: what is asked of them is bounded, and nothing they say makes us panic, loop or
//! ask somebody else.

use crate::support::scripted::{Asked, Say, Scripted, attempt, directory};
use crate::support::{Blind, Made, request};
use dwcp_base::{Clock, Coded, FaultyDisk, SystemClock};
use dwcp_pki::ProviderError;
use dwcp_pki::testing::Forge;
use dwcp_pki_acme::{AcmeError, AcmeSettings};
use dwcp_testkit::{Lab, ManualClock};
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

fn made(authority: &Scripted, place: &tempfile::TempDir) -> Made {
    Made::new(AcmeSettings::new(authority.issuer()), place.path(), Blind::new())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sound_authority_of_the_script_issues() {
    let (lab, place) = (Lab::new(), tempfile::tempdir().unwrap());
    let authority = Scripted::start(&lab, |_, _| None).await;
    let chain = attempt(&made(&authority, &place)).await.unwrap();
    assert_eq!(chain.leaf().names().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn at_p5_a_rate_limit_is_a_pause_that_survives_restarts_and_ends() {
    let (lab, place) = (Lab::new(), tempfile::tempdir().unwrap());
    let full = Arc::new(AtomicUsize::new(1));
    let limited = Arc::clone(&full);
    let script = move |asked: &Asked, _: &str| {
        let say = Say::problem(429, "rateLimited", "too many certificates for a.example");
        (asked.path == "/new-order" && limited.load(Ordering::SeqCst) == 1)
            .then(|| say.with("retry-after", 1_000_000_000))
    };
    let authority = Scripted::start(&lab, script).await;
    let clock = Arc::new(ManualClock::at(SystemClock::new().unix()));
    let settings = AcmeSettings::new(authority.issuer());
    let start = || Made::with_clock(settings.clone(), place.path(), Blind::new(), Arc::clone(&clock));
    let first = start();
    let error = attempt(&first).await.unwrap_err();
    let day = Duration::from_secs(86_400);
    assert!(matches!(&error, AcmeError::Limited { retry_after, .. } if *retry_after == day), "{error:?}");
    assert_eq!(first.provider.state().issuers[0].next_try, Some(clock.unix().plus(day)));
    assert!(first.told().contains(&"acme.issuer.paused"));
    let asked = authority.asked().len();
    // A pause that the disk lost is kept by the process itself.
    let (kept, away) = (file_of(place.path(), "pause-"), place.path().join("away"));
    std::fs::rename(&kept, &away).unwrap();
    assert!(matches!(attempt(&first).await, Err(AcmeError::Paused { .. })));
    std::fs::rename(&away, &kept).unwrap();
    // Another process, again and again: it is not asked, and how long to wait is told.
    clock.advance(Duration::from_secs(3_600));
    for _ in 0..3 {
        let next = start();
        assert_eq!(
            next.provider.state().issuers[0].next_try,
            Some(clock.unix().plus(day - Duration::from_secs(3_600)))
        );
        let error = attempt(&next).await.unwrap_err();
        assert!(matches!(&error, AcmeError::Paused { .. }), "{error:?}");
        assert!(error.to_string().contains("too many certificates"), "{error}");
        let ProviderError::Unavailable { retry_after, .. } = error.into_provider_error(clock.unix()) else {
            panic!()
        };
        assert_eq!(retry_after, Some(day - Duration::from_secs(3_600)));
    }
    assert_eq!(authority.asked().len(), asked);
    full.store(0, Ordering::SeqCst);
    clock.advance(day);
    let after = start();
    assert!(attempt(&after).await.is_ok());
    assert_eq!(after.provider.state().issuers[0].next_try, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn at_p5_no_retry_after_is_too_much_for_us() {
    let said =
        ["18446744073709551615", "99999999999999999999999", "-1", "Fri, 31 Dec 9999 23:59:59 GMT", "0", "x"];
    let tasks: Vec<_> = said.into_iter().map(|said| tokio::spawn(told_to_wait(said))).collect();
    for task in tasks {
        task.await.unwrap();
    }
}

/// An order that is never done, with this `Retry-After`.
async fn told_to_wait(said: &'static str) {
    let (lab, place) = (Lab::new(), tempfile::tempdir().unwrap());
    let script = move |asked: &Asked, base: &str| {
        let (_, number) = asked.path.rsplit_once('/').unwrap();
        let steps = ["/finalize/", "/order/"];
        let waits = steps.iter().any(|step| asked.path.starts_with(step));
        // Finalized once, so that it is processing for good.
        waits.then(|| Say::new(200, processing(base, number)).with("retry-after", said))
    };
    let authority = Scripted::start(&lab, script).await;
    let made = made(&authority, &place);
    let began = Instant::now();
    let deadline = Duration::from_secs(2);
    let error = made.provider.obtain(&request(&["DNS:a.example"]).1, deadline).await.unwrap_err();
    assert!(matches!(error, AcmeError::TimedOut { deadline: told } if told == deadline), "{said}: {error:?}");
    assert!(began.elapsed() < Duration::from_secs(4), "{said}");
    let looks = authority.asked().iter().filter(|asked| asked.path.starts_with("/order/")).count();
    assert!(looks <= 9, "{said}: {looks} looks within two seconds");
}

fn processing(base: &str, number: &str) -> Value {
    json!({ "status": "processing", "authorizations": [], "finalize": format!("{base}/finalize/{number}") })
}

#[tokio::test(flavor = "multi_thread")]
async fn at_p6_an_address_of_somebody_else_is_refused_wherever_it_stands_and_nobody_is_asked() {
    let lab = Lab::new();
    let victim = Scripted::start(&lab, |_, _| None).await;
    let evil = [victim.base.clone(), "https://169.254.169.254".to_owned(), "http://127.0.0.1:80".to_owned()];
    for evil in evil {
        for place_of in ["account", "order", "authz", "finalize", "cert"] {
            let place = tempfile::tempdir().unwrap();
            let other = evil.clone();
            let script = move |asked: &Asked, base: &str| {
                let at = |what: &str| {
                    if what == place_of { format!("{other}/{what}/1") } else { format!("{base}/{what}/1") }
                };
                let order = |status: &str| json!({ "status": status, "authorizations": [at("authz")], "finalize": at("finalize"), "certificate": at("cert") });
                match asked.path.as_str() {
                    "/new-account" => Some(Say::new(201, "{}").with("location", at("account"))),
                    "/new-order" => {
                        let status =
                            if place_of == "authz" || place_of == "order" { "pending" } else { "ready" };
                        Some(Say::new(201, order(status)).with("location", at("order")))
                    }
                    "/finalize/1" => Some(Say::new(200, order("valid"))),
                    _ => None,
                }
            };
            let authority = Scripted::start(&lab, script).await;
            let error = attempt(&made(&authority, &place)).await.unwrap_err();
            assert!(matches!(error, AcmeError::ForeignUrl { .. }), "{evil} as {place_of}: {error:?}");
            assert_eq!(
                error.into_provider_error(SystemClock::new().unix()).code(),
                "pki.provider.bad_answer"
            );
        }
    }
    assert_eq!(victim.asked().len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn at_p6_an_origin_that_the_directory_names_may_be_asked() {
    let lab = Lab::new();
    let place = tempfile::tempdir().unwrap();
    let second = Scripted::start(&lab, |_, _| None).await;
    let other = second.base.clone();
    let script = move |asked: &Asked, base: &str| {
        (asked.path == "/dir").then(|| {
            let mut directory = directory(base);
            directory["newOrder"] = format!("{other}/new-order").into();
            Say::new(200, directory)
        })
    };
    let first = Scripted::start(&lab, script).await;
    attempt(&made(&first, &place)).await.unwrap();
    assert_eq!((first.count("/new-order"), second.count("/new-order")), (0, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn at_p6_redirects_are_errors_that_name_where_they_lead() {
    let lab = Lab::new();
    for path in ["/dir", "/nonce", "/new-account", "/new-order"] {
        for to in ["http://169.254.169.254/latest/meta-data", "https://127.0.0.1/", "file:///etc/passwd"] {
            let place = tempfile::tempdir().unwrap();
            let script = move |asked: &Asked, _: &str| {
                (asked.path == path).then(|| Say::new(307, "").with("location", to))
            };
            let authority = Scripted::start(&lab, script).await;
            let error = attempt(&made(&authority, &place)).await.unwrap_err();
            assert_eq!(error.code(), "https.answer.redirected", "{path}: {error:?}");
            assert!(crate::support::told(&error).contains(to), "{error}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_replaces_nothing_any_more_is_ordered_once_more_and_not_for_ever() {
    let (lab, place) = (Lab::new(), tempfile::tempdir().unwrap());
    let mode = Arc::new(AtomicUsize::new(0));
    let read = Arc::clone(&mode);
    let script = move |asked: &Asked, _: &str| {
        let replaces = asked.payload.get("replaces").is_some();
        let refuse = || Some(Say::problem(409, "alreadyReplaced", "it was replaced"));
        match (asked.path.as_str(), read.load(Ordering::SeqCst)) {
            ("/new-order", 1) if replaces => refuse(),
            ("/new-order", 2) => refuse(),
            ("/new-order", 3) if replaces => Some(Say::problem(500, "serverInternal", "no such order")),
            _ => None,
        }
    };
    let authority = Scripted::start(&lab, script).await;
    let made = made(&authority, &place);
    attempt(&made).await.unwrap();
    let orders = || {
        let asked = authority.asked();
        asked
            .iter()
            .filter(|one| one.path == "/new-order")
            .map(|one| one.payload.get("replaces").is_some())
            .collect::<Vec<_>>()
    };
    assert_eq!(orders(), [false], "the first replaces nothing");
    attempt(&made).await.unwrap();
    assert_eq!(orders(), [false, true]);
    mode.store(1, Ordering::SeqCst);
    attempt(&made).await.unwrap();
    assert_eq!(orders(), [false, true, true, false]);
    mode.store(2, Ordering::SeqCst);
    let error = attempt(&made).await.unwrap_err();
    assert_eq!(error.code(), "acme.order.refused");
    assert_eq!(orders(), [false, true, true, false, true, false], "once without, and no more");
    mode.store(3, Ordering::SeqCst);
    made.provider.ask_at_once();
    attempt(&made).await.unwrap();
    assert_eq!(orders().last(), Some(&false), "one that fails over it");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_that_is_never_known_is_made_anew_once() {
    let (lab, place) = (Lab::new(), tempfile::tempdir().unwrap());
    let script = |asked: &Asked, _: &str| {
        (asked.path == "/new-order").then(|| Say::problem(400, "accountDoesNotExist", "who?"))
    };
    let authority = Scripted::start(&lab, script).await;
    let error = attempt(&made(&authority, &place)).await.unwrap_err();
    assert_eq!(error.code(), "acme.order.refused", "{error:?}");
    assert_eq!((authority.count("/new-account"), authority.count("/new-order")), (2, 2));
}

#[tokio::test(flavor = "multi_thread")]
async fn proof_is_shown_for_names_that_were_asked_for_and_for_no_other() {
    let (lab, place) = (Lab::new(), tempfile::tempdir().unwrap());
    let script = |asked: &Asked, base: &str| match asked.path.as_str() {
        "/new-order" => {
            let order = json!({ "status": "pending", "authorizations": [format!("{base}/authz/1")], "finalize": format!("{base}/finalize/1") });
            Some(Say::new(201, order).with("location", format!("{base}/order/1")))
        }
        "/authz/1" => {
            let challenge = json!({ "type": "http-01", "status": "pending", "url": format!("{base}/challenge"), "token": "abc" });
            let name = json!({ "type": "dns", "value": "bank.example" });
            Some(Say::new(200, json!({ "status": "pending", "identifier": name, "challenges": [challenge] })))
        }
        _ => None,
    };
    let authority = Scripted::start(&lab, script).await;
    let responder = Blind::new();
    let made = Made::new(AcmeSettings::new(authority.issuer()), place.path(), Arc::clone(&responder));
    let error = attempt(&made).await.unwrap_err();
    assert!(matches!(error, AcmeError::Answer { .. }), "{error:?}");
    assert_eq!((responder.ever(), authority.count("/challenge")), (0, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn hostile_answers_at_every_step_are_errors_and_never_a_panic_or_a_long_wait() {
    let lab = Lab::new();
    let deep = format!("{}{}", "[".repeat(50_000), "]".repeat(50_000));
    let long = format!("{{\"status\":\"{}\"}}", "x".repeat(600_000));
    let bodies: Vec<(u16, String)> = vec![
        (200, String::new()),
        (200, "null".to_owned()),
        (200, "{\"status\":\"ready\"".to_owned()),
        (200, "<html>busy</html>".to_owned()),
        (200, deep),
        (200, long),
        (400, "{}".to_owned()),
        (403, "<html>no</html>".to_owned()),
        (500, "{\"type\":7}".to_owned()),
        (200, "{\"status\":\"invalid\",\"authorizations\":[],\"finalize\":\"\"}".to_owned()),
        (
            200,
            format!(
                "{{\"status\":\"pending\",\"finalize\":\"x\",\"authorizations\":[{}]}}",
                vec!["\"x\""; 5_000].join(",")
            ),
        ),
    ];
    let lab = Arc::new(lab);
    let mut tasks = Vec::new();
    for step in ["dir", "nonce", "new-account", "new-order", "finalize", "cert"] {
        for (status, body) in &bodies {
            // What a nonce's page says besides its status is of no interest, as is a new account's.
            if *status != 200 || !matches!(step, "nonce" | "new-account") {
                tasks.push(tokio::spawn(hostile(Arc::clone(&lab), step, *status, body.clone())));
            }
        }
    }
    for task in tasks {
        task.await.unwrap();
    }
}

/// One attempt at an authority that answers every question of one step with `body`.
async fn hostile(lab: Arc<Lab>, step: &'static str, status: u16, body: String) {
    let place = tempfile::tempdir().unwrap();
    let shown: String = body.chars().take(60).collect();
    let script = move |asked: &Asked, _: &str| {
        (asked.path.split('/').nth(1) == Some(step)).then(|| Say::new(status, &body))
    };
    let authority = Scripted::start(&lab, script).await;
    let began = Instant::now();
    let error = attempt(&made(&authority, &place)).await.unwrap_err();
    assert!(began.elapsed() < Duration::from_secs(20), "{step}, {status} {shown}: {:?}", began.elapsed());
    assert!(!matches!(error, AcmeError::TimedOut { .. }), "{step}, {status} {shown}: {error:?}");
    assert!(crate::support::told(&error).len() < 2_000, "{step}, {status} {shown}");
    assert!(authority.asked().len() < 40, "{step}, {status} {shown}: {}", authority.asked().len());
}

/// The one record of a kind.
fn file_of(place: &std::path::Path, kind: &str) -> std::path::PathBuf {
    let entries = std::fs::read_dir(place.join("acme")).unwrap().map(|entry| entry.unwrap().path());
    let named = |path: &std::path::PathBuf| path.file_name().unwrap().to_string_lossy().starts_with(kind);
    entries.into_iter().find(named).unwrap_or_else(|| panic!("no {kind}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn records_that_are_no_records_are_in_nobodys_way_but_an_account_is() {
    let (lab, place) = (Lab::new(), tempfile::tempdir().unwrap());
    let authority = Scripted::start(&lab, |_, _| None).await;
    attempt(&made(&authority, &place)).await.unwrap();
    let damage = |kind: &str| std::fs::write(file_of(place.path(), kind), "nothing\n").unwrap();
    damage("last-");
    attempt(&made(&authority, &place)).await.unwrap();
    damage("account-");
    let error = attempt(&made(&authority, &place)).await.unwrap_err();
    assert_eq!(error.code(), "acme.cache.malformed", "an account is not made anew over one that is there");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_that_fails_anywhere_costs_at_most_one_attempt_and_never_a_second_account() {
    let lab = Lab::new();
    for kind in [std::io::ErrorKind::StorageFull, std::io::ErrorKind::PermissionDenied] {
        let mut n = 0;
        loop {
            let place = tempfile::tempdir().unwrap();
            let authority = Scripted::start(&lab, |_, _| None).await;
            let settings = AcmeSettings::new(authority.issuer());
            let disk = Arc::new(FaultyDisk::failing_once(n, kind));
            let tried = Made::with_disk(settings, place.path(), Blind::new(), Arc::clone(&disk) as _);
            let first = match &tried {
                Ok(made) => attempt(made).await.map(drop).map_err(|error| error.code()),
                Err(error) => Err(error.code()),
            };
            if disk.operations() <= n {
                assert!(first.is_ok() && n >= 4, "a clean run after {n} operations: {first:?}");
                break;
            }
            assert!(first.is_ok() || first == Err("acme.cache.storage"), "{kind:?} at {n}: {first:?}");
            let accounts = authority.count("/new-account");
            attempt(&made(&authority, &place))
                .await
                .unwrap_or_else(|error| panic!("{kind:?} at {n}: {error:?}"));
            // The same key once more is the same account; the script has one for everybody, so that keys are compared.
            assert!(authority.count("/new-account") <= accounts + 1, "{kind:?} at {n}");
            assert!(authority.keys() <= 1, "{kind:?} at {n}: two keys asked for an account");
            n += 1;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_chain_that_came_in_part_is_fetched_once_more() {
    let lab = Lab::new();
    for whole_at in [1, 2, 9] {
        let place = tempfile::tempdir().unwrap();
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
        let forge = Forge::new(clock).unwrap();
        let chain: Arc<std::sync::Mutex<String>> = Arc::default();
        let (signed, downloads) = (Arc::clone(&chain), AtomicUsize::new(0));
        let script = move |asked: &Asked, _: &str| {
            let cut = asked.path.starts_with("/cert/") && downloads.fetch_add(1, Ordering::SeqCst) < whole_at;
            cut.then(|| {
                let whole = chain.lock().unwrap();
                Say::new(200, &whole[..whole.len() * 3 / 4])
            })
        };
        let sign = move |request: &dwcp_pki::CertificateRequest| {
            let issued = forge.sign(request).unwrap();
            *signed.lock().unwrap() = issued.chain.to_pem();
            issued
        };
        let authority = Scripted::signing(&lab, script, sign).await;
        let got = attempt(&made(&authority, &place)).await;
        match whole_at {
            9 => assert_eq!(got.unwrap_err().code(), "acme.answer.malformed"),
            _ => assert_eq!(got.unwrap().len(), 2),
        }
    }
}
