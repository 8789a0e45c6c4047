//! Records that come from a named channel, each on lease until its answer was printed. Knows no batch and no worker.
//!
//! ```text
//!   channel ==lease==> intake ==bytes, as many as are wanted==> reader ... gate
//!           <=accept==        <------- numbers of what was printed --------+
//! ```
//! A lease belongs to the receiver that it came from, so one thread has the receiver and all leases, and gives copies.
//! Invariants: records are leased in the order in which the gate numbers them, since the reader passes on all it gets;
//! one is accepted after its answer was printed. So whatever ends the farm early, the channel has back what was not.

use std::collections::BTreeMap;
use std::io;
use std::ops::Range;
use std::os::fd::OwnedFd;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use narrows::{Receiver, Select, Sender, TryRecvError, bounded, unbounded};
use narrows_shm::{Bytes, Lease, TryRecvError as Missing};

use super::event::{Event, Tell, Tone, Trouble};
use super::framing::{Framing, Mark};

/// The receiving end of a channel of records.
pub(crate) type Records = narrows_shm::Receiver<Vec<u8>, Bytes>;

/// Where the records come from.
#[derive(Debug)]
pub(crate) enum Input {
    File(OwnedFd),
    /// The channel and its name.
    Channel(Records, String),
}

/// Where senders wait, nothing comes and nothing is printed for so long, the farm may stand still.
const STANDSTILL: Duration = Duration::from_secs(1);

/// What the reader has room for. It asks for one thing at a time.
#[derive(Debug)]
pub(super) struct Want {
    /// Records, at most;
    pub(super) records: usize,
    /// and no more once there are so many bytes.
    pub(super) bytes: usize,
    /// How long the first of them is waited for; `None`: until it comes.
    pub(super) until: Option<Instant>,
}

/// What it gets.
#[derive(Debug)]
pub(super) enum Given {
    /// Whole records with their marks, at least one.
    Records(Vec<u8>),
    /// None came in time.
    Nothing,
    /// The channel has ended.
    End,
    Trouble(Trouble),
}

/// The reader's side.
#[derive(Debug)]
pub(super) struct Supply {
    pub(super) wants: Sender<Want>,
    pub(super) given: Receiver<Given>,
}

/// The thread that has the leases.
#[derive(Debug)]
pub(super) struct Intake {
    printed: Sender<Range<u64>>,
    thread: JoinHandle<()>,
}

/// The intake's side.
#[derive(Debug)]
struct Counter {
    name: String,
    framing: Framing,
    tell: Tell,
    events: Sender<Event>,
    printed: Receiver<Range<u64>>,
    wants: Receiver<Want>,
    given: Sender<Given>,
}

impl Intake {
    pub(super) fn start(
        (records, name): (Records, String),
        (framing, tell): (Framing, Tell),
        events: Sender<Event>,
    ) -> io::Result<(Intake, Supply)> {
        let (printed_in, printed) = unbounded();
        let (wants_in, wants) = bounded(1);
        let (given, given_out) = bounded(1);
        let counter = Counter { name, framing, tell, events, printed, wants, given };
        let thread = std::thread::Builder::new().name("intake".into()).spawn(move || serve(&records, &counter))?;
        Ok((Intake { printed: printed_in, thread }, Supply { wants: wants_in, given: given_out }))
    }

    /// Who prints says here which records were.
    pub(super) fn printed(&self) -> Sender<Range<u64>> {
        self.printed.clone()
    }

    /// Accepts what was printed, gives back the rest and leaves the channel.
    pub(super) fn finish(self) -> Result<(), Trouble> {
        self.printed.close();
        let panicked = |_| Trouble::new("internal error: the thread that takes records from the channel panicked");
        self.thread.join().map_err(panicked)
    }
}

/// Until nothing more is printed.
fn serve(records: &Records, counter: &Counter) {
    let mut shelf = Shelf { records, counter, leases: BTreeMap::new(), next: 0, hinted: false };
    let mut want: Option<Want> = None;
    let mut reading = true;
    loop {
        if shelf.is_at_the_end()
            && let Some(asked) = want.take()
        {
            // What is in hand here is all there is, unless something lies there still.
            let _ = counter.given.send(shelf.lease(&asked).unwrap_or(Given::End));
        }
        let mut select = Select::new_biased();
        let printed = select.recv(&counter.printed);
        match &want {
            Some(_) => _ = select.arm(records),
            None if reading => _ = select.recv(&counter.wants),
            None => {}
        }
        let ready = match &want {
            None => Some(select.ready()),
            Some(Want { until: Some(until), .. }) => select.ready_deadline(*until).ok(),
            Some(_) => select.ready_timeout(STANDSTILL).ok(),
        };
        match ready {
            Some(index) if index == printed => {
                if !shelf.accept_printed() {
                    return;
                }
            }
            Some(_) if want.is_some() => {
                if let Some(given) = want.as_ref().and_then(|want| shelf.lease(want)) {
                    want = None;
                    let _ = counter.given.send(given);
                }
            }
            Some(_) => match counter.wants.try_recv() {
                Ok(wanted) => want = Some(wanted),
                Err(TryRecvError::Empty) => {}
                Err(TryRecvError::Disconnected) => reading = false,
            },
            None if want.as_ref().is_some_and(|want| want.until.is_some()) => {
                want = None;
                let _ = counter.given.send(Given::Nothing);
            }
            // What others have in hand may still come back, but a command that buffers answers nothing before its end.
            None if records.is_disconnected() && !shelf.leases.is_empty() => {
                want = None;
                let _ = counter.given.send(Given::End);
            }
            None => shelf.hint_at_standstill(),
        }
    }
}

