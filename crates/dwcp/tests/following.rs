//! Files that other tools renew, at a running node: they are loaded by themselves, and what is not loaded is an alarm.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]
#![allow(clippy::disallowed_methods, reason = "a deadline of a test is wall time")]

mod support;

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;
use std::time::Duration;
use support::PATIENCE;
use support::site::{Pair, Site, replace, says};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pair_that_another_tool_renews_serves_by_itself_and_live_sessions_go_on() {
    let site = Site::new();
    let (up, guest) = (site.up().await, site.guest());
    let mut live = up.dial(&guest).await.unwrap();
    assert_eq!(up.stands(&guest, "pass").await, "4 files are followed, and what they hold is in use");
    for round in 0..20_u8 {
        let next = site.pair();
        site.put(&next);
        up.shows(&guest, next.serial, PATIENCE).await;
        says(&mut live, &[round; 100]).await;
    }
    // The load that makes sure of what the one before it read brings nothing new.
    tokio::time::sleep(Duration::from_millis(300)).await;
    up.node.settle(PATIENCE).await;
    let (loaded, rotated) = (site.records("files_loaded").len(), site.records("certificate_rotated").len());
    assert_eq!((loaded, rotated, site.records("files_not_loaded").len()), (20, 20, 0));
    assert!(up.metric(&guest, "dwcp_certificate_rotations_total{name=\"a\"}").await >= 20.0);
    assert!(site.records("config_reloaded").is_empty(), "the configuration was not read");
    up.node.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn envoy_13663_a_secret_that_is_projected_by_links_is_followed() {
    let site = Site::new();
    let project = |name: &str, pair: &Pair| {
        let dir = site.dir().join(name);
        fs::create_dir(&dir).unwrap();
        replace(&dir.join("tls.key"), &pair.key, 0o600);
        replace(&dir.join("tls.crt"), &pair.cert, 0o644);
        symlink(name, site.dir().join("..tmp")).unwrap();
        fs::rename(site.dir().join("..tmp"), site.dir().join("..data")).unwrap();
    };
    project("..0", &site.pair());
    for (file, name) in [(&site.cert, "tls.crt"), (&site.key, "tls.key")] {
        fs::remove_file(file).unwrap();
        symlink(Path::new("..data").join(name), file).unwrap();
    }
    let (up, guest) = (site.up().await, site.guest());
    for round in 1..=5 {
        let next = site.pair();
        project(&format!("..{round}"), &next);
        fs::remove_dir_all(site.dir().join(format!("..{}", round - 1))).unwrap();
        up.shows(&guest, next.serial, PATIENCE).await;
    }
    up.node.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn linkerd2_3880_roots_and_lists_are_followed_and_white_space_does_no_harm() {
    let site = Site::new();
    let (up, guest) = (site.up().await, site.guest());
    let mut live = up.dial(&guest).await.unwrap();
    says(&mut live, b"before").await;
    let roots = [&fs::read(&site.roots).unwrap()[..], b"  \n\t\n\n"].concat();
    replace(&site.roots, &roots, 0o644);
    // Whose certificate is on a new list is cut, and nobody has to say so.
    let who = site.lab.node("guest");
    let other = {
        let root = site.lab.authority().certificate().certificate_der().clone();
        dwcp::node::Outside::with(vec![root], Vec::new(), Some(site.lab.node("other"))).unwrap()
    };
    drop(up.dial(&other).await.unwrap());
    site.lab.revoke(&who);
    site.put_list();
    let mut alive = up.dial(&other).await.unwrap();
    says(&mut alive, b"still welcome").await;
    let revoked = {
        let root = site.lab.authority().certificate().certificate_der().clone();
        dwcp::node::Outside::with(vec![root], Vec::new(), Some(who)).unwrap()
    };
    let end = std::time::Instant::now() + PATIENCE;
    while up.dial(&revoked).await.is_ok() {
        assert!(std::time::Instant::now() < end, "the new list is not in force");
    }
    assert_eq!(up.stands(&other, "pass").await.split(' ').next(), Some("4"));
    says(&mut live, b"whom the list does not name is not touched").await;
    up.node.stop().await;
}

/// What a bad rotation does to the files, and a word that the reason must have.
type Bad = (&'static str, fn(&Site), &'static str);

const BAD: &[Bad] = &[
    ("a key of another", |site| replace(&site.key, &site.pair().key, 0o600), "does not belong"),
    ("a certificate of another", |site| replace(&site.cert, &site.pair().cert, 0o644), "does not belong"),
    ("half a certificate", |site| cut(&site.cert, 0o644), "certificate chain"),
    ("half a key", |site| cut(&site.key, 0o600), "private key"),
    ("an expired pair", |site| site.put(&aged(site, 90_000, 3_600)), "ended"),
    ("a pair that begins tomorrow", |site| site.put(&Pair::of(&ahead(site))), "good from"),
    ("another name", |site| site.put(&Pair::of(&site.lab.node("z"))), "spiffe://lab.example/z"),
    (
        "another trust domain",
        |site| {
            let names = ["URI:spiffe://other.example/a", "DNS:localhost"];
            site.put(&Pair::of(&site.lab.credential(&names)));
        },
        "other.example",
    ),
    ("a pair for clients alone", |site| site.put(&for_clients(site)), "key usage"),
    (
        "a revoked pair",
        |site| {
            let credential = site.lab.node("a");
            site.lab.revoke(&credential);
            site.put_list();
            site.put(&Pair::of(&credential));
        },
        "is revoked",
    ),
    ("another authority", |site| site.put(&Pair::of(&dwcp_testkit::Lab::new().node("a"))), "trust"),
    (
        "a link to elsewhere",
        |site| {
            fs::remove_file(&site.cert).unwrap();
            symlink("/etc/hostname", &site.cert).unwrap();
        },
        "certificate chain",
    ),
    ("an open key", |site| replace(&site.key, &fs::read(&site.key).unwrap(), 0o644), "open to others"),
    (
        "a directory",
        |site| {
            fs::remove_file(&site.cert).unwrap();
            fs::create_dir(&site.cert).unwrap();
        },
        "regular file",
    ),
    ("a gibibyte", |site| fs::File::create(&site.roots).unwrap().set_len(1 << 30).unwrap(), "larger than"),
    (
        "a FIFO",
        |site| {
            fs::remove_file(&site.key).unwrap();
            assert!(Command::new("mkfifo").arg(&site.key).status().unwrap().success());
        },
        "regular file",
    ),
    ("nothing in it", |site| replace(&site.cert, b"", 0o644), "certificate chain"),
    ("nothing there", |site| fs::remove_file(&site.crl).unwrap(), "list"),
    ("garbage", |site| replace(&site.crl, b"\x30\x82\xff\xff", 0o644), "list"),
    (
        "a list of nobody's",
        |site| replace(&site.crl, dwcp_testkit::Lab::new().crl().to_pem().as_bytes(), 0o644),
        "no list of any root",
    ),
    ("NULs", |site| replace(&site.roots, &[0; 4_096], 0o644), "root"),
    (
        "a directory that is gone",
        |site| fs::rename(site.dir(), site.dir().with_extension("gone")).unwrap(),
        "tls.crt",
    ),
];

fn cut(path: &Path, mode: u32) {
    let bytes = fs::read(path).unwrap();
    replace(path, &bytes[..bytes.len() / 2], mode);
}

/// A pair that began `begun` seconds ago and lived for `life`.
fn aged(site: &Site, begun: u64, life: u64) -> Pair {
    let ttl = dwcp_pki::IssuancePolicy::default().with_ttl(Duration::from_secs(life)).unwrap();
    Pair::of(&issued(site, site.lab.now().minus(Duration::from_secs(begun)), &ttl))
}

/// A pair with which nobody answers.
fn for_clients(site: &Site) -> Pair {
    let policy = dwcp_pki::IssuancePolicy::default().with_usage(dwcp_pki::Usage::Client);
    Pair::of(&issued(site, site.lab.now(), &policy))
}

fn ahead(site: &Site) -> dwcp_pki::Credential {
    let now = site.lab.now().plus(Duration::from_secs(86_400));
    issued(site, now, &dwcp_pki::IssuancePolicy::default())
}

fn issued(site: &Site, at: dwcp_base::UnixTime, policy: &dwcp_pki::IssuancePolicy) -> dwcp_pki::Credential {
    let key = dwcp_crypto::SigningKey::generate(dwcp_crypto::KeyType::EcdsaP256).unwrap();
    let names = ["URI:spiffe://lab.example/a", "DNS:localhost"].map(|name| name.parse().unwrap());
    let request = dwcp_pki::CertificateRequest::generate(&key, &names).unwrap();
    let chain = site.lab.authority().issue(&request, policy, at).unwrap();
    dwcp_pki::Credential::new(chain, key).unwrap()
}

/// Puts everything back as it was, with the pair `pair`.
fn mend(site: &Site, pair: &Pair, roots: &[u8], list: &[u8]) {
    let gone = site.dir().with_extension("gone");
    if gone.exists() {
        fs::rename(gone, site.dir()).unwrap();
    }
    for path in [&site.cert, &site.key, &site.roots, &site.crl] {
        let _ = fs::remove_dir(path);
    }
    site.put(pair);
    replace(&site.roots, roots, 0o644);
    replace(&site.crl, list, 0o644);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn linkerd2_15109_no_bad_rotation_is_adopted_and_each_is_an_alarm_of_its_own() {
    let site = Site::new();
    let (up, guest) = (site.up().await, site.guest());
    let (roots, list) = (fs::read(&site.roots).unwrap(), fs::read(&site.crl).unwrap());
    let mut live = up.dial(&guest).await.unwrap();
    let mut serving = site.pair();
    site.put(&serving);
    up.shows(&guest, serving.serial, PATIENCE).await;
    for (round, (what, spoil, word)) in BAD.iter().enumerate() {
        spoil(&site);
        let reason = up.stands(&guest, "warn").await;
        assert!(reason.contains(word) && reason.contains("not loaded"), "{what}: {reason}");
        assert_eq!(up.shown(&guest).await, serving.serial, "{what} was adopted");
        let not_loaded =
            async |role: &str| up.metric(&guest, &format!("dwcp_files_not_loaded{{role=\"{role}\"}}")).await;
        assert!(not_loaded("identity").await + not_loaded("trust").await >= 1.0, "{what}");
        // A good one every other time, what was there before the other times.
        if round % 2 == 0 {
            serving = site.pair();
        }
        mend(&site, &serving, &roots, &list);
        up.shows(&guest, serving.serial, PATIENCE).await;
        up.stands(&guest, "pass").await;
        assert_eq!(not_loaded("identity").await + not_loaded("trust").await, 0.0, "{what}");
        says(&mut live, what.as_bytes()).await;
    }
    up.node.settle(PATIENCE).await;
    let alarms = site.records("files_not_loaded");
    assert_eq!(alarms.len(), BAD.len(), "one record for each: {alarms:#?}");
    let counted = up.metric(&guest, "dwcp_security_events_total{type=\"files_not_loaded\"}").await;
    assert_eq!(counted, BAD.len() as f64);
    up.node.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_for_servers_alone_may_stay_so_and_a_certificate_that_peers_refuse_is_no_pass() {
    let site = Site::new();
    let servers = || {
        let policy = dwcp_pki::IssuancePolicy::default().with_usage(dwcp_pki::Usage::Server);
        issued(&site, site.lab.now(), &policy)
    };
    site.put(&Pair::of(&servers()));
    let (up, guest) = (site.up().await, site.guest());
    let next = servers();
    let pair = Pair::of(&next);
    site.put(&pair);
    up.shows(&guest, pair.serial, PATIENCE).await;
    let identity = async || {
        let report: serde_json::Value = serde_json::from_str(&up.get(&guest, "/health/certs").await).unwrap();
        let check = report["checks"].as_array().unwrap().iter().find(|check| check["id"] == "certs.identity");
        let check = check.unwrap().clone();
        (check["status"].as_str().unwrap().to_owned(), check["reason"].as_str().unwrap().to_owned())
    };
    assert_eq!(identity().await.0, "pass");
    site.lab.revoke(&next);
    site.put_list();
    let end = std::time::Instant::now() + PATIENCE;
    loop {
        let (status, reason) = identity().await;
        if status == "warn" && reason.contains("is revoked") {
            break;
        }
        assert!(std::time::Instant::now() < end, "{status}: {reason}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    up.node.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_certificate_besides_may_not_be_called_as_the_node_is() {
    let site = Site::new();
    let file = site.dir().join("dwcp.yaml");
    let text = "node: {state_dir: state, admin: {listen: '127.0.0.1:0'}}\n\
         security: {tls: {cert_file: tls.crt, key_file: tls.key, ca_file: roots.pem, crl_file: list.pem, \
         certificates: [{name: a, cert_file: tls.crt, key_file: tls.key}]}}\n";
    fs::write(&file, text).unwrap();
    let plan = dwcp::config::check(&dwcp::config::load(&file, &[]).unwrap()).unwrap();
    let refusal = dwcp::node::Node::start(plan).await.err().unwrap();
    assert!(format!("{refusal:?}").contains("node's own name"), "{refusal:?}");
}
