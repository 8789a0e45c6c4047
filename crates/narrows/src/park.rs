//! Sleeping: the only file that parks a thread. Knows nothing of what is waited for.
//!
//! Invariant: whoever makes `done` true unparks the thread afterwards, so a sleep ends; waking too early is harmless.

mod crowd;
mod distance;

use std::{
    cell::Cell,
    task::Context,
    time::{Duration, Instant},
};

use crate::{
    sync::{MODELLED, Ordering, park, unmodelled::AtomicUsize, yield_now},
    time::Deadline,
};

thread_local! {
    static BEFORE_SLEEP: Cell<Option<fn()>> = const { Cell::new(None) };
    static BUDGET: Cell<Option<u32>> = const { Cell::new(None) };
    static REFUSALS: Cell<u32> = const { Cell::new(0) };
}

/// Whoever polls on after so many refusals does not mean to return to its scheduler before it is done: it is a `block_on` inside
/// the task, which would go round for ever. It gets as many operations anew.
const MOST_REFUSALS: u32 = 128;

/// Sets what runs on this thread each time before a channel operation puts it to sleep, and returns what was set.
///
/// **Unstable**: made for schedulers of light tasks, which hand the thread's other work to another thread; it may change
/// in any version. The hook must not use channels itself.
///
/// ```
/// narrows::park::set_sleep_hook(Some(|| println!("about to sleep")));
/// let (_s, r) = narrows::bounded::<()>(1);
/// assert!(r.recv_timeout(std::time::Duration::from_millis(1)).is_err());
/// narrows::park::set_sleep_hook(None);
/// ```
pub fn set_sleep_hook(hook: Option<fn()>) -> Option<fn()> {
    BEFORE_SLEEP.with(|cell| cell.replace(hook))
}

/// Runs the hook of this thread, if one is set: for crates whose operations sleep otherwise than on a channel of this one.
///
/// **Unstable**, as [`set_sleep_hook`] is.
pub fn before_sleep() {
    if let Some(hook) = BEFORE_SLEEP.with(Cell::get) {
        hook();
    }
}

/// Sets how many channel operations of a task may still succeed at once on this thread, and returns how many were left. After that
/// each gives way: it has the task polled again, and is tried then. `None`, as at first: any number.
///
/// **Unstable**: made for schedulers of light tasks, which set it before each poll, so that a task whose channels are always
/// ready does not keep its thread for ever.
pub fn set_budget(operations: Option<u32>) -> Option<u32> {
    REFUSALS.set(0);
    BUDGET.with(|left| left.replace(operations))
}

/// Whether this thread belongs to a scheduler that set a budget.
fn has_scheduler() -> bool {
    BUDGET.get().is_some()
}

/// Counts an operation of a task that is about to be tried: whether it gives way instead, and the task was told to come back.
#[inline]
pub(crate) fn is_spent(cx: &Context<'_>) -> bool {
    BUDGET.with(|budget| match budget.get() {
        None => false,
        Some(0) if REFUSALS.get() < MOST_REFUSALS => {
            REFUSALS.set(REFUSALS.get() + 1);
            cx.waker().wake_by_ref();
            true
        }
        Some(0) => {
            REFUSALS.set(0);
            budget.set(Some(MOST_REFUSALS - 1));
            false
        }
        Some(left) => {
            budget.set(Some(left - 1));
            false
        }
    })
}

/// Sleeps until `done` or the deadline, after a short spin and the hook.
pub(crate) fn sleep(done: impl Fn() -> bool, deadline: Deadline) {
    // A peer that is on its way claims us without a system call on either side.
    let mut spin = Spin::of_wait();
    loop {
        if done() || deadline.has_passed() {
            return;
        }
        if !spin.turn() {
            break;
        }
    }
    before_sleep();
    sleep_plainly(done, deadline);
}

/// Sleeps until `done` or the deadline, and does nothing else.
pub(crate) fn sleep_plainly(done: impl Fn() -> bool, deadline: Deadline) {
    while !done() {
        match deadline.left() {
            None => park(),
            Some(left) if left.is_zero() => return,
            Some(left) => park_for(left),
        }
    }
}

