//! Names that may and may not stand in a certificate made here.

use super::*;
use proptest::prelude::*;

#[test]
fn every_kind_makes_the_round_trip() {
    for text in [
        "DNS:a.b",
        "DNS:localhost",
        "DNS:*.example.org",
        "DNS:_service._tcp.example.org",
        "IP:192.0.2.1",
        "IP:2001:db8::1",
        "URI:spiffe://example.org/web",
        "URI:https://example.org:8443/x?y=z",
        "EMAIL:ops@example.org",
    ] {
        assert_eq!(text.parse::<SubjectName>().unwrap().to_string(), text);
    }
    assert_eq!("dns:Web.Example.ORG".parse(), Ok(SubjectName::Dns("web.example.org".to_owned())));
}

#[test]
fn at_p9_names_made_to_confuse_are_refused() {
    use NameError::{
        AddressAsDns, BadAddress, BadEmail, BadLabel, BadSpiffeId, BadUri, BadWildcard, Empty,
        ForbiddenCharacter, UnknownKind,
    };
    for (text, error) in [
        ("example.org", UnknownKind),
        ("OTHER:x", UnknownKind),
        ("DNS:", Empty),
        ("DNS:../../etc/x", BadLabel),
        ("DNS:a/b", ForbiddenCharacter),
        ("DNS:a\u{0}.example.org", ForbiddenCharacter),
        ("DNS:a b", ForbiddenCharacter),
        ("DNS:münchen.example", ForbiddenCharacter),
        ("DNS:a..b", BadLabel),
        ("DNS:.a.b", BadLabel),
        ("DNS:a.b.", BadLabel),
        ("DNS:-a.b", BadLabel),
        ("DNS:*", BadWildcard),
        ("DNS:*.org", BadWildcard),
        ("DNS:a.*.org", BadWildcard),
        ("DNS:a*.example.org", BadWildcard),
        ("DNS:192.0.2.1", AddressAsDns),
        ("DNS:1.2.3.4.5", AddressAsDns),
        ("DNS:2130706433", AddressAsDns),
        ("DNS:2001:db8::1", ForbiddenCharacter),
        ("IP:192.0.2", BadAddress),
        ("IP:192.0.2.1/24", BadAddress),
        ("IP:example.org", BadAddress),
        ("URI:/relative", BadUri),
        ("URI:https:", BadUri),
        ("URI:https://a b", ForbiddenCharacter),
        ("URI:https://a\r\nb", ForbiddenCharacter),
        ("URI:spiffe://Example/x", BadSpiffeId),
        ("URI:SPIFFE://example/x", BadSpiffeId),
        ("EMAIL:root", BadEmail),
        ("EMAIL:@example.org", BadEmail),
        ("EMAIL:a@b@c", BadEmail),
    ] {
        assert_eq!(text.parse::<SubjectName>(), Err(error), "{text:?}");
    }
    assert!(SubjectName::dns(&format!("{}.org", "a".repeat(64))).is_err());
    assert_eq!(SubjectName::dns(&"a.".repeat(127)), Err(NameError::TooLong { limit: 253 }));
}

#[test]
fn a_name_built_by_hand_is_caught_by_the_check() {
    assert_eq!(SubjectName::Dns("UPPER.example".to_owned()).check(), Err(NameError::ForbiddenCharacter));
    assert_eq!(SubjectName::Uri("spiffe://a/b/".to_owned()).check(), Err(NameError::BadSpiffeId));
}

proptest! {
    #[test]
    fn any_text_is_judged_without_a_panic_and_what_passes_is_stable(text in "\\PC{0,80}", kind in 0_usize..4) {
        let whole = format!("{}:{text}", ["DNS", "IP", "URI", "EMAIL"][kind]);
        if let Ok(name) = whole.parse::<SubjectName>() {
            prop_assert_eq!(name.check(), Ok(()));
            prop_assert_eq!(name.to_string().parse::<SubjectName>(), Ok(name));
        }
    }
}
