//! A filter that uses all cores: lines are worked on by several threads and come out in their order.
//! Lines that are no numbers are set aside with their places, and reported at the end.

use std::io::Cursor;

use narrows_flow::{Halt, lines};

/// The number of steps to 1, each time halved, or tripled and one more.
fn steps(mut n: u64) -> u32 {
    let mut steps = 0;
    while n > 1 {
        n = if n.is_multiple_of(2) { n / 2 } else { n * 3 + 1 };
        steps += 1;
    }
    steps
}

fn main() {
    let text: String =
        (1..=2000).map(|n| if n == 700 { "seven hundred\n".to_owned() } else { format!("{n}\n") }).collect();
    let worked = lines(Cursor::new(text)).map_ordered(4, |line| {
        let line = line.map_err(|error| error.to_string())?;
        line.parse().map(steps).map_err(|error| format!("{line}: {error}"))
    });

    let mut steps_of_all = worked.successes(Halt::Never);
    let longest = steps_of_all.by_ref().max();
    let errors = steps_of_all.take_errors();
    println!("longest: {longest:?}; errors: {errors:?}");
    assert_eq!(longest, (1..=2000).filter(|n| *n != 700).map(steps).max());
    assert_eq!(errors, [(699, "seven hundred: invalid digit found in string".to_owned())]);

    let summary = steps_of_all.into_inner().summary();
    println!("{summary}");
    assert_eq!((summary.taken, summary.handled), (2000, 2000));
}
