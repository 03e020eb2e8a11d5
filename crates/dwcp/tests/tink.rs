//! Data at rest against real Tink, both ways: streams, messages and keysets.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

#[path = "support/shop.rs"]
mod shop;
mod support;

use serde_json::{Value, json};
use shop::{PYTHON, Shop, peer, tink, write_private};
use std::fs;
use std::path::Path;
use std::process::Output;
use support::{have, ok};

/// Header and tag of a stream under a 256-bit key.
const HEADER: usize = 40;
const TAG: usize = 16;

fn done(output: &Output) {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// Refused with the code of a verdict, and nothing is there.
fn refused(output: &Output, target: &str) {
    assert_eq!(output.status.code(), Some(7), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(!Path::new(target).exists(), "{target} was written");
}

#[track_caller]
fn same(one: &str, other: &str) {
    assert!(fs::read(one).unwrap() == fs::read(other).unwrap(), "{one} and {other} differ");
}

/// Lengths around the ends of the first and the second segment, and the shortest two.
fn borders(segment: usize) -> Vec<usize> {
    let first = segment - HEADER - TAG;
    let second = first + segment - TAG;
    [0, 1].into_iter().chain([first, second].into_iter().flat_map(|end| [end - 1, end, end + 1])).collect()
}

/// Every length there and back, under one keyring and its keyset, with one associated data.
fn streams_go_both_ways(shop: &Shop, ring: &str, keyset: &str, aad: &str, lengths: &[usize]) {
    let mut pairs = (Vec::new(), Vec::new());
    for length in lengths {
        let (plain, ours, theirs) = (shop.plain(*length), shop.at("ours"), shop.at("theirs"));
        let ours = format!("{ours}-{length}");
        done(&shop.file("encrypt", ring, aad, &plain, &ours));
        pairs.0.extend([ours.clone(), format!("{ours}.opened")]);
        pairs.1.extend([plain, format!("{theirs}-{length}")]);
    }
    let call = |verb, pairs: &[String]| {
        let paths: Vec<&str> = pairs.iter().map(String::as_str).collect();
        tink(&[&[verb, keyset, aad], &paths[..]].concat());
    };
    call("open", &pairs.0);
    call("seal", &pairs.1);
    for (ours, theirs) in pairs.0.chunks(2).zip(pairs.1.chunks(2)) {
        let (plain, sealed, opened) = (&theirs[0], &theirs[1], format!("{}.opened", theirs[1]));
        same(plain, &ours[1]);
        done(&shop.file("decrypt", ring, aad, sealed, &opened));
        same(plain, &opened);
        assert_eq!(fs::metadata(sealed).unwrap().len(), fs::metadata(&ours[0]).unwrap().len(), "{sealed}");
    }
    let (ours, theirs) = (&pairs.0[0], &pairs.1[1]);
    let target = shop.at("never");
    assert_eq!(peer(&["open", keyset, "another", ours, &shop.at("by-tink")]).0, 7);
    refused(&shop.file("decrypt", ring, "another", theirs, &target), &target);
}

#[test]
fn streams_of_every_segment_size_go_both_ways_at_the_borders_of_segments() {
    if !have(PYTHON) {
        return;
    }
    for (name, segment) in [("4k", 4 << 10), ("64k", 64 << 10), ("1m", 1 << 20)] {
        let shop = Shop::new();
        let ring = shop.ring("ring", &["--type", "stream", "--segment", name]);
        let keyset = shop.export(&ring);
        for aad in ["", "dwcp/ctx"] {
            streams_go_both_ways(&shop, &ring, &keyset, aad, &borders(segment));
        }
    }
}

#[test]
fn a_hundred_megabytes_go_both_ways_under_the_default_keyring() {
    if !have(PYTHON) {
        return;
    }
    let shop = Shop::new();
    let ring = shop.ring("ring", &[]);
    streams_go_both_ways(&shop, &ring, &shop.export(&ring), "large", &[100_000_000]);
}

#[test]
fn keysets_that_tink_made_for_streams_are_taken_as_they_are() {
    if !have(PYTHON) {
        return;
    }
    let shop = Shop::new();
    for template in
        ["AES128_GCM_HKDF_4KB", "AES256_GCM_HKDF_4KB", "AES128_GCM_HKDF_1MB", "AES256_GCM_HKDF_1MB"]
    {
        let keyset = shop.at(template);
        tink(&["new", template, &keyset]);
        let ring = shop.import(&keyset);
        streams_go_both_ways(&shop, &ring, &keyset, "ctx", &[0, 10_000, 2_200_000]);
        // What comes out again is the same to Tink.
        streams_go_both_ways(&shop, &ring, &shop.export(&ring), "ctx", &[70_000]);
    }
}

#[test]
fn a_keyring_under_a_passphrase_is_imported_and_exported_too() {
    if !have(PYTHON) {
        return;
    }
    let shop = Shop::new();
    let (keyset, ring, pass) = (shop.at("keyset"), shop.at("ring"), shop.at("pass"));
    write_private(&pass, b"seventeen llamas weave copper baskets\n");
    tink(&["new", "AES256_GCM_HKDF_4KB", &keyset]);
    ok(&["keyring", "import", &ring, "--from", &keyset, "--passphrase-file", &pass]);
    let (plain, sealed, opened) = (shop.plain(5_000), shop.at("sealed"), shop.at("opened"));
    ok(&["encrypt", "file", &plain, &sealed, "--keyring", &ring, "--passphrase-file", &pass]);
    write_private(
        &keyset,
        ok(&["keyring", "export", "--keyring", &ring, "--passphrase-file", &pass]).as_bytes(),
    );
    tink(&["open", &keyset, "", &sealed, &opened]);
    same(&plain, &opened);
}

/// Messages of three lengths both ways, with one associated data; with another they are refused.
fn messages_go_both_ways(shop: &Shop, ring: &str, keyset: &str, aad: &str) {
    let plains = [0, 1, 70_000].map(|length| shop.plain(length));
    let pairs = |from: &[String], to: &str| -> Vec<String> {
        from.iter()
            .enumerate()
            .flat_map(|(at, from)| [from.clone(), shop.at(&format!("{to}-{at}"))])
            .collect()
    };
    let call = |verb, pairs: &[String]| {
        let paths: Vec<&str> = pairs.iter().map(String::as_str).collect();
        tink(&[&[verb, keyset, aad], &paths[..]].concat());
    };
    let targets = |pairs: &[String]| pairs.iter().skip(1).step_by(2).cloned().collect::<Vec<_>>();
    let ours = pairs(&plains, "ours");
    for pair in ours.chunks(2) {
        assert_eq!(shop.data("encrypt", ring, aad, &pair[0], &pair[1]), 0);
    }
    let (opened, theirs) = (pairs(&targets(&ours), "opened"), pairs(&plains, "theirs"));
    call("decrypt", &opened);
    call("encrypt", &theirs);
    let back = shop.at("back");
    for ((plain, opened), theirs) in plains.iter().zip(targets(&opened)).zip(targets(&theirs)) {
        same(plain, &opened);
        assert_eq!(shop.data("decrypt", ring, aad, &theirs, &back), 0);
        same(plain, &back);
        assert_eq!(shop.data("decrypt", ring, "other", &theirs, &back), 7);
        assert_eq!(fs::read(&back).unwrap(), b"", "nothing comes out of what is refused");
    }
    assert_eq!(peer(&["decrypt", keyset, "other", &ours[1], &back]).0, 7);
}

#[test]
fn messages_go_both_ways_under_every_kind_of_key_that_tink_makes() {
    if !have(PYTHON) {
        return;
    }
    let shop = Shop::new();
    for template in [
        "AES256_GCM",
        "AES128_GCM",
        "XCHACHA20_POLY1305",
        "CHACHA20_POLY1305",
        "AES256_GCM_RAW",
        "XCHACHA20_POLY1305_RAW",
    ] {
        let keyset = shop.at(template);
        tink(&["new", template, &keyset]);
        let ring = shop.import(&keyset);
        messages_go_both_ways(&shop, &ring, &keyset, "");
        // What comes out again is the same to Tink.
        messages_go_both_ways(&shop, &ring, &shop.export(&ring), "dwcp/ctx");
    }
    let ring = shop.ring("own", &["--type", "aead"]);
    messages_go_both_ways(&shop, &ring, &shop.export(&ring), "dwcp/ctx");
}

fn read(keyset: &str) -> Value {
    serde_json::from_slice(&fs::read(keyset).unwrap()).unwrap()
}

/// Rotates, retires, restores and destroys; `seal` and `open` are Tink's verbs and ours for one kind of data.
fn a_life_of_keys(
    kind: &[&str],
    (seal, open): (&str, &str),
    ours: &dyn Fn(&Shop, &str, &str, &str, &str) -> i32,
) {
    let shop = Shop::new();
    let ring = shop.ring("ring", kind);
    let (plain, first, second) = (shop.plain(9_000), shop.at("first"), shop.at("second"));
    let opened = shop.at("opened");
    let old = read(&shop.export(&ring))["primaryKeyId"].to_string();
    assert_eq!(ours(&shop, "encrypt", &ring, &plain, &first), 0);
    shop.keyring(&["rotate"], &ring);
    let keyset = shop.export(&ring);
    let new = read(&keyset)["primaryKeyId"].to_string();
    assert_ne!(old, new);
    tink(&[seal, &keyset, "", &plain, &second]);
    assert_eq!(tink(&["show", &keyset]), format!("{old} ENABLED\n{new} ENABLED\n"));
    // Tink's own verdict on a sealed text, then ours.
    let verdicts = |keyset: &str, sealed: &str| {
        let theirs = peer(&[open, keyset, "", sealed, &opened]).0;
        (theirs, ours(&shop, "decrypt", &ring, sealed, &shop.at("opened-by-us")))
    };
    assert_eq!((verdicts(&keyset, &first), verdicts(&keyset, &second)), ((0, 0), (0, 0)));

    shop.keyring(&["retire", &old], &ring);
    let keyset = shop.export(&ring);
    assert_eq!(tink(&["show", &keyset]), format!("{old} DISABLED\n{new} ENABLED\n"));
    assert_eq!((verdicts(&keyset, &first), verdicts(&keyset, &second)), ((7, 7), (0, 0)));

    shop.keyring(&["restore", &old], &ring);
    assert_eq!(verdicts(&shop.export(&ring), &first), (0, 0));
    same(&plain, &opened);

    shop.keyring(&["promote", &old], &ring);
    assert_eq!(read(&shop.export(&ring))["primaryKeyId"].to_string(), old);
    shop.keyring(&["promote", &new], &ring);

    shop.keyring(&["destroy", &old], &ring);
    let keyset = shop.export(&ring);
    assert_eq!(tink(&["show", &keyset]), format!("{new} ENABLED\n"), "a destroyed key is not given out");
    assert_eq!((verdicts(&keyset, &first), verdicts(&keyset, &second)), ((7, 7), (0, 0)));
}

#[test]
fn a_rotated_keyring_s_old_streams_open_with_tink_until_their_key_is_retired_or_destroyed() {
    if have(PYTHON) {
        a_life_of_keys(&["--segment", "4k"], ("seal", "open"), &|shop, verb, ring, from, to| {
            shop.file(verb, ring, "", from, to).status.code().unwrap()
        });
    }
}

#[test]
fn a_rotated_keyring_s_old_messages_open_with_tink_until_their_key_is_retired_or_destroyed() {
    if have(PYTHON) {
        a_life_of_keys(&["--type", "aead"], ("encrypt", "decrypt"), &|shop, verb, ring, from, to| {
            shop.data(verb, ring, "", from, to)
        });
    }
}

#[test]
fn keys_that_another_program_disabled_or_destroyed_are_taken_as_such() {
    if !have(PYTHON) {
        return;
    }
    let shop = Shop::new();
    let parts = ["one", "two", "three"].map(|name| {
        let keyset = shop.at(name);
        tink(&["new", "AES256_GCM", &keyset]);
        read(&keyset)["key"][0].clone()
    });
    let [enabled, mut disabled, mut destroyed] = parts;
    disabled["status"] = "DISABLED".into();
    destroyed["status"] = "DESTROYED".into();
    destroyed.as_object_mut().unwrap().remove("keyData");
    let keyset = shop.at("all");
    let all = json!({ "primaryKeyId": enabled["keyId"], "key": [enabled, disabled, destroyed] });
    write_private(&keyset, all.to_string().as_bytes());
    let ids = [&enabled, &disabled, &destroyed].map(|key| key["keyId"].to_string());
    let states = format!("{} ENABLED\n{} DISABLED\n{} DESTROYED\n", ids[0], ids[1], ids[2]);
    assert_eq!(tink(&["show", &keyset]), states);

    let ring = shop.import(&keyset);
    let list: Value = serde_json::from_str(&shop.keyring(&["list", "--json"], &ring)).unwrap();
    let state = |id: &String| {
        let keys = list["keys"].as_array().unwrap();
        keys.iter().find(|key| key["id"] == id.as_str()).unwrap()["status"].clone()
    };
    assert_eq!(ids.each_ref().map(state), [json!("enabled"), json!("retired"), json!("destroyed")]);
    messages_go_both_ways(&shop, &ring, &keyset, "");
    assert_eq!(tink(&["show", &shop.export(&ring)]), format!("{} ENABLED\n{} DISABLED\n", ids[0], ids[1]));
}
