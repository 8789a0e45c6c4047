//! Ranks under random and PCT schedules. The bound is two messages here, a time-out comes when the scheduler chooses, and a
//! rank looks for a deadlock in the middle of any wait: so a report that is false, a wake-up or a message that is lost ends a
//! schedule in failure.

#[cfg(feature = "task")]
use std::future::poll_fn;
use std::{
    pin::Pin,
    task::{Context, Waker},
    time::Duration,
};

use narrows_rank::{Any, Cause, Error, Tag, World};

use crate::try_schedules::try_schedules;

const SHORT: Duration = Duration::from_millis(1);

#[test]
fn ranks_that_exchange_are_never_stuck_and_never_said_to_be() {
    try_schedules("rank_exchange", 40, || {
        World::threads(3)
            .run(|me| {
                let (next, before) = ((me.rank() + 1) % 3, (me.rank() + 2) % 3);
                // Beyond the bound, so that the last one waits for what is received meanwhile.
                let sending: Vec<_> = (0..3).map(|i| me.isend(next, 0, i)).collect();
                for i in 0..3 {
                    assert_eq!(me.recv::<i32>(before, Tag(0))?.0, i);
                }
                for sending in sending {
                    sending.wait()?;
                }
                assert_eq!(me.all_reduce(1, |a, b| a + b)?, 3);
                me.barrier()
            })
            .unwrap();
        3
    });
}

#[test]
fn a_receive_out_of_time_loses_nothing() {
    try_schedules("rank_timeout", 20, || {
        World::threads(2)
            .run(|me| {
                if me.rank() == 0 {
                    me.send(1, 0, 0)?;
                    me.ssend(1, 1, 1)?;
                    return Ok(me.send(1, 0, 2)?);
                }
                let (mut zeros, mut others) = (Vec::new(), Vec::new());
                // Each gives up at any moment, perhaps just as its message is handed to it.
                let early = me.irecv::<i32>(Any, Any);
                zeros.extend(me.recv_timeout::<i32>(0, Tag(0), SHORT).ok().map(|(number, _)| number));
                match early.wait_timeout(SHORT) {
                    Ok((number, from)) if from.tag == 0 => zeros.push(number),
                    Ok((number, _)) => others.push(number),
                    Err(_) => {}
                }
                if others.is_empty() {
                    others.push(me.recv::<i32>(Any, Tag(1))?.0);
                }
                while zeros.len() < 2 {
                    zeros.push(me.recv::<i32>(0, Tag(0))?.0);
                }
                zeros.sort_unstable();
                assert_eq!((zeros, others), (vec![0, 2], vec![1]));
                Ok(())
            })
            .unwrap();
        1
    });
}

#[test]
fn a_deadlock_is_always_heard_of() {
    try_schedules("rank_deadlock", 40, || {
        let error = World::threads(3)
            .run(|me| match me.rank() {
                0 => me.recv::<()>(1, Any).map(|_| ()),
                1 => Ok(me.ssend(0, 9, 1_u8).map(|()| ())?),
                _ => Ok(()),
            })
            .unwrap_err();
        // The receive and the send meet, and the types are wrong; then the sender hears that the other has ended.
        assert!(error.failures.iter().any(|failure| matches!(failure.cause, Cause::Failed(Error::WrongType { .. }))));
        let error = World::threads(2).run(|me| me.recv::<()>(1 - me.rank(), Any)).unwrap_err();
        let is_deadlock = |cause: &Cause| matches!(cause, Cause::Failed(Error::Deadlock(_)));
        assert!(error.failures.iter().any(|failure| is_deadlock(&failure.cause)), "{error:?}");
        assert_eq!(error.failures.len(), 2);
        2
    });
}

#[test]
fn an_end_reaches_everybody_and_every_message_is_somewhere() {
    try_schedules("rank_end", 20, || {
        let got = World::threads(3)
            .run(|me| match me.rank() {
                // Takes one of two, and ends.
                0 => me.recv::<usize>(Any, Tag(0)).map(|(from, _)| from),
                rank => match me.ssend(0, 0, rank) {
                    Ok(()) => Ok(0),
                    Err(unsent) => {
                        assert!(matches!(unsent.error, Error::Gone { rank: 0, .. }));
                        assert_eq!(unsent.message, rank);
                        Ok(1)
                    }
                },
            })
            .unwrap();
        assert_eq!(got[1] + got[2], 1, "one was taken, and one came back");
        assert_eq!(got[got[0]], 0);
        1
    });
}

