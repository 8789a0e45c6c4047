//! What a process knows of the ranks in others: what it has sent them and who waits for that, and how they ended.

use std::{
    cell::Cell,
    collections::{BTreeMap, VecDeque},
    fmt, thread,
    time::{Duration, Instant},
};

use narrows::oneshot;

use super::{Packed, frame::Frame, quiet::Quiet};
use crate::{
    ends::Ends,
    error::Error,
    mailbox::{Answer, BOUND, LOW, Mailbox, Mode, Pending, class},
    matching::Pattern,
    office::Afar,
    sync::{Arc, AtomicBool, AtomicU64, Mutex, Ordering, lock},
    transport::{Incoming, LinkError, Transport},
    watch::{Alarm, Blocked},
};

/// So many messages are taken before their sender is told: few enough that one who waits for half of the bound hears of it.
const CREDIT: u64 = UNTOLD as u64 + 1;
/// So many may have been taken that their sender still counts. It must not wait for those: so it sends that many more.
const UNTOLD: usize = 15;
/// How long the pump waits for frames while it has some that there was no room for.
const MOMENT: Duration = Duration::from_millis(1);
/// How long who ends waits for room for what it owes to others: the word that it has received their messages.
const FAREWELL: Duration = Duration::from_secs(1);

thread_local! {
    static IS_PUMP: Cell<bool> = const { Cell::new(false) };
}

/// A sender that waits for room or to be received. It keeps its message: who is killed can give none back.
struct Waiter {
    class: usize,
    for_room: bool,
    reply: oneshot::Sender<Answer<Packed>>,
    parcel: Packed,
}

/// What was sent to one rank.
#[derive(Default)]
struct Sent {
    /// Messages that are not known to be taken, by class.
    unasked: [usize; 2],
    waiters: BTreeMap<u64, Waiter>,
}

/// Small frames about messages, which both the rank and its pump send.
struct Notes {
    transport: Arc<dyn Transport>,
    /// How many messages of each rank and class were taken and not yet told of.
    taken: Vec<[AtomicU64; 2]>,
    /// What the pump has to send and found no room for. Only the pump takes out of it.
    late: Mutex<VecDeque<(usize, Vec<u8>)>>,
    /// The pump has something in hand: what it has to send for that may still come.
    is_pumping: AtomicBool,
    quiet: Quiet,
}

impl Notes {
    /// The pump must not wait for room: who it waits for may be waiting for its own pump's peer. The others may.
    fn send(&self, to: usize, frame: Frame) {
        self.quiet.sends(to);
        let bytes = frame.into_bytes();
        if !IS_PUMP.get() {
            // To whoever is gone there is nothing to say, and a transport that failed says so to who receives.
            drop(self.transport.send(to, &bytes));
            return;
        }
        let mut late = lock(&self.late);
        late.push_back((to, bytes));
        drop(late);
        self.flush();
    }

    /// Sends what there is room for. What is left is said by how long to wait for frames.
    fn flush(&self) -> Option<Duration> {
        let all = std::mem::take(&mut *lock(&self.late));
        let left: VecDeque<_> =
            all.into_iter().filter(|(to, bytes)| matches!(self.transport.try_send(*to, bytes), Ok(false))).collect();
        if left.is_empty() {
            return None;
        }
        *lock(&self.late) = left;
        Some(MOMENT)
    }

    /// Waits until the pump has sent what it has to, for a while. To whom there was still no room for that.
    fn finish(&self) -> Vec<usize> {
        let began = Instant::now();
        // Acquire: pairs with the Release in `pump`, before which what is late was filed.
        let is_over = || !self.is_pumping.load(Ordering::Acquire) && lock(&self.late).is_empty();
        // The pump itself has nothing in hand that it could wait for.
        while !IS_PUMP.get() && !is_over() && began.elapsed() < FAREWELL {
            // Mostly it is about to wait for the next frame.
            if began.elapsed() < MOMENT { thread::yield_now() } else { thread::sleep(MOMENT) }
        }
        lock(&self.late).iter().map(|(to, _)| *to).collect()
    }

