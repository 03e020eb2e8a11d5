//! Nodes of two trust domains, each with an authority of its own: what a bundle lets in, what it does not, and its end.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod support;

use dwcp_channel::{DialError, RejectionKind};
use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::Command;
use support::{
    Line, PATIENCE, Place, assert_three_lines, echo, eventually, free_port, have, ok, refused, text,
};

const OURS: &str = "test.example";
const THEIRS: &str = "partner.example";

/// A node of each trust domain, not started yet; ours lets nodes of both in.
fn two() -> (Place, Place) {
    let (ours, theirs) = (Place::of(OURS), Place::of(THEIRS));
    echo(ours.target);
    ours.edit(
        "- \"spiffe://test.example/node/*\"",
        "- \"spiffe://test.example/node/*\"\n        - \"spiffe://partner.example/node/*\"\n        - \"dns:*.test.example\"",
    );
    (ours, theirs)
}

/// Writes the bundle of `of`'s trust domain into the configuration of `place`.
fn federate(place: &Place, own: &str, of: &Place, domain: &str) {
    let list = text(&of.path("list.crl"));
    ok(&["cert", "crl", "--ca", &of.node("ca"), "--out", &list]);
    place.edit(
        &format!("  trust_domain: \"{own}\"\n"),
        &format!("  trust_domain: \"{own}\"\n{}", bundle(domain, &of.node("ca/ca.crt"), &list)),
    );
}

fn bundle(domain: &str, roots: &str, list: &str) -> String {
    format!("  trust_bundles:\n    - {{trust_domain: {domain}, ca_file: '{roots}', crl_file: '{list}'}}\n")
}

/// Issues a certificate with these names from the authority of `place`; gives the prefix of its files.
fn issue(place: &Place, file: &str, names: &[&str]) -> String {
    let (ca, out) = (place.node("ca"), text(&place.path(file)));
    let names: Vec<&str> = names.iter().flat_map(|name| ["--san", *name]).collect();
    ok(&[&["cert", "issue", "--ca", &ca, "--out", &out][..], &names].concat());
    out
}

/// The lines of the audit log of the node in `place` that have all these words.
fn recorded(place: &Place, words: &[&str]) -> Vec<String> {
    let log = fs::read_to_string(place.node("audit/log-000000000001.jsonl")).unwrap_or_default();
    let lines = log.lines().filter(|line| words.iter().all(|word| line.contains(word)));
    lines.map(str::to_owned).collect()
}

fn assert_recorded(place: &Place, words: &[&str]) {
    eventually(PATIENCE, &format!("{words:?} on record"), || !recorded(place, words).is_empty());
}

/// A line to our service as the holder of a certificate, or why there is none; `None` where it broke after the dial.
fn dial(ours: &Place, who: &str) -> Result<Line, Option<DialError>> {
    let mut line = Line::dial(ours, ours.listen, Some(who)).map_err(Some)?;
    line.echo(b"who is there").map_err(|_| None).map(|()| line)
}

