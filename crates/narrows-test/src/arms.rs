//! Rule 17, and what other crates bring: arms that are no channels, and the hook before a sleep.

use crate::actor::Host;
use crate::deadline::{times, until};
use narrows::Select;
use narrows::arm::{Arm, Look, Seat, Ticket, Token, Who};
use std::cell::Cell;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

/// An arm that counts how often the select turns to it.
#[derive(Default)]
struct Counted {
    ready: AtomicBool,
    visits: Arc<AtomicUsize>,
    tickets: Mutex<Vec<Ticket>>,
}

impl Counted {
    fn visit(&self) {
        self.visits.fetch_add(1, Ordering::SeqCst);
    }

    /// Makes it ready, and tells whoever waits.
    fn ring(&self) {
        self.ready.store(true, Ordering::SeqCst);
        let tickets = std::mem::take(&mut *self.tickets.lock().expect("no panic under it"));
        for ticket in tickets {
            ticket.notify();
        }
    }
}

impl Arm for Counted {
    fn attempt(&self, _who: Who<'_>) -> Option<Token> {
        self.visit();
        self.ready.swap(false, Ordering::SeqCst).then(|| Token::new(3, 4))
    }
    fn is_ready(&self, _who: Who<'_>) -> bool {
        self.visit();
        self.ready.load(Ordering::SeqCst)
    }
    fn enlist(&self, ticket: Ticket, seat: &mut Seat) -> Look {
        self.visit();
        self.tickets.lock().expect("no panic under it").push(ticket);
        *seat = Some(Token::new(0, 0));
        Look { ready: self.ready.load(Ordering::SeqCst), due: None }
    }
    fn retract(&self, seat: &mut Seat) {
        self.visit();
        *seat = None;
        self.tickets.lock().expect("no panic under it").clear();
    }
}

/// Ten thousand arms wait, one at a time is ready: the select turns to that one, not to all.
pub fn rule_17_a_reused_select_visits_only_what_is_ready() {
    const ARMS: usize = if cfg!(miri) { 200 } else { 10_000 };
    let visits = Arc::new(AtomicUsize::new(0));
    let arms: Vec<Counted> = (0..ARMS).map(|_| Counted { visits: Arc::clone(&visits), ..Counted::default() }).collect();
    let mut select = Select::new();
    let indices: Vec<usize> = arms.iter().map(|arm| select.arm(arm)).collect();
    let mut serve = |k: usize| {
        arms[k].ring();
        let chosen = select.select();
        assert_eq!(chosen.index(), indices[k]);
        let token = chosen.finish();
        assert_eq!((token.slot(), token.number()), (3, 4));
    };
    let rounds = times(1000);
    for i in 0..rounds {
        serve(i * 7919 % ARMS);
    }
    // Each is looked at a few times to begin with, and then only those that ring.
    let (visits, most) = (visits.load(Ordering::SeqCst), 4 * ARMS + 10 * rounds);
    assert!(visits <= most, "{visits} visits to {ARMS} arms for {rounds} messages");
}

/// The same with receivers, of which it cannot be counted: every one of very many is heard, from threads and from tasks.
pub fn rule_17_every_one_of_very_many_receivers_is_heard() {
    const LINES: usize = if cfg!(miri) { 100 } else { 10_000 };
    let (senders, receivers): (Vec<_>, Vec<_>) = (0..LINES).map(|_| narrows::bounded(1)).unzip();
    for host in [Host::Thread, Host::Pool] {
        let receivers = receivers.clone();
        let listener = host.spawn(async move {
            let mut select = Select::new();
            for r in &receivers {
                select.recv(r);
            }
            for i in 0..times(500) {
                let chosen = if host == Host::Thread { select.select() } else { select.select_async().await };
                let k = chosen.index();
                assert_eq!(chosen.recv(&receivers[k]), Ok(i), "in the order of sending");
            }
        });
        for i in 0..times(500) {
            let line = &senders[i * 7919 % LINES];
            assert_eq!(line.send(i), Ok(()));
            until("it is heard", || line.is_empty());
        }
        listener.join();
    }
}

/// A foreign arm wakes a select that sleeps, on a thread and as a task, beside channels.
pub fn a_foreign_arm_wakes_a_select() {
    for host in [Host::Thread, Host::Tokio] {
        let bell = Arc::new(Counted::default());
        let (mine, (_s, r)) = (Arc::clone(&bell), narrows::bounded::<u8>(1));
        let listener = host.spawn(async move {
            let mut select = Select::new();
            let channel = select.recv(&r);
            let foreign = select.arm(&*mine);
            let chosen = if host == Host::Thread { select.select() } else { select.select_async().await };
            assert_eq!((chosen.index(), channel != foreign), (foreign, true));
            chosen.finish().number()
        });
        listener.until_waiting();
        bell.ring();
        assert_eq!(listener.join(), 4);
    }
}

thread_local! {
    static SLEEPS: Cell<usize> = const { Cell::new(0) };
}

fn about_to_sleep() {
    SLEEPS.set(SLEEPS.get() + 1);
}

/// The hook of this thread, and of no other, runs before it sleeps in a channel, and can be taken away again.
pub fn the_hook_runs_before_a_sleep() {
    let (s, r) = narrows::bounded(1);
    let sleeper = Host::Thread.spawn(async move {
        assert!(narrows::park::set_sleep_hook(Some(about_to_sleep)).is_none());
        assert_eq!((r.recv(), SLEEPS.get() > 0), (Ok(1), true));
        assert!(narrows::park::set_sleep_hook(None).is_some());
        let before = SLEEPS.get();
        assert_eq!((r.recv(), SLEEPS.get()), (Ok(2), before));
    });
    for i in 1..3 {
        sleeper.until_waiting();
        assert_eq!(s.send(i), Ok(()));
        until("it is taken", || s.is_empty());
    }
    sleeper.join();
    assert_eq!(SLEEPS.get(), 0, "another thread's hook");
}
