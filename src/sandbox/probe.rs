//! Work in a process of its own, so that entering a sandbox does not bind the caller.

use super::sys::{self, Fork};
use rustix::process::{Signal, WaitOptions};
use std::fs::File;
use std::io::{self, Read as _, Write as _};

/// Runs `work` in a forked child and returns the text that it gives.
///
/// The child has one thread, as [`super::Sandbox::enter`] needs it, and dies with the thread that called. It must not
/// print: another thread may have held the lock of the standard output when the child was made.
pub fn apart(work: impl FnOnce() -> String) -> io::Result<String> {
    let (reader, writer) = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC)?;
    let child = match sys::fork()? {
        Fork::Child => {
            drop(reader);
            // Without it a child of a killed caller would only outlive it for as long as its work takes.
            let _unheard = rustix::process::set_parent_process_death_signal(Some(Signal::KILL));
            let given = std::panic::catch_unwind(std::panic::AssertUnwindSafe(work));
            let written = given.is_ok_and(|text| File::from(writer).write_all(text.as_bytes()).is_ok());
            sys::exit(i32::from(!written));
        }
        Fork::Parent(child) => child,
    };
    drop(writer);
    let mut text = String::new();
    let read = File::from(reader).read_to_string(&mut text);
    let status = rustix::io::retry_on_intr(|| rustix::process::waitpid(Some(child), WaitOptions::empty()))?;
    read?;
    match status {
        Some((_, status)) if status.exit_status() == Some(0) => Ok(text),
        Some((_, status)) => Err(io::Error::other(format!("the child ended with {status:?}"))),
        None => Err(io::ErrorKind::NotFound.into()),
    }
}
