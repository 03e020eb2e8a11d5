#![doc = include_str!("../README.md")]

mod blame;
mod civil;
mod disk;
mod faulty;
mod http_date;
mod local;
mod observe;
mod secret_file;
mod time;

pub use blame::{Blame, Coded};
pub use disk::{Disk, StagedFile, SyncedFile};
pub use faulty::FaultyDisk;
pub use local::LocalDisk;
pub use observe::{Observer, Recorder, Silent};
pub use secret_file::{SecretFileError, read_bounded, read_secret};
pub use time::{Clock, ManualClock, SystemClock, Tick, UnixTime};
