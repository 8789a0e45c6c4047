//! What it takes to find a message in a mailbox where many others wait: by its tag, by any source, by any tag.
//!
//! `cargo run --release -p narrows-rank --example matching`

#[allow(dead_code, unreachable_pub)] // what the mailbox uses
#[path = "../src/matching/mod.rs"]
mod matching;

use std::{hint::black_box, time::Instant};

use matching::{Entry, Holds, List, Pattern};

use narrows_rank::{Any, Error, Rank, RunError, Source, Tag, Tags, World};

const STEPS: u32 = 2_000;
/// Not optimized it is only looked whether it runs.
const SAMPLES: usize = if cfg!(debug_assertions) { 1 } else { 200 };

/// The least of many short samples, in ns a step: so what other programs take is left out.
fn least(mut step: impl FnMut() -> Result<(), Error>) -> Result<f64, Error> {
    let mut least = f64::INFINITY;
    for _ in 0..SAMPLES {
        let began = Instant::now();
        for _ in 0..STEPS {
            step()?;
        }
        least = least.min(began.elapsed().as_secs_f64());
    }
    Ok(least * 1e9 / f64::from(STEPS))
}

/// Tags below `depth`, in no order: so what is looked for lies in the middle, taken over many steps.
fn tags(depth: u32) -> impl FnMut() -> u32 {
    let mut state = 1_u32;
    move || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        u32::try_from((u64::from(state) * u64::from(depth)) >> 32).expect("it is below `depth`")
    }
}

/// The lists alone: each step finds an entry, takes it out and files it anew.
fn in_list(holds: Holds, depth: u32) -> Result<f64, Error> {
    let (mut list, mut tags, mut next) = (List::new(holds), tags(depth), 0);
    let mut file = |list: &mut List<u64>, tag: u32| {
        next += 1;
        list.insert(Entry { number: next, pattern: Pattern::key(0, 0, tag), value: next });
    };
    (0..depth).for_each(|tag| file(&mut list, tag));
    least(|| {
        let tag = tags();
        let at = list.oldest(&Pattern::key(0, 0, tag)).expect("it is there");
        black_box(list.remove(at));
        file(&mut list, tag);
        Ok(())
    })
}

/// The whole of it: each step receives a message of this rank and sends it again.
fn at_depth(me: &Rank, depth: u32, from: Source, any_tag: bool) -> Result<f64, Error> {
    for tag in 0..depth {
        me.bsend(0, tag, tag)?;
    }
    let mut tags = tags(depth);
    let cost = least(|| {
        let wanted: Tags = if any_tag { Any.into() } else { Tag(tags()).into() };
        let (tag, _) = me.recv::<u32>(from, wanted)?;
        Ok(me.bsend(0, tag, tag)?)
    })?;
    for _ in 0..depth {
        me.recv::<u32>(0, Any)?;
    }
    Ok(cost)
}

fn main() -> Result<(), RunError> {
    World::threads(1).run(|me| {
        println!("ns to find a message among so many, take it out and file another; then for a receive and a send");
        let heads = ["depth", "messages", "receives", "by tag", "any source", "any tag"];
        println!("{}", heads.map(|head| format!("{head:>12}")).concat());
        for depth in [1, 10, 100, 1_000, 10_000] {
            let costs = [
                in_list(Holds::Keys, depth)?,
                in_list(Holds::Patterns, depth)?,
                at_depth(me, depth, 0.into(), false)?,
                at_depth(me, depth, Any.into(), false)?,
                at_depth(me, depth, 0.into(), true)?,
            ];
            println!("{depth:>12}{}", costs.map(|cost| format!("{cost:>12.0}")).concat());
        }
        Ok(())
    })?;
    Ok(())
}
