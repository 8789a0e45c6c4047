//! The ways to send, to look and to receive, each for what it promises.

use std::time::Duration;

use narrows_rank::{Any, Error, Status, Tag, World};

const BOUND: usize = 64;
const MOMENT: Duration = Duration::from_millis(5);

#[test]
fn a_send_waits_beyond_the_bound_and_goes_on_with_room() {
    World::threads(2)
        .run(|me| {
            if me.rank() == 1 {
                me.recv::<()>(0, Tag(1))?;
                let (got, _) = me.recv::<usize>(0, Tag(0))?;
                assert_eq!(got, 0);
                me.send(0, 2, ())?;
                for expected in 1..=BOUND {
                    assert_eq!(me.recv::<usize>(0, Tag(0))?.0, expected);
                }
                return Ok(());
            }
            for i in 0..BOUND {
                me.send(1, 0, i)?;
            }
            let over = me.isend(1, 0, BOUND);
            assert!(!over.is_done());
            // The message with which the other is told to begin is beyond the bound, and still found.
            let start = me.isend(1, 1, ());
            me.recv::<()>(1, Tag(2))?;
            start.wait()?;
            over.wait()?;
            Ok(())
        })
        .unwrap();
}

/// Also before its own message is taken.
#[test]
fn half_of_the_bound_is_room_for_who_waits() {
    World::threads(1)
        .run(|me| {
            for i in 0..BOUND {
                me.send(0, 0, i)?;
            }
            let over = me.isend(0, 0, BOUND);
            for i in 0..BOUND / 2 {
                assert_eq!(me.recv::<usize>(0, Tag(0))?.0, i);
            }
            assert!(!over.is_done());
            me.recv::<usize>(0, Tag(0))?;
            assert!(over.is_done());
            Ok(over.wait()?)
        })
        .unwrap();
}

#[test]
fn a_synchronous_send_is_done_when_it_is_received() {
    World::threads(2)
        .run(|me| {
            if me.rank() == 0 {
                let sending = me.issend(1, 0, 'a');
                assert!(!sending.is_done());
                me.send(1, 1, ())?;
                sending.wait()?;
                assert!(me.try_recv::<()>(1, Tag(2))?.is_some(), "told before it was received");
            } else {
                me.recv::<()>(0, Tag(1))?;
                me.send(0, 2, ())?;
                me.recv::<char>(0, Tag(0))?;
            }
            Ok(())
        })
        .unwrap();
}

#[test]
fn a_buffered_send_never_waits() {
    World::threads(1)
        .run(|me| {
            for i in 0..10_000 {
                me.bsend(0, 3, i)?;
            }
            for i in 0..10_000 {
                assert_eq!(me.recv::<i32>(0, Tag(3))?, (i, Status { source: 0, tag: 3 }));
            }
            Ok(())
        })
        .unwrap();
}

#[test]
fn sends_and_receives_out_of_time_leave_nothing_behind() {
    World::threads(1)
        .run(|me| {
            assert_eq!(me.irecv::<u8>(0, Tag(0)).wait_timeout(MOMENT), Err(Error::Timeout));
            for i in 0..BOUND {
                me.send(0, 0, i)?;
            }
            let unsent = me.send_timeout(0, 0, 999_usize, MOMENT).unwrap_err();
            assert_eq!((unsent.error, unsent.message), (Error::Timeout, 999));
            assert_eq!(me.issend(0, 0, "mine").cancel(), Some("mine"));
            for i in 0..BOUND {
                assert_eq!(me.recv::<usize>(0, Tag(0))?.0, i);
            }
            assert_eq!(me.try_recv::<usize>(Any, Any)?, None);
            // Forever is not too long.
            me.send(0, 0, 1_u8)?;
            assert_eq!(me.recv_timeout::<u8>(0, Tag(0), Duration::MAX)?.0, 1);
            Ok(())
        })
        .unwrap();
}

