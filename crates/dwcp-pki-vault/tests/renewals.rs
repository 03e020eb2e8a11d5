//! Leaves that live for seconds under a manager, over a real OpenBao that is sealed, killed and forgets its tokens in between; and one
//! request at a time.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod rig;

use dwcp_base::{Clock, Recorder};
use dwcp_pki::{
    Activation, CertProvider, CertificateManager, CertificateStore, Event, FirstTrust, ManagedSlot, NextStep,
    RevocationMode, SlotSpec, TrustStore, obtain,
};
use dwcp_pki_vault::{Login, RoleId};
use dwcp_testkit::OpenBaoOptions;
use rig::{DEADLINE, NODE, Rig, names, request, until};
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::sleep;

/// Several, so that there is much to renew in little time.
const SLOTS: [&str; 5] = ["n1", "n2", "n3", "n4", "n5"];

fn spec(name: &str) -> SlotSpec {
    let texts = [format!("URI:spiffe://novacron.local/node/{name}"), format!("DNS:{name}.novacron.local")];
    SlotSpec::new(name, names(&[&texts[0], &texts[1]]))
}

/// The server says nothing of it.
#[tokio::test(flavor = "multi_thread")]
async fn a_life_that_the_role_cuts_short_is_told_once() {
    let Some(rig) = Rig::start() else { return };
    let client = |hours: u64| {
        let settings = rig.settings(rig.token_login("1h", &json!({})).0);
        rig.client_of(settings.with_ttl(Duration::from_secs(hours * 3_600)))
    };
    let (long, fitting) = (client(9_000), client(72));
    for ours in [&long, &long, &fitting] {
        assert!(ours.signs().await);
    }
    let told: Vec<_> = long.events.events().into_iter().filter(|event| event.code() == SHORTENED).collect();
    let [dwcp_pki_vault::Event::LifeShortened { asked, granted }] = told[..] else { panic!("{told:?}") };
    assert_eq!(asked, Duration::from_secs(9_000 * 3_600));
    assert!(granted.abs_diff(Duration::from_secs(72 * 3_600)) < Duration::from_secs(60), "{granted:?}");
    assert_eq!(fitting.count(SHORTENED), 0);
    // One that is long enough again, and then is not.
    rig.bao.command(&["patch", "pki/roles/dwcp-role", "max_ttl=9000h"]);
    assert!(long.signs().await);
    rig.bao.command(&["patch", "pki/roles/dwcp-role", "max_ttl=72h"]);
    assert!(long.signs().await);
    assert_eq!(long.count(SHORTENED), 2);
}

const SHORTENED: &str = "vault.life.shortened";

