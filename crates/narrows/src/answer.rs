//! What makes an answer "no" true: contract, rule 4, has one order of all operations on all channels.
//!
//! An operation that succeeds does no fence. So an answer that says "empty" or "full" comes behind one: of two threads
//! that each did something in one channel and then look into the other, one sees what the other did.
//!
//! The fence is against the thread's own stores that others do not see yet. Where memory is one for all processors that is
//! all there can be to see too late, so a thread that has done nothing since its last fence needs no other.

use crate::sync::{MODELLED, Ordering, fence};

/// What one processor has seen of another's doings, every processor sees (x86; Arm since version 8).
const IS_ONE_FOR_ALL: bool = cfg!(any(target_arch = "x86_64", target_arch = "aarch64")) && !MODELLED && !cfg!(miri);

std::thread_local! {
    static HAS_ACTED: std::cell::Cell<bool> = const { std::cell::Cell::new(true) };
}

/// The calling thread has done something in a channel that others may see.
#[inline(always)]
pub(crate) fn acted() {
    if IS_ONE_FOR_ALL {
        HAS_ACTED.with(|has| has.set(true));
    }
}

/// The calling thread has heard no, and has done nothing since: it asks again and again, and owes no fence.
#[inline(always)]
pub(crate) fn is_asking_again() -> bool {
    IS_ONE_FOR_ALL && !HAS_ACTED.get()
}

/// Stands behind a lock just taken, and before looks whose answers may be no.
#[inline(always)]
pub(crate) fn locked() {
    if cfg!(target_arch = "x86_64") && IS_ONE_FOR_ALL {
        // A locked instruction took the lock: there it is a fence for all that comes before, so what is left to do is
        // to keep the compiler from moving stores behind it.
        std::sync::atomic::compiler_fence(Ordering::SeqCst);
        HAS_ACTED.set(false);
    } else {
        before_no();
    }
}

/// Stands before the look whose answer may be no.
#[inline(always)]
pub(crate) fn before_no() {
    if !IS_ONE_FOR_ALL || HAS_ACTED.replace(false) {
        // SeqCst: as said above; pairs with the same fence of another thread.
        fence(Ordering::SeqCst);
    }
}
