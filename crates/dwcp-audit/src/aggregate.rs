//! Makes one record of what unauthenticated sources do over and over.

use crate::event::{Repeated, SecurityEvent};
use crate::kind::EventKind;
use crate::text::Text;
use dwcp_base::UnixTime;
use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::net::IpAddr;

/// Alike events of one second: the first of them, and how often; and, by kind and minute alone, what was too much to
/// be written like that.
///
/// Never holds more than its capacity plus two groups per kind, however many sources there are.
pub(crate) struct Groups {
    second: i64,
    capacity: usize,
    groups: HashMap<Key, SecurityEvent>,
    minute: i64,
    excess: BTreeMap<EventKind, SecurityEvent>,
}

impl Groups {
    pub(crate) fn new(capacity: usize) -> Self {
        Self { second: i64::MIN, capacity, groups: HashMap::new(), minute: i64::MIN, excess: BTreeMap::new() }
    }

    /// Counts `event` in. The caller has taken out the groups of other seconds.
    pub(crate) fn add(&mut self, mut event: SecurityEvent, source: IpAddr, now: UnixTime) {
        self.second = now.secs();
        let mut key = Key { kind: event.kind, code: event.details.code.clone(), prefix: Prefix::of(source) };
        if self.groups.len() >= self.capacity && !self.groups.contains_key(&key) {
            key = Key { kind: event.kind, code: None, prefix: Prefix::Others };
        }
        match self.groups.entry(key) {
            Entry::Occupied(mut group) => {
                if let Some(repeated) = &mut group.get_mut().details.repeated {
                    repeated.count += 1;
                    repeated.last = now;
                }
                let worst = group.get().details.severity.max(event.details.severity);
                group.get_mut().details.severity = worst;
            }
            Entry::Vacant(group) => {
                if matches!(group.key().prefix, Prefix::Others) {
                    // What the first of these had to say is not true of the others.
                    event = SecurityEvent::stranger(event.kind).severity(event.details.severity);
                }
                event.details.source = Some(Text::of(group.key().prefix));
                event.details.repeated = Some(Repeated { count: 1, first: now, last: now });
                group.insert(event);
            }
        }
    }

    /// Takes out the groups of seconds other than the current one, or all of them; oldest first.
    pub(crate) fn take(&mut self, now: UnixTime, all: bool) -> Vec<SecurityEvent> {
        if self.groups.is_empty() || (self.second == now.secs() && !all) {
            return Vec::new();
        }
        let mut taken: Vec<_> = self.groups.drain().map(|(_, event)| event).collect();
        taken.sort_by_key(|event| event.details.repeated.map(|r| r.first));
        taken
    }

    /// Counts `event`, or all that it stands for, by its kind alone. The caller has taken out the groups of other
    /// minutes.
    pub(crate) fn add_excess(&mut self, event: &SecurityEvent, now: UnixTime) {
        self.minute = minute(now);
        let more = event.details.repeated.unwrap_or(Repeated { count: 1, first: now, last: now });
        let group = self.excess.entry(event.kind).or_insert_with(|| {
            let mut group =
                SecurityEvent::stranger(event.kind).message(EXCESS).severity(event.details.severity);
            group.details.source = Some(Text::of(Prefix::Others));
            group.details.repeated = Some(Repeated { count: 0, ..more });
            group
        });
        group.details.severity = group.details.severity.max(event.details.severity);
        if let Some(repeated) = &mut group.details.repeated {
            repeated.count = repeated.count.saturating_add(more.count);
            repeated.first = repeated.first.min(more.first);
            repeated.last = repeated.last.max(more.last);
        }
    }

    /// Takes out the groups by kind of minutes other than the current one, or all of them.
    pub(crate) fn take_excess(&mut self, now: UnixTime, all: bool) -> Vec<SecurityEvent> {
        if self.minute == minute(now) && !all {
            return Vec::new();
        }
        std::mem::take(&mut self.excess).into_values().collect()
    }
}

fn minute(time: UnixTime) -> i64 {
    time.secs().div_euclid(60)
}

/// What stands in a record by kind and minute in place of details.
const EXCESS: &str = "details were left out: strangers have used up what they may write";

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Key {
    kind: EventKind,
    code: Option<Text>,
    prefix: Prefix,
}

