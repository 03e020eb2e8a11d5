//! A node whose authority is sealed, or stands below a root.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]
#![allow(clippy::disallowed_methods, reason = "a deadline of a test is wall time")]
#![cfg(unix)]

mod support;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use support::web::publishing;
use support::{PATIENCE, Place, assert_three_lines, command, echo, eventually, have, ok, refused};

/// Writes a file of the node's directory with a mode.
fn write(place: &Place, name: &str, text: &str, mode: u32) {
    fs::write(place.node(name), text).unwrap();
    fs::set_permissions(place.node(name), fs::Permissions::from_mode(mode)).unwrap();
}

/// Puts lines below `embedded:`; gives what stood there before.
fn embedded(place: &Place, lines: &str) -> String {
    let before = fs::read_to_string(place.config()).unwrap();
    place.edit("      ca_dir: ca\n", &format!("      ca_dir: ca\n{lines}"));
    before
}

/// The exit code of `up`, and its three lines. A node that starts after all is a failure, not a wait.
#[track_caller]
fn up_refused(place: &Place) -> (i32, String) {
    let mut up = command().args(["up", "--config", &place.config()]).stderr(Stdio::piped()).spawn().unwrap();
    let end = Instant::now() + PATIENCE;
    while up.try_wait().unwrap().is_none() && Instant::now() < end {
        std::thread::sleep(Duration::from_millis(20));
    }
    // One that has ended is not there to be killed.
    let _ = up.kill();
    let output = up.wait_with_output().unwrap();
    let code = output.status.code().expect("the node started");
    let said = String::from_utf8(output.stderr).unwrap();
    let three = said[said.find("error: ").unwrap()..].to_owned();
    assert_three_lines(&three);
    (code, three)
}

#[test]
fn a_sealed_authority_opens_with_its_passphrase_file_alone() {
    let place = Place::new();
    let clear = fs::read_to_string(place.node("ca/ca.key")).unwrap();
    write(&place, "pass", "seven rusty bridges over the Elbe\n", 0o600);
    write(&place, "wrong", "eleven copper kettles in the attic\n", 0o600);
    write(&place, "open", "seven rusty bridges over the Elbe\n", 0o640);
    write(&place, "empty", "\n", 0o600);

    // What lies in clear is not taken for sealed.
    let plain = embedded(&place, "      passphrase_file: pass\n");
    let (code, said) = up_refused(&place);
    assert!(code == 3 && said.contains("is not sealed") && said.contains("remove passphrase_file"), "{said}");
    ok(&["cert", "ca", "seal", "--dir", &place.node("ca"), "--passphrase-file", &place.node("pass")]);
    assert_ne!(fs::read_to_string(place.node("ca/ca.key")).unwrap(), clear);

    fs::write(place.config(), &plain).unwrap();
    let (code, said) = up_refused(&place);
    assert!(code == 3 && said.contains("is sealed") && said.contains("embedded.passphrase_file"), "{said}");
    for (lines, expected, told) in [
        ("      passphrase_file: wrong\n", 7, "not opened"),
        ("      passphrase_file: open\n", 3, "open to others"),
        ("      passphrase_file: missing\n", 1, "can not read"),
        ("      passphrase_file: empty\n", 3, "empty"),
        ("      passphrase_file: ca\n", 1, "not a regular file"),
        ("      key_file: pass\n", 3, "no key"),
        ("      passphrase_file: pass\n      key_file: pass\n", 3, "remove the one"),
    ] {
        embedded(&place, lines);
        let (code, said) = up_refused(&place);
        assert!(code == expected && said.contains(told), "{lines}: {code} {said}");
        assert!(!said.contains("rusty") && !said.contains("kettles"), "at_p12: {said}");
        fs::write(place.config(), &plain).unwrap();
    }

    embedded(&place, "      passphrase_file: pass\n");
    ok(&["config", "check", "--files", &place.config()]);
    echo(place.target);
    let who = place.path("who").to_str().unwrap().to_owned();
    let issue = ["cert", "issue", "--ca", &place.node("ca"), "--san", "URI:spiffe://test.example/node/who"];
    ok(&[&issue[..], &["--out", &who, "--passphrase-file", &place.node("pass")]].concat());
    let mut node = place.up();
    let (status, reason) = place.check("security", "security.keys");
    assert!(status == "pass" && reason.contains("sealed"), "{reason}");
    let mut line = support::Line::dial(&place, place.listen, Some(&who)).unwrap();
    line.echo(b"in").unwrap();
    // Another passphrase file is another node: the reload is refused as a whole.
    place.edit("passphrase_file: pass", "passphrase_file: wrong");
    node.signal("HUP");
    eventually(PATIENCE, "the reload is refused", || {
        place.check("certs", "certs.reload").1.contains("restart")
    });
    // It revokes and publishes as any other.
    let revoke = ["cert", "revoke", "--ca", &place.node("ca"), "--cert", &format!("{who}.crt")];
    ok(&[&revoke[..], &["--passphrase-file", &place.node("pass")]].concat());
    let (_, end) = line.rest(Duration::from_secs(2));
    assert!(end.is_err_and(|error| error.kind() != std::io::ErrorKind::TimedOut), "cut within two seconds");
    assert!(node.lives());
}

