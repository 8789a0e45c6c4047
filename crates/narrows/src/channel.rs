//! A channel as its handles share it: a flavour, who holds it, and its end.
//!
//! Invariants: `senders` and `receivers` count the handles (weak ones apart); when either comes to 0 the channel closes,
//! and when the receivers are gone what was left inside is dropped.

use std::{
    panic::{RefUnwindSafe, UnwindSafe},
    time::{Duration, Instant},
};

use crate::{
    arm::{Token, Who},
    buffer::{Buffer, Front, Place},
    error::{SetCapacityError, TryRecvError},
    flavor::{Flavor, Inlet, Outlet, Seldom, Stop, is_small},
    governed::{Governed, Rules},
    handle::{Receiver, Sender},
    queue::{NotEasy, drop_each},
    shared::Shared,
    sync::{AtomicUsize, MODELLED, Ordering},
    time,
    timer::Timer,
    trace::{self, Kind},
    wait::list::WaitList,
    zero::Zero,
};

/// What all handles of one channel share.
#[derive(Debug)]
#[repr(C)] // the flavour first: what its ends write is to lie far from the tag that every operation reads
pub(crate) struct Chan<T> {
    flavor: Flavor<T>,
    pub(crate) senders: Holders,
    pub(crate) receivers: Holders,
    /// Those who wait for the end itself.
    pub(crate) closing: WaitList,
    pub(crate) watched: trace::Channel,
    about: Option<Box<About>>,
}

/// What only people want to know.
#[derive(Debug)]
struct About {
    name: Box<str>,
}

impl<T> Chan<T> {
    #[inline(always)]
    fn new(flavor: Flavor<T>, about: Option<Box<About>>, watched: trace::Channel) -> Chan<T> {
        let (senders, receivers) = (Holders::one(), Holders::one());
        Chan { flavor, senders, receivers, closing: WaitList::new(), watched, about }
    }

    pub(crate) fn name(&self) -> Option<&str> {
        self.about.as_ref().map(|about| &*about.name)
    }

    /// Whether the easy ways are meant for such messages. What calls them keeps a message beside its own: a large one would
    /// be copied more than once, and take as much of the stack each time.
    pub(crate) const HAS_EASY_WAYS: bool = is_small::<T>();

    /// The usual send of the message in `from`, if it is easy. False is no answer.
    #[inline(always)]
    pub(crate) fn send_easily(&self, from: &mut Option<T>) -> bool {
        if let Flavor::Buffer(buffer) = &self.flavor { buffer.send_easily(from) } else { false }
    }

    /// The usual receive into `into`, which is empty, if it is easy. An error is no answer.
    #[inline(always)]
    pub(crate) fn recv_easily(&self, into: &mut Option<T>) -> Result<(), NotEasy> {
        if let Flavor::Buffer(buffer) = &self.flavor { buffer.recv_easily(into) } else { Err(NotEasy::Empty) }
    }

    /// The same for one who asks in earnest whenever it is not.
    #[inline(always)]
    pub(crate) fn recv_at_a_glance(&self, into: &mut Option<T>) -> Result<(), NotEasy> {
        match &self.flavor {
            Flavor::Buffer(buffer) if Self::HAS_EASY_WAYS => buffer.recv_easily(into),
            _ => Err(NotEasy::TakesMore),
        }
    }

