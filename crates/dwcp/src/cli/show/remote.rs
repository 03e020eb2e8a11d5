//! What a server shows of itself: `dwcp cert show https://HOST[:PORT]`.

use super::super::exit::{Exit, Failure};
use super::super::up;
use crate::config::host_of;
use dwcp_base::Coded;
use dwcp_pki::SubjectName;
use dwcp_pki::inspect::{Contents, InspectedCertificate};
use dwcp_tls::{ExpectedServer, HANDSHAKE_DEADLINE, TlsError, TlsPolicy, presented_by};
use std::io;
use tokio::net::TcpStream;
use tokio::time::timeout;

/// Asks the server behind `url` for its certificates, and believes none of them.
pub(super) fn contents(url: &str) -> Result<Contents, Failure> {
    let (server, address) = destination(url).ok_or_else(|| {
        Failure::plain(
            Exit::Usage,
            format!("`{url}` is no server"),
            "it takes https://, a name or an address, and perhaps a colon and a port",
            "write for example https://db.example.org:7443",
        )
    })?;
    let runtime = up::runtime()?;
    let shown = runtime.block_on(ask(&server, &address)).map_err(|error| {
        let what = format!("{address} showed no certificate");
        let fix = "check the address, and that a TLS 1.3 server listens there under this name";
        Failure::new(Exit::Unavailable, what, &error, fix).coded(&error)
    })?;
    let documents = shown.iter().take(dwcp_pki::MAX_PRESENTED).map(|der| {
        InspectedCertificate::from_der(der)
            .map(|read| dwcp_pki::inspect::Inspected::Certificate(Box::new(read)))
    });
    Ok(Contents::of(documents.collect()))
}

/// Whom to ask for, and where to dial.
fn destination(url: &str) -> Option<(ExpectedServer, String)> {
    let rest = url.strip_prefix("https://")?;
    let authority = rest.strip_suffix('/').unwrap_or(rest);
    if authority.contains(['/', '@', '?', '#', ' ']) {
        return None;
    }
    let address = match host_of(authority) {
        Some(_) => authority.to_owned(),
        None => format!("{authority}:443"),
    };
    let host = host_of(&address)?;
    let name = match host.parse() {
        Ok(ip) => SubjectName::Ip(ip),
        Err(_) => SubjectName::dns(host).ok()?,
    };
    Some((ExpectedServer::name(name).ok()?, address))
}

async fn ask(
    server: &ExpectedServer,
    address: &str,
) -> Result<Vec<rustls_pki_types::CertificateDer<'static>>, Unasked> {
    let dialed = timeout(HANDSHAKE_DEADLINE, TcpStream::connect(address)).await;
    let stream = dialed.map_err(|_| Unasked::Dial(io::ErrorKind::TimedOut.into()))?.map_err(Unasked::Dial)?;
    Ok(presented_by(stream, server, &TlsPolicy::default(), HANDSHAKE_DEADLINE).await?)
}

/// Why no certificate came.
#[derive(Debug, thiserror::Error)]
enum Unasked {
    #[error("the server was not reached")]
    Dial(#[source] io::Error),
    #[error("the handshake ended before a certificate was shown")]
    Tls(#[from] TlsError),
}

impl Coded for Unasked {
    fn code(&self) -> &'static str {
        match self {
            Self::Dial(_) => "channel.dial.unreachable",
            Self::Tls(error) => error.code(),
        }
    }

    fn blame(&self) -> dwcp_base::Blame {
        match self {
            Self::Dial(_) => dwcp_base::Blame::Network,
            Self::Tls(error) => error.blame(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_are_written_as_everybody_writes_them() {
        for (url, address) in [
            ("https://a.example", Some("a.example:443")),
            ("https://a.example/", Some("a.example:443")),
            ("https://a.example:8443", Some("a.example:8443")),
            ("https://192.0.2.1", Some("192.0.2.1:443")),
            ("https://[2001:db8::1]", Some("[2001:db8::1]:443")),
            ("https://[2001:db8::1]:9", Some("[2001:db8::1]:9")),
            ("https://", None),
            ("https://a.example/path", None),
            ("https://user@a.example", None),
            ("https://a.example:0", None),
            ("https://a b", None),
            ("http://a.example", None),
        ] {
            assert_eq!(destination(url).map(|(_, address)| address).as_deref(), address, "{url}");
        }
    }
}
