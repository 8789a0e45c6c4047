//! The asymmetric fence: a light side that is done often and costs nothing, and a heavy side that is done seldom and
//! makes every running thread of the process execute a fence (membarrier of Linux).
//!
//! Used as the two halves of store buffering: *store, light, load* against *store, heavy, load*. One of the two loads
//! sees the other's store, as with two `SeqCst` fences.
//!
//! Invariant: once `is_asymmetric` has said so, it stays so.

pub(crate) use self::system::prepare;
pub(super) use self::system::{heavy, is_asymmetric, light};

#[cfg(all(
    target_os = "linux",
    any(target_arch = "x86_64", target_arch = "aarch64"),
    not(any(miri, loom, narrows_check, narrows_symmetric))
))]
mod system {
    use std::{
        ffi::{c_int, c_long, c_uint},
        sync::{
            Once,
            atomic::{AtomicBool, Ordering, compiler_fence, fence},
        },
    };

    unsafe extern "C" {
        fn syscall(number: c_long, ...) -> c_long;
    }

    const MEMBARRIER: c_long = if cfg!(target_arch = "x86_64") { 324 } else { 283 };
    const PRIVATE_EXPEDITED: c_int = 1 << 3;
    const REGISTER_PRIVATE_EXPEDITED: c_int = 1 << 4;

    static GRANTED: AtomicBool = AtomicBool::new(false);
    static ASKED: Once = Once::new();

    fn membarrier(command: c_int) -> bool {
        // SAFETY: the call takes two numbers and touches no memory of ours.
        unsafe { syscall(MEMBARRIER, command, 0 as c_uint) == 0 }
    }

    /// Asks for it. Cheap while the process has one thread, milliseconds later: done with the first channel.
    #[inline]
    pub(crate) fn prepare() {
        ASKED.call_once(|| {
            let granted = membarrier(REGISTER_PRIVATE_EXPEDITED) && membarrier(PRIVATE_EXPEDITED);
            // Relaxed: says something about the kernel, not about memory.
            GRANTED.store(granted, Ordering::Relaxed);
        });
    }

    #[inline]
    pub(crate) fn is_asymmetric() -> bool {
        // Relaxed: as above.
        GRANTED.load(Ordering::Relaxed)
    }

    /// Only where [`is_asymmetric`].
    #[inline(always)]
    pub(crate) fn light() {
        // SeqCst: the processor's own order is the heavy side's business.
        compiler_fence(Ordering::SeqCst);
    }

    /// A full fence of this thread too.
    pub(crate) fn heavy() {
        // SeqCst: for the case that it is not granted, and for this thread in any case.
        fence(Ordering::SeqCst);
        // A process that was forked may have to ask again.
        if is_asymmetric() && !membarrier(PRIVATE_EXPEDITED) {
            let again = membarrier(REGISTER_PRIVATE_EXPEDITED) && membarrier(PRIVATE_EXPEDITED);
            if !again {
                // Without it an owner and we could be inside at once, and a panic would leave a role held for ever.
                eprintln!("narrows: the system call membarrier was granted to the first channel, and is refused now");
                std::process::abort();
            }
        }
    }
}

/// Where it is missing, or cannot be seen by a checker: both sides are fences.
#[cfg(not(all(
    target_os = "linux",
    any(target_arch = "x86_64", target_arch = "aarch64"),
    not(any(miri, loom, narrows_check, narrows_symmetric))
)))]
mod system {
    use crate::sync::{Ordering, fence};

    pub(crate) fn prepare() {}

    /// A checker is to see the code that relies on it.
    pub(crate) fn is_asymmetric() -> bool {
        cfg!(any(miri, loom, narrows_check))
    }

    pub(crate) fn light() {
        // SeqCst: half of store buffering.
        fence(Ordering::SeqCst);
    }

    pub(crate) fn heavy() {
        // SeqCst: the other half.
        fence(Ordering::SeqCst);
    }
}