/// The leases, by the numbers of their records.
struct Shelf<'a> {
    records: &'a Records,
    counter: &'a Counter,
    leases: BTreeMap<u64, Lease<'a, Vec<u8>, Bytes>>,
    next: u64,
    hinted: bool,
}

impl Shelf<'_> {
    /// False when nothing more will be printed.
    fn accept_printed(&mut self) -> bool {
        loop {
            match self.counter.printed.try_recv() {
                Ok(numbers) => self.accept(numbers),
                Err(TryRecvError::Empty) => return true,
                Err(TryRecvError::Disconnected) => return false,
            }
        }
    }

    fn accept(&mut self, numbers: Range<u64>) {
        for number in numbers {
            let Some(lease) = self.leases.remove(&number) else { continue };
            if let Err(fault) = lease.accept() {
                let _ = self.counter.events.send(Event::Trouble(self.fault(&fault)));
            }
        }
    }

    /// Nothing more is sent, and there is no other receiver that could give something back.
    fn is_at_the_end(&self) -> bool {
        let is_receiver = |one: &narrows_shm::Participant| one.is_receiver;
        !self.leases.is_empty()
            && self.records.is_disconnected()
            && self.records.inspect().participants().iter().filter(|one| is_receiver(one)).count() == 1
    }

    /// As much as is wanted and there; `None` if somebody else was quicker.
    fn lease(&mut self, want: &Want) -> Option<Given> {
        let mut bytes = Vec::new();
        let mut missing = want.records;
        let stop = loop {
            if missing == 0 || bytes.len() >= want.bytes {
                break None;
            }
            let lease = match self.records.try_lease() {
                Ok(lease) => lease,
                Err(Missing::Empty) => break None,
                Err(Missing::Disconnected) => break Some(Given::End),
                Err(Missing::Fault(fault)) => break Some(Given::Trouble(self.fault(&fault))),
            };
            if let Some(trouble) = self.refuse(&lease) {
                break Some(Given::Trouble(trouble));
            }
            self.counter.framing.append(&lease, &mut bytes);
            self.leases.insert(self.next, lease);
            self.next += 1;
            missing -= 1;
        };
        // What stopped it is met again after these.
        if missing < want.records { Some(Given::Records(bytes)) } else { stop }
    }

    /// What is wrong with a record. It is given back.
    fn refuse(&self, record: &[u8]) -> Option<Trouble> {
        let (name, most) = (&self.counter.name, self.counter.framing.max_record);
        let which = format!("record {} from the channel {name}", self.next + 1);
        let gone_by = format!("it stays in the channel; narrows recv -n 1 {name} takes it out");
        if record.len() > most {
            let trouble = Trouble::new(format!("{which} is longer than {most} bytes"));
            return Some(trouble.hint(format!("--max-record raises the limit; {gone_by}")));
        }
        match self.counter.framing.mark {
            Mark::End(end) if memchr::memchr(end, record).is_some() => {
                let end = if end == b'\n' { "a newline".to_owned() } else { format!("the byte {end}") };
                let trouble = Trouble::new(format!("{which} has {end} in it, which ends a record here"));
                Some(trouble.hint(format!("with -0, -d or --frame records end otherwise; {gone_by}")))
            }
            _ => None,
        }
    }

    fn fault(&self, fault: &narrows_shm::Fault) -> Trouble {
        Trouble::new(format!("cannot take records from the channel {}: {fault}", self.counter.name))
            .hint("narrows stat shows the channel")
    }

    /// A channel that is full of records in hand takes no other, on which a command that buffers waits.
    fn hint_at_standstill(&mut self) {
        if self.hinted || self.leases.is_empty() {
            return;
        }
        let waits = |one: &narrows_shm::Participant| one.waiting.is_some_and(|time| time >= STANDSTILL);
        let mut others = self.records.inspect().participants().into_iter();
        if others.any(|other| other.is_sender && !other.is_receiver && waits(&other)) {
            self.hinted = true;
            let text = format!(
                "the channel {} is full, {} of its records are in hand here, and its senders wait. A command that \
                 buffers its output never goes on so: try its unbuffered form (sed -u), or --pty. Else a channel of \
                 a larger capacity lets the senders go on",
                self.counter.name,
                self.leases.len()
            );
            (self.counter.tell)(Tone::Hint, &text);
        }
    }
}