    /// A place, if there is one at once. `None` is no answer.
    #[inline(always)]
    pub(crate) fn place(&self) -> Option<Place<'_, T>> {
        if let Flavor::Buffer(buffer) = &self.flavor { buffer.place() } else { None }
    }

    /// The same, or why not; `Err(None)` where the flavour has to be asked.
    pub(crate) fn place_or_why(&self) -> Result<Place<'_, T>, Option<Stop>> {
        if let Flavor::Buffer(buffer) = &self.flavor { buffer.place_or_why() } else { Err(None) }
    }

    /// The oldest message, if there is one at once. `None` is no answer.
    #[inline(always)]
    pub(crate) fn front(&self) -> Option<Front<'_, T>> {
        if let Flavor::Buffer(buffer) = &self.flavor { buffer.front() } else { None }
    }

    /// The same, or why not; `Err(None)` where the flavour has to be asked.
    pub(crate) fn front_or_why(&self) -> Result<Front<'_, T>, Option<TryRecvError>> {
        if let Flavor::Buffer(buffer) = &self.flavor { buffer.front_or_why() } else { Err(None) }
    }

    /// Open and full, for sure, at one moment within the call: for who asks again and again. A no is no answer.
    #[inline(always)]
    pub(crate) fn is_surely_full(&self) -> bool {
        match &self.flavor {
            Flavor::Buffer(buffer) => buffer.is_surely_full(),
            Flavor::Zero(zero) => zero.has_no_receiver(),
            Flavor::Seldom(_) => false,
        }
    }

    /// The same with empty.
    #[inline(always)]
    pub(crate) fn is_surely_empty(&self) -> bool {
        match &self.flavor {
            Flavor::Buffer(buffer) => buffer.is_surely_empty(),
            Flavor::Zero(zero) => zero.has_no_sender(),
            Flavor::Seldom(_) => false,
        }
    }

    /// Whether a message may lie in it, or a place be free, while nobody is there.
    #[inline]
    pub(crate) fn stores(&self) -> bool {
        !matches!(self.flavor, Flavor::Zero(_))
    }

    /// The usual reservation of one place, if it is possible at once.
    #[inline]
    pub(crate) fn reserve_quickly(&self) -> bool {
        if let Flavor::Buffer(buffer) = &self.flavor { buffer.reserve_place() } else { false }
    }

    /// First step of a selected send, where it is the usual one: what its token begins with.
    #[inline(always)]
    pub(crate) fn choose_place(&self) -> Option<usize> {
        let Flavor::Buffer(buffer) = &self.flavor else { return None };
        buffer.choose_place().then_some(0)
    }

    /// First step of a selected send; a no is no answer.
    pub(crate) fn choose_send_lightly(&self, who: Who<'_>) -> Option<Token> {
        if let Flavor::Buffer(buffer) = &self.flavor {
            buffer.choose_place_or_end()
        } else {
            self.inlet().choose_send(who)
        }
    }

    /// The second step. Gives the message back if the channel is closed.
    #[inline]
    pub(crate) fn complete_send(&self, token: Token, message: T) -> Result<(), T> {
        if let Flavor::Buffer(buffer) = &self.flavor {
            return buffer.fill_chosen(message);
        }
        let mut message = Some(message);
        let sent = self.inlet().complete_send(token, &mut message);
        sent.map_err(|_| message.expect("a send that did not happen has its message"))
    }

    /// First step of a selected receive, where it is the usual one: what its token begins with.
    #[inline(always)]
    pub(crate) fn choose_front(&self) -> Option<usize> {
        if let Flavor::Buffer(buffer) = &self.flavor { buffer.choose_front() } else { None }
    }

    /// First step of a selected receive; a no is no answer.
    pub(crate) fn choose_recv_lightly(&self, who: Who<'_>) -> Option<Token> {
        if let Flavor::Buffer(buffer) = &self.flavor { buffer.choose_lightly() } else { self.outlet().choose_recv(who) }
    }

    /// The second step into `into`, which is empty, where it is the usual one.
    #[inline(always)]
    pub(crate) fn take_chosen(&self, token: Token, into: &mut Option<T>) {
        if let Flavor::Buffer(buffer) = &self.flavor {
            buffer.take_chosen(token, into);
        }
    }

    /// What is special in a channel with rules.
    #[inline]
    pub(crate) fn governed(&self) -> Option<&Governed<T>> {
        if let Flavor::Seldom(Seldom::Governed(governed)) = &self.flavor { Some(governed) } else { None }
    }

    pub(crate) fn weight(&self) -> usize {
        self.governed().map_or_else(|| self.outlet().len(), Governed::weight)
    }

    pub(crate) fn dropped(&self) -> u64 {
        self.governed().map_or(0, Governed::shed_count)
    }

    pub(crate) fn set_capacity(&self, cap: usize) -> Result<(), SetCapacityError> {
        self.governed().map_or(Err(SetCapacityError::Fixed), |governed| governed.set_capacity(cap))
    }

    /// When a message comes without anybody's notice.
    #[inline]
    pub(crate) fn due(&self) -> Option<Instant> {
        if let Flavor::Seldom(Seldom::Timer(timer)) = &self.flavor { timer.due() } else { None }
    }

    /// Whether messages are sent into it: a timer has no sender.
    pub(crate) fn has_inlet(&self) -> bool {
        self.flavor.inlet().is_some()
    }

    pub(crate) fn outlet(&self) -> &dyn Outlet<T> {
        self.flavor.outlet()
    }

    /// The sending side, for those who know that there is one.
    pub(crate) fn inlet(&self) -> &dyn Inlet<T> {
        self.flavor.inlet().expect("a timer has no sender")
    }

    /// Ends sending; true for the call that did it. Timers do not end.
    pub(crate) fn close(&self) -> bool {
        let closed = self.flavor.inlet().is_some_and(Inlet::close);
        if closed {
            self.closing.notify_all_fenced();
        }
        closed
    }

    /// Takes the oldest message left into `into`, which is empty; false if there is none.
    pub(crate) fn clear_one(&self, into: &mut Option<T>) -> bool {
        self.flavor.inlet().is_some_and(|inlet| inlet.clear_one(into))
    }

    /// Closes, and takes what is left, oldest first.
    ///
    /// The last receiver, if it hears of the end and goes meanwhile, leaves to us what it would drop.
    pub(crate) fn close_now(&self) -> Vec<T> {
        self.receivers.begin_closing();
        self.close();
        let mut left = Vec::new();
        self.clear_into(&mut left);
        if self.receivers.end_closing() {
            self.clear_into(&mut left);
        }
        left
    }

    fn clear_into(&self, left: &mut Vec<T>) {
        let mut message = None;
        while self.clear_one(&mut message) {
            left.extend(message.take());
        }
    }

    /// What is left when nobody will receive it.
    #[inline]
    fn bury_all(&self) {
        if let Flavor::Buffer(buffer) = &self.flavor {
            drop_each(|message| buffer.clear_one(message));
        } else {
            self.bury_all_elsewhere();
        }
    }

    #[inline(never)]
    fn bury_all_elsewhere(&self) {
        match self.governed() {
            Some(governed) => governed.bury_all(),
            None => drop_each(|message| self.clear_one(message)),
        }
    }

    pub(crate) fn drop_sender(&self) {
        if self.senders.leave_alone() {
            self.close();
        }
    }

    pub(crate) fn drop_receiver(&self, is_last_handle: bool) {
        if is_last_handle {
            // Nobody is there to be told.
            self.bury_all();
            return;
        }
        let before = self.receivers.leave();
        if before & HANDLES == 1 {
            self.close();
            if before & CLOSERS == 0 {
                self.bury_all();
            }
        }
    }
}

