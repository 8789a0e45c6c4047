//! Endings: who waits for a rank that has ended hears of it at once, and ranks that all wait for each other hear of that.

use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use narrows_rank::{Any, Cause, Error, Tag, World};

fn is_gone(error: &Error, rank: usize, how: &str) -> bool {
    matches!(error, Error::Gone { rank: gone, how: said } if *gone == rank && said.contains(how))
}

#[test]
fn who_waits_for_a_rank_that_returns_hears_of_it() {
    World::threads(3)
        .run(|me| {
            match me.rank() {
                0 => {
                    assert!(is_gone(&me.recv::<()>(1, Any).unwrap_err(), 1, "has returned"));
                    assert!(is_gone(&me.probe(1, Any).unwrap_err(), 1, "has returned"));
                    let unsent = me.send(1, 0, vec![1]).unwrap_err();
                    assert!(is_gone(&unsent.error, 1, "has returned"));
                    assert_eq!(unsent.message, [1]);
                    // Whoever may still come is waited for.
                    assert_eq!(me.recv::<i32>(Any, Any)?.0, 5);
                    // And what was sent before the end is received after it.
                    assert_eq!(me.recv::<i32>(2, Tag(1))?.0, 6);
                    assert_eq!(me.recv::<i32>(Any, Any), Err(Error::AllGone));
                }
                1 => {}
                _ => {
                    assert!(is_gone(&me.recv::<()>(1, Any).unwrap_err(), 1, "has returned"));
                    me.send(0, 0, 5)?;
                    me.send(0, 1, 6)?;
                }
            }
            Ok(())
        })
        .unwrap();
}

/// Panics as it is dropped.
struct Bomb;

impl Drop for Bomb {
    fn drop(&mut self) {
        panic!("a bomb");
    }
}

#[test]
fn a_message_that_panics_as_it_is_dropped_keeps_no_end_from_being_told() {
    let error = World::threads(2)
        .run(|me| {
            if me.rank() == 1 {
                return me.recv::<()>(0, Tag(1)).map(|_| ());
            }
            me.bsend(1, 0, Bomb)?;
            me.send(1, 1, ())?;
            assert!(is_gone(&me.recv::<()>(1, Any).unwrap_err(), 1, "has returned"));
            Ok(())
        })
        .unwrap_err();
    assert_eq!(error.to_string(), "rank 1 panicked: a bomb");
}

#[test]
fn a_panic_and_a_failure_are_told_and_the_first_comes_first() {
    let error = World::threads(4)
        .run(|me| match me.rank() {
            1 => {
                me.recv::<()>(0, Any)?;
                panic!("boom {}", me.rank());
            }
            2 => Err(Error::failed(me.recv::<()>(1, Any).unwrap_err())),
            3 => me.recv::<()>(2, Any).map(|_| ()),
            _ => {
                me.send(1, 0, ())?;
                let error = me.ssend(1, 0, String::from("late")).unwrap_err();
                assert!(is_gone(&error.error, 1, "panicked: boom 1"), "{error}");
                assert_eq!(error.message, "late");
                Ok(())
            }
        })
        .unwrap_err();
    assert_eq!(error.to_string(), "rank 1 panicked: boom 1 (and 2 after it)");
    assert_eq!(error.failures[0].cause, Cause::Panicked("boom 1".into()));
    let ranks: Vec<usize> = error.failures.iter().map(|failure| failure.rank).collect();
    assert_eq!(ranks, [1, 2, 3]);
    assert_eq!(error.failures[1].to_string(), "rank 2 failed: rank 1 is gone: it panicked: boom 1");
}

#[test]
fn a_collective_ends_with_an_error_when_a_rank_is_gone() {
    let error = World::threads(8)
        .run(|me| if me.rank() == 5 { Err(Error::failed("no more")) } else { me.all_reduce(1, |a, b| a + b) })
        .unwrap_err();
    assert_eq!(error.failures[0].to_string(), "rank 5 failed: no more");
    // Whoever needed its part, or the part of one who did.
    assert_eq!(error.failures.len(), 8);
}

