//! The dining philosophers of Hoare's book: forks are processes as well, and to pick one up is an event that both take
//! part in. With everybody's left fork first all may hold one and wait for ever; a footman who lets one less than all
//! sit down prevents it, and so does a philosopher who takes the right fork first.
//!
//! ```text
//! PHIL(i)    = sit -> pick.i -> pick.(i+1) -> eat -> put.i -> put.(i+1) -> rise -> PHIL(i)
//! FORK(i)    = left.pick -> left.put -> FORK(i) [] right.pick -> right.put -> FORK(i)
//! FOOTMAN(k) = (k < n - 1) & sit -> FOOTMAN(k + 1) [] (k > 0) & rise -> FOOTMAN(k - 1)
//! ```

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering::Relaxed},
};

use narrows::{
    Receiver, Sender, bounded,
    check::{self, Checker, thread},
};
use narrows_flow::csp::{Alt, when};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Manners {
    /// Everybody takes the fork on the left first. It deadlocks, if rarely.
    LeftFirst,
    /// One takes the fork on the right first.
    OneRightFirst,
    /// Left first, but never do all sit.
    Footman,
}

/// A pair of events, one side of each.
struct Events<End> {
    begin: End,
    end: End,
}

fn events() -> (Events<Sender<()>>, Events<Receiver<()>>) {
    let (first, second) = (bounded(0), bounded(0));
    (Events { begin: first.0, end: second.0 }, Events { begin: first.1, end: second.1 })
}

enum Fork {
    PickedUp(usize),
    PutDown,
}

/// Each neighbour may pick it up while nobody has it; then only that one may put it down.
fn fork(neighbours: &[Events<Receiver<()>>; 2]) {
    let mut holder = None;
    let [left, right] = neighbours;
    while let Ok(event) = Alt::new()
        .recv(when(holder.is_none(), &left.begin), |()| Fork::PickedUp(0))
        .recv(when(holder.is_none(), &right.begin), |()| Fork::PickedUp(1))
        .recv(when(holder == Some(0), &left.end), |()| Fork::PutDown)
        .recv(when(holder == Some(1), &right.end), |()| Fork::PutDown)
        .choose()
    {
        holder = match event {
            Fork::PickedUp(by) => Some(by),
            Fork::PutDown => None,
        };
    }
}

/// Lets at most so many sit.
fn footman(seats: usize, door: &Events<Receiver<()>>) {
    let mut seated = 0;
    while let Ok(change) =
        Alt::new().recv(when(seated < seats, &door.begin), |()| 1).recv(when(seated > 0, &door.end), |()| -1).choose()
    {
        seated = seated.saturating_add_signed(change);
    }
}

/// A fork as a philosopher knows it, and whether somebody eats with it.
struct Hand {
    fork: Events<Sender<()>>,
    in_use: Arc<AtomicBool>,
}

fn philosopher(meals: usize, [first, second]: &[Hand; 2], door: Option<&Events<Sender<()>>>) {
    for _ in 0..meals {
        door.inspect(|door| door.begin.send(()).unwrap());
        for hand in [first, second] {
            hand.fork.begin.send(()).unwrap();
            // Relaxed: these only look whether two hold it at once, which the events make impossible.
            assert!(!hand.in_use.swap(true, Relaxed), "one fork in two hands");
        }
        for hand in [first, second] {
            hand.in_use.store(false, Relaxed); // Relaxed: as above
            hand.fork.end.send(()).unwrap();
        }
        door.inspect(|door| door.end.send(()).unwrap());
    }
}

/// So many philosophers eat so many meals each, unless they starve.
pub(crate) fn dine(manners: Manners, philosophers: usize, meals: usize) {
    let mut threads = Vec::new();
    let (enter, door) = events();
    if manners == Manners::Footman {
        threads.push(thread::spawn(move || footman(philosophers - 1, &door)));
    }
    let mut hands: Vec<[Option<Hand>; 2]> = (0..philosophers).map(|_| [None, None]).collect();
    for place in 0..philosophers {
        let ((left, of_left), (right, of_right)) = (events(), events());
        let in_use = Arc::new(AtomicBool::new(false));
        // It lies to the left of this one, and to the right of the one before.
        hands[place][0] = Some(Hand { fork: left, in_use: in_use.clone() });
        hands[(place + philosophers - 1) % philosophers][1] = Some(Hand { fork: right, in_use });
        threads.push(thread::spawn(move || fork(&[of_left, of_right])));
    }
    for (place, hands) in hands.into_iter().enumerate() {
        let mut hands = hands.map(|hand| hand.expect("everybody has a fork on either side"));
        if manners == Manners::OneRightFirst && place == 0 {
            hands.reverse();
        }
        let door = Events { begin: enter.begin.clone(), end: enter.end.clone() };
        let needs_door = manners == Manners::Footman;
        threads.push(thread::spawn(move || philosopher(meals, &hands, needs_door.then_some(&door))));
    }
    drop(enter);
    for thread in threads {
        thread.join().unwrap();
    }
}

#[allow(dead_code)] // of the tests, which have this file as a module
fn main() {
    let meals = if cfg!(narrows_check) { 2 } else { 20 };
    for manners in [Manners::OneRightFirst, Manners::Footman] {
        check::run(move || dine(manners, 5, meals));
        println!("{manners:?}: five philosophers had {meals} meals each");
    }
    // On threads of the system it happens seldom, and then nobody tells.
    if cfg!(narrows_check) || std::env::args().any(|arg| arg == "left-first") {
        println!("LeftFirst: if nothing more is said, they sit there with a fork each");
        let meals = if cfg!(narrows_check) { 1 } else { 100_000 };
        match Checker::new().find(move || dine(Manners::LeftFirst, 5, meals)) {
            Some(failure) => println!("{failure}"),
            None => println!("they were lucky"),
        }
    }
}
