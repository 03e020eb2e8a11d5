//! x509-limbo: chains with the names, purposes and times they are asked for.

use super::{Asked, Blobs, Case, Expected, Names, Suite, entries, words};
use dwcp_base::UnixTime;
use dwcp_pki::{PolicyRequirements, RevocationMode, SubjectName};

const BLOBS: &str = include_str!("../vectors/x509-limbo/blobs.txt");
const CASES: &str = include_str!("../vectors/x509-limbo/cases.txt");

/// 2024-01-01, for the cases that mean the time of the run: what they hold is valid from 1970 to 2969.
const NOW: UnixTime = UnixTime::from_secs(1_704_067_200);

pub(crate) fn read() -> Suite {
    let blobs = Blobs::read(BLOBS);
    Suite { name: "x509-limbo", cases: CASES.lines().map(|line| case(&blobs, line)).collect() }
}

fn case(blobs: &Blobs, line: &str) -> Case {
    let [id, expected, kind, usages, time, depth, anchors, chain, crls, names] = words(line);
    let crls = blobs.list(crls);
    let mut names = entries(names).map(name);
    Case {
        id: id.to_owned(),
        expected: match expected {
            "SUCCESS" => Expected::Accepted,
            "FAILURE" => Expected::Refused,
            other => panic!("{other}"),
        },
        inexpressible: None,
        anchors: blobs.certificates(anchors),
        blocked: Vec::new(),
        chain: blobs.certificates(chain),
        // Each case with CRLs has one of each issuer.
        mode: if crls.is_empty() { RevocationMode::Off } else { RevocationMode::Required },
        crls,
        asked: match (usages, kind) {
            ("serverAuth", _) | ("-", "SERVER") => Asked::Server,
            ("clientAuth", _) | ("-", "CLIENT") => Asked::Client,
            other => panic!("{other:?}"),
        },
        names: match kind {
            "SERVER" => names.next().map_or(Names::NotAsked, Names::Server),
            _ => Names::Each(names.collect()),
        },
        at: match time {
            "-" => NOW,
            time => UnixTime::parse_rfc3339(&time.replace("+00:00", "Z")).unwrap(),
        },
        max_depth: (depth != "-").then(|| depth.parse().unwrap()),
        policies: PolicyRequirements::default(),
    }
}

fn name(text: &str) -> SubjectName {
    match text.split_once(':').unwrap() {
        ("DNS", name) => SubjectName::Dns(name.to_owned()),
        ("IP", address) => SubjectName::Ip(address.parse().unwrap()),
        ("EMAIL", address) => SubjectName::Email(address.to_owned()),
        (kind, _) => panic!("{kind}"),
    }
}
