//! Ranks in processes of their own: values are made into bytes, and frames of them go over a [`Transport`].
//!
//! ```text
//!  a rank's thread --- frames ---> transport ---> pump ---> mailbox     in the process of the other
//!                <--- "taken" --- transport <---
//! ```
//! Each process has one mailbox, that of its rank, and one thread that receives, the pump. It puts messages into the mailbox, where
//! they are matched as everywhere, and never waits for anything else. The bound on messages is kept by the sender: it counts
//! what it has sent, and the receiver tells it now and then how many were taken.

mod frame;
mod office;
mod quiet;
mod run;
#[cfg(test)]
mod tests;

use std::{any::type_name, borrow::Cow};

use serde::{Serialize, de::DeserializeOwned};

pub(crate) use self::office::Post;
pub use self::run::Process;
use crate::parcel::{Carrier, Carries, Parcel, Wanted};

/// Ranks that are processes: a value is serialized by serde, in the form of postcard. Both ends have to be the same program, or
/// to name and serialize their types alike.
#[derive(Debug)]
pub enum Wire {}

/// A value as bytes, and what it was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Packed {
    name: Cow<'static, str>,
    bytes: Vec<u8>,
}

impl Parcel for Packed {
    fn is_a(&self, wanted: &Wanted) -> bool {
        self.name == wanted.name
    }

    fn type_name(&self) -> &str {
        &self.name
    }
}

impl Carrier for Wire {
    type Parcel = Packed;
}

impl<T: Serialize + DeserializeOwned + Send + 'static> Carries<T> for Wire {
    fn pack(value: T) -> Result<Packed, (T, String)> {
        match postcard::to_stdvec(&value) {
            Ok(bytes) => Ok(Packed { name: Cow::Borrowed(type_name::<T>()), bytes }),
            Err(error) => Err((value, format!("`{}`: {error}", type_name::<T>()))),
        }
    }

    fn unpack(parcel: Packed) -> Result<T, String> {
        postcard::from_bytes(&parcel.bytes).map_err(|error| format!("`{}`: {error}", parcel.name))
    }

    fn wanted() -> Wanted {
        Wanted::of::<T>()
    }
}
