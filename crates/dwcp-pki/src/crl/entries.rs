//! The entries of a list, found by serial number: four octets for each beside the DER, and a table of prefixes.

use super::entry::{Entry, Standing, serial_of};
use crate::Serial;
use crate::tlv::Cursor;

/// Where each entry begins in the DER, in the order of the serial numbers, each serial once.
///
/// The numbers are divided into runs by their leading bits, about two to four to a run where they are random. A list made so that all
/// fall into one run costs a binary search over all of them and no more.
pub(super) struct Entries {
    starts: Box<[u32]>,
    /// For each value of the leading bits where its run begins, and the end of the last.
    runs: Box<[u32]>,
    prefix: Prefix,
}

/// Which bits of a serial number are the leading ones.
#[derive(Clone, Copy)]
struct Prefix {
    /// How long the largest number is, in bits.
    longest: u32,
    /// How many bits are left out at its end.
    shift: u32,
}

impl Entries {
    /// Reads the entries of `der`, which begin at `offset` and are `content`. Their headers are counted first, so that the index is
    /// allocated once and no larger than it needs to be.
    pub(super) fn read(der: &[u8], offset: usize, content: &[u8]) -> Result<Self, &'static str> {
        let malformed = "its list of entries is malformed";
        let mut count = 0_usize;
        let mut walk = Cursor::new(content, 0);
        while walk.next().map_err(|_| malformed)?.is_some() {
            count += 1;
        }
        // None is shorter than a serial number of one octet and a date; what claims to be is refused below.
        let mut starts = Vec::with_capacity(count.min(content.len() / SHORTEST + 1));
        let (mut at, mut largest) = (offset, None);
        let mut walk = Cursor::new(content, 0);
        while let Some(value) = walk.next().map_err(|_| malformed)? {
            let entry = Entry::read(value)?;
            if let Some(serial) = entry.serial {
                starts.push(u32::try_from(at).map_err(|_| malformed)?);
                largest = largest.max(Some(serial));
            }
            at += value.whole.len();
        }
        let prefix = Prefix::of(largest, starts.len());
        let entries = Self { starts: Box::default(), runs: Box::default(), prefix };
        Ok(entries.filled(der, starts))
    }

    /// Sorts: first into runs, in place, then each run.
    fn filled(mut self, der: &[u8], mut starts: Vec<u32>) -> Self {
        self.runs = self.counted(der, &starts);
        self.scatter(der, &mut starts);
        for run in self.runs.windows(2) {
            let [from, to] = [0, 1].map(|end| run.get(end).map_or(0, |at| *at as usize));
            if let Some(run) = starts.get_mut(from..to).filter(|run| run.len() > 1) {
                run.sort_unstable_by(|one, two| order(der, *one, *two));
            }
        }
        let all = starts.len();
        starts.dedup_by(|one, two| serial_at(der, *one) == serial_at(der, *two));
        if starts.len() < all {
            self.runs = self.counted(der, &starts);
        }
        self.starts = starts.into_boxed_slice();
        self
    }

    /// Where each run begins if its entries stand together.
    fn counted(&self, der: &[u8], starts: &[u32]) -> Box<[u32]> {
        let mut runs = vec![0_u32; self.prefix.values() + 1];
        for start in starts {
            let run = self.prefix.of_entry(der, *start);
            if let Some(count) = runs.get_mut(run + 1) {
                *count += 1;
            }
        }
        let mut sum = 0;
        for count in &mut runs {
            sum += *count;
            *count = sum;
        }
        runs.into_boxed_slice()
    }

    /// Brings each entry into its run by swaps, each of which brings one home.
    fn scatter(&self, der: &[u8], starts: &mut [u32]) {
        let mut next = self.runs.to_vec();
        for (run, end) in self.runs.iter().skip(1).enumerate() {
            while let Some(at) = next.get(run).copied().filter(|at| at < end) {
                let home = starts.get(at as usize).map_or(run, |start| self.prefix.of_entry(der, *start));
                let Some(free) = next.get_mut(home) else { return };
                if home != run {
                    starts.swap(at as usize, *free as usize);
                }
                *free += 1;
            }
        }
    }

    /// What the list says of a serial number; `None` when it does not name it.
    pub(super) fn find(&self, der: &[u8], serial: &Serial) -> Option<Standing> {
        standing_at(der, self.start_of(der, serial)?)
    }

    /// Whether the list names a serial number.
    pub(super) fn names(&self, der: &[u8], serial: &Serial) -> bool {
        self.start_of(der, serial).is_some()
    }

    fn start_of(&self, der: &[u8], serial: &Serial) -> Option<u32> {
        let run = self.prefix.of_serial(serial)?;
        let (from, to) = (*self.runs.get(run)?, *self.runs.get(run + 1)?);
        let run = self.starts.get(from as usize..to as usize)?;
        let at = run.binary_search_by(|start| serial_at(der, *start).cmp(&Some(*serial))).ok()?;
        run.get(at).copied()
    }

    pub(super) fn len(&self) -> usize {
        self.starts.len()
    }

    /// All of them in ascending order, with what is said of each.
    pub(super) fn iter<'a>(&'a self, der: &'a [u8]) -> impl Iterator<Item = (Serial, Standing)> + 'a {
        self.starts.iter().filter_map(|start| Some((serial_at(der, *start)?, standing_at(der, *start)?)))
    }
}

