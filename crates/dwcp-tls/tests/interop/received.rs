//! Cells in which the peer is the client and we serve it.

use crate::cells::Cells;
use crate::ours::{Door, REFRESH, UPDATES, node, runtime};
use crate::process::wait_for;
use crate::table::{BAD, GROUPS, SUITES, bulk, contains_hex};
use crate::trouble::{Outcome, Trouble, ensure, failed, lacks};
use crate::wish::{Client, Visit, Wish, tail};
use crate::world::{STRANGERS, World};
use dwcp_base::Coded;
use dwcp_tls::{ClientAuth, Group, Resumption, ServerSettings, TlsError, TlsPolicy};

const WORD: &[u8] = b"there and back\n";

/// Runs every cell that `peer` has in this role.
pub(crate) fn run(peer: &dyn Client) {
    let world = World::new();
    let runtime = runtime();
    let desk = Desk { peer, world: &world, door: Door::open(&runtime) };
    let mut cells = Cells::of(peer.name(), "client");
    let plain = Wish::client();
    for (cell, suite) in SUITES {
        cells.run(cell, || {
            desk.agrees(&plain, "server-p256", TlsPolicy::new().with_suites(&[suite]).unwrap())
        });
    }
    for (cell, group) in GROUPS {
        cells.run(cell, || match peer.has(group) {
            true => desk.agrees(&plain, "server-p256", TlsPolicy::new().with_groups(&[group]).unwrap()),
            false => lacks("this group"),
        });
    }
    for (cell, shown) in
        [("key.p256", "server-p256"), ("key.p384", "server-p384"), ("key.ed25519", "server-ed25519")]
    {
        cells.run(cell, || match peer.knows_ed25519() || !cell.ends_with("ed25519") {
            true => desk.agrees(&plain, shown, TlsPolicy::new()),
            false => lacks("this kind of key"),
        });
    }
    for (cell, shows) in
        [("mutual.p256", "client-p256"), ("mutual.p384", "client-p384"), ("mutual.ed25519", "client-ed25519")]
    {
        cells.run(cell, || match peer.knows_ed25519() || !cell.ends_with("ed25519") {
            true => desk.mutual(&Wish { shows: Some(shows), ..Wish::client() }),
            false => lacks("this kind of key"),
        });
    }
    cells.run("mutual.missing", || desk.refused(&plain, "tls.certificate.missing", "certificate_required"));
    cells.run("retry", || desk.retried());
    let returns = Wish { returns: true, ..Wish::client() };
    cells.run("resumed", || desk.resumed(&returns, ClientAuth::Optional));
    let known = Wish { shows: Some("client-p256"), ..returns };
    cells.run("resumed.mutual", || desk.resumed(&known, ClientAuth::Required));
    for (cell, kind, code) in BAD {
        let shows = ["client-expired", "client-revoked", "client-purpose", "client-stranger"];
        let shows = shows.into_iter().find(|name| name.ends_with(kind));
        let alert = match kind {
            "expired" => "certificate_expired",
            "revoked" => "certificate_revoked",
            "purpose" => "unsupported_certificate",
            _ => "unknown_ca",
        };
        cells.run(cell, || desk.refused(&Wish { shows, ..Wish::client() }, code, alert));
    }
    cells.run("name.unknown", || {
        desk.refused(&Wish { name: "nobody.mesh", ..Wish::client() }, "tls.name.unknown", "unrecognized_name")
    });
    cells.run("name.misnamed", || desk.turned_away(&plain, "server-misnamed"));
    cells.run("ours.unknown_ca", || {
        desk.turned_away(&Wish { trusts: STRANGERS, ..Wish::client() }, "server-p256")
    });
    cells.run("tls12", || {
        desk.refused(&Wish { old: true, ..Wish::client() }, "tls.protocol.weak", "protocol_version")
    });
    let speaks = Wish { alpn: Some("http/1.1"), ..Wish::client() };
    cells.run("alpn.agreed", || desk.alpn(&speaks));
    cells.run("alpn.mismatched", || desk.alpn_mismatched(&speaks));
    cells.run("bulk", || desk.bulk(&plain, ClientAuth::Optional));
    cells.run("bulk.mutual", || {
        desk.bulk(&Wish { shows: Some("client-p256"), ..Wish::client() }, ClientAuth::Required)
    });
    cells.run("update.ours", || desk.updates_ours(&plain));
    cells.run("update.theirs", || desk.updates_theirs());
    cells.run("exporter", || desk.exporter());
    cells.run("close.notify", || desk.closes(&plain));
    cells.run("close.truncated", || desk.truncates(&plain));
    cells.finish(&peer.version());
}