#[test]
fn federated_nodes_talk_and_neither_authority_speaks_for_the_other() {
    let (ours, theirs) = two();
    let out = SocketAddr::from(([127, 0, 0, 1], free_port()));
    federate(&ours, OURS, &theirs, THEIRS);
    federate(&theirs, THEIRS, &ours, OURS);
    let dialer = format!(
        "  dialers: [{{name: out, listen: '{out}', remote: '{}', expect: ['spiffe://test.example/node/a']}}]",
        ours.listen
    );
    theirs.edit("  dialers: []", &dialer);
    let (_first, _second) = (ours.up(), theirs.up());

    // From a plain client of theirs through both nodes to our service and back.
    let mut stream = TcpStream::connect(out).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.write_all(b"across").unwrap();
    let mut back = [0; 6];
    stream.read_exact(&mut back).unwrap();
    assert_eq!(&back, b"across");
    assert_recorded(&ours, &["\"tls_connection\"", "spiffe://partner.example/node/a"]);

    // Their authority certifies one of our names: refused, and the log says why.
    let minted = issue(&theirs, "minted", &["URI:spiffe://test.example/node/minted"]);
    assert!(dial(&ours, &minted).is_err());
    let why = "the certificate is of the trust domain test.example, and the anchor of its chain is for partner.example";
    assert_recorded(
        &ours,
        &["\"auth_failure\"", "tls.certificate.wrong_name", "pki.chain.trust_domain", why],
    );
    // A name of our own network, alone or beside a good identity, is no name under their authority.
    let named = issue(&theirs, "named", &["DNS:db.test.example"]);
    assert!(dial(&ours, &named).is_err());
    assert_recorded(&ours, &["the certificate has no SPIFFE ID", "is for partner.example"]);
    let both = issue(&theirs, "both", &["URI:spiffe://partner.example/other", "DNS:db.test.example"]);
    match dial(&ours, &both) {
        Err(Some(DialError::Refused { rejection, .. })) => assert_eq!(rejection.kind, RejectionKind::Policy),
        other => panic!("it is not refused by policy: {:?}", other.err()),
    }
    // Ours certifies theirs: no better. And ours with such a name comes in.
    let borrowed = issue(&ours, "borrowed", &["URI:spiffe://partner.example/node/b"]);
    assert!(dial(&ours, &borrowed).is_err());
    assert_recorded(&ours, &["trust domain partner.example", "is for test.example"]);
    let own = issue(&ours, "own", &["DNS:db.test.example"]);
    assert!(dial(&ours, &own).is_ok());
    assert_eq!(ours.check("certs", "certs.bundle.partner.example").0, "pass");
}

#[test]
fn a_bundle_comes_and_goes_with_a_reload_and_takes_its_peers_along() {
    let (ours, theirs) = two();
    let partner = issue(&theirs, "b", &["URI:spiffe://partner.example/node/b"]);
    let own = ours.issue("c");
    let node = ours.up();
    assert!(dial(&ours, &partner).is_err(), "nobody knows them yet");
    let before = fs::read_to_string(ours.config()).unwrap();

    federate(&ours, OURS, &theirs, THEIRS);
    node.signal("HUP");
    eventually(PATIENCE, "the bundle is in force", || dial(&ours, &partner).is_ok());
    let (mut live, mut kept) = (dial(&ours, &partner).unwrap(), dial(&ours, &own).unwrap());

    // A bundle that can not be read is not taken, and nothing of the reload is.
    let with = fs::read_to_string(ours.config()).unwrap();
    ours.edit(&theirs.node("ca/ca.crt"), &theirs.node("ca/none.crt"));
    node.signal("HUP");
    eventually(PATIENCE, "the reload is refused", || {
        ours.check("certs", "certs.reload").1.contains("none.crt")
    });
    live.echo(b"as before").unwrap();
    fs::write(ours.config(), with).unwrap();
    node.signal("HUP");
    eventually(PATIENCE, "it is taken", || ours.check("certs", "certs.reload").0.is_empty());
    assert_eq!(recorded(&ours, &["trust_contracted"]), [""; 0]);

    // A revocation of our own in between does not lose the bundle.
    let gone = ours.issue("gone");
    ok(&["cert", "revoke", "--ca", &ours.node("ca"), "--cert", &format!("{gone}.crt")]);
    eventually(PATIENCE, "the revoked one is out", || dial(&ours, &gone).is_err());
    eventually(PATIENCE, "a new list is in force", || recorded(&ours, &["\"crl_published\""]).len() > 1);
    live.echo(b"still here").unwrap();
    assert!(dial(&ours, &partner).is_ok());

    fs::write(ours.config(), before).unwrap();
    node.signal("HUP");
    assert_recorded(
        &ours,
        &["\"trust_contracted\"", "pki.trust.contracted", "\"trust_domains\":\"partner.example\""],
    );
    eventually(PATIENCE, "their connections were given notice", || {
        let reloads = recorded(&ours, &["\"config_reloaded\""]);
        reloads.last().is_some_and(|last| !last.contains("\"no_longer_allowed\":\"0\""))
    });
    assert!(dial(&ours, &partner).is_err());
    live.echo(b"what is under way may end").unwrap();
    live.close().unwrap();
    kept.echo(b"ours stays").unwrap();
    assert_eq!(ours.check("certs", "certs.bundle.partner.example"), Default::default());
}

