//! A ring and an all-reduce on four ranks: what one takes, beside what it is about.
//!
//! `cargo run --release -p narrows-rank --example ring`

use std::time::Instant;

use narrows_rank::{Any, Rank, RunError, Tag, World};

const TOKEN: u32 = 1;

fn main() -> Result<(), RunError> {
    let rounds = if cfg!(debug_assertions) { 200 } else { 10_000 };
    let took = World::threads(4).run(|me| {
        let next = (me.rank() + 1) % me.size();
        let before = (me.rank() + me.size() - 1) % me.size();
        me.barrier()?;
        let began = Instant::now();
        for round in 0..rounds {
            // Rank 0 sends first; the others pass on what they get.
            if me.rank() == 0 {
                me.send(next, TOKEN, round)?;
            }
            let (token, _) = me.recv::<u64>(before, Tag(TOKEN))?;
            assert_eq!(token, round);
            if me.rank() != 0 {
                me.send(next, TOKEN, token)?;
            }
        }
        Ok(began.elapsed())
    })?;
    println!("ring of 4: {} ns a hop", took[0].as_nanos() / u128::from(4 * rounds));

    let len = 1 << 17;
    let took = World::threads(4).run(|me| {
        let calls = 20;
        let mut took = Vec::new();
        for _ in 0..calls {
            let mine = vec![1_u64; len];
            me.barrier()?;
            let began = Instant::now();
            let sums = me.all_reduce_each(mine, |a, b| a + b)?;
            took.push(began.elapsed());
            assert!(sums.iter().all(|sum| *sum == 4));
        }
        took.sort_unstable();
        Ok((took[0], took[calls / 2]))
    })?;
    let (least, median) = took[0];
    println!("all-reduce of 1 MiB on 4: {} us, at best {} us", median.as_micros(), least.as_micros());

    // Without knowing who will send, or what: look first.
    World::threads(3).run(greet)?;
    Ok(())
}

fn greet(me: &Rank) -> Result<(), narrows_rank::Error> {
    if me.rank() == 0 {
        for _ in 1..me.size() {
            let message = me.mprobe(Any, Any)?;
            let from = message.status().source;
            match message.status().tag {
                1 => println!("rank {from} says: {}", message.recv::<String>()?),
                _ => println!("rank {from} counts: {:?}", message.recv::<Vec<u32>>()?),
            }
        }
    } else if me.rank() == 1 {
        me.send(0, 1, String::from("hello"))?;
    } else {
        me.send(0, 2, vec![1_u32, 2, 3])?;
    }
    Ok(())
}
