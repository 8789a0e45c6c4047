//! One program for ranks of either kind, a ring and an all-reduce: processes that `narrows run` has started, or threads of this one.
//!
//! ```text
//! cargo run -p narrows-rank --features shm --example processes
//! narrows run -n 4 --label target/debug/examples/processes
//! ```

use std::error::Error;

use narrows_rank::{
    Carries, Rank, Tag, World,
    shm::{Link, StartError},
};

const TOKEN: Tag = Tag(1);
/// A vector of 1 MiB.
const LENGTH: usize = 128 << 10;

/// What one rank does: hands a token on, to which each adds its number, and then adds up a vector with all others.
pub(crate) fn program<W>(me: &Rank<W>) -> Result<String, narrows_rank::Error>
where
    W: Carries<usize> + Carries<Vec<f64>> + Carries<()>,
{
    let (rank, size) = (me.rank(), me.size());
    let (before, after) = ((rank + size - 1) % size, (rank + 1) % size);
    let token = if rank == 0 {
        me.send(after, TOKEN.0, 0)?;
        me.recv::<usize>(before, TOKEN)?.0
    } else {
        let (token, _) = me.recv::<usize>(before, TOKEN)?;
        me.send(after, TOKEN.0, token + rank)?;
        token + rank
    };

    let mine = (0..LENGTH).map(|at| element(rank, at)).collect();
    let sums: Vec<f64> = me.all_reduce_each(mine, |a, b| a + b)?;
    let expected = |at: usize| (0..size).map(|rank| element(rank, at)).sum::<f64>();
    if let Some(wrong) = (0..LENGTH).find(|at| sums[*at].to_bits() != expected(*at).to_bits()) {
        return Err(narrows_rank::Error::failed(format!("sum {wrong} is {}", sums[wrong])));
    }
    me.barrier()?;
    Ok(format!("rank {rank} of {size}: the token was {token} here, and {LENGTH} sums are right"))
}

/// Small whole numbers: sums of them are exact in whatever order they are made.
fn element(rank: usize, at: usize) -> f64 {
    [0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0][(at + rank) % 8]
}

fn main() -> Result<(), Box<dyn Error>> {
    match Link::from_env() {
        Ok(link) => println!("{}", World::over(link).run(program)?),
        // Nobody has started it as a rank of several processes: then they are threads.
        Err(StartError::NotARank) => {
            for line in World::threads(4).run(program)? {
                println!("{line}");
            }
        }
        Err(error) => return Err(error.into()),
    }
    Ok(())
}