#[test]
fn a_key_file_opens_what_it_sealed() {
    let place = Place::new();
    ok(&["cert", "ca", "seal", "--dir", &place.node("ca"), "--key-file", &place.node("kek")]);
    write(&place, "pass", "seven rusty bridges over the Elbe\n", 0o600);
    let plain = embedded(&place, "      passphrase_file: pass\n");
    assert_eq!(up_refused(&place).0, 7);
    fs::write(place.config(), &plain).unwrap();
    embedded(&place, "      key_file: kek\n");
    fs::set_permissions(place.node("kek"), fs::Permissions::from_mode(0o644)).unwrap();
    let (code, said) = up_refused(&place);
    assert!(code == 3 && said.contains("open to others"), "{said}");
    fs::set_permissions(place.node("kek"), fs::Permissions::from_mode(0o600)).unwrap();
    let _node = place.up();
    assert_eq!(place.health("live").0, 200);
}

#[test]
fn a_node_below_a_root_is_accepted_by_whoever_trusts_the_root_alone() {
    let place = Place::new();
    let web = publishing(&place);
    let (root, west) = (place.node("root"), place.node("west"));
    ok(&["cert", "ca", "init", "--dir", &root, "--name", "Root"]);
    ok(&["cert", "ca", "intermediate", "--ca", &root, "--dir", &west, "--name", "West"]);
    for name in ["identity.crt", "identity.key"] {
        fs::remove_file(place.node(name)).unwrap();
    }
    place.edit("      ca_dir: ca\n", "      ca_dir: west\n");
    let mut node = place.up();
    // Who is to say whether the authority itself was revoked, if not its root's list.
    let (status, reason) = place.check_over("certs", "certs.revocation", &format!("{root}/ca.crt"));
    assert!(status == "fail" && reason.contains("every peer is refused"), "{status} {reason}");
    node.signal("TERM");
    assert_eq!(node.wait(PATIENCE), 0);

    ok(&["cert", "crl", "--ca", &root, "--out", &place.node("root.crl")]);
    place.edit("    min_version: \"1.3\" ", "    crl_file: root.crl\n    min_version: \"1.3\" ");
    echo(place.target);
    let who = place.path("who").to_str().unwrap().to_owned();
    ok(&["cert", "issue", "--ca", &west, "--san", "URI:spiffe://test.example/node/who", "--out", &who]);
    node = place.up();
    let (status, reason) = place.check_over("certs", "certs.revocation", &format!("{root}/ca.crt"));
    assert_eq!(status, "pass", "{reason}");
    let (listen, root_file) = (place.listen.to_string(), format!("{root}/ca.crt"));
    let (cert, key) = (format!("{who}.crt"), format!("{who}.key"));
    let handshake = ["tls", "handshake", &listen, "--ca", &root_file, "--cert", &cert, "--key", &key];
    ok(&handshake);
    // Both lists, as a second node would have them: the one that the port serves, and the root's.
    let fetched = place.node("west.crl");
    fs::write(&fetched, support::web::get(web, "/pki/ca.crl", "").body).unwrap();
    assert_eq!(
        support::web::get(web, "/pki/ca.crt", "").body,
        dwcp_pki::Certificate::from_pem(&fs::read(format!("{west}/ca.crt")).unwrap()).unwrap().der()
    );
    if have("openssl") {
        let own = format!("{west}/ca.crt");
        let url = format!("http://{web}/pki/ocsp");
        let asked = [
            "ocsp",
            "-issuer",
            &own,
            "-cert",
            &cert,
            "-CAfile",
            &root_file,
            "-verify_other",
            &own,
            "-url",
            &url,
        ];
        let output = Command::new("openssl").args(asked).output().unwrap();
        let said =
            format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(said.contains(": good") && said.contains("Response verify OK"), "{said}");
        let admin = place.admin.to_string();
        let asked = ["s_client", "-connect", &admin, "-CAfile", &root_file, "-verify_return_error"];
        let output = Command::new("openssl").args(asked).stdin(Stdio::null()).output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(said.contains("Verify return code: 0 (ok)"), "{said}");
    }
    // A revocation by the authority, then one of the authority.
    ok(&["cert", "revoke", "--ca", &west, "--cert", &cert]);
    eventually(Duration::from_secs(2), "it is refused", || refused(&handshake).0 == 4);
    let other = place.path("other").to_str().unwrap().to_owned();
    ok(&["cert", "issue", "--ca", &west, "--san", "URI:spiffe://test.example/node/other", "--out", &other]);
    let (cert, key) = (format!("{other}.crt"), format!("{other}.key"));
    let handshake = ["tls", "handshake", &listen, "--ca", &root_file, "--cert", &cert, "--key", &key];
    ok(&handshake);
    ok(&["cert", "revoke", "--ca", &root, "--cert", &format!("{west}/ca.crt")]);
    ok(&["cert", "crl", "--ca", &root, "--out", &place.node("root.crl")]);
    // The file is read when the next list is signed: any revocation brings that about.
    ok(&["cert", "issue", "--ca", &west, "--san", "DNS:gone.example", "--out", &format!("{who}2")]);
    ok(&["cert", "revoke", "--ca", &west, "--cert", &format!("{who}2.crt")]);
    eventually(PATIENCE, "nothing of the authority is accepted", || refused(&handshake).0 == 4);
    assert!(node.lives());
}
