//! `dwcp cert validate`: what it takes, what it says of a chain that is accepted, and how it ends.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod support;

use dwcp_base::UnixTime;
use dwcp_pki::Certificate;
use serde_json::Value;
use std::process::Stdio;
use support::command;
use support::judged::{Files, object};

#[test]
fn a_path_is_told_from_the_leaf_to_the_anchor_with_what_holds_for_each() {
    let files = Files::mesh();
    let (text, json) = files.valid("leaf.crt --roots root/ca.crt --crl west.crl --purpose server");
    let lines: Vec<&str> = text.lines().collect();
    let leaf = &Certificate::bundle_from_pem(&files.read("leaf.crt")).unwrap()[0];
    for (line, parts) in lines[1..].iter().zip([
        &["  leaf  ", "CN=a.example.org", &leaf.serial().to_string(), "  covered"][..],
        &["  intermediate 1  ", "CN=West", "  not covered"],
        &["  anchor  ", "CN=Root"],
        &["  names  ", "DNS:a.example.org"],
    ]) {
        assert!(parts.iter().all(|part| line.contains(part)), "{line} has not all of {parts:?}");
    }
    assert!(lines[1].contains(&format!("{} to {}", leaf.not_before(), leaf.not_after())), "{text}");
    assert!(
        text.contains("  purpose         server\n  profile         mesh\n  at              20"),
        "{text}"
    );
    assert_eq!(*lines.last().unwrap(), "revocation: not covered");
    let path = json["path"].as_array().unwrap();
    let field = |name: &str| path.iter().map(|one| one[name].clone()).collect::<Vec<Value>>();
    assert_eq!(field("place"), ["leaf", "intermediate 1", "anchor"]);
    assert_eq!(field("revocation"), ["covered".into(), "not covered".into(), Value::Null]);
    assert_eq!(field("subject"), ["CN=a.example.org", "CN=West", "CN=Root"]);
    assert_eq!(path[0]["serial"], leaf.serial().to_string());
    assert_eq!(path[0]["pin"], leaf.key_pin().to_string());
    assert_eq!(path[0]["fingerprint"], dwcp_pki::inspect::hex(&leaf.fingerprint()));
    assert_eq!(path[0]["not_before"], leaf.not_before().to_string());
    assert_eq!(path[0]["not_after"], leaf.not_after().to_string());
    assert_eq!((&json["profile"], &json["purpose"]), (&"mesh".into(), &"server".into()));
    assert_eq!(
        (&json["revocation"], &json["spiffe_id"]),
        (&"not covered".into(), &"spiffe://example.org/a".into())
    );
    assert_eq!(
        json["names"],
        serde_json::json!(["DNS:a.example.org", "IP:192.0.2.7", "URI:spiffe://example.org/a"])
    );
    assert!(json["at"].as_str().and_then(UnixTime::parse_rfc3339).is_some(), "{json}");
}

#[test]
fn what_is_known_of_revocation_is_always_said() {
    let files = Files::mesh();
    for (lists, known) in [
        ("", "not checked"),
        ("--crl root.crl", "not covered"),
        ("--crl=root.crl --crl west.crl", "checked"),
        ("--crl root.crl --crl west.crl --crl-all", "checked"),
    ] {
        let (text, json) = files.valid(&format!("leaf.crt --roots root/ca.crt {lists}"));
        assert_eq!(text.lines().last().unwrap(), format!("revocation: {known}"));
        assert_eq!(json["revocation"], known);
    }
    // Several lists in one file, and the list of somebody else.
    files.write("both.crl", [files.read("root.crl"), files.read("west.crl")].concat());
    assert_eq!(files.valid("leaf.crt --roots root/ca.crt --crl both.crl").1["revocation"], "checked");
    files.ok("cert ca init --dir other --name Other");
    files.ok("cert crl --ca other --out other.crl");
    assert_eq!(files.valid("leaf.crt --roots root/ca.crt --crl other.crl").1["revocation"], "not covered");
}

