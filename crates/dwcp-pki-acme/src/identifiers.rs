//! What an order may ask for: DNS names and IP addresses (RFC 8555 §7.1.3, RFC 8738).

use crate::{AcmeError, NamesFault};
use dwcp_pki::SubjectName;
use instant_acme::Identifier;

/// The names of a request as an authority is told them: each once, in one order whatever theirs.
pub(crate) fn identifiers(names: &[SubjectName]) -> Result<Vec<Identifier>, AcmeError> {
    let mut names: Vec<&SubjectName> = names.iter().collect();
    names.sort_unstable();
    names.dedup();
    if names.is_empty() || names.len() > MOST_NAMES {
        return Err(AcmeError::Names(NamesFault::Count { limit: MOST_NAMES }));
    }
    names.into_iter().map(identifier).collect::<Result<_, _>>().map_err(AcmeError::Names)
}

fn identifier(name: &SubjectName) -> Result<Identifier, NamesFault> {
    match name {
        SubjectName::Dns(text) if text.starts_with("*.") => Err(NamesFault::Wildcard(name.clone())),
        SubjectName::Dns(text) => Ok(Identifier::Dns(text.clone())),
        SubjectName::Ip(address) => Ok(Identifier::Ip(*address)),
        SubjectName::Uri(_) | SubjectName::Email(_) => Err(NamesFault::Kind(name.clone())),
    }
}

/// The name that an authorization is for; `None` where it is of a kind that was never asked for.
pub(crate) fn name_of(identifier: &Identifier) -> Option<SubjectName> {
    match identifier {
        Identifier::Dns(text) => SubjectName::dns(text).ok(),
        Identifier::Ip(address) => Some(SubjectName::Ip(*address)),
        _ => None,
    }
}

/// What public authorities allow in one order.
pub(crate) const MOST_NAMES: usize = 100;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn names(texts: &[&str]) -> Vec<SubjectName> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    #[test]
    fn what_no_order_can_hold_is_refused_before_anybody_is_asked() {
        for text in ["URI:spiffe://a.example/x", "EMAIL:a@b.example", "DNS:*.a.example"] {
            assert!(
                matches!(identifiers(&names(&["DNS:a.example", text])), Err(AcmeError::Names(_))),
                "{text}"
            );
        }
        assert!(identifiers(&[]).is_err());
        let many: Vec<_> =
            (0..=MOST_NAMES).map(|n| SubjectName::dns(&format!("n{n}.example")).unwrap()).collect();
        assert!(identifiers(&many).is_err());
        assert_eq!(identifiers(&many[1..]).unwrap().len(), MOST_NAMES);
    }

    #[test]
    fn one_set_of_names_is_one_order_whatever_its_sequence() {
        let one =
            identifiers(&names(&["IP:::1", "DNS:b.example", "DNS:a.example", "DNS:b.example"])).unwrap();
        let other = identifiers(&names(&["DNS:a.example", "DNS:b.example", "IP:::1"])).unwrap();
        assert_eq!(one, other);
        assert_eq!(one.len(), 3);
    }

    proptest! {
        #[test]
        fn an_authority_names_nothing_that_is_no_name(text in "\\PC{0,40}") {
            if let Some(name) = name_of(&Identifier::Dns(text)) {
                prop_assert!(name.check().is_ok());
            }
        }
    }
}
