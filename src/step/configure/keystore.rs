//! Java's keystores of trusted certificates: when each entry was made stands beside it, and a digest at the end.

use sha1::{Digest as _, Sha1};

/// With what a keystore begins, and the only version that there still is.
const MAGIC: [u8; 8] = [0xfe, 0xed, 0xfe, 0xed, 0, 0, 0, 2];

/// The password of the keystore that everybody may read; it keeps nothing secret.
const PASSWORD: &str = "changeit";

/// What the format mixes into its digest.
const SALT: &[u8] = b"Mighty Aphrodite";

const DIGEST: usize = 20;

/// The keystore with the date `milliseconds` (since 1970) in each entry, or nothing if it is not one that is understood to
/// its last byte.
pub(super) fn dated(keystore: &[u8], milliseconds: u64) -> Option<Vec<u8>> {
    let (content, digest) = keystore.split_at_checked(keystore.len().checked_sub(DIGEST)?)?;
    if self::digest(content) != digest {
        return None;
    }
    let mut reader = Reader { content, at: 0 };
    if reader.take(MAGIC.len())? != MAGIC {
        return None;
    }
    let mut dates = Vec::new();
    for _ in 0..reader.number()? {
        let kind = reader.number()?;
        reader.text()?;
        dates.push(reader.at);
        reader.take(8)?;
        match kind {
            // A private key, and the certificates that lead to it.
            1 => {
                reader.bytes()?;
                for _ in 0..reader.number()? {
                    reader.certificate()?;
                }
            }
            2 => reader.certificate()?,
            _ => return None,
        }
    }
    if reader.at != content.len() {
        return None;
    }
    let mut content = content.to_vec();
    for at in dates {
        content[at..at + 8].copy_from_slice(&milliseconds.to_be_bytes());
    }
    let digest = self::digest(&content);
    content.extend(digest);
    Some(content)
}

fn digest(content: &[u8]) -> [u8; DIGEST] {
    let mut hasher = Sha1::new();
    PASSWORD.encode_utf16().for_each(|unit| hasher.update(unit.to_be_bytes()));
    hasher.update(SALT);
    hasher.update(content);
    hasher.finalize().into()
}

struct Reader<'a> {
    content: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let taken = self.content.get(self.at..self.at.checked_add(length)?)?;
        self.at += length;
        Some(taken)
    }

    fn number(&mut self) -> Option<u32> {
        Some(u32::from_be_bytes(self.take(4)?.try_into().ok()?))
    }

    fn text(&mut self) -> Option<()> {
        let length = u16::from_be_bytes(self.take(2)?.try_into().ok()?);
        self.take(length.into()).map(drop)
    }

    fn bytes(&mut self) -> Option<()> {
        let length = usize::try_from(self.number()?).ok()?;
        self.take(length).map(drop)
    }

    fn certificate(&mut self) -> Option<()> {
        self.text()?;
        self.bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A keystore with a certificate and a key, both of the moment `date`.
    fn keystore(date: u64) -> Vec<u8> {
        let mut content = [&MAGIC[..], &[0, 0, 0, 2]].concat();
        let certificate = [&[0, 5][..], b"X.509", &[0, 0, 0, 3], b"der"].concat();
        for (kind, name, rest) in [
            (2_u32, "debian:a.pem", certificate.clone()),
            (1, "own", [&[0, 0, 0, 3][..], b"key", &[0, 0, 0, 2], &certificate, &certificate].concat()),
        ] {
            content.extend(kind.to_be_bytes());
            content.extend(u16::try_from(name.len()).unwrap().to_be_bytes());
            content.extend(name.as_bytes());
            content.extend(date.to_be_bytes());
            content.extend(rest);
        }
        let digest = digest(&content);
        content.extend(digest);
        content
    }

    #[test]
    fn dates_every_entry_and_mends_the_digest() {
        assert_eq!(dated(&keystore(1_795_355_030_432), 1_767_225_600_000), Some(keystore(1_767_225_600_000)));
        let empty = [&MAGIC[..], &[0; 4]].concat();
        let empty = [&empty[..], &digest(&empty)].concat();
        assert_eq!(dated(&empty, 5).as_deref(), Some(&empty[..]));
    }

    #[test]
    fn leaves_alone_what_it_does_not_understand() {
        let good = keystore(1);
        for at in 0..good.len() {
            let mut bad = good.clone();
            bad[at] ^= 1;
            assert_eq!(dated(&bad, 2), None, "byte {at}");
            assert_eq!(dated(&good[..at], 2), None, "cut at {at}");
        }
        // With a right digest, too: a longer name, another kind, more behind the last entry.
        let end = good.len() - DIGEST;
        for (at, byte) in [(8, 1), (11, 3), (15, 3), (17, 255), (4, 1)] {
            let mut bad = good[..end].to_vec();
            bad[at] = byte;
            let bad = [&bad[..], &digest(&bad)].concat();
            assert_eq!(dated(&bad, 2), None, "byte {at}");
        }
        let more = [&good[..end], b"x"].concat();
        assert_eq!(dated(&[&more[..], &digest(&more)].concat(), 2), None);
    }
}
