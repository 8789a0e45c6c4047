//! One thread does something at random, then something else, some hundred times; a line on paper says after each step what must
//! have come of it. Orders of a few steps are explored elsewhere, every one of them; here it is length that counts: laps, places
//! that come free out of their turn, tickets that are left and shown again, messages that are taken back and given back.
//!
//! After each step: what is inside and in what order, what is full, empty or at its end; who could go on and was not woken; what
//! was dropped, once. `model.rs` is the line, `task.rs` who waits, `step.rs` what is done.

pub mod broadcast;
mod dice;
pub mod lanes;
mod look;
mod model;
mod poll;
mod step;
mod task;
pub mod watch;

pub use self::dice::Dice;
use self::{model::Model, task::Task};
use crate::deadline::times;
use crate::kind::Kind;
use crate::load::{Ledger, Load};
use narrows::{Overflow, Receiver, Sender, builder};
use std::cell::RefCell;
use std::fmt;
use std::sync::{Arc, Weak};

/// A message of a walk.
pub trait Makes: 'static {
    /// Of that load.
    fn make(load: Load) -> Self;
    /// The load's number.
    fn number(&self) -> u64;
}

impl Makes for Load {
    fn make(load: Load) -> Self {
        load
    }
    fn number(&self) -> u64 {
        Load::number(self)
    }
}

/// A message that is not small: some short cuts are not for it.
#[derive(Debug)]
pub struct Wide {
    front: u64,
    load: Load,
    rest: [u64; 60],
}

impl Makes for Wide {
    fn make(load: Load) -> Self {
        let front = load.number();
        Self { front, load, rest: [front; 60] }
    }
    fn number(&self) -> u64 {
        let number = self.load.number();
        assert!(self.front == number && self.rest.iter().all(|other| *other == number), "torn");
        number
    }
}

/// A channel to walk on.
#[derive(Clone, Copy, Debug)]
pub enum Ground {
    /// As the other rules have it.
    Plain(Kind),
    /// With a policy.
    Full(Overflow, usize),
    /// Whose capacity changes.
    Resizable(usize),
    /// Whose messages are weighed.
    Weighed(usize),
}

impl fmt::Display for Ground {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Ground::Plain(kind) => kind.fmt(f),
            Ground::Full(overflow, capacity) => write!(f, "capacity {capacity} with {overflow:?}"),
            Ground::Resizable(capacity) => write!(f, "capacity {capacity}, resizable"),
            Ground::Weighed(capacity) => write!(f, "capacity {capacity}, weighed"),
        }
    }
}

/// Where walks go: the smallest, two in which laps go by fast, around the size of a block, none, and those with rules.
pub const GROUNDS: &[Ground] = &[
    Ground::Plain(Kind::Bounded(0)),
    Ground::Plain(Kind::Bounded(1)),
    Ground::Plain(Kind::Bounded(2)),
    Ground::Plain(Kind::Bounded(3)),
    Ground::Plain(Kind::Bounded(4)),
    Ground::Plain(Kind::Bounded(33)),
    Ground::Plain(Kind::Unbounded),
    Ground::Plain(Kind::Governed(1)),
    Ground::Plain(Kind::Governed(2)),
    Ground::Plain(Kind::Governed(3)),
    Ground::Resizable(2),
    Ground::Weighed(3),
    Ground::Full(Overflow::Fail, 2),
    Ground::Full(Overflow::DropNewest, 2),
    Ground::Full(Overflow::DropOldest, 2),
];

struct Channel<T> {
    s: Vec<Arc<Sender<T>>>,
    r: Vec<Arc<Receiver<T>>>,
    made_s: Vec<Weak<Sender<T>>>,
    made_r: Vec<Weak<Receiver<T>>>,
    model: Model,
    overflow: Overflow,
    is_resizable: bool,
    is_governed: bool,
}

