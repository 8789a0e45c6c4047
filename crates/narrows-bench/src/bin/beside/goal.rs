//! What the project promised itself, and whether it is so.

use std::fmt::Write;

use super::OURS;
use super::report::{Measured, number};

/// Our median of one figure of one row is no larger than this.
pub(crate) enum Wanted {
    AtMost(f64),
    /// So many times the median of this peer.
    Times(f64, &'static str),
}

pub(crate) struct Goal {
    pub(crate) row: &'static str,
    pub(crate) figure: &'static str,
    pub(crate) wanted: Wanted,
}

pub(crate) const fn goal(row: &'static str, figure: &'static str, wanted: Wanted) -> Goal {
    Goal { row, figure, wanted }
}

/// A line for each goal, then the sum; and whether none was missed.
pub(crate) fn verdicts(goals: &[Goal], all: &[Measured]) -> (String, bool) {
    let mut text = String::from("\ngoals\n");
    let (mut met, mut missed, mut unknown) = (0, 0, 0);
    for goal in goals {
        let measured = all.iter().find(|measured| measured.name == goal.row);
        let median = |peer| measured?.median(peer, goal.figure);
        let (limit, what) = match goal.wanted {
            Wanted::AtMost(limit) => (Some(limit), number(limit)),
            Wanted::Times(times, peer) => {
                let limit = median(peer).map(|theirs| theirs * times);
                (limit, format!("{times} times {peer}, {}", limit.map_or("?".to_owned(), number)))
            }
        };
        let ours = median(OURS);
        let (word, count) = match ours.zip(limit) {
            None => ("not run", &mut unknown),
            Some((ours, limit)) if ours <= limit => ("met", &mut met),
            Some(_) => ("missed", &mut missed),
        };
        *count += 1;
        let ours = ours.map_or("-".to_owned(), number);
        let _ = writeln!(text, "  {word:<8} {:<28} {:<7} {ours:>9}, at most {what}", goal.row, goal.figure);
    }
    let _ = writeln!(text, "goals: {met} met, {missed} missed, {unknown} not run");
    (text, missed == 0)
}
