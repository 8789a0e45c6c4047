//! What the two ends of a channel for one message share: a word, a slot, two bells, and who frees it all.
//!
//! ```text
//! word  HEARD         somebody waits for the message    } set by who waits, never cleared:
//!       WATCHED       somebody waits for the end        } a bell rung for nobody does no harm
//!       SENT          the message was put in
//!       OVER          nothing more will come of it: the message was taken, or there will be none
//!       SENDER_OUT    the sender touches this no more
//!       RECEIVER_OUT  nor does the receiver
//!
//!   0 --send--> SENT --received--> SENT OVER            0 --the sender goes, or the receiver closes--> OVER
//! ```
//! Where nobody waits, SENT and `SENDER_OUT` are one step; else the bell is rung between them.
//!
//! Invariants: the message is written by the sender before SENT, which takes it back if it comes to nothing, and read by who
//! sets OVER beside SENT, so each happens once. Who sets the second OUT frees it; the receiver, if it sees `SENDER_OUT`, has it
//! all to itself.

use std::{
    marker::PhantomData,
    mem::ManuallyDrop,
    ops::Deref,
    panic::{RefUnwindSafe, UnwindSafe},
    ptr::NonNull,
};

use crate::{
    answer,
    error::{RecvError, SendError},
    sync::{AtomicUsize, Ordering, UnsafeCell},
    wait::bell::{Bell, Event},
};

const HEARD: usize = 1;
const WATCHED: usize = 2;
const SENT: usize = 4;
const OVER: usize = 8;
const SENDER_OUT: usize = 16;
const RECEIVER_OUT: usize = 32;

#[derive(Debug)]
pub(crate) struct Once<T> {
    word: AtomicUsize,
    message: UnsafeCell<Option<T>>,
    arrival: Bell,
    closing: Bell,
}

// SAFETY: the message is touched by one thread at a time, as the head of this file says, so it is moved between threads, not
// shared.
unsafe impl<T: Send> Sync for Once<T> {}

// What happens to a message when a holder panics is decided by its own drop; the channel is never left half done.
impl<T> UnwindSafe for Once<T> {}
impl<T> RefUnwindSafe for Once<T> {}

impl<T> Once<T> {
    pub(super) fn arrival(&self) -> &Bell {
        &self.arrival
    }

    fn has(&self, flag: usize) -> bool {
        // Acquire: pairs with the Release of who sets it; what was done before is visible.
        self.word.load(Ordering::Acquire) & flag != 0
    }

    /// Whether one is set. A no is true at one moment within the call, in an order common to all channels.
    fn truly_has(&self, flag: usize) -> bool {
        self.has(flag) || {
            answer::before_no();
            self.has(flag)
        }
    }

    /// Sets a flag; the word as it was before.
    #[inline]
    fn set(word: &AtomicUsize, flag: usize) -> usize {
        // AcqRel: Release for who sees the flag; Acquire pairs with who waits, whose ticket is then seen (`wait::bell`), and
        // with what the other end did before it was out.
        word.fetch_or(flag, Ordering::AcqRel)
    }

    /// The same, of what `flags` says of the word, unless one of `unless` is set.
    #[inline]
    fn set_unless(word: &AtomicUsize, unless: usize, flags: impl Fn(usize) -> usize) -> Option<usize> {
        // Acquire, as in `has`, also where it fails: what is seen here must be behind no later look into another channel, for
        // that may go without a fence (`answer`).
        let mut before = word.load(Ordering::Acquire);
        while before & unless == 0 {
            let after = before | flags(before);
            // AcqRel: as in `set`; Release publishes the message, too.
            match word.compare_exchange_weak(before, after, Ordering::AcqRel, Ordering::Acquire) {
                Ok(_) => {
                    answer::acted();
                    return Some(before);
                }
                Err(now) => before = now,
            }
        }
        None
    }

    fn ring(&self, before: usize) {
        if before & HEARD != 0 {
            self.arrival.ring();
        }
        if before & WATCHED != 0 {
            self.closing.ring();
        }
    }

    /// No message will be sent. False if that was so, or one has been sent.
    pub(super) fn close(&self) -> bool {
        let before = Self::set_unless(&self.word, SENT | OVER, |_| OVER);
        before.map(|before| self.ring(before)).is_some()
    }

    /// The message, or that there is none any more. `None`: it may still come.
    #[inline]
    pub(super) fn take(&self) -> Option<Result<T, RecvError>> {
        // Acquire: as in `has`.
        let mut word = self.word.load(Ordering::Acquire);
        if word & SENT != 0 && word & OVER == 0 {
            word = Self::set(&self.word, OVER);
            if word & OVER == 0 {
                answer::acted();
                // SAFETY: SENT is set, and it is we who set OVER.
                return self.message.with_mut(|place| unsafe { (*place).take() }).map(Ok);
            }
        }
        (word & OVER != 0).then_some(Err(RecvError))
    }

    /// Whether a message is inside, or none will come.
    pub(super) fn has_news(&self) -> bool {
        self.has(SENT | OVER)
    }

    /// Notes that somebody waits for that: false if it is so already.
    pub(super) fn is_news_to_come(&self) -> bool {
        Self::set(&self.word, HEARD) & (SENT | OVER) == 0
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.truly_has(OVER | SENT)
    }

    pub(super) fn is_over(&self) -> bool {
        self.truly_has(OVER)
    }
}

/// The end, as the sender waits for it.
impl<T> Event for &Once<T> {
    type Output = ();

    fn bell(&self) -> &Bell {
        &self.closing
    }

    fn outcome(&self) -> Option<()> {
        self.is_closed().then_some(())
    }

