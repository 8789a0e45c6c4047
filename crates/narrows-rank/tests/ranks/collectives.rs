//! Every collective against an answer worked out by one thread, at sizes around powers of two and away from them.

use narrows_rank::{Any, Error, Tag, World};

const SIZES: [usize; 7] = [1, 2, 3, 4, 7, 8, 17];

/// Not commutative: what is on the left stays on the left.
fn join(left: String, right: String) -> String {
    [left, right].concat()
}

fn word(rank: usize) -> String {
    format!("<{rank}>")
}

fn words(ranks: impl Iterator<Item = usize>) -> String {
    ranks.map(word).collect()
}

#[test]
fn broadcast_gives_all_what_the_root_brings() {
    for n in SIZES {
        for root in 0..n {
            let got = World::threads(n).run(|me| me.broadcast(root, (me.rank() == root).then(|| word(root))));
            assert_eq!(got.unwrap(), vec![word(root); n], "{n} ranks, root {root}");
        }
    }
}

#[test]
fn scatter_deals_and_gather_collects() {
    for n in SIZES {
        for root in [0, n / 2, n - 1] {
            let got = World::threads(n).run(|me| {
                let mine = me.scatter(root, (me.rank() == root).then(|| (0..n).map(word).collect()))?;
                assert_eq!(mine, word(me.rank()));
                me.gather(root, mine)
            });
            let all: Vec<String> = (0..n).map(word).collect();
            for (rank, got) in got.unwrap().into_iter().enumerate() {
                assert_eq!(got, (rank == root).then(|| all.clone()), "{n} ranks, root {root}");
            }
        }
    }
}

#[test]
fn reduce_combines_in_order_of_rank() {
    for n in SIZES {
        for root in 0..n {
            let got = World::threads(n).run(|me| me.reduce(root, word(me.rank()), join)).unwrap();
            for (rank, got) in got.into_iter().enumerate() {
                assert_eq!(got, (rank == root).then(|| words(0..n)), "{n} ranks, root {root}");
            }
        }
    }
}

#[test]
fn all_reduce_combines_in_order_of_rank() {
    for n in SIZES {
        let got = World::threads(n).run(|me| me.all_reduce(word(me.rank()), join)).unwrap();
        assert_eq!(got, vec![words(0..n); n], "{n} ranks");
    }
}

#[test]
fn all_reduce_each_combines_elements_in_order_of_rank() {
    for n in SIZES {
        // Strings of 24 bytes: the first go whole, the others in parts, also where no part is like another.
        for len in [0, 1, 5, 683, 1001] {
            let got = World::threads(n).run(|me| {
                let mine = (0..len).map(|i| format!("{i}:{} ", me.rank())).collect();
                me.all_reduce_each(mine, join)
            });
            let one = |i: usize| (0..n).map(|rank| format!("{i}:{rank} ")).collect::<Vec<_>>().concat();
            let all: Vec<String> = (0..len).map(one).collect();
            assert!(got.unwrap().into_iter().all(|got| got == all), "{n} ranks, {len} elements");
        }
    }
}

#[test]
fn all_reduce_of_floats_is_the_same_everywhere() {
    for n in [3, 8] {
        let got = World::threads(n)
            .run(|me| {
                let first = u32::try_from(me.rank()).expect("few ranks") + 1;
                let mine = (first..first + 5000).map(|i| 1.0 / f64::from(i)).collect();
                me.all_reduce_each(mine, |a: f64, b| a + b)
            })
            .unwrap();
        assert!(got.iter().all(|other| *other == got[0]), "{n} ranks");
    }
}

#[test]
fn scan_combines_up_to_each_rank() {
    for n in SIZES {
        let got = World::threads(n).run(|me| me.scan(word(me.rank()), join)).unwrap();
        let expected: Vec<String> = (0..n).map(|rank| words(0..=rank)).collect();
        assert_eq!(got, expected);
    }
}

#[test]
fn all_gather_and_all_to_all_are_in_order_of_rank() {
    for n in SIZES {
        let got = World::threads(n)
            .run(|me| {
                let all = me.all_gather(word(me.rank()))?;
                let theirs = me.all_to_all((0..n).map(|to| (me.rank(), to)).collect())?;
                Ok((all, theirs))
            })
            .unwrap();
        for (rank, (all, theirs)) in got.into_iter().enumerate() {
            assert_eq!(all, (0..n).map(word).collect::<Vec<_>>());
            assert_eq!(theirs, (0..n).map(|from| (from, rank)).collect::<Vec<_>>());
        }
    }
}

/// What a rank did before the barrier all see after it.
#[test]
fn nobody_passes_a_barrier_before_all_are_there() {
    use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
    for n in SIZES {
        let arrived = AtomicUsize::new(0);
        World::threads(n)
            .run(|me| {
                for round in 1..=20 {
                    // Relaxed, both: the barrier itself is to order them.
                    arrived.fetch_add(1, Relaxed);
                    me.barrier()?;
                    assert!(arrived.load(Relaxed) >= round * n);
                    me.barrier()?;
                }
                Ok(())
            })
            .unwrap();
    }
}

