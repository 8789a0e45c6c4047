//! Priorities: urgent work overtakes the rest, and the rest is not forgotten.
//! Use it where few kinds of urgency share one worker, such as requests of people beside those of batch jobs.

use narrows::priority::{PATIENCE, channel};

fn main() {
    let ([people, batch], jobs) = channel([200, 200]);
    for i in 0..100 {
        batch.send(("batch", i)).expect("the worker is there");
        people.send(("people", i)).expect("the worker is there");
    }
    drop((people, batch));

    let order: Vec<_> = jobs.iter().map(|(whose, _)| whose).collect();
    let first_batch = order.iter().position(|whose| *whose == "batch");
    println!("the first batch job had to wait for {first_batch:?} others");
    assert_eq!(first_batch, Some(PATIENCE), "as long as the documentation says, and no longer");
    let urgent_in_front = order[..100].iter().filter(|whose| **whose == "people").count();
    println!("of the first hundred jobs {urgent_in_front} were those of people");
    assert!(urgent_in_front > 95);
}
