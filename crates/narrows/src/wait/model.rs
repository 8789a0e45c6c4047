//! Models of waiting alone, for loom: no wake-up is lost between a list and its waiters.

use loom::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering, fence},
};

use super::{
    list::{self, WaitList},
    waiter::Waiter,
};
use crate::{
    arm::{Stance, Ticket},
    explore::{explore, spawn, spawn_twin, turn},
    park,
    time::Deadline,
};

/// Something that may be taken so many times, and those who wait for it.
struct Shop {
    stock: AtomicUsize,
    list: WaitList,
}

impl Shop {
    fn new() -> Arc<Shop> {
        Arc::new(Shop { stock: AtomicUsize::new(0), list: WaitList::new() })
    }

    fn deliver(&self) {
        self.stock.fetch_add(1, Ordering::Relaxed);
        self.list.notify(1);
    }

    fn has_stock(&self) -> bool {
        self.stock.load(Ordering::Relaxed) > 0
    }

    fn take(&self) -> bool {
        self.stock.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |n| n.checked_sub(1)).is_ok()
    }

    /// As `wait::block` does.
    fn wait(&self) {
        let waiter = Waiter::for_thread();
        let mut seat = None;
        let mut was_claimed = false;
        loop {
            waiter.open();
            self.list.enlist(Ticket::single(&waiter), &mut seat);
            if !self.has_stock() {
                park::sleep(|| waiter.is_claimed(), Deadline::Never);
            }
            if waiter.close().is_some() {
                was_claimed = true;
                list::was_claimed(&mut seat);
            }
            if self.take() {
                break;
            }
        }
        self.list.retract(&mut seat);
        if was_claimed {
            self.list.pass_on(|| self.has_stock());
        }
    }
}

impl Drop for Shop {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            assert!(!self.list.is_waited_on(), "a ticket is left");
        }
    }
}

/// The publisher's look for waiters and the waiter's second look cannot both come too early.
#[test]
fn wait_dekker() {
    explore("wait_dekker", 103, || {
        let shop = Shop::new();
        let other = shop.clone();
        let waits = spawn(move || other.wait());
        turn(0);
        shop.deliver();
        waits.join().unwrap();
    });
}

/// Two who wait, two deliveries: each is woken, even if one takes what the other was woken for.
#[test]
fn wait_two() {
    explore("wait_two", 33_717, || {
        let shop = Shop::new();
        let [first, second] = [shop.clone(), shop.clone()];
        let waiting = [spawn(move || first.wait()), spawn_twin(move || second.wait())];
        turn(0);
        shop.deliver();
        shop.deliver();
        for one in waiting {
            one.join().unwrap();
        }
    });
}

/// A waiter that gives up hands its wake-up on.
#[test]
fn wait_given_up() {
    explore("wait_given_up", 4345, || {
        let shop = Shop::new();
        let [quitter, stays] = [shop.clone(), shop.clone()];
        let waiter = Waiter::for_task();
        let mut seat = None;
        waiter.open();
        shop.list.enlist(Ticket::single(&waiter), &mut seat);
        let quitter = spawn(move || {
            let claim = waiter.close();
            if claim.is_some() {
                list::was_claimed(&mut seat);
            }
            quitter.list.retract(&mut seat);
            if claim.is_some() {
                quitter.list.pass_on(|| quitter.has_stock());
            }
        });
        let stays = spawn(move || stays.wait());
        turn(0);
        shop.deliver();
        quitter.join().unwrap();
        stays.join().unwrap();
    });
}

/// A selector that is awake while its ticket is out finds the mark before it sleeps.
#[test]
fn wait_marks() {
    explore("wait_marks", 79, || {
        let shop = Shop::new();
        let other = shop.clone();
        let waits = spawn(move || {
            let waiter = Waiter::for_thread();
            let ticket = Ticket { waiter: waiter.clone(), arm: 0, stance: Stance::Arm };
            let mut seat = None;
            other.list.enlist(ticket, &mut seat);
            let mut marks = Vec::new();
            if !other.has_stock() {
                waiter.open();
                waiter.take_marks(&mut marks);
                if marks.is_empty() {
                    park::sleep(|| waiter.is_claimed(), Deadline::Never);
                }
                waiter.close();
            }
            assert!(other.take());
            other.list.retract(&mut seat);
        });
        turn(0);
        shop.deliver();
        waits.join().unwrap();
    });
}

/// Everybody hears of the end.
#[test]
fn wait_all() {
    explore("wait_all", 9809, || {
        let shop = Shop::new();
        let [first, second] = [shop.clone(), shop.clone()];
        let waiting = [spawn(move || first.wait()), spawn_twin(move || second.wait())];
        turn(0);
        shop.stock.store(2, Ordering::Relaxed);
        // SeqCst: between what was published and the look at who waits.
        fence(Ordering::SeqCst);
        shop.list.notify_all_fenced();
        for one in waiting {
            one.join().unwrap();
        }
    });
}
