//! The work of a sample, for ranks of every kind.

use narrows_rank::{Carries, Error, Rank, Tag};

use crate::beside::clock::now;

const TAG: u32 = 7;

/// What a rank of every kind can be sent here.
pub(crate) trait All: Carries<u64> + Carries<Vec<f64>> + Carries<()> {}

impl<W: Carries<u64> + Carries<Vec<f64>> + Carries<()>> All for W {}

/// Nanoseconds for each of `count`, which rank 0 tells.
fn each(began: u64, count: u64) -> f64 {
    (now() - began) as f64 / count as f64
}

pub(crate) fn ring<W: All>(me: &Rank<W>, count: u64) -> Result<f64, Error> {
    let size = me.size();
    let (laps, next, last) = (count / size as u64 + 1, (me.rank() + 1) % size, (me.rank() + size - 1) % size);
    let mut number = 0_u64;
    me.barrier()?;
    let began = now();
    for _ in 0..laps {
        if me.rank() == 0 {
            me.send(next, TAG, number + 1)?;
        }
        number = me.recv(last, Tag(TAG))?.0;
        if me.rank() != 0 {
            me.send(next, TAG, number + 1)?;
        }
    }
    let hops = laps * size as u64;
    let ns = each(began, hops);
    if me.rank() == 0 { verify(number, hops).map(|()| ns) } else { Ok(ns) }
}

pub(crate) fn all_reduce<W: All>(me: &Rank<W>, numbers: usize, count: u64) -> Result<f64, Error> {
    let (rank, size) = (me.rank() as f64, me.size() as f64);
    let of_all = size * (size - 1.0) / 2.0;
    let mut mine: Vec<f64> = (0..numbers).map(|at| rank + at as f64).collect();
    let mut sum = Vec::new();
    me.barrier()?;
    let began = now();
    for turn in 0..count {
        let turn = turn as f64;
        mine[0] = turn + rank;
        mine[numbers - 1] = turn + rank;
        // The result has a place of its own, as with MPI: what is handed over is a copy.
        sum = me.all_reduce_each(mine.clone(), |a, b| a + b)?;
        verify(sum[0], turn * size + of_all)?;
        verify(sum[numbers - 1], turn * size + of_all)?;
    }
    let ns = each(began, count);
    verify(sum[1], size + of_all)?;
    Ok(ns)
}

/// Other than the last ones, from anywhere below `depth`.
fn scattered(state: &mut u64, depth: usize) -> usize {
    *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    ((*state >> 33) % depth as u64) as usize
}

fn tag(which: usize) -> u32 {
    u32::try_from(which).unwrap_or(u32::MAX)
}

pub(crate) fn unexpected<W: All>(me: &Rank<W>, depth: usize, count: u64) -> Result<f64, Error> {
    let mut numbers = vec![0_u64; depth];
    for which in 0..depth {
        me.bsend(0, tag(which), 0_u64)?;
    }
    let (began, mut state) = (now(), 1);
    for _ in 0..count {
        let which = scattered(&mut state, depth);
        let (number, _) = me.recv::<u64>(0, Tag(tag(which)))?;
        verify(number, numbers[which])?;
        numbers[which] += 1;
        me.bsend(0, tag(which), number + 1)?;
    }
    Ok(each(began, count))
}

pub(crate) fn posted<W: All>(me: &Rank<W>, depth: usize, count: u64) -> Result<f64, Error> {
    let post = |which| me.irecv::<u64>(0, Tag(tag(which)));
    let mut receives: Vec<_> = (0..depth).map(post).collect();
    let (began, mut state) = (now(), 1);
    for turn in 0..count {
        let which = scattered(&mut state, depth);
        me.send(0, tag(which), turn)?;
        let next = receives.swap_remove(which);
        verify(next.wait()?.0, turn)?;
        let last = receives.len();
        receives.push(post(which));
        receives.swap(which, last);
    }
    Ok(each(began, count))
}

fn verify<T: Copy + PartialEq + std::fmt::Display>(found: T, wanted: T) -> Result<(), Error> {
    if found == wanted { Ok(()) } else { Err(Error::failed(format!("{found} came, not {wanted}"))) }
}
