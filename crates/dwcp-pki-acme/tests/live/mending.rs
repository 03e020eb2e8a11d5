//! What has come apart between an authority and our records: accounts that are bound to something else, keys whose answer was lost, records
//! that can not be read, addresses that moved. Each is put right, or told, and none is in the way of a certificate.

use crate::support::scripted::{Asked, Say, Scripted, attempt};
use crate::support::{Blind, DEADLINE, Made, issuer, request};
use dwcp_base::{Coded, LocalDisk, UnixTime};
use dwcp_pki::RevocationReason;
use dwcp_pki_acme::{AcmeError, AcmeSettings, Cache, ExternalAccount, LastRecord, NamesDigest, OrderRecord};
use dwcp_testkit::{Lab, Pebble, PebbleOptions};
use serde_json::json;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

fn cache(place: &Path) -> Cache {
    Cache::open(&place.join("acme"), Arc::new(LocalDisk)).unwrap()
}

fn made(authority: &Scripted, place: &Path) -> Made {
    Made::new(AcmeSettings::new(authority.issuer()), place, Blind::new())
}

fn record_of(place: &Path, kind: &str) -> Option<PathBuf> {
    let entries = std::fs::read_dir(place.join("acme")).unwrap().map(|entry| entry.unwrap().path());
    let is_it = |path: &PathBuf| {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        name.starts_with(kind) && !name.ends_with(".previous")
    };
    entries.into_iter().find(is_it)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_that_is_bound_to_another_one_than_configured_is_replaced() {
    let keys = [("kid-1", "zWND".repeat(16)), ("kid-2", "QUJD".repeat(16))];
    let lab = Lab::new();
    let eab = keys.iter().map(|(kid, key)| ((*kid).to_owned(), key.clone())).collect();
    let pebble = PebbleOptions { eab, always_valid: true, ..PebbleOptions::default() };
    let Some(pebble) = Pebble::start(&pebble) else { return };
    let place = tempfile::tempdir().unwrap();
    let external = |at: usize| {
        let (kid, key) = &keys[at];
        let file = place.path().join(kid);
        std::fs::write(&file, key).unwrap();
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
        ExternalAccount::new(kid, &file).unwrap()
    };
    let bound = |at: usize| {
        let settings = AcmeSettings::new(issuer(&pebble).with_external_account(external(at)));
        Made::new(settings, place.path(), Blind::new())
    };
    let first = bound(0);
    first.issue(&["DNS:a.example"]).await.unwrap();
    let account = |made: &Made| made.provider.state().issuers[0].account.clone().unwrap();
    let other = bound(1);
    other.issue(&["DNS:a.example"]).await.unwrap();
    assert_ne!(account(&first), account(&other));
    let again = bound(1);
    again.issue(&["DNS:a.example"]).await.unwrap();
    assert_eq!(account(&again), account(&other), "once, and not each time");
    // Where the directory does not demand it, a key that an earlier process made without is not registered either.
    let elsewhere = tempfile::tempdir().unwrap();
    let lost = Arc::new(AtomicBool::new(true));
    let loses = Arc::clone(&lost);
    let flaky = Scripted::start(&lab, move |asked: &Asked, _: &str| {
        (asked.path == "/new-account" && loses.load(Ordering::SeqCst))
            .then(|| Say::problem(403, "unauthorized", "no"))
    })
    .await;
    attempt(&made(&flaky, elsewhere.path())).await.unwrap_err();
    lost.store(false, Ordering::SeqCst);
    let settings = AcmeSettings::new(flaky.issuer().with_external_account(external(0)));
    let bound = Made::new(settings, elsewhere.path(), Blind::new());
    bound.provider.ask_at_once();
    attempt(&bound).await.unwrap();
    let asked = flaky.asked();
    let told = asked.iter().rfind(|asked| asked.path == "/new-account").unwrap();
    assert!(told.payload.get("externalAccountBinding").is_some(), "{told:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_key_whose_answer_was_lost_costs_the_account_where_the_authority_took_it_and_nothing_where_not()
{
    for took in [true, false] {
        let (lab, place) = (Lab::new(), tempfile::tempdir().unwrap());
        let script = move |asked: &Asked, _: &str| {
            let looks = asked.payload["onlyReturnExisting"] == json!(true);
            match asked.path.as_str() {
                "/key-change" => Some(Say::new(500, "oops")),
                "/new-account" if looks && took => Some(Say::problem(400, "accountDoesNotExist", "who?")),
                _ => None,
            }
        };
        let authority = Scripted::start(&lab, script).await;
        let made = made(&authority, place.path());
        attempt(&made).await.unwrap();
        let account = || std::fs::read(record_of(place.path(), "account-").unwrap()).unwrap();
        let (before, keys) = (account(), authority.keys());
        let name = made.provider.state().issuers[0].name.clone();
        let rolled = made.provider.roll_over(&name, DEADLINE).await;
        assert_eq!((rolled.is_ok(), account() != before), (took, took), "{rolled:?}");
        assert_eq!(authority.keys(), keys + usize::from(took));
        assert_eq!(made.told().contains(&"acme.account.lost"), took);
        attempt(&made).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn contacts_that_are_refused_are_told_and_certificates_come_all_the_same() {
    let (lab, place) = (Lab::new(), tempfile::tempdir().unwrap());
    let script = |asked: &Asked, _: &str| {
        (asked.path == "/account/1").then(|| Say::problem(400, "invalidContact", "no such mail"))
    };
    let authority = Scripted::start(&lab, script).await;
    let settings = AcmeSettings::new(authority.issuer()).with_contact("ops@a.example").unwrap();
    let made = Made::new(settings, place.path(), Blind::new());
    attempt(&made).await.unwrap();
    assert!(made.told().contains(&"acme.contacts.refused"), "{:?}", made.told());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_that_somebody_made_unreadable_is_in_nobodys_way_and_is_told() {
    let (lab, place) = (Lab::new(), tempfile::tempdir().unwrap());
    let authority = Scripted::start(&lab, |_, _| None).await;
    attempt(&made(&authority, place.path())).await.unwrap();
    let last = record_of(place.path(), "last-").unwrap();
    let acme = place.path().join("acme");
    // A record with another mode is one that others may have written.
    std::fs::set_permissions(&last, std::fs::Permissions::from_mode(0o644)).unwrap();
    // A pause where there is a directory: it can neither be read nor replaced.
    let directory = format!("{}/dir", authority.base);
    let pause = dwcp_crypto::digest::sha256(directory.as_bytes());
    let hex: String = pause.iter().map(|byte| format!("{byte:02x}")).collect();
    std::fs::create_dir(acme.join(format!("pause-{hex}"))).unwrap();
    let next = made(&authority, place.path());
    attempt(&next).await.unwrap();
    let told = next.told();
    assert!(told.iter().filter(|code| **code == "acme.record.unread").count() >= 2, "{told:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn addresses_in_another_spelling_are_kept_in_ours() {
    let (lab, place) = (Lab::new(), tempfile::tempdir().unwrap());
    let script = |asked: &Asked, base: &str| match asked.path.as_str() {
        "/new-account" => Some(
            Say::new(201, json!({ "status": "valid" }))
                .with("location", format!("{}/account/1", base.replace("https", "HTTPS"))),
        ),
        "/new-order" => {
            let order =
                json!({ "status": "ready", "authorizations": [], "finalize": format!("{base}/finalize/7") });
            Some(Say::new(201, order).with("location", format!("{}/order/7", base.replace("https", "HTTPS"))))
        }
        _ => None,
    };
    let authority = Scripted::start(&lab, script).await;
    let made = made(&authority, place.path());
    attempt(&made).await.unwrap();
    let url = made.provider.state().issuers[0].account.clone().unwrap();
    assert_eq!(url, format!("{}/account/1", authority.base));
    assert!(!made.told().contains(&"acme.record.unsaved"), "{:?}", made.told());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_at_an_address_that_the_authority_left_is_given_up_and_another_one_begun() {
    let (lab, place) = (Lab::new(), tempfile::tempdir().unwrap());
    let authority = Scripted::start(&lab, |_, _| None).await;
    let first = made(&authority, place.path());
    attempt(&first).await.unwrap();
    let locked = cache(place.path()).lock(DEADLINE).await.unwrap();
    locked
        .put_order(&OrderRecord {
            directory: format!("{}/dir", authority.base),
            account: format!("{}/account/1", authority.base),
            url: "https://old.example/order/1".to_owned(),
            names: request(&["DNS:a.example"]).1.names().to_vec(),
            profile: None,
            made: dwcp_base::Clock::unix(&dwcp_base::SystemClock::new()),
            finalized_for: None,
        })
        .unwrap();
    drop(locked);
    attempt(&first).await.unwrap();
    assert_eq!(authority.count("/new-order"), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn advice_that_comes_while_an_order_replaces_the_certificate_does_not_undo_that() {
    let (lab, place) = (Lab::new(), tempfile::tempdir().unwrap());
    let (asked_about, answer) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
    let (heard, may) = (Arc::clone(&asked_about), Arc::clone(&answer));
    let script = move |asked: &Asked, _: &str| {
        asked.path.starts_with("/ari/").then(|| {
            heard.store(true, Ordering::SeqCst);
            while !may.load(Ordering::SeqCst) {
                std::thread::sleep(std::time::Duration::from_millis(5));
            }
            let (start, end) = ("2027-01-20T00:00:00Z", "2027-01-22T00:00:00Z");
            Say::new(200, json!({ "suggestedWindow": { "start": start, "end": end } }))
        })
    };
    let authority = Scripted::start(&lab, script).await;
    let made = Arc::new(made(&authority, place.path()));
    let leaf = attempt(&made).await.unwrap().leaf().clone();
    let digest = NamesDigest::of(leaf.names());
    let asking = Arc::clone(&made);
    let old = leaf.clone();
    let advice = tokio::spawn(async move { asking.provider.renewal_advice(&old, DEADLINE).await });
    while !asked_about.load(Ordering::SeqCst) {
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    // Meanwhile an order holds the lock, and puts its own certificate in the place of the other one.
    let locked = cache(place.path()).lock(DEADLINE).await.unwrap();
    answer.store(true, Ordering::SeqCst);
    tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    let before = locked.last(&digest).unwrap().unwrap();
    let newer = LastRecord {
        certificate: "bmV3.bmV3".to_owned(),
        not_after: UnixTime::from_secs(2_000_000_000),
        ..before
    };
    locked.put_last(&newer).unwrap();
    drop(locked);
    let advice = advice.await.unwrap().unwrap();
    assert!(advice.renew_at.is_some(), "it was asked for, and is told");
    assert_eq!(cache(place.path()).last(&digest).unwrap(), Some(newer));
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_made_an_account_to_revoke_what_is_not_its_own() {
    let lab = Lab::new();
    let (here, there) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let authority = Scripted::start(&lab, |_, _| None).await;
    let leaf = attempt(&made(&authority, here.path())).await.unwrap().leaf().clone();
    let accounts = authority.count("/new-account");
    let stranger = made(&authority, there.path());
    let error = stranger.provider.revoke(&leaf, RevocationReason::Superseded, DEADLINE).await.unwrap_err();
    assert!(matches!(error, AcmeError::Unsupported { .. }), "{error:?}");
    assert_eq!(error.code(), "acme.service.missing");
    assert_eq!((authority.count("/new-account"), authority.count("/revoke")), (accounts, 0));
}
