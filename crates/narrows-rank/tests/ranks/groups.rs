//! Groups that have ranks in common: none hears a message of another, in whatever order and however many at once they were made.

use std::{
    future::poll_fn,
    pin::pin,
    task::{Context, Poll, Waker},
};

use narrows_rank::{Any, Error, Rank, Tag, World};

use crate::chance::{Chance, times};

/// Both at once, in one task.
async fn both<A, B>(a: impl Future<Output = A>, b: impl Future<Output = B>) -> (A, B) {
    let (mut a, mut b) = (pin!(a), pin!(b));
    let (mut had_a, mut had_b) = (None, None);
    poll_fn(move |cx| {
        if had_a.is_none()
            && let Poll::Ready(done) = a.as_mut().poll(cx)
        {
            had_a = Some(done);
        }
        if had_b.is_none()
            && let Poll::Ready(done) = b.as_mut().poll(cx)
        {
            had_b = Some(done);
        }
        if had_a.is_none() || had_b.is_none() {
            return Poll::Pending;
        }
        had_a.take().zip(had_b.take()).map_or(Poll::Pending, Poll::Ready)
    })
    .await
}

/// Polls all in turn until each is done.
fn in_turn<T>(tasks: Vec<impl Future<Output = Result<T, Error>>>) -> Vec<T> {
    let mut tasks: Vec<_> = tasks.into_iter().map(Box::pin).collect();
    let mut results: Vec<Option<T>> = tasks.iter().map(|_| None).collect();
    for _ in 0..1000 {
        for (task, result) in tasks.iter_mut().zip(&mut results) {
            if result.is_none()
                && let Poll::Ready(done) = task.as_mut().poll(&mut Context::from_waker(Waker::noop()))
            {
                *result = Some(done.unwrap());
            }
        }
        if results.iter().all(Option::is_some) {
            return results.into_iter().flatten().collect();
        }
    }
    panic!("some rank is never done");
}

/// Each rank has its pair with the one before it and its pair with the one after it, and splits both before either is split: so
/// no group can tell the number that it gets from those that the other uses.
#[test]
fn two_groups_that_are_split_at_once_do_not_mix() {
    const N: usize = 3;
    let program = |me: Rank| async move {
        // 0 and 1, then 1 and 2; who is in neither is alone.
        let first = me.split_async(u64::from(me.rank() == 2), 0).await?;
        let second = me.split_async(u64::from(me.rank() == 0), 0).await?;
        let (first, second) = both(first.split_async(0, 0), second.split_async(0, 0)).await;
        let (first, second) = (first?, second?);
        for (group, name) in [(&first, "first"), (&second, "second")] {
            (0..group.size()).try_for_each(|to| group.bsend(to, 1, name))?;
        }
        me.barrier_async().await?;
        for (group, name) in [(&second, "second"), (&first, "first")] {
            for _ in 0..group.size() {
                assert_eq!(group.recv::<&str>(Any, Tag(1))?.0, name, "rank {}", me.rank());
            }
            assert_eq!(group.try_recv::<&str>(group.rank(), Any)?, None);
        }
        Ok(())
    };
    in_turn(World::ranks(N).into_iter().map(program).collect());
}

/// Splits of splits, of one group one after the other, and by colors that lie across each other; every group is heard of in all.
#[test]
fn no_group_hears_of_another() {
    const N: usize = 6;
    for seed in 1..=times(4) {
        World::threads(N)
            .run(|me| {
                // The same for all ranks: which group is split next, and in how many.
                let mut chance = Chance::new(seed);
                let mut groups = vec![(me.clone(), vec![0])];
                for step in 1..12_u32 {
                    let of = groups[chance.below(u32::try_from(groups.len()).expect("few")) as usize].clone();
                    let colors = u64::from(1 + chance.below(3));
                    let far = of.0.rank() as u64 + u64::from(chance.below(6));
                    let color = far / 2 % colors;
                    let mut path = of.1;
                    path.extend([step, u32::try_from(color).expect("it is small")]);
                    groups.push((of.0.split(color, 0)?, path));
                }
                for (group, path) in &groups {
                    (0..group.size()).try_for_each(|to| group.bsend(to, 1, path.clone()))?;
                }
                me.barrier()?;
                for (group, path) in groups.iter().rev() {
                    for from in 0..group.size() {
                        let (said, status) = group.recv::<Vec<u32>>(Any, Any)?;
                        assert_eq!((&said, status.source < group.size()), (path, true), "seed {seed}, {from}");
                    }
                    assert!(group.try_recv::<Vec<u32>>(group.rank(), Any)?.is_none(), "seed {seed}");
                }
                Ok(())
            })
            .unwrap();
    }
}
