//! A value that its owner lends to other threads. As an `Arc`, but the owner counts what it lends by a plain number, so only who
//! gives back needs an atomic one, and whether all are back is a look: for a message that many receive this is a third of
//! the cost.
//!
//! ```text
//! back   how many loans have come back; once the owner has gone, less what it has lent: below 0, up to 0
//! ```
//! So who brings `back` to 0 is the last, and frees the value.
//!
//! Invariants: the value is written only by the owner while all loans are back, or by the last loan of an owner that has gone.
//! While there is an owner `back` is from 0 to `lent`, and that is less than half of all numbers.

use std::{fmt, marker::PhantomData, ops::Deref, ptr::NonNull};

use crate::sync::{AtomicUsize, MODELLED, Ordering, fence};

struct Inner<T> {
    back: AtomicUsize,
    value: T,
}

/// `back` where one is out and the owner has gone.
const LAST: usize = 0_usize.wrapping_sub(1);

/// After so many loans of one value they are counted anew.
const MANY: usize = if MODELLED { 1 } else { usize::MAX / 2 };

/// The owner of the value.
pub(crate) struct Lender<T> {
    inner: NonNull<Inner<T>>,
    lent: usize,
    owned: PhantomData<Inner<T>>,
}

/// The value, lent.
pub(crate) struct Loan<T> {
    inner: NonNull<Inner<T>>,
    owned: PhantomData<Inner<T>>,
}

// SAFETY: as for `Arc`: owner and loans in several threads share the value, and any of them may drop it.
unsafe impl<T: Send + Sync> Send for Lender<T> {}
// SAFETY: as above; a shared owner gives nothing away.
unsafe impl<T: Send + Sync> Sync for Lender<T> {}
// SAFETY: as above.
unsafe impl<T: Send + Sync> Send for Loan<T> {}
// SAFETY: as above.
unsafe impl<T: Send + Sync> Sync for Loan<T> {}

/// # Safety
/// Called by the last, for the first time.
unsafe fn free<T>(inner: NonNull<Inner<T>>) {
    // SAFETY: from a box, and nobody else has it.
    drop(unsafe { Box::from_raw(inner.as_ptr()) });
}

impl<T> Lender<T> {
    pub(crate) fn new(value: T) -> Lender<T> {
        let inner = NonNull::from(Box::leak(Box::new(Inner { back: AtomicUsize::new(0), value })));
        Lender { inner, lent: 0, owned: PhantomData }
    }

    #[inline(always)]
    fn back(&self) -> &AtomicUsize {
        // SAFETY: live as long as the owner.
        unsafe { &(*self.inner.as_ptr()).back }
    }

    #[inline(always)]
    fn are_all_back(&self) -> bool {
        // Acquire: pairs with the Release of those who gave back; they look at the value no more.
        self.back().load(Ordering::Acquire) == self.lent
    }

    #[inline(always)]
    pub(crate) fn lend(&mut self) -> Loan<T> {
        if self.lent == MANY {
            self.count_anew();
        }
        self.lent += 1;
        Loan { inner: self.inner, owned: PhantomData }
    }

    /// Takes out of both numbers what has come back.
    #[cold]
    fn count_anew(&mut self) {
        // Relaxed, both: a change of this kind leaves in place what `are_all_back` pairs with.
        let back = self.back().load(Ordering::Relaxed);
        self.back().fetch_sub(back, Ordering::Relaxed);
        self.lent -= back;
    }

    /// The value, if it is not lent.
    #[inline(always)]
    pub(crate) fn get_mut(&mut self) -> Option<&mut T> {
        // SAFETY: nobody else has the value, and our own borrow is bound to this borrow of us.
        self.are_all_back().then(|| unsafe { &mut (*self.inner.as_ptr()).value })
    }
}

impl<T> Drop for Lender<T> {
    #[inline]
    fn drop(&mut self) {
        if !self.are_all_back() {
            // Release: pairs with the Acquire of the last.
            if self.back().fetch_sub(self.lent, Ordering::Release) != self.lent {
                return;
            }
            // Acquire: as in `are_all_back`.
            fence(Ordering::Acquire);
        }
        // SAFETY: all are back, and the owner goes.
        unsafe { free(self.inner) };
    }
}

impl<T> Loan<T> {
    #[inline(always)]
    fn back(&self) -> &AtomicUsize {
        // SAFETY: live as long as this is not back.
        unsafe { &(*self.inner.as_ptr()).back }
    }

