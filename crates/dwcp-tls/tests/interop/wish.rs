//! What a cell wants of a peer, and what a peer has to do for it.

use crate::process::{Process, wait_for};
use crate::trouble::{Outcome, Trouble, failed, lacks, told};
use crate::world::{OURS, World};
use dwcp_tls::Group;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::Duration;

/// How a peer is to be set up. Peers are TLS 1.3 alone unless it says otherwise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Wish {
    /// The certificate it shows, by name; a client may show none.
    pub(crate) shows: Option<&'static str>,
    /// The anchors it trusts.
    pub(crate) trusts: &'static str,
    /// A server asks for a certificate and insists; a client expects this server name.
    pub(crate) asks: bool,
    /// The name a client asks for and expects.
    pub(crate) name: &'static str,
    /// The only group it takes.
    pub(crate) group: Option<Group>,
    /// It speaks TLS 1.2 alone.
    pub(crate) old: bool,
    /// The application protocol it offers.
    pub(crate) alpn: Option<&'static str>,
    /// It prints keying material for [`LABEL`].
    pub(crate) exports: bool,
    /// It takes commands on its standard input, so that it can be told to update its keys.
    pub(crate) commands: bool,
    /// A client goes away and comes back, with what it was given.
    pub(crate) returns: bool,
}

impl Wish {
    /// A server that shows its P-256 certificate and asks for none.
    pub(crate) fn server() -> Self {
        Self { shows: Some("server-p256"), ..Self::client() }
    }

    /// A client without a certificate that expects our server.
    pub(crate) fn client() -> Self {
        Self {
            shows: None,
            trusts: OURS,
            asks: false,
            name: crate::world::SERVER,
            group: None,
            old: false,
            alpn: None,
            exports: false,
            commands: false,
            returns: false,
        }
    }
}

/// The label of the exporter cells; the context is absent, 32 bytes are exported.
pub(crate) const LABEL: &str = "EXPORTER-dwcp-interop";

/// A stack in the role of a server.
pub(crate) trait Server {
    /// The first word of its cells.
    fn name(&self) -> &'static str;
    /// As its program tells it; for the page alone.
    fn version(&self) -> String;
    /// Whether it has the group.
    fn has(&self, group: Group) -> bool;
    /// How long it wants to have between two updates of keys.
    fn breath(&self) -> Duration {
        Duration::ZERO
    }
    /// Whether it takes and shows certificates with keys for Ed25519.
    fn knows_ed25519(&self) -> bool {
        true
    }
    /// A server that serves one connection after the other.
    fn start(&self, world: &World, wish: &Wish) -> Result<Serving, Trouble>;
    /// Tells a server that takes commands to update its keys, and ours with them, once.
    fn update(&self, _serving: &mut Serving) -> Result<(), Trouble> {
        lacks("its tool does not update keys on request")
    }
    /// Whether it says which alert it was sent.
    fn names_alerts(&self) -> bool {
        true
    }
    /// How many updates it says it made.
    fn updated(&self, _said: &str) -> usize {
        0
    }
}

/// A server at work.
pub(crate) struct Serving {
    pub(crate) process: Process,
    pub(crate) port: u16,
    pub(crate) speech: Speech,
}

/// What a server does with what it reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Speech {
    /// It sends it back.
    Echo,
    /// It answers requests for files of the scratch directory, and closes.
    Http,
}

/// A stack in the role of a client.
pub(crate) trait Client {
    /// The first word of its cells.
    fn name(&self) -> &'static str;
    /// As its program tells it; for the page alone.
    fn version(&self) -> String;
    /// Whether it has the group.
    fn has(&self, group: Group) -> bool;
    /// How long it wants to have between two updates of keys.
    fn breath(&self) -> Duration {
        Duration::ZERO
    }
    /// Whether it takes and shows certificates with keys for Ed25519.
    fn knows_ed25519(&self) -> bool {
        true
    }
    /// Starts to connect to `port` of loopback.
    fn start(&self, world: &World, port: u16, wish: &Wish) -> Result<Visit, Trouble>;
    /// Tells a client that takes commands to update its keys, and ours with them, once.
    fn update(&self, _visit: &mut Visit) -> Result<(), Trouble> {
        lacks("its tool does not update keys on request")
    }
    /// Whether one start makes both visits of a client that returns.
    fn returns_by_itself(&self) -> bool {
        false
    }
}