// What happens to a message when a holder panics is decided by its own drop; the channel is never left half done.
impl<T> UnwindSafe for Chan<T> {}
impl<T> RefUnwindSafe for Chan<T> {}

/// How many handles one side has; how many calls of `close_now` are under way; and, of senders, whether there was ever a
/// weak handle, from which another may come at any time; of receivers, whether the only one is to stay so.
#[derive(Debug)]
pub(crate) struct Holders(AtomicUsize);

const WEAK: usize = 1 << (usize::BITS - 1);
/// Of receivers, who need not know of weak ones.
pub(crate) const EXCLUSIVE: usize = WEAK;
const CLOSER: usize = 1 << (usize::BITS / 4 * 3);
const CLOSERS: usize = WEAK - CLOSER;
const HANDLES: usize = CLOSER - 1;

impl Holders {
    fn one() -> Holders {
        Holders(AtomicUsize::new(1))
    }

    pub(crate) fn count(&self) -> usize {
        // Acquire: pairs with the Release in `leave`, so that a count of 0 shows what was done before.
        self.0.load(Ordering::Acquire) & HANDLES
    }

    /// One more, of one that is there.
    pub(crate) fn join(&self) {
        // Relaxed: whoever clones a handle holds the channel already.
        let before = self.0.fetch_add(1, Ordering::Relaxed) & HANDLES;
        if before > HANDLES / 2 {
            // So many handles can only have been forgotten, and a wrapped count would end the channel under the rest.
            std::process::abort();
        }
    }

    /// A weak one is made of one that is there. Asked for where handles leave by `leave_alone`.
    pub(crate) fn lend(&self) {
        // Relaxed: the handle it is made of is dropped later, by a thread that has seen this.
        self.0.fetch_or(WEAK, Ordering::Relaxed);
    }