#[test]
fn an_answer_of_the_responder_covers_a_certificate_or_refuses_it() {
    let files = Files::mesh();
    let leaf = "leaf.crt --roots root/ca.crt --crl root.crl --crl-all";
    files.refused(leaf, "pki.chain.crl_missing");
    files.ok("cert ocsp --ca west --cert leaf.crt --out good.ocsp");
    let (text, json) = files.valid(&format!("{leaf} --ocsp good.ocsp"));
    assert!(text.ends_with("revocation: checked\n") && json["path"][0]["revocation"] == "covered", "{text}");
    assert_eq!(files.valid("leaf.crt --roots root/ca.crt --ocsp good.ocsp").1["revocation"], "not covered");

    files.ok("cert issue --ca west --san DNS:b.example.org --out other");
    files.ok("cert ocsp --ca west --cert other.crt --out other.ocsp");
    files.refused(&format!("{leaf} --ocsp other.ocsp"), "pki.chain.status_response");
    files.refused(&format!("{leaf}{}", " --ocsp good.ocsp".repeat(17)), "pki.chain.status_response");
    files.write("huge.ocsp", vec![0x30; 65 << 10]);
    assert_eq!(files.fails(&format!("{leaf} --ocsp huge.ocsp")).0, 1);
    assert_eq!(files.fails(&format!("{leaf} --ocsp none.ocsp")).0, 1);

    files.ok("cert revoke --ca west --cert leaf.crt");
    files.ok("cert ocsp --ca west --cert leaf.crt --out gone.ocsp");
    let (first, _) = files.refused(&format!("{leaf} --ocsp gone.ocsp"), "pki.chain.revoked");
    assert!(first.contains("revoked"), "{first}");
    // An answer of before does not outvote the list.
    files.ok("cert crl --ca west --out west.crl");
    files.refused(&format!("{leaf} --crl west.crl --ocsp good.ocsp"), "pki.chain.revoked");
}

#[test]
fn certificates_come_in_pem_and_der_in_one_file_or_many() {
    let files = Files::mesh();
    let whole = Certificate::bundle_from_pem(&files.read("leaf.crt")).unwrap();
    let root = Certificate::bundle_from_pem(&files.read("root/ca.crt")).unwrap();
    let pem = String::from_utf8(files.read("leaf.crt")).unwrap();
    let key = String::from_utf8(files.read("leaf.key")).unwrap();
    files.write("leaf.der", whole[0].der());
    files.write("west.der", whole[1].der());
    files.write("root.der", root[0].der());
    files.write("both.der", [whole[0].der(), whole[1].der()].concat());
    files.write(
        "noisy.pem",
        format!("\u{feff}01 a comment\r\n \n{key}\t{}\r\n\r\n  end\n", pem.replace('\n', "\r\n")),
    );
    files.write("anchored.pem", [files.read("leaf.crt"), files.read("root/ca.crt")].concat());
    files.write("reversed.pem", format!("{}{}{}", whole[0].to_pem(), root[0].to_pem(), whole[1].to_pem()));
    files.write("crl.der", dwcp_pki::Crl::from_pem(&files.read("west.crl")).unwrap().der());
    files.ok("cert ca init --dir other --name Other");
    let expected = files.valid("leaf.crt --roots root/ca.crt").1["path"].clone();
    for line in [
        "leaf.der west.der --roots root.der",
        "both.der --roots=root.der",
        "--roots root.der leaf.der --intermediates west.der",
        "noisy.pem --roots other/ca.crt --roots root/ca.crt",
        "anchored.pem --roots root/ca.crt",
        "reversed.pem --roots root/ca.crt",
        "leaf.der --intermediates other/ca.crt --intermediates both.der --roots root/ca.crt",
    ] {
        assert_eq!(files.valid(line).1["path"], expected, "{line}");
    }
    let line = "leaf.der --intermediates west.der --roots root.der --crl crl.der";
    assert_eq!(files.valid(line).1["path"][0]["revocation"], "covered");
    for (line, input) in [
        ("- --roots root/ca.crt", files.read("leaf.crt")),
        ("- --roots root/ca.crt", files.read("both.der")),
        ("leaf.crt --roots -", files.read("root.der")),
        ("leaf.der --intermediates - --roots root.der", files.read("west.der")),
        ("leaf.crt --crl - --roots root.der", files.read("west.crl")),
    ] {
        let output = files.feed(&format!("--json cert validate {line}"), &input);
        assert_eq!((output.status.code(), &object(&output)["valid"]), (Some(0), &true.into()), "{line}");
    }
}

