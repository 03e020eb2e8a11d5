//! Revocation lists of a real mount.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod mount;

use dwcp_base::{Clock, Coded, SystemClock};
use dwcp_pki::{CertificateChain, Crl, Issued, Purpose, RevocationMode, TrustStore};
use dwcp_pki_vault::{ListFault, StandIn, VaultListing, VaultLists};
use dwcp_testkit::OpenBao;
use mount::{SOON, bao, client, root, settings, signed, token_file};
use serde_json::json;
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Trust in the roots of a mount, with what was fetched.
fn trust(issued: &[&Issued], listing: &VaultListing) -> TrustStore {
    let mut anchors: Vec<_> =
        issued.iter().flat_map(|one| &one.roots).map(|root| root.certificate_der().clone()).collect();
    anchors.dedup();
    TrustStore::new(anchors, listing.complete.clone(), RevocationMode::Required)
        .unwrap()
        .with_deltas(listing.deltas.clone())
        .unwrap()
}

fn judged(trust: &TrustStore, chain: &CertificateChain) -> Result<(), &'static str> {
    // A list is made in the second that it is of, and may be a moment ahead.
    let now = SystemClock::new().unix().plus(Duration::from_secs(1));
    trust.validate(&chain.ders(), Purpose::Client, now).map(drop).map_err(|error| error.code())
}

fn has(lists: &[Crl], issued: &Issued) -> bool {
    lists.iter().any(|list| list.contains(&issued.chain.leaf().serial()))
}

/// What OpenSSL says about a certificate and a list.
fn openssl(bao: &OpenBao, issued: &Issued, list: &Crl) -> Option<(bool, String)> {
    let program = dwcp_testkit::peer("openssl")?;
    let file = |name: &str, text: String| {
        let path = bao.directory().join(name);
        std::fs::write(&path, text).unwrap();
        path
    };
    let root = file("root.pem", issued.roots.iter().map(dwcp_pki::Certificate::to_pem).collect());
    let (crl, leaf) = (file("list.pem", list.to_pem()), file("leaf.pem", issued.chain.to_pem()));
    let run = |command: &mut Command| {
        let output = command.output().unwrap();
        let text = [output.stdout, output.stderr].concat();
        (output.status.success(), String::from_utf8_lossy(&text).into_owned())
    };
    let (_, text) = run(Command::new(&program)
        .args(["crl", "-noout", "-verify", "-CAfile"])
        .arg(&root)
        .arg("-in")
        .arg(&crl));
    assert!(text.contains("verify OK"), "{text}");
    let mut verify = Command::new(&program);
    verify.args(["verify", "-crl_check", "-CAfile"]).arg(&root).arg("-CRLfile").arg(&crl);
    verify.arg("-untrusted").arg(&leaf).arg(&leaf);
    Some(run(&mut verify))
}

#[tokio::test]
async fn a_revoked_certificate_is_in_the_next_list() {
    let Some(bao) = bao() else { return };
    let client = root(&bao);
    let (kept, lost) = (signed(&client).await, signed(&client).await);
    let lists = VaultLists::new(Arc::clone(&client));
    let before = lists.fetch(&[], SOON).await.unwrap();
    assert_eq!((before.complete.len(), before.deltas.len(), before.kept.len()), (1, 0, 0));
    assert!(!has(&before.complete, &lost) && judged(&trust(&[&lost], &before), &lost.chain).is_ok());
    assert!(before.ends().unwrap() > SystemClock::new().unix());

    client.revoke(&lost.chain.leaf().serial(), SOON).await.unwrap();
    let after = lists.fetch(&before.complete, SOON).await.unwrap();
    assert!(has(&after.complete, &lost) && !has(&after.complete, &kept));
    assert_eq!(judged(&trust(&[&lost], &after), &lost.chain), Err("pki.chain.revoked"));
    assert_eq!(judged(&trust(&[&kept], &after), &kept.chain), Ok(()));

    let Some((passes, text)) = openssl(&bao, &kept, &after.complete[0]) else { return };
    assert!(passes, "{text}");
    let (passes, text) = openssl(&bao, &lost, &after.complete[0]).unwrap();
    assert!(!passes && text.contains("certificate revoked"), "{text}");
}

#[tokio::test]
async fn what_was_revoked_last_is_in_the_delta_of_a_mount_that_has_some() {
    let Some(bao) = bao() else { return };
    bao.write(
        "pki/config/crl",
        &json!({ "auto_rebuild": true, "enable_delta": true, "delta_rebuild_interval": "1m" }),
    );
    let client = root(&bao);
    let lost = signed(&client).await;
    let lists = VaultLists::new(Arc::clone(&client));
    let before = lists.fetch(&[], SOON).await.unwrap();
    client.revoke(&lost.chain.leaf().serial(), SOON).await.unwrap();
    bao.read("pki/crl/rotate-delta");
    let after = lists.fetch(&before.complete, SOON).await.unwrap();
    assert!(!has(&after.complete, &lost), "the complete list is of before");
    assert_eq!(after.deltas.len(), 1);
    assert_eq!(judged(&trust(&[&lost], &after), &lost.chain), Err("pki.chain.revoked"));
    // The next complete list has it, and the delta of before fits no more.
    bao.read("pki/crl/rotate");
    let whole = lists.fetch(&after.complete, SOON).await.unwrap();
    assert!(has(&whole.complete, &lost) && whole.deltas.iter().all(|delta| delta.is_empty()));
    assert_eq!(judged(&trust(&[&lost], &whole), &lost.chain), Err("pki.chain.revoked"));
}