/// A panic of a rank reaches who waits at the bound, too.
#[test]
fn a_sender_that_waits_for_room_hears_of_the_end_and_has_its_message_back() {
    World::threads(2)
        .run(|me| {
            if me.rank() == 0 {
                let mut sent = 0;
                let unsent = loop {
                    match me.send(1, 0, Box::new(sent)) {
                        Ok(()) => sent += 1,
                        Err(unsent) => break unsent,
                    }
                };
                assert!(sent <= 64, "{sent} were sent");
                assert_eq!(*unsent.message, sent);
            } else {
                // Not before the other waits or is about to.
                while me.try_probe(0, Any)?.is_none() {
                    std::hint::spin_loop();
                }
            }
            Ok(())
        })
        .unwrap();
}

struct Counted<'a>(&'a AtomicUsize);

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.0.fetch_add(1, Relaxed);
    }
}

/// Also those that nobody receives.
#[test]
fn every_message_is_dropped_once() {
    static DROPS: AtomicUsize = AtomicUsize::new(0);
    World::threads(2)
        .run(|me| {
            for _ in 0..40 {
                me.send(1 - me.rank(), 0, Counted(&DROPS))?;
            }
            me.barrier()?;
            for _ in 0..10 {
                me.recv::<Counted<'static>>(Any, Any)?;
            }
            drop(me.mprobe(Any, Any)?);
            Ok(())
        })
        .unwrap();
    assert_eq!(DROPS.load(Relaxed), 80);
}

#[test]
fn ranks_that_all_wait_hear_who_waits_for_what() {
    let error = World::threads(4)
        .run(|me| {
            match me.rank() {
                0 => drop(me.recv::<()>(1, Tag(7))?),
                1 => me.barrier()?,
                2 => me.ssend(0, 3, "never asked for")?,
                _ => {}
            }
            Ok(())
        })
        .unwrap_err();
    assert_eq!(error.failures.len(), 3);
    let report = error.failures.iter().find_map(|failure| match &failure.cause {
        Cause::Failed(Error::Deadlock(report)) => Some(report.to_string()),
        _ => None,
    });
    // One of the three may have heard of the end of another of them first; whoever is told of the deadlock is told all.
    let report = report.expect("at least one is told");
    for line in [
        "rank 0 waits for a message from rank 1 with tag 7",
        "rank 2 waits until rank 0 takes its message with tag 3",
        "rank 3 has returned",
    ] {
        assert!(report.contains(line), "{report}");
    }
    assert!(report.contains("rank 1 waits in barrier for rank"), "{report}");
}

#[test]
fn a_rank_that_waits_for_itself_is_a_deadlock() {
    let error = World::threads(1).run(|me| me.recv::<()>(0, Tag(1))).unwrap_err();
    assert_eq!(
        error.to_string(),
        "rank 0 failed: deadlock, every rank waits: rank 0 waits for a message from rank 0 with tag 1"
    );
    let error = World::threads(1).run(|me| me.ssend(0, 1, ()).map_err(Error::from)).unwrap_err();
    assert!(error.to_string().contains("rank 0 waits until rank 0 takes its message with tag 1"), "{error}");
}

/// All wait, and the end of the last that could help is what makes it a deadlock.
#[test]
fn an_end_can_make_the_rest_a_deadlock() {
    let error = World::threads(3)
        .run(|me| {
            match me.rank() {
                // Longer than the others need to have looked round: they wait for each other by then.
                2 => assert!(me.recv_timeout::<()>(Any, Tag(1), std::time::Duration::from_millis(250)).is_err()),
                rank => drop(me.recv::<()>(1 - rank, Any)?),
            }
            Ok(())
        })
        .unwrap_err();
    let deadlocks = error.failures.iter().filter(|failure| matches!(failure.cause, Cause::Failed(Error::Deadlock(_))));
    assert!(deadlocks.count() >= 1, "{error:?}");
}

/// Told of it, a rank can still do what the other waits for.
#[test]
fn a_rank_can_get_over_a_deadlock() {
    let outcome = World::threads(2).run(|me| {
        let peer = 1 - me.rank();
        match me.recv::<u32>(peer, Any) {
            Err(Error::Deadlock(_)) => {
                // The other may have been told, too, and be gone.
                drop(me.bsend(peer, 0, 1_u32));
                Ok(true)
            }
            other => other.map(|_| false),
        }
    });
    assert!(outcome.unwrap().contains(&true));
}
