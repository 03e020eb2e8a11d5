//! Python's `ssl`, with the OpenSSL of its interpreter, and pyOpenSSL with the newest one, which has the hybrid group.

use crate::process::Process;
use crate::trouble::{Trouble, lacks};
use crate::wish::{Client, LABEL, Server, Serving, Speech, Visit, Wish};
use crate::world::World;
use crate::{dialled, have, received, version_of};
use dwcp_tls::Group;
use std::process::Command;

/// As it is installed for tests.
const PYTHON: &str = "dwcp-peer-python";

#[derive(Clone, Copy, PartialEq, Eq)]
enum Python {
    Ssl,
    PyOpenSsl,
}

#[test]
fn python_serves_us() {
    if have(PYTHON) {
        dialled::run(&Python::Ssl);
    }
}

#[test]
fn python_visits_us() {
    if have(PYTHON) {
        received::run(&Python::Ssl);
    }
}

#[test]
fn the_newest_openssl_serves_us() {
    if have(PYTHON) {
        dialled::run(&Python::PyOpenSsl);
    }
}

#[test]
fn the_newest_openssl_visits_us() {
    if have(PYTHON) {
        received::run(&Python::PyOpenSsl);
    }
}

impl Python {
    fn command(self, world: &World, port: u16, wish: &Wish, serves: bool) -> Command {
        let quoted = |text: &str| format!("\"{text}\"");
        let or_null = |text: Option<String>| text.unwrap_or_else(|| "null".to_owned());
        let pair = |name: &str| {
            let file = |end| quoted(&world.text(&format!("{name}.{end}")));
            format!("[{}, {}]", file("pem"), file("key"))
        };
        let fields = [
            ("stack", quoted(if self == Self::Ssl { "ssl" } else { "pyopenssl" })),
            ("serves", serves.to_string()),
            ("port", port.to_string()),
            ("shows", or_null(wish.shows.map(pair))),
            ("trusts", quoted(&world.text(&format!("{}.pem", wish.trusts)))),
            ("asks", wish.asks.to_string()),
            ("name", quoted(wish.name)),
            ("one_group", wish.group.is_some().to_string()),
            ("old", wish.old.to_string()),
            ("alpn", or_null(wish.alpn.map(quoted))),
            ("returns", wish.returns.to_string()),
            ("label", quoted(LABEL)),
        ];
        let fields = fields.map(|(name, value)| format!("\"{name}\": {value}"));
        let mut command = Command::new(PYTHON);
        command.args(["-c", include_str!("peer.py"), &format!("{{{}}}", fields.join(", "))]);
        command
    }

    fn word(self) -> &'static str {
        if self == Self::Ssl { "python" } else { "openssl4" }
    }

    fn told_version(self) -> String {
        version_of(
            PYTHON,
            &[
                "-c",
                match self {
                    Self::Ssl => {
                        "import ssl, sys; print('Python', sys.version.split()[0], 'over', ssl.OPENSSL_VERSION)"
                    }
                    Self::PyOpenSsl => {
                        "from OpenSSL import SSL, version as v; print(SSL.OpenSSL_version(SSL.OPENSSL_VERSION).decode(), 'by pyOpenSSL', v.__version__)"
                    }
                },
            ],
        )
    }

    fn knows(self, group: Group) -> bool {
        let asked = "import ssl; print(ssl.OPENSSL_VERSION_INFO >= (3, 5))";
        group != Group::X25519MlKem768
            || self == Self::PyOpenSsl
            || version_of(PYTHON, &["-c", asked]) == "True"
    }
}

impl Server for Python {
    fn name(&self) -> &'static str {
        self.word()
    }

    fn version(&self) -> String {
        self.told_version()
    }

    fn has(&self, group: Group) -> bool {
        self.knows(group)
    }

    fn start(&self, world: &World, wish: &Wish) -> Result<Serving, Trouble> {
        if wish.exports && *self == Self::Ssl {
            return lacks("its module exports nothing");
        }
        if wish.commands {
            return lacks("its interface has no key updates");
        }
        let (process, port) = Process::serve(|port| self.command(world, port, wish, true))?;
        Ok(Serving { process, port, speech: Speech::Echo })
    }
}

impl Client for Python {
    fn name(&self) -> &'static str {
        self.word()
    }

    fn version(&self) -> String {
        self.told_version()
    }

    fn has(&self, group: Group) -> bool {
        self.knows(group)
    }

    fn start(&self, world: &World, port: u16, wish: &Wish) -> Result<Visit, Trouble> {
        if wish.exports && *self == Self::Ssl {
            return lacks("its module exports nothing");
        }
        if wish.commands {
            return lacks("its interface has no key updates");
        }
        Ok(Visit::piped(Process::start(&mut self.command(world, port, wish, false))?))
    }

    fn returns_by_itself(&self) -> bool {
        true
    }
}
