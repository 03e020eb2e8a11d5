//! The names that `--name` asks for.

use dwcp_pki::SubjectName;
use std::net::IpAddr;

/// Reads a name by its look, or by the kind before it: `DNS:`, `IP:` or `URI:`.
pub(in crate::cli) fn parse(text: &str) -> Result<SubjectName, String> {
    let name = match text.split_once(':') {
        // An address has colons of its own.
        _ if text.parse::<IpAddr>().is_ok() => text.parse().map(SubjectName::Ip).map_err(|_| BAD.to_owned()),
        Some((kind, _)) if KINDS.iter().any(|known| kind.eq_ignore_ascii_case(known)) => {
            text.parse().map_err(|error: dwcp_pki::NameError| error.to_string())
        }
        _ if text.contains("://") => SubjectName::uri(text).map_err(|error| error.to_string()),
        _ => SubjectName::dns(text).map_err(|error| error.to_string()),
    };
    match name {
        Ok(SubjectName::Email(_)) => Err(BAD.to_owned()),
        Ok(name) => Ok(name),
        Err(why) => Err(format!("{why}; {BAD}")),
    }
}

const KINDS: &[&str] = &["DNS", "IP", "URI", "EMAIL"];
const BAD: &str =
    "write a DNS name, an address or spiffe://domain/path, or one of them after DNS:, IP: or URI:";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_told_by_its_look_or_by_its_kind() {
        for (text, name) in [
            ("a.Example.org", "DNS:a.example.org"),
            ("dns:a.example.org", "DNS:a.example.org"),
            ("localhost", "DNS:localhost"),
            ("192.0.2.1", "IP:192.0.2.1"),
            ("IP:192.0.2.1", "IP:192.0.2.1"),
            ("::1", "IP:::1"),
            ("2001:db8::1", "IP:2001:db8::1"),
            ("ip:2001:db8::1", "IP:2001:db8::1"),
            ("spiffe://a.example/b", "URI:spiffe://a.example/b"),
            ("URI:spiffe://a.example/b", "URI:spiffe://a.example/b"),
            ("https://a.example/", "URI:https://a.example/"),
        ] {
            assert_eq!(parse(text).map(|name| name.to_string()).as_deref(), Ok(name), "{text}");
        }
    }

    #[test]
    fn what_can_be_no_name_is_refused() {
        for text in [
            "",
            "DNS:",
            "IP:a",
            "IP:192.0.2.256",
            "a b",
            "EMAIL:a@b.example",
            "a@b.example",
            "a..b",
            "dns.example:443",
        ] {
            assert!(parse(text).is_err(), "{text:?}");
        }
    }
}