    fn taken(&self, me: usize, key: &Pattern, ticket: Option<u64>) {
        let Some(from) = key.source().map(|source| source as usize).filter(|from| *from != me) else { return };
        // Relaxed: a count, of which each part is told once.
        let count = self.taken[from][class(key)].fetch_add(1, Ordering::Relaxed) + 1;
        if count.is_multiple_of(CREDIT) {
            self.send(from, Frame::Credit { class: class(key), count: CREDIT });
        }
        if let Some(ticket) = ticket {
            self.send(from, Frame::Taken { ticket });
        }
    }
}

/// The post of a process.
pub(crate) struct Post {
    me: usize,
    notes: Arc<Notes>,
    ends: Arc<Ends>,
    mailbox: Mailbox<Packed>,
    sent: Vec<Mutex<Sent>>,
    next_ticket: AtomicU64,
    patience: Option<Duration>,
    /// Those that have not heard what the thread of this rank, which alone uses this, has entered.
    untold: Mutex<Vec<usize>>,
}

impl Post {
    pub(crate) fn new(transport: Arc<dyn Transport>, patience: Option<Duration>) -> Post {
        let (me, size) = (transport.rank(), transport.size());
        let taken = (0..size).map(|_| [AtomicU64::new(0), AtomicU64::new(0)]).collect();
        let ends = Arc::new(Ends::new(size));
        let quiet = Quiet::new(me, size, ends.clone());
        let notes =
            Arc::new(Notes { transport, taken, late: Mutex::default(), is_pumping: AtomicBool::new(false), quiet });
        let heard = notes.clone();
        let mailbox = Mailbox::new(me, ends.clone(), Some(Box::new(move |key, ticket| heard.taken(me, key, ticket))));
        let sent = (0..size).map(|_| Mutex::new(Sent::default())).collect();
        Post { me, notes, ends, mailbox, sent, next_ticket: AtomicU64::new(1), patience, untold: Mutex::default() }
    }

    fn size(&self) -> usize {
        self.sent.len()
    }

    /// Receives until this rank has ended. Runs on a thread of its own.
    pub(crate) fn pump(&self) {
        IS_PUMP.set(true);
        loop {
            let patience = self.notes.flush();
            // Release: pairs with the Acquire in `finish`.
            self.notes.is_pumping.store(false, Ordering::Release);
            let incoming = self.notes.transport.recv(patience);
            // Relaxed: a message that is found in the mailbox after the rank has ended is not received, and owes nothing; before
            // that, the mailbox's lock comes between this and the end.
            self.notes.is_pumping.store(true, Ordering::Relaxed);
            match incoming {
                Incoming::Frame { from, bytes } => match Frame::from_bytes(bytes) {
                    Some(Frame::Waits(word)) if self.is_other(from) && word.with.len() == self.size() => {
                        self.notes.quiet.heard(from, word);
                    }
                    Some(frame) if self.is_other(from) => {
                        self.handle(from, frame);
                        self.notes.quiet.has_had(from);
                    }
                    _ if from < self.size() => self.peer_is_gone(from, "sent what is no frame"),
                    _ => {}
                },
                Incoming::Gone { rank, how } if rank < self.size() => self.peer_is_gone(rank, &how),
                Incoming::Gone { .. } | Incoming::Nothing => {}
                Incoming::Closed => break,
            }
        }
        // Release: as above.
        self.notes.is_pumping.store(false, Ordering::Release);
        // Nobody will answer those that still wait.
        for to in 0..self.size() {
            self.give_back(to);
        }
    }

    fn is_other(&self, rank: usize) -> bool {
        rank < self.size() && rank != self.me
    }