/// A client at work.
pub(crate) struct Visit {
    pub(crate) process: Process,
    pub(crate) mouth: Mouth,
}

/// How a client is given what it sends.
#[derive(Debug)]
pub(crate) enum Mouth {
    /// On its standard input, and it prints what it gets.
    Pipe,
    /// As `Pipe`, but it sends nothing before its input has ended.
    WholePipe,
    /// Over plain TCP, for a proxy; the answer comes back there. With a port, all of it is done once more.
    Plain(TcpStream, Option<u16>),
}

impl Visit {
    /// A client that is spoken to over its standard streams.
    pub(crate) fn piped(process: Process) -> Self {
        Self { process, mouth: Mouth::Pipe }
    }

    /// Sends `payload` and has it come back.
    pub(crate) fn exchange(&mut self, payload: &[u8]) -> Result<(), Trouble> {
        if let Mouth::Plain(stream, again) = &mut self.mouth {
            echoed(stream, payload)?;
            if let Some(port) = again.take() {
                *stream = TcpStream::connect(("127.0.0.1", port))?;
                echoed(stream, payload)?;
            }
            return Ok(());
        }
        self.process.write(payload)?;
        if matches!(self.mouth, Mouth::WholePipe) {
            self.process.close();
        }
        let payload = String::from_utf8_lossy(payload).into_owned();
        let whole = || String::from_utf8_lossy(&self.process.out()).contains(&payload).then_some(());
        wait_for("the echo of what the client sent", whole)
            .map_err(|error| failed(format!("{error:?}: {}", tail(&self.process.said()))))
    }

    /// Makes it connect if it waits for something to send.
    pub(crate) fn knock(&mut self) {
        // It may have given up by now.
        let _ = self.process.write(b"anybody there?\n");
        if matches!(self.mouth, Mouth::WholePipe) {
            self.process.close();
        }
    }

    /// Ends what it sends; it then says good-bye.
    pub(crate) fn leave(&mut self) {
        self.process.close();
        if let Mouth::Plain(stream, _) = &self.mouth {
            // It may be gone already.
            let _ = stream.shutdown(Shutdown::Write);
        }
    }

    /// What it says.
    pub(crate) fn said(&self) -> String {
        self.process.said()
    }

    /// The alert it says it was sent.
    pub(crate) fn told(&mut self) -> Outcome {
        let mut over = false;
        let seen = wait_for("an alert", || {
            let alert = told(&self.said());
            // What it printed last may still be on its way when it has ended: it is looked at once more.
            let given_up = over && alert.is_none();
            over = self.process.is_over();
            (alert.is_some() || given_up).then_some(alert)
        });
        match seen {
            Ok(Some(alert)) => Ok(alert.to_owned()),
            _ => Err(failed(format!("the client names no alert: {}", tail(&self.said())))),
        }
    }
}

/// The end of a long text.
pub(crate) fn tail(said: &str) -> String {
    let skipped = said.chars().count().saturating_sub(1500);
    said.chars().skip(skipped).collect()
}

/// Sends and reads at the same time, since a proxy holds only so much.
fn echoed(stream: &TcpStream, payload: &[u8]) -> Result<(), Trouble> {
    stream.set_read_timeout(Some(Duration::from_secs(8)))?;
    let (mut to, mut from) = (stream.try_clone()?, stream.try_clone()?);
    let sent = payload.to_vec();
    let writer = std::thread::spawn(move || to.write_all(&sent));
    let mut heard = vec![0; payload.len()];
    from.read_exact(&mut heard)?;
    let written = writer.join().map_err(|_| failed("the writer panicked"))?;
    written?;
    if heard == payload { Ok(()) } else { Err(failed("what came back is something else")) }
}
