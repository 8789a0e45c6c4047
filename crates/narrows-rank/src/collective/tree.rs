//! From one to all and from all to one, along a binomial tree.
//!
//! The tree is over numbers counted from its root: who has number `v` belongs to whom has it without its lowest bit, and has
//! below it the numbers up to that bit. So below each are neighbours.

use super::{Call, Kind, Way, blocked, misuse};
use crate::{
    error::Error,
    parcel::{Carrier, Carries},
    rank::Rank,
};

impl<W: Carrier> Call<'_, W> {
    /// How far from the root this rank is.
    fn from(&self, root: usize) -> usize {
        (self.rank() + self.size() - root) % self.size()
    }

    /// The rank that is so far from the root.
    fn at(&self, root: usize, number: usize) -> usize {
        (root + number) % self.size()
    }

    /// Beyond the last number below it.
    fn reach(&self, number: usize) -> usize {
        let below = if number == 0 { self.size().next_power_of_two() } else { lowest_bit(number) };
        (number + below).min(self.size())
    }

    /// The numbers right below one, the furthest first.
    fn children(&self, number: usize) -> impl DoubleEndedIterator<Item = usize> + use<W> {
        let size = self.size();
        let bits = if number == 0 { size.next_power_of_two().trailing_zeros() } else { number.trailing_zeros() };
        (0..bits).rev().map(move |bit| number + (1 << bit)).filter(move |child| *child < size)
    }

    fn check_root(&self, root: usize) -> Result<(), Error> {
        self.me.member(root).map(|_| ())
    }

    async fn broadcast<T: Clone>(&self, root: usize, value: Option<T>) -> Result<T, Error>
    where
        W: Carries<T>,
    {
        self.check_root(root)?;
        let me = self.from(root);
        let value = match (me, value) {
            (0, Some(value)) => value,
            (0, None) => return Err(misuse("broadcast: the root has to bring a value")),
            (_, Some(_)) => return Err(misuse("broadcast: a value was brought by a rank that is not the root")),
            _ => self.get(self.at(root, me - lowest_bit(me))).await?,
        };
        for child in self.children(me) {
            self.put(self.at(root, child), value.clone()).await?;
        }
        Ok(value)
    }

    async fn scatter<T>(&self, root: usize, values: Option<Vec<T>>) -> Result<T, Error>
    where
        W: Carries<Vec<T>>,
    {
        self.check_root(root)?;
        let me = self.from(root);
        // Those from this number on to its reach.
        let mut mine: Vec<T> = match (me, values) {
            (0, Some(mut values)) => {
                if values.len() != self.size() {
                    let (found, size) = (values.len(), self.size());
                    return Err(misuse(format!("scatter: {found} values for {size} ranks; each gets one")));
                }
                values.rotate_left(root);
                values
            }
            (0, None) => return Err(misuse("scatter: the root has to bring the values")),
            (_, Some(_)) => return Err(misuse("scatter: values were brought by a rank that is not the root")),
            _ => self.get(self.at(root, me - lowest_bit(me))).await?,
        };
        for child in self.children(me) {
            let theirs = mine.split_off(child - me);
            self.put(self.at(root, child), theirs).await?;
        }
        mine.pop().ok_or_else(|| misuse("scatter: another rank sent too few values"))
    }

    async fn gather<T>(&self, root: usize, value: T) -> Result<Option<Vec<T>>, Error>
    where
        W: Carries<Vec<T>>,
    {
        self.check_root(root)?;
        let me = self.from(root);
        let mut mine = Vec::with_capacity(self.reach(me) - me);
        mine.push(value);
        for child in self.children(me).rev() {
            mine.append(&mut self.get::<Vec<T>>(self.at(root, child)).await?);
        }
        if me != 0 {
            self.put(self.at(root, me - lowest_bit(me)), mine).await?;
            return Ok(None);
        }
        mine.rotate_right(root);
        Ok(Some(mine))
    }

    /// To rank 0, along the tree of that, so that neighbours in it are neighbours in rank; from there to the root.
    async fn reduce<T>(&self, root: usize, value: T, combine: impl Fn(T, T) -> T) -> Result<Option<T>, Error>
    where
        W: Carries<T>,
    {
        self.check_root(root)?;
        let me = self.rank();
        let mut sum = value;
        for child in self.children(me).rev() {
            sum = combine(sum, self.get(child).await?);
        }
        if me != 0 {
            self.put(me - lowest_bit(me), sum).await?;
            return if me == root { self.get(0).await.map(Some) } else { Ok(None) };
        }
        if root == 0 {
            return Ok(Some(sum));
        }
        self.put(root, sum).await?;
        Ok(None)
    }
}

fn lowest_bit(number: usize) -> usize {
    1 << number.trailing_zeros()
}

