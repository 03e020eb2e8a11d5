//! The core in virtual time: no file and no clock.

use super::core::{Core, NotLoaded, Step};
use super::signature::{Content, Stamp, WayEnd};
use dwcp_base::Tick;
use std::time::Duration;

/// One file, whose stamp and content are what a test says.
struct File {
    core: Core,
    now: Tick,
    stamp: Stamp,
    content: u8,
    reads: usize,
}

fn content(of: u8) -> Content {
    Content::Oversized(of.into())
}

fn stamp(end: WayEnd) -> Stamp {
    Stamp { hops: Vec::new(), end }
}

impl File {
    fn new() -> Self {
        let now = Tick(1 << 40);
        Self {
            core: Core::new([(stamp(WayEnd::File), content(0))], now),
            now,
            stamp: stamp(WayEnd::File),
            content: 0,
            reads: 0,
        }
    }

    /// Writes, which another stamp says.
    fn write(&mut self, to: u8) {
        self.content = to;
        self.stamp = stamp(if self.stamp.end == WayEnd::File { WayEnd::Irregular } else { WayEnd::File });
    }

    fn after(&mut self, millis: u64) -> Step {
        self.now = self.now.plus(Duration::from_millis(millis));
        let (content, reads) = (self.content, &mut self.reads);
        self.core.look(
            vec![self.stamp.clone()],
            |_, _| {
                *reads += 1;
                self::content(content)
            },
            self.now,
        )
    }

    fn loaded(&mut self) {
        self.core.loaded(std::slice::from_ref(&self.stamp), self.now, self.now);
    }

    fn refused(&mut self) -> NotLoaded {
        self.core.refused(self.now, self.now)
    }
}

#[test]
fn a_change_is_loaded_at_once_and_again_once_its_writer_is_quiet() {
    let mut file = File::new();
    assert_eq!(file.after(500), Step::Wait);
    file.write(1);
    assert_eq!(file.after(1), Step::Load);
    file.loaded();
    assert_eq!(file.after(20), Step::Wait);
    assert_eq!(file.after(80), Step::Load, "two writes within one tick of the disk's clock leave one stamp");
    file.loaded();
    for _ in 0..100 {
        assert_eq!(file.after(1_000), Step::Wait);
    }
}

#[test]
fn what_is_torn_for_a_moment_is_no_alarm_and_what_stays_is_one_once() {
    let mut file = File::new();
    file.write(1);
    let mut tries: Vec<u128> = Vec::new();
    let began = file.now;
    for _ in 0..1_300 {
        if file.after(1) == Step::Load {
            tries.push(file.now.since(began).as_millis());
            let told = file.refused();
            assert_eq!(told == NotLoaded::Alarm, tries.len() == 5, "{tries:?}");
        }
    }
    assert_eq!(tries, [1, 11, 51, 251, 1_001]);
    // From then on it is tried now and then, and told of no more.
    let mut later = 0;
    for _ in 0..120 {
        if file.after(1_000) == Step::Load {
            later += 1;
            assert_eq!(file.refused(), NotLoaded::Known);
        }
    }
    assert!((3..=4).contains(&later), "{later}");
    file.write(2);
    assert_eq!(file.after(20), Step::Load);
    assert_eq!(file.refused(), NotLoaded::Early, "another content has its own second");
}

#[test]
fn the_former_content_ends_an_alarm_and_a_torn_moment_ends_without_a_word() {
    let mut file = File::new();
    file.write(1);
    assert_eq!(file.after(1), Step::Load);
    assert_eq!(file.refused(), NotLoaded::Early);
    file.write(0);
    assert_eq!(file.after(100), Step::Wait, "no alarm began, so none ends");
    file.write(1);
    for _ in 0..1_100 {
        if file.after(1) == Step::Load {
            let _ = file.refused();
        }
    }
    file.write(0);
    assert_eq!(file.after(1), Step::Back);
    assert_eq!(file.after(1_000), Step::Wait);
}

#[test]
fn files_that_never_settle_are_an_alarm_every_ten_seconds() {
    let mut file = File::new();
    let mut alarms = 0;
    for round in 0..3_000_u64 {
        file.write(u8::try_from(1 + round % 200).unwrap());
        if file.after(10) == Step::Load && file.refused() == NotLoaded::Alarm {
            alarms += 1;
        }
    }
    assert!((2..=3).contains(&alarms), "{alarms} in thirty seconds");
}

#[test]
fn a_date_that_was_put_back_hides_nothing_for_longer_than_half_a_minute() {
    let mut file = File::new();
    // No other stamp.
    file.content = 9;
    let mut seconds = 0;
    while file.after(1_000) != Step::Load {
        seconds += 1;
        assert!(seconds < 31);
    }
    assert!(file.reads <= 1, "and nothing is read for it in between: {}", file.reads);
}

#[test]
fn a_stamp_alone_is_no_change() {
    let mut file = File::new();
    for _ in 0..10 {
        file.write(0);
        assert_eq!(file.after(1_000), Step::Wait);
    }
}

#[test]
fn a_load_that_fails_while_the_content_is_the_one_in_force_is_told_too() {
    let mut file = File::new();
    file.core.again();
    assert_eq!(file.after(5_000), Step::Load);
    assert_eq!(file.refused(), NotLoaded::Alarm);
    file.core.again();
    assert_eq!(file.after(1_000), Step::Load);
    file.loaded();
    assert_eq!(file.after(1_000), Step::Wait);
}
