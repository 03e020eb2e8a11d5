//! BoringSSL's sets: chains that end in what is trusted, and CRLs with the certificate they are about.

use super::{Asked, Blobs, Case, Expected, Names, Suite, words};
use dwcp_base::UnixTime;
use dwcp_pki::{PolicyRequirements, RevocationMode};

const BLOBS: &str = include_str!("../vectors/boringssl-pki/blobs.txt");
const CHAINS: &str = include_str!("../vectors/boringssl-pki/chains.txt");
const CRLS: &str = include_str!("../vectors/boringssl-pki/crls.txt");

/// `DEFAULT` of the chains: 2021-10-05 12:00, the first second of most of the certificates.
const CHAIN_DEFAULT: &str = "211005120000Z";
/// The CRLs are judged on 2017-03-09.
const CRL_TIME: UnixTime = UnixTime::from_secs(1_489_017_600);

pub(crate) fn chains() -> Suite {
    let blobs = Blobs::read(BLOBS);
    Suite { name: "boringssl-chains", cases: CHAINS.lines().map(|line| chain(&blobs, line)).collect() }
}

fn chain(blobs: &Blobs, line: &str) -> Case {
    let [id, expected, trust, time, purpose, _digests, numbers] = words(line);
    let mut chain = blobs.certificates(numbers);
    let last = chain.pop().unwrap();
    let mut case = Case {
        id: id.to_owned(),
        expected: match expected {
            "accepted" => Expected::Accepted,
            "refused" => Expected::Refused,
            other => panic!("{other}"),
        },
        inexpressible: None,
        anchors: vec![last.clone()],
        blocked: Vec::new(),
        chain,
        crls: Vec::new(),
        mode: RevocationMode::Off,
        asked: Asked::NoUsage,
        names: Names::NotAsked,
        at: utc_time(if time == "DEFAULT" { CHAIN_DEFAULT } else { time }),
        max_depth: None,
        policies: PolicyRequirements::default(),
    };
    match trust {
        // What expires and constrains is a matter of each anchor there, and of all of them here.
        "TRUSTED_ANCHOR"
        | "TRUSTED_ANCHOR_WITH_EXPIRATION"
        | "TRUSTED_ANCHOR_WITH_CONSTRAINTS"
        | "TRUSTED_ANCHOR_WITH_EXPIRATION_AND_CONSTRAINTS"
        | "TRUSTED_ANCHOR_WITH_REQUIRE_BASIC_CONSTRAINTS"
        | "TRUSTED_ANCHOR_WITH_CONSTRAINTS_REQUIRE_BASIC_CONSTRAINTS" => {}
        "TRUSTED_ANCHOR_OR_LEAF" if !case.chain.is_empty() => {}
        "TRUSTED_ANCHOR_OR_LEAF" | "TRUSTED_LEAF" | "TRUSTED_LEAF_REQUIRE_SELF_SIGNED" => {
            case.inexpressible = Some("a leaf that is trusted itself");
        }
        "DISTRUSTED" => case.blocked.push(last),
        "UNSPECIFIED" => {
            case.anchors.clear();
            case.chain.push(last);
        }
        other => panic!("{other}"),
    }
    match purpose {
        "ANY_EKU" => {}
        "SERVER_AUTH" | "SERVER_AUTH_STRICT" | "SERVER_AUTH_STRICT_LEAF" => case.asked = Asked::Server,
        "CLIENT_AUTH" | "CLIENT_AUTH_STRICT" | "CLIENT_AUTH_STRICT_LEAF" => case.asked = Asked::Client,
        "MLS_CLIENT_AUTH" | "C2PA_MANIFEST" | "C2PA_TIMESTAMPING" => {
            case.inexpressible = Some("a purpose outside TLS");
        }
        other => panic!("{other}"),
    }
    case
}

/// One leaf and its issuer, which is the anchor; where the issuer's name has an older key besides, the certificate of that one is.
pub(crate) fn crls() -> Suite {
    let blobs = Blobs::read(BLOBS);
    Suite { name: "boringssl-crls", cases: CRLS.lines().map(|line| crl(&blobs, line)).collect() }
}

fn crl(blobs: &Blobs, line: &str) -> Case {
    let [id, leaf, issuers, crl] = words(line);
    let mut chain = blobs.certificates(leaf);
    chain.extend(blobs.certificates(issuers));
    let anchor = chain.pop().unwrap();
    Case {
        id: id.to_owned(),
        expected: if id.starts_with("good") { Expected::Accepted } else { Expected::Refused },
        inexpressible: None,
        anchors: vec![anchor],
        blocked: Vec::new(),
        chain,
        crls: blobs.list(crl),
        mode: RevocationMode::Required,
        asked: Asked::NoUsage,
        names: Names::NotAsked,
        at: CRL_TIME,
        max_depth: None,
        policies: PolicyRequirements::default(),
    }
}

/// `YYMMDDHHMMSSZ` of this century.
fn utc_time(text: &str) -> UnixTime {
    let pair = |at: usize| &text[2 * at..2 * at + 2];
    let [year, month, day, hour, minute, second] = [0, 1, 2, 3, 4, 5].map(pair);
    UnixTime::parse_rfc3339(&format!("20{year}-{month}-{day}T{hour}:{minute}:{second}Z")).unwrap()
}
