//! A machine and a port, as addresses are written.

use crate::config::host_of;
use std::fmt;
use std::str::FromStr;
use thiserror::Error;

/// `host:port`; an IPv6 address stands in brackets. 261 bytes at most.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    host: String,
    port: u16,
}

/// A text that names no machine and port.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("it is not host:port")]
pub(crate) struct BadPlace;

impl Place {
    /// A host (a name or an address, without brackets) and a port.
    pub(super) fn new(host: &str, port: u16) -> Self {
        Self { host: host.to_owned(), port }
    }

    /// The host, without brackets.
    pub(crate) fn host(&self) -> &str {
        &self.host
    }

    /// The port.
    pub(crate) fn port(&self) -> u16 {
        self.port
    }
}

impl FromStr for Place {
    type Err = BadPlace;

    fn from_str(text: &str) -> Result<Self, BadPlace> {
        let host = host_of(text).ok_or(BadPlace)?;
        let port = text.rsplit_once(':').and_then(|(_, port)| port.parse().ok()).ok_or(BadPlace)?;
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        let good = match text.starts_with('[') {
            true => host.parse::<std::net::Ipv6Addr>().is_ok(),
            false => host.chars().all(plain),
        };
        if !good {
            return Err(BadPlace);
        }
        Ok(Self::new(host, port))
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.host.contains(':') {
            true => write!(f, "[{}]:{}", self.host, self.port),
            false => write!(f, "{}:{}", self.host, self.port),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_a_host_and_a_port_and_nothing_around_them() {
        for good in ["a.example.org:9443", "10.0.0.7:1", "[::1]:65535", "node_1:80"] {
            assert_eq!(good.parse::<Place>().map(|place| place.to_string()), Ok(good.to_owned()));
        }
        for bad in
            ["", "a", "a:", "a:0", ":1", "::1:80", "a b:1", "u@a:1", "a/b:1", "a?b:1", "a\n:1", "[a]:1"]
        {
            assert_eq!(bad.parse::<Place>(), Err(BadPlace), "{bad}");
        }
    }
}