/// What one party can be expected to hold: an IPv4 address, an IPv6 /64.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Prefix {
    V4([u8; 4]),
    V6([u16; 4]),
    Others,
}

impl Prefix {
    fn of(source: IpAddr) -> Self {
        match source.to_canonical() {
            IpAddr::V4(v4) => Self::V4(v4.octets()),
            IpAddr::V6(v6) => {
                let [a, b, c, d, ..] = v6.segments();
                Self::V6([a, b, c, d])
            }
        }
    }
}

impl fmt::Display for Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::V4(octets) => write!(f, "{}/32", IpAddr::from(octets)),
            Self::V6([a, b, c, d]) => write!(f, "{}/64", IpAddr::from([a, b, c, d, 0, 0, 0, 0])),
            Self::Others => f.write_str("others"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::encode::longest_line;

    fn failure(code: &str) -> SecurityEvent {
        SecurityEvent::stranger(EventKind::HandshakeFailure).code(code)
    }

    #[test]
    fn a_flood_from_one_prefix_is_one_record_per_second_and_reason() {
        let mut groups = Groups::new(128);
        let start = UnixTime::from_millis(5_000);
        for n in 0..10_000_u64 {
            let source = IpAddr::from([0x2001, 0xdb8, 0, 1, 0, 0, 0, u16::try_from(n % 999).unwrap()]);
            let now = start.plus(std::time::Duration::from_millis(n / 20));
            groups.add(failure(if n % 2 == 0 { "a" } else { "b" }), source, now);
        }
        assert!(groups.take(UnixTime::from_millis(5_999), false).is_empty());
        let taken = groups.take(UnixTime::from_millis(6_000), false);
        assert_eq!(taken.len(), 2);
        for event in taken {
            assert_eq!(event.details.source, Some(Text::new("2001:db8:0:1::/64")));
            let repeated = event.details.repeated.unwrap();
            assert_eq!((repeated.count, repeated.first, repeated.last.millis()), (5_000, start, 5_499));
        }
    }

    #[test]
    fn a_million_sources_fill_neither_table_nor_log() {
        let mut groups = Groups::new(16);
        let now = UnixTime::from_secs(1);
        for n in 0..1_000_000_u32 {
            groups.add(failure("x"), IpAddr::from(n.to_be_bytes()), now);
        }
        let taken = groups.take(now, true);
        assert_eq!(taken.len(), 17);
        assert_eq!(taken.iter().map(|e| e.details.repeated.unwrap().count).sum::<u64>(), 1_000_000);
        assert_eq!(taken.iter().filter(|e| e.details.source == Some(Text::new("others"))).count(), 1);
    }

    #[test]
    fn what_is_too_much_is_one_record_per_kind_and_minute_and_no_occurrence_is_lost() {
        let mut groups = Groups::new(16);
        let worst = "\u{1}".repeat(Text::LIMIT);
        for second in 0..60 {
            let now = UnixTime::from_secs(second);
            for kind in EventKind::ALL {
                let mut event = SecurityEvent::stranger(*kind).named(&worst).message(&worst).code(&worst);
                event.details.repeated = Some(Repeated { count: 10, first: now, last: now });
                groups.add_excess(&event, now);
            }
            assert!(groups.take_excess(now, false).is_empty());
        }
        let taken = groups.take_excess(UnixTime::from_secs(60), false);
        assert_eq!(taken.len(), EventKind::ALL.len());
        for event in &taken {
            let repeated = event.details.repeated.unwrap();
            assert_eq!((repeated.count, repeated.first.secs(), repeated.last.secs()), (600, 0, 59));
            assert!(longest_line(event) <= 512, "the documented worst case of a day counts on it");
        }
        assert!(groups.take_excess(UnixTime::from_secs(60), true).is_empty());
    }

    #[test]
    fn an_ipv4_address_written_as_ipv6_is_the_same_source() {
        let mut groups = Groups::new(16);
        for source in ["192.0.2.7", "::ffff:192.0.2.7"] {
            groups.add(failure("x"), source.parse().unwrap(), UnixTime::from_secs(1));
        }
        let taken = groups.take(UnixTime::from_secs(2), false);
        assert_eq!(taken.len(), 1);
        assert_eq!(taken[0].details.source, Some(Text::new("192.0.2.7/32")));
    }
}
