//! One worker, and a task that never awaits: the others run all the same.
//!
//! `cargo run --release -p narrows-task --example spinning`

use std::{
    hint,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use narrows_task::Runtime;

fn main() -> std::io::Result<()> {
    let runtime = Runtime::builder().workers(1).build()?;
    let start = Instant::now();
    let enough = Arc::new(AtomicBool::new(false));
    let spinner = runtime.go_named("spinner", {
        let enough = enough.clone();
        async move {
            // Relaxed: nothing comes with it.
            while !enough.load(Ordering::Relaxed) {
                hint::spin_loop();
            }
        }
    });

    let (s, r) = narrows::bounded(4);
    for task in 0..100 {
        let s = s.clone();
        // A plain, blocking send is legal in a task.
        runtime.go(async move { s.send(task) }).detach();
    }
    drop(s);
    let first = r.recv().expect("there are a hundred");
    eprintln!("the first of the others ran after {:?}", start.elapsed());
    println!("{} of the others ran beside a task that spins", r.iter().count() + usize::from(first < 100));

    enough.store(true, Ordering::Relaxed);
    println!("the spinner ended: {:?}", spinner.join().is_ok());
    println!("{:?}", runtime.shutdown(Duration::from_secs(10)));
    Ok(())
}
