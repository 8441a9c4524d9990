//! Strings as numbers: every text of an index stands in it once.

use hashbrown::HashTable;
use std::hash::BuildHasher;

/// No text, no position, no record.
pub(crate) const NONE: u32 = u32::MAX;

/// Texts in the order in which they were first met, one after the other in one allocation.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Texts {
    pub(crate) bytes: String,
    pub(crate) ends: Vec<u32>,
}

impl Texts {
    pub(crate) fn len(&self) -> usize {
        self.ends.len()
    }

    pub(crate) fn get(&self, id: u32) -> &str {
        let end = self.ends[id as usize] as usize;
        let start = match id {
            0 => 0,
            _ => self.ends[id as usize - 1] as usize,
        };
        &self.bytes[start..end]
    }

    fn push(&mut self, text: &str) -> u32 {
        let id = self.ends.len() as u32;
        self.bytes.push_str(text);
        self.ends.push(self.bytes.len() as u32);
        id
    }

    /// Tells whether the ends are ascending, inside the bytes and on character boundaries.
    pub(crate) fn is_sound(&self) -> bool {
        self.ends.is_sorted()
            && self.ends.last().map_or(0, |&end| end as usize) == self.bytes.len()
            && (self.bytes.is_ascii() || self.ends.iter().all(|&end| self.bytes.is_char_boundary(end as usize)))
    }
}

/// Gives equal texts equal numbers while an index is read.
///
/// The hash is seeded per process, so nobody can prepare an index whose names all collide here.
#[derive(Default)]
pub(crate) struct Interner {
    pub(crate) texts: Texts,
    table: HashTable<u32>,
    state: hashbrown::DefaultHashBuilder,
}

impl Interner {
    pub(crate) fn intern(&mut self, text: &str) -> u32 {
        let Self { texts, table, state } = self;
        let hash = state.hash_one(text);
        if let Some(&id) = table.find(hash, |&id| texts.get(id) == text) {
            return id;
        }
        let id = texts.push(text);
        table.insert_unique(hash, id, |&id| state.hash_one(texts.get(id)));
        id
    }
}

/// A hash table over [`Texts`] that can be stored: open addressing, at most half full.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Lookup {
    pub(crate) seed: u32,
    pub(crate) slots: Vec<u32>,
}

/// How far an entry may lie from its place; names prepared to collide under one seed hit this and get another seed.
const LONGEST_PROBE: usize = 64;

impl Lookup {
    /// Builds the table; `None` when the texts collide under every seed, which only a prepared index does.
    pub(crate) fn build(texts: &Texts) -> Option<Self> {
        (0..16).find_map(|seed| Self::build_with(texts, seed))
    }

    fn build_with(texts: &Texts, seed: u32) -> Option<Self> {
        let size = (texts.len() * 2).next_power_of_two().max(2);
        let mut slots = vec![NONE; size];
        for id in 0..texts.len() as u32 {
            let place = hash(seed, texts.get(id)) as usize;
            let free = (0..LONGEST_PROBE).map(|step| (place + step) & (size - 1)).find(|&slot| slots[slot] == NONE)?;
            slots[free] = id;
        }
        Some(Self { seed, slots })
    }

    pub(crate) fn find(&self, texts: &Texts, text: &str) -> Option<u32> {
        let mask = self.slots.len().checked_sub(1)?;
        let place = hash(self.seed, text) as usize;
        for step in 0..LONGEST_PROBE {
            match self.slots[(place + step) & mask] {
                NONE => return None,
                id if texts.get(id) == text => return Some(id),
                _ => {}
            }
        }
        None
    }

    /// Tells whether every slot names a text and the size is a power of two.
    pub(crate) fn is_sound(&self, texts: &Texts) -> bool {
        self.slots.len().is_power_of_two() && self.slots.iter().all(|&id| id == NONE || (id as usize) < texts.len())
    }
}

/// Fixed for ever with a format number: the table is stored.
fn hash(seed: u32, text: &str) -> u64 {
    const FACTOR: u64 = 0x9e37_79b9_7f4a_7c15;
    let mut state = (u64::from(seed) + 1).wrapping_mul(FACTOR) ^ text.len() as u64;
    for chunk in text.as_bytes().chunks(8) {
        let mut word = [0; 8];
        word[..chunk.len()].copy_from_slice(chunk);
        state = (state ^ u64::from_le_bytes(word)).wrapping_mul(FACTOR);
        state ^= state >> 29;
    }
    state.wrapping_mul(FACTOR) >> 20
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn interns_once_and_finds_again() {
        let mut interner = Interner::default();
        let names: Vec<String> = (0..5000).map(|n| format!("lib{n}")).collect();
        let ids: Vec<u32> = names.iter().map(|name| interner.intern(name)).collect();
        assert_eq!(interner.intern("lib7"), ids[7]);
        let lookup = Lookup::build(&interner.texts).unwrap();
        for (name, id) in names.iter().zip(ids) {
            assert_eq!(lookup.find(&interner.texts, name), Some(id));
        }
        assert_eq!(lookup.find(&interner.texts, "libx"), None);
        assert_eq!(Lookup::build(&Texts::default()).unwrap().find(&Texts::default(), "a"), None);
    }
}