impl<W: Carrier> Rank<W> {
    /// Gives every rank the value that `root` brings: `Some` there, `None` elsewhere. It is cloned for each rank that one
    /// sends it to; something large is best sent as an `Arc`, or as what is cheap to clone.
    ///
    /// ```
    /// use narrows_rank::World;
    ///
    /// let got = World::threads(3).run(|me| me.broadcast(1, (me.rank() == 1).then_some("news")));
    /// assert_eq!(got.unwrap(), ["news"; 3]);
    /// ```
    ///
    /// # Errors
    /// If a rank that this one waits for has ended, [`Error::Misuse`] if a value is missing at the root or brought elsewhere,
    /// [`Error::Deadlock`] if all ranks wait for each other, as when they call different collectives.
    pub fn broadcast<T: Clone>(&self, root: usize, value: Option<T>) -> Result<T, Error>
    where
        W: Carries<T>,
    {
        blocked(Call::new(self, Way::Blocking, Kind::Broadcast).broadcast(root, value))
    }

    /// [`broadcast`](Rank::broadcast) in a task.
    ///
    /// # Errors
    /// As that.
    ///
    /// # Cancel safety
    /// None: dropped before its end, it leaves other ranks waiting for its part. So with every collective.
    pub async fn broadcast_async<T: Clone>(&self, root: usize, value: Option<T>) -> Result<T, Error>
    where
        W: Carries<T>,
    {
        Call::new(self, Way::Polled, Kind::Broadcast).broadcast(root, value).await
    }

    /// Gives each rank its one of the values that `root` brings, one for each.
    ///
    /// ```
    /// use narrows_rank::World;
    ///
    /// let got = World::threads(3).run(|me| me.scatter(0, (me.rank() == 0).then(|| vec!['a', 'b', 'c'])));
    /// assert_eq!(got.unwrap(), ['a', 'b', 'c']);
    /// ```
    ///
    /// # Errors
    /// As [`broadcast`](Rank::broadcast).
    pub fn scatter<T>(&self, root: usize, values: Option<Vec<T>>) -> Result<T, Error>
    where
        W: Carries<Vec<T>>,
    {
        blocked(Call::new(self, Way::Blocking, Kind::Scatter).scatter(root, values))
    }

    /// [`scatter`](Rank::scatter) in a task.
    ///
    /// # Errors
    /// As that.
    pub async fn scatter_async<T>(&self, root: usize, values: Option<Vec<T>>) -> Result<T, Error>
    where
        W: Carries<Vec<T>>,
    {
        Call::new(self, Way::Polled, Kind::Scatter).scatter(root, values).await
    }

    /// Brings one value of each rank to `root`, which gets them in order of their ranks; the others get `None`.
    ///
    /// ```
    /// use narrows_rank::World;
    ///
    /// let got = World::threads(3).run(|me| me.gather(2, me.rank() * 10));
    /// assert_eq!(got.unwrap(), [None, None, Some(vec![0, 10, 20])]);
    /// ```
    ///
    /// # Errors
    /// As [`broadcast`](Rank::broadcast).
    pub fn gather<T>(&self, root: usize, value: T) -> Result<Option<Vec<T>>, Error>
    where
        W: Carries<Vec<T>>,
    {
        blocked(Call::new(self, Way::Blocking, Kind::Gather).gather(root, value))
    }

    /// [`gather`](Rank::gather) in a task.
    ///
    /// # Errors
    /// As that.
    pub async fn gather_async<T>(&self, root: usize, value: T) -> Result<Option<Vec<T>>, Error>
    where
        W: Carries<Vec<T>>,
    {
        Call::new(self, Way::Polled, Kind::Gather).gather(root, value).await
    }

    /// Combines one value of each rank, in order of their ranks, and gives the result to `root`; the others get `None`.
    /// The operation need be associative, not commutative.
    ///
    /// ```
    /// use narrows_rank::World;
    ///
    /// let got = World::threads(4).run(|me| me.reduce(0, me.rank().to_string(), |a, b| a + &b));
    /// assert_eq!(got.unwrap()[0].as_deref(), Some("0123"));
    /// ```
    ///
    /// # Errors
    /// As [`broadcast`](Rank::broadcast).
    pub fn reduce<T>(&self, root: usize, value: T, combine: impl Fn(T, T) -> T) -> Result<Option<T>, Error>
    where
        W: Carries<T>,
    {
        blocked(Call::new(self, Way::Blocking, Kind::Reduce).reduce(root, value, combine))
    }

    /// [`reduce`](Rank::reduce) in a task.
    ///
    /// # Errors
    /// As that.
    pub async fn reduce_async<T>(&self, root: usize, value: T, combine: impl Fn(T, T) -> T) -> Result<Option<T>, Error>
    where
        W: Carries<T>,
    {
        Call::new(self, Way::Polled, Kind::Reduce).reduce(root, value, combine).await
    }
}
