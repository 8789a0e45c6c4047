//! Results that failed: set aside while the others come out, and after some of them the flow ends.

use std::iter::FusedIterator;

use crate::{mapped::Mapped, source::Source};

/// When errors end a flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Halt {
    /// Never: they are collected.
    Never,
    /// After so many no more items are taken; what was taken comes out.
    Soon(usize),
    /// After so many nothing more comes out, and nothing more is begun.
    Now(usize),
}

/// The successes of a stage, as an iterator; the errors are set aside. From [`successes`](Mapped::successes).
#[derive(Debug)]
#[must_use = "a flow does nothing until results are asked for"]
pub struct Successes<'a, S: Source, R, E> {
    results: Mapped<'a, S, Result<R, E>>,
    halt: Halt,
    errors: Vec<(u64, E)>,
    /// Results that came before.
    count: u64,
    failures: usize,
}

impl<'a, S: Source, R, E> Mapped<'a, S, Result<R, E>> {
    /// Hands out the successes, and sets the errors aside.
    ///
    /// To end with the first error and keep nothing else, collect into a `Result` instead: that drops the flow, and so
    /// stops it at once.
    ///
    /// ```
    /// use narrows_flow::{Halt, IntoFlow};
    ///
    /// let parsed = ["1", "x", "3"].into_iter().flow().map_ordered(2, |word| word.parse::<u32>());
    /// let mut numbers = parsed.successes(Halt::Never);
    /// assert_eq!(numbers.by_ref().sum::<u32>(), 4);
    /// let (at, error) = &numbers.errors()[0];
    /// assert_eq!((*at, error.to_string().as_str()), (1, "invalid digit found in string"));
    /// ```
    pub fn successes(self, halt: Halt) -> Successes<'a, S, R, E> {
        Successes { results: self, halt, errors: Vec::new(), count: 0, failures: 0 }
    }
}

impl<'a, S: Source, R, E> Successes<'a, S, R, E> {
    /// The errors so far, each with how many results came before it: in an ordered flow, the number of its item.
    pub fn errors(&self) -> &[(u64, E)] {
        &self.errors
    }

    /// Takes the errors so far out.
    pub fn take_errors(&mut self) -> Vec<(u64, E)> {
        std::mem::take(&mut self.errors)
    }

    /// The flow with what it still has: to be [finished](Mapped::finish), or gone on with.
    pub fn into_inner(self) -> Mapped<'a, S, Result<R, E>> {
        self.results
    }

    fn has_halted(&self) -> bool {
        matches!(self.halt, Halt::Now(most) if self.failures >= most.max(1))
    }
}

impl<S: Source, R, E> Iterator for Successes<'_, S, R, E> {
    type Item = R;

    fn next(&mut self) -> Option<R> {
        while !self.has_halted() {
            let result = self.results.next()?;
            self.count += 1;
            match result {
                Ok(success) => return Some(success),
                Err(error) => {
                    self.failures += 1;
                    self.errors.push((self.count - 1, error));
                }
            }
            match self.halt {
                Halt::Soon(most) if self.failures >= most => self.results.stopper().soon(),
                Halt::Now(_) if self.has_halted() => self.results.stopper().now(),
                _ => {}
            }
        }
        None
    }
}

impl<S: Source, R, E> FusedIterator for Successes<'_, S, R, E> {}
