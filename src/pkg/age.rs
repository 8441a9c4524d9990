//! How old something is, as people write it: `3d`.

use std::time::Duration;

/// Reads a number with `h`, `d` or `w` behind it; none if it is something else.
pub fn parse_age(text: &str) -> Option<Duration> {
    let (at, unit) = text.char_indices().last()?;
    let number = Some(&text[..at]).filter(|number| number.bytes().all(|byte| byte.is_ascii_digit()))?;
    let hours: u64 = match unit {
        'h' => 1,
        'd' => 24,
        'w' => 7 * 24,
        _ => return None,
    };
    // A century: beyond it there is no archive, and dates would leave their range.
    let hours = number.parse::<u64>().ok()?.checked_mul(hours).filter(|hours| *hours <= 100 * 366 * 24)?;
    Some(Duration::from_secs(hours * 60 * 60))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_hours_days_and_weeks() {
        let hours = |text: &str| parse_age(text).map(|age| age.as_secs() / 3600);
        assert_eq!(["36h", "3d", "2w", "0d"].map(hours), [Some(36), Some(72), Some(336), Some(0)]);
        assert_eq!(["", "3", "d", "+3d", "3 d", "3m", "1.5d", "99999999999999999999d", "1000000w"].map(hours), [None; 9]);
    }
}