    fn may_have_happened(&self) -> bool {
        self.has(OVER | SENT)
    }

    fn announce(&self) -> bool {
        Once::<T>::set(&self.word, WATCHED) & (OVER | SENT) != 0
    }
}

/// The two ends.
#[inline]
pub(super) fn pair<T>() -> (There<T>, Here<T>) {
    // Made where it is to lie: moved there it was a third of all that a message costs.
    let mut once = Box::<Once<T>>::new_uninit();
    let parts = once.as_mut_ptr();
    // SAFETY: in bounds of the box, and each part once.
    unsafe {
        (&raw mut (*parts).word).write(AtomicUsize::new(0));
        (&raw mut (*parts).message).write(UnsafeCell::new(None));
        (&raw mut (*parts).arrival).write(Bell::new());
        (&raw mut (*parts).closing).write(Bell::new());
    }
    // SAFETY: all parts are written.
    let once = NonNull::from(Box::leak(unsafe { once.assume_init() }));
    (There { once, owned: PhantomData }, Here { once, owned: PhantomData })
}

/// The word alone, for the step after which another may free it all: a reference to more than that must not outlive it.
///
/// # Safety
/// From `pair`, and the caller's end is not out.
#[inline(always)]
unsafe fn word<'a, T>(once: NonNull<Once<T>>) -> &'a AtomicUsize {
    // SAFETY: the caller's promise: nobody has freed it.
    unsafe { &(*once.as_ptr()).word }
}

/// Ends the use of one end; the last frees it all.
struct Leaves<T> {
    once: NonNull<Once<T>>,
    own: usize,
    other: usize,
}

impl<T> Drop for Leaves<T> {
    #[inline]
    fn drop(&mut self) {
        // SAFETY: we are not out.
        if Once::<T>::set(unsafe { word(self.once) }, self.own) & self.other != 0 {
            // SAFETY: from the box in `pair`; the other end is out, and so are we.
            drop(unsafe { Box::from_raw(self.once.as_ptr()) });
        }
    }
}

/// The sender's end.
pub(super) struct There<T> {
    once: NonNull<Once<T>>,
    owned: PhantomData<Once<T>>,
}

// SAFETY: as for `Arc`: the two ends share what there is, from any threads, and either may drop it.
unsafe impl<T: Send> Send for There<T> {}
// SAFETY: as above.
unsafe impl<T: Send> Sync for There<T> {}

impl<T> There<T> {
    /// For its last use.
    fn leaves(&self) -> Leaves<T> {
        Leaves { once: self.once, own: SENDER_OUT, other: RECEIVER_OUT }
    }

    #[inline]
    pub(super) fn send(self, message: T) -> Result<(), SendError<T>> {
        let end = ManuallyDrop::new(self);
        // SAFETY: nobody else touches it before SENT.
        end.message.with_mut(|place| unsafe { *place = Some(message) });
        // Who waits is to be told in between.
        let flags = |word| if word & HEARD == 0 { SENT | SENDER_OUT } else { SENT };
        // SAFETY: we are not out.
        match Once::<T>::set_unless(unsafe { word(end.once) }, OVER, flags) {
            Some(before) if before & HEARD == 0 => Ok(()),
            Some(_) => {
                let _leaves = end.leaves();
                end.arrival.ring();
                Ok(())
            }
            None => {
                let _leaves = end.leaves();
                // SAFETY: SENT was not set, and now will not be.
                let message = end.message.with_mut(|place| unsafe { (*place).take() });
                Err(SendError(message.expect("it was just put here")))
            }
        }
    }
}

impl<T> Deref for There<T> {
    type Target = Once<T>;

    #[inline]
    fn deref(&self) -> &Once<T> {
        // SAFETY: the sender is not out, so nobody has freed it.
        unsafe { self.once.as_ref() }
    }
}

impl<T> Drop for There<T> {
    fn drop(&mut self) {
        let _leaves = self.leaves();
        self.close();
    }
}

// The message is in a box of its own.
impl<T> Unpin for There<T> {}

/// The receiver's end.
pub(super) struct Here<T> {
    once: NonNull<Once<T>>,
    owned: PhantomData<Once<T>>,
}

impl<T> Unpin for Here<T> {}

// SAFETY: as above.
unsafe impl<T: Send> Send for Here<T> {}
// SAFETY: as above.
unsafe impl<T: Send> Sync for Here<T> {}

impl<T> Here<T> {
    /// As `Once::take`, for the last time; but it may cost less.
    #[inline]
    pub(super) fn take_last(&mut self) -> Option<Result<T, RecvError>> {
        if !self.has(SENDER_OUT) {
            return self.take();
        }
        // SAFETY: the sender is out, and the only receiver's end is borrowed by us alone.
        let message = self.message.with_mut(|place| unsafe { (*place).take() });
        answer::acted();
        Some(message.ok_or(RecvError))
    }
}

impl<T> Deref for Here<T> {
    type Target = Once<T>;

    #[inline]
    fn deref(&self) -> &Once<T> {
        // SAFETY: the receiver is not out, so nobody has freed it.
        unsafe { self.once.as_ref() }
    }
}

impl<T> Drop for Here<T> {
    #[inline]
    fn drop(&mut self) {
        if self.has(SENDER_OUT) {
            // SAFETY: from the box in `pair`; the sender is out, and so are we. A message inside goes with it.
            drop(unsafe { Box::from_raw(self.once.as_ptr()) });
            return;
        }
        let _leaves = Leaves { once: self.once, own: RECEIVER_OUT, other: SENDER_OUT };
        self.close();
        drop(self.take());
    }
}