#[test]
fn further_roots_and_their_lists_come_and_go_with_a_reload() {
    let (ours, other) = (Place::of(OURS), Place::of(OURS));
    echo(ours.target);
    let node = ours.up();
    let before = fs::read_to_string(ours.config()).unwrap();
    let [one, two] = ["one", "two"].map(|who| issue(&other, who, &["URI:spiffe://test.example/node/z"]));
    assert!(dial(&ours, &one).is_err(), "nobody knows their root yet");

    let list = text(&other.path("list.crl"));
    let publish = || ok(&["cert", "crl", "--ca", &other.node("ca"), "--out", &list]);
    let alone = format!("    ca_file: '{}'\n    pq: prefer", other.node("ca/ca.crt"));
    ours.edit("    pq: prefer", &alone);
    node.signal("HUP");
    eventually(PATIENCE, "the root without a list is named", || {
        let (status, reason) = ours.check("certs", "certs.revocation");
        status == "warn" && reason.contains("no revocation list is of the root")
    });
    fs::write(ours.config(), &before).unwrap();
    publish();
    let files = format!("    ca_file: '{}'\n    crl_file: '{list}'\n    pq: prefer", other.node("ca/ca.crt"));
    ours.edit("    pq: prefer", &files);
    node.signal("HUP");
    eventually(PATIENCE, "the root is in force", || dial(&ours, &one).is_ok());

    ok(&["cert", "revoke", "--ca", &other.node("ca"), "--cert", &format!("{one}.crt")]);
    publish();
    node.signal("HUP");
    eventually(PATIENCE, "the list is in force", || dial(&ours, &one).is_err());
    assert!(dial(&ours, &two).is_ok());

    fs::write(ours.config(), before).unwrap();
    node.signal("HUP");
    assert_recorded(&ours, &["\"trust_contracted\"", "pki.trust.contracted"]);
    assert!(dial(&ours, &two).is_err());
}

#[test]
fn a_check_says_what_a_start_would_say() {
    let (ours, other) = (Place::of(OURS), Place::of(OURS));
    ours.edit("provider: embedded", "provider: manual");
    ours.edit("    pq: prefer", &format!("    ca_file: '{}'\n    pq: prefer", other.node("ca/ca.crt")));
    let own = issue(&ours, "own", &["URI:spiffe://test.example/node/a", "DNS:localhost"]);
    ours.edit("    ca_file", &format!("    cert_file: {own}.crt\n    key_file: {own}.key\n    ca_file"));
    let (code, checked) = refused(&["config", "check", "--files", &ours.config()]);
    assert!(code == 3 && checked.contains("does not lead to a trusted anchor"), "{checked}");
    let (code, started) = refused(&["up", "--config", &ours.config()]);
    assert!(code == 3 && started.ends_with(&checked), "{started}");
}

