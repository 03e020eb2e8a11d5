//! Reading a node's figures back the way a monitoring system does: `/metrics` over HTTPS, judged by the mesh's root.

use crate::node::Outside;
use dwcp_pki::SubjectName;
use dwcp_tls::ExpectedServer;
use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// One scrape: every sample by its name with labels, as the text format writes it.
#[derive(Clone, Debug, Default)]
pub(super) struct Scrape(BTreeMap<String, f64>);

impl Scrape {
    /// Fetches `/metrics` from a node's admin listener.
    pub(super) async fn fetch(client: &Outside, admin: SocketAddr) -> io::Result<Self> {
        let expected = ExpectedServer::name(SubjectName::Ip(admin.ip())).map_err(io::Error::other)?;
        let mut session =
            client.dial(&admin.to_string(), &expected, LIMIT).await.map_err(io::Error::other)?;
        session.write_all(b"GET /metrics HTTP/1.1\r\nHost: node\r\nConnection: close\r\n\r\n").await?;
        let mut answer = Vec::new();
        (&mut session).take(MAX_ANSWER).read_to_end(&mut answer).await?;
        let text = String::from_utf8(answer).map_err(|_| io::ErrorKind::InvalidData)?;
        let (head, body) = text.split_once("\r\n\r\n").ok_or(io::ErrorKind::InvalidData)?;
        if !head.starts_with("HTTP/1.1 200") {
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                "the metrics endpoint did not answer 200",
            ));
        }
        Ok(Self::parse(body))
    }

    fn parse(body: &str) -> Self {
        let samples = body.lines().filter(|line| !line.starts_with('#')).filter_map(|line| {
            let (name, value) = line.rsplit_once(' ')?;
            Some((name.to_owned(), value.parse().ok()?))
        });
        Self(samples.collect())
    }

    /// The sum of a counter over all its labels; zero where it is missing.
    pub(super) fn sum(&self, metric: &str) -> u64 {
        self.matching(metric).map(|(_, value)| whole(value)).sum()
    }

    /// One sample of a counter, by the text of its labels.
    pub(super) fn one(&self, metric: &str, labels: &str) -> u64 {
        whole(self.value(metric, labels))
    }

    /// One sample as it was written; zero where it is missing.
    pub(super) fn value(&self, metric: &str, labels: &str) -> f64 {
        self.0.get(&format!("{metric}{{{labels}}}")).copied().unwrap_or(0.0)
    }

    fn matching<'a>(&'a self, metric: &'a str) -> impl Iterator<Item = (&'a str, f64)> {
        self.0.iter().filter_map(move |(name, value)| {
            let labels = name.strip_prefix(metric)?;
            (labels.is_empty() || labels.starts_with('{')).then_some((labels, *value))
        })
    }
}

/// Counters are whole and, in a demo, far below 2^53.
#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "float to integer conversion saturates"
)]
fn whole(value: f64) -> u64 {
    value as u64
}

const LIMIT: Duration = Duration::from_secs(5);
const MAX_ANSWER: u64 = 1 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_are_found_by_name_and_label() {
        let scrape = Scrape::parse(
            "# HELP a_total x\na_total{reason=\"x\"} 2\na_total{reason=\"y\"} 3\na_total_b 9\nplain 1\n",
        );
        assert_eq!((scrape.sum("a_total"), scrape.sum("plain")), (5, 1));
        assert_eq!(scrape.one("a_total", "reason=\"y\""), 3);
    }
}
