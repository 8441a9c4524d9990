//! What the caller gave this process when it became its program, and where that lies in memory.
//!
//! Arguments name directories of the host and the environment may hold secrets. The kernel shows both as `/proc/PID/cmdline` and
//! `/proc/PID/environ`, and a copy of this process has a copy of them.

/// The memory that holds arguments, environment and the name of the program.
#[derive(Clone, Debug, Default)]
pub(super) struct Given {
    /// Where each part begins, and where it ends.
    parts: Vec<(usize, usize)>,
}

impl Given {
    /// Asks the kernel where it is; a kernel that does not say leaves nothing to overwrite.
    pub(super) fn find() -> Self {
        // proc_pid_stat(5): fields 48 to 51, counted from the third, which comes after the name in brackets.
        const ARGUMENTS: usize = 48 - 3;
        let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
        let fields: Vec<usize> =
            stat.rsplit(')').next().unwrap_or_default().split_whitespace().map(|field| field.parse().unwrap_or_default()).collect();
        let parts = fields.get(ARGUMENTS..ARGUMENTS + 4).unwrap_or_default().chunks_exact(2);
        Self { parts: parts.map(|part| (part[0], part[1])).filter(|(start, end)| *start != 0 && start < end).collect() }
    }

    /// Overwrites it with zeroes. Afterwards this process must not ask for its arguments or environment.
    ///
    /// Nothing is allocated.
    pub(super) fn forget(&self) {
        for (start, end) in &self.parts {
            // SAFETY: the kernel has put these strings on the stack's end, above all frames, in memory that can be written to. Whoever
            // reads them afterwards, as the C library looking for a variable, finds empty strings.
            unsafe { std::ptr::write_bytes(std::ptr::with_exposed_provenance_mut::<u8>(*start), 0, end - start) };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_arguments_and_environment() {
        assert_eq!(Given::find().parts.len(), 2);
    }
}
