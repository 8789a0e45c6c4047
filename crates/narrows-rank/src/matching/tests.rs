//! Matching against a naive list, over histories of random steps, at depths on both sides of every change of form.

use super::{Entry, Holds, LONGEST_LINE, List, Pattern, SHORT};

/// xorshift64*: the same steps for the same seed, everywhere.
struct Chance(u64);

impl Chance {
    fn below(&mut self, n: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 32) % n
    }

    fn small(&mut self, n: u64) -> u32 {
        u32::try_from(self.below(n)).expect("n is small")
    }

    fn key(&mut self, spread: u64) -> Pattern {
        Pattern::key(self.below(2), self.small(spread), self.small(spread))
    }

    fn pattern(&mut self, spread: u64) -> Pattern {
        let source = (self.below(3) != 0).then(|| self.small(spread));
        let tag = (self.below(3) != 0).then(|| self.small(spread));
        Pattern::new(self.below(2), source, tag)
    }
}

/// What a list promises, said as plainly as can be.
#[derive(Default)]
struct Naive(Vec<(u64, Pattern)>);

impl Naive {
    fn fits(a: &Pattern, b: &Pattern) -> bool {
        let or_any = |a: Option<u32>, b: Option<u32>| a.is_none() || b.is_none() || a == b;
        a.context() == b.context() && or_any(a.source(), b.source()) && or_any(a.tag(), b.tag())
    }

    fn oldest(&self, wanted: &Pattern) -> Option<u64> {
        let fitting = self.0.iter().filter(|(_, pattern)| Naive::fits(pattern, wanted));
        fitting.map(|(number, _)| *number).min()
    }

    fn remove(&mut self, number: u64) -> Pattern {
        let at = self.0.iter().position(|(other, _)| *other == number).expect("it is in the list");
        self.0.remove(at).1
    }
}

fn amount() -> usize {
    if std::env::var_os("NARROWS_DEEP").is_some() { 400 } else { 24 }
}

fn follows_the_naive_list(holds: Holds) {
    for round in 1..=amount() {
        let seed = round as u64;
        let mut chance = Chance(seed * 0x9E37_79B9);
        let spread = [2, 7, 40, 1000][round % 4];
        let depth = [8, LONGEST_LINE, 500][round % 3];
        let (mut list, mut naive, mut out) = (List::new(holds), Naive::default(), Vec::new());
        let mut next = 0;
        let mut is_growing = true;
        for _ in 0..6_000 {
            let len = naive.0.len();
            is_growing = if is_growing { len < depth } else { len <= SHORT / 2 };
            match chance.below(10) {
                0..=5 if is_growing => {
                    let pattern = match holds {
                        Holds::Keys => chance.key(spread),
                        Holds::Patterns => chance.pattern(spread),
                    };
                    list.insert(Entry { number: next, pattern, value: next });
                    naive.0.push((next, pattern));
                    next += 1;
                }
                6 if len > 0 => {
                    let (number, pattern) = naive.0[chance.small(len as u64) as usize];
                    let at = list.find(number, &pattern).expect("it is in the list");
                    assert_eq!(list.get(at), (&pattern, &number));
                    list.remove(at);
                    out.push((number, naive.remove(number)));
                }
                7 => {
                    if let Some((number, pattern)) = out.pop() {
                        assert_eq!(list.find(number, &pattern), None, "seed {seed}: it was taken out");
                        list.insert(Entry { number, pattern, value: number });
                        naive.0.push((number, pattern));
                    }
                }
                8 if chance.below(200) == 0 => {
                    let tag = chance.small(spread);
                    let mut gone: Vec<u64> =
                        list.remove_all(|pattern, _| pattern.tag() == Some(tag)).iter().map(|e| e.number).collect();
                    gone.sort_unstable();
                    let mut expected: Vec<u64> =
                        naive.0.iter().filter(|(_, p)| p.tag() == Some(tag)).map(|(number, _)| *number).collect();
                    expected.sort_unstable();
                    assert_eq!(gone, expected, "seed {seed}");
                    naive.0.retain(|(_, p)| p.tag() != Some(tag));
                }
                _ => {
                    let wanted = match holds {
                        Holds::Keys => chance.pattern(spread),
                        Holds::Patterns => chance.key(spread),
                    };
                    let found = list.oldest(&wanted);
                    let number = found.map(|at| *list.get(at).1);
                    assert_eq!(number, naive.oldest(&wanted), "seed {seed}, {wanted:?}");
                    if let Some(at) = found {
                        let entry = list.remove(at);
                        assert_eq!(entry.number, entry.value);
                        assert_eq!(entry.pattern, naive.remove(entry.number));
                    }
                }
            }
            assert_eq!(list.len(), naive.0.len());
        }
    }
}

#[test]
fn a_list_of_messages_answers_as_a_naive_one() {
    follows_the_naive_list(Holds::Keys);
}

#[test]
fn a_list_of_receives_answers_as_a_naive_one() {
    follows_the_naive_list(Holds::Patterns);
}

/// A list that a message at its head holds up must not grow by those that pass.
#[test]
fn what_is_taken_out_leaves_no_room_behind() {
    let mut list = List::new(Holds::Keys);
    for number in 0..100_000_u32 {
        list.insert(Entry { number: number.into(), pattern: Pattern::key(0, 0, number), value: () });
        if number >= 1_000 {
            let at = list.oldest(&Pattern::key(0, 0, number)).expect("it has just come");
            list.remove(at);
        }
    }
    let super::Form::Table(table) = &list.form else { panic!("a thousand entries are no line") };
    assert!(table.rooms() < 1_010, "{} slots for {} entries", table.rooms(), list.len());
}
