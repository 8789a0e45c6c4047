//! By recursive doubling: in each round the partner is twice as far away.

use super::{Call, Kind, Way, blocked};
use crate::{
    error::Error,
    parcel::{Carrier, Carries},
    rank::Rank,
};

impl<W: Carrier> Call<'_, W> {
    /// In each round all hear of one rank that is behind them, twice as far away as the last.
    async fn barrier(&self) -> Result<(), Error>
    where
        W: Carries<()>,
    {
        let (me, size) = (self.rank(), self.size());
        let mut far = 1;
        while far < size {
            self.put((me + far) % size, ()).await?;
            self.get::<()>((me + size - far) % size).await?;
            far *= 2;
        }
        Ok(())
    }

    /// With a power of two ranks, each holds after a round what twice as many neighbours have brought. Of more, the first few join
    /// their neighbour before, and hear the result from it.
    async fn all_reduce<T: Clone>(&self, value: T, combine: impl Fn(T, T) -> T) -> Result<T, Error>
    where
        W: Carries<T>,
    {
        let Some((mut sum, place)) = self.pair_up(value, |left, right| Ok(combine(left, right))).await? else {
            return self.get(self.rank() - 1).await;
        };
        let mut far = 1;
        while far < place.of {
            let partner = place.rank(place.number ^ far);
            self.put(partner, sum.clone()).await?;
            let theirs = self.get(partner).await?;
            sum = if place.number & far == 0 { combine(sum, theirs) } else { combine(theirs, sum) };
            far *= 2;
        }
        if place.has_joined(self.rank()) {
            self.put(self.rank() + 1, sum.clone()).await?;
        }
        Ok(sum)
    }

    /// Makes it a power of two: `None` for a rank that has given its value to its neighbour.
    pub(super) async fn pair_up<T>(
        &self,
        value: T,
        combine: impl Fn(T, T) -> Result<T, Error>,
    ) -> Result<Option<(T, Place)>, Error>
    where
        W: Carries<T>,
    {
        let (me, size) = (self.rank(), self.size());
        let of = 1 << size.ilog2();
        let pairs = size - of;
        if me >= 2 * pairs {
            return Ok(Some((value, Place { number: me - pairs, of, pairs })));
        }
        if me % 2 == 1 {
            self.put(me - 1, value).await?;
            return Ok(None);
        }
        let theirs = self.get(me + 1).await?;
        Ok(Some((combine(value, theirs)?, Place { number: me / 2, of, pairs })))
    }

    /// Each holds what ranks up to it have brought, as far back as it has heard.
    async fn scan<T: Clone>(&self, value: T, combine: impl Fn(T, T) -> T) -> Result<T, Error>
    where
        W: Carries<T>,
    {
        let (me, size) = (self.rank(), self.size());
        let mut sum = value;
        let mut far = 1;
        while far < size {
            if me + far < size {
                self.put(me + far, sum.clone()).await?;
            }
            if me >= far {
                sum = combine(self.get(me - far).await?, sum);
            }
            far *= 2;
        }
        Ok(sum)
    }
}

/// One of a power of two of ranks.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    pub(super) number: usize,
    pub(super) of: usize,
    /// So many of the first each stand for two ranks.
    pairs: usize,
}

impl Place {
    pub(super) fn rank(&self, number: usize) -> usize {
        if number < self.pairs { 2 * number } else { number + self.pairs }
    }

    /// Whether the rank after this one has joined it.
    pub(super) fn has_joined(&self, rank: usize) -> bool {
        rank < 2 * self.pairs
    }
}

impl<W: Carrier> Rank<W> {
    /// Waits until every rank of the group is here.
    ///
    /// # Errors
    /// As [`broadcast`](Rank::broadcast).
    pub fn barrier(&self) -> Result<(), Error>
    where
        W: Carries<()>,
    {
        blocked(Call::new(self, Way::Blocking, Kind::Barrier).barrier())
    }

    /// [`barrier`](Rank::barrier) in a task.
    ///
    /// # Errors
    /// As that.
    pub async fn barrier_async(&self) -> Result<(), Error>
    where
        W: Carries<()>,
    {
        Call::new(self, Way::Polled, Kind::Barrier).barrier().await
    }

    /// Combines one value of each rank, in order of their ranks, and gives the result to all. The operation need be associative,
    /// not commutative. For long vectors, element by element, [`all_reduce_each`](Rank::all_reduce_each) sends less.
    ///
    /// Which values are combined first depends on the rank: all get the same result if the operation is associative, which
    /// addition of floating point numbers nearly is. Here each pair of partners combines the same two values in the same order, so
    /// the results are the same to the last bit.
    ///
    /// # Errors
    /// As [`broadcast`](Rank::broadcast).
    pub fn all_reduce<T: Clone>(&self, value: T, combine: impl Fn(T, T) -> T) -> Result<T, Error>
    where
        W: Carries<T>,
    {
        blocked(Call::new(self, Way::Blocking, Kind::AllReduce).all_reduce(value, combine))
    }

    /// [`all_reduce`](Rank::all_reduce) in a task.
    ///
    /// # Errors
    /// As that.
    pub async fn all_reduce_async<T: Clone>(&self, value: T, combine: impl Fn(T, T) -> T) -> Result<T, Error>
    where
        W: Carries<T>,
    {
        Call::new(self, Way::Polled, Kind::AllReduce).all_reduce(value, combine).await
    }

    /// Combines the values of all ranks up to and with this one, in order. The operation need be associative, not commutative.
    ///
    /// ```
    /// use narrows_rank::World;
    ///
    /// let sums = World::threads(4).run(|me| me.scan(1, |a, b| a + b));
    /// assert_eq!(sums.unwrap(), [1, 2, 3, 4]);
    /// ```
    ///
    /// # Errors
    /// As [`broadcast`](Rank::broadcast).
    pub fn scan<T: Clone>(&self, value: T, combine: impl Fn(T, T) -> T) -> Result<T, Error>
    where
        W: Carries<T>,
    {
        blocked(Call::new(self, Way::Blocking, Kind::Scan).scan(value, combine))
    }

    /// [`scan`](Rank::scan) in a task.
    ///
    /// # Errors
    /// As that.
    pub async fn scan_async<T: Clone>(&self, value: T, combine: impl Fn(T, T) -> T) -> Result<T, Error>
    where
        W: Carries<T>,
    {
        Call::new(self, Way::Polled, Kind::Scan).scan(value, combine).await
    }
}
