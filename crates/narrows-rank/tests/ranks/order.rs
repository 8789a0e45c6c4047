//! Order: messages between two ranks do not overtake each other where a receive fits both, whatever runs beside them.

use std::collections::HashMap;

use narrows_rank::{Any, Error, Rank, Source, Status, Tag, Tags, World};

use crate::chance::{Chance, times};

/// One rank receives by random patterns what others send at the same time. With a pattern of any kind, of one source and one
/// tag the next number comes each time.
#[test]
fn messages_of_one_source_and_tag_come_in_order() {
    for seed in 0..times(6) {
        let (senders, tags, each) = (3, 3, 400_u32);
        World::threads(senders + 1)
            .run(|me| {
                let mut chance = Chance::new(seed * 31 + me.rank() as u64);
                if me.rank() == senders {
                    collect(me, tags, each, &mut chance)
                } else {
                    produce(me, tags, each, &mut chance)
                }
            })
            .unwrap();
    }
}

fn produce(me: &Rank, tags: u32, each: u32, chance: &mut Chance) -> Result<(), Error> {
    let to = me.size() - 1;
    let mut next = HashMap::new();
    for _ in 0..each {
        let tag = chance.below(tags);
        let number = next.entry(tag).or_insert(0_u64);
        match chance.below(8) {
            0 => me.ssend(to, tag, *number)?,
            1 => me.bsend(to, tag, *number)?,
            2 => {
                // Gone on with before it is waited for.
                let sending = me.isend(to, tag, *number);
                *number += 1;
                me.send(to, tag, *number)?;
                sending.wait()?;
            }
            _ => me.send(to, tag, *number)?,
        }
        *number += 1;
    }
    me.send(to, 1000, next)?;
    Ok(())
}

fn collect(me: &Rank, tags: u32, each: u32, chance: &mut Chance) -> Result<(), Error> {
    let senders = me.size() - 1;
    let mut next: HashMap<(usize, u32), u64> = HashMap::new();
    let mut expected: HashMap<(usize, u32), u64> = HashMap::new();
    let mut left = senders;
    while left > 0 || next.values().sum::<u64>() < expected.values().sum::<u64>() {
        if left > 0
            && let Some((counts, from)) = me.try_recv::<HashMap<u32, u64>>(Any, Tag(1000))?
        {
            expected.extend(counts.into_iter().map(|(tag, count)| ((from.source, tag), count)));
            left -= 1;
        }
        let source: Source = match chance.below(2) {
            0 => Any.into(),
            _ => (chance.below(3) as usize).into(),
        };
        let tag = Tag(chance.below(tags));
        let got = match take_one(me, source, tag, chance) {
            // A sender that has ended has left all it had to send.
            Err(Error::Gone { .. }) => None,
            got => got?,
        };
        if let Some((number, from)) = got {
            let due = next.entry((from.source, from.tag)).or_default();
            assert_eq!(number, *due, "from {} tag {}", from.source, from.tag);
            *due += 1;
        }
    }
    assert_eq!(next, expected);
    assert!(next.values().sum::<u64>() >= u64::from(each) * senders as u64);
    Ok(())
}

fn take_one(me: &Rank, source: Source, tag: Tag, chance: &mut Chance) -> Result<Option<(u64, Status)>, Error> {
    match chance.below(3) {
        0 => me.try_recv::<u64>(source, tag),
        1 => match me.try_mprobe(source, tag)? {
            // Half of them are looked at only.
            Some(matched) if chance.below(2) == 0 => {
                let status = matched.status();
                Ok(Some((matched.recv()?, status)))
            }
            _ => Ok(None),
        },
        // A receive that is begun and given up, perhaps as its message arrives.
        _ => {
            let receiving = me.irecv::<u64>(source, tag);
            if receiving.is_done() { receiving.wait().map(Some) } else { Ok(None) }
        }
    }
}

/// A receive of any tag gets what its source sent first.
#[test]
fn wildcards_take_the_oldest() {
    World::threads(2)
        .run(|me| {
            if me.rank() == 0 {
                for i in 0..500_u32 {
                    me.bsend(1, i % 7, i)?;
                }
                me.send(1, 99, ())?;
                return Ok(());
            }
            me.recv::<()>(0, Tag(99))?;
            for i in 0..500_u32 {
                let tags: [Tags; 2] = [Any.into(), Tag(i % 7).into()];
                assert_eq!(me.recv::<u32>(Any, tags[i as usize % 2])?.0, i);
            }
            Ok(())
        })
        .unwrap();
}

/// Among messages that are there, a wildcard serves sources in order of arrival: nobody starves beside one that never stops.
#[test]
fn a_wildcard_starves_nobody() {
    World::threads(3)
        .run(|me| {
            match me.rank() {
                0 => {
                    let mut from_two = 0;
                    while from_two < 50 {
                        let ((), from) = me.recv::<()>(Any, Tag(0))?;
                        from_two += usize::from(from.source == 2);
                    }
                    // The one that never stops hears of the end.
                    me.bsend(1, 1, ())?;
                    while me.try_recv::<()>(1, Tag(2))?.is_none() {
                        // It may have ended by now.
                        drop(me.try_recv::<()>(1, Tag(0)));
                    }
                }
                1 => {
                    while me.try_recv::<()>(0, Tag(1))?.is_none() {
                        me.send(0, 0, ())?;
                    }
                    me.bsend(0, 2, ())?;
                }
                _ => {
                    for _ in 0..50 {
                        me.send(0, 0, ())?;
                    }
                }
            }
            Ok(())
        })
        .unwrap();
}

/// Receives get messages in the order in which they were begun.
#[test]
fn receives_are_served_in_order() {
    World::threads(2)
        .run(|me| {
            if me.rank() == 0 {
                me.recv::<()>(1, Tag(9))?;
                for i in 0..600_u32 {
                    me.send(1, i % 3, i)?;
                }
                return Ok(());
            }
            let mut waits = Vec::new();
            for i in 0..600_u32 {
                let source: Source = if i % 2 == 0 { Any.into() } else { 0.into() };
                waits.push((i, me.irecv::<u32>(source, Tag(i % 3))));
            }
            me.send(0, 9, ())?;
            for (i, waits) in waits {
                assert_eq!(waits.wait()?.0, i);
            }
            Ok(())
        })
        .unwrap();
}

/// Every message is taken once, whichever of a rank's threads asks.
#[test]
fn several_threads_of_a_rank_share_its_mailbox() {
    const EACH: u64 = 300;
    let got = World::threads(2)
        .without_deadlock_report()
        .run(|me| {
            if me.rank() == 0 {
                for i in 0..3 * EACH {
                    me.send(1, 0, i)?;
                }
                return Ok(0);
            }
            std::thread::scope(|scope| {
                let take = || {
                    let mut last = None;
                    (0..EACH).try_fold(0, |sum, _| {
                        let (i, _) = me.recv::<u64>(0, Tag(0))?;
                        assert!(last.replace(i) < Some(i), "one thread sees them in order");
                        Ok(sum + i)
                    })
                };
                let threads: Vec<_> = (0..3).map(|_| scope.spawn(take)).collect();
                threads.into_iter().map(|thread| thread.join().expect("no thread panics")).sum::<Result<u64, Error>>()
            })
        })
        .unwrap();
    assert_eq!(got[1], (0..3 * EACH).sum());
}