impl Prefix {
    fn of(largest: Option<Serial>, count: usize) -> Self {
        let longest = largest.map_or(0, |serial| bits(&serial));
        // Up to half as many runs as entries: an octet for each, more or less.
        let width = (count / 2).checked_ilog2().unwrap_or(0).min(longest);
        Self { longest, shift: longest - width }
    }

    /// How many values it can have.
    fn values(self) -> usize {
        1 << (self.longest - self.shift)
    }

    /// `None` for a number that is longer than the largest.
    fn of_serial(self, serial: &Serial) -> Option<usize> {
        if bits(serial) > self.longest {
            return None;
        }
        let (high, low) = halves(serial);
        let prefix = match self.shift.checked_sub(128) {
            Some(shift) => u64::from(high).checked_shr(shift).unwrap_or(0),
            None => {
                let high = u128::from(high).checked_shl(128 - self.shift).unwrap_or(0);
                u64::try_from(high | low >> self.shift).ok()?
            }
        };
        usize::try_from(prefix).ok()
    }

    fn of_entry(self, der: &[u8], start: u32) -> usize {
        serial_at(der, start).and_then(|serial| self.of_serial(&serial)).unwrap_or(0)
    }
}

fn order(der: &[u8], one: u32, two: u32) -> std::cmp::Ordering {
    let by_serial = serial_at(der, one).cmp(&serial_at(der, two));
    by_serial.then_with(|| standing_at(der, one).cmp(&standing_at(der, two)))
}

fn serial_at(der: &[u8], start: u32) -> Option<Serial> {
    serial_of(der.get(start as usize..)?)
}

fn standing_at(der: &[u8], start: u32) -> Option<Standing> {
    let value = Cursor::new(der.get(start as usize..)?, 0).next().ok()??;
    Entry::read(value).ok().map(|entry| entry.standing)
}

/// The first 4 and the last 16 of its 20 octets.
fn halves(serial: &Serial) -> (u32, u128) {
    let (high, low) = serial.octets().split_at(4);
    let number = |octets: &[u8]| octets.iter().fold(0_u128, |number, octet| number << 8 | u128::from(*octet));
    (u32::try_from(number(high)).unwrap_or(u32::MAX), number(low))
}

fn bits(serial: &Serial) -> u32 {
    match halves(serial) {
        (0, low) => 128 - low.leading_zeros(),
        (high, _) => 160 - high.leading_zeros(),
    }
}

/// A header, a serial number of one octet and a UTCTime.
const SHORTEST: usize = 2 + 3 + 15;
