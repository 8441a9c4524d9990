//! The part of GVariant's serialised form that OSTree objects use.
//!
//! A container whose members vary in length ends with a table of framing offsets: where each member ends, counted from
//! the container's start, in the smallest integers that can express the container's whole length. Arrays list them in
//! order, tuples backwards and without the last member.

/// Bytes per framing offset in a container of `length` bytes, offsets included.
fn offset_size(length: usize) -> usize {
    match length {
        0..=0xff => 1,
        0x100..=0xffff => 2,
        0x1_0000..=0xffff_ffff => 4,
        _ => 8,
    }
}

/// Ends a container: appends `offsets`, in the order given.
pub(super) fn finish(bytes: &mut Vec<u8>, offsets: impl ExactSizeIterator<Item = usize>) {
    let count = offsets.len();
    let body = bytes.len();
    let size = [1, 2, 4, 8].into_iter().find(|size| offset_size(body + count * size) <= *size).unwrap_or(8);
    bytes.reserve(count * size);
    for offset in offsets {
        bytes.extend_from_slice(&(offset as u64).to_le_bytes()[..size]);
    }
}

/// Appends zeros until the length is a multiple of `alignment`.
pub(super) fn pad(bytes: &mut Vec<u8>, alignment: usize) {
    bytes.resize(bytes.len().next_multiple_of(alignment), 0);
}

/// Appends a string and its terminator.
pub(super) fn push_string(bytes: &mut Vec<u8>, text: &str) {
    bytes.extend_from_slice(text.as_bytes());
    bytes.push(0);
}

/// A container read back: its bytes and the table at its end.
#[derive(Clone, Copy)]
pub(super) struct Container<'a> {
    bytes: &'a [u8],
    size: usize,
}

impl<'a> Container<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, size: offset_size(bytes.len()) }
    }

    /// The framing offset that stands `index` places before the end.
    fn offset_from_end(self, index: usize) -> Option<usize> {
        let end = self.bytes.len().checked_sub(index.checked_mul(self.size)?)?;
        let start = end.checked_sub(self.size)?;
        let mut value = [0; 8];
        value[..self.size].copy_from_slice(&self.bytes[start..end]);
        usize::try_from(u64::from_le_bytes(value)).ok()
    }

    /// The members of a tuple that has `COUNT` framing offsets: their ends, then where the table starts.
    pub(super) fn tuple_ends<const COUNT: usize>(self) -> Option<([usize; COUNT], usize)> {
        let table = self.bytes.len().checked_sub(COUNT * self.size)?;
        let mut ends = [0; COUNT];
        let mut last = 0;
        for (index, end) in ends.iter_mut().enumerate() {
            *end = self.offset_from_end(index)?;
            if *end < last || *end > table {
                return None;
            }
            last = *end;
        }
        Some((ends, table))
    }

    /// The elements of an array whose elements vary in length and start at multiples of `alignment`.
    pub(super) fn elements(self, alignment: usize) -> Option<Elements<'a>> {
        if self.bytes.is_empty() {
            return Some(Elements { container: self, table: 0, count: 0, next: 0, position: 0, alignment });
        }
        let table = self.offset_from_end(0)?;
        let length = self.bytes.len().checked_sub(table)?;
        if length == 0 || length % self.size != 0 {
            return None;
        }
        Some(Elements { container: self, table, count: length / self.size, next: 0, position: 0, alignment })
    }
}

/// Walks over an array; `None` inside means that the framing is broken.
pub(super) struct Elements<'a> {
    container: Container<'a>,
    table: usize,
    count: usize,
    next: usize,
    position: usize,
    alignment: usize,
}

impl<'a> Iterator for Elements<'a> {
    type Item = Option<&'a [u8]>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.next == self.count {
            return None;
        }
        let start = self.position.next_multiple_of(self.alignment);
        let end = self.container.offset_from_end(self.count - 1 - self.next);
        let element = end.filter(|end| *end >= start && *end <= self.table).map(|end| {
            self.position = end;
            &self.container.bytes[start..end]
        });
        // A broken element ends the walk, so that a caller that skips it cannot read on.
        self.next = if element.is_some() { self.next + 1 } else { self.count };
        Some(element)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.count - self.next, Some(self.count - self.next))
    }
}

/// Reads a terminated string.
pub(super) fn string(bytes: &[u8]) -> Option<&str> {
    let (last, text) = bytes.split_last()?;
    if *last != 0 || memchr::memchr(0, text).is_some() {
        return None;
    }
    std::str::from_utf8(text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offsets_count_themselves() {
        // 255 bytes with one offset is 256: too long for offsets of one byte.
        for (body, total) in [(0, 1), (254, 255), (255, 257), (0xfffd, 0xffff), (0xfffe, 0x1_0002)] {
            let mut bytes = vec![7; body];
            finish(&mut bytes, [body].into_iter());
            assert_eq!(bytes.len(), total);
            let elements: Vec<_> = Container::new(&bytes).elements(1).unwrap().collect();
            assert_eq!(elements, [Some(&vec![7; body][..])], "body of {body}");
        }
    }

    #[test]
    fn broken_framing_is_no_panic() {
        for bytes in [&[1][..], &[9], &[0, 0, 3], &[5, 1, 2], &[0xff; 300]] {
            if let Some(elements) = Container::new(bytes).elements(8) {
                let _all: Vec<_> = elements.collect();
            }
            let _ends = Container::new(bytes).tuple_ends::<6>();
        }
    }
}
