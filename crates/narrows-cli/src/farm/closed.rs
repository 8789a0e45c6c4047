//! Whether stdin and stdout were open when the program was started (`<&-`, `>&-`).
//!
//! Rust's runtime opens /dev/null for those that are not, before `main`, and afterwards nothing tells the two apart: the
//! output would be lost and the exit status 0. So it is asked earlier, by a function that the loader calls. That is the
//! only use of `unsafe` here.

use std::sync::atomic::{AtomicBool, Ordering};

use rustix::io::fcntl_getfd;
use rustix::stdio::{stdin, stdout};

use crate::engine::Trouble;

// Relaxed, all of them: written before there is a second thread.
static STDIN: AtomicBool = AtomicBool::new(false);
static STDOUT: AtomicBool = AtomicBool::new(false);

extern "C" fn look() {
    STDIN.store(fcntl_getfd(stdin()).is_err(), Ordering::Relaxed);
    STDOUT.store(fcntl_getfd(stdout()).is_err(), Ordering::Relaxed);
}

#[used]
// SAFETY: the section holds functions that take and give nothing and are called before `main`. This one needs nothing
// that the runtime sets up: two system calls that read a flag, and two atomics.
#[unsafe(link_section = ".init_array")]
static LOOK: extern "C" fn() = look;

/// Refuses to read what was closed.
pub(crate) fn refuse_stdin() -> Result<(), Trouble> {
    refuse(&STDIN, "stdin")
}

/// Refuses to write to what was closed.
pub(crate) fn refuse_stdout() -> Result<(), Trouble> {
    refuse(&STDOUT, "stdout")
}

fn refuse(closed: &AtomicBool, name: &str) -> Result<(), Trouble> {
    if closed.load(Ordering::Relaxed) {
        return Err(Trouble::new(format!("{name} is closed")).hint("where it is not wanted, name /dev/null"));
    }
    Ok(())
}