#[tokio::test(flavor = "multi_thread")]
async fn thirty_renewals_while_the_server_is_sealed_killed_and_forgets_the_token() {
    let durable = OpenBaoOptions { durable: true, ..OpenBaoOptions::default() };
    let Some(mut rig) = Rig::start_with(&durable) else { return };
    // Without the second setting a certificate begins half a minute ago, and most of its life is over. Of `0s` the server makes that, too.
    rig.bao.complete_role_with(&["ttl=3s", "not_before_duration=1s"]);
    rig.bao.command(&["auth", "enable", "approle"]);
    rig.bao.write(
        "auth/approle/role/node",
        &json!({ "token_policies": "dwcp-node", "token_ttl": "4s", "token_max_ttl": "10s" }),
    );
    let text = |found: Value, name: &str| found["data"][name].as_str().unwrap().to_owned();
    let role_id = RoleId::Text(text(rig.bao.read("auth/approle/role/node/role-id"), "role_id"));
    let secret_id = text(rig.bao.write("auth/approle/role/node/secret-id", &json!({})), "secret_id");
    let secret_id_file = rig.secret("secret-id", &secret_id);
    let ours =
        rig.client_of(rig.settings(Login::AppRole { mount: "approle".to_owned(), role_id, secret_id_file }));
    let keeper = Arc::clone(&ours.client);
    let keeper = tokio::spawn(async move { keeper.keep().await });
    let provider: Arc<dyn CertProvider> = Arc::new(ours.provider());
    let events = Arc::new(Recorder::with_capacity(10_000));
    let manager = Arc::new(CertificateManager::new(Arc::clone(&rig.clock), Arc::clone(&events) as _));
    let mut stores = Vec::new();
    for name in SLOTS {
        let trust = FirstTrust::FromProvider;
        let (first, roots) = obtain(&*provider, &spec(name), trust, &*rig.clock, DEADLINE).await.unwrap();
        let anchors = roots.iter().map(|root| root.certificate_der().clone()).collect();
        let trust = TrustStore::new(anchors, Vec::new(), RevocationMode::Off).unwrap();
        let store = Arc::new(CertificateStore::new(first, trust).unwrap());
        let slot = ManagedSlot::new(spec(name), Arc::clone(&store)).with_provider(Arc::clone(&provider));
        manager.manage(slot).unwrap();
        stores.push(store);
    }
    let (runner, clock) = (Arc::clone(&manager), Arc::clone(&rig.clock));
    let runner = tokio::spawn(async move { run(&runner, &*clock).await });
    let renewed =
        || events.events().iter().filter(|event| matches!(event, Event::CertificateRenewed { .. })).count();
    let began = rig.clock.tick();
    until("ten renewals", || renewed() >= 10).await;

    // Sealed for longer than a certificate lives: what is there is served to its end and beyond, and then replaced by itself.
    rig.bao.seal();
    sleep(Duration::from_millis(500)).await;
    let before: Vec<_> =
        stores.iter().map(|store| store.current().credential().chain().leaf().serial()).collect();
    sleep(Duration::from_secs(3)).await;
    let after: Vec<_> =
        stores.iter().map(|store| store.current().credential().chain().leaf().serial()).collect();
    assert_eq!(before, after, "the last good certificate was taken away");
    assert!(manager.states().iter().any(|state| state.last_failure.is_some()), "{:?}", manager.states());
    assert!(ours.client.state().is_sealed() || ours.client.state().trouble.is_some());
    let so_far = renewed();
    rig.bao.unseal();
    until("six renewals after the seal", || renewed() >= so_far + 6).await;

    // Every token of ours is forgotten.
    let so_far = renewed();
    rig.bao.write("sys/leases/revoke-prefix/auth/approle/login", &json!({}));
    until("six renewals after the revocation", || renewed() >= so_far + 6).await;

    // Killed and started again.
    let so_far = renewed();
    rig.bao.kill();
    sleep(Duration::from_millis(700)).await;
    rig.bao.restart();
    until("eight renewals after the restart", || renewed() >= so_far + 8).await;

    assert!(renewed() >= 30, "{}", renewed());
    let took = rig.clock.tick().since(began);
    assert!(took < Duration::from_secs(60), "{took:?}");
    assert!(!runner.is_finished() && !keeper.is_finished(), "something panicked");
    for store in &stores {
        let leaf = store.current().credential().chain().leaf().clone();
        let life = leaf.not_before().until(leaf.not_after());
        assert!(life <= Duration::from_secs(5), "leaves of seconds are meant: {life:?}");
        assert!(leaf.not_after() >= rig.clock.unix().minus(Duration::from_secs(2)), "{leaf:?}");
    }
    runner.abort();
    keeper.abort();
}

/// What a node does with its manager.
async fn run(manager: &CertificateManager, clock: &dyn Clock) {
    loop {
        match manager.next(clock.unix()) {
            NextStep::Wait(wait) => sleep(wait.min(Duration::from_millis(20))).await,
            NextStep::Renew { slot, .. } => {
                let _ = manager.renew(&slot, Activation::Now, Duration::from_secs(2)).await;
            }
            NextStep::Activate { slot } => {
                let _ = manager.activate(&slot);
            }
            _ => panic!("a slot without files is to be saved"),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_request_of_a_provider_is_at_the_server_at_a_time() {
    let audited = OpenBaoOptions { audited: true, ..OpenBaoOptions::default() };
    let Some(rig) = Rig::start_with(&audited) else { return };
    let ours = rig.client();
    let provider = Arc::new(ours.provider());
    let asked: Vec<_> = (0..16)
        .map(|_| {
            let provider = Arc::clone(&provider);
            tokio::spawn(async move { provider.issue(&request(NODE), DEADLINE).await.map(drop) })
        })
        .collect();
    for one in asked {
        one.await.unwrap().unwrap();
    }
    assert_eq!(at_once(&rig), (16, 1), "signings, and how many at once");
    // The count can tell: the client itself lets several through.
    for _ in 0..20 {
        let asked: Vec<_> = (0..16)
            .map(|_| {
                let client = Arc::clone(&ours.client);
                tokio::spawn(async move { client.sign(&request(NODE), DEADLINE).await.map(drop) })
            })
            .collect();
        for one in asked {
            one.await.unwrap().unwrap();
        }
        if at_once(&rig).1 > 1 {
            return;
        }
    }
    panic!("sixteen callers of the client never met at the server");
}

/// How many signings the server's own audit log has, and the most that were begun and not ended.
fn at_once(rig: &Rig) -> (usize, usize) {
    let (mut all, mut now, mut most) = (0, 0_usize, 0);
    for line in std::fs::read_to_string(rig.bao.audit_log()).unwrap().lines() {
        let entry: Value = serde_json::from_str(line).unwrap();
        if entry["request"]["path"] != "pki/sign/dwcp-role" {
            continue;
        }
        match entry["type"].as_str().unwrap() {
            "request" => {
                all += 1;
                now += 1;
            }
            _ => now -= 1,
        }
        most = most.max(now);
    }
    (all, most)
}
