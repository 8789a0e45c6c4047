//! Models of the role alone, for loom: one holder at a time, whoever came by a bias and whoever by the lock, and nobody
//! waits for ever for an owner to leave.

use loom::sync::Arc;

use super::Role;
use crate::explore::{explore, spawn, spawn_twin, turn};

/// Adds so many times; loom sees it if two are inside at once, or if one does not see what the last did.
fn add(role: &Role<usize>, times: usize) {
    for _ in 0..times {
        *role.enter() += 1;
    }
}

/// Two threads that both earn the bias and take it from each other.
#[test]
fn role_two() {
    explore("role_two", 556, || {
        let role = Arc::new(Role::new(0));
        let other = role.clone();
        let thread = spawn(move || add(&other, 4));
        turn(0);
        add(&role, 4);
        thread.join().unwrap();
        assert_eq!(*role.enter(), 8);
    });
}

/// A third takes the bias from the second while the first, an owner of old, is still on its way in.
#[test]
fn role_three() {
    explore("role_three", 24_022, || {
        let role = Arc::new(Role::new(0));
        let (second, third) = (role.clone(), role.clone());
        let second = spawn(move || add(&second, 3));
        let third = spawn_twin(move || add(&third, 1));
        turn(0);
        add(&role, 3);
        second.join().unwrap();
        third.join().unwrap();
        assert_eq!(*role.enter(), 7);
    });
}

/// An owner that enters a second role inside the first, as an allocator that uses channels does, is still in the first.
#[test]
fn role_within() {
    explore("role_within", 102, || {
        let roles = Arc::new((Role::new(0), Role::new(0)));
        let (outer, inner) = &*roles;
        add(outer, 3);
        add(inner, 3);
        let other = roles.clone();
        let thread = spawn(move || add(&other.0, 1));
        turn(0);
        let mut holder = outer.enter();
        drop(inner.enter_easily());
        add(inner, 1);
        *holder += 1;
        drop(holder);
        thread.join().unwrap();
        assert_eq!((*outer.enter(), *inner.enter()), (5, 4));
    });
}

/// Store buffering against an owner: what it left is seen behind `fence_against`, or it sees what was shown before.
#[test]
fn role_fence() {
    either_sees("role_fence", |role| role.fence_against(0), 243);
}

/// The same where the bias is not worth while and goes.
#[test]
fn role_fence_revokes() {
    either_sees("role_fence_revokes", Role::end_quiet, 304);
}

fn either_sees(name: &str, fence: fn(&Role<()>), floor: usize) {
    use crate::sync::{AtomicUsize, Ordering};
    explore(name, floor, move || {
        let shared = Arc::new((Role::new(()), AtomicUsize::new(0), AtomicUsize::new(0)));
        // Else the waiter would end quiet first, by the lock, and no fence would be looked at.
        shared.0.end_quiet();
        let other = shared.clone();
        let publisher = spawn(move || {
            let (role, published, shown) = &*other;
            let mut sees = false;
            for i in 1..4 {
                let holder = role.enter();
                // Relaxed, all: the fences are what is looked at.
                published.store(i, Ordering::Relaxed);
                drop(holder);
                sees = shown.load(Ordering::Relaxed) == 1;
            }
            sees
        });
        turn(0);
        let (role, published, shown) = &*shared;
        shown.store(1, Ordering::Relaxed);
        fence(role);
        let seen = published.load(Ordering::Relaxed);
        let publisher_sees = publisher.join().unwrap();
        assert!(seen == 3 || publisher_sees, "neither saw the other");
    });
}
