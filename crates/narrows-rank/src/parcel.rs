//! What a message is on its way: a value that is moved, or bytes. Which of the two, the kind of world says.
//!
//! Invariant: what is in a parcel comes out as the type that went in, or not at all.

use std::{
    any::{Any, TypeId, type_name},
    fmt,
};

/// A type that a receive asks for.
#[derive(Debug, Clone, Copy)]
pub struct Wanted {
    id: TypeId,
    pub(crate) name: &'static str,
}

impl Wanted {
    pub(crate) fn of<T: 'static>() -> Wanted {
        Wanted { id: TypeId::of::<T>(), name: type_name::<T>() }
    }
}

/// What lies in a mailbox.
pub trait Parcel: Send + fmt::Debug + 'static {
    /// Whether it holds what is wanted.
    fn is_a(&self, wanted: &Wanted) -> bool;
    /// The name of the type it holds.
    fn type_name(&self) -> &str;
}

/// A kind of world: how a value gets from one rank to another. [`Local`] moves it.
pub trait Carrier: Send + Sync + Sized + 'static {
    #[doc(hidden)]
    type Parcel: Parcel;
}

/// That ranks of such a world can send each other values of type `T`.
///
/// [`Local`] carries whatever is `Send + 'static`. So a program for ranks that are threads or tasks never meets this trait; one
/// written for every kind of world names in its bounds what it sends:
///
/// ```
/// use narrows_rank::{Carries, Error, Rank, World};
///
/// fn sum<W: Carries<u64> + Carries<()>>(me: &Rank<W>) -> Result<u64, Error> {
///     me.barrier()?;
///     me.all_reduce(me.rank() as u64, |a, b| a + b)
/// }
/// assert_eq!(World::threads(4).run(sum).unwrap(), [6; 4]);
/// ```
pub trait Carries<T>: Carrier {
    #[doc(hidden)]
    fn pack(value: T) -> Result<Self::Parcel, (T, String)>;
    #[doc(hidden)]
    fn unpack(parcel: Self::Parcel) -> Result<T, String>;
    #[doc(hidden)]
    fn wanted() -> Wanted;
}

/// Ranks of one process, threads or tasks: a value is moved, whatever its type, and nothing is serialized.
#[derive(Debug)]
pub enum Local {}

/// A value on its way within a process.
pub struct Moved {
    value: Box<dyn Any + Send>,
    name: &'static str,
}

impl fmt::Debug for Moved {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Moved").field(&self.name).finish()
    }
}

impl Parcel for Moved {
    fn is_a(&self, wanted: &Wanted) -> bool {
        (*self.value).type_id() == wanted.id
    }

    fn type_name(&self) -> &str {
        self.name
    }
}

impl Carrier for Local {
    type Parcel = Moved;
}

impl<T: Send + 'static> Carries<T> for Local {
    fn pack(value: T) -> Result<Moved, (T, String)> {
        Ok(Moved { value: Box::new(value), name: type_name::<T>() })
    }

    fn unpack(parcel: Moved) -> Result<T, String> {
        parcel.value.downcast().map(|value| *value).map_err(|_| format!("a `{}` was sent", parcel.name))
    }

    fn wanted() -> Wanted {
        Wanted::of::<T>()
    }
}