    /// The only handle is the caller's: from now on no weak one becomes another. Asked for where none is lent by `lend`.
    pub(crate) fn make_exclusive(&self) -> bool {
        // Relaxed: a first look.
        let mut word = self.0.load(Ordering::Relaxed);
        while word & (HANDLES | EXCLUSIVE) == 1 {
            // Acquire: pairs with the Release in `leave`; what the others did with their handles is seen.
            match self.0.compare_exchange_weak(word, word | EXCLUSIVE, Ordering::Acquire, Ordering::Relaxed) {
                Ok(_) => return true,
                Err(now) => word = now,
            }
        }
        false
    }

    pub(crate) fn end_exclusive(&self) {
        // Release: pairs with the Acquire in `rejoin`.
        self.0.fetch_and(!EXCLUSIVE, Ordering::Release);
    }

    /// One more, unless there is none, or `closed_by` forbids it.
    pub(crate) fn rejoin(&self, closed_by: usize) -> bool {
        // Acquire: pairs with the Release in `end_exclusive`. Relaxed, twice: as in `join`.
        let mut count = self.0.load(Ordering::Acquire);
        while count & HANDLES != 0 && count & closed_by == 0 {
            match self.0.compare_exchange_weak(count, count + 1, Ordering::Relaxed, Ordering::Relaxed) {
                Ok(_) => return true,
                Err(now) => count = now,
            }
        }
        false
    }

    /// One less, where only those who are counted, and weak ones, add to the count; true if that was the last.
    fn leave_alone(&self) -> bool {
        // Acquire: as below. The only handle is ours, and there is no weak one: nobody else can change the count.
        if !MODELLED && self.0.load(Ordering::Acquire) == 1 {
            // Release: as below.
            self.0.store(0, Ordering::Release);
            return true;
        }
        self.leave() & HANDLES == 1
    }

    /// One less; the word as it was before.
    fn leave(&self) -> usize {
        // AcqRel: the last to leave sees all that the others did before they left.
        self.0.fetch_sub(1, Ordering::AcqRel)
    }

    /// Before the end is shown: whoever goes because of it sees this in the word that it changes.
    fn begin_closing(&self) {
        // Relaxed: the end is shown with Release.
        let before = self.0.fetch_add(CLOSER, Ordering::Relaxed);
        if before & CLOSERS == CLOSERS {
            // As in `join`: the next would be taken for a weak handle.
            std::process::abort();
        }
    }

    /// True if the last handle has gone, and it may have left something behind.
    fn end_closing(&self) -> bool {
        // AcqRel: as in `leave`.
        self.0.fetch_sub(CLOSER, Ordering::AcqRel) & !WEAK == CLOSER
    }
}

#[track_caller]
pub(crate) fn pair<T>(bound: Option<usize>, name: Option<Box<str>>) -> (Sender<T>, Receiver<T>) {
    let kind = bound.map_or(Kind::Unbounded, |bound| if bound == 0 { Kind::Rendezvous } else { Kind::Bounded });
    let watched = trace::Channel::new(kind, bound, name.as_deref());
    let about = about(name);
    let (there, here) = if bound == Some(0) { rendezvous(about, watched) } else { buffered(bound, about, watched) };
    (Sender::new(there), Receiver::new(here))
}

/// The same by rules.
#[track_caller]
pub(crate) fn governed_pair<T>(
    bound: Option<usize>,
    rules: Rules<T>,
    name: Option<Box<str>>,
) -> (Sender<T>, Receiver<T>) {
    let kind = bound.map_or(Kind::Unbounded, |_| Kind::Bounded);
    let watched = trace::Channel::new(kind, bound, name.as_deref());
    let governed = Box::new(Governed::new(bound, rules, watched.clone()));
    let (there, here) = Shared::pair(|| Chan::new(Flavor::Seldom(Seldom::Governed(governed)), about(name), watched));
    (Sender::new(there), Receiver::new(here))
}

fn about(name: Option<Box<str>>) -> Option<Box<About>> {
    name.map(|name| Box::new(About { name }))
}

type Handles<T> = (Shared<Chan<T>>, Shared<Chan<T>>);

// Each flavour by itself, with nothing left to do beside it: so it is written where it is to lie, and not copied there.
#[inline(never)]
fn rendezvous<T>(about: Option<Box<About>>, watched: trace::Channel) -> Handles<T> {
    Shared::pair(|| Chan::new(Flavor::Zero(Zero::new()), about, watched))
}