#[cfg(not(any(loom, narrows_check)))]
fn park_for(left: Duration) {
    std::thread::park_timeout(left);
}

/// Under a model time is a choice, made by `Deadline::left`; here the others only get a turn.
#[cfg(any(loom, narrows_check))]
fn park_for(_left: Duration) {
    yield_now();
}

/// Sleeps a little, for want of somebody to wake us: a peer was stopped between two of its steps.
#[cfg(not(any(loom, narrows_check)))]
pub(crate) fn nap() {
    std::thread::sleep(Duration::from_micros(50));
}

#[cfg(any(loom, narrows_check))]
pub(crate) fn nap() {
    yield_now();
}

/// A short bounded wait before sleeping: pauses, then yields.
#[derive(Debug)]
pub(crate) struct Spin {
    turns: u32,
    pauses: bool,
}

/// Trials on two cores: parking at once cost 20 to 36 us a message, no yields 2 to 40 times more than eight, 400 pauses
/// hurt with more threads than cores.
const PAUSES: u32 = 40;
const YIELDS: u32 = 64;

/// A yield that took longer gave its time to a thread that is busy with something else. Each further one would cost as
/// much, and meanwhile nobody can find us: eight of them took a second with 60 busy threads on two cores. One that took
/// much longer is not soon tried again (`crowd`).
const CROWDED: Duration = Duration::from_micros(100);

/// So many waits in a row that pauses did not end, and a thread pauses only once in a while. On one processor, or with
/// more threads than processors, a pause delays the thread that is waited for, and nobody can be asked how many
/// processors there are for us and for it. Of a new thread less is hoped: where threads come and go, each would learn anew.
const HOPES: i32 = 8;
const FIRST_HOPES: i32 = 2;
const ANOTHER_TRY: i32 = 32;

/// What a thread has learned from its waits.
#[derive(Debug, Clone, Copy)]
struct Hope {
    /// Above 0, pausing may help; below, so many waits go by before it is tried again.
    left: i32,
    /// How often it was lost.
    losses: u32,
    /// So many spins of waits to leave out.
    left_out: u8,
}

/// Two threads that yield to each other are seldom moved by the scheduler, though another processor be idle: neither
/// waits long enough for its processor. Who sleeps is placed anew when it is woken. So who loses hope leaves out its next two
/// spins, those with a ticket out included; soon only seldom, for on busy processors it is waste. With four
/// senders, capacity 1 and samples of 25 ms that was 160 instead of 1,000 to 1,600 ns a message.
const SPINS_OF_A_WAIT: u8 = 2;
const SELDOM: u32 = 64;

thread_local! {
    static HOPE: Cell<Hope> = const { Cell::new(Hope { left: FIRST_HOPES, losses: 0, left_out: 0 }) };
}

impl Hope {
    fn fulfilled(self) -> Hope {
        Hope { left: HOPES, left_out: 0, ..self }
    }

    fn in_vain(self) -> Hope {
        if self.left > 1 {
            return Hope { left: self.left - 1, ..self };
        }
        let losses = self.losses.wrapping_add(1);
        let sleeps = (losses.is_power_of_two() || losses.is_multiple_of(SELDOM)) && has_several_processors();
        Hope { left: -ANOTHER_TRY, losses, left_out: if sleeps { SPINS_OF_A_WAIT } else { 0 } }
    }
}

/// As far as the process can tell.
fn has_several_processors() -> bool {
    static PROCESSORS: AtomicUsize = AtomicUsize::new(0);
    // Relaxed, all: a number, and a guess. Who asks reads files and allocates, so an allocator that uses channels may come
    // here again: until there is an answer it is one.
    if PROCESSORS.compare_exchange(0, 1, Ordering::Relaxed, Ordering::Relaxed).is_ok() {
        PROCESSORS.store(std::thread::available_parallelism().map_or(1, usize::from), Ordering::Relaxed);
    }
    // Relaxed: as above.
    PROCESSORS.load(Ordering::Relaxed) > 1
}

