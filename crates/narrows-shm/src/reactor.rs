//! The thread that waits for tasks and selects: it sleeps on the bells of all channels that they wait for, and notifies their tickets.
//! Threads that wait for one channel alone sleep on its bell themselves and do without.

use std::{
    sync::{
        Arc, Mutex, Weak,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use narrows::arm::{Ticket, Token};
use rustix::{
    thread::futex::{self, Flags, Timespec, Wait, WaitFlags, WaitvFlags},
    time::ClockId,
};

use crate::{
    connection::{Connection, lock},
    layout::{BellName, Kind, Layout},
    process::generation,
    queue::word::Position,
};

/// The kernel lets one thread wait for 128 words; one of them is ours.
const MOST_BELLS: usize = 127;

/// The tickets of those who wait for one bell of one channel.
#[derive(Debug, Default)]
pub(crate) struct Station(Mutex<Tickets>);

#[derive(Debug, Default)]
struct Tickets {
    next: u64,
    /// By number; and for which call, if it is for one alone.
    list: Vec<(u64, Ticket, Option<Position>)>,
    /// A reactor looks after it.
    is_armed: bool,
}

#[derive(Debug)]
struct Armed {
    layout: Arc<Layout>,
    connection: Weak<Connection>,
    name: BellName,
    /// What the word was when nobody had rung.
    prepared: Option<u32>,
}

#[derive(Debug)]
struct Reactor {
    /// Of which process this is the thread: a fork has none.
    generation: u32,
    /// Changes when there is something new.
    word: AtomicU32,
    incoming: Mutex<Incoming>,
}

#[derive(Debug, Default)]
struct Incoming {
    new: Vec<Armed>,
    bells: usize,
}

static REACTORS: Mutex<Vec<Arc<Reactor>>> = Mutex::new(Vec::new());

impl Connection {
    /// Keeps a ticket that is notified when the bell rings; again if `seat` names one.
    pub(crate) fn enlist(&self, name: BellName, ticket: Ticket, seat: &mut Option<Token>) {
        self.enlist_for(None, name, ticket, seat);
    }

    /// The same, to be notified only when that call is over.
    pub(crate) fn enlist_for(&self, call: Option<Position>, name: BellName, ticket: Ticket, seat: &mut Option<Token>) {
        let mut tickets = lock(&self.station(name).0);
        if let Some(token) = *seat
            && let Some((_, old, _)) = tickets.list.iter_mut().find(|(number, ..)| *number == token.number())
        {
            *old = ticket;
            return;
        }
        let number = tickets.next;
        tickets.next += 1;
        tickets.list.push((number, ticket, call));
        *seat = Some(Token::new(name as usize, number));
        if !tickets.is_armed {
            let armed = Armed { layout: self.shared_layout().clone(), connection: self.this(), name, prepared: None };
            tickets.is_armed = arm(armed);
        }
    }

    /// Takes a ticket back.
    pub(crate) fn retract(&self, name: BellName, seat: &mut Option<Token>) {
        if let Some(token) = seat.take() {
            lock(&self.station(name).0).list.retain(|(number, ..)| *number != token.number());
        }
    }

    /// Notifies all who wait here; a ring that nobody can use is passed on.
    fn notify(&self, name: BellName) {
        let is_due = |call: Option<Position>| call.is_none_or(|at| self.is_call_over(at));
        let due = lock(&self.station(name).0).list.extract_if(.., |(_, _, call)| is_due(*call)).collect::<Vec<_>>();
        let mut is_used = false;
        for (_, ticket, _) in due {
            is_used |= ticket.notify();
        }
        // Of what was received all who sleep are told anyway.
        if !is_used && name != BellName::Received {
            self.bell(name).ring();
        }
    }

    fn looks_ready(&self, name: BellName) -> bool {
        if self.layout().shape().kind == Kind::Calls {
            return self.calls_look_ready(name);
        }
        match name {
            BellName::Items => self.may_receive(),
            BellName::Places => self.may_send(),
            BellName::Received => false,
        }
    }
}

/// Has the bell looked after. False if no thread can be had.
fn arm(armed: Armed) -> bool {
    let generation = generation();
    let mut reactors = lock(&REACTORS);
    reactors.retain(|reactor| reactor.generation == generation);
    for reactor in &*reactors {
        let mut incoming = lock(&reactor.incoming);
        if incoming.bells < MOST_BELLS {
            incoming.bells += 1;
            incoming.new.push(armed);
            drop(incoming);
            reactor.wake();
            return true;
        }
    }
    let incoming = Incoming { new: vec![armed], bells: 1 };
    let reactor = Arc::new(Reactor { generation, word: AtomicU32::new(0), incoming: Mutex::new(incoming) });
    let of_thread = reactor.clone();
    let thread = std::thread::Builder::new().name("narrows-reactor".into()).spawn(move || of_thread.run());
    if thread.is_ok() {
        reactors.push(reactor);
    }
    thread.is_ok()
}

impl Reactor {
    fn wake(&self) {
        // Release: pairs with the Acquire in `run`; though what is new is under a lock.
        self.word.fetch_add(1, Ordering::Release);
        let _ = futex::wake(&self.word, Flags::empty(), 1);
    }

    fn run(&self) {
        let mut bells: Vec<Armed> = Vec::new();
        loop {
            // Acquire: see `wake`.
            let word = self.word.load(Ordering::Acquire);
            bells.append(&mut lock(&self.incoming).new);
            let mut time = Duration::from_secs(3600);
            bells.retain_mut(|bell| {
                let stays = bell.turn(&mut time);
                if !stays {
                    lock(&self.incoming).bells -= 1;
                }
                stays
            });
            self.sleep(word, &bells, time);
        }
    }

    fn sleep(&self, word: u32, bells: &[Armed], time: Duration) {
        let now = Duration::try_from(rustix::time::clock_gettime(ClockId::Monotonic)).unwrap_or_default();
        let until = Timespec::try_from(now.saturating_add(time)).ok();
        let own = (self.word.as_ptr(), word);
        let waits: Vec<Wait> = std::iter::once(own)
            .chain(
                bells.iter().map(|bell| (bell.layout.bell(bell.name).as_atomic().as_ptr(), bell.prepared.unwrap_or(0))),
            )
            .map(|(word, expected)| {
                let mut wait = Wait::new();
                wait.val = u64::from(expected);
                wait.uaddr = word.cast::<std::ffi::c_void>().into();
                wait.flags = WaitFlags::SIZE_U32;
                wait
            })
            .collect();
        let slept = futex::waitv(&waits, WaitvFlags::empty(), until.as_ref(), ClockId::Monotonic);
        if slept == Err(rustix::io::Errno::TIMEDOUT) {
            for connection in bells.iter().filter_map(|bell| bell.connection.upgrade()) {
                connection.sweep();
            }
        }
    }
}

impl Armed {
    /// Notifies who waits, if there is reason to. False if nobody waits any more. Whoever comes after `prepare` looks once more
    /// himself, and what is sent after that look rings.
    fn turn(&mut self, time: &mut Duration) -> bool {
        let Some(connection) = self.connection.upgrade() else { return false };
        let bell = connection.bell(self.name);
        let prepared = bell.prepare();
        let was_rung = self.prepared.is_some_and(|before| before != prepared);
        self.prepared = Some(prepared);
        // What it finds makes every arm ready, to tell it.
        let _ = connection.check_segment();
        connection.watch_peers();
        if was_rung || connection.looks_ready(self.name) {
            connection.notify(self.name);
        }
        let mut tickets = lock(&connection.station(self.name).0);
        tickets.list.retain(|(_, ticket, _)| !ticket.is_dead());
        tickets.is_armed = !tickets.list.is_empty();
        *time = (*time).min(connection.longest_sleep());
        tickets.is_armed
    }
}
