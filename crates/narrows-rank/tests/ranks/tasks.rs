//! Ranks as light tasks: many of them, with futures and with verbs that block, and their endings.

use std::sync::Arc;

use narrows_rank::{Any, Error, Tag, World};

use crate::chance::{Chance, times};

#[test]
fn a_ring_of_many_tasks() {
    const N: usize = 500;
    let got = World::tasks(N)
        .run(|me| async move {
            let (next, before) = ((me.rank() + 1) % N, (me.rank() + N - 1) % N);
            if me.rank() == 0 {
                me.isend(next, 0, 0_usize).await?;
            }
            let (hops, _) = me.irecv::<usize>(before, Tag(0)).await?;
            if me.rank() != 0 {
                me.isend(next, 0, hops + 1).await?;
            }
            me.all_reduce_async(hops, usize::max).await
        })
        .unwrap();
    assert_eq!(got, vec![N - 1; N]);
}

#[test]
fn verbs_that_block_are_legal_in_tasks() {
    let got = World::tasks(8)
        .run(|me| async move {
            let peer = me.rank() ^ 1;
            me.send(peer, 0, me.rank())?;
            let (theirs, _) = me.recv::<usize>(Any, Tag(0))?;
            assert_eq!(theirs, peer);
            me.all_reduce(theirs, |a, b| a + b)
        })
        .unwrap();
    assert_eq!(got, vec![28; 8]);
}

#[test]
fn a_panic_of_a_task_is_told_to_who_waits_and_to_the_caller() {
    let error = World::tasks(3)
        .run(|me| async move {
            match me.rank() {
                0 => panic!("boom"),
                1 => me.irecv::<()>(0, Any).await.map(|_| ()),
                _ => Ok(()),
            }
        })
        .unwrap_err();
    assert_eq!(error.to_string(), "rank 0 panicked: boom (and 1 after it)");
    assert_eq!(error.failures[1].to_string(), "rank 1 failed: rank 0 is gone: it panicked: boom");
    let error = World::tasks(1).run(|_me| async { Err::<(), _>(Error::failed("no")) }).unwrap_err();
    assert_eq!(error.to_string(), "rank 0 failed: no");
}

#[test]
fn tasks_that_all_wait_hear_of_it_whether_they_block_or_not() {
    let run = |waits: fn(usize) -> bool| {
        let error = World::tasks(3)
            .run(move |me| async move {
                let next = (me.rank() + 1) % 3;
                let got =
                    if waits(me.rank()) { me.recv::<()>(next, Tag(1)) } else { me.irecv::<()>(next, Tag(1)).await };
                got.map(|_| ())
            })
            .unwrap_err();
        // Others may have heard first of the end of one that was told.
        let report = error.failures.iter().map(ToString::to_string).find(|text| text.contains("deadlock"));
        let report = report.expect("at least one is told");
        for (rank, next) in [(0, 1), (1, 2), (2, 0)] {
            let line = format!("rank {rank} waits for a message from rank {next} with tag 1");
            assert!(report.contains(&line), "{report}");
        }
        assert_eq!(error.failures.len(), 3);
    };
    run(|_| false);
    run(|_| true);
    run(|rank| rank == 1);
}

/// Also where all wait nearly always, each in another way.
#[test]
fn tasks_that_go_on_are_never_said_to_be_stuck() {
    const N: usize = 12;
    let got = World::tasks(N)
        .run(|me| async move {
            let mut chance = Chance::new(me.rank() as u64);
            for round in 0..u32::try_from(times(60)).expect("they are few") {
                let (next, before) = ((me.rank() + 1) % N, (me.rank() + N - 1) % N);
                let receiving = me.irecv::<u32>(before, Tag(round));
                match chance.below(4) {
                    0 => me.isend(next, round, round).await?,
                    1 => me.issend(next, round, round).await?,
                    2 => me.send(next, round, round)?,
                    _ => {
                        // From elsewhere: it is no rank that wakes this one.
                        let (tell, told) = narrows::oneshot::channel();
                        narrows_task::go(async move { tell.send(()) }).detach();
                        told.await.map_err(Error::failed)?;
                        me.bsend(next, round, round)?;
                    }
                }
                if chance.below(3) == 0 {
                    narrows_task::yield_now().await;
                }
                let (got, _) = if chance.below(8) == 0 { receiving.wait()? } else { receiving.await? };
                assert_eq!(got, round);
                if round % 16 == 0 {
                    assert_eq!(me.all_reduce_async(round, u32::max).await?, round);
                }
            }
            Ok(())
        })
        .map(|all| all.len());
    assert_eq!(got, Ok(N));
}

/// A rank lends itself to another task, which does what its own one waits for.
#[test]
fn a_rank_that_lends_itself_does_without_the_report() {
    let got = World::tasks(2).without_deadlock_report().run(|me| async move {
        if me.rank() == 1 {
            me.irecv::<()>(0, Tag(1)).await?;
            return Ok(me.isend(0, 2, ()).await?);
        }
        let me = Arc::new(me);
        let lent = me.clone();
        narrows_task::go(async move {
            (0..100).for_each(|_| std::thread::yield_now());
            lent.isend(1, 1, ()).await
        })
        .detach();
        me.irecv::<()>(1, Tag(2)).await.map(|_| ())
    });
    assert_eq!(got, Ok(vec![(), ()]));
}
