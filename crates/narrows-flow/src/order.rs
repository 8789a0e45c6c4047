//! The reorder window: what came out of turn waits here until what is before it has come.
//! It knows nothing of threads. It holds what it is given; that this is bounded is for those who number the items to
//! see to, and they begin no more than have places. So the oldest always has one, and nothing can stand still.

use std::collections::BTreeMap;

/// Puts portions of numbered items back into order. Numbers begin with 0 and leave none out; a portion has the number of its
/// first item.
#[derive(Debug)]
pub(crate) struct Window<T> {
    /// The number that goes next.
    next: u64,
    /// What has come in its turn, which is common and costs no place in the tree.
    due: Option<(u64, T)>,
    /// By number, with how many numbers each has.
    held: BTreeMap<u64, (u64, T)>,
}

impl<T> Window<T> {
    pub(crate) fn new() -> Window<T> {
        Window { next: 0, due: None, held: BTreeMap::new() }
    }

    /// # Panics
    /// If there was one of that number already, or it has none.
    pub(crate) fn put(&mut self, number: u64, count: usize, value: T) {
        assert!(number >= self.next && count > 0, "numbers come once");
        let entry = (count as u64, value);
        let before = if number == self.next { self.due.replace(entry) } else { self.held.insert(number, entry) };
        assert!(before.is_none(), "numbers come once");
    }

    /// The next in order, if it has come.
    pub(crate) fn take(&mut self) -> Option<T> {
        let (count, value) = self.due.take().or_else(|| {
            let first = self.held.first_entry().filter(|first| *first.key() == self.next)?;
            Some(first.remove())
        })?;
        self.next += count;
        Some(value)
    }

    /// The next of those that have come, although some are missing before it.
    pub(crate) fn take_rest(&mut self) -> Option<T> {
        if let Some(value) = self.take() {
            return Some(value);
        }
        let (number, (count, value)) = self.held.pop_first()?;
        self.next = number + count;
        Some(value)
    }
}

#[cfg(test)]
mod tests {
    use super::Window;

    #[test]
    fn what_comes_in_any_order_leaves_in_the_order_of_numbers() {
        let mut seed = 7_u64;
        for round in 0..200 {
            let mut window = Window::new();
            let mut numbers: Vec<u64> = (0..round).collect();
            let mut left = Vec::new();
            while !numbers.is_empty() {
                seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                let at = usize::try_from(seed >> 33).unwrap() % numbers.len();
                let number = numbers.swap_remove(at);
                // A portion of three numbers, of which the first stands for all.
                window.put(number * 3, 3, number);
                left.extend(std::iter::from_fn(|| window.take()));
            }
            assert_eq!(left, (0..round).collect::<Vec<_>>());
        }
    }

    #[test]
    fn the_rest_leaves_in_order_too() {
        let mut window = Window::new();
        for number in [5, 2, 3] {
            window.put(number, 1, number);
        }
        assert_eq!(window.take(), None);
        assert_eq!(std::iter::from_fn(|| window.take_rest()).collect::<Vec<_>>(), [2, 3, 5]);
    }

    #[test]
    #[should_panic(expected = "numbers come once")]
    fn a_number_that_comes_twice_is_refused() {
        let mut window = Window::new();
        window.put(0, 2, ());
        window.take();
        window.put(1, 1, ());
    }
}
