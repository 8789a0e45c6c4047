//! All-reduce of long vectors, element by element: each rank combines its part of the vector, and the parts go to all.
//!
//! In each round a rank gives half of what it still has to a partner and keeps the other, to which it adds what it is given;
//! the partner is twice as far away each time, so what is added are neighbours. Then the same way back, with parts that are
//! finished. Each rank sends twice the vector at most, where doubling sends it in every round.

use std::mem;

use super::{Call, Kind, Way, blocked, doubling::Place, misuse};
use crate::{
    error::Error,
    parcel::{Carrier, Carries},
    rank::Rank,
};

/// Vectors of fewer bytes go whole: there is little to save by twice as many rounds.
const SHORT: usize = 16 * 1024;

impl<W: Carrier> Call<'_, W> {
    async fn all_reduce_each<T: Clone>(&self, values: Vec<T>, combine: impl Fn(T, T) -> T) -> Result<Vec<T>, Error>
    where
        W: Carries<Vec<T>>,
    {
        let both = |left: Vec<T>, right: Vec<T>| combine_each(left, right, true, &combine);
        let Some((values, place)) = self.pair_up(values, both).await? else {
            return self.get(self.rank() - 1).await;
        };
        let sums = if size_of_val(values.as_slice()) < SHORT {
            self.as_a_whole(values, place, &combine).await?
        } else {
            // A part may be as long as another rank's whole, which must not be taken for it.
            self.turned_to(Kind::AllReduceLong).in_parts(values, place, &combine).await?
        };
        if place.has_joined(self.rank()) {
            self.put(self.rank() + 1, sums.clone()).await?;
        }
        Ok(sums)
    }

    async fn as_a_whole<T: Clone>(
        &self,
        values: Vec<T>,
        place: Place,
        combine: impl Fn(T, T) -> T,
    ) -> Result<Vec<T>, Error>
    where
        W: Carries<Vec<T>>,
    {
        let mut sums = values;
        let mut far = 1;
        while far < place.of {
            let partner = place.rank(place.number ^ far);
            self.put(partner, sums.clone()).await?;
            sums = combine_each(sums, self.get(partner).await?, place.number & far == 0, &combine)?;
            far *= 2;
        }
        Ok(sums)
    }

    async fn in_parts<T: Clone>(
        &self,
        values: Vec<T>,
        place: Place,
        combine: impl Fn(T, T) -> T,
    ) -> Result<Vec<T>, Error>
    where
        W: Carries<Vec<T>>,
    {
        let mut mine = values;
        let mut far = 1;
        while far < place.of {
            let partner = place.rank(place.number ^ far);
            let is_left = place.number & far == 0;
            let second = mine.split_off(mine.len() / 2);
            let theirs = if is_left { second } else { mem::replace(&mut mine, second) };
            self.put(partner, theirs).await?;
            mine = combine_each(mine, self.get(partner).await?, is_left, &combine)?;
            far *= 2;
        }
        while far > 1 {
            far /= 2;
            let partner = place.rank(place.number ^ far);
            self.put(partner, mine.clone()).await?;
            let theirs = self.get::<Vec<T>>(partner).await?;
            let (mut left, mut right) = if place.number & far == 0 { (mine, theirs) } else { (theirs, mine) };
            left.append(&mut right);
            mine = left;
        }
        Ok(mine)
    }
}

/// Into `mine`, which is the left operand or the right one.
fn combine_each<T: Clone>(
    mut mine: Vec<T>,
    theirs: Vec<T>,
    is_left: bool,
    combine: impl Fn(T, T) -> T,
) -> Result<Vec<T>, Error> {
    if mine.len() != theirs.len() {
        let (mine, theirs) = (mine.len(), theirs.len());
        return Err(misuse(format!("all_reduce_each: vectors of {mine} and of {theirs} elements; all need the same")));
    }
    for (mine, theirs) in mine.iter_mut().zip(theirs) {
        *mine = if is_left { combine(mine.clone(), theirs) } else { combine(theirs, mine.clone()) };
    }
    Ok(mine)
}

impl<W: Carrier> Rank<W> {
    /// Combines the vectors of all ranks element by element, and gives the result to all. All have to be of the same length; the
    /// operation need be associative, not commutative. All ranks get the same to the last bit.
    ///
    /// ```
    /// use narrows_rank::World;
    ///
    /// let sums = World::threads(3).run(|me| me.all_reduce_each(vec![me.rank(), 1], |a, b| a + b));
    /// assert_eq!(sums.unwrap(), vec![vec![3, 3]; 3]);
    /// ```
    ///
    /// # Errors
    /// As [`broadcast`](Rank::broadcast), and [`Error::Misuse`] if the lengths differ; where one is of at least 16 KiB and another
    /// is not, their ranks wait for each other.
    pub fn all_reduce_each<T: Clone>(&self, values: Vec<T>, combine: impl Fn(T, T) -> T) -> Result<Vec<T>, Error>
    where
        W: Carries<Vec<T>>,
    {
        blocked(Call::new(self, Way::Blocking, Kind::AllReduceEach).all_reduce_each(values, combine))
    }

    /// [`all_reduce_each`](Rank::all_reduce_each) in a task.
    ///
    /// # Errors
    /// As that.
    pub async fn all_reduce_each_async<T: Clone>(
        &self,
        values: Vec<T>,
        combine: impl Fn(T, T) -> T,
    ) -> Result<Vec<T>, Error>
    where
        W: Carries<Vec<T>>,
    {
        Call::new(self, Way::Polled, Kind::AllReduceEach).all_reduce_each(values, combine).await
    }
}