/// Revocation is not checked for the own root, which has no list, and it is for the partner's, which has one.
#[test]
fn with_files_of_another_tool_a_bundles_list_counts_beside_roots_without_one() {
    let (ours, theirs) = (Place::of(OURS), Place::of(THEIRS));
    echo(ours.target);
    let own = issue(&ours, "own", &["URI:spiffe://test.example/node/a", "DNS:localhost", "IP:127.0.0.1"]);
    let peer = ours.issue("c");
    let partner = issue(&theirs, "b", &["URI:spiffe://partner.example/node/b"]);
    let gone = issue(&theirs, "gone", &["URI:spiffe://partner.example/node/gone"]);
    ok(&["cert", "revoke", "--ca", &theirs.node("ca"), "--cert", &format!("{gone}.crt")]);
    let list = text(&theirs.path("list.crl"));
    ok(&["cert", "crl", "--ca", &theirs.node("ca"), "--out", &list]);
    let (listen, admin, target, ca) = (ours.listen, ours.admin, ours.target, ours.node("ca/ca.crt"));
    let with = bundle(THEIRS, &theirs.node("ca/ca.crt"), &list);
    // Name and trust domain are the certificate's.
    let config = format!(
        "node:\n  admin: {{listen: '{admin}'}}\n{with}  listeners:\n    - {{name: in, listen: '{listen}', target: '{target}', \
         allow: ['spiffe://test.example/node/*', 'spiffe://partner.example/node/*']}}\n\
         security:\n  tls: {{cert_file: '{own}.crt', key_file: '{own}.key', ca_file: '{ca}'}}\n"
    );
    fs::write(ours.config(), &config).unwrap();
    let node = ours.up();
    assert!(dial(&ours, &peer).is_ok() && dial(&ours, &partner).is_ok());
    assert!(dial(&ours, &gone).is_err());
    assert_recorded(&ours, &["tls.certificate.revoked"]);
    assert_eq!(ours.check("certs", "certs.bundle.partner.example").0, "pass");
    assert_eq!(ours.check("certs", "certs.revocation").0, "warn");
    assert!(dial(&ours, &issue(&ours, "borrowed", &["URI:spiffe://partner.example/node/x"])).is_err());
    fs::write(ours.config(), config.replace(&with, "")).unwrap();
    node.signal("HUP");
    eventually(PATIENCE, "the bundle is gone", || dial(&ours, &partner).is_err());
    assert_recorded(&ours, &["\"trust_contracted\"", "partner.example"]);
    assert!(dial(&ours, &peer).is_ok());
}

#[test]
fn a_bundle_that_makes_no_sense_is_refused_with_three_lines() {
    let place = Place::of(OURS);
    let theirs = Place::of(THEIRS);
    let list = text(&theirs.path("list.crl"));
    ok(&["cert", "crl", "--ca", &theirs.node("ca"), "--out", &list]);
    let good = fs::read_to_string(place.config()).unwrap();
    let (roots, key) = (theirs.node("ca/ca.crt"), theirs.node("ca/ca.key"));
    let one = bundle(THEIRS, &roots, &list);
    let twice = one.clone() + one.lines().last().unwrap() + "\n";
    let own_list = text(&place.path("own.crl"));
    ok(&["cert", "crl", "--ca", &place.node("ca"), "--out", &own_list]);
    // In the name of an authority below a root, whoever's it is: beside a good list, and one too many of those.
    let below = text(&place.path("below.crl"));
    ok(&["cert", "ca", "init", "--dir", &place.node("rack"), "--name", "Rack"]);
    ok(&["cert", "crl", "--ca", &place.node("rack"), "--out", &below]);
    let pem = fs::read_to_string(&list).unwrap();
    fs::write(&below, pem.clone() + &fs::read_to_string(&below).unwrap()).unwrap();
    let many = text(&place.path("many.crl"));
    fs::write(&many, pem.repeat(1_025)).unwrap();
    let most = text(&place.path("most.crl"));
    fs::write(&most, pem.repeat(1_024)).unwrap();
    let leaf = issue(&theirs, "leaf", &["URI:spiffe://partner.example/node/b"]) + ".crt";
    let missing = theirs.node("missing.crt");
    for (written, code, word) in [
        (bundle(OURS, &roots, &list), 3, "this node's own trust domain"),
        (twice, 3, "is there twice"),
        (bundle("Partner.Example", &roots, &list), 3, "is no trust domain"),
        (bundle("'spiffe://partner.example'", &roots, &list), 3, "is no trust domain"),
        (one.replace("ca_file", "cafile"), 3, "ca_file"),
        (bundle(THEIRS, &key, &list), 3, "not readable as such"),
        (bundle(THEIRS, &leaf, &list), 3, "not the certificate of an authority"),
        (bundle(THEIRS, &roots, &roots), 3, "not readable as such"),
        (bundle(THEIRS, &roots, &own_list), 3, "which no root in the bundle's ca_file signed"),
        (bundle(THEIRS, &roots, &below), 3, "has a list of CN=Rack, which no root"),
        (bundle(THEIRS, &roots, &many), 3, "the file has more than 1024 lists"),
        (bundle(THEIRS, &missing, &list), 1, "missing.crt"),
    ] {
        fs::write(place.config(), &good).unwrap();
        place.edit(
            "  trust_domain: \"test.example\"\n",
            &format!("  trust_domain: \"test.example\"\n{written}"),
        );
        let (exit, said) = refused(&["config", "check", "--files", &place.config()]);
        assert_three_lines(&said);
        assert!(exit == code && said.contains(word), "{written}: {exit}: {said}");
    }
    fs::write(place.config(), &good).unwrap();
    place.edit(
        "  trust_domain: \"test.example\"\n",
        &format!("  trust_domain: \"test.example\"\n{}", bundle(THEIRS, &roots, &most)),
    );
    let (_, said) = refused(&["config", "check", "--files", &place.config()]);
    assert!(!said.contains("more than 1024 lists"), "{said}");
    fs::write(place.config(), &good).unwrap();
    place.edit("    pq: prefer", "    profile: strict\n    pq: prefer");
    let (exit, said) = refused(&["config", "check", &place.config()]);
    assert_three_lines(&said);
    assert!(exit == 3 && said.contains("`strict` is no profile"), "{said}");

    // The own trust domain is the certificate's where none is written.
    fs::write(place.config(), &good).unwrap();
    place.edit("  trust_domain: \"test.example\"\n", &bundle(OURS, &roots, &list));
    ok(&["config", "check", &place.config()]);
    let (exit, said) = refused(&["config", "check", "--files", &place.config()]);
    assert_three_lines(&said);
    assert!(exit == 3 && said.contains("this node's own trust domain"), "{said}");

    // And one that does; without its list it is warned about, and so is a file that is not there yet.
    fs::write(place.config(), &good).unwrap();
    let without = one.replace(&format!(", crl_file: '{list}'"), "").replace(&roots, &missing);
    place.edit("  trust_domain: \"test.example\"\n", &format!("  trust_domain: \"test.example\"\n{without}"));
    let said = ok(&["config", "check", &place.config()]);
    assert!(said.contains("node.trust_bundles[partner.example].crl_file is not set"), "{said}");
    assert!(said.contains("missing.crt does not exist yet"), "{said}");
}

