//! HTTP-01 at every address of the machine.

use super::acme_settings::problem;
use super::error::NodeError;
use dwcp_pki::BoxFuture;
use dwcp_pki_acme::{ChallengeAnswer, ChallengeKind, Http01Responder, Presented, Responder, ResponderError};
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// What listens: on most systems one socket for both families, on some one for each.
pub(super) struct Everywhere {
    first: Http01Responder,
    second: Option<Http01Responder>,
}

impl Everywhere {
    /// Listens at `port` of IPv6 and of IPv4. A machine without IPv6 goes without; a port that somebody else has is an error, since an
    /// authority would ask there.
    pub(super) async fn listen(port: u16) -> Result<Self, NodeError> {
        let any = |ip: IpAddr| SocketAddr::new(ip, port);
        let (six, four) = (any(Ipv6Addr::UNSPECIFIED.into()), any(Ipv4Addr::UNSPECIFIED.into()));
        let first = match Http01Responder::listen(six).await {
            Ok(first) => first,
            Err(error) if lacks_the_family(&error) => {
                let first = Http01Responder::listen(four).await.map_err(unbound)?;
                return Ok(Self { first, second: None });
            }
            Err(error) => return Err(unbound(error)),
        };
        // The same port, where it was left to be chosen.
        let four = SocketAddr::new(four.ip(), first.address().port());
        match Http01Responder::listen(four).await {
            // Sockets of IPv6 take IPv4 here only where they are told to.
            Ok(second) => Ok(Self { first, second: Some(second) }),
            // It is the first one's already, which takes both; or there is no IPv4 here.
            Err(error) if is_taken(&error) || lacks_the_family(&error) => Ok(Self { first, second: None }),
            Err(error) => Err(unbound(error)),
        }
    }
}

impl Responder for Everywhere {
    fn kinds(&self) -> &[ChallengeKind] {
        self.first.kinds()
    }

    fn present<'a>(
        &'a self,
        answer: ChallengeAnswer<'a>,
    ) -> BoxFuture<'a, Result<Presented, ResponderError>> {
        Box::pin(async move {
            let first = self.first.present(answer).await?;
            let Some(second) = &self.second else { return Ok(first) };
            let second = second.present(answer).await?;
            Ok(Presented::new(move || drop((first, second))))
        })
    }
}

fn lacks_the_family(error: &ResponderError) -> bool {
    let ResponderError::Listen { source, .. } = error else { return false };
    let without =
        source.kind() == io::ErrorKind::AddrNotAvailable || source.kind() == io::ErrorKind::Unsupported;
    // The standard library has no kind of its own for a family that the system lacks.
    without || source.raw_os_error().is_some_and(|code| code == rustix::io::Errno::AFNOSUPPORT.raw_os_error())
}

fn is_taken(error: &ResponderError) -> bool {
    matches!(error, ResponderError::Listen { source, .. } if source.kind() == io::ErrorKind::AddrInUse)
}

fn unbound(error: ResponderError) -> NodeError {
    match error {
        ResponderError::Listen { address, source } => NodeError::Bind {
            what: "security.cert_management.acme.http_challenge_port".to_owned(),
            address,
            source,
        },
        other => problem("http_challenge_port", &other, &other.fix()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use dwcp_pki::SubjectName;
    use std::io::{Read, Write};
    use std::net::{TcpListener, TcpStream};

    fn failed(kind: io::Error) -> ResponderError {
        ResponderError::Listen { address: SocketAddr::from(([0, 0, 0, 0], 80)), source: kind }
    }

    #[test]
    fn a_port_that_is_taken_is_no_reason_to_listen_on_ipv4_alone() {
        assert!(lacks_the_family(&failed(io::ErrorKind::AddrNotAvailable.into())));
        assert!(lacks_the_family(&failed(rustix::io::Errno::AFNOSUPPORT.into())));
        for other in [io::ErrorKind::AddrInUse, io::ErrorKind::PermissionDenied, io::ErrorKind::Other] {
            assert!(!lacks_the_family(&failed(other.into())), "{other}");
        }
    }

    #[tokio::test]
    async fn whoever_holds_the_port_of_ipv6_keeps_the_node_from_starting() {
        let Ok(held) = TcpListener::bind("[::1]:0") else { return };
        let port = held.local_addr().unwrap().port();
        let Err(error) = Everywhere::listen(port).await else { panic!("it listens beside the other one") };
        assert!(matches!(error, NodeError::Bind { .. }), "{error}");
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn an_answer_is_there_over_both_families_and_gone_with_its_guard() {
        let everywhere = Everywhere::listen(0).await.unwrap();
        let port = everywhere.first.address().port();
        let name = SubjectName::dns("a.example").unwrap();
        let key_authorization = format!("token.{}", "x".repeat(43));
        let kind = ChallengeKind::Http01;
        let answer =
            ChallengeAnswer { kind, name: &name, token: "token", key_authorization: &key_authorization };
        let presented = everywhere.present(answer).await.unwrap();
        let ask = move |host: &'static str| {
            let mut stream = TcpStream::connect((host, port)).unwrap();
            let head =
                "GET /.well-known/acme-challenge/token HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
            stream.write_all(head.as_bytes()).unwrap();
            let mut said = String::new();
            stream.read_to_string(&mut said).unwrap();
            said
        };
        let mut hosts = vec!["127.0.0.1"];
        if TcpListener::bind("[::1]:0").is_ok() {
            hosts.push("::1");
        }
        for host in &hosts {
            let host = *host;
            let said = tokio::task::spawn_blocking(move || ask(host)).await.unwrap();
            assert!(said.starts_with("HTTP/1.1 200") && said.ends_with(&key_authorization), "{host}: {said}");
        }
        drop(presented);
        for host in hosts {
            let said = tokio::task::spawn_blocking(move || ask(host)).await.unwrap();
            assert!(said.starts_with("HTTP/1.1 404"), "{host}: {said}");
        }
    }
}
