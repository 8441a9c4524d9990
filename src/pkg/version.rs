//! Debian version numbers and their order (policy 5.6.12, `deb-version(7)`).

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

/// A Debian version: `[epoch:]upstream[-revision]`, ordered as dpkg orders it.
///
/// Equality is dpkg's too: `1.0` and `0:1.0` are the same version.
#[derive(Clone, Debug)]
pub struct DebVersion(Arc<str>);

/// The text is no version.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("`{text}` is not a Debian version: {reason}")]
pub struct ParseVersionError {
    /// What stood there.
    pub text: String,
    /// The rule it breaks.
    pub reason: &'static str,
}

impl DebVersion {
    /// The version as written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The version without its epoch, as file names in a pool have it.
    pub fn without_epoch(&self) -> &str {
        without_epoch(&self.0)
    }
}

/// `version` without its epoch, as file names in a pool have it.
pub fn without_epoch(version: &str) -> &str {
    split_epoch(version).1
}

impl FromStr for DebVersion {
    type Err = ParseVersionError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let bad = |reason| Err(ParseVersionError { text: text.chars().take(80).collect(), reason });
        let (epoch, rest) = match text.split_once(':') {
            Some((epoch, rest)) => (Some(epoch), rest),
            None => (None, text),
        };
        if let Some(epoch) = epoch
            && (epoch.is_empty() || epoch.len() > 9 || !epoch.bytes().all(|b| b.is_ascii_digit()))
        {
            return bad("the epoch must be a number");
        }
        if rest.is_empty() {
            return bad("it is empty");
        }
        let legal = |b: u8| b.is_ascii_alphanumeric() || b"+-.~:_".contains(&b);
        if !rest.bytes().all(legal) {
            return bad("it may only have letters, digits and `+ - . ~ :`");
        }
        Ok(Self(text.into()))
    }
}

impl fmt::Display for DebVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Ord for DebVersion {
    fn cmp(&self, other: &Self) -> Ordering {
        compare(&self.0, &other.0)
    }
}

impl PartialOrd for DebVersion {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for DebVersion {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for DebVersion {}

/// Compares two versions as `dpkg --compare-versions` does; any text has a place in the order.
pub fn compare(left: &str, right: &str) -> Ordering {
    if left == right {
        return Ordering::Equal;
    }
    let ((left_epoch, left), (right_epoch, right)) = (split_epoch(left), split_epoch(right));
    let ((left_upstream, left_revision), (right_upstream, right_revision)) = (split_revision(left), split_revision(right));
    compare_numbers(left_epoch.as_bytes(), right_epoch.as_bytes())
        .then_with(|| compare_part(left_upstream.as_bytes(), right_upstream.as_bytes()))
        .then_with(|| compare_part(left_revision.as_bytes(), right_revision.as_bytes()))
}

fn split_epoch(version: &str) -> (&str, &str) {
    version.split_once(':').unwrap_or(("", version))
}

fn split_revision(version: &str) -> (&str, &str) {
    version.rsplit_once('-').unwrap_or((version, ""))
}

/// dpkg's `order()`: `~` before the end of the text, the end before letters, letters before everything else.
fn weight(byte: Option<u8>) -> i32 {
    match byte {
        None => 0,
        Some(b'~') => -1,
        Some(b) if b.is_ascii_digit() => 0,
        Some(b) if b.is_ascii_alphabetic() => i32::from(b),
        Some(b) => i32::from(b) + 256,
    }
}

fn compare_part(mut left: &[u8], mut right: &[u8]) -> Ordering {
    while !left.is_empty() || !right.is_empty() {
        loop {
            let (l, r) = (left.first().copied(), right.first().copied());
            let is_text = |b: Option<u8>| b.is_some_and(|b| !b.is_ascii_digit());
            if !is_text(l) && !is_text(r) {
                break;
            }
            let order = weight(l).cmp(&weight(r));
            if order != Ordering::Equal {
                return order;
            }
            left = &left[1..];
            right = &right[1..];
        }
        let (l, r) = (digits(left), digits(right));
        let order = compare_numbers(&left[..l], &right[..r]);
        if order != Ordering::Equal {
            return order;
        }
        left = &left[l..];
        right = &right[r..];
    }
    Ordering::Equal
}

fn digits(text: &[u8]) -> usize {
    text.iter().take_while(|b| b.is_ascii_digit()).count()
}

fn compare_numbers(left: &[u8], right: &[u8]) -> Ordering {
    let strip = |text: &[u8]| text.iter().take_while(|&&b| b == b'0').count();
    let (left, right) = (&left[strip(left)..], &right[strip(right)..]);
    left.len().cmp(&right.len()).then_with(|| left.cmp(right))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn orders_as_policy_says() {
        let sorted = [
            "~~",
            "~~a",
            "~",
            "0",
            "00.1~rc1",
            "0.1",
            "1.0~beta1~svc1",
            "1.0~beta1",
            "1.0",
            "1.0-1",
            "1.0-1+b1",
            "1.0a",
            "1.0+dfsg",
            "1.0.1",
            "1.2",
            "1.10",
            "1:0.1",
            "2:0",
        ];
        for (i, left) in sorted.iter().enumerate() {
            for (j, right) in sorted.iter().enumerate() {
                assert_eq!(compare(left, right), i.cmp(&j), "{left:?} {right:?}");
            }
        }
    }

    #[test]
    fn zero_epoch_revision_and_leading_zeros_are_equal_to_none() {
        for (left, right) in [("0:1.0", "1.0"), ("1.0-0", "1.0"), ("1.01", "1.1"), ("1-00", "1-0")] {
            assert_eq!(compare(left, right), Ordering::Equal, "{left} {right}");
        }
    }

    #[test]
    fn refuses_what_is_no_version() {
        for text in ["", ":1", "a:1", "1 2", "1:", "1/2"] {
            assert!(text.parse::<DebVersion>().is_err(), "{text:?}");
        }
        assert_eq!("1:2.0-3".parse::<DebVersion>().unwrap().without_epoch(), "2.0-3");
    }
}
