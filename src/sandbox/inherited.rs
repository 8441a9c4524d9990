//! Descriptors that a process was started with and does not want.

/// Closes a descriptor that the parent has left open for this process, if there is one.
///
/// For the very start of a process: nothing that was opened since may have the number.
pub fn close_inherited(number: i32) {
    // The first three belong to the standard library.
    if number > 2 {
        // SAFETY: the call takes a number and touches no memory. The number comes from whoever started this process, before
        // it opened anything by itself, so no value of this program owns it. `rustix` closes only what is owned.
        let _closed = unsafe { libc::close(number) };
    }
}
