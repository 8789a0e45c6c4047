//! Moves bytes from stdin to stdout: between two pipes the kernel does, elsewhere they are copied.
//! Invariant: bytes leave in the order in which they came, all of them, unless the output is closed or fails.

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{FileType, fstat};
use rustix::io::Errno;
use rustix::pipe::{SpliceFlags, splice};
use rustix::stdio::{stdin, stdout};

use super::meter::Meter;

/// What one call moves at most: more than a pipe holds, unless somebody made it wider.
const MOST: usize = 1 << 20;
/// As much as a pipe holds: more would only wait here instead of there.
const BUFFER: usize = 64 << 10;

/// Why nothing more passes.
#[derive(Clone, Copy, Debug)]
pub(super) enum End {
    Input,
    OutputClosed,
    Failed { what: &'static str, errno: Errno },
}

/// Nothing, if all goes on.
type Step = Result<(), End>;

pub(super) fn run(meter: &Meter) -> End {
    let is_pipe = |stat: rustix::io::Result<rustix::fs::Stat>| {
        stat.is_ok_and(|stat| FileType::from_raw_mode(stat.st_mode) == FileType::Fifo)
    };
    let splices = !meter.counts_lines && is_pipe(fstat(stdin())) && is_pipe(fstat(stdout()));
    let mut pump = Pump { meter, buffer: Vec::new(), splices };
    meter.splices(splices);
    loop {
        let step = if pump.splices { pump.splice() } else { pump.copy() };
        if let Err(end) = step {
            meter.input_ended();
            return end;
        }
    }
}

struct Pump<'a> {
    meter: &'a Meter,
    buffer: Vec<u8>,
    splices: bool,
}

impl Pump<'_> {
    fn splice(&mut self) -> Step {
        match splice(stdin(), None, stdout(), None, MOST, SpliceFlags::MOVE | SpliceFlags::NONBLOCK) {
            Ok(0) => Err(End::Input),
            Ok(moved) => {
                self.meter.passed(moved, 0);
                Ok(())
            }
            Err(Errno::INTR) => Ok(()),
            Err(Errno::AGAIN) if !is_ready(stdin(), PollFlags::IN) => self.await_input(),
            Err(Errno::AGAIN) if !is_ready(stdout(), PollFlags::OUT) => self.meter.awaiting_output(await_output),
            // Both are ready, and yet it does not go, once.
            Err(Errno::AGAIN) => self.copy(),
            Err(Errno::PIPE) => Err(End::OutputClosed),
            // It moved nothing: here the kernel cannot.
            Err(_) => {
                self.splices = false;
                self.meter.splices(false);
                Ok(())
            }
        }
    }

    fn copy(&mut self) -> Step {
        if !is_ready(stdin(), PollFlags::IN) {
            self.await_input()?;
        }
        self.buffer.resize(BUFFER, 0);
        let length = match rustix::io::read(stdin(), &mut self.buffer[..]) {
            Ok(0) => return Err(End::Input),
            Ok(length) => length,
            Err(Errno::INTR | Errno::AGAIN) => return Ok(()),
            Err(errno) => return Err(End::Failed { what: "read", errno }),
        };
        let mut rest = &self.buffer[..length];
        while !rest.is_empty() {
            match self.meter.writing(|| rustix::io::write(stdout(), rest)) {
                Ok(written) => {
                    let lines = if self.meter.counts_lines { count_lines(&rest[..written]) } else { 0 };
                    self.meter.passed(written, lines);
                    rest = &rest[written..];
                }
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => self.meter.awaiting_output(await_output)?,
                Err(Errno::PIPE) => return Err(End::OutputClosed),
                Err(errno) => return Err(End::Failed { what: "write", errno }),
            }
        }
        Ok(())
    }

    /// Also hears that nobody reads the output any more.
    fn await_input(&self) -> Step {
        let mut ends = [PollFd::from_borrowed_fd(stdin(), PollFlags::IN), reader_gone()];
        match self.meter.awaiting_input(|| poll(&mut ends, None)) {
            Ok(_) if ends[1].revents().contains(PollFlags::ERR) => Err(End::OutputClosed),
            Ok(_) | Err(Errno::INTR) => Ok(()),
            Err(errno) => Err(End::Failed { what: "wait for input", errno }),
        }
    }
}

/// The kernel reports an error there whether it is asked or not.
fn reader_gone() -> PollFd<'static> {
    PollFd::from_borrowed_fd(stdout(), PollFlags::empty())
}

fn await_output() -> Step {
    match poll(&mut [PollFd::from_borrowed_fd(stdout(), PollFlags::OUT)], None) {
        Ok(_) | Err(Errno::INTR) => Ok(()),
        Err(errno) => Err(End::Failed { what: "wait for the output", errno }),
    }
}

fn is_ready(end: std::os::fd::BorrowedFd<'_>, wanted: PollFlags) -> bool {
    // What cannot be asked is tried.
    poll(&mut [PollFd::from_borrowed_fd(end, wanted)], Some(&Timespec::default())) != Ok(0)
}

fn count_lines(bytes: &[u8]) -> usize {
    memchr::memchr_iter(b'\n', bytes).count()
}