#[test]
fn a_certificate_of_another_trust_domain_than_the_configurations_is_refused_at_the_start() {
    let place = Place::of(OURS);
    place.edit("trust_domain: \"test.example\"", "trust_domain: \"other.example\"");
    let (exit, said) = refused(&["up", "--config", &place.config()]);
    assert_three_lines(&said);
    assert!(exit == 3 && said.contains("node.trust_domain") && said.contains("test.example"), "{said}");
}

#[test]
fn a_root_that_breaks_the_profile_is_named_by_health_until_the_profile_is_another() {
    if !have("openssl") {
        return;
    }
    let place = Place::of(OURS);
    let root = place.node("odd.crt");
    let made = Command::new("openssl")
        .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"])
        .args(["-subj", "/CN=Odd Root", "-days", "30", "-addext", "extendedKeyUsage=serverAuth,clientAuth"])
        .args(["-keyout", &place.node("odd.key"), "-out", &root])
        .output()
        .unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    place.edit("    pq: prefer", "    ca_file: odd.crt\n    pq: prefer");
    let said = ok(&["config", "check", "--files", &place.config()]);
    assert!(said.contains("Odd Root") && said.contains("security.tls.profile: interop"), "{said}");
    let node = place.up();
    let (status, reason) = place.check("certs", "certs.anchors");
    assert!(status == "warn" && reason.contains("Odd Root") && reason.contains("profile mesh"), "{reason}");
    place.edit("    pq: prefer", "    profile: interop\n    pq: prefer");
    node.signal("HUP");
    eventually(PATIENCE, "the profile is in force", || place.check("certs", "certs.anchors").0 == "pass");
}
