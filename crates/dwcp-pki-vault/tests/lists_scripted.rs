//! Lists from servers that are not what they should be.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod scripted;

use dwcp_base::{Clock, Coded, Disk, LocalDisk, ManualClock, Observer, Recorder, Silent, SystemClock};
use dwcp_https::Roots;
use dwcp_pki::{CertificateAuthority, Crl};
use dwcp_pki_vault::{
    Event, Login, StandIn, VaultClient, VaultError, VaultListing, VaultLists, VaultSettings,
};
use dwcp_testkit::Lab;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// What a mount with one issuer says, unless told otherwise.
#[derive(Clone)]
struct Mount {
    issuer: (u16, Vec<u8>),
    list: (u16, Vec<u8>),
    delta: (u16, Vec<u8>),
    config: (u16, Vec<u8>),
    ids: Vec<u8>,
}

impl Mount {
    fn of(lab: &Lab, list: &Crl) -> Self {
        Self {
            issuer: (200, lab.authority().certificate().der().to_vec()),
            list: (200, list.der().to_vec()),
            delta: (200, Vec::new()),
            config: (200, br#"{"data":{"enable_delta":true}}"#.to_vec()),
            ids: br#"{"data":{"keys":["a1"]}}"#.to_vec(),
        }
    }

    fn says(&self, path: &str) -> (u16, Vec<u8>) {
        match path {
            "pki/issuers" => (200, self.ids.clone()),
            "pki/issuer/a1/der" => self.issuer.clone(),
            "pki/issuer/a1/crl/der" => self.list.clone(),
            "pki/issuer/a1/crl/delta/der" => self.delta.clone(),
            "pki/config/crl" => self.config.clone(),
            "auth/token/lookup-self" => (200, TOKEN.to_vec()),
            _ => (404, br#"{"errors":[]}"#.to_vec()),
        }
    }

    async fn fetched(self, lab: &Lab, known: &[Crl]) -> Result<VaultListing, VaultError> {
        let client = client_of(lab, move |path| self.says(path)).await;
        VaultLists::new(client).fetch(known, Duration::from_secs(10)).await
    }
}

async fn client_of(
    lab: &Lab,
    says: impl Fn(&str) -> (u16, Vec<u8>) + Send + Sync + 'static,
) -> Arc<VaultClient> {
    client_with(lab, says, Arc::new(SystemClock::new()), Arc::new(Silent)).await
}

async fn client_with(
    lab: &Lab,
    says: impl Fn(&str) -> (u16, Vec<u8>) + Send + Sync + 'static,
    clock: Arc<dyn Clock>,
    observer: Arc<dyn Observer<Event>>,
) -> Arc<VaultClient> {
    let address = scripted::serve(lab, says).await;
    let path = lab.directory().join("token");
    LocalDisk.replace(&path, b"s.token", true).unwrap();
    let roots = Roots::Only(vec![lab.authority().certificate().clone()]);
    let login = Login::TokenFile { path };
    let settings = VaultSettings::new(address.parse().unwrap(), roots, "role", login).unwrap();
    Arc::new(VaultClient::new(settings, clock, observer).unwrap())
}

/// What is kept, and why.
fn kept(listing: &VaultListing) -> Vec<(&'static str, StandIn)> {
    listing.kept.iter().map(|kept| (kept.source.code(), kept.standing)).collect()
}

#[tokio::test]
async fn a_list_that_is_none_leaves_the_last_good_one() {
    let (lab, other) = (Lab::new(), Lab::new());
    let known = lab.crl();
    let newer = lab.crl();
    let good = Mount::of(&lab, &newer).fetched(&lab, std::slice::from_ref(&known)).await.unwrap();
    assert_eq!((good.complete, good.kept.len()), (vec![newer.clone()], 0));
    let stands = StandIn::Known { until: newer.next_update() };
    for (list, code) in [
        ((200, known.der().to_vec()), "vault.list.older"),
        ((200, other.crl().der().to_vec()), "vault.list.unsigned"),
        ((200, b"<html>".to_vec()), "vault.list.malformed"),
        ((200, Vec::new()), "vault.list.malformed"),
        ((500, br#"{"errors":["internal error"]}"#.to_vec()), "vault.server.failed"),
        ((404, br#"{"errors":[]}"#.to_vec()), "vault.path.unknown"),
        ((429, Vec::new()), "vault.rate.limited"),
        ((302, Vec::new()), "vault.server.standby"),
    ] {
        let mount = Mount { list, ..Mount::of(&lab, &newer) };
        let listing = mount.fetched(&lab, std::slice::from_ref(&newer)).await.unwrap();
        assert_eq!((listing.complete.clone(), kept(&listing)), (vec![newer.clone()], vec![(code, stands)]));
        assert_eq!(listing.ends(), Some(newer.next_update()));
    }
    let mount = Mount { list: (200, Vec::new()), ..Mount::of(&lab, &newer) };
    let nothing = mount.fetched(&lab, &[]).await.unwrap();
    assert_eq!((nothing.complete.len(), nothing.ends()), (0, None));
    assert_eq!(kept(&nothing), [("vault.list.malformed", StandIn::Nothing)]);
}

#[tokio::test]
async fn a_delta_that_is_none_costs_nothing_but_itself() {
    let lab = Lab::new();
    let (known, newer) = (lab.crl(), lab.crl());
    for (delta, code) in [
        // A complete list is no delta.
        ((200, newer.der().to_vec()), "vault.list.malformed"),
        ((200, b"{}".to_vec()), "vault.list.malformed"),
        ((503, br#"{"errors":["Vault is sealed"]}"#.to_vec()), "vault.server.sealed"),
    ] {
        let mount = Mount { delta, ..Mount::of(&lab, &newer) };
        let listing = mount.fetched(&lab, std::slice::from_ref(&known)).await.unwrap();
        assert_eq!((listing.complete.clone(), listing.deltas.len()), (vec![newer.clone()], 0));
        assert_eq!(kept(&listing), [(code, StandIn::Known { until: newer.next_update() })]);
    }
    // A mount without deltas is not asked for one.
    let config = (200, br#"{"data":{"enable_delta":false}}"#.to_vec());
    let mount = Mount { delta: (200, b"{}".to_vec()), config, ..Mount::of(&lab, &newer) };
    assert!(mount.fetched(&lab, &[]).await.unwrap().kept.is_empty());
}

/// Whatever part of a second issuer hangs, the first one's lists are there, and what is known of the second.
#[tokio::test]
async fn an_issuer_that_is_slow_takes_its_own_part_of_the_time_alone() {
    let (slow, good) = (Lab::new(), Lab::new());
    let (known, newer) = (slow.crl(), good.crl());
    for hangs in
        ["pki/issuer/a0/der", "pki/issuer/a0/crl/der", "pki/issuer/a0/crl/delta/der", "pki/config/crl"]
    {
        let mount = Mount { ids: br#"{"data":{"keys":["a0","a1"]}}"#.to_vec(), ..Mount::of(&good, &newer) };
        let (certificate, list) = (slow.authority().certificate().der().to_vec(), slow.crl().der().to_vec());
        let says = move |path: &str| match path {
            path if path == hangs => (scripted::SILENT, Vec::new()),
            "pki/issuer/a0/der" => (200, certificate.clone()),
            "pki/issuer/a0/crl/der" => (200, list.clone()),
            "pki/issuer/a0/crl/delta/der" => (200, Vec::new()),
            path => mount.says(path),
        };
        let client = client_of(&good, says).await;
        let deadline = Duration::from_millis(1_500);
        let listing = VaultLists::new(client).fetch(std::slice::from_ref(&known), deadline).await.unwrap();
        assert!(listing.complete.contains(&newer), "{hangs}: {:?}", listing.kept);
        assert_eq!(listing.complete.len(), 2, "{hangs}: what is known of the slow one is not lost");
        let said: Vec<_> = kept(&listing).iter().map(|(code, _)| *code).collect();
        let expected: &[&str] = if hangs == "pki/config/crl" { &[] } else { &["vault.server.silent"] };
        assert_eq!(said, expected, "{hangs}");
        // A delta that hangs does not take the newer list with it.
        assert_eq!(
            listing.complete.contains(&known),
            hangs.ends_with("a0/der") || hangs.ends_with("a0/crl/der")
        );
    }
}

/// Settings that may not be read: said once, and asked for again when some time has passed.
#[tokio::test]
async fn settings_that_may_not_be_read_are_told_once_and_asked_for_again() {
    let lab = Lab::new();
    let asked = Arc::new(AtomicUsize::new(0));
    let (count, mount) = (Arc::clone(&asked), Mount::of(&lab, &lab.crl()));
    let says = move |path: &str| match path {
        "pki/config/crl" if count.fetch_add(1, Ordering::SeqCst) < 2 => (403, Vec::new()),
        "pki/config/crl" => (200, br#"{"data":{"disable":true}}"#.to_vec()),
        path => mount.says(path),
    };
    let clock = Arc::new(ManualClock::at(lab.now()));
    let told: Arc<Recorder<Event>> = Arc::new(Recorder::with_capacity(100));
    let client = client_with(&lab, says, Arc::clone(&clock) as _, Arc::clone(&told) as _).await;
    let lists = VaultLists::new(client);
    let fetch = async || lists.fetch(&[], Duration::from_secs(10)).await.unwrap().complete.len();
    let unchecked = || told.events().iter().filter(|event| event.code() == "vault.list.unchecked").count();
    assert_eq!((fetch().await, fetch().await, asked.load(Ordering::SeqCst), unchecked()), (1, 1, 1, 1));
    clock.advance(Duration::from_secs(601));
    assert_eq!((fetch().await, asked.load(Ordering::SeqCst), unchecked()), (1, 2, 1));
    clock.advance(Duration::from_secs(601));
    // The mount was told to list nothing meanwhile, and now one sees it.
    assert_eq!((fetch().await, fetch().await, asked.load(Ordering::SeqCst)), (0, 0, 4));
}

#[tokio::test]
async fn an_issuer_that_can_not_be_read_keeps_what_was_known() {
    let lab = Lab::new();
    let known = lab.crl();
    for issuer in [(200, b"no certificate".to_vec()), (500, Vec::new())] {
        let mount = Mount { issuer, ..Mount::of(&lab, &lab.crl()) };
        let listing = mount.fetched(&lab, std::slice::from_ref(&known)).await.unwrap();
        assert_eq!((listing.complete.clone(), kept(&listing)[0].1), (vec![known.clone()], StandIn::Unsaid));
    }
}

#[tokio::test]
async fn a_list_that_lost_entries_waits_until_the_mount_says_why() {
    let lab = Lab::new();
    // The same authority as it would be had nobody revoked anything.
    let twin = lab.directory().join("twin");
    copied(&lab.directory().join("ca"), &twin);
    lab.revoke(&lab.credential(&["DNS:a.example"]));
    let full = lab.crl();
    let twin = CertificateAuthority::open(Arc::new(LocalDisk), &twin).unwrap();
    let emptied = (0..5).map(|_| twin.crl(lab.now()).unwrap()).fold(full.clone(), |_, next| next);
    assert!(emptied.number() > full.number() && emptied.is_empty() && full.len() == 1);

    let config = |status, text: &str| (status, text.as_bytes().to_vec());
    for (config, code) in [
        (config(500, r#"{"errors":["internal error"]}"#), Some("vault.list.emptied")),
        (config(200, r#"{"data":{"disable":true}}"#), Some("vault.list.disabled")),
        (config(200, r#"{"data":{"disable":false}}"#), None),
        // Nobody can tell.
        (config(403, r#"{"errors":["permission denied"]}"#), None),
    ] {
        let mount = Mount { config, ..Mount::of(&lab, &emptied) };
        let listing = mount.fetched(&lab, std::slice::from_ref(&full)).await.unwrap();
        let counts = if code.is_some() { &full } else { &emptied };
        assert_eq!(listing.complete, std::slice::from_ref(counts), "{code:?}");
        assert_eq!(kept(&listing).first().map(|(code, _)| *code), code);
    }
}

fn copied(from: &Path, to: &Path) {
    std::fs::create_dir(to).unwrap();
    std::fs::set_permissions(to, std::fs::metadata(from).unwrap().permissions()).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let (path, name) = entry.map(|entry| (entry.path(), entry.file_name())).unwrap();
        match path.is_dir() {
            true => copied(&path, &to.join(name)),
            false => drop(std::fs::copy(&path, to.join(name)).unwrap()),
        }
    }
}

#[tokio::test]
async fn issuers_that_would_lead_elsewhere_are_no_issuers() {
    let lab = Lab::new();
    let list = lab.crl();
    let many: Vec<String> = (0..33).map(|n| format!("\"i{n}\"")).collect();
    for ids in [
        r#"{"data":{"keys":["../../sys/raw"]}}"#.to_owned(),
        r#"{"data":{"keys":["a?x"]}}"#.to_owned(),
        r#"{"data":{"keys":["a\r\nX: y"]}}"#.to_owned(),
        format!("{{\"data\":{{\"keys\":[{}]}}}}", many.join(",")),
        "[]".to_owned(),
    ] {
        let mount = Mount { ids: ids.clone().into_bytes(), ..Mount::of(&lab, &list) };
        let error = mount.fetched(&lab, &[]).await.unwrap_err();
        assert_eq!(error.code(), "vault.answer.malformed", "{ids}");
    }
}

const TOKEN: &[u8] = br#"{"request_id":"","lease_id":"","renewable":false,"lease_duration":0,"wrap_info":null,"warnings":null,"auth":null,"data":{"id":"s.token","ttl":3600,"renewable":false,"accessor":"a","creation_time":1,"creation_ttl":3600,"display_name":"t","entity_id":"","expire_time":null,"explicit_max_ttl":0,"meta":null,"num_uses":0,"orphan":true,"path":"p","policies":["default"],"type":"service"}}"#;
