//! What every rank has for every other.

use std::collections::VecDeque;

use super::{Call, Kind, Way, blocked, misuse};
use crate::{
    error::Error,
    parcel::{Carrier, Carries},
    rank::Rank,
};

impl<W: Carrier> Call<'_, W> {
    /// After Bruck: each has the values of so many ranks from itself on, and hears those of as many after them.
    pub(super) async fn all_gather<T: Clone>(&self, value: T) -> Result<Vec<T>, Error>
    where
        W: Carries<Vec<T>>,
    {
        let (me, size) = (self.rank(), self.size());
        let mut values = Vec::with_capacity(size);
        values.push(value);
        while values.len() < size {
            let far = values.len();
            let wanted = far.min(size - far);
            self.put((me + size - far) % size, values[..wanted].to_vec()).await?;
            values.append(&mut self.get::<Vec<T>>((me + far) % size).await?);
        }
        values.rotate_right(me);
        Ok(values)
    }

    /// In each round all give to one rank and get from one, each further away than the last.
    async fn all_to_all<T>(&self, values: Vec<T>) -> Result<Vec<T>, Error>
    where
        W: Carries<T>,
    {
        let (me, size) = (self.rank(), self.size());
        if values.len() != size {
            let found = values.len();
            return Err(misuse(format!("all_to_all: {found} values for {size} ranks; each gets one")));
        }
        // From this rank on, so that what is for the next one is always first.
        let mut theirs = VecDeque::from(values);
        theirs.rotate_left(me);
        let mut got = VecDeque::with_capacity(size);
        got.extend(theirs.pop_front());
        for (far, value) in (1..size).zip(theirs) {
            self.put((me + far) % size, value).await?;
            got.push_front(self.get((me + size - far) % size).await?);
        }
        // The one after this rank is first.
        got.rotate_right((me + 1) % size);
        Ok(got.into())
    }
}

impl<W: Carrier> Rank<W> {
    /// Gives all ranks one value of each, in order of their ranks.
    ///
    /// ```
    /// use narrows_rank::World;
    ///
    /// let got = World::threads(3).run(|me| me.all_gather(me.rank() * 10));
    /// assert_eq!(got.unwrap(), vec![vec![0, 10, 20]; 3]);
    /// ```
    ///
    /// # Errors
    /// As [`broadcast`](Rank::broadcast).
    pub fn all_gather<T: Clone>(&self, value: T) -> Result<Vec<T>, Error>
    where
        W: Carries<Vec<T>>,
    {
        blocked(Call::new(self, Way::Blocking, Kind::AllGather).all_gather(value))
    }

    /// [`all_gather`](Rank::all_gather) in a task.
    ///
    /// # Errors
    /// As that.
    pub async fn all_gather_async<T: Clone>(&self, value: T) -> Result<Vec<T>, Error>
    where
        W: Carries<Vec<T>>,
    {
        Call::new(self, Way::Polled, Kind::AllGather).all_gather(value).await
    }

    /// Each rank brings a value for each, and gets the one from each, in order of their ranks.
    ///
    /// ```
    /// use narrows_rank::World;
    ///
    /// let got = World::threads(2).run(|me| me.all_to_all(vec![(me.rank(), 0), (me.rank(), 1)]));
    /// assert_eq!(got.unwrap(), [[(0, 0), (1, 0)], [(0, 1), (1, 1)]]);
    /// ```
    ///
    /// # Errors
    /// As [`broadcast`](Rank::broadcast), and [`Error::Misuse`] if it is not one value for each.
    pub fn all_to_all<T>(&self, values: Vec<T>) -> Result<Vec<T>, Error>
    where
        W: Carries<T>,
    {
        blocked(Call::new(self, Way::Blocking, Kind::AllToAll).all_to_all(values))
    }

    /// [`all_to_all`](Rank::all_to_all) in a task.
    ///
    /// # Errors
    /// As that.
    pub async fn all_to_all_async<T>(&self, values: Vec<T>) -> Result<Vec<T>, Error>
    where
        W: Carries<T>,
    {
        Call::new(self, Way::Polled, Kind::AllToAll).all_to_all(values).await
    }
}
