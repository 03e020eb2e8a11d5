//! One document on a page: a title, a column of labels, a column of values, what to notice, and the rest.

use dwcp_base::UnixTime;

/// Lines for people. Values are expected to be escaped already; a control character that is left is dropped.
#[derive(Debug, Default)]
pub(super) struct Sheet {
    lines: Vec<String>,
}

impl Sheet {
    pub(super) fn title(&mut self, text: String) {
        self.lines.push(inert(&text));
    }

    /// A label and its value; a value of several lines goes on under itself.
    pub(super) fn row(&mut self, label: &str, value: impl AsRef<str>) {
        let mut label = label;
        for line in value.as_ref().split('\n') {
            let line = inert(line);
            self.lines.push(format!("  {label:<13} {line}").trim_end().to_owned());
            label = "";
        }
    }

    pub(super) fn remark(&mut self, text: impl AsRef<str>) {
        self.lines.push(format!("  ! {}", inert(text.as_ref())));
    }

    /// A heading within the page, and lines under it.
    pub(super) fn section(&mut self, heading: &str, lines: impl IntoIterator<Item = String>) {
        self.lines.push(format!("  {}", inert(heading)));
        self.lines.extend(lines.into_iter().map(|line| format!("    {}", inert(&line))));
    }

    pub(super) fn finish(self) -> String {
        self.lines.join("\n")
    }
}

fn inert(line: &str) -> String {
    line.chars().filter(|char| !char.is_control()).collect()
}

/// How far away a time is: `in 23 days`, `3 hours ago`.
pub(super) fn distance(from: UnixTime, to: UnixTime) -> String {
    let seconds = to.secs().saturating_sub(from.secs());
    let (count, unit) = match seconds.unsigned_abs() {
        seconds @ ..120 => (seconds, "second"),
        seconds @ ..7_200 => ((seconds + 30) / 60, "minute"),
        seconds @ ..172_800 => ((seconds + 1_800) / 3_600, "hour"),
        seconds @ ..63_072_000 => ((seconds + 43_200) / 86_400, "day"),
        seconds => ((seconds + A_YEAR / 2) / A_YEAR, "year"),
    };
    if count == 0 {
        return "now".to_owned();
    }
    let plural = if count == 1 { "" } else { "s" };
    if seconds < 0 { format!("{count} {unit}{plural} ago") } else { format!("in {count} {unit}{plural}") }
}

/// Hexadecimal, cut where nobody would read on, with the length said.
pub(super) fn cut(bytes: &[u8]) -> String {
    let shown = bytes.get(..LONGEST_HEX).unwrap_or(bytes);
    let hex = dwcp_pki::inspect::hex(shown);
    if shown.len() < bytes.len() { format!("{hex}… ({} bytes)", bytes.len()) } else { hex }
}

const LONGEST_HEX: usize = 40;
/// Of the Gregorian calendar, in seconds.
const A_YEAR: u64 = 31_556_952;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances_are_told_in_the_unit_that_people_would_use() {
        let now = UnixTime::from_secs(1_000_000_000);
        for (seconds, text) in [
            (0, "now"),
            (1, "in 1 second"),
            (-90, "90 seconds ago"),
            (23 * 86_400, "in 23 days"),
            (-3 * 86_400, "3 days ago"),
            (-3_600, "60 minutes ago"),
            (86_399, "in 24 hours"),
            (3_650 * 86_400, "in 10 years"),
        ] {
            assert_eq!(distance(now, UnixTime::from_secs(now.secs() + seconds)), text);
        }
    }

    #[test]
    fn long_values_are_cut_and_their_length_is_said() {
        assert_eq!(cut(&[0xab; 3]), "ababab");
        assert_eq!(cut(&[0; 41]), format!("{}… (41 bytes)", "00".repeat(40)));
    }
}
