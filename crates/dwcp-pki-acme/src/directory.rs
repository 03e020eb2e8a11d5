//! The directory of an authority: where its services are (RFC 8555 §7.1.1), read by us and handed on in a form that can do no harm.

use crate::{AcmeError, Said};
use dwcp_https::HttpsUrl;
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// A directory of which every address is HTTPS.
#[derive(Clone, Debug)]
pub(crate) struct Directory {
    pub(crate) url: HttpsUrl,
    services: BTreeMap<&'static str, HttpsUrl>,
    pub(crate) profiles: Vec<String>,
    pub(crate) wants_external_account: bool,
}

impl Directory {
    /// Reads the answer from `url`, of at most 64 KiB: addresses that are missing, too long or not HTTPS are refused, as is everything that is
    /// not an object. What is not known is passed over (RFC 8555 §7.1.1).
    pub(crate) fn read(url: HttpsUrl, body: &[u8]) -> Result<Self, AcmeError> {
        let broken = |what: &str| AcmeError::Answer { what: Said::new(what) };
        let parsed: Value = if body.len() > LARGEST {
            return Err(broken("a directory of more than 64 KiB"));
        } else {
            serde_json::from_slice(body).map_err(|_| broken("the directory is not JSON"))?
        };
        let Value::Object(all) = parsed else { return Err(broken("the directory is not an object")) };
        let mut services = BTreeMap::new();
        for (name, required) in SERVICES {
            match all.get(*name) {
                Some(Value::String(text)) => {
                    services.insert(*name, address(text)?);
                }
                None | Some(Value::Null) if !required => {}
                _ => return Err(broken(&format!("the directory has no {name}"))),
            }
        }
        let none = Map::new();
        let meta = all.get("meta").and_then(Value::as_object).unwrap_or(&none);
        let profiles = meta.get("profiles").and_then(Value::as_object).unwrap_or(&none);
        let profiles = profiles.keys().filter(|name| name.len() <= LONGEST_PROFILE).take(MOST_PROFILES);
        Ok(Self {
            url,
            services,
            profiles: profiles.cloned().collect(),
            wants_external_account: meta.get("externalAccountRequired") == Some(&Value::Bool(true)),
        })
    }

    /// The directory as the protocol's library is shown it: the addresses that were checked, and nothing else. It takes them for valid
    /// without a look, and panics over one that is not.
    pub(crate) fn checked_json(&self) -> Vec<u8> {
        let mut all: Map<String, Value> =
            self.services.iter().map(|(name, url)| ((*name).to_owned(), url.to_string().into())).collect();
        let profiles: Map<String, Value> =
            self.profiles.iter().map(|name| (name.clone(), String::new().into())).collect();
        all.insert("meta".to_owned(), serde_json::json!({ "profiles": profiles }));
        Value::Object(all).to_string().into_bytes()
    }

    /// Whether `url` is on an origin that the directory was fetched from, or that it names.
    pub(crate) fn vouches_for(&self, url: &HttpsUrl) -> bool {
        self.url.same_origin(url) || self.services.values().any(|service| service.same_origin(url))
    }

    /// Where windows of renewal are told (RFC 9773), if anywhere.
    pub(crate) fn renewal_info(&self) -> Option<&HttpsUrl> {
        self.services.get("renewalInfo")
    }

    /// Whether it has the service of this name.
    pub(crate) fn has(&self, service: &str) -> bool {
        self.services.contains_key(service)
    }
}

fn address(text: &str) -> Result<HttpsUrl, AcmeError> {
    let foreign = || AcmeError::ForeignUrl { url: Said::new(text) };
    let url: HttpsUrl = text.parse().map_err(|_| foreign())?;
    // The two readers of addresses have to agree on what there is to read.
    let other: http::Uri = url.to_string().parse().map_err(|_| foreign())?;
    if other.scheme_str() == Some("https") { Ok(url) } else { Err(foreign()) }
}

/// Name, and whether nothing works without it.
const SERVICES: &[(&str, bool)] = &[
    ("newNonce", true),
    ("newAccount", true),
    ("newOrder", true),
    ("revokeCert", false),
    ("keyChange", false),
    ("renewalInfo", false),
];

pub(crate) const LARGEST: usize = 64 * 1024;
const MOST_PROFILES: usize = 32;
const LONGEST_PROFILE: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn url(text: &str) -> HttpsUrl {
        text.parse().unwrap()
    }

    fn read(json: &Value) -> Result<Directory, AcmeError> {
        Directory::read(url("https://ca.example/dir"), json.to_string().as_bytes())
    }

    fn sound() -> Value {
        serde_json::json!({
            "newNonce": "https://ca.example/nonce", "newAccount": "https://ca.example/account",
            "newOrder": "https://orders.example/new", "renewalInfo": "https://ca.example/ari",
            "meta": { "externalAccountRequired": true, "profiles": { "shortlived": "six days", "classic": "" } },
            "keyRollover": 7
        })
    }

    #[test]
    fn a_directory_says_where_what_and_for_whom() {
        let directory = read(&sound()).unwrap();
        assert!(
            directory.wants_external_account && directory.has("renewalInfo") && !directory.has("revokeCert")
        );
        assert_eq!(directory.profiles, ["classic", "shortlived"]);
        assert!(directory.vouches_for(&url("https://orders.example/order/1")));
        assert!(!directory.vouches_for(&url("https://ca.example:8443/order/1")));
        assert!(!directory.vouches_for(&url("https://169.254.169.254/latest")));
    }

    #[test]
    fn at_p6_an_address_that_is_not_https_makes_the_directory_worthless() {
        for bad in [
            "http://ca.example/nonce",
            "file:///etc/passwd",
            "//ca.example/x",
            "/nonce",
            "",
            "https://",
            "https://user:pw@ca.example/",
            "https://ca.example/a b",
            "https://ca.example/\n",
            "gopher://x/",
        ] {
            for (service, _) in SERVICES {
                let mut json = sound();
                json[*service] = bad.into();
                assert!(read(&json).is_err(), "{service}: {bad:?}");
            }
        }
        let mut json = sound();
        json["newOrder"] = Value::Null;
        assert!(matches!(read(&json), Err(AcmeError::Answer { .. })));
    }

    proptest! {
        #[test]
        fn hostile_directories_are_read_without_a_panic_and_what_is_handed_on_can_be_read(
            bytes in proptest::collection::vec(any::<u8>(), 0..200), nonce in "\\PC{0,60}"
        ) {
            let _ = Directory::read(url("https://ca.example/dir"), &bytes);
            let mut json = sound();
            json["newNonce"] = format!("https://ca.example/{nonce}").into();
            if let Ok(directory) = read(&json) {
                let again: Value = serde_json::from_slice(&directory.checked_json()).unwrap();
                let text = again["newNonce"].as_str().unwrap();
                prop_assert!(text.parse::<http::Uri>().is_ok());
            }
        }
    }
}
