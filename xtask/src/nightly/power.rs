//! Power loss: a file system that forgets all that was not synced, at a random moment of operations on it.

use super::disturb::Disturbance;
use super::{Outcome, Settings, Subject};
use crate::binary::{Binary, text};
use crate::dice::Dice;
use crate::peers;
use crate::report::{Failed, failed};
use crate::run;
use crate::scratch::Scratch;
use std::fs;
use std::io::Write;
use std::path::PathBuf;
use std::process::Child;

/// Name of the file system, what makes one, and its arguments.
const KINDS: &[(&str, &str, &[&str])] =
    &[("ext4", "mkfs.ext4", &["-q", "-F"]), ("xfs", "mkfs.xfs", &["-q", "-f"])];
/// What it takes, with the Debian packages.
const TOOLS: &[(&str, &str)] = &[
    ("mkfs.ext4", "e2fsprogs"),
    ("mkfs.xfs", "xfsprogs"),
    ("xfs_io", "xfsprogs"),
    ("mount", "mount"),
    ("umount", "mount"),
];
/// The smallest that XFS is made in.
const IMAGE: u64 = 320 << 20;

/// Runs the loop on each kind of file system.
pub(super) fn run(settings: &Settings, dwcp: &Binary) -> Result<Vec<Outcome>, Failed> {
    if !peers::root() {
        return Ok(vec![Outcome::Skipped(
            "power: only root can mount and shut down file systems".to_owned(),
        )]);
    }
    let missing = peers::tools(TOOLS)?;
    if !missing.is_empty() {
        return Ok(vec![Outcome::Skipped(format!("power: there is no {}", missing.join(", no ")))]);
    }
    let all = KINDS.iter().flat_map(|kind| Subject::ALL.map(|subject| (kind, subject)));
    Ok(all.map(|(kind, subject)| one(settings, dwcp, kind, subject).into()).collect())
}

fn one(
    settings: &Settings,
    dwcp: &Binary,
    (kind, mkfs, arguments): &(&str, &str, &[&str]),
    subject: Subject,
) -> Result<Outcome, Failed> {
    let scratch = Scratch::new(&format!("power-{kind}"))?;
    let home = scratch.directory("home")?;
    let mut disk = match Disk::make(&scratch, mkfs, arguments)? {
        Ok(disk) => disk,
        Err(why) => return Ok(Outcome::Skipped(format!("power: {kind} can not be mounted here: {why}"))),
    };
    let told = |Failed(what)| failed(format!("power, {kind}, {subject}, seed {}: {what}", settings.seed));
    control(&mut disk).map_err(told)?;
    let mut dice = Dice::new(settings.seed);
    let place = disk.mount.clone();
    let tally =
        subject.disturbed(dwcp, (&home, &place), &mut disk, settings.cycles, &mut dice).map_err(told)?;
    if settings.cycles >= 50 && tally.interrupted() < settings.cycles / 4 {
        return Err(told(failed(format!("too few were interrupted: {tally}"))));
    }
    Ok(Outcome::Done(format!("power: {kind}, {subject}, {tally}")))
}

/// What nobody synced is gone afterwards, or the loop would prove nothing.
fn control(disk: &mut Disk) -> Result<(), Failed> {
    let (synced, unsynced) = (disk.mount.join("synced"), disk.mount.join("unsynced"));
    let io = |e: std::io::Error| failed(format!("control: {e}"));
    let mut file = fs::File::create(&synced).map_err(io)?;
    file.write_all(b"whole").and_then(|()| file.sync_all()).map_err(io)?;
    fs::File::open(&disk.mount).and_then(|directory| directory.sync_all()).map_err(io)?;
    drop(file);
    fs::write(&unsynced, "whole").map_err(io)?;
    disk.shut_down()?;
    disk.recover()?;
    let kept = fs::read(&synced).map_err(io)? == b"whole";
    let forgot = fs::read(&unsynced).is_ok_and(|bytes| bytes == b"whole");
    for path in [&synced, &unsynced].into_iter().filter(|path| path.exists()) {
        fs::remove_file(path).map_err(io)?;
    }
    match (kept, forgot) {
        (true, false) => Ok(()),
        _ => Err(failed(format!("no power loss to test with: synced kept: {kept}, unsynced kept: {forgot}"))),
    }
}

/// A file system in a file, mounted; unmounted when dropped.
struct Disk {
    image: PathBuf,
    mount: PathBuf,
    mounted: bool,
}

impl Disk {
    /// The inner error is why this kernel mounts none.
    fn make(scratch: &Scratch, mkfs: &str, arguments: &[&str]) -> Result<Result<Self, String>, Failed> {
        let (image, mount) = (scratch.path("image"), scratch.directory("mount")?);
        let io = |e: std::io::Error| failed(format!("{}: {e}", image.display()));
        fs::File::create(&image).and_then(|file| file.set_len(IMAGE)).map_err(io)?;
        run::output(run::command(mkfs, &[arguments, &[&text(&image)]].concat()))?;
        let mut disk = Self { image, mount, mounted: false };
        Ok(match disk.attach() {
            Ok(()) => Ok(disk),
            Err(Failed(why)) => Err(why),
        })
    }

    fn attach(&mut self) -> Result<(), Failed> {
        run::output(run::command("mount", &["-o", "loop", &text(&self.image), &text(&self.mount)]))?;
        self.mounted = true;
        Ok(())
    }

    fn detach(&mut self) -> Result<(), Failed> {
        run::output(run::command("umount", &[&text(&self.mount)]))?;
        self.mounted = false;
        Ok(())
    }

    /// Everything that has not reached the image is lost, the journal's last part with it.
    fn shut_down(&self) -> Result<(), Failed> {
        run::output(run::command("xfs_io", &["-x", "-c", "shutdown", &text(&self.mount)])).map(|_| ())
    }
}

impl Disturbance for Disk {
    fn strike(&mut self, children: &mut [Child], _dice: &mut Dice) -> Result<Vec<bool>, Failed> {
        self.shut_down()?;
        Ok(vec![true; children.len()])
    }

    fn recover(&mut self) -> Result<(), Failed> {
        self.detach()?;
        self.attach()
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        if self.mounted && self.detach().is_err() {
            // Something still holds it: it goes when that does.
            let lazily = run::output(run::command("umount", &["-l", &text(&self.mount)]));
            if lazily.is_err() {
                eprintln!("still mounted: {}", self.mount.display());
            }
        }
    }
}