#[tokio::test]
async fn every_issuer_has_its_list_and_one_that_left_keeps_the_last() {
    let Some(bao) = bao() else { return };
    let client = root(&bao);
    let old = signed(&client).await;
    let lists = VaultLists::new(Arc::clone(&client));
    let one = lists.fetch(&[], SOON).await.unwrap();

    // Rotated: the mount signs with a new root from here on, and still lists for the old one.
    bao.write(
        "pki/root/rotate/internal",
        &json!({ "common_name": "NovaCron Root CA 2", "key_type": "ec", "ttl": "80000h" }),
    );
    bao.write("pki/root/replace", &json!({ "default": "next" }));
    let new = signed(&client).await;
    assert_ne!(new.chain.leaf().issuer(), old.chain.leaf().issuer());
    client.revoke(&old.chain.leaf().serial(), SOON).await.unwrap();
    client.revoke(&new.chain.leaf().serial(), SOON).await.unwrap();
    let two = lists.fetch(&one.complete, SOON).await.unwrap();
    assert_eq!((two.complete.len(), two.kept.len()), (2, 0));
    for issued in [&old, &new] {
        assert_eq!(judged(&trust(&[&old, &new], &two), &issued.chain), Err("pki.chain.revoked"));
    }

    // Taken out of the mount: what it issued is still around, and what is known of it still counts.
    let gone = old.chain.leaf().issuer().to_owned();
    let ids = bao.list("pki/issuers");
    for id in ids["data"]["keys"].as_array().unwrap() {
        let id = id.as_str().unwrap();
        if bao.read(&format!("pki/issuer/{id}"))["data"]["certificate"].as_str().unwrap().trim()
            == old.roots[0].to_pem().trim()
        {
            bao.delete(&format!("pki/issuer/{id}"));
        }
    }
    let three = lists.fetch(&two.complete, SOON).await.unwrap();
    assert!(three.complete.iter().any(|list| list.issuer() == gone));
    assert_eq!(judged(&trust(&[&old, &new], &three), &old.chain), Err("pki.chain.revoked"));
    assert_eq!(lists.fetch(&[], SOON).await.unwrap().complete.len(), 1);
}

/// The usual form: a root that is kept elsewhere, and a mount with an authority below it. The mount has the root's certificate and no key
/// of it.
#[tokio::test]
async fn a_mount_below_a_root_has_a_list_of_its_own_authority_alone() {
    let Some(bao) = bao() else { return };
    bao.command(&["secrets", "enable", "-path=nodes/int", "pki"]);
    let asked = json!({ "common_name": "NovaCron Nodes", "key_type": "ec" });
    let asked = bao.write("nodes/int/intermediate/generate/internal", &asked);
    let signed_by_root = bao.write(
        "pki/root/sign-intermediate",
        &json!({ "csr": asked["data"]["csr"], "common_name": "NovaCron Nodes", "ttl": "8000h" }),
    );
    let chain = &signed_by_root["data"];
    let text =
        format!("{}\n{}", chain["certificate"].as_str().unwrap(), chain["issuing_ca"].as_str().unwrap());
    bao.write("nodes/int/intermediate/set-signed", &json!({ "certificate": text }));
    let role = json!({ "key_type": "ec", "allowed_domains": "novacron.local", "allow_subdomains": true,
        "allowed_uri_sans": "spiffe://novacron.local/*", "max_ttl": "72h" });
    bao.write("nodes/int/roles/dwcp-role", &role);
    let (client, told) = client(settings(&bao, bao.root_token()).with_mount("nodes/int").unwrap());
    let lost = signed(&client).await;
    assert_eq!((lost.chain.len(), lost.roots.len()), (2, 1), "the root stands aside");
    assert_eq!(client.issuers(SOON).await.unwrap().len(), 2, "the mount knows the root");

    client.revoke(&lost.chain.leaf().serial(), SOON).await.unwrap();
    let lists = VaultLists::new(Arc::clone(&client));
    let mut known = Vec::new();
    for _ in 0..3 {
        let listing = lists.fetch(&known, SOON).await.unwrap();
        assert!(listing.kept.is_empty(), "{:?}", listing.kept);
        assert_eq!(listing.complete.len(), 1);
        assert!(client.state().trouble.is_none(), "that it has no list of the root is no trouble");
        assert!(has(&listing.complete, &lost));
        known = listing.complete;
    }
    assert_eq!(told.codes(), ["vault.login.done"], "no outage, and nothing kept");
    // A list of the root that somebody has is still told of when the mount has none.
    let of_root = VaultLists::new(root(&bao)).fetch(&[], SOON).await.unwrap().complete;
    let both = lists.fetch(&of_root, SOON).await.unwrap();
    assert_eq!((both.complete.len(), both.kept.len()), (2, 1));
    assert!(!told.codes().contains(&"vault.server.unavailable"));
}