    fn handle(&self, from: usize, frame: Frame) {
        let source = u32::try_from(from).expect("a world has fewer ranks");
        match frame {
            Frame::Message { context, tag, ticket, parcel } => {
                self.mailbox.accept_from_afar(Pattern::key(context, source, tag), parcel, ticket);
            }
            Frame::Credit { class, count } => self.credit(from, class, count),
            Frame::Taken { ticket } => {
                let waiter = lock(&self.sent[from]).waiters.remove(&ticket);
                // Who has been told that there is room waits no more.
                drop(waiter.map(|waiter| waiter.reply.send(Ok(()))));
            }
            Frame::Recall { ticket } => {
                if self.mailbox.recall(source, ticket) {
                    self.notes.send(from, Frame::Recalled { ticket });
                }
            }
            Frame::Recalled { ticket } => {
                let mut sent = lock(&self.sent[from]);
                let waiter = sent.waiters.remove(&ticket);
                if let Some(waiter) = &waiter {
                    sent.unasked[waiter.class] = sent.unasked[waiter.class].saturating_sub(1);
                }
                drop(sent);
                drop(waiter.map(|waiter| waiter.reply.send(Err(waiter.parcel))));
            }
            Frame::Bye { how } => self.peer_is_gone(from, &how),
            // Of another number of ranks: it is of no use.
            Frame::Waits(_) => {}
        }
    }

    /// A message that was taken and put back counts twice, so there may be fewer than are counted.
    fn credit(&self, from: usize, class: usize, count: u64) {
        let mut sent = lock(&self.sent[from]);
        let unasked = &mut sent.unasked[class];
        *unasked = unasked.saturating_sub(usize::try_from(count).unwrap_or(usize::MAX));
        if *unasked > LOW + UNTOLD {
            return;
        }
        let is_next = |waiter: &Waiter| waiter.for_room && waiter.class == class;
        let tickets: Vec<u64> =
            sent.waiters.iter().filter(|(_, waiter)| is_next(waiter)).map(|(ticket, _)| *ticket).collect();
        let waiters: Vec<_> = tickets.iter().filter_map(|ticket| sent.waiters.remove(ticket)).collect();
        drop(sent);
        for waiter in waiters {
            drop(waiter.reply.send(Ok(())));
        }
    }

    fn peer_is_gone(&self, rank: usize, how: &str) {
        if self.ends.set(rank, &how.into()) {
            self.give_back(rank);
            self.mailbox.peer_is_gone();
            self.notes.quiet.look_again();
        }
    }

    fn give_back(&self, rank: usize) {
        let waiters = std::mem::take(&mut lock(&self.sent[rank]).waiters);
        for waiter in waiters.into_values() {
            drop(waiter.reply.send(Err(waiter.parcel)));
        }
    }
}

impl Afar<Packed> for Arc<Post> {
    fn mailbox(&self) -> &Mailbox<Packed> {
        &self.mailbox
    }

