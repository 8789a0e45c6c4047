//! Ranks as light tasks: many of them, with futures and with verbs that block, and their endings.

use narrows_rank::{Any, Error, Tag, World};

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
