//! One process of a sample: it makes its end of the channel, waits at the gate, does its work, and tells what it did.

use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use rustix::process::{Pid, Signal, getppid, set_parent_process_death_signal};
use rustix::time::{ClockId, clock_gettime};

use crate::crew::{Role, Task};
use crate::message::{self, MARK};
use crate::peers;
use crate::row::{self, Load, Row};

/// The sending end of a peer.
pub(crate) trait Outlet {
    fn send(&mut self, message: &[u64]) -> Result<()>;

    /// Sends a message whose words are all this number: made in place where a peer lends it, else in `buffer`.
    fn send_made(&mut self, number: u64, buffer: &mut [u64]) -> Result<()> {
        buffer.fill(number);
        self.send(buffer)
    }
}

/// The receiving end of a peer.
pub(crate) trait Inlet {
    /// Waits for a message and looks at it, in place where the peer lets it.
    fn receive<R>(&mut self, look: impl FnOnce(&[u8]) -> R) -> Result<R>;
}

/// What a process of a sample knows.
#[derive(Debug)]
pub(crate) struct Post {
    pub(crate) task: Task,
    pub(crate) row: Row,
}

pub(crate) fn play(task: Task) -> ExitCode {
    let Err(error) = work(task) else { return ExitCode::SUCCESS };
    // At once, so that what several say does not mix. Nobody else would be told of a failure here.
    let _ = io::stderr().write_all(format!("{error:#}\n").as_bytes());
    ExitCode::FAILURE
}

fn work(task: Task) -> Result<()> {
    set_parent_process_death_signal(Some(Signal::KILL))?;
    let parent = getppid().map(Pid::as_raw_pid);
    ensure!(parent == Some(task.starter.cast_signed()), "who started this is gone already, and nobody would end it");
    let row = row::find(&task.row).context("no such row")?;
    let peer = peers::all().into_iter().find(|peer| peer.name == task.peer).context("no such peer")?;
    (peer.play)(&Post { task, row })
}

/// Now, by the clock that all processes share.
pub(crate) fn now() -> u64 {
    let now = clock_gettime(ClockId::Monotonic);
    now.tv_sec.cast_unsigned() * 1_000_000_000 + now.tv_nsec.cast_unsigned()
}

/// The open gate, which is told in the end what was done.
pub(crate) struct Gate(UnixStream);

impl Gate {
    fn tell(mut self, words: &str) -> Result<()> {
        Ok(self.0.write_all(words.as_bytes())?)
    }

    pub(crate) fn sent(self, begin: u64) -> Result<()> {
        self.tell(&format!("sent {begin} {} 0 0\n", now()))
    }

    pub(crate) fn received(self, begin: u64, count: u64, sum: u64) -> Result<()> {
        self.tell(&format!("received {begin} {} {count} {sum}\n", now()))
    }
}

impl Post {
    /// Our end is there: waits until everybody's is.
    pub(crate) fn ready(&self) -> Result<Gate> {
        let mut gate = UnixStream::connect(&self.task.gate).context("the gate")?;
        gate.read_exact(&mut [0]).context("the gate was closed")?;
        Ok(Gate(gate))
    }

    /// For peers whose two ends are made each on its own.
    pub(crate) fn run<O: Outlet, I: Inlet>(
        &self,
        outlet: impl FnOnce(Way) -> Result<O>,
        inlet: impl FnOnce(Way) -> Result<I>,
    ) -> Result<()> {
        match self.task.role {
            Role::Send => self.send(outlet(Way::There)?),
            Role::Receive => self.receive(inlet(Way::There)?),
            // Both open the way there first, so that none waits for the other on different ways.
            Role::Ping => {
                let outlet = outlet(Way::There)?;
                self.ping(outlet, inlet(Way::Back)?)
            }
            Role::Echo => {
                let inlet = inlet(Way::There)?;
                self.echo(inlet, outlet(Way::Back)?)
            }
            Role::All => bail!("this peer has no process of its own"),
        }
    }

    pub(crate) fn send(&self, mut outlet: impl Outlet) -> Result<()> {
        let mut buffer = vec![0; self.row.size / size_of::<u64>()];
        let gate = self.ready()?;
        let begin = now();
        let first = self.task.index * self.task.count;
        let numbers = (first..first + self.task.count).chain([MARK]);
        if self.row.load == Load::Lease {
            for number in numbers {
                outlet.send_made(number, &mut buffer)?;
            }
        } else {
            for number in numbers {
                message::stamp(&mut buffer, number);
                outlet.send(&buffer)?;
            }
        }
        gate.sent(begin)
    }

    pub(crate) fn receive(&self, inlet: impl Inlet) -> Result<()> {
        match self.row.load {
            Load::Lease => self.receive_by(inlet, message::number_of_all),
            _ => self.receive_by(inlet, message::number),
        }
    }

    fn receive_by(&self, mut inlet: impl Inlet, number: impl Fn(&[u8], usize) -> Result<u64>) -> Result<()> {
        let gate = self.ready()?;
        let begin = now();
        let (mut count, mut sum) = (0, 0_u64);
        loop {
            let number = inlet.receive(|message| number(message, self.row.size))??;
            if number == MARK {
                return gate.received(begin, count, sum);
            }
            (count, sum) = (count + 1, sum.wrapping_add(number));
        }
    }

    pub(crate) fn ping(&self, mut outlet: impl Outlet, mut inlet: impl Inlet) -> Result<()> {
        const REST: Duration = Duration::from_millis(1);
        let mut buffer = vec![0; self.row.size / size_of::<u64>()];
        let gate = self.ready()?;
        let begin = now();
        let mut trips = Vec::with_capacity(self.task.count as usize);
        let mut last = begin;
        for number in 0..self.task.count {
            if self.row.load == Load::Asleep {
                std::thread::sleep(REST);
                last = now();
            }
            message::stamp(&mut buffer, number);
            outlet.send(&buffer)?;
            let answer = inlet.receive(|message| message::number(message, self.row.size))??;
            ensure!(answer == number, "{answer} came back, not {number}");
            let came = now();
            trips.push(came - last);
            last = came;
        }
        message::stamp(&mut buffer, MARK);
        outlet.send(&buffer)?;
        trips.sort_unstable();
        let median = trips.get(trips.len() / 2).copied().unwrap_or(0);
        let total = last - begin;
        gate.tell(&format!("trips {begin} {last} {median} {total}\n"))
    }

    pub(crate) fn echo(&self, mut inlet: impl Inlet, mut outlet: impl Outlet) -> Result<()> {
        let mut buffer = vec![0; self.row.size / size_of::<u64>()];
        let gate = self.ready()?;
        let begin = now();
        loop {
            let number = inlet.receive(|message| message::number(message, self.row.size))??;
            if number == MARK {
                return gate.sent(begin);
            }
            message::stamp(&mut buffer, number);
            outlet.send(&buffer)?;
        }
    }
}

/// Of the two ways of a round trip; a row of one direction has the first alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    There,
    Back,
}
