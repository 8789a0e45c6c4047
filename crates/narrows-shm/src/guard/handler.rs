//! The handler of SIGBUS, and the one that was there before. What runs in it is two system calls and loads of atomics.

use std::ffi::{c_int, c_void};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::{io, mem, ptr};

use rustix::mm::{MapFlags, ProtFlags, mmap_anonymous};

use super::table::TABLE;

type Previous = libc::sigaction;
type WithInfo = unsafe extern "C" fn(c_int, *mut libc::siginfo_t, *mut c_void);
type Plain = unsafe extern "C" fn(c_int);

/// Of the signal's codes, the one for a page that the file does not have; the others are bad hardware, bad alignment.
const NO_SUCH_PAGE: c_int = 2;

static PREVIOUS: OnceLock<Previous> = OnceLock::new();
static PAGE_SIZE: AtomicUsize = AtomicUsize::new(0);

/// Installs the handler, once in the life of a process.
pub(super) fn install() -> io::Result<()> {
    static DONE: OnceLock<Result<(), i32>> = OnceLock::new();
    let code = || io::Error::last_os_error().raw_os_error().unwrap_or(libc::EINVAL);
    let done = DONE.get_or_init(|| {
        // SAFETY: a number is asked for.
        let page = usize::try_from(unsafe { libc::sysconf(libc::_SC_PAGESIZE) }).map_err(|_| libc::EINVAL)?;
        // Relaxed: the system call that installs the handler comes after it.
        PAGE_SIZE.store(page, Relaxed);
        // SAFETY: plain numbers, for which zero is valid.
        let mut previous: Previous = unsafe { mem::zeroed() };
        // SAFETY: nothing is installed; the present action is written to `previous`.
        if unsafe { libc::sigaction(libc::SIGBUS, ptr::null(), &raw mut previous) } == -1 {
            return Err(code());
        }
        // Before ours is installed, which may have to call it at once.
        let previous = PREVIOUS.get_or_init(|| previous);
        let mut ours = *previous;
        ours.sa_sigaction = on_bus_error as WithInfo as usize;
        // It blocks what the previous one asked for, because it may call it. On the signal stack, if there is one.
        ours.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK | previous.sa_flags & (libc::SA_NODEFER | libc::SA_RESTART);
        // SAFETY: a handler that is async-signal-safe, as argued there.
        let answer = unsafe { libc::sigaction(libc::SIGBUS, &raw const ours, ptr::null_mut()) };
        if answer == -1 { Err(code()) } else { Ok(()) }
    });
    done.map_err(io::Error::from_raw_os_error)
}

/// Async-signal-safe: loads and stores of atomics, and `mmap` by the bare system call, which leaves `errno` alone.
unsafe extern "C" fn on_bus_error(signal: c_int, info: *mut libc::siginfo_t, context: *mut c_void) {
    // SAFETY: with SA_SIGINFO the kernel gives a valid one.
    let code = unsafe { (*info).si_code };
    if code == NO_SUCH_PAGE {
        // SAFETY: SIGBUS with a code of the kernel's has an address.
        let address = unsafe { (*info).si_addr() } as usize;
        if mend(address) {
            return;
        }
    }
    // SAFETY: what we were called with goes on to the one whose place we took.
    unsafe { pass_on(signal, code, info, context) }
}

/// Zeros from this page to the end of its range, if it is one of ours: what lies behind a missing page is missing too, and
/// page by page a large range would use up the mappings that a process may have.
fn mend(address: usize) -> bool {
    let Some(end) = TABLE.damage(address) else { return false };
    let page = address & !(PAGE_SIZE.load(Relaxed) - 1); // Relaxed: stored before the handler was installed
    let flags = MapFlags::PRIVATE | MapFlags::FIXED | MapFlags::NORESERVE;
    // SAFETY: the pages lie in a range that is registered, so they are a mapping of ours, whose users expect any content
    // at any time; the range stays registered while it is accessed, and this thread is accessing it.
    let zeros = unsafe {
        mmap_anonymous(ptr::with_exposed_provenance_mut(page), end - page, ProtFlags::READ | ProtFlags::WRITE, flags)
    };
    zeros.is_ok()
}

/// # Safety
/// The arguments are those of a handler that was installed with `SA_SIGINFO`.
unsafe fn pass_on(signal: c_int, code: c_int, info: *mut libc::siginfo_t, context: *mut c_void) {
    let action = PREVIOUS.get();
    // The codes above 0 are the kernel's: an access failed, and it fails again when we return.
    let is_access = code > 0;
    match action.map_or(libc::SIG_DFL, |previous| previous.sa_sigaction) {
        // To ignore a failed access is to fail for ever; the kernel, too, ends a process that asks for that.
        libc::SIG_IGN if !is_access => {}
        libc::SIG_DFL | libc::SIG_IGN => {
            // SAFETY: both calls are async-signal-safe. The signal is blocked until we return, and ends the process then.
            unsafe {
                libc::signal(signal, libc::SIG_DFL);
                if !is_access {
                    libc::raise(signal);
                }
            }
        }
        handler if action.is_some_and(|previous| previous.sa_flags & libc::SA_SIGINFO != 0) => {
            // SAFETY: the address of a handler of three arguments, as its flag says.
            let handler = unsafe { mem::transmute::<usize, WithInfo>(handler) };
            // SAFETY: called with what the kernel gave.
            unsafe { handler(signal, info, context) }
        }
        handler => {
            // SAFETY: the address of a handler of one argument, as its flags say.
            let handler = unsafe { mem::transmute::<usize, Plain>(handler) };
            // SAFETY: as above.
            unsafe { handler(signal) }
        }
    }
}