impl Spin {
    pub(crate) fn new() -> Spin {
        let hope = HOPE.get();
        let pauses = hope.left > 0;
        if !pauses {
            HOPE.set(Hope { left: hope.left + 1, ..hope });
        }
        let turns = if MODELLED {
            PAUSES + YIELDS
        } else if pauses {
            0
        } else {
            PAUSES
        };
        Spin { turns, pauses }
    }

    /// The same before a thread sleeps for an operation, where it may be left out.
    pub(crate) fn of_wait() -> Spin {
        let hope = HOPE.get();
        if hope.left_out > 0 {
            HOPE.set(Hope { left_out: hope.left_out - 1, ..hope });
            return Spin { turns: PAUSES + YIELDS, pauses: false };
        }
        Spin::new()
    }

    /// Without pauses.
    pub(crate) fn of_yields() -> Spin {
        Spin { turns: if MODELLED { PAUSES + YIELDS } else { PAUSES }, pauses: false }
    }

    /// Whether it pauses at all: of late that has helped.
    pub(crate) fn pauses(&self) -> bool {
        self.pauses
    }

    /// Lets a peer that runs get ahead before the first look (`distance`), where it pauses at all. What the look says.
    pub(crate) fn rest(&self, patience: usize, look: impl FnOnce() -> bool) -> bool {
        let is_ready = self.pauses && !MODELLED && distance::rest(patience, look);
        if is_ready {
            HOPE.set(HOPE.get().fulfilled());
        }
        is_ready
    }

    /// The same, and nothing comes after it.
    pub(crate) fn only_rest(self, patience: usize, look: impl FnOnce() -> bool) -> bool {
        let is_ready = self.rest(patience, look);
        if self.pauses && !is_ready {
            HOPE.set(HOPE.get().in_vain());
        }
        is_ready
    }

    /// Waits a little; false once it is time to sleep.
    pub(crate) fn turn(&mut self) -> bool {
        self.turn_by(|| {
            let before = Instant::now();
            yield_now();
            before.elapsed()
        })
    }

    /// `give_way` tells how long it took.
    fn turn_by(&mut self, give_way: impl FnOnce() -> Duration) -> bool {
        if self.turns >= PAUSES + YIELDS {
            return false;
        }
        self.turns += 1;
        if self.turns <= PAUSES {
            std::hint::spin_loop();
            return true;
        }
        if self.turns == PAUSES + 1 && self.pauses {
            HOPE.set(HOPE.get().in_vain());
        }
        if crowd::is_to_be_left_alone() {
            self.turns = PAUSES + YIELDS;
            return false;
        }
        let took = give_way();
        crowd::learn(took);
        if took > CROWDED {
            self.turns = PAUSES + YIELDS;
        }
        true
    }
}

impl Drop for Spin {
    fn drop(&mut self) {
        if (1..=PAUSES).contains(&self.turns) && self.pauses {
            HOPE.set(HOPE.get().fulfilled());
        }
    }
}

/// The same for a task, which gives way to the others of its executor by having itself polled again.
#[derive(Debug)]
pub(crate) struct Turns {
    left: u32,
}

/// Trials with tokio and two workers: a turn costs 50 ns, a ticket and its wake-up 200. With 16 a wait for another
/// processor was often too short, with 128 many tasks on few workers kept each other waiting.
const TURNS: u32 = 32;

/// The first try after a rest: the executor may wake a worker for it, and be delayed as long by that.
const FIRST_TURNS: u32 = 4 * TURNS;

/// Where the scheduler has those run next that are woken: all who are ready have run by the next turn, so one tells.
const ONE_TURN: u32 = 2;

/// So many waits go by before turns are tried again, once they were in vain more often than not. The first are such waits,
/// too: a thread that seldom polls for a channel polls no more than it must.
const ANOTHER_TURN: i32 = 64;

