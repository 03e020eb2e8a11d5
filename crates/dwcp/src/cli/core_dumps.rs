//! No core dumps: every command may hold keys, and a dump would write them to disk in the clear.

/// Sets the limit of core files to zero and takes the process out of the reach of other processes of the same user.
///
/// What can not be set stays as it was: a command that was started in a stricter place goes on.
pub(super) fn forbid() {
    #[cfg(unix)]
    {
        use rustix::process::{Resource, Rlimit, setrlimit};
        let _ = setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) });
    }
    #[cfg(target_os = "linux")]
    {
        use rustix::process::{DumpableBehavior, set_dumpable_behavior};
        // A core limit of zero does not hold where dumps are piped to a program (core(5)).
        let _ = set_dumpable_behavior(DumpableBehavior::NotDumpable);
    }
}
