//! The file of a renewal schedule, and the windows in it: there is one text for each record.
#![no_main]

use dwcp_pki::{ScheduleRecord, Window};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(record) = ScheduleRecord::parse(bytes) {
        assert_eq!(record.to_text().as_bytes(), bytes);
    }
    if let Some(window) = std::str::from_utf8(bytes).ok().and_then(|text| text.parse::<Window>().ok()) {
        assert_eq!(window.to_string().parse(), Ok(window));
    }
});