    fn deliver(
        &self,
        to: usize,
        key: Pattern,
        parcel: Packed,
        mode: Mode,
    ) -> Result<Option<Pending<Packed>>, (Packed, Error)> {
        if to == self.me {
            return self.mailbox.accept(key, parcel, mode).map_err(|parcel| (parcel, Error::Ended));
        }
        let (ticket, pending) = {
            let mut sent = lock(&self.sent[to]);
            if self.ends.has_ended(to) {
                drop(sent);
                return Err((parcel, self.gone(to)));
            }
            let unasked = &mut sent.unasked[class(&key)];
            *unasked += 1;
            let waits = match mode {
                Mode::Buffered => false,
                Mode::Bounded => *unasked > BOUND + UNTOLD,
                Mode::Synchronous => true,
            };
            if waits {
                // Relaxed: only that they differ.
                let number = self.next_ticket.fetch_add(1, Ordering::Relaxed);
                let (sender, reply) = oneshot::channel();
                let for_room = mode == Mode::Bounded;
                let waiter = Waiter { class: class(&key), for_room, reply: sender, parcel: parcel.clone() };
                sent.waiters.insert(number, waiter);
                (Some(number), Some(Pending { number, reply }))
            } else {
                (None, None)
            }
        };
        let tag = key.tag().expect("a message has a tag");
        let bytes = Frame::Message { context: key.context(), tag, ticket, parcel }.into_bytes();
        self.notes.quiet.sends(to);
        match self.notes.transport.send(to, &bytes) {
            Ok(()) => Ok(pending),
            Err(error) => {
                self.notes.quiet.has_not_sent(to);
                let mut sent = lock(&self.sent[to]);
                let unasked = &mut sent.unasked[class(&key)];
                *unasked = unasked.saturating_sub(1);
                let waiter = ticket.and_then(|ticket| sent.waiters.remove(&ticket));
                drop(sent);
                drop(waiter);
                let Some(Frame::Message { parcel, .. }) = Frame::from_bytes(bytes) else {
                    unreachable!("it was made a moment ago")
                };
                let error = match error {
                    LinkError::Gone => self.gone(to),
                    LinkError::TooLong { longest } => Error::TooLong { longest },
                    LinkError::Failed(why) => Error::Transport(why),
                };
                Err((parcel, error))
            }
        }
    }

    /// Its message is with the other process: the answer says whether it came back. One that has been told of room has its
    /// answer, and its message stays there; one that has not is told of none from now on.
    fn recall(&self, to: usize, ticket: u64) -> bool {
        if to == self.me {
            return false;
        }
        let is_asked = match lock(&self.sent[to]).waiters.get_mut(&ticket) {
            // From now on room is no answer: a message that counts as sent must not be dropped over there.
            Some(waiter) => {
                waiter.for_room = false;
                true
            }
            // It has been answered.
            None => false,
        };
        if is_asked {
            self.notes.send(to, Frame::Recall { ticket });
        }
        true
    }

    fn holds_up(&self, to: usize, ticket: u64) -> bool {
        to != self.me && lock(&self.sent[to]).waiters.contains_key(&ticket)
    }

    fn gone(&self, rank: usize) -> Error {
        self.ends.gone(rank)
    }

    /// This rank has ended: all are told, after what it has sent and owes. For whom there is no room now, the transport has the word.
    fn end(&self, how: &str) {
        if !self.ends.set(self.me, &how.into()) {
            return;
        }
        drop(self.mailbox.end());
        let unheard = self.notes.finish();
        let bye = Frame::Bye { how: how.to_owned() }.into_bytes();
        for to in (0..self.size()).filter(|to| *to != self.me) {
            if !self.ends.has_ended(to) && !unheard.contains(&to) {
                // Who is gone by now does not need to be told.
                drop(self.notes.transport.try_send(to, &bye));
            }
        }
        self.notes.transport.close(how);
    }

    fn patience(&self) -> Option<Duration> {
        self.patience
    }

    fn settle(&self) {
        self.notes.quiet.settle();
    }

    fn enter(&self, blocked: Blocked) -> Option<oneshot::Receiver<Alarm>> {
        let alarm = self.notes.quiet.enter(blocked)?;
        *lock(&self.untold) = (0..self.size()).filter(|to| *to != self.me).collect();
        Some(alarm)
    }

    /// Who waits for one must not wait for room at another.
    fn speak(&self) -> bool {
        let Some(word) = self.notes.quiet.own_word() else { return true };
        let bytes = Frame::Waits(word).into_bytes();
        let mut untold = lock(&self.untold);
        // Who is gone does not need to hear it.
        untold
            .retain(|to| !self.ends.has_ended(*to) && matches!(self.notes.transport.try_send(*to, &bytes), Ok(false)));
        untold.is_empty()
    }

    fn leave(&self) {
        self.notes.quiet.leave();
    }
}

impl fmt::Debug for Post {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Post").field("rank", &self.me).finish_non_exhaustive()
    }
}
