//! Certificates that listeners show besides the node's own: chosen by name, adopted whole, watched, and never an identity.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod support;

use serde_json::Value;
use std::fs;
use support::foreign::{Foreign, IDS, ROOT};
use support::{PATIENCE, Place, assert_three_lines, dwcp, eventually, have, ok, refused};

/// A node with these entries of `security.tls.certificates`.
fn place(entries: &str) -> Place {
    let place = Place::new();
    place.edit("    pq: prefer ", &format!("    certificates: [{entries}]\n    pq: prefer "));
    place
}

/// A server certificate of the node's authority for these DNS names, as `NAME.crt` and `NAME.key` in the node's directory.
fn issue(place: &Place, name: &str, dns: &[&str]) {
    let (ca, out) = (place.node("ca"), place.node(name));
    for end in ["crt", "key", "csr"] {
        let _ = fs::remove_file(format!("{out}.{end}"));
    }
    let sans: Vec<String> = dns.iter().map(|dns| format!("DNS:{dns}")).collect();
    let mut arguments = vec!["cert", "issue", "--ca", &ca, "--usage", "server", "--out", &out];
    sans.iter().for_each(|san| arguments.extend(["--san", san]));
    ok(&arguments);
}

/// The exit code, and the serial that the admin listener shows to a client that trusts `ca` and asks for `name`.
fn shown(place: &Place, ca: &str, name: &str, more: &[&str]) -> (i32, String) {
    let admin = place.admin.to_string();
    let fixed = ["--json", "tls", "handshake", &admin, "--ca", ca, "--server-name", name];
    let output = dwcp(&[&fixed[..], more].concat());
    let report: Value = serde_json::from_slice(&output.stdout).unwrap_or(Value::Null);
    (output.status.code().unwrap(), report["chain"][0]["serial"].as_str().unwrap_or_default().to_owned())
}

fn serial(file: &str) -> String {
    let shown: Value = serde_json::from_str(&ok(&["--json", "cert", "show", file])).unwrap();
    shown["serial"].as_str().unwrap().to_owned()
}

fn status(place: &Place) -> Value {
    serde_json::from_str(&ok(&["--json", "tls", "status", "--config", &place.config()])).unwrap()
}

