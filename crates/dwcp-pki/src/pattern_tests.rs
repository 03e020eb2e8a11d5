//! Patterns against SPIFFE IDs and DNS names; patterns against whole peers are in the scenario tests.

use super::*;
use crate::WhyAnonymous;
use proptest::prelude::*;

fn pattern(text: &str) -> IdentityPattern {
    text.parse().unwrap()
}

fn spiffe_fits(text: &str, id: &str) -> bool {
    pattern(text).names_spiffe(&id.parse().unwrap())
}

#[test]
fn a_star_is_one_segment_and_two_are_the_rest() {
    for (text, id, expected) in [
        ("spiffe://d/web", "spiffe://d/web", true),
        ("spiffe://d/web", "spiffe://d/webs", false),
        ("spiffe://d/web", "spiffe://d/web/a", false),
        ("spiffe://d/web", "spiffe://d", false),
        ("spiffe://d", "spiffe://d", true),
        ("spiffe://d", "spiffe://d/web", false),
        ("spiffe://d/*", "spiffe://d/web", true),
        ("spiffe://d/*", "spiffe://d/web/a", false),
        ("spiffe://d/*", "spiffe://d", false),
        ("spiffe://d/*/a", "spiffe://d/web/a", true),
        ("spiffe://d/*/a", "spiffe://d/web/b", false),
        ("spiffe://d/**", "spiffe://d/web/a/b", true),
        ("spiffe://d/**", "spiffe://d/web", true),
        ("spiffe://d/**", "spiffe://d", false),
        ("spiffe://d/web/**", "spiffe://d/web", false),
        ("spiffe://d/web/**", "spiffe://d/webs/a", false),
        ("spiffe://d/Web", "spiffe://d/web", false),
        ("spiffe://d/**", "spiffe://d.evil/web", false),
        ("spiffe://d/**", "spiffe://e/web", false),
    ] {
        assert_eq!(spiffe_fits(text, id), expected, "{text} {id}");
    }
}

#[test]
fn dns_labels_fold_case_and_wildcard_names_match_nothing() {
    for (text, name, expected) in [
        ("dns:a.example", "a.example", true),
        ("dns:A.Example", "a.EXAMPLE", true),
        ("dns:*.example", "a.example", true),
        ("dns:*.example", "a.b.example", false),
        ("dns:*.example", "example", false),
        ("dns:*.example", "aexample", false),
        ("dns:**.example", "a.b.example", true),
        ("dns:**.example", "example", false),
        ("dns:a.*.example", "a.b.example", true),
        ("dns:*.example", "*.example", false),
        ("dns:**", "*.example", false),
        ("dns:a.example", "a.example.", false),
    ] {
        assert_eq!(pattern(text).names_dns(name), expected, "{text} {name}");
    }
}

#[test]
fn what_is_no_pattern_is_refused_with_its_rule() {
    for (text, error) in [
        ("", PatternError::Kind),
        ("*", PatternError::Kind),
        ("Anonymous", PatternError::Kind),
        ("https://d/a", PatternError::Kind),
        ("spiffe://", PatternError::Spiffe),
        ("spiffe://*", PatternError::Spiffe),
        ("spiffe://*/a", PatternError::Spiffe),
        ("spiffe://D/a", PatternError::Spiffe),
        ("spiffe://d/", PatternError::Spiffe),
        ("spiffe://d//a", PatternError::Spiffe),
        ("spiffe://d/web-*", PatternError::Spiffe),
        ("spiffe://d/***", PatternError::Spiffe),
        ("spiffe://d/../a", PatternError::Spiffe),
        ("spiffe://d/%61", PatternError::Spiffe),
        ("spiffe://d/**/a", PatternError::RestNotLast),
        ("dns:", PatternError::Dns),
        ("dns:a..b", PatternError::Dns),
        ("dns:w*.example", PatternError::Dns),
        ("dns:-a.example", PatternError::Dns),
        ("dns:a.**.example", PatternError::RestNotLast),
        ("dns:example.**", PatternError::RestNotLast),
        ("pin:sha256/short", PatternError::Pin),
        ("pin:md5/AAAA", PatternError::Pin),
    ] {
        assert_eq!(text.parse::<IdentityPattern>().err(), Some(error), "{text}");
    }
    assert_eq!(
        format!("spiffe://d/{}", "a".repeat(2_048)).parse::<IdentityPattern>(),
        Err(PatternError::TooLong)
    );
}

#[test]
fn anonymous_names_exactly_those_without_a_certificate() {
    for why in [WhyAnonymous::NotRequested, WhyAnonymous::NoneSent] {
        assert!(pattern("anonymous").matches(&Peer::Anonymous(why)));
        for other in ["spiffe://d/**", "dns:**", "pin:sha256/ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0="] {
            assert!(!pattern(other).matches(&Peer::Anonymous(why)), "{other}");
        }
    }
}

/// A path as its segments, some replaced by `*`.
fn path_and_mask() -> impl Strategy<Value = Vec<(String, bool)>> {
    proptest::collection::vec(("[a-zA-Z0-9_-]{1,8}", any::<bool>()), 1..8)
}

proptest! {
    #[test]
    fn any_text_is_judged_without_a_panic_and_reads_back(text in "(spiffe://|dns:|pin:|)[ -~]{0,40}") {
        if let Ok(pattern) = text.parse::<IdentityPattern>() {
            let shown = pattern.to_string();
            prop_assert_eq!(shown.parse::<IdentityPattern>(), Ok(pattern));
        }
    }

    #[test]
    fn stars_in_place_of_segments_match_and_another_length_does_not(path in path_and_mask()) {
        let id = format!("spiffe://d/{}", path.iter().map(|(s, _)| s.as_str()).collect::<Vec<_>>().join("/"));
        let masked: Vec<&str> = path.iter().map(|(s, star)| if *star { "*" } else { s }).collect();
        let text = format!("spiffe://d/{}", masked.join("/"));
        prop_assert!(spiffe_fits(&text, &id));
        let longer = format!("{id}/more");
        prop_assert!(!spiffe_fits(&text, &longer));
        // `**` in place of the last segment matches both.
        let mut rest = masked.clone();
        *rest.last_mut().unwrap() = "**";
        let rest = format!("spiffe://d/{}", rest.join("/"));
        prop_assert!(spiffe_fits(&rest, &id) && spiffe_fits(&rest, &longer));
    }

    #[test]
    fn a_plain_pattern_matches_itself_alone(a in "[a-z0-9]{1,5}(/[a-z0-9]{1,5}){0,3}", b in "[a-z0-9]{1,5}(/[a-z0-9]{1,5}){0,3}") {
        prop_assert_eq!(spiffe_fits(&format!("spiffe://d/{a}"), &format!("spiffe://d/{b}")), a == b);
    }
}
