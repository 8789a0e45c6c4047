//! The pool, as `walk.rs` does it with the ring: runs are claimed, half made, filled, named by a message, adopted and freed at
//! random, and their owners die at each of these steps. A list says whose every block is.

use crate::{
    memory::{Memory, owner},
    pool::{self, Blocks, Run},
    sync::Ordering,
    walk::Dice,
};

const WALKS: u64 = if cfg!(miri) { 10 } else { 1000 };
const STEPS: u64 = if cfg!(miri) { 60 } else { 200 };

#[derive(Clone, Copy, Debug, PartialEq)]
enum Stage {
    /// Its owner fills it, or has not even made all of it: so many of its blocks are.
    Filling(u32),
    /// A message names it.
    Named,
    /// Its message is being received, and names it still.
    Adopted,
}

#[derive(Clone, Copy, Debug)]
struct Held {
    run: Run,
    /// None once its sender has left.
    by: Option<u32>,
    stage: Stage,
}

struct Walk {
    memory: std::sync::Arc<Memory>,
    held: Vec<Held>,
}

impl Walk {
    fn taken(&self) -> Vec<bool> {
        let mut taken = vec![false; self.memory.blocks() as usize];
        for held in &self.held {
            let made = if let Stage::Filling(made) = held.stage { made } else { held.run.count };
            for block in held.run.first..held.run.first + made {
                assert!(!std::mem::replace(&mut taken[block as usize], true), "block {block} is twice somebody's");
            }
        }
        taken
    }

    fn look(&self) {
        let taken = self.taken();
        for (block, is_taken) in (0..).zip(&taken) {
            // Relaxed: there is nobody else.
            assert_eq!(self.memory.block(block).load(Ordering::Relaxed) != 0, *is_taken, "block {block}");
        }
        let free = taken.iter().filter(|taken| !**taken).count();
        assert_eq!(pool::free(&*self.memory) as usize, free);
        for count in 1..=5 {
            assert_eq!(pool::has_room(&*self.memory, count), self.has_room(count), "for {count}");
        }
    }

    fn has_room(&self, count: u32) -> bool {
        self.taken().windows(count as usize).any(|row| row.iter().all(|taken| !taken))
    }

    fn claim(&mut self, who: u32, dice: &mut Dice) {
        let count = dice.below(5) + 1;
        let hint = dice.below(self.memory.blocks() + 2);
        let run = pool::claim(&*self.memory, owner(who), count, hint);
        assert_eq!(run.is_some(), self.has_room(count), "{count} from {hint}");
        let Some(run) = run else { return };
        assert_eq!(run.count, count);
        // Somewhere in the middle of making it, or of freeing it: the tails go last and first.
        let made = if dice.roll(4) == 0 { 1 + dice.below(count) } else { count };
        for block in run.first + made..run.first + count {
            self.memory.block(block).store(0, Ordering::Relaxed);
        }
        self.held.push(Held { run, by: Some(who), stage: Stage::Filling(made) });
    }

    fn go_on(&mut self, at: usize, who: u32, dice: &mut Dice) {
        let held = &mut self.held[at];
        match held.stage {
            Stage::Filling(made) if made < held.run.count || dice.roll(4) == 0 => {
                pool::release(&*self.memory, held.run);
                self.held.swap_remove(at);
            }
            Stage::Filling(_) => held.stage = Stage::Named,
            Stage::Named => {
                assert!(pool::adopt(&*self.memory, owner(who), held.run));
                (held.by, held.stage) = (Some(who), Stage::Adopted);
            }
            Stage::Adopted => {
                pool::release(&*self.memory, held.run);
                self.held.swap_remove(at);
            }
        }
    }

    /// Who recovers keeps what messages name, and frees the rest; twice is as once.
    fn die(&mut self, who: u32, dice: &mut Dice) {
        for _ in 0..=dice.roll(2) {
            for held in self.held.iter().filter(|held| !matches!(held.stage, Stage::Filling(_))) {
                pool::keep(&*self.memory, owner(who), held.run);
            }
            pool::release_all(&*self.memory, owner(who));
        }
        self.held.retain_mut(|held| {
            if held.by != Some(who) {
                return true;
            }
            held.by = None;
            let is_named = !matches!(held.stage, Stage::Filling(_));
            held.stage = Stage::Named;
            is_named
        });
    }
}

#[test]
fn no_block_is_lost_or_given_twice_whoever_dies() {
    for seed in 1..=WALKS {
        let mut dice = Dice::new(seed);
        let blocks = 1 + dice.below(12);
        let mut walk = Walk { memory: Memory::with_blocks(1, 0, blocks), held: Vec::new() };
        for _ in 0..STEPS {
            let who = 1 + dice.below(4);
            match dice.roll(8) {
                0..3 => walk.claim(who, &mut dice),
                3..7 if !walk.held.is_empty() => {
                    let at = dice.roll(walk.held.len() as u64);
                    walk.go_on(usize::try_from(at).expect("few"), who, &mut dice);
                }
                7 => walk.die(who, &mut dice),
                _ => {}
            }
            walk.look();
        }
        while !walk.held.is_empty() {
            walk.go_on(0, 5, &mut dice);
        }
        walk.look();
    }
}