fn metrics(place: &Place) -> String {
    place.ask("GET /metrics HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
}

#[test]
fn a_name_brings_its_certificate_and_a_reload_adopts_a_set_whole_or_not_at_all() {
    let place = place("{cert_file: web.crt, key_file: web.key}");
    // What a reload alone takes is seen where nothing else does.
    place.edit("    auto_renew: true ", "    watch: false\n    auto_renew: true ");
    issue(&place, "web", &["web.example", "*.web.example"]);
    let node = place.up();
    let ca = place.node("ca/ca.crt");
    let (own, first) = (serial(&place.node("identity.crt")), serial(&place.node("web.crt")));
    assert_eq!(shown(&place, &ca, "localhost", &[]), (0, own));
    assert_eq!(shown(&place, &ca, "web.example", &[]), (0, first.clone()));
    assert_eq!(shown(&place, &ca, "a.web.example", &[]), (0, first.clone()));
    let told = &status(&place)["certificates"][0];
    assert_eq!((&told["name"], &told["kind"]), (&"web".into(), &"mesh".into()), "{told}");
    assert_eq!((&told["serial"], &told["names"][0]), (&first.clone().into(), &"DNS:web.example".into()));
    let expiry = "dwcp_certificate_expiry_seconds{name=\"web\"} 8";
    assert!(metrics(&place).contains(expiry), "{}", metrics(&place));
    assert_eq!(place.check("certs", "certs.further.web").0, "pass");

    // One good and one bad: nothing of it is taken, and what was there still serves.
    let (cert, key) = (fs::read(place.node("web.crt")).unwrap(), fs::read(place.node("web.key")).unwrap());
    issue(&place, "web", &["web.example"]);
    issue(&place, "bad", &["bad.example"]);
    fs::write(place.node("bad.key"), &key).unwrap();
    place.edit("web.key}]", "web.key}, {cert_file: bad.crt, key_file: bad.key}]");
    let (code, said) = refused(&["config", "check", "--files", &place.config()]);
    assert_three_lines(&said);
    assert!(code == 3 && said.contains("bad.crt"), "{code} {said}");
    node.signal("HUP");
    eventually(PATIENCE, "the refusal shows", || place.check("certs", "certs.reload").1.contains("bad.crt"));
    assert_eq!(shown(&place, &ca, "a.web.example", &[]), (0, first.clone()));

    // Mended, the set is adopted: a rotation, a name more.
    issue(&place, "bad", &["bad.example"]);
    node.signal("HUP");
    eventually(PATIENCE, "it is adopted", || place.check("certs", "certs.reload").0.is_empty());
    let second = serial(&place.node("web.crt"));
    assert_ne!(first, second);
    assert_eq!(shown(&place, &ca, "web.example", &[]), (0, second));
    assert_eq!(shown(&place, &ca, "bad.example", &[]).0, 0);
    let told = metrics(&place);
    assert!(told.contains("dwcp_certificate_rotations_total{name=\"web\"} 1"), "{told}");

    // Taken out again: neither shown nor told.
    place.edit(", {cert_file: bad.crt, key_file: bad.key}]", "]");
    fs::write(place.node("web.crt"), &cert).unwrap();
    fs::write(place.node("web.key"), &key).unwrap();
    node.signal("HUP");
    eventually(PATIENCE, "it is gone", || place.check("certs", "certs.further.bad").0.is_empty());
    assert_eq!(shown(&place, &ca, "bad.example", &[]).0, 7);
    assert!(!metrics(&place).contains("dwcp_certificate_expiry_seconds{name=\"bad\"}"));
    assert_eq!(shown(&place, &ca, "web.example", &[]), (0, first));
}

#[test]
fn beside_an_embedded_authority_further_certificates_and_bundles_are_followed() {
    let place = place("{cert_file: web.crt, key_file: web.key}");
    let partner = Place::of("partner.example");
    let bundle = place.node("partner.pem");
    fs::copy(partner.node("ca/ca.crt"), &bundle).unwrap();
    place
        .edit("node:\n", "node:\n  trust_bundles: [{trust_domain: partner.example, ca_file: partner.pem}]\n");
    issue(&place, "web", &["web.example"]);
    let _node = place.up();
    let ca = place.node("ca/ca.crt");
    let own = serial(&place.node("identity.crt"));
    let shows = |wanted: &str| {
        eventually(PATIENCE, "the new certificate is shown", || {
            shown(&place, &ca, "web.example", &[]) == (0, wanted.to_owned())
        });
    };
    for _ in 0..3 {
        issue(&place, "web", &["web.example"]);
        shows(&serial(&place.node("web.crt")));
    }
    let good = serial(&place.node("web.crt"));
    // A bundle that is none keeps the certificate beside it from being taken, and says so.
    fs::write(&bundle, "no certificates at all").unwrap();
    eventually(PATIENCE, "it is an alarm", || {
        let (status, reason) = place.check("certs", "certs.files");
        status == "warn" && reason.contains("partner.pem")
    });
    assert!(metrics(&place).contains("dwcp_files_not_loaded{role=\"trust\"} 1"), "{}", metrics(&place));
    issue(&place, "web", &["web.example"]);
    eventually(PATIENCE, "both are told", || place.check("certs", "certs.files").1.contains("web.crt"));
    assert_eq!(shown(&place, &ca, "web.example", &[]), (0, good));
    fs::copy(partner.node("ca/ca.crt"), &bundle).unwrap();
    shows(&serial(&place.node("web.crt")));
    eventually(PATIENCE, "all is well", || place.check("certs", "certs.files").0 == "pass");
    assert!(metrics(&place).contains("dwcp_files_not_loaded{role=\"trust\"} 0"));
    assert_eq!(shown(&place, &ca, "localhost", &[]), (0, own), "the identity is its provider's");
}

#[test]
fn a_protocol_has_a_certificate_of_its_own_and_dialers_never_show_one() {
    let place = place(
        "{cert_file: all.crt, key_file: all.key}, {cert_file: http.crt, key_file: http.key, protocols: [http/1.1]}",
    );
    issue(&place, "all", &["web.example"]);
    issue(&place, "http", &["web.example"]);
    let _node = place.up();
    let ca = place.node("ca/ca.crt");
    let of = |name: &str| serial(&place.node(name));
    assert_eq!(shown(&place, &ca, "web.example", &["--alpn", "http/1.1"]), (0, of("http.crt")));
    // Nodes speak dwcp/1: theirs is the one for all.
    let (who, listen) = (place.issue("b"), place.listen.to_string());
    let (cert, key) = (format!("{who}.crt"), format!("{who}.key"));
    let fixed = ["--json", "tls", "handshake", &listen, "--ca", &ca, "--server-name", "web.example"];
    let output = dwcp(&[&fixed[..], &["--cert", &cert, "--key", &key]].concat());
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["chain"][0]["serial"], of("all.crt"), "{report}");
}

