//! Everything that is said at the finest level, by whomever, and a search for what must not be in it.

#![allow(unreachable_pub, reason = "a module of one test binary")]

pub mod secrets;

use std::collections::HashSet;
use std::fmt::{Debug, Write};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, OnceLock};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

/// What was said in this process.
#[derive(Default)]
pub struct Heard {
    lines: AtomicU64,
    /// Each once: most are said again and again.
    different: Mutex<HashSet<String>>,
}

/// The one listener of the process, from the first call on: to `tracing` with its spans, and to `log`.
pub fn listen() -> &'static Heard {
    static HEARD: OnceLock<Heard> = OnceLock::new();
    let heard = HEARD.get_or_init(Heard::default);
    static LISTENING: OnceLock<()> = OnceLock::new();
    LISTENING.get_or_init(|| {
        tracing::subscriber::set_global_default(Spans { heard, next: AtomicU64::new(1) }).unwrap();
        log::set_boxed_logger(Box::new(Records(heard))).unwrap();
        log::set_max_level(log::LevelFilter::Trace);
    });
    heard
}

impl Heard {
    pub fn take(&self, line: String) {
        self.lines.fetch_add(1, Ordering::Relaxed);
        self.different.lock().unwrap().insert(line);
    }

    pub fn lines(&self) -> u64 {
        self.lines.load(Ordering::Relaxed)
    }

    /// The lines in which `is_found` finds something, with what it was.
    pub fn search(&self, is_found: impl Fn(&str) -> Option<String>) -> Vec<(String, String)> {
        let different = self.different.lock().unwrap();
        different.iter().filter_map(|line| Some((is_found(line)?, line.clone()))).collect()
    }

    /// Forgets what was said so far.
    pub fn forget(&self) {
        self.different.lock().unwrap().clear();
    }

    /// Who spoke, by the part of the target before `::`.
    pub fn speakers(&self) -> HashSet<String> {
        let different = self.different.lock().unwrap();
        different.iter().filter_map(|line| line.split([' ', ':']).next().map(str::to_owned)).collect()
    }
}

struct Spans {
    heard: &'static Heard,
    next: AtomicU64,
}

impl Spans {
    fn line(&self, of: &Metadata<'_>, record: impl FnOnce(&mut Line)) {
        let mut line = Line(format!("{} {} {}", of.target(), of.level(), of.name()));
        record(&mut line);
        self.heard.take(line.0);
    }
}

impl Subscriber for Spans {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, span: &Attributes<'_>) -> Id {
        self.line(span.metadata(), |line| span.record(line));
        Id::from_u64(self.next.fetch_add(1, Ordering::Relaxed))
    }

    fn record(&self, _: &Id, values: &Record<'_>) {
        let mut line = Line("span".to_owned());
        values.record(&mut line);
        self.heard.take(line.0);
    }

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        self.line(event.metadata(), |line| event.record(line));
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

/// Fields, as a formatter writes them.
struct Line(String);

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        let _ = write!(self.0, " {}={value:?}", field.name());
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        let _ = write!(self.0, " {}={value}", field.name());
    }
}

struct Records(&'static Heard);

impl log::Log for Records {
    fn enabled(&self, _: &log::Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &log::Record<'_>) {
        self.0.take(format!("{} {} {}", record.target(), record.level(), record.args()));
    }

    fn flush(&self) {}
}
