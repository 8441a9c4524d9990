//! Which ids inside a user namespace stand for which ids outside.

use std::fmt::Write as _;

/// Images use the ids that 16 bits hold: 65534 is `nobody`, and 65535 is no id at all.
pub(super) const COUNT: u32 = 1 << 16;

/// A run of ids: `inside` and those after it stand for `outside` and those after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Extent {
    pub(super) inside: u32,
    pub(super) outside: u32,
    pub(super) count: u32,
}

/// The extents in the form that the kernel reads.
pub(super) fn render(extents: &[Extent]) -> String {
    extents.iter().fold(String::new(), |mut text, extent| {
        let _infallible = writeln!(text, "{} {} {}", extent.inside, extent.outside, extent.count);
        text
    })
}

/// Every id as itself, given what `/proc/self/uid_map` says exists here; `None` if images need more.
///
/// An extent may not cross the borders of the outer ones, so they are kept.
pub(super) fn identity(map: &str) -> Option<Vec<Extent>> {
    let mut extents: Vec<Extent> = map.lines().filter_map(line).map(|extent| Extent { outside: extent.inside, ..extent }).collect();
    extents.retain(|extent| extent.inside < COUNT);
    extents.sort_by_key(|extent| extent.inside);
    let mut next = 0;
    for extent in &mut extents {
        if extent.inside != next {
            return None;
        }
        extent.count = extent.count.min(COUNT - extent.inside);
        next = extent.inside + extent.count;
    }
    (next == COUNT).then_some(extents)
}

fn line(line: &str) -> Option<Extent> {
    let mut numbers = line.split_whitespace().map(str::parse::<u32>);
    let mut next = || numbers.next()?.ok();
    Some(Extent { inside: next()?, outside: next()?, count: next()? })
}

/// The caller as 0 and its subordinate ids after it, given the text of `/etc/subuid` or `/etc/subgid`; `None` if they are
/// too few.
pub(super) fn subordinate(text: &str, user: &str, uid: u32, own: u32) -> Option<Vec<Extent>> {
    let number = uid.to_string();
    let mut extents = vec![Extent { inside: 0, outside: own, count: 1 }];
    let mut next = 1;
    for line in text.lines() {
        let mut fields = line.trim().split(':');
        let owner = fields.next().unwrap_or_default();
        if owner.is_empty() || (owner != user && owner != number) {
            continue;
        }
        let mut numbers = fields.map(str::parse::<u32>);
        let (Some(Ok(outside)), Some(Ok(count))) = (numbers.next(), numbers.next()) else { continue };
        let count = count.min(COUNT - next).min(u32::MAX - outside);
        if count > 0 {
            extents.push(Extent { inside: next, outside, count });
            next += count;
        }
    }
    // Nothing belongs to 65535, so 65535 ids beside the caller's own are one more than needed.
    (next >= COUNT - 1).then_some(extents)
}

/// The ids that a host's databases give away, as their first and how many: users, groups, and the ranges of both.
pub(super) fn taken([passwd, group, subuid, subgid]: [&str; 4]) -> Vec<(u32, u32)> {
    fn fields(text: &str) -> impl Iterator<Item = Vec<&str>> {
        text.lines().map(|line| line.trim().split(':').collect())
    }
    let number = |field: Option<&&str>| field.and_then(|field| field.parse::<u32>().ok());
    let ids = fields(passwd).chain(fields(group)).filter_map(|fields| Some((number(fields.get(2))?, 1)));
    let ranges = fields(subuid).chain(fields(subgid)).filter_map(|fields| Some((number(fields.get(1))?, number(fields.get(2))?)));
    ids.chain(ranges).collect()
}

/// The first of [`COUNT`] ids of which none is taken; which of many such ranges depends on `turn`.
pub(super) fn free(taken: &[(u32, u32)], turn: u32) -> Option<u32> {
    // systemd gives containers what lies below 0x70000000, and has plans for 0x7ffe0000; from 0x80000000 on ids are negative
    // numbers to some programs.
    const FIRST: u32 = 0x7000_0000;
    const RANGES: u32 = 2048;
    let bases = (0..RANGES).map(|index| FIRST + (turn % RANGES + index) % RANGES * COUNT);
    let overlaps = |base: u32, (first, count): (u32, u32)| first < base + COUNT && base < first.saturating_add(count);
    bases.into_iter().find(|base| !taken.iter().any(|range| overlaps(*base, *range)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn extent(inside: u32, outside: u32, count: u32) -> Extent {
        Extent { inside, outside, count }
    }

    #[test]
    fn maps_every_id_that_images_use_to_itself() {
        assert_eq!(identity("         0          0 4294967295\n").unwrap(), [extent(0, 0, 65536)]);
        assert_eq!(identity("0 1000 1\n1 100000 65536\n").unwrap(), [extent(0, 0, 1), extent(1, 1, 65535)]);
        assert_eq!(identity("0 1000 1\n"), None, "a container with one id");
        assert_eq!(identity("0 0 1\n5 5 100000\n"), None, "a gap");
        assert_eq!(identity(""), None);
    }

    #[test]
    fn finds_subordinate_ids_by_name_and_number() {
        let text = "other:100000:65536\nme:165536:65536\n";
        assert_eq!(subordinate(text, "me", 1000, 1000).unwrap(), [extent(0, 1000, 1), extent(1, 165536, 65535)]);
        assert_eq!(subordinate("1000:5:65536\n", "me", 1000, 7).unwrap(), [extent(0, 7, 1), extent(1, 5, 65535)]);
        let parts = subordinate("me:100000:1000\nme:300000:70000\n", "me", 1000, 1000).unwrap();
        assert_eq!(parts, [extent(0, 1000, 1), extent(1, 100000, 1000), extent(1001, 300000, 64535)]);
    }

    #[test]
    fn finds_ids_that_nobody_has() {
        let texts = ["root:x:0:0:\nodd:x:1879048192:5:\n", "root:x:0:\n", "me:1879113728:65537\n", "me:5:x\n"];
        let taken = taken(texts);
        assert_eq!(taken, [(0, 1), (1_879_048_192, 1), (0, 1), (1_879_113_728, 65537)]);
        assert_eq!(free(&taken, 0), Some(0x7003_0000));
        assert_eq!(free(&taken, 2048 + 7), Some(0x7007_0000));
        assert_eq!(free(&[(0x7000_0000, 2048 * COUNT)], 3), None);
    }

    #[test]
    fn refuses_too_few_subordinate_ids() {
        for text in ["", "me:100000:1000\n", "me:x:y\n", "you:100000:65536\n", ":1:65536\n"] {
            assert_eq!(subordinate(text, "me", 1000, 1000), None, "{text:?}");
        }
    }
}
