//! A pipeline that is stopped at once: what has come out, what was not begun, and what is still in the source are together
//! everything there was.

use std::time::Duration;

use narrows_flow::IntoFlow;

fn main() {
    let mut halves = (0..10_000_u32).flow().window(64).map_ordered(3, |n| n / 2);
    let seen: Vec<u32> = halves.by_ref().take(100).collect();
    let rest = halves.finish(Duration::from_secs(50));
    println!("{}", rest.summary);
    assert!(seen.iter().chain(&rest.made).copied().eq((0..).map(|n| n / 2).take(seen.len() + rest.made.len())));

    let in_source = rest.source.map_or(0, |source| source.into_inner().count());
    assert_eq!(seen.len() + rest.made.len() + rest.returned.len() + in_source, 10_000);
}