#[test]
fn of_a_large_pool_only_what_fits_is_looked_at() {
    let files = Files::mesh();
    let whole = Certificate::bundle_from_pem(&files.read("leaf.crt")).unwrap();
    files.ok("cert ca init --dir other --name Other");
    for number in 0..20 {
        files.ok(&format!("cert ca intermediate --ca other --dir sub{number} --name Sub{number}"));
    }
    let pool: Vec<u8> = (0..20).flat_map(|number| files.read(&format!("sub{number}/ca.crt"))).collect();
    files.write("leaf.der", whole[0].der());
    files.write("pool.pem", [pool, whole[1].to_pem().into_bytes()].concat());
    files.valid("leaf.der --intermediates pool.pem --roots root/ca.crt");
    files.refused("leaf.der pool.pem --roots root/ca.crt", "pki.chain.too_many");
    // Step by step, up to the root.
    files.ok("cert ca init --dir high --name High --path-length 2");
    files.ok("cert ca intermediate --ca high --dir middle --name Middle --path-length 1");
    files.ok("cert ca intermediate --ca middle --dir low --name Low");
    files.ok("cert issue --ca low --san DNS:low.example --out low-leaf");
    let leaf = Certificate::bundle_from_pem(&files.read("low-leaf.crt")).unwrap().remove(0);
    files.write("low-leaf.der", leaf.der());
    files
        .write("pool.pem", ["pool.pem", "middle/ca.crt", "low/ca.crt"].map(|name| files.read(name)).concat());
    let (_, json) = files.valid("low-leaf.der --intermediates pool.pem --roots high/ca.crt");
    assert_eq!(json["path"].as_array().unwrap().len(), 4);
}

#[test]
fn every_name_that_is_asked_for_must_be_there() {
    let files = Files::mesh();
    let line = |names: &str| format!("leaf.crt --roots root/ca.crt {names}");
    for names in [
        "--name a.example.org",
        "--name A.Example.ORG --name 192.0.2.7",
        "--name DNS:a.example.org --name=IP:192.0.2.7 --name URI:spiffe://example.org/a",
        "--name spiffe://example.org/a",
    ] {
        let (text, _) = files.valid(&line(names));
        assert!(text.contains("  asked for "), "{text}");
    }
    for names in [
        "--name b.example.org",
        "--name a.example.org --name 192.0.2.8",
        "--name ::1",
        "--name spiffe://example.org/b",
        "--name https://a.example.org/",
        "--name DNS:192.0.2.7.example.org",
    ] {
        let (first, json) = files.refused(&line(names), "pki.chain.name");
        assert!(first.contains("the certificate is not for "), "{first}");
        assert_eq!(json["error"]["certificate"]["place"], "leaf");
        assert_eq!(json["error"]["rule"], "name");
        assert_eq!(json["revocation"], "not checked");
        let line = format!("{} --crl west.crl", line(names));
        assert_eq!(files.refused(&line, "pki.chain.name").1["revocation"], "not covered");
    }
    for names in ["--name a..b", "--name EMAIL:a@b.example", "--name IP:a", "--name a_b:c"] {
        assert_eq!(files.fails(&line(names)).0, 2, "{names}");
    }
}

#[test]
fn a_moment_is_judged_as_if_it_were_now() {
    let files = Files::mesh();
    let leaf = &Certificate::bundle_from_pem(&files.read("leaf.crt")).unwrap()[0];
    // Both ends belong to the life of a certificate.
    for at in [leaf.not_before(), leaf.not_after()] {
        let json = files.valid(&format!("leaf.crt --roots root/ca.crt --at {at}")).1;
        assert_eq!(json["at"], at.to_string());
    }
    for (at, code) in [
        ("1970-01-01T00:00:00Z", "pki.chain.not_yet_valid"),
        ("9999-12-31T23:59:59Z", "pki.chain.expired"),
        ("2015-01-01T00:00:00+23:59", "pki.chain.not_yet_valid"),
    ] {
        files.refused(&format!("leaf.crt --roots root/ca.crt --at={at}"), code);
    }
    for at in ["now", "2026-11-22", "2026-02-30T00:00:00Z", "1969-12-31T23:59:59Z", "10000-01-01T00:00:00Z"] {
        assert_eq!(files.fails(&format!("leaf.crt --roots root/ca.crt --at {at}")).0, 2, "{at}");
    }
}