struct Desk<'a> {
    peer: &'a dyn Client,
    world: &'a World,
    door: Door,
}

impl Desk<'_> {
    fn serve(&self, shown: &str, settings: ServerSettings, policy: TlsPolicy) {
        self.door.set(&node(self.world, shown, policy), settings);
    }

    fn visit(&self, wish: &Wish) -> Result<Visit, Trouble> {
        self.peer.start(self.world, self.door.port, wish)
    }

    /// A visit during which words go both ways.
    fn talk(&self, wish: &Wish) -> Result<Visit, Trouble> {
        let mut visit = self.visit(wish)?;
        visit.exchange(WORD).map_err(|trouble| match self.door.refusal(|error| format!("{error:?}")) {
            Ok(refused) => failed(format!("{trouble:?}; refused with {refused}")),
            Err(_) => trouble,
        })?;
        Ok(visit)
    }

    fn agrees(&self, wish: &Wish, shown: &str, policy: TlsPolicy) -> Outcome {
        self.serve(shown, open(), policy.clone());
        let _visit = self.talk(wish)?;
        let (facts, ..) = self.door.guest(0)?;
        ensure(policy.suites().contains(&facts.suite) && policy.groups().contains(&facts.group), || {
            format!("{facts:?}")
        })?;
        Ok(match (policy.suites(), &policy.groups()[..]) {
            ([suite], _) => format!("agreed on {suite}"),
            (_, [group]) => format!("agreed on {group}"),
            _ => "accepted".to_owned(),
        })
    }

    fn mutual(&self, wish: &Wish) -> Outcome {
        self.serve("server-p256", ServerSettings::new(ClientAuth::Required), TlsPolicy::new());
        let _visit = self.talk(wish)?;
        let (_, who, _) = self.door.guest(0)?;
        ensure(who == "spiffe://mesh/client", || who.clone())?;
        Ok("both proved who they are".to_owned())
    }

    /// We refuse the peer; both the reason and what it was told are looked at.
    fn refused(&self, wish: &Wish, code: &str, expected: &str) -> Outcome {
        let settings =
            ServerSettings::new(if wish.old { ClientAuth::Optional } else { ClientAuth::Required });
        self.serve("server-p256", settings, TlsPolicy::new());
        let mut visit = self.visit(wish)?;
        visit.knock();
        let found = self.door.refusal(|error| (error.code(), format!("{error:?}")))?;
        ensure(found.0 == code, || format!("refused with {found:?}"))?;
        let alert = visit.told()?;
        ensure(alert == expected, || format!("it was told {alert}, not {expected}"))?;
        Ok(format!("refused, `{code}`, told {alert}"))
    }

    /// The peer refuses us and says why.
    fn turned_away(&self, wish: &Wish, shown: &str) -> Outcome {
        self.serve(shown, open().with_unknown_name(dwcp_tls::UnknownName::Serve), TlsPolicy::new());
        let mut visit = self.visit(wish)?;
        visit.knock();
        let code = self.door.refusal(|error| {
            matches!(error, TlsError::PeerAlert(_) | TlsError::PeerClosed(_) | TlsError::Transport(_))
                .then(|| error.code())
                .ok_or_else(|| failed(format!("{error:?}")))
        });
        match code {
            Ok(code) => Ok(format!("it refuses, `{}`", code?)),
            // It can finish the handshake first, and look at the name then.
            Err(_) => {
                wait_for("its end", || visit.process.is_over().then_some(()))?;
                ensure(visit.process.out().is_empty(), || "it talks to us".to_owned())?;
                Ok("it leaves after the handshake".to_owned())
            }
        }
    }

    /// The peer's first shares are in groups that we do not take.
    fn retried(&self) -> Outcome {
        self.serve("server-p256", open(), TlsPolicy::new().with_groups(&[Group::P384]).unwrap());
        let _visit = self.talk(&Wish::client())?;
        let (facts, ..) = self.door.guest(0)?;
        ensure(facts.retried && facts.group == Group::P384, || format!("{facts:?}"))?;
        Ok("HelloRetryRequest, then agreed on secp384r1".to_owned())
    }

    fn resumed(&self, wish: &Wish, client_auth: ClientAuth) -> Outcome {
        self.serve("server-p256", ServerSettings::new(client_auth), TlsPolicy::new());
        let mut first = self.talk(wish)?;
        first.leave();
        let mut second = None;
        if !self.peer.returns_by_itself() {
            second.insert(self.peer.start(self.world, self.door.port, wish)?).exchange(WORD)?;
        }
        let (facts, who, _) = self.door.guest(1)?;
        ensure(facts.resumed == Resumption::Resumed, || format!("{facts:?}"))?;
        let known = client_auth == ClientAuth::Required;
        ensure((who == "spiffe://mesh/client") == known, || who.clone())?;
        Ok(if known { "the ticket is taken, and it still is who it was" } else { "the ticket is taken" }
            .to_owned())
    }

    fn alpn(&self, wish: &Wish) -> Outcome {
        self.serve("server-p256", open().with_alpn(["dwcp/1", "http/1.1"]), TlsPolicy::new());
        let _visit = self.talk(wish)?;
        let (facts, ..) = self.door.guest(0)?;
        ensure(facts.alpn.as_deref() == Some(b"http/1.1"), || format!("{facts:?}"))?;
        Ok("agreed on http/1.1".to_owned())
    }

    fn alpn_mismatched(&self, wish: &Wish) -> Outcome {
        self.serve("server-p256", open().with_alpn(["dwcp/1"]), TlsPolicy::new());
        let mut visit = self.visit(wish)?;
        visit.knock();
        let code = self.door.refusal(TlsError::code)?;
        ensure(code == "tls.protocol.unspoken", || code.to_owned())?;
        let alert = visit.told()?;
        ensure(alert == "no_application_protocol", || alert.clone())?;
        Ok(format!("refused, `{code}`, told {alert}"))
    }

    fn bulk(&self, wish: &Wish, client_auth: ClientAuth) -> Outcome {
        self.serve("server-p256", ServerSettings::new(client_auth), TlsPolicy::new());
        self.visit(wish)?.exchange(&bulk())?;
        Ok("1 MiB there and back".to_owned())
    }

    fn updates_ours(&self, wish: &Wish) -> Outcome {
        self.serve("server-p256", open(), TlsPolicy::new());
        let mut visit = self.visit(wish)?;
        for number in 0..UPDATES {
            let word = [REFRESH, format!(" {number} and go on\n").as_bytes()].concat();
            visit.exchange(&word)?;
            std::thread::sleep(self.peer.breath());
        }
        Ok(format!("{UPDATES} of ours followed"))
    }

    fn updates_theirs(&self) -> Outcome {
        self.serve("server-p256", open(), TlsPolicy::new());
        let mut visit = self.visit(&Wish { commands: true, ..Wish::client() })?;
        for number in 0..UPDATES {
            self.peer.update(&mut visit)?;
            visit.exchange(format!("{number} after the update\n").as_bytes())?;
            std::thread::sleep(self.peer.breath());
        }
        Ok(format!("{UPDATES} of theirs followed"))
    }

    fn exporter(&self) -> Outcome {
        self.serve("server-p256", open(), TlsPolicy::new());
        let visit = self.talk(&Wish { exports: true, ..Wish::client() })?;
        let (_, _, exported) = self.door.guest(0)?;
        let hex: String = exported.iter().map(|byte| format!("{byte:02x}")).collect();
        wait_for("the same keying material", || contains_hex(&visit.said(), &hex).then_some(()))
            .map_err(|_| failed(format!("no {hex} in {}", tail(&visit.said()))))?;
        Ok("32 equal bytes".to_owned())
    }

    fn closes(&self, wish: &Wish) -> Outcome {
        self.serve("server-p256", open(), TlsPolicy::new());
        let mut visit = self.talk(wish)?;
        visit.leave();
        self.door.farewell(|how| match how {
            Ok(()) => Ok("close_notify is seen".to_owned()),
            Err(error) => Err(failed(format!("{error:?}"))),
        })?
    }

    /// A client that is killed says nothing; what was read of it may be cut.
    fn truncates(&self, wish: &Wish) -> Outcome {
        self.serve("server-p256", open(), TlsPolicy::new());
        let mut visit = self.talk(wish)?;
        visit.process.kill();
        self.door.farewell(|how| match how {
            Err(error @ TlsError::Truncated) => Ok(format!("`{}`", error.code())),
            other => Err(failed(format!("{other:?}"))),
        })?
    }
}

fn open() -> ServerSettings {
    ServerSettings::new(ClientAuth::Optional)
}