#[test]
fn a_public_certificate_is_shown_to_strangers_and_is_no_identity_of_a_node_that_dials() {
    if !have("openssl") {
        return;
    }
    let made = Foreign::new();
    made.party("root", "/CN=Web Root", None, &format!("{ROOT}\nsubjectKeyIdentifier=hash"), &[]);
    let leaf = "keyUsage=critical,digitalSignature\nextendedKeyUsage=serverAuth\nsubjectAltName=DNS:shop.example\ncertificatePolicies=2.23.140.1.2.1";
    made.party("shop", "/CN=shop", Some("root"), &format!("{leaf}\n{IDS}"), &[]);
    let at = |name: &str| made.0.path(name);
    let (cert, key, root) = (at("shop.crt"), at("shop.key"), at("root.crt"));
    let (cert, key, root) = (cert.to_str().unwrap(), key.to_str().unwrap(), root.to_str().unwrap());
    ok_chmod(key);
    let place = place(&format!("{{cert_file: '{cert}', key_file: '{key}', kind: public}}"));
    let node = place.up();
    let interop = ["--profile", "interop"];
    assert_eq!(shown(&place, root, "shop.example", &interop), (0, serial(cert)));
    assert_eq!(status(&place)["certificates"][0]["kind"], "public");
    drop(node);
    // As one of the mesh it leads nowhere.
    place.edit("kind: public", "kind: mesh");
    let (code, said) = refused(&["config", "check", "--files", &place.config()]);
    assert_three_lines(&said);
    assert!(
        code == 3 && said.contains("security.tls.certificates[shop]") && said.contains("kind: public"),
        "{said}"
    );

    let config = place.path("manual.yaml");
    let text = |dialers: &str| {
        format!(
            "node: {{dialers: [{dialers}]}}\nsecurity:\n  tls: {{cert_file: '{cert}', key_file: '{key}', ca_file: '{root}', profile: interop}}\n"
        )
    };
    let config = config.to_str().unwrap();
    fs::write(config, text("")).unwrap();
    ok(&["config", "check", "--files", config]);
    fs::write(config, text("{name: out, listen: '127.0.0.1:1', remote: 'a:1'}")).unwrap();
    for verb in [&["config", "check", "--files", config][..], &["up", "--config", config]] {
        let (code, said) = refused(verb);
        assert!(
            code == 3 && said.contains("public authority") && said.contains("CA/Browser Forum"),
            "{said}"
        );
    }
}

/// Keys for the owner alone.
fn ok_chmod(path: &str) {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
}

#[test]
fn an_entry_that_could_never_be_shown_is_refused_with_key_why_and_fix() {
    for (entry, key, why) in [
        ("{cert_file: a.crt, key_file: a.key, kind: own}", "certificates[a].kind", "`own` is no kind"),
        (
            "{cert_file: a.crt, key_file: a.key, protocols: [h2]}",
            "certificates[a].protocols",
            "`h2` is chosen by no",
        ),
        (
            "{cert_file: a.crt, key_file: a.key, protocols: []}",
            "certificates[a].protocols",
            "names no protocol",
        ),
        (
            "{cert_file: a.crt, key_file: a.key}, {cert_file: b/a.crt, key_file: a.key}",
            "certificates[a].name",
            "taken",
        ),
        ("{cert_file: 'a b.crt', key_file: a.key}", "certificates[].name", "no plain name"),
        ("{name: a, cert_file: x.crt, key_file: a.key}", "certificates[a].name", "node's own"),
        ("{cert_file: a.crt}", "security.tls", "key_file"),
    ] {
        let place = place(entry);
        // The node of this place is called a.
        if !entry.starts_with("{name: a") {
            place.edit("  name: \"a\"", "  name: \"n\"");
        }
        let (code, said) = refused(&["config", "check", &place.config()]);
        assert_three_lines(&said);
        assert!(code == 3 && said.contains(key) && said.contains(why), "{entry}: {code} {said}");
    }
    let place = place("{cert_file: node.crt, key_file: node.key}");
    let (ca, out) = (place.node("ca"), place.node("node"));
    ok(&["cert", "issue", "--ca", &ca, "--san", "URI:spiffe://test.example/node/z", "--out", &out]);
    let (code, said) = refused(&["config", "check", "--files", &place.config()]);
    assert!(code == 3 && said.contains("certificates[node]") && said.contains("no DNS name"), "{said}");
}
