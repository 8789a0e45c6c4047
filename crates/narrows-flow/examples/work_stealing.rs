//! Tasks that make tasks: the ways of putting queens on a board so that none attacks another, counted by workers that steal
//! from each other. Each placed queen makes a task for every row that is left to the next.

use narrows_flow::Stealing;

const SIZE: usize = 8;

fn main() {
    let stolen = Stealing::new(4).run(
        [Vec::new()],
        || 0,
        |found: &mut u32, rows: Vec<usize>, spawner| {
            if rows.len() == SIZE {
                *found += 1;
                return;
            }
            let is_free = |row: &usize| {
                let mut placed = rows.iter().rev().zip(1..);
                placed.all(|(other, distance)| row != other && row.abs_diff(*other) != distance)
            };
            for row in (0..SIZE).filter(is_free) {
                spawner.spawn(rows.iter().copied().chain([row]).collect());
            }
        },
    );
    println!("{}", stolen.summary);
    let found = stolen.into_states();
    println!("found by each worker: {found:?}");
    assert_eq!(found.into_iter().sum::<u32>(), 92);
}
