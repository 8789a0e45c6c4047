//! Groups of ranks within a group.

use super::{Call, Kind, Way, blocked, misuse};
use crate::{
    error::Error,
    parcel::{Carrier, Carries},
    rank::{Group, Rank},
    sync::{Arc, Ordering},
};

/// The context of a new group: which rank comes first in it, and a number that this one has offered for no other. So no two
/// groups of a world have the same, whatever ranks they have in common and in whatever order they are made, and nobody
/// has to be asked. All members see the same.
fn context(first: u32, offer: u64) -> Result<u64, Error> {
    let offer = u32::try_from(offer).ok().filter(|offer| offer >> 31 == 0);
    let offer = offer.ok_or_else(|| misuse("split: a rank can take part in 2,147,483,647 splits"))?;
    // The lowest bit is for collectives.
    Ok(u64::from(first) << 32 | u64::from(offer) << 1)
}

impl<W: Carrier> Call<'_, W> {
    async fn split(&self, color: u64, key: u64) -> Result<Rank<W>, Error>
    where
        W: Carries<Vec<[u64; 3]>>,
    {
        // Relaxed: only that each of its splits has another, also those of two groups at once.
        let offer = self.me.core.groups.fetch_add(1, Ordering::Relaxed);
        let all = self.all_gather([color, key, offer]).await?;
        let numbers = self.me.group.members.iter().zip(&all);
        let mut members: Vec<_> = numbers.filter(|(_, [other, ..])| *other == color).collect();
        // Stable: those of the same key stay in order.
        members.sort_by_key(|(_, [_, key, _])| *key);
        let (first, [_, _, offer]) = members[0];
        let context = context(*first, *offer)?;
        let members: Arc<[u32]> = members.into_iter().map(|(member, _)| *member).collect();
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

#[cfg(test)]
mod tests {
    use super::context;

    #[test]
    fn every_offer_of_every_rank_is_another_context_and_the_last_is_an_error() {
        let (last, most) = (u32::MAX, u64::from(u32::MAX >> 1));
        assert_eq!(context(0, 1), Ok(2), "the world has 0 and 1");
        assert_eq!((context(last, most), context(last, 0)), (Ok(u64::MAX - 1), Ok(u64::from(last) << 32)));
        assert!(context(0, most + 1).is_err() && context(0, u64::MAX).is_err());
    }
}
