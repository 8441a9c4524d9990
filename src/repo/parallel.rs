//! Doing the same to several things at once.

use std::sync::Mutex;

/// Applies `work` to every item on up to `threads` threads; results come in the order of the items.
pub fn map<T: Sync, R: Send>(items: &[T], threads: usize, work: impl Fn(&T) -> R + Sync) -> Vec<R> {
    if items.len() <= 1 {
        return items.iter().map(work).collect();
    }
    let next = Mutex::new(0..items.len());
    let take = || next.lock().expect("no thread panics while it counts").next();
    let results: Mutex<Vec<(usize, R)>> = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..threads.clamp(1, items.len()) {
            scope.spawn(|| {
                while let Some(index) = take() {
                    let result = work(&items[index]);
                    results.lock().expect("no thread panics while it adds a result").push((index, result));
                }
            });
        }
    });
    let mut results = results.into_inner().expect("no thread panics while it adds a result");
    results.sort_by_key(|(index, _)| *index);
    results.into_iter().map(|(_, result)| result).collect()
}

#[cfg(test)]
mod tests {
    #[test]
    fn keeps_order() {
        let items: Vec<u32> = (0..100).collect();
        assert_eq!(super::map(&items, 7, |item| item * 2), items.iter().map(|item| item * 2).collect::<Vec<_>>());
        assert_eq!(super::map(&[1], 4, |item| item + 1), [2]);
    }
}
