//! curl, which posts what it wants back.

use crate::process::Process;
use crate::trouble::{Trouble, lacks};
use crate::wish::{Client, Mouth, Visit, Wish};
use crate::world::World;
use crate::{have, received, version_of};
use dwcp_tls::Group;
use std::process::Command;

struct Curl;

#[test]
fn curl_visits_us() {
    if have("curl") {
        received::run(&Curl);
    }
}

impl Client for Curl {
    fn name(&self) -> &'static str {
        "curl"
    }

    fn version(&self) -> String {
        let version = version_of("curl", &["--version"]);
        version
            .split_whitespace()
            .filter(|word| *word == "curl" || word.contains("SSL/") || word.contains("libcurl/"))
            .collect::<Vec<_>>()
            .join(" ")
    }

    /// With OpenSSL its hybrid came with 3.5.
    fn has(&self, group: Group) -> bool {
        let version = version_of("curl", &["--version"]);
        let number = version.split_once("OpenSSL/").map_or("", |(_, rest)| rest);
        let mut numbers = number.split(['.', ' ']).filter_map(|part| part.parse::<u32>().ok());
        let version = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0));
        group != Group::X25519MlKem768 || version >= (3, 5)
    }

    fn start(&self, world: &World, port: u16, wish: &Wish) -> Result<Visit, Trouble> {
        if wish.exports || wish.commands {
            return lacks("its tool has no option for it");
        }
        let mut command = Command::new("curl");
        // First of all: nobody's settings file.
        command.args(["-q", "--silent", "--show-error", "--http1.1", "--max-time", "20", "--noproxy", "*"]);
        command.args(if wish.old {
            ["--tlsv1.2", "--tls-max", "1.2"]
        } else {
            ["--tlsv1.3", "--tls-max", "1.3"]
        });
        command.args(["--cacert", &world.text(&format!("{}.pem", wish.trusts))]);
        if let Some(shown) = wish.shows {
            let (certificate, key) = (format!("{shown}.pem"), format!("{shown}.key"));
            command.args(["--cert", &world.text(&certificate), "--key", &world.text(&key)]);
        }
        if wish.alpn.is_none() {
            command.arg("--no-alpn");
        }
        command.args(["--resolve", &format!("{}:{port}:127.0.0.1", wish.name), "--data-binary", "@-"]);
        let address = format!("https://{}:{port}/", wish.name);
        command.args(std::iter::repeat_n(&address, if wish.returns { 2 } else { 1 }));
        Ok(Visit { mouth: Mouth::WholePipe, ..Visit::piped(Process::start(&mut command)?) })
    }

    fn returns_by_itself(&self) -> bool {
        true
    }
}