/// A rank that races ahead waits for room instead of filling the others' memory, and all goes on.
#[test]
fn collectives_and_messages_never_match_each_other() {
    const ROUNDS: u32 = 300;
    World::threads(3)
        .run(|me| {
            for round in 0..ROUNDS {
                let next = (me.rank() + 1) % 3;
                me.bsend(next, round, round)?;
                let root = round as usize % 3;
                assert_eq!(me.broadcast(root, (me.rank() == root).then_some(round))?, round);
            }
            for _ in 0..ROUNDS {
                let (message, from) = me.recv::<u32>(Any, Any)?;
                assert_eq!(message, from.tag);
            }
            assert_eq!(me.try_recv::<u32>(Any, Any)?, None);
            Ok(())
        })
        .unwrap();
}

#[test]
fn a_root_far_ahead_waits_for_those_behind() {
    const ROUNDS: u32 = 1000;
    World::threads(2)
        .run(|me| {
            if me.rank() == 1 {
                // The root is told to begin only once this rank will be late for all of them.
                me.send(0, 0, ())?;
            } else {
                me.recv::<()>(1, Tag(0))?;
            }
            let sum: u32 =
                (0..ROUNDS).map(|i| me.broadcast(0, (me.rank() == 0).then_some(i))).sum::<Result<u32, Error>>()?;
            assert_eq!(sum, ROUNDS * (ROUNDS - 1) / 2);
            Ok(())
        })
        .unwrap();
}

#[test]
fn groups_have_numbers_messages_and_collectives_of_their_own() {
    World::threads(6)
        .run(|me| {
            // In reverse order.
            let half = me.split(u64::from(me.rank() >= 3), 100 - me.rank() as u64)?;
            assert_eq!(half.size(), 3);
            assert_eq!(half.rank(), 2 - me.rank() % 3);
            let next = (half.rank() + 1) % 3;
            half.send(next, 5, me.rank())?;
            me.send(me.rank(), 5, usize::MAX)?;
            let (from_world, status) = half.recv::<usize>(Any, Tag(5))?;
            assert_eq!(status.source, (half.rank() + 2) % 3);
            assert_eq!(from_world / 3, me.rank() / 3);
            assert_eq!(me.recv::<usize>(Any, Any)?.0, usize::MAX);
            // Groups that overlap in every member, one within the other.
            let pair = half.split(u64::from(half.rank() == 2), 0)?;
            let again = half.split(u64::from(half.rank() == 2), 0)?;
            pair.bsend(0, 1, "pair")?;
            again.bsend(0, 1, "again")?;
            if pair.rank() == 0 {
                for _ in 0..pair.size() {
                    assert_eq!(again.recv::<&str>(Any, Any)?.0, "again");
                    assert_eq!(pair.recv::<&str>(Any, Any)?.0, "pair");
                }
            }
            assert_eq!(me.all_reduce(1, |a, b| a + b)?, 6);
            Ok(())
        })
        .unwrap();
}

/// The half of one is as long as the whole of the other: each is what the other would get.
#[test]
fn vectors_of_which_one_goes_whole_and_one_in_parts_are_no_sum() {
    let error = World::threads(2)
        .run(|me| {
            let sum = me.all_reduce_each(vec![1_u64; 1024 << me.rank()], |a, b| a + b);
            assert!(sum.is_err(), "{:?}", sum.map(|sum| sum.len()));
            sum
        })
        .unwrap_err();
    assert!(error.to_string().contains("in all_reduce_each of long vectors for rank 0"), "{error}");
}

#[test]
fn what_a_collective_cannot_use_is_said() {
    let failed = |outcome: Result<Vec<()>, narrows_rank::RunError>| outcome.unwrap_err().to_string();
    let text = failed(World::threads(1).run(|me| me.broadcast(0, None::<()>)));
    assert_eq!(text, "rank 0 failed: broadcast: the root has to bring a value");
    let text = failed(World::threads(1).run(|me| me.scatter(0, Some(vec![(), ()]))));
    assert_eq!(text, "rank 0 failed: scatter: 2 values for 1 ranks; each gets one");
    let text = failed(World::threads(1).run(|me| me.all_to_all(Vec::<()>::new()).map(|_| ())));
    assert_eq!(text, "rank 0 failed: all_to_all: 0 values for 1 ranks; each gets one");
    let text = failed(World::threads(1).run(|me| me.broadcast(3, Some(()))));
    assert_eq!(text, "rank 0 failed: there is no rank 3: there are 1, counted from 0");
    let lengths = World::threads(2).run(|me| me.all_reduce_each(vec![0; 1 + me.rank()], |a, b| a + b));
    let failures = lengths.unwrap_err().failures;
    assert!(failures.iter().any(|failure| failure.to_string().contains("all need the same")), "{failures:?}");
}
