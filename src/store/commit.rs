//! Commit objects: `(a{sv}aya(say)sstayay)`.

use super::gvariant::{self, Container};
use super::{Checksum, Error};
use std::collections::BTreeMap;

/// A typed value in a commit's metadata. Integers are stored little-endian.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Value {
    /// `s`
    String(String),
    /// `ay`
    Bytes(Vec<u8>),
    /// `u`
    U32(u32),
    /// `t`
    U64(u64),
    /// `as`
    Strings(Vec<String>),
    /// Any other type, as its type string and bytes; read back, kept, never made here.
    Other(String, Vec<u8>),
}

impl Value {
    /// The text, if it is one.
    pub fn as_str(&self) -> Option<&str> {
        if let Self::String(text) = self { Some(text) } else { None }
    }

    /// The bytes, if it is an array of them.
    pub fn as_bytes(&self) -> Option<&[u8]> {
        if let Self::Bytes(bytes) = self { Some(bytes) } else { None }
    }

    fn push(&self, bytes: &mut Vec<u8>) -> Result<(), Error> {
        let type_string = match self {
            Self::String(text) => {
                push_checked(bytes, text)?;
                "s"
            }
            Self::Bytes(value) => {
                bytes.extend_from_slice(value);
                "ay"
            }
            Self::U32(value) => {
                bytes.extend_from_slice(&value.to_le_bytes());
                "u"
            }
            Self::U64(value) => {
                bytes.extend_from_slice(&value.to_le_bytes());
                "t"
            }
            Self::Strings(texts) => {
                let mut array = Vec::new();
                let mut ends = Vec::with_capacity(texts.len());
                for text in texts {
                    push_checked(&mut array, text)?;
                    ends.push(array.len());
                }
                gvariant::finish(&mut array, ends.into_iter());
                bytes.append(&mut array);
                "as"
            }
            Self::Other(type_string, value) => {
                bytes.extend_from_slice(value);
                type_string
            }
        };
        bytes.push(0);
        bytes.extend_from_slice(type_string.as_bytes());
        Ok(())
    }

    fn parse(bytes: &[u8]) -> Option<Self> {
        let split = memchr::memrchr(0, bytes)?;
        let (value, type_string) = (&bytes[..split], std::str::from_utf8(&bytes[split + 1..]).ok()?);
        Some(match type_string {
            "s" => Self::String(gvariant::string(value)?.to_owned()),
            "ay" => Self::Bytes(value.to_vec()),
            "u" => Self::U32(u32::from_le_bytes(value.try_into().ok()?)),
            "t" => Self::U64(u64::from_le_bytes(value.try_into().ok()?)),
            "as" => {
                let elements = Container::new(value).elements(1)?;
                Self::Strings(elements.map(|text| gvariant::string(text?).map(str::to_owned)).collect::<Option<_>>()?)
            }
            _ => Self::Other(type_string.to_owned(), value.to_vec()),
        })
    }
}

fn push_checked(bytes: &mut Vec<u8>, text: &str) -> Result<(), Error> {
    if text.contains('\0') {
        let name = text.chars().take(80).collect();
        return Err(Error::Unstorable { name, reason: "text in commit metadata has a zero byte" });
    }
    gvariant::push_string(bytes, text);
    Ok(())
}

/// What a commit says. Build commits have no parent, no clock and no words: timestamp 0, subject and body empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommitParts {
    /// The root directory's dirtree.
    pub tree: Checksum,
    /// The root directory's dirmeta.
    pub meta: Checksum,
    /// Keys and typed values; stored sorted by key.
    pub metadata: BTreeMap<String, Value>,
    /// The commit before it, for release commits.
    pub parent: Option<Checksum>,
    /// One line about it.
    pub subject: String,
    /// More lines about it.
    pub body: String,
    /// Seconds since the epoch.
    pub timestamp: u64,
}

/// A commit read back.
pub type Commit = CommitParts;

impl CommitParts {
    /// A commit of this root, at timestamp 0, with neither parent nor words.
    pub fn new(tree: Checksum, meta: Checksum) -> Self {
        Self { tree, meta, metadata: BTreeMap::new(), parent: None, subject: String::new(), body: String::new(), timestamp: 0 }
    }

    /// Adds a key of metadata.
    #[must_use]
    pub fn with(mut self, key: &str, value: Value) -> Self {
        self.metadata.insert(key.to_owned(), value);
        self
    }

