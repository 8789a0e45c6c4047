//! Groups of ranks within a group.

use super::{Call, Kind, Way, blocked};
use crate::{
    error::Error,
    parcel::{Carrier, Carries},
    rank::{Group, Rank},
    sync::{Arc, Ordering},
};

impl<W: Carrier> Call<'_, W> {
    async fn split(&self, color: u64, key: u64) -> Result<Rank<W>, Error>
    where
        W: Carries<Vec<[u64; 3]>>,
    {
        // Relaxed: only this rank writes it, and splits of one group come one after the other.
        let next = self.me.core.next_context.load(Ordering::Relaxed);
        let all = self.all_gather([color, key, u64::from(next)]).await?;
        // A number that none of them has used: groups that have a rank in common get different ones.
        let context = all.iter().map(|[_, _, next]| *next).max().unwrap_or(0);
        let context = u32::try_from(context).expect("the numbers of contexts are no longer");
        // Relaxed: as above.
        self.me.core.next_context.store(context + 2, Ordering::Relaxed);
        let numbers = self.me.group.members.iter().zip(&all);
        let mut members: Vec<_> =
            numbers.filter(|(_, [other, ..])| *other == color).map(|(member, [_, key, _])| (*key, *member)).collect();
        // Stable: those of the same key stay in order.
        members.sort_by_key(|(key, _)| *key);
        let members: Arc<[u32]> = members.into_iter().map(|(_, member)| member).collect();
        let mine = self.me.core.number();
        let index = members.iter().position(|member| *member == mine).expect("its own color is its own");
        let group = Arc::new(Group::new(context, members, index));
        Ok(Rank { core: self.me.core.clone(), group, life: self.me.life.clone() })
    }
}

impl<W: Carrier> Rank<W> {
    /// Splits the group: ranks that name the same `color` make a new one, in order of `key`, and where that is the same in their
    /// old order. What is returned is this rank in its new group, with a number of its own there; messages and collectives of
    /// different groups never mix. All ranks of the group have to call it.
    ///
    /// ```
    /// use narrows_rank::World;
    ///
    /// World::threads(5).run(|me| {
    ///     let parity = me.split(me.rank() as u64 % 2, 0)?;
    ///     let all = parity.all_gather(me.rank())?;
    ///     assert_eq!(all, if me.rank() % 2 == 0 { vec![0, 2, 4] } else { vec![1, 3] });
    ///     Ok(())
    /// })?;
    /// # Ok::<(), narrows_rank::RunError>(())
    /// ```
    ///
    /// # Errors
    /// As [`broadcast`](Rank::broadcast).
    pub fn split(&self, color: u64, key: u64) -> Result<Rank<W>, Error>
    where
        W: Carries<Vec<[u64; 3]>>,
    {
        blocked(Call::new(self, Way::Blocking, Kind::Split).split(color, key))
    }

    /// [`split`](Rank::split) in a task.
    ///
    /// # Errors
    /// As that.
    pub async fn split_async(&self, color: u64, key: u64) -> Result<Rank<W>, Error>
    where
        W: Carries<Vec<[u64; 3]>>,
    {
        Call::new(self, Way::Polled, Kind::Split).split(color, key).await
    }
}