impl<T: Makes> Channel<T> {
    fn new(ground: Ground) -> Self {
        let (s, r) = match ground {
            Ground::Plain(kind) => kind.pair(),
            Ground::Full(overflow, capacity) => builder().overflow(overflow).bounded(capacity),
            Ground::Resizable(capacity) => builder().resizable().bounded(capacity),
            Ground::Weighed(capacity) => builder().weigher(|it: &T| Model::weight_of(it.number())).bounded(capacity),
        };
        let overflow = if let Ground::Full(overflow, _) = ground { overflow } else { Overflow::Block };
        let is_governed = !matches!(ground, Ground::Plain(Kind::Bounded(_) | Kind::Unbounded));
        let model = Model::new(s.capacity(), !is_governed, matches!(ground, Ground::Weighed(_)));
        let (s, r) = (Arc::new(s), Arc::new(r));
        let (made_s, made_r) = (vec![Arc::downgrade(&s)], vec![Arc::downgrade(&r)]);
        let is_resizable = is_governed && s.capacity().is_some();
        Self { s: vec![s], r: vec![r], made_s, made_r, model, overflow, is_resizable, is_governed }
    }
}

struct Walk<T> {
    dice: Dice,
    ledger: Ledger,
    channels: Vec<Channel<T>>,
    tasks: Vec<Task<T>>,
    next: u64,
    next_ticket: u64,
    /// How close the end is: channels are closed late.
    left: usize,
    diary: Diary,
}

/// What was done, for who looks for the cause of a failure: told only then, and if `NARROWS_WALK` is set.
struct Diary(Option<RefCell<Vec<String>>>);

impl Drop for Diary {
    fn drop(&mut self) {
        if std::thread::panicking()
            && let Some(lines) = self.0.take()
        {
            eprintln!("{}", lines.into_inner().join("\n"));
        }
    }
}

/// What is done in one walk, one step after the other.
pub fn walk<T: Makes>(grounds: &[Ground], seed: u64, steps: usize) {
    let diary = Diary(std::env::var_os("NARROWS_WALK").map(|_| RefCell::default()));
    let mut walk = Walk::<T> {
        dice: Dice::new(seed),
        ledger: Ledger::new(steps * 8 + 8),
        channels: grounds.iter().map(|ground| Channel::new(*ground)).collect(),
        tasks: Vec::new(),
        next: 0,
        next_ticket: 0,
        left: steps,
        diary,
    };
    while walk.left > 0 {
        walk.left -= 1;
        walk.step();
        walk.look();
    }
    walk.end();
    drop(walk.channels);
    walk.ledger.settle();
}

/// With `NARROWS_WALK` only the walk of that seed is done, and told if it fails.
fn is_wanted(seed: u64) -> bool {
    std::env::var("NARROWS_WALK").map_or(true, |only| only == seed.to_string())
}

/// How many walks: more with `NARROWS_DEEP`.
fn walks() -> u64 {
    let usual = if cfg!(miri) { 2 } else { 40 };
    if std::env::var_os("NARROWS_DEEP").is_some() { usual * 15 } else { usual }
}

/// Many walks on a channel of that kind, with a second beside it for selects.
pub fn rule_09_whatever_is_done_at_random_leaves_nobody_asleep(ground: Ground) {
    let beside = [Ground::Plain(Kind::Bounded(1)), Ground::Plain(Kind::Unbounded), Ground::Plain(Kind::Governed(2))];
    for seed in (0..walks()).filter(|seed| is_wanted(*seed)) {
        let other = beside[usize::try_from(seed % 3).expect("small")];
        let steps = times(if seed % 8 == 7 { 1000 } else { 250 });
        let run = std::panic::catch_unwind(|| {
            if seed % 2 == 0 {
                walk::<Load>(&[ground, other], seed, steps);
            } else {
                walk::<Wide>(&[ground, other], seed, steps);
            }
        });
        if let Err(why) = run {
            panic!("seed {seed}: {}", crate::deadline::text(why.as_ref()));
        }
    }
}
