//! Sizes for people.

/// Bytes as a person reads them: `54.7 MB`.
pub fn human(bytes: u64) -> String {
    let units = [("GB", 1_000_000_000), ("MB", 1_000_000), ("kB", 1000)];
    match units.iter().find(|(_, unit)| bytes >= *unit) {
        // One decimal is enough for a summary line; the loss of precision is the point.
        Some((name, unit)) => format!("{}.{} {name}", bytes / unit, bytes % unit * 10 / unit),
        None => format!("{bytes} B"),
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn sizes_read_well() {
        let sizes = [0, 999, 1000, 54_725_600, 2_000_000_000].map(super::human);
        assert_eq!(sizes, ["0 B", "999 B", "1.0 kB", "54.7 MB", "2.0 GB"]);
    }
}
