//! Listeners and dialers: names, addresses, and who may or must be at the other end.

use super::check::Checked;
use super::model::{Dialer, Listener};
use super::plan::{DialerPlan, ListenerPlan};
use super::problem::ConfigProblem;
use super::side::{Defaults, DialerSide, ListenerSide};
use dwcp_pki::{AllowList, IdentityPattern, SubjectName};
use dwcp_tls::{ClientAuth, ExpectedServer};
use std::collections::BTreeSet;
use std::net::SocketAddr;

/// A listener's plan.
pub(super) fn listener(
    listener: &Listener,
    anonymous_tls: bool,
    defaults: &Defaults<'_>,
    names: &mut BTreeSet<String>,
    addresses: &mut BTreeSet<SocketAddr>,
) -> Checked<ListenerPlan> {
    let key = format!("node.listeners[{}]", listener.name);
    claim(&key, &listener.name, listener.listen, names, addresses)?;
    only_tls(&key, listener.transport.as_deref())?;
    host_and_port(&format!("{key}.target"), &listener.target)?;
    let written = listener.allow.as_deref().unwrap_or_default();
    if written.is_empty() {
        return Err(ConfigProblem::new(
            format!("{key}.allow"),
            "is missing: nobody is admitted by omission",
            "list who may come in, for example allow: [\"spiffe://example.org/node/*\"]",
        ));
    }
    let patterns = patterns(&format!("{key}.allow"), written)?;
    let anonymous = written.iter().any(|p| p == "anonymous");
    if anonymous_tls && !anonymous {
        return Err(ConfigProblem::new(
            "security.mtls.require_client_cert",
            format!("is false, but listener `{}` does not allow `anonymous`", listener.name),
            "remove the key, or add `anonymous` to that listener's allow list",
        ));
    }
    Ok(ListenerPlan {
        name: listener.name.clone(),
        listen: listener.listen,
        target: listener.target.clone(),
        client_auth: if anonymous { ClientAuth::Optional } else { ClientAuth::Required },
        allow: AllowList::new(patterns),
        tls: ListenerSide::new(&key, &listener.tls, anonymous, defaults)?,
    })
}

/// A dialer's plan.
pub(super) fn dialer(
    dialer: &Dialer,
    defaults: &Defaults<'_>,
    names: &mut BTreeSet<String>,
    addresses: &mut BTreeSet<SocketAddr>,
) -> Checked<DialerPlan> {
    let key = format!("node.dialers[{}]", dialer.name);
    claim(&key, &dialer.name, dialer.listen, names, addresses)?;
    only_tls(&key, dialer.transport.as_deref())?;
    let host = host_and_port(&format!("{key}.remote"), &dialer.remote)?;
    let name = dialer.server_name.as_deref().unwrap_or(host);
    let unnamed = || {
        ConfigProblem::new(
            format!("{key}.server_name"),
            format!("`{name}` is neither a DNS name nor an address"),
            "write the name the other node's certificate carries",
        )
    };
    let (expected, allow) = match &dialer.expect {
        None => {
            let subject = match name.parse() {
                Ok(ip) => SubjectName::Ip(ip),
                Err(_) => SubjectName::dns(name).map_err(|_| unnamed())?,
            };
            (ExpectedServer::name(subject).map_err(|_| unnamed())?, None)
        }
        Some(written) if written.is_empty() || written.iter().any(|p| p == "anonymous") => {
            return Err(ConfigProblem::new(
                format!("{key}.expect"),
                "names nobody: a server always has an identity",
                "list who the other node is, or remove the key to go by its DNS name",
            ));
        }
        Some(written) => {
            let allow = AllowList::new(patterns(&format!("{key}.expect"), written)?);
            let expected = ExpectedServer::patterns(allow.clone());
            let expected = match &dialer.server_name {
                Some(name) if name.parse::<std::net::IpAddr>().is_err() => {
                    expected.asking_for(name).map_err(|_| unnamed())?
                }
                _ => expected,
            };
            (expected, Some(allow))
        }
    };
    Ok(DialerPlan {
        name: dialer.name.clone(),
        listen: dialer.listen,
        remote: dialer.remote.clone(),
        expected,
        allow,
        tls: DialerSide::new(&key, &dialer.tls, defaults)?,
    })
}

fn claim(
    key: &str,
    name: &str,
    listen: SocketAddr,
    names: &mut BTreeSet<String>,
    addresses: &mut BTreeSet<SocketAddr>,
) -> Checked<()> {
    if !is_plain_name(name) {
        return Err(ConfigProblem::new(
            format!("{key}.name"),
            "is no plain name",
            "use letters, digits, dots and dashes, 64 at most",
        ));
    }
    if !names.insert(name.to_owned()) {
        return Err(ConfigProblem::new(
            format!("{key}.name"),
            "is taken by another listener or dialer",
            "give each its own name",
        ));
    }
    if listen.port() != 0 && !addresses.insert(listen) {
        return Err(ConfigProblem::new(
            format!("{key}.listen"),
            format!("{listen} is taken by another listener or dialer"),
            "give each its own port",
        ));
    }
    Ok(())
}

/// What can stand in a metric and a path: letters, digits, dots and dashes, 64 at most.
pub(super) fn is_plain_name(name: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    (1..=64).contains(&name.len()) && name.chars().all(plain)
}

fn only_tls(key: &str, transport: Option<&str>) -> Checked<()> {
    match transport {
        None | Some("tls") => Ok(()),
        Some(other) => Err(ConfigProblem::new(
            format!("{key}.transport"),
            format!("`{other}` is not part of this version"),
            "write `tls` or remove the key",
        )),
    }
}

/// The host of `host:port`, brackets of an IPv6 address removed; `None` where that is not what `text` is.
pub(crate) fn host_of(text: &str) -> Option<&str> {
    let (host, port) = text.rsplit_once(':')?;
    let port: u16 = port.parse().ok()?;
    let host = host.strip_prefix('[').and_then(|h| h.strip_suffix(']')).unwrap_or(host);
    (!host.is_empty() && port != 0 && host.len() <= 255).then_some(host)
}

fn host_and_port<'a>(key: &str, text: &'a str) -> Checked<&'a str> {
    host_of(text).ok_or_else(|| {
        ConfigProblem::new(key, format!("`{text}` is not host:port"), "write for example 10.0.0.7:5432")
    })
}

pub(super) fn patterns(key: &str, written: &[String]) -> Checked<Vec<IdentityPattern>> {
    let parse = |text: &String| {
        text.parse().map_err(|error| {
            ConfigProblem::new(
                key,
                format!("`{text}`: {error}"),
                "write spiffe://domain/path/*, dns:*.example, pin:sha256/BASE64 or anonymous",
            )
        })
    };
    written.iter().map(parse).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_host_of_an_endpoint_is_what_stands_before_its_port() {
        let longest = "a".repeat(255);
        for host in ["localhost", "10.0.0.7", &longest] {
            assert_eq!(host_of(&format!("{host}:5432")), Some(host));
        }
        assert_eq!(host_of("[::1]:65535"), Some("::1"));
        for bad in ["", ":", "a", "a:", ":1", "[]:1", "a:0", "a:65536", "a:-1", "a:b", "a:1 ", "http://a"] {
            assert_eq!(host_of(bad), None, "{bad}");
        }
        assert_eq!(host_of(&format!("{longest}a:1")), None);
    }
}