#[test]
fn what_can_not_be_read_at_all_is_no_verdict() {
    let files = Files::mesh();
    let leaf = files.read("leaf.crt");
    files.write("empty", "");
    files.write("garbage", [0xff; 300]);
    files.write("text", "no certificate in here\n");
    files.write("cut.pem", &leaf[..leaf.len() / 4]);
    files.write("cut.der", &Certificate::bundle_from_pem(&leaf).unwrap()[0].der()[..100]);
    files.write("base64.pem", String::from_utf8(leaf.clone()).unwrap().replace("MII", "M!I"));
    files.write("large.pem", [leaf.as_slice(), &[b'\n'; 1 << 20]].concat());
    files.write("many.der", [0x30, 0].repeat(5_000));
    for bad in [
        "empty",
        "garbage",
        "text",
        "cut.pem",
        "cut.der",
        "base64.pem",
        "large.pem",
        "many.der",
        "missing",
        "root",
        "leaf.key",
    ] {
        for line in [
            format!("{bad} --roots root/ca.crt"),
            format!("leaf.crt --roots {bad}"),
            format!("leaf.crt {bad} --roots root/ca.crt"),
            format!("leaf.crt --intermediates {bad} --roots root/ca.crt"),
        ] {
            assert_eq!(files.fails(&line).0, 1, "{line}");
        }
    }
    for bad in ["empty", "garbage", "text", "missing", "root", "leaf.crt"] {
        assert_eq!(files.fails(&format!("leaf.crt --roots root/ca.crt --crl {bad}")).0, 1, "{bad}");
    }
    let output = files.feed("--json cert validate - --roots root/ca.crt", &vec![b'\n'; (1 << 20) + 9]);
    assert_eq!(
        (output.status.code(), &object(&output)["error"]["code"]),
        (Some(1), &"pki.document.oversized".into())
    );
    assert_eq!(files.feed("cert validate - --roots root/ca.crt", b"").status.code(), Some(1));
}

#[test]
fn a_command_line_that_is_none_is_a_usage_error() {
    let files = Files::mesh();
    for line in [
        "",
        "leaf.crt",
        "--roots root/ca.crt",
        "- --roots -",
        "- --roots root/ca.crt --crl -",
        "leaf.crt --roots root/ca.crt --profile strict",
        "leaf.crt --roots root/ca.crt --purpose both",
        "leaf.crt --roots root/ca.crt --max-depth -1",
        "leaf.crt --roots root/ca.crt --crl",
        "leaf.crt --roots root/ca.crt --unknown",
    ] {
        assert_eq!(files.fails(line).0, 2, "{line}");
    }
}

#[test]
fn the_code_is_the_verdict_whoever_reads_on() {
    let files = Files::mesh();
    for (line, code) in [
        ("cert validate leaf.crt --roots root/ca.crt", 0),
        ("--json cert validate leaf.crt --roots root/ca.crt", 0),
        ("cert validate leaf.crt --roots west/ca.crt --max-depth 0 --name b.example", 7),
        ("--json cert validate leaf.crt --roots west/ca.crt --name b.example", 7),
    ] {
        let mut child = command()
            .args(line.split_whitespace())
            .current_dir(files.path(""))
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        drop(child.stdout.take());
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(code), "{line}");
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(!said.contains("pipe") && !said.contains("panic"), "{said}");
    }
    let quiet = files.run("-q cert validate leaf.crt --roots root/ca.crt");
    assert_eq!((quiet.status.code(), quiet.stdout.len(), quiet.stderr.len()), (Some(0), 0, 0));
    let quiet = files.run("-q cert validate leaf.crt --roots root/ca.crt --name b.example");
    assert_eq!((quiet.status.code(), quiet.stdout.len()), (Some(7), 0));
    assert!(String::from_utf8(quiet.stderr).unwrap().starts_with("error: leaf.crt is not accepted\n"));
}