#[test]
fn a_receive_of_another_type_is_an_error_at_once_and_the_message_stays() {
    World::threads(2)
        .run(|me| {
            if me.rank() == 0 {
                me.send(1, 4, 7_u32)?;
                me.send(1, 4, 8_u32)?;
                // The other waits for it already, or will soon: either way it is told.
                me.recv::<()>(1, Tag(5))?;
                me.send(1, 6, vec![1.5])?;
                return Ok(());
            }
            let wrong = me.recv::<String>(0, Tag(4)).unwrap_err();
            let names = "the message from rank 0 with tag 4 is a `u32`, not a `alloc::string::String`";
            assert!(wrong.to_string().starts_with(names), "{wrong}");
            assert_eq!(me.recv::<u32>(0, Tag(4))?.0, 7);
            assert_eq!(me.recv::<u32>(0, Tag(4))?.0, 8);
            let early = me.irecv::<Vec<f32>>(0, Tag(6));
            let later = me.irecv::<Vec<f64>>(0, Tag(6));
            me.send(0, 5, ())?;
            assert!(matches!(early.wait(), Err(Error::WrongType { source: 0, tag: 6, .. })));
            assert_eq!(later.wait()?.0, [1.5]);
            Ok(())
        })
        .unwrap();
}

#[test]
fn probes_look_and_do_not_take() {
    World::threads(2)
        .run(|me| {
            if me.rank() == 0 {
                assert_eq!(me.try_probe(Any, Any)?, None);
                me.send(1, 0, ())?;
                let status = me.probe(Any, Any)?;
                assert_eq!(status, Status { source: 1, tag: 9 });
                assert_eq!(me.probe(1, Tag(9))?, status);
                assert_eq!(me.try_probe(1, Tag(8))?, None);
                assert_eq!(me.recv::<&str>(status.source, Tag(status.tag))?.0, "here");
                assert_eq!(me.try_probe(Any, Any)?, None);
                me.send(1, 0, ())?;
            } else {
                me.recv::<()>(0, Tag(0))?;
                me.send(0, 9, "here")?;
                me.recv::<()>(0, Tag(0))?;
            }
            Ok(())
        })
        .unwrap();
}

#[test]
fn a_matched_message_is_hidden_until_it_is_dropped_unopened() {
    World::threads(1)
        .run(|me| {
            assert!(me.try_mprobe(0, Any)?.is_none());
            for i in 0..3 {
                me.send(0, 1, i)?;
            }
            let first = me.mprobe(Any, Any)?;
            assert_eq!(first.type_name(), "i32");
            assert_eq!(me.try_probe(0, Tag(1))?, Some(first.status()));
            assert_eq!(me.recv::<i32>(0, Tag(1))?.0, 1);
            drop(first);
            let first = me.mprobe(Any, Tag(1))?;
            assert!(matches!(first.recv::<u8>(), Err(Error::WrongType { .. })));
            assert_eq!(me.mprobe(0, Any)?.recv::<i32>()?, 0);
            assert_eq!(me.recv::<i32>(0, Tag(1))?.0, 2);
            Ok(())
        })
        .unwrap();
}

#[test]
fn send_and_receive_at_once_goes_round_a_full_ring() {
    World::threads(3)
        .run(|me| {
            let (next, before) = ((me.rank() + 1) % 3, (me.rank() + 2) % 3);
            // Every mailbox is full for its neighbour.
            for _ in 0..BOUND {
                me.send(next, 1, ())?;
            }
            me.barrier()?;
            let (got, _) = me.send_recv::<_, usize>(next, 2, me.rank(), before, Tag(2))?;
            assert_eq!(got, before);
            Ok(())
        })
        .unwrap();
}

#[test]
fn no_such_rank_is_an_error_that_gives_the_message_back() {
    World::threads(2)
        .run(|me| {
            let unsent = me.send(2, 0, String::from("mine")).unwrap_err();
            assert_eq!(unsent.to_string(), "there is no rank 2: there are 2, counted from 0");
            assert_eq!(unsent.into_inner(), "mine");
            assert_eq!(me.recv::<()>(-1, Any), Err(Error::NoSuchRank { rank: usize::MAX, size: 2 }));
            Ok(())
        })
        .unwrap();
}

/// Types that are large, that have no size, that own nothing or much.
#[test]
fn any_type_that_can_be_sent_is_moved() {
    struct Opaque(Box<dyn Fn() -> u32 + Send>);
    World::threads(2)
        .run(|me| {
            if me.rank() == 0 {
                me.send(1, 0, ())?;
                me.send(1, 0, [7_u8; 10_000])?;
                let seven = Box::new(7);
                me.send(1, 0, Opaque(Box::new(move || *seven)))?;
            } else {
                me.recv::<()>(0, Any)?;
                assert_eq!(me.recv::<[u8; 10_000]>(0, Any)?.0, [7; 10_000]);
                assert_eq!(me.recv::<Opaque>(0, Any)?.0.0(), 7);
            }
            Ok(())
        })
        .unwrap();
}
