//! Answers of servers, and of what is none.

use super::*;
use crate::{VaultHealth, VaultRole};
use dwcp_base::Coded;
use proptest::prelude::*;
use std::time::Duration;

fn said(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

#[test]
fn every_status_has_its_class() {
    let wait = Some(Duration::from_secs(7));
    for (status, words, path, code, retryable) in [
        (503, &["Vault is sealed"][..], "pki/sign/r", "vault.server.sealed", true),
        (503, &["upstream connect error"], "pki/sign/r", "vault.server.failed", true),
        (500, &["internal error"], "pki/sign/r", "vault.server.failed", true),
        (502, &[], "pki/sign/r", "vault.server.failed", true),
        (504, &[], "pki/sign/r", "vault.server.failed", true),
        (412, &["required index state not present"], "pki/sign/r", "vault.server.failed", true),
        (429, &["rate limit quota exceeded"], "pki/sign/r", "vault.rate.limited", true),
        (472, &[], "pki/sign/r", "vault.server.standby", true),
        (473, &[], "pki/sign/r", "vault.server.standby", true),
        (501, &[], "pki/sign/r", "vault.server.uninitialised", true),
        (403, &["permission denied"], "pki/sign/r", "vault.permission.denied", false),
        (404, &[], "pki/roles/r", "vault.path.unknown", false),
        (404, &["no handler for route \"nope/sign/r\""], "nope/sign/r", "vault.path.unknown", false),
        (400, &["unknown role: r"], "pki/sign/r", "vault.path.unknown", false),
        (
            500,
            &["unable to find PKI issuer for reference: x"],
            "pki/issuer/x/sign/r",
            "vault.path.unknown",
            false,
        ),
        (
            500,
            &["unable to find CRL for issuer 1b3f: a"],
            "pki/issuer/x/crl/der",
            "vault.path.unknown",
            false,
        ),
        (400, &["role requires keys of type rsa"], "pki/sign/r", "vault.request.refused", false),
        (413, &[], "pki/sign/r", "vault.request.refused", false),
        (302, &[], "pki/sign/r", "vault.server.failed", true),
        (0, &[], "pki/sign/r", "vault.server.failed", true),
    ] {
        let error = fault(status, &said(words), wait, path);
        assert_eq!((error.code(), error.is_retryable()), (code, retryable), "{status} {words:?}");
        assert!(!error.fix().is_empty());
    }
    let limited = fault(429, &[], Some(Duration::from_secs(1_000_000_000)), "p");
    assert_eq!(limited.retry_after(), Some(Duration::from_secs(300)), "at_p5: what is asked for is bounded");
    assert!(matches!(fault(404, &[], None, "pki/roles/r"), VaultError::NotFound { what: "role", .. }));
    let words = said(&["no handler for route"]);
    for (path, mount) in [
        ("nope/roles/r", "nope"),
        ("pki/int/sign/r", "pki/int"),
        ("pki/int/issuer/x/sign/r", "pki/int"),
        ("auth/login/login", "auth/login"),
        ("auth/a/b/login", "auth/a/b"),
        ("sys/health", "sys/health"),
    ] {
        let VaultError::NotFound { what: "mount", path } = fault(404, &words, None, path) else {
            panic!("{path}")
        };
        assert_eq!(path, mount, "all of the mount is named");
    }
}

#[test]
fn what_a_policy_has_to_allow_is_what_is_done_there() {
    for (path, wanted) in [
        ("pki/sign/r", "update"),
        ("pki/issuer/x/sign/r", "update"),
        ("pki/issue/r", "update"),
        ("pki/revoke", "update"),
        ("auth/token/renew-self", "update"),
        ("transit/encrypt/k", "update"),
        ("pki/roles/r", "read"),
        ("pki/roles/json", "read"),
        ("pki/config/crl", "read"),
        ("pkx/issuer/default/json", "read"),
        ("pki/issuer/x/crl/der", "read"),
        ("auth/token/lookup-self", "read"),
        ("pki/issuers", "list"),
    ] {
        let fix = fault(403, &[], None, path).fix();
        assert!(fix.ends_with(&format!("path \"{path}\" {{ capabilities = [\"{wanted}\"] }}")), "{fix}");
    }
}

#[test]
fn a_namespace_that_is_not_there_is_named_and_no_path_is_to_be_created() {
    let error = fault(404, &said(&["namespace not found"]), None, "auth/approle/login");
    let error = error.in_namespace(Some("teamx"));
    assert_eq!(error.to_string(), "there is no namespace at teamx");
    assert_eq!((error.code(), error.is_retryable()), ("vault.path.unknown", false));
    assert!(error.fix().contains("`namespace`") && error.fix().ends_with("bao namespace create teamx"));
    let fix = fault(404, &[], None, "auth/token/login").fix();
    assert!(!fix.contains("create"), "{fix}");
    for (status, body, is) in [
        (404, "404 page not found\n", true),
        (405, "{\"type\":\"urn:ietf:params:acme:error:malformed\"}", true),
        (404, "", true),
        (404, "[]", true),
        (404, "{\"errors\":[]}", false),
        (405, "{\"errors\":[\"unsupported operation\"]}", false),
        (502, "<html>", false),
    ] {
        assert_eq!(is_strangers(status, body.as_bytes()), is, "{status} {body}");
    }
}

#[test]
fn a_servers_words_are_bounded_and_stay_on_their_line() {
    let body =
        serde_json::json!({ "errors": ["a\n\u{1b}[2Jb", "x".repeat(100_000), "c", "d", "e"] }).to_string();
    let words = words(body.as_bytes());
    assert_eq!(words.len(), 4);
    assert!(words.iter().all(|word| word.chars().count() <= 257 && !word.contains(['\n', '\u{1b}'])));
    assert!(super::words(b"<html>502</html>").is_empty());
    let VaultError::Refused { said, .. } = fault(400, &words, None, "p") else { panic!("another class") };
    assert!(said.chars().count() <= 257);
}

#[test]
fn at_p12_an_answer_of_another_shape_is_malformed_and_does_not_show_itself() {
    let key = "-----BEGIN PRIVATE KEY-----\\nMIGH\\n-----END PRIVATE KEY-----";
    for body in [
        String::new(),
        "null".to_owned(),
        "{\"data\":null}".to_owned(),
        "{\"data\":{\"certificate\":7}}".to_owned(),
        "{\"data\":{\"certificate\":\"\"}}".to_owned(),
        format!("{{\"data\":{{\"private_key\":\"{key}\",\"certificate\":\"x\"}}}}"),
        format!("{{\"data\":{{\"certificate\":\"{key}\"}}}}"),
        format!("{{\"data\":{{\"private_key\":\"{key}\",\"certificate\":["),
        format!("{{\"data\":{{\"certificate\":\"x\",\"ca_chain\":[{}\"\"]}}}}", "\"\",".repeat(20)),
        "[".repeat(100_000),
    ] {
        for error in [
            Signed::from_answer(body.as_bytes()).unwrap_err(),
            IssuedWithKey::from_answer(body.as_bytes()).unwrap_err(),
        ] {
            assert_eq!(error.code(), "vault.answer.malformed", "{body}");
            assert!(!format!("{error} {error:?}").contains("PRIVATE"));
        }
    }
}

proptest! {
    #[test]
    fn any_body_is_read_without_a_panic(body in proptest::collection::vec(any::<u8>(), 0..400)) {
        let _ = (Signed::from_answer(&body).is_ok(), IssuedWithKey::from_answer(&body).is_ok());
        let _ = (VaultRole::from_answer(&body).is_ok(), VaultHealth::from_answer(&body).is_ok());
        let _ = (keys(&body).is_ok(), words(&body));
    }

    #[test]
    fn any_status_and_words_have_a_class(status: u16, word in "\\PC{0,60}", path in "[a-z/]{0,20}") {
        let error = fault(status, &[word], None, &path);
        prop_assert!(error.code().starts_with("vault.") && !error.fix().is_empty());
    }
}
