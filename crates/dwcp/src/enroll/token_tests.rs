//! The text of tokens: one for each, refused by its rule, and never shown.

use super::*;
use proptest::prelude::*;

fn sample() -> JoinToken {
    JoinToken {
        address: "ca.example.org:9443".to_owned(),
        server: "spiffe://example.org/node/a".parse().unwrap(),
        root: [0x42; 32],
        id: "0123456789abcdef".parse().unwrap(),
        secret: base64url::encode(&[7; 32]).parse().unwrap(),
    }
}

fn text_of(json: &str) -> String {
    format!("{PREFIX}{}", base64url::encode(json.as_bytes()).as_str())
}

#[test]
fn a_token_makes_the_round_trip_and_white_space_around_it_does_not_matter() {
    let text = sample().to_text();
    let read = JoinToken::parse(&format!(" {}\n", text.as_str())).unwrap();
    assert_eq!(read.to_text(), text);
    assert_eq!((read.address.as_str(), read.root), ("ca.example.org:9443", [0x42; 32]));
    assert!(text.len() < 600, "{} bytes are typed by nobody but fit every argument", text.len());
}

/// The page's vector, which a decoder of other hands reads as well.
#[test]
fn the_published_vector_holds() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/formats/join-token.md");
    let Ok(page) = std::fs::read_to_string(path) else { return };
    let vector = page.lines().find(|line| line.starts_with(PREFIX)).unwrap();
    let token = JoinToken::parse(vector).unwrap();
    assert_eq!(token.address, "ca.example.org:9443");
    assert_eq!(token.server.as_str(), "spiffe://example.org/node/a");
    assert_eq!((token.root, token.id.to_string().as_str()), ([0x42; 32], "0123456789abcdef"));
    assert!(page.contains(&hex(&token.secret.digest())), "the digest of its secret is on the page");
}

#[test]
fn at_p12_neither_debug_nor_an_error_shows_the_secret() {
    let token = sample();
    let (secret, text) = (token.secret.to_text(), token.to_text());
    let shown = format!("{token:?} {:?} {:#?}", token.secret, token);
    assert!(!shown.contains(secret.as_str()) && !shown.contains(PREFIX), "{shown}");
    assert!(!shown.contains("4242"), "{shown}");
    let altered = text.replace("dwcp1_ey", "dwcp1_e!");
    assert!(!format!("{:?}", JoinToken::parse(&altered)).contains(&altered[8..40]));
}

#[test]
fn each_rule_is_refused_by_its_name() {
    let (root, secret) = ("42".repeat(32), base64url::encode(&[7; 32]));
    let (root, secret) = (root.as_str(), secret.as_str());
    let json = |a: &str, s: &str, f: &str, t: &str, k: &str| {
        text_of(&format!(r#"{{"a":"{a}","s":"{s}","f":"{f}","t":"{t}","k":"{k}"}}"#))
    };
    let (a, s, t) = ("h:1", "spiffe://d/node/a", "0123456789abcdef");
    assert!(JoinToken::parse(&json(a, s, root, t, secret)).is_ok());
    for (text, error) in [
        (String::new(), BadToken::Prefix),
        ("dwcp2_e30".to_owned(), BadToken::Prefix),
        (format!("{PREFIX}{}", "A".repeat(3_000)), BadToken::TooLong),
        (format!("{PREFIX}e30="), BadToken::Encoding),
        (format!("{PREFIX}e3+"), BadToken::Encoding),
        (text_of("{}"), BadToken::Fields),
        (text_of("[]"), BadToken::Fields),
        (json("h", s, root, t, secret), BadToken::Address),
        (json("h:0", s, root, t, secret), BadToken::Address),
        (json("h:65536", s, root, t, secret), BadToken::Address),
        (json("h:080", s, root, t, secret), BadToken::Address),
        (json("::1:80", s, root, t, secret), BadToken::Address),
        (json("a/b:80", s, root, t, secret), BadToken::Address),
        (json("a@b:80", s, root, t, secret), BadToken::Address),
        (json(a, "https://d/node/a", root, t, secret), BadToken::Server),
        (json(a, "spiffe://D/node/a", root, t, secret), BadToken::Server),
        (json(a, s, "42", t, secret), BadToken::Root),
        (json(a, s, &root.replace('4', "A"), t, secret), BadToken::Root),
        (json(a, s, root, "0123456789ABCDEF", secret), BadToken::Id),
        (json(a, s, root, "../../../../etc/", secret), BadToken::Id),
        (json(a, s, root, t, "AA"), BadToken::Secret),
        (json(a, s, root, t, &secret.replace('w', "=")), BadToken::Secret),
    ] {
        assert_eq!(JoinToken::parse(&text).map(|_| ()), Err(error), "{text}");
    }
    // Another order, a field twice, one too many, white space, an escape: one token has one text.
    for body in [
        format!(r#"{{"s":"{s}","a":"{a}","f":"{root}","t":"{t}","k":"{secret}"}}"#),
        format!(r#"{{"a":"{a}","a":"{a}","s":"{s}","f":"{root}","t":"{t}","k":"{secret}"}}"#),
        format!(r#"{{"a":"{a}","s":"{s}","f":"{root}","t":"{t}","k":"{secret}","x":1}}"#),
        format!(r#"{{"a": "{a}","s":"{s}","f":"{root}","t":"{t}","k":"{secret}"}}"#),
        format!(r#"{{"a":"\u0068:1","s":"{s}","f":"{root}","t":"{t}","k":"{secret}"}}"#),
    ] {
        assert_eq!(JoinToken::parse(&text_of(&body)).map(|_| ()), Err(BadToken::Fields), "{body}");
    }
}

#[test]
fn addresses_are_host_and_port() {
    for good in ["h:1", "10.0.0.1:9443", "[::1]:9443", "ca.example.org:65535"] {
        assert_eq!(checked_address(good), Some(good));
    }
    for bad in ["", ":", "h:", ":1", "[::1:1", "[h]:1", "h:1:", "h :1", "h:+1", "h:99999"] {
        assert_eq!(checked_address(bad), None, "{bad}");
    }
}

proptest! {
    #[test]
    fn whatever_is_read_is_written_as_it_was(text in "(dwcp1_)?[A-Za-z0-9_-]{0,400}") {
        if let Ok(token) = JoinToken::parse(&text) {
            let written = token.to_text();
            prop_assert_eq!(written.as_str(), text.as_str());
        }
    }

    #[test]
    fn every_token_is_read_back(
        host in "[a-z0-9.]{1,60}",
        port in 1_u16..,
        path in "[a-zA-Z0-9._]{3,40}",
        root: [u8; 32],
        id: [u8; 8],
        secret: [u8; 32],
    ) {
        let token = JoinToken {
            address: format!("{host}:{port}"),
            server: format!("spiffe://d/{path}").parse().unwrap(),
            root,
            id: TokenId(id),
            secret: base64url::encode(&secret).parse().unwrap(),
        };
        let text = token.to_text();
        let read = JoinToken::parse(&text).unwrap();
        prop_assert_eq!(read.to_text(), text);
        prop_assert_eq!(read.secret.digest(), digest::sha256(&secret));
    }

    #[test]
    fn a_changed_letter_is_seen_or_changes_the_token(at in 6_usize..400, letter in "[A-Za-z0-9_-]") {
        let text = sample().to_text();
        let at = at % text.len();
        let mut changed = text.to_string();
        changed.replace_range(at..=at, &letter);
        if let Ok(token) = JoinToken::parse(&changed) {
            let written = token.to_text();
            prop_assert_eq!(written.as_str(), changed.as_str());
        }
    }
}
