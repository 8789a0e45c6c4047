//! What `select!` expands to: a choice among arms of which some may be disabled. The index of the chosen one is its
//! position; with none enabled the choice never comes.

use std::time::Duration;

use super::{
    SelectedOperation,
    run::{Aim, Chosen, Selector},
};
use crate::{
    arm::{Entry, Who},
    error::{SelectTimeoutError, TrySelectError},
    park,
    time::{Deadline, pick},
};

type Arms<'a, const N: usize> = [Option<Entry<'a>>; N];

/// One round without a selector, hence without allocation.
fn attempt<'a, const N: usize>(arms: &Arms<'a, N>, is_biased: bool, lightly: bool) -> Option<Chosen<'a>> {
    let mut order: [usize; N] = std::array::from_fn(|i| i);
    for left in (1..=N).rev() {
        let at = if is_biased { N - left } else { pick(left) };
        let index = order[at];
        if !is_biased {
            order.swap(at, left - 1);
        }
        if let Some(entry) = arms[index]
            && let Some(token) = entry.attempt(Who::THREAD, lightly)
        {
            return Some(Chosen { entry: Some(entry), index, token });
        }
    }
    None
}

fn selector<'a, const N: usize>(arms: &Arms<'a, N>, is_biased: bool) -> Selector<'a> {
    let mut selector = Selector::new(is_biased);
    for arm in arms {
        match arm {
            Some(arm) => {
                selector.add(*arm);
            }
            None => selector.add_none(),
        }
    }
    selector
}

fn run<'a, const N: usize>(arms: &Arms<'a, N>, is_biased: bool, deadline: Deadline) -> Option<Chosen<'a>> {
    if let Some(chosen) = attempt(arms, is_biased, true) {
        return Some(chosen);
    }
    if arms.iter().all(Option::is_none) {
        park::sleep(|| false, deadline);
        return None;
    }
    selector(arms, is_biased).run(Aim::Choose, deadline)
}

/// The choice where there is a `default`.
pub fn try_select<const N: usize>(arms: Arms<'_, N>, is_biased: bool) -> Result<SelectedOperation<'_>, TrySelectError> {
    let is_one = arms.iter().flatten().count() < 2;
    let mut chosen = attempt(&arms, is_biased, !is_one);
    if chosen.is_none() && !is_one {
        chosen = selector(&arms, is_biased).confirm();
    }
    chosen.map(SelectedOperation::new).ok_or(TrySelectError)
}

/// The choice where there is none.
pub fn select<const N: usize>(arms: Arms<'_, N>, is_biased: bool) -> SelectedOperation<'_> {
    let chosen = run(&arms, is_biased, Deadline::Never);
    SelectedOperation::new(chosen.expect("without a deadline a select ends with a choice"))
}

/// The choice where there is a `default(timeout)`.
pub fn select_timeout<const N: usize>(
    arms: Arms<'_, N>,
    is_biased: bool,
    timeout: Duration,
) -> Result<SelectedOperation<'_>, SelectTimeoutError> {
    run(&arms, is_biased, Deadline::after(timeout)).map(SelectedOperation::new).ok_or(SelectTimeoutError)
}
