//! Cells in which the peer is the server and we dial it.

use crate::cells::Cells;
use crate::ours::{self, Session, UPDATES, dial, echoed, node, rest, runtime, within};
use crate::process::{Mark, wait_for};
use crate::table::{BAD, GROUPS, SUITES, bulk, contains_hex};
use crate::trouble::{Outcome, Trouble, ensure, failed, lacks, told};
use crate::wish::{LABEL, Server, Serving, Speech, Wish, tail};
use crate::world::{SERVER, STRANGERS, World};
use dwcp_base::Coded;
use dwcp_tls::{
    ClientIdentity, ClientSettings, ExpectedServer, Group, Resumption, TlsError, TlsManager, TlsPolicy,
};
use std::cell::RefCell;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::runtime::Runtime;

/// Runs every cell that `peer` has in this role.
pub(crate) fn run(peer: &dyn Server) {
    let world = World::new();
    let desk = Desk { peer, world: &world, runtime: runtime(), running: RefCell::default() };
    let mut cells = Cells::of(peer.name(), "server");
    let plain = Wish::server();
    for (cell, suite) in SUITES {
        cells.run(cell, || desk.agrees(&plain, |policy| policy.with_suites(&[suite]).unwrap()));
    }
    for (cell, group) in GROUPS {
        cells.run(cell, || match peer.has(group) {
            true => desk.agrees(&plain, |policy| policy.with_groups(&[group]).unwrap()),
            false => lacks("this group"),
        });
    }
    for (cell, shows) in
        [("key.p256", "server-p256"), ("key.p384", "server-p384"), ("key.ed25519", "server-ed25519")]
    {
        cells.run(cell, || match peer.knows_ed25519() || !cell.ends_with("ed25519") {
            true => desk.agrees(&Wish { shows: Some(shows), ..Wish::server() }, |policy| policy),
            false => lacks("this kind of key"),
        });
    }
    let asking = Wish { asks: true, ..Wish::server() };
    for (cell, shown) in
        [("mutual.p256", "client-p256"), ("mutual.p384", "client-p384"), ("mutual.ed25519", "client-ed25519")]
    {
        cells.run(cell, || match peer.knows_ed25519() || !cell.ends_with("ed25519") {
            true => desk.mutual(&asking, shown),
            false => lacks("this kind of key"),
        });
    }
    cells.run("mutual.missing", || {
        let settings = ClientSettings::new().with_identity(ClientIdentity::Anonymous);
        desk.turned_away(&asking, settings)
    });
    cells.run("mutual.unknown_ca", || {
        desk.turned_away(&Wish { trusts: STRANGERS, ..asking.clone() }, ClientSettings::new())
    });
    cells.run("retry", || desk.retried());
    cells.run("resumed", || desk.resumed(&plain, false));
    cells.run("resumed.mutual", || desk.resumed(&asking, true));
    cells.run("bad.name", || {
        desk.refused(&Wish { shows: Some("server-misnamed"), ..Wish::server() }, "tls.certificate.wrong_name")
    });
    for (cell, kind, code) in BAD {
        let shows = ["server-expired", "server-revoked", "server-purpose", "server-stranger"];
        let shows = shows.into_iter().find(|name| name.ends_with(kind));
        cells.run(cell, || desk.refused(&Wish { shows, ..Wish::server() }, code));
    }
    cells.run("tls12", || desk.refused(&Wish { old: true, ..Wish::server() }, "tls.protocol.weak"));
    let speaks = Wish { alpn: Some("http/1.1"), ..Wish::server() };
    cells.run("alpn.agreed", || desk.alpn(&speaks));
    cells.run("alpn.mismatched", || desk.alpn_mismatched(&speaks));
    cells.run("bulk", || desk.bulk(&plain));
    cells.run("bulk.mutual", || desk.bulk(&asking));
    cells.run("update.ours", || desk.updates_ours(&plain));
    cells.run("update.theirs", || desk.updates_theirs());
    cells.run("exporter", || desk.exporter());
    cells.run("close.truncated", || desk.truncated(&plain));
    cells.finish(&peer.version());
}

struct Desk<'a> {
    peer: &'a dyn Server,
    world: &'a World,
    runtime: Runtime,
    /// The server that was started last, for the next cell that wants the same.
    running: RefCell<Option<(Wish, Serving)>>,
}

