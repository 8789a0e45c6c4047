//! Trees of supervisors under failures, stops and restarts in any order: every actor ends, each message is accounted for, and no
//! two lives of one actor overlap.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering::SeqCst},
    },
    time::Duration,
};

use narrows_actor::{
    Actor, Addr, Backoff, Cx, Flow, How, OnFull, Reason, Restart, Strategy, Supervisor, System, TestKit,
};

/// xorshift (Marsaglia 2003): the same on every machine.
struct Random(u64);

impl Random {
    fn below(&mut self, n: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 33).unwrap() % n
    }

    fn pick<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.below(of.len())]
    }
}

#[derive(Default)]
struct Counts {
    told: AtomicU32,
    handled: AtomicU32,
    dead: AtomicU32,
}

/// What it is told to do.
#[derive(Debug, Clone, Copy)]
enum Todo {
    Work,
    Fail,
    Panic,
    Finish,
    Wait,
    Tick,
}

struct Worker {
    lives: Arc<AtomicU32>,
    counts: Arc<Counts>,
    fails_to_start: bool,
}

impl Actor for Worker {
    type Msg = Todo;

    fn started(&mut self, cx: &Cx<Todo>) -> Flow {
        assert_eq!(self.lives.fetch_add(1, SeqCst), 0, "the life before has not ended");
        cx.after(Duration::from_millis(3), Todo::Tick);
        if self.fails_to_start && cx.life() % 3 == 2 { Flow::fail("at the start") } else { Flow::Next }
    }

    fn handle(&mut self, todo: Todo, _: &Cx<Todo>) -> Flow {
        if !matches!(todo, Todo::Tick) {
            self.counts.handled.fetch_add(1, SeqCst);
        }
        match todo {
            Todo::Work | Todo::Tick => Flow::Next,
            Todo::Fail => Flow::fail("as told"),
            Todo::Panic => std::panic::panic_any("boom"),
            Todo::Finish => Flow::Stop,
            Todo::Wait => Flow::wait(async {
                let (s, r) = narrows::bounded::<u8>(1);
                drop(s);
                let _ = r.recv_async().await;
                Flow::Next
            }),
        }
    }

    fn stopped(&mut self, _: &Reason, _: &Cx<Todo>) {
        assert_eq!(self.lives.fetch_sub(1, SeqCst), 1, "this life has ended already");
    }
}

fn worker(random: &mut Random, of: &Supervisor, counts: &Arc<Counts>) -> Addr<Todo> {
    let (lives, counts, dead) = (Arc::default(), counts.clone(), counts.clone());
    let fails_to_start = random.below(4) == 0;
    of.build(move || Worker { lives: Arc::clone(&lives), counts: counts.clone(), fails_to_start })
        .capacity(random.pick(&[1, 2, 8]))
        .on_full(random.pick(&[OnFull::Refuse, OnFull::DropOldest]))
        .restart(random.pick(&[Restart::Permanent, Restart::Transient, Restart::Temporary]))
        .dead_letters(move |_| {
            dead.dead.fetch_add(1, SeqCst);
        })
        .start()
}

fn group(random: &mut Random, of: &Supervisor) -> Supervisor {
    let first = Duration::from_millis(random.pick(&[0, 1]));
    of.supervisor("group")
        .strategy(random.pick(&[Strategy::OneForOne, Strategy::OneForAll, Strategy::RestForOne]))
        .intensity(random.below(5), Duration::from_millis(20))
        .backoff(Backoff { first, longest: 4 * first, reset: Duration::from_millis(5) })
        .restart(random.pick(&[Restart::Permanent, Restart::Transient, Restart::Temporary]))
        .start()
}

/// Makes a tree, and mistreats it; `between` lets the actors work. In the end all are told to stop.
fn mistreat(system: &System, seed: u64, mut between: impl FnMut(&mut Random)) -> (Vec<Addr<Todo>>, Arc<Counts>) {
    let mut random = Random(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1);
    let counts = Arc::<Counts>::default();
    let mut groups: Vec<Supervisor> = vec![Supervisor::clone(system)];
    let mut workers = Vec::new();
    for _ in 0..3 + random.below(4) {
        let parent = random.below(groups.len());
        let new = group(&mut random, &groups[parent]);
        groups.push(new);
    }
    for _ in 0..60 {
        match random.below(12) {
            0..3 => {
                let parent = random.below(groups.len());
                workers.push(worker(&mut random, &groups[parent], &counts));
            }
            3 if random.below(4) == 0 => {
                let how = random.pick(&[How::Drain, How::Now]);
                groups[random.below(groups.len())].stop(how);
            }
            4 if !workers.is_empty() => {
                let how = random.pick(&[How::Drain, How::Now]);
                workers[random.below(workers.len())].stop(how);
            }
            5 => between(&mut random),
            _ if !workers.is_empty() => {
                let todo = random.pick(&[Todo::Work, Todo::Work, Todo::Fail, Todo::Panic, Todo::Finish, Todo::Wait]);
                if workers[random.below(workers.len())].tell(todo).is_ok() {
                    counts.told.fetch_add(1, SeqCst);
                }
            }
            _ => {}
        }
    }
    system.stop(random.pick(&[How::Drain, How::Now]));
    (workers, counts)
}

fn all_are_accounted_for(workers: &[Addr<Todo>], counts: &Counts, seed: u64) {
    for worker in workers {
        assert!(worker.ended().is_some(), "seed {seed}: {} has not ended", worker.name());
        assert!(worker.tell(Todo::Work).is_err());
    }
    let [told, handled, dead] = [&counts.told, &counts.handled, &counts.dead].map(|count| count.load(SeqCst));
    assert_eq!(told, handled + dead, "seed {seed}: {handled} handled, {dead} dead letters");
}

#[test]
fn a_tree_that_is_mistreated_ends_and_loses_nothing() {
    crate::quietly();
    for seed in 0..if cfg!(miri) { 1 } else { 300 } {
        let kit = TestKit::new(seed);
        let (workers, counts) = mistreat(&kit, seed, |random| {
            for _ in 0..random.below(40) {
                kit.step();
            }
            kit.advance(Duration::from_millis(random.pick(&[0, 1, 10])));
        });
        kit.advance(Duration::from_millis(100));
        all_are_accounted_for(&workers, &counts, seed);
    }
}

#[test]
fn the_same_on_threads() {
    crate::quietly();
    for seed in 0..if cfg!(miri) { 1 } else { 20 } {
        let system = System::new();
        let (workers, counts) = mistreat(&system, seed, |_| std::thread::yield_now());
        let _ = system.join();
        all_are_accounted_for(&workers, &counts, seed);
    }
}