    /// The value, if nobody else has it.
    pub(crate) fn get_mut(&mut self) -> Option<&mut T> {
        // Acquire: pairs with the Release of the owner, and of those who gave back.
        let is_last = self.back().load(Ordering::Acquire) == LAST;
        // SAFETY: the owner has gone, so nothing will be lent any more, and we are all that is out.
        is_last.then(|| unsafe { &mut (*self.inner.as_ptr()).value })
    }
}

impl<T> Deref for Loan<T> {
    type Target = T;

    #[inline(always)]
    fn deref(&self) -> &T {
        // SAFETY: nobody writes it before this is back, but by `get_mut` of this.
        unsafe { &(*self.inner.as_ptr()).value }
    }
}

impl<T> Drop for Loan<T> {
    #[inline(always)]
    fn drop(&mut self) {
        // Release: pairs with the Acquire of whoever has the value next.
        if self.back().fetch_add(1, Ordering::Release) == LAST {
            // Acquire: all others have done with it.
            fence(Ordering::Acquire);
            // SAFETY: the owner has gone, and all loans are back.
            unsafe { free(self.inner) };
        }
    }
}

impl<T> fmt::Debug for Lender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad("Lender { .. }")
    }
}

impl<T> fmt::Debug for Loan<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad("Loan { .. }")
    }
}

#[cfg(all(test, loom))]
mod model {
    //! Models for loom: nobody writes or frees what somebody still looks at, and the last one frees it, once.

    use super::{Lender, Loan};
    use crate::{
        explore::{explore, spawn, spawn_twin, turn},
        sync::{Arc, AtomicUsize, Ordering, UnsafeCell},
    };

    /// loom sees every look, and takes the drop for a write.
    struct Watched {
        number: UnsafeCell<usize>,
        drops: Arc<AtomicUsize>,
    }

    // SAFETY: whether this is so is what the models are about; loom checks it.
    unsafe impl Sync for Watched {}

    impl Watched {
        fn lender(number: usize) -> (Lender<Watched>, Arc<AtomicUsize>) {
            let drops = Arc::new(AtomicUsize::new(0));
            (Lender::new(Watched { number: UnsafeCell::new(number), drops: drops.clone() }), drops)
        }

        fn look(&self) -> usize {
            // SAFETY: as above.
            self.number.with(|number| unsafe { *number })
        }

        fn set(&self, to: usize) {
            // SAFETY: as above.
            self.number.with_mut(|number| unsafe { *number = to });
        }
    }

    impl Drop for Watched {
        fn drop(&mut self) {
            self.set(0);
            self.drops.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn looks_at(loan: &Loan<Watched>, number: usize) {
        assert_eq!(loan.look(), number);
    }

    /// The owner writes the value anew when all are back, and not before.
    #[test]
    fn lent_again() {
        explore("lent_again", 48, || {
            let (mut lender, _) = Watched::lender(1);
            let loans = [lender.lend(), lender.lend()];
            let borrowers = loans.map(|loan| spawn_twin(move || looks_at(&loan, 1)));
            turn(0);
            if let Some(value) = lender.get_mut() {
                value.set(2);
                looks_at(&lender.lend(), 2);
            }
            borrowers.into_iter().for_each(|borrower| borrower.join().unwrap());
            assert!(lender.get_mut().is_some());
        });
    }

    /// The same where loans are counted anew while one comes back.
    #[test]
    fn lent_many_times() {
        explore("lent_many_times", 25, || {
            let (mut lender, _) = Watched::lender(1);
            let loan = lender.lend();
            let borrower = spawn(move || looks_at(&loan, 1));
            turn(0);
            looks_at(&lender.lend(), 1);
            if let Some(value) = lender.get_mut() {
                value.set(2);
            }
            borrower.join().unwrap();
            assert!(lender.get_mut().is_some());
        });
    }

    /// Whoever is last frees it, be it the owner or one that gives back; a last loan may write it.
    #[test]
    fn lent_and_left() {
        explore("lent_and_left", 610, || {
            let (mut lender, drops) = Watched::lender(1);
            let mut last = lender.lend();
            let loan = lender.lend();
            let borrowers = [
                spawn(move || looks_at(&loan, 1)),
                spawn(move || {
                    looks_at(&last, 1);
                    if let Some(value) = last.get_mut() {
                        value.set(2);
                    }
                }),
            ];
            turn(0);
            drop(lender);
            borrowers.into_iter().for_each(|borrower| borrower.join().unwrap());
            assert_eq!(drops.load(Ordering::Relaxed), 1);
        });
    }
}