#[inline(never)]
fn buffered<T>(bound: Option<usize>, about: Option<Box<About>>, watched: trace::Channel) -> Handles<T> {
    Shared::pair(|| Chan::new(Flavor::Buffer(Buffer::new(bound, watched.clone())), about, watched))
}

/// Makes a channel that holds at most `cap` messages; a sender waits while it is full.
///
/// With `cap` 0 it holds none: each send waits for a receive and hands its message over (a rendezvous).
///
/// ```
/// let (s, r) = narrows::bounded(1);
/// s.send("first").unwrap();
/// assert!(s.try_send("second").is_err()); // full
/// assert_eq!(r.recv(), Ok("first"));
/// ```
#[track_caller]
pub fn bounded<T>(cap: usize) -> (Sender<T>, Receiver<T>) {
    pair(Some(cap), None)
}

/// Makes a channel without a bound: a send never waits, and memory grows with what is not yet received.
///
/// Prefer [`bounded`] where senders can outrun receivers for long.
///
/// ```
/// let (s, r) = narrows::unbounded();
/// for i in 0..1000 {
///     s.send(i).unwrap();
/// }
/// assert_eq!(r.len(), 1000);
/// ```
#[track_caller]
pub fn unbounded<T>() -> (Sender<T>, Receiver<T>) {
    pair(None, None)
}

#[track_caller]
fn timer(first: Option<Instant>, period: Option<Duration>) -> Receiver<Instant> {
    let watched = trace::Channel::new(Kind::Timer, Some(1), None);
    let (chan, _) = Shared::pair(|| Chan::new(Flavor::Seldom(Seldom::Timer(Timer::new(first, period))), None, watched));
    Receiver::new(chan)
}

/// Makes a receiver that gets one message, the time it was due, after `duration`; then nothing more, for ever.
///
/// The channel has capacity 1 and is never disconnected. A `duration` beyond the clock's range never passes.
///
/// ```
/// use std::time::Duration;
/// let (_s, r) = narrows::unbounded::<u32>();
/// narrows::select! {
///     recv(r) -> message => println!("{message:?}"),
///     recv(narrows::after(Duration::from_millis(1))) -> _ => println!("timed out"),
/// }
/// ```
#[track_caller]
pub fn after(duration: Duration) -> Receiver<Instant> {
    timer(time::now().checked_add(duration), None)
}

/// Makes a receiver that gets one message, the time it was due, at `when`; then nothing more, for ever.
///
/// ```
/// use std::time::{Duration, Instant};
/// let when = Instant::now() + Duration::from_millis(1);
/// assert_eq!(narrows::at(when).recv(), Ok(when));
/// ```
#[track_caller]
pub fn at(when: Instant) -> Receiver<Instant> {
    timer(Some(when), None)
}

/// Makes a receiver that gets a message, the time it was due, every `duration`.
///
/// The channel has capacity 1 and is never disconnected. While a message is not received none is added. The next is due
/// `duration` after that one was due, so that a loop of receives keeps the rhythm; whoever is so late that this has passed
/// too gets the next one `duration` from then.
///
/// ```
/// use std::time::{Duration, Instant};
/// let start = Instant::now();
/// let ticks = narrows::tick(Duration::from_millis(2));
/// for _ in 0..3 {
///     ticks.recv().unwrap();
/// }
/// assert!(start.elapsed() >= Duration::from_millis(6));
/// ```
#[track_caller]
pub fn tick(duration: Duration) -> Receiver<Instant> {
    timer(time::now().checked_add(duration), Some(duration))
}

/// Makes a receiver that never gets a message, and is never disconnected. It disables an arm of a select.
///
/// ```
/// let none = narrows::never::<u32>();
/// assert!(none.try_recv().is_err());
/// ```
pub const fn never<T>() -> Receiver<T> {
    Receiver::never()
}

#[cfg(all(test, target_pointer_width = "64", not(any(loom, narrows_check))))]
mod tests {
    use super::*;

    /// A channel of one place, all its memory: the count of handles, and the place with its stamp.
    #[test]
    fn an_empty_channel_is_small() {
        let watched = 2 * size_of::<trace::Channel>();
        assert!(size_of::<Chan<u64>>() + 8 + 16 <= 384 + watched, "{}", size_of::<Chan<u64>>());
    }
}
