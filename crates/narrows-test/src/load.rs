//! Messages that are watched: each carries a checksum, and a ledger notes that it was dropped, and how often.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicUsize, Ordering};

const SALT: u64 = 0x9e37_79b9_7f4a_7c15;

#[derive(Debug)]
struct Book {
    /// Of each number: made, dropped.
    made: Box<[AtomicU8]>,
    dropped: Box<[AtomicU8]>,
    alive: AtomicUsize,
    /// Drops of something that was no load.
    spoiled: AtomicUsize,
}

/// Makes loads and keeps account of them.
#[derive(Clone, Debug)]
pub struct Ledger(Arc<Book>);

/// A watched message. Its size is no power of two.
#[derive(Debug)]
pub struct Load {
    number: u64,
    check: u64,
    book: Arc<Book>,
}

impl Ledger {
    /// For loads numbered below `n`.
    pub fn new(n: usize) -> Self {
        let zeros = || (0..n).map(|_| AtomicU8::new(0)).collect();
        Self(Arc::new(Book {
            made: zeros(),
            dropped: zeros(),
            alive: AtomicUsize::new(0),
            spoiled: AtomicUsize::new(0),
        }))
    }

    /// Makes the load of this number, once.
    pub fn load(&self, number: u64) -> Load {
        let before = self.0.made[index(number)].fetch_add(1, Ordering::Relaxed);
        assert_eq!(before, 0, "load {number} was made before");
        self.0.alive.fetch_add(1, Ordering::SeqCst);
        Load { number, check: number ^ SALT, book: Arc::clone(&self.0) }
    }

    /// How many loads exist.
    pub fn alive(&self) -> usize {
        self.0.alive.load(Ordering::SeqCst)
    }

    /// Whether this one was dropped.
    pub fn is_dropped(&self, number: u64) -> bool {
        self.0.dropped[index(number)].load(Ordering::SeqCst) > 0
    }

    /// # Panics
    /// Unless every load that was made was dropped exactly once.
    pub fn settle(&self) {
        let spoiled = self.0.spoiled.load(Ordering::SeqCst);
        assert_eq!(spoiled, 0, "something was dropped that was no load");
        for (number, (made, dropped)) in self.0.made.iter().zip(&self.0.dropped).enumerate() {
            let made = made.load(Ordering::SeqCst);
            let dropped = dropped.load(Ordering::SeqCst);
            assert_eq!(dropped, made, "load {number} was made {made} times, dropped {dropped}");
        }
    }
}

fn index(number: u64) -> usize {
    usize::try_from(number).expect("a small number")
}

impl Load {
    /// Its number.
    ///
    /// # Panics
    /// If its bytes were changed on the way.
    pub fn number(&self) -> u64 {
        assert_eq!(self.check, self.number ^ SALT, "a load was spoiled on the way");
        self.number
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        if self.check != self.number ^ SALT {
            self.book.spoiled.fetch_add(1, Ordering::SeqCst);
            return;
        }
        self.check = 0;
        self.book.dropped[index(self.number)].fetch_add(1, Ordering::SeqCst);
        self.book.alive.fetch_sub(1, Ordering::SeqCst);
    }
}