    pub(super) fn to_bytes(&self) -> Result<Vec<u8>, Error> {
        let mut bytes = Vec::with_capacity(1024);
        let mut ends = Vec::with_capacity(self.metadata.len());
        let mut entry = Vec::new();
        for (key, value) in &self.metadata {
            entry.clear();
            push_checked(&mut entry, key)?;
            let key_end = entry.len();
            gvariant::pad(&mut entry, 8);
            value.push(&mut entry)?;
            gvariant::finish(&mut entry, [key_end].into_iter());
            gvariant::pad(&mut bytes, 8);
            bytes.extend_from_slice(&entry);
            ends.push(bytes.len());
        }
        gvariant::finish(&mut bytes, ends.into_iter());
        let metadata_end = bytes.len();
        if let Some(parent) = self.parent {
            bytes.extend_from_slice(&parent.0);
        }
        let parent_end = bytes.len();
        push_checked(&mut bytes, &self.subject)?;
        let subject_end = bytes.len();
        push_checked(&mut bytes, &self.body)?;
        let body_end = bytes.len();
        gvariant::pad(&mut bytes, 8);
        bytes.extend_from_slice(&self.timestamp.to_be_bytes());
        bytes.extend_from_slice(&self.tree.0);
        let tree_end = bytes.len();
        bytes.extend_from_slice(&self.meta.0);
        // The related objects between parent and subject are always empty.
        gvariant::finish(&mut bytes, [tree_end, body_end, subject_end, parent_end, parent_end, metadata_end].into_iter());
        Ok(bytes)
    }

    pub(super) fn from_bytes(bytes: &[u8]) -> Result<Self, &'static str> {
        const MALFORMED: &str = "its framing is malformed";
        let ([metadata_end, parent_end, related_end, subject_end, body_end, tree_end], table) =
            Container::new(bytes).tuple_ends::<6>().ok_or(MALFORMED)?;
        let checksum = |part: &[u8]| part.try_into().map(Checksum).ok();
        let mut metadata = BTreeMap::new();
        for element in Container::new(&bytes[..metadata_end]).elements(8).ok_or(MALFORMED)? {
            let element = element.ok_or(MALFORMED)?;
            let ([key_end], end) = Container::new(element).tuple_ends::<1>().ok_or("a metadata entry is malformed")?;
            let key = gvariant::string(&element[..key_end]).ok_or("a metadata key is malformed")?;
            let value = element.get(key_end.next_multiple_of(8)..end).and_then(Value::parse).ok_or("a metadata value is malformed")?;
            if metadata.insert(key.to_owned(), value).is_some() {
                return Err("a metadata key stands twice");
            }
        }
        let parent = match &bytes[metadata_end..parent_end] {
            [] => None,
            part => Some(checksum(part).ok_or("its parent is no checksum")?),
        };
        let text = |from, to| gvariant::string(&bytes[from..to]).map(str::to_owned).ok_or("its text is malformed");
        let fixed = body_end.next_multiple_of(8);
        let timestamp: [u8; 8] = bytes.get(fixed..fixed + 8).and_then(|part| part.try_into().ok()).ok_or(MALFORMED)?;
        Ok(Self {
            tree: bytes.get(fixed + 8..tree_end).and_then(checksum).ok_or("its root is no checksum")?,
            meta: checksum(&bytes[tree_end..table]).ok_or("its root's metadata is no checksum")?,
            metadata,
            parent,
            subject: text(related_end, subject_end)?,
            body: text(subject_end, body_end)?,
            timestamp: u64::from_be_bytes(timestamp),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn values() -> impl Strategy<Value = Value> {
        prop_oneof![
            "[^\0]{0,300}".prop_map(Value::String),
            proptest::collection::vec(any::<u8>(), 0..300).prop_map(Value::Bytes),
            any::<u32>().prop_map(Value::U32),
            any::<u64>().prop_map(Value::U64),
            proptest::collection::vec("[^\0]{0,9}", 0..40).prop_map(Value::Strings),
        ]
    }

    proptest! {
        #[test]
        fn round_trips(metadata in proptest::collection::btree_map("[a-z.]{1,20}", values(), 0..6), subject in "[^\0]{0,30}",
            parent in any::<Option<[u8; 32]>>(), timestamp in any::<u64>()) {
            let mut commit = CommitParts::new(Checksum([1; 32]), Checksum([2; 32]));
            commit.metadata = metadata;
            commit.subject = subject;
            commit.parent = parent.map(Checksum);
            commit.timestamp = timestamp;
            let bytes = commit.to_bytes().unwrap();
            prop_assert_eq!(Commit::from_bytes(&bytes).unwrap(), commit);
        }

        #[test]
        fn noise_is_no_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
            let _commit = Commit::from_bytes(&bytes);
        }
    }
}