impl Desk<'_> {
    /// A server as wished for, running or started now, and where its output stands.
    fn server(&self, wish: &Wish) -> Result<(u16, Mark, Speech), Trouble> {
        let mut running = self.running.borrow_mut();
        let usable =
            running.as_mut().is_some_and(|(known, serving)| known == wish && !serving.process.is_over());
        if !usable {
            *running = None;
            *running = Some((wish.clone(), self.peer.start(self.world, wish)?));
        }
        let (_, serving) = running.as_ref().ok_or_else(|| failed("no server"))?;
        Ok((serving.port, serving.process.mark(), serving.speech))
    }

    fn said(&self, since: Mark) -> String {
        let running = self.running.borrow();
        running.as_ref().map(|(_, serving)| serving.process.said_since(since)).unwrap_or_default()
    }

    fn node(&self, shows: &str, policy: TlsPolicy) -> TlsManager {
        node(self.world, shows, policy)
    }

    fn connect(
        &self,
        wish: &Wish,
        settings: ClientSettings,
        policy: TlsPolicy,
    ) -> Result<(Session, Speech), Trouble> {
        let (port, mark, speech) = self.server(wish)?;
        let node = self.node("client-p256", policy);
        let session = self.runtime.block_on(dial(&node, settings, SERVER, port));
        let session = session.map_err(|error| {
            failed(format!("{}: {error:?}; it says {}", error.code(), tail(&self.said(mark))))
        })?;
        Ok((session, speech))
    }

    /// Words go both ways.
    fn talk(&self, session: &mut Session, speech: Speech) -> Result<(), Trouble> {
        self.runtime.block_on(async {
            match speech {
                Speech::Echo => echoed(session, b"there and back\n").await,
                Speech::Http => {
                    let answer = request(session, "ours.pem").await?;
                    let there = answer.starts_with(b"HTTP/1.0 200 OK") && answer.ends_with(b"\r\n");
                    ensure(there, || format!("it answers {}", String::from_utf8_lossy(&answer)))
                }
            }
        })
    }

    /// A handshake under a policy of ours that leaves no choice, or all.
    fn agrees(&self, wish: &Wish, narrow: impl FnOnce(TlsPolicy) -> TlsPolicy) -> Outcome {
        let policy = narrow(TlsPolicy::new());
        let (mut session, speech) = self.connect(wish, ClientSettings::new(), policy.clone())?;
        self.talk(&mut session, speech)?;
        let facts = session.facts();
        ensure(policy.suites().contains(&facts.suite) && policy.groups().contains(&facts.group), || {
            format!("{facts:?}")
        })?;
        Ok(match (policy.suites(), &policy.groups()[..]) {
            ([suite], _) => format!("agreed on {suite}"),
            (_, [group]) => format!("agreed on {group}"),
            _ => "accepted".to_owned(),
        })
    }

    fn mutual(&self, wish: &Wish, shown: &str) -> Outcome {
        let (port, mark, speech) = self.server(wish)?;
        let node = self.node(shown, TlsPolicy::new());
        let mut session = self.runtime.block_on(dial(&node, ClientSettings::new(), SERVER, port))?;
        self.talk(&mut session, speech)
            .map_err(|trouble| failed(format!("{trouble:?}; it says {}", tail(&self.said(mark)))))?;
        Ok("both proved who they are".to_owned())
    }

    /// The peer refuses us, which a client of TLS 1.3 learns when it reads.
    fn turned_away(&self, wish: &Wish, settings: ClientSettings) -> Outcome {
        let (port, ..) = self.server(wish)?;
        let node = self.node("client-p256", TlsPolicy::new());
        let error = self.runtime.block_on(async {
            match dial(&node, settings, SERVER, port).await {
                Ok(mut session) => rest(&mut session).await.err(),
                Err(error) => Some(error),
            }
        });
        let error = error.ok_or_else(|| failed("it closes without an alert"))?;
        ensure(matches!(error, TlsError::PeerAlert(_)), || format!("{error:?}"))?;
        Ok(format!("it refuses, `{}`", error.code()))
    }

    /// We refuse the peer; both the reason and what it was told are looked at.
    fn refused(&self, wish: &Wish, code: &str) -> Outcome {
        let (port, mark, _) = self.server(wish)?;
        let node = self.node("client-p256", TlsPolicy::new());
        let error = match self.runtime.block_on(dial(&node, ClientSettings::new(), SERVER, port)) {
            Ok(_) => return Err(failed("it was accepted")),
            Err(error) => error,
        };
        if let (true, TlsError::PeerAlert(alert)) = (wish.old, &error) {
            // RFC 9846 §4.2.1 has it say protocol_version, which is an offer of something older; this one says less.
            return Ok(format!("it refuses, `{}`", alert.code()));
        }
        ensure(error.code() == code, || format!("refused with {}: {error:?}", error.code()))?;
        if wish.old {
            return Ok(format!("refused, `{code}`"));
        }
        if !self.peer.names_alerts() {
            return Ok(format!("refused, `{code}`"));
        }
        let alert = wait_for("an alert", || told(&self.said(mark)))
            .map_err(|_| failed(format!("it names no alert: {}", tail(&self.said(mark)))))?;
        let expected = match code {
            "tls.certificate.expired" => "certificate_expired",
            "tls.certificate.revoked" => "certificate_revoked",
            "tls.certificate.wrong_purpose" => "unsupported_certificate",
            "tls.certificate.unknown_issuer" => "unknown_ca",
            _ => "bad_certificate",
        };
        ensure(alert == expected, || format!("it was told {alert}, not {expected}"))?;
        Ok(format!("refused, `{code}`, told {alert}"))
    }

    /// Our first shares are in groups that the peer does not take.
    fn retried(&self) -> Outcome {
        let wish = Wish { group: Some(Group::P384), ..Wish::server() };
        let (mut session, speech) = self.connect(&wish, ClientSettings::new(), TlsPolicy::new())?;
        self.talk(&mut session, speech)?;
        let facts = session.facts();
        ensure(facts.retried && facts.group == Group::P384, || format!("{facts:?}"))?;
        Ok("HelloRetryRequest, then agreed on secp384r1".to_owned())
    }

    fn resumed(&self, wish: &Wish, mutual: bool) -> Outcome {
        let (port, ..) = self.server(wish)?;
        let node = self.node("client-p256", TlsPolicy::new());
        let identity = if mutual { ClientIdentity::Credential } else { ClientIdentity::Anonymous };
        let connector = node.client(ClientSettings::new().with_identity(identity))?;
        let expected = ExpectedServer::name(format!("DNS:{SERVER}").parse().unwrap())?;
        let mut kinds = Vec::new();
        for _ in 0..2 {
            let (_, _, speech) = self.server(wish)?;
            let mut session = self.runtime.block_on(ours::visit(&connector, &expected, port))?;
            self.talk(&mut session, speech)?;
            kinds.push(session.facts().resumed);
            // Some servers store a session only when it was closed well.
            self.runtime.block_on(within(session.shutdown()))??;
        }
        ensure(kinds == [Resumption::Full, Resumption::Resumed], || format!("{kinds:?}"))?;
        Ok("the ticket is taken".to_owned())
    }

    fn alpn(&self, wish: &Wish) -> Outcome {
        let settings = ClientSettings::new().with_alpn(["dwcp/1", "http/1.1"]);
        let (session, _) = self.connect(wish, settings, TlsPolicy::new())?;
        let agreed = session.facts().alpn.as_deref().map(String::from_utf8_lossy);
        ensure(agreed.as_deref() == wish.alpn, || format!("{agreed:?}"))?;
        Ok("agreed on http/1.1".to_owned())
    }

    /// RFC 7301 §3.2 has the server refuse; some go on without a protocol, which we take or not as we are told.
    fn alpn_mismatched(&self, wish: &Wish) -> Outcome {
        let (port, ..) = self.server(wish)?;
        let node = self.node("client-p256", TlsPolicy::new());
        let settings = || ClientSettings::new().with_alpn(["dwcp/1"]);
        let strict = settings().without_alpn(dwcp_tls::WithoutAlpn::Refuse);
        let refused = match self.runtime.block_on(dial(&node, strict, SERVER, port)) {
            Ok(_) => return Err(failed("we go on although no protocol was agreed on")),
            Err(error) => error.code(),
        };
        match self.runtime.block_on(dial(&node, settings(), SERVER, port)) {
            Ok(session) if session.facts().alpn.is_none() => {
                Ok(format!("it agrees on none: `{refused}` where we insist"))
            }
            Ok(session) => Err(failed(format!("{:?}", session.facts()))),
            Err(error) => Ok(format!("it refuses, `{}`", error.code())),
        }
    }

    fn bulk(&self, wish: &Wish) -> Outcome {
        let bulk = bulk();
        let (mut session, speech) = self.connect(wish, ClientSettings::new(), TlsPolicy::new())?;
        match speech {
            Speech::Echo => {
                self.runtime.block_on(echoed(&mut session, &bulk))?;
                Ok("1 MiB there and back".to_owned())
            }
            Speech::Http => lacks("its tool answers once and closes"),
        }
    }

    fn updates_ours(&self, wish: &Wish) -> Outcome {
        let (mut session, speech) = self.connect(wish, ClientSettings::new(), TlsPolicy::new())?;
        if speech != Speech::Echo {
            return lacks("its tool answers once and closes");
        }
        for number in 0..UPDATES {
            session.refresh_keys()?;
            self.runtime.block_on(echoed(&mut session, format!("{number} after the update\n").as_bytes()))?;
            std::thread::sleep(self.peer.breath());
        }
        Ok(format!("{UPDATES} of ours followed"))
    }

    fn updates_theirs(&self) -> Outcome {
        let wish = Wish { commands: true, ..Wish::server() };
        let (mut session, _) = self.connect(&wish, ClientSettings::new(), TlsPolicy::new())?;
        let mut lines = 0;
        for number in 1..=UPDATES {
            if let Some((_, serving)) = self.running.borrow_mut().as_mut() {
                self.peer.update(serving)?;
            }
            // It tells of the update, and takes the next command for one, once it printed something of ours.
            loop {
                lines += 1;
                self.runtime.block_on(said(&mut session, b"after the update\n"))?;
                let all = || {
                    let told = self.said(Mark::default());
                    (told.matches("after the update").count() == lines).then_some(told)
                };
                let told = wait_for("the line after the update", all)?;
                if self.peer.updated(&told) == number {
                    break;
                }
                ensure(lines < 10 * UPDATES, || "it does not update its keys".to_owned())?;
            }
            // An update alone is no conversation: 32 of them without a word in between are refused.
            if let Some((_, serving)) = self.running.borrow_mut().as_mut() {
                serving.process.write(b"under new keys\n")?;
            }
            let mut heard = [0; 15];
            self.runtime.block_on(async { within(session.read_exact(&mut heard)).await })??;
            ensure(heard == *b"under new keys\n", || String::from_utf8_lossy(&heard).into_owned())?;
        }
        Ok(format!("{UPDATES} of theirs followed"))
    }

    fn exporter(&self) -> Outcome {
        let wish = Wish { exports: true, ..Wish::server() };
        let (_, mark, _) = self.server(&wish)?;
        let (mut session, _) = self.connect(&wish, ClientSettings::new(), TlsPolicy::new())?;
        // Some print nothing before they have read something.
        self.runtime.block_on(said(&mut session, b"GET /ours.pem HTTP/1.0\r\n\r\n"))?;
        let ours = session.export(LABEL.as_bytes(), b"", 32)?;
        let hex: String = ours.expose().iter().map(|byte| format!("{byte:02x}")).collect();
        wait_for("the same keying material", || contains_hex(&self.said(mark), &hex).then_some(()))
            .map_err(|_| failed(format!("no {hex} in {}", tail(&self.said(mark)))))?;
        Ok("32 equal bytes".to_owned())
    }

    /// A server that is killed says nothing; what was read of it may be cut.
    fn truncated(&self, wish: &Wish) -> Outcome {
        let (mut session, speech) = self.connect(wish, ClientSettings::new(), TlsPolicy::new())?;
        if speech != Speech::Echo {
            return lacks("its tool answers once and closes");
        }
        self.talk(&mut session, speech)?;
        if let Some((_, serving)) = self.running.borrow_mut().as_mut() {
            serving.process.kill();
        }
        *self.running.borrow_mut() = None;
        match self.runtime.block_on(rest(&mut session)) {
            Err(error @ TlsError::Truncated) => Ok(format!("`{}`", error.code())),
            other => Err(failed(format!("{other:?}"))),
        }
    }
}

/// Everything the server answers to a request for a file.
async fn request(session: &mut Session, file: &str) -> Result<Vec<u8>, Trouble> {
    said(session, format!("GET /{file} HTTP/1.0\r\n\r\n").as_bytes()).await?;
    Ok(rest(session).await?)
}

async fn said(session: &mut Session, words: &[u8]) -> Result<(), Trouble> {
    within(session.write_all(words)).await??;
    Ok(within(session.flush()).await??)
}
