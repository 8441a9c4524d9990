//! Owner and mode of one path, as manifests write them.

use std::fmt;
use std::str::FromStr;

/// An owner, permission bits, or both: `root:adm 0640`, `root:adm`, `0640`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Permissions {
    /// User and group, by name or number.
    pub owner: Option<(String, String)>,
    /// Permission bits with the set-id and sticky bits.
    pub mode: Option<u32>,
}

/// The text says neither an owner nor a mode, or more than that.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("`{text}` is no owner and mode; write `USER:GROUP MODE`, for example `root:adm 0640`")]
pub struct ParsePermissionsError {
    /// What stood there.
    pub text: String,
}

impl FromStr for Permissions {
    type Err = ParsePermissionsError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let malformed = || ParsePermissionsError { text: text.chars().take(80).collect() };
        let mut permissions = Self { owner: None, mode: None };
        for word in text.split_ascii_whitespace() {
            match word.split_once(':') {
                Some((user, group)) if permissions.owner.is_none() && permissions.mode.is_none() => {
                    if !is_owner(user) || !is_owner(group) {
                        return Err(malformed());
                    }
                    permissions.owner = Some((user.to_owned(), group.to_owned()));
                }
                None if permissions.mode.is_none() => permissions.mode = Some(mode(word).ok_or_else(malformed)?),
                _ => return Err(malformed()),
            }
        }
        if permissions.owner.is_none() && permissions.mode.is_none() { Err(malformed()) } else { Ok(permissions) }
    }
}

fn is_owner(text: &str) -> bool {
    !text.is_empty() && text.len() <= 32 && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-.".contains(&b))
}

/// Three or four octal digits: `chmod` takes fewer, but `64` is more likely a slip of the pen.
fn mode(text: &str) -> Option<u32> {
    let octal = text.bytes().all(|b| (b'0'..=b'7').contains(&b));
    if octal && matches!(text.len(), 3 | 4) { u32::from_str_radix(text, 8).ok() } else { None }
}

impl fmt::Display for Permissions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.owner, self.mode) {
            (Some((user, group)), Some(mode)) => write!(f, "{user}:{group} {mode:04o}"),
            (Some((user, group)), None) => write!(f, "{user}:{group}"),
            (None, mode) => write!(f, "{:04o}", mode.unwrap_or_default()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_owner_and_mode_or_one_of_them() {
        for (text, shown) in
            [("root:adm 0640", "root:adm 0640"), ("0:4", "0:4"), ("4755", "4755"), (" www-data:www-data  750 ", "www-data:www-data 0750")]
        {
            assert_eq!(text.parse::<Permissions>().unwrap().to_string(), shown);
        }
        for text in ["", "root", "root:", ":adm", "0640 root:adm", "64", "0648", "root:adm 0640 x", "root:adm:x", "a:b c:d", "07777"] {
            assert!(text.parse::<Permissions>().is_err(), "{text:?}");
        }
    }
}
