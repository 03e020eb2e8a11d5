//! NIST's cases about policies, put to the policies alone: their chains are sound in every other way, and webpki, which
//! refuses critical extensions about policies, is not asked.

use super::policies::{self, PolicyRequirements};
use super::profile::Form;
use crate::Certificate;
use base64ct::{Base64, Encoding};
use std::collections::HashMap;

const BLOBS: &str = include_str!("../../tests/vectors/pkits/blobs.txt");
const CASES: &str = include_str!("../../tests/vectors/pkits/cases.txt");

#[test]
fn every_case_of_pkits_about_policies_comes_out_as_it_should() {
    let blobs: HashMap<&str, &str> = BLOBS.lines().map(|line| line.split_once(' ').unwrap()).collect();
    let (mut cases, mut refused) = (0, 0);
    for line in CASES.lines() {
        let [number, expected, settings, chain, _, title] =
            line.splitn(6, ' ').collect::<Vec<_>>().try_into().unwrap();
        // 4.8 policies, 4.9 requireExplicitPolicy, 4.10 mappings, 4.11 inhibitPolicyMapping, 4.12 inhibitAnyPolicy.
        if !["4.8.", "4.9.", "4.10.", "4.11.", "4.12."].iter().any(|section| number.starts_with(section)) {
            continue;
        }
        let form = |name: &str| {
            let der = Base64::decode_vec(blobs[name]).unwrap();
            Form::read(&Certificate::from_der(&der).unwrap()).unwrap()
        };
        let forms: Vec<Form> = chain.split(',').skip(1).map(form).collect();
        let path: Vec<&Form> = forms.iter().collect();
        let verdict = policies::check(&path, &asked(settings));
        assert_eq!(verdict.is_ok(), expected == "valid", "{number} {title}: {verdict:?}");
        cases += 1;
        refused += usize::from(verdict.is_err());
    }
    assert_eq!((cases, refused), (88, 43));
}

fn asked(settings: &str) -> PolicyRequirements {
    let mut asked = PolicyRequirements::default();
    for (input, value) in settings.split(',').filter_map(|setting| setting.split_once('=')) {
        asked = match input {
            "SetInitialExplicitPolicy" => asked.explicit(),
            "SetInitialPolicyMappingInhibit" => asked.without_mapping(),
            "SetInitialInhibitAnyPolicy" => asked.without_any_policy(),
            "SetInitialPolicySet" => value.split('+').fold(asked, |asked, name| {
                let arc = name.strip_prefix("NIST-test-policy-").unwrap();
                asked.accepting(&format!("2.16.840.1.101.3.2.1.48.{arc}")).unwrap()
            }),
            _ => asked,
        };
    }
    asked
}

#[test]
fn a_policy_is_named_in_dotted_decimal() {
    for text in ["", "policy", "1", "1.2.", "3.1.2", "1.2.-3"] {
        assert!(PolicyRequirements::default().accepting(text).is_err(), "{text:?}");
    }
}