thread_local! {
    /// As `HOPE`. It may be another thread that polls when the wait is over; a guess it remains.
    static HOPE_OF_TURNS: Cell<i32> = const { Cell::new(-ANOTHER_TURN) };
}

impl Turns {
    /// Each costs a hope, which comes back with interest if it helps: of many tasks that wait at the same time few give way, before
    /// the first of them knows whether that helps. In a ring of a thousand they would have each other polled 43 times a message.
    pub(crate) fn new() -> Turns {
        let hope = HOPE_OF_TURNS.get();
        HOPE_OF_TURNS.set(match hope {
            ..0 => hope + 1,
            0 => 1,
            1 => -ANOTHER_TURN,
            _ => hope - 1,
        });
        let left = match hope {
            _ if MODELLED => 0,
            ..=0 => 0,
            _ if has_scheduler() => ONE_TURN,
            1 => FIRST_TURNS,
            _ => TURNS,
        };
        Turns { left }
    }

    /// Whether to give way once more; false once it is time to wait for a wake-up.
    pub(crate) fn turn(&mut self) -> bool {
        self.left = self.left.saturating_sub(1);
        self.left != 0
    }

    /// What was waited for has come in time.
    pub(crate) fn helped(self) {
        if self.left != 0 {
            HOPE_OF_TURNS.set(HOPES.min(HOPE_OF_TURNS.get().max(0) + 2));
        }
    }
}

#[cfg(all(test, not(any(loom, narrows_check))))]
mod tests {
    use super::*;

    /// crossbeam's `loop_try` missed half a second this way, beside 60 busy processes.
    #[test]
    fn a_long_yield_is_the_last() {
        crowd::forget();
        let mut spin = Spin::new();
        let mut yields = 0;
        while spin.turn_by(|| {
            yields += 1;
            CROWDED * 2
        }) {}
        assert_eq!(yields, 1);
    }

    /// Beside busy threads each yield costs time slices of theirs: 10 ms a message with four of them on two processors.
    #[test]
    fn a_crowd_is_seldom_yielded_to() {
        crowd::forget();
        let mut yields = 0;
        for _ in 0..10_000 {
            let mut spin = Spin::of_wait();
            while spin.turn_by(|| {
                yields += 1;
                CROWDED * 100
            }) {}
        }
        assert!((2..10).contains(&yields), "{yields} in 10000 waits");
    }

    /// On busy processors sleeping at once is waste.
    #[test]
    fn waits_that_sleep_at_once_become_rare() {
        crowd::forget();
        let sleeps_at_once = || {
            let mut spin = Spin::of_wait();
            let mut turns = 0;
            while spin.turn_by(|| Duration::ZERO) {
                turns += 1;
            }
            turns == 0
        };
        let waits = (0..20_000).filter(|_| sleeps_at_once()).count();
        assert!(waits < 100, "{waits} of 20000");
        assert_eq!(waits > 0, has_several_processors());
    }

    fn wait_in_vain() -> u32 {
        let mut turns = Turns::new();
        (0..2 * FIRST_TURNS).map(|_| u32::from(turns.turn())).sum()
    }

    /// On one worker with nobody to give way to, turns are waste.
    #[test]
    fn turns_in_vain_become_rare() {
        let waits: Vec<u32> = (0..1000).map(|_| wait_in_vain()).collect();
        assert_eq!(waits[0], 0, "before anything is known");
        assert!(waits.iter().all(|&turns| turns < FIRST_TURNS));
        assert!(waits.iter().sum::<u32>() < 2000, "less than two a wait");
    }

    /// A task that makes a future for each look, and drops it, is not to be woken by its own looks for ever.
    #[test]
    fn turns_given_up_are_in_vain() {
        let turns = (0..10_000).filter(|_| Turns::new().turn()).count();
        assert!(turns < 1000, "{turns} of 10000");
    }

    #[test]
    fn turns_that_help_go_on() {
        for _ in 0..=ANOTHER_TURN {
            Turns::new().helped();
        }
        for _ in 0..100 {
            let mut turns = Turns::new();
            assert!(turns.turn());
            turns.helped();
        }
    }
}