#[tokio::test]
async fn a_mount_that_is_told_to_list_nothing_takes_nothing_back() {
    let Some(bao) = bao() else { return };
    let (client, told) = client(settings(&bao, bao.root_token()));
    let lost = signed(&client).await;
    client.revoke(&lost.chain.leaf().serial(), SOON).await.unwrap();
    let lists = VaultLists::new(Arc::clone(&client));
    let before = lists.fetch(&[], SOON).await.unwrap();
    assert!(has(&before.complete, &lost));

    bao.write("pki/config/crl", &json!({ "disable": true }));
    let after = lists.fetch(&before.complete, SOON).await.unwrap();
    assert_eq!(after.complete, before.complete);
    let [kept] = after.kept.as_slice() else { panic!("{:?}", after.kept) };
    assert!(matches!(kept.source, ListFault::Disabled) && kept.source.fix().contains("disable=false"));
    assert_eq!(kept.standing, StandIn::Known { until: before.complete[0].next_update() });
    assert!(told.codes().contains(&"vault.list.kept"));
    let unknown = lists.fetch(&[], SOON).await.unwrap();
    assert_eq!((unknown.complete.len(), unknown.kept[0].standing), (0, StandIn::Nothing));

    bao.write("pki/config/crl", &json!({ "disable": false }));
    let again = lists.fetch(&after.complete, SOON).await.unwrap();
    assert!(again.complete[0].number() > before.complete[0].number() && again.kept.is_empty());
    assert!(has(&again.complete, &lost));
}

#[tokio::test]
async fn lists_need_no_login_and_one_issuer_less_no_permission() {
    let Some(bao) = bao() else { return };
    let lost = signed(&root(&bao)).await;
    root(&bao).revoke(&lost.chain.leaf().serial(), SOON).await.unwrap();
    // A token that nobody knows, and one that may do nothing.
    let nothing = bao.token(&["default"], "1m", &json!({}));
    for token in ["s.nobodyknowsthis", nothing.as_str()] {
        let (client, told) = client(settings(&bao, token));
        // Who the issuers are is for everybody too, and no login was tried for it.
        assert_eq!(client.ca_chain(SOON).await.unwrap(), lost.roots, "{token}");
        assert_eq!(client.issuers(SOON).await.unwrap()[0].certificate, lost.roots[0], "{token}");
        assert_eq!(told.codes(), [""; 0], "{token}");
        let listing = VaultLists::new(client).fetch(&[], SOON).await.unwrap();
        assert!(has(&listing.complete, &lost), "{token}");
    }
}

#[tokio::test]
async fn a_server_that_is_no_help_says_why_and_within_the_deadline() {
    let Some(mut bao) = bao() else { return };
    let client = root(&bao);
    let lists = VaultLists::new(Arc::clone(&client));
    let known = lists.fetch(&[], SOON).await.unwrap().complete;

    bao.seal();
    assert_eq!(lists.fetch(&known, SOON).await.unwrap_err().code(), "vault.server.sealed");
    bao.unseal();
    assert_eq!(lists.fetch(&known, SOON).await.unwrap().complete, known);

    bao.pause();
    let mut tries = 0;
    // A loaded machine stops a process a moment after it was told to.
    let (error, took) = loop {
        let begin = now();
        match lists.fetch(&known, Duration::from_millis(500)).await {
            Err(error) => break (error, begin.elapsed()),
            Ok(_) => tries += 1,
        }
        assert!(tries < 50, "it answers while it is stopped");
    };
    assert!(error.is_retryable() && took < Duration::from_secs(3), "{error}");
    assert_eq!(error.code(), "vault.server.silent");
    bao.resume();
    assert_eq!(lists.fetch(&known, SOON).await.unwrap().complete, known);

    bao.kill();
    let error = lists.fetch(&known, SOON).await.unwrap_err();
    assert!(error.is_retryable(), "{error:?}");
    let _ = token_file(&bao, "token", "gone");
}

#[tokio::test]
async fn a_mount_that_is_none_is_told_as_that() {
    let Some(bao) = bao() else { return };
    let (client, _) = client(settings(&bao, bao.root_token()).with_mount("elsewhere").unwrap());
    assert_eq!(VaultLists::new(client).fetch(&[], SOON).await.unwrap_err().code(), "vault.path.unknown");
}

#[allow(clippy::disallowed_methods, reason = "how long it really took")]
fn now() -> Instant {
    Instant::now()
}
