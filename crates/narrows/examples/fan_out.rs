//! Fan-out: one sender, several workers on one receiver; a job goes to whoever is free first.
//! Use it to spread work of uneven cost. The bound keeps the sender from running ahead of the workers.

use std::thread;

/// How many steps the Collatz sequence of `n` takes to reach 1.
fn steps(n: u64) -> u32 {
    let next = |n: &u64| (*n != 1).then(|| if n.is_multiple_of(2) { n / 2 } else { 3 * n + 1 });
    (0..).zip(std::iter::successors(Some(n), next)).last().map_or(0, |(step, _)| step)
}

fn main() {
    let (jobs, inbox) = narrows::bounded(8);
    let answers: Vec<Vec<(u64, u32)>> = thread::scope(|scope| {
        let workers: Vec<_> = (0..4)
            .map(|_| {
                let inbox = inbox.clone();
                scope.spawn(move || inbox.iter().map(|n| (n, steps(n))).collect())
            })
            .collect();
        for n in 1..=2000 {
            jobs.send(n).unwrap(); // waits while eight jobs lie there
        }
        drop(jobs); // the last sender goes, so each worker's loop ends once nothing is left
        workers.into_iter().map(|worker| worker.join().unwrap()).collect()
    });

    for (worker, answers) in answers.iter().enumerate() {
        println!("worker {worker} did {} jobs", answers.len());
    }
    let answers = answers.concat();
    let (n, longest) = answers.iter().max_by_key(|(_, steps)| *steps).unwrap();
    println!("the longest way to 1 begins at {n} and takes {longest} steps");
    assert_eq!(answers.len(), 2000);
    assert_eq!((*n, *longest), (1161, 181));
}