#[test]
fn who_waits_for_one_that_has_ended_hears_of_that_and_nothing_else() {
    try_schedules("rank_gone", 20, || {
        World::threads(3)
            .run(|me| {
                if me.rank() > 0 {
                    return Ok(());
                }
                assert!(matches!(me.recv::<()>(1, Any), Err(Error::Gone { rank: 1, .. })));
                assert!(matches!(me.probe(2, Any), Err(Error::Gone { rank: 2, .. })));
                assert_eq!(me.recv::<()>(Any, Any), Err(Error::AllGone));
                Ok(())
            })
            .unwrap();
        let error = World::threads(3).run(|me| if me.rank() == 0 { Ok(()) } else { me.barrier() }).unwrap_err();
        assert_eq!(error.failures.len(), 2);
        2
    });
}

#[test]
fn what_was_sent_until_it_is_received_was_received() {
    try_schedules("rank_received", 40, || {
        let got = World::threads(2)
            .run(|me| {
                if me.rank() == 0 {
                    return Ok(me.ssend(1, 0, 7).is_ok());
                }
                let mut receiving = me.irecv::<i32>(0, Tag(0));
                let mut cx = Context::from_waker(Waker::noop());
                // Then it is dropped, perhaps just as its message is on its way to it, and nobody else asks for that.
                Ok(Pin::new(&mut receiving).poll(&mut cx).is_ready()
                    || Pin::new(&mut receiving).poll(&mut cx).is_ready())
            })
            .unwrap();
        assert_eq!(got[0], got[1], "sent, received");
        1
    });
}

/// The last one that goes to sleep reports: so all others have to sleep, and nothing may be on its way to them.
#[cfg(feature = "task")]
#[test]
fn tasks_that_exchange_are_never_said_to_be_stuck() {
    try_schedules("rank_tasks", 40, || {
        let got = World::tasks(3).run(|me| async move {
            let (next, before) = ((me.rank() + 1) % 3, (me.rank() + 2) % 3);
            let receiving = me.irecv::<usize>(before, Tag(0));
            match me.rank() {
                0 => {
                    // Somebody else wakes this one, who is no rank, while it waits for one, too.
                    let (tell, told) = narrows::oneshot::channel();
                    narrows_task::go(async move { tell.send(0_usize) }).detach();
                    let (mut told, mut never) = (told.into_future(), me.irecv::<()>(next, Tag(9)));
                    let told = poll_fn(|cx| {
                        assert!(Pin::new(&mut never).poll(cx).is_pending(), "it was told of a deadlock");
                        Pin::new(&mut told).poll(cx)
                    });
                    me.isend(next, 0, told.await.map_err(Error::failed)?).await?;
                }
                1 => me.issend(next, 0, 1_usize).await?,
                _ => me.send(next, 0, 2_usize)?,
            }
            assert_eq!(receiving.await?.0, before);
            me.barrier_async().await
        });
        assert_eq!(got, Ok(vec![(); 3]));
        1
    });
}

#[cfg(feature = "task")]
#[test]
fn a_deadlock_of_tasks_is_always_heard_of() {
    try_schedules("rank_tasks_stuck", 40, || {
        let got = World::tasks(3).run(|me| async move {
            match me.rank() {
                0 => me.irecv::<()>(1, Tag(0)).await.map(|_| ()),
                1 => me.irecv::<()>(Any, Tag(1)).await.map(|_| ()),
                _ => Ok(()),
            }
        });
        let failures = got.unwrap_err().failures;
        let is_deadlock = |cause: &Cause| matches!(cause, Cause::Failed(Error::Deadlock(_)));
        assert!(failures.iter().any(|failure| is_deadlock(&failure.cause)), "{failures:?}");
        assert_eq!(failures.len(), 2);
        1
    });
}

#[test]
fn what_is_put_back_is_received_in_its_order() {
    try_schedules("rank_put_back", 40, || {
        World::threads(2)
            .run(|me| {
                if me.rank() == 0 {
                    me.bsend(1, 0, 0)?;
                    me.bsend(1, 0, 1)?;
                    return Ok(());
                }
                // Perhaps just as its message is handed to it.
                drop(me.irecv::<i32>(0, Tag(0)));
                drop(me.mprobe(Any, Any)?);
                drop(me.irecv::<i32>(0, Tag(0)));
                assert_eq!(me.recv::<i32>(0, Tag(0))?.0, 0);
                assert_eq!(me.recv::<i32>(0, Tag(0))?.0, 1);
                Ok(())
            })
            .unwrap();
        1
    });
}
