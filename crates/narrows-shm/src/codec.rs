//! How messages become bytes and come back.

use std::{any::type_name, cell::Cell, marker::PhantomData, mem::MaybeUninit, ops::Deref};

use serde::{Serialize, de::DeserializeOwned};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

use crate::{
    fault::Fault,
    layout::{ALIGN, check_sum},
    queue::Claimed,
};

/// How messages of type `T` become bytes. There are three: [`Postcard`], [`Plain`] and [`Bytes`].
pub trait Codec<T>: sealed::Sealed<T> + Send + Sync + 'static {}

/// Anything that serde can serialize, in the compact format of the crate `postcard`.
#[derive(Debug, Clone, Copy)]
pub enum Postcard {}

/// Plain data: types without pointers or padding, which are copied as they are, and with [leases](crate::Receiver::lease) and
/// [loans](crate::Sender::loan) not even that. Held by zerocopy's traits.
#[derive(Debug, Clone, Copy)]
pub enum Plain {}

/// Bytes: messages are `Vec<u8>`.
#[derive(Debug, Clone, Copy)]
pub enum Bytes {}

/// A message that is on lease.
#[derive(Debug)]
pub struct Decoded<T>(T);

/// A message of plain data where it lies, in shared memory.
#[derive(Debug)]
pub struct InPlace<T>(*const T, PhantomData<T>);

impl<T> Deref for Decoded<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T> Deref for InPlace<T> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: `hold` has checked length and alignment; any bytes are a `T`, and they stay as they are while the lease that
        // this is part of lives: no participant writes to a message that another has claimed.
        unsafe { &*self.0 }
    }
}

// SAFETY: it is a reference to a `T` that lives as long as the lease.
unsafe impl<T: Sync> Send for InPlace<T> {}
// SAFETY: as above.
unsafe impl<T: Sync> Sync for InPlace<T> {}

pub(crate) mod sealed {
    use super::{Claimed, Fault};

    /// What the crate needs of a codec.
    #[doc(hidden)]
    #[allow(private_interfaces)] // only this crate can call it
    pub trait Sealed<T> {
        /// The message on lease.
        type Held: std::ops::Deref<Target = T>;
        /// What is taken out of the segment, before it is decoded.
        type Raw;

        /// The type, as it is told to people.
        fn name() -> String;
        /// A number for the type.
        fn hash() -> u64;
        /// How long each message is, if they are all the same.
        fn fixed_len() -> Option<usize> {
            None
        }
        /// How messages are to be aligned.
        fn align() -> usize {
            1
        }
        /// Whether that is an alignment that only blocks have.
        fn needs_blocks() -> bool {
            Self::align() > super::ALIGN
        }
        /// Encodes, and hands the bytes on.
        fn encode<R>(message: &T, with: impl FnOnce(&[u8]) -> R) -> Result<R, Fault>;
        /// Copies a message out.
        fn take(claimed: &Claimed) -> Result<Self::Raw, Fault>;
        /// Makes a message of it.
        fn decode(raw: Self::Raw) -> Result<T, Fault>;
        /// The message while it is on lease.
        fn hold(claimed: &Claimed) -> Result<Self::Held, Fault>;
    }
}

use sealed::Sealed;

thread_local! {
    static SCRATCH: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// Larger ones are not kept for the next message.
const LARGEST_SCRATCH: usize = 1 << 16;

/// The name of a type without the names of crates: two programs of one package that share a module have the same types.
fn name_within<T>() -> String {
    let is_of_path = |c: char| c.is_alphanumeric() || c == '_' || c == ':';
    let mut name = String::new();
    let mut rest = type_name::<T>();
    while let Some(first) = rest.chars().next() {
        let end = rest.find(|c| is_of_path(c) != is_of_path(first)).unwrap_or(rest.len());
        let (part, after) = rest.split_at(end);
        name += part.split_once("::").map_or(part, |(_, path)| path);
        rest = after;
    }
    name
}

fn wrong_length(len: usize, expected: usize) -> Fault {
    Fault::Decode(format!("it has {len} bytes instead of {expected}"))
}

#[allow(private_interfaces)]
impl<T: Serialize + DeserializeOwned> Sealed<T> for Postcard {
    type Held = Decoded<T>;
    type Raw = Vec<u8>;

    fn name() -> String {
        type_name::<T>().to_owned()
    }

    fn hash() -> u64 {
        check_sum(format!("postcard {}", name_within::<T>()).as_bytes())
    }

    fn encode<R>(message: &T, with: impl FnOnce(&[u8]) -> R) -> Result<R, Fault> {
        let mut bytes = SCRATCH.take();
        bytes.clear();
        let bytes = postcard::to_extend(message, bytes).map_err(|error| Fault::Encode(error.to_string()))?;
        let result = with(&bytes);
        if bytes.capacity() <= LARGEST_SCRATCH {
            SCRATCH.set(bytes);
        }
        Ok(result)
    }

    fn take(claimed: &Claimed) -> Result<Vec<u8>, Fault> {
        let mut bytes: Vec<u8> = SCRATCH.take();
        bytes.clear();
        bytes.reserve(claimed.len());
        claimed.append_to(&mut bytes);
        Ok(bytes)
    }

    fn decode(bytes: Vec<u8>) -> Result<T, Fault> {
        let message = postcard::from_bytes(&bytes).map_err(|error| Fault::Decode(error.to_string()));
        if bytes.capacity() <= LARGEST_SCRATCH {
            SCRATCH.set(bytes);
        }
        message
    }

    fn hold(claimed: &Claimed) -> Result<Decoded<T>, Fault> {
        let bytes = <Self as Sealed<T>>::take(claimed)?;
        <Self as Sealed<T>>::decode(bytes).map(Decoded)
    }
}

impl<T: Serialize + DeserializeOwned> Codec<T> for Postcard {}

#[allow(private_interfaces)]
impl<T: FromBytes + IntoBytes + Immutable + KnownLayout> Sealed<T> for Plain {
    type Held = InPlace<T>;
    type Raw = T;

    fn name() -> String {
        type_name::<T>().to_owned()
    }

    fn hash() -> u64 {
        let (size, align) = (size_of::<T>(), align_of::<T>());
        check_sum(format!("plain {} {size} {align}", name_within::<T>()).as_bytes())
    }

    fn fixed_len() -> Option<usize> {
        Some(size_of::<T>())
    }

    fn align() -> usize {
        align_of::<T>()
    }

    #[inline]
    fn encode<R>(message: &T, with: impl FnOnce(&[u8]) -> R) -> Result<R, Fault> {
        Ok(with(message.as_bytes()))
    }

    #[inline]
    fn take(claimed: &Claimed) -> Result<T, Fault> {
        if claimed.len() != size_of::<T>() {
            return Err(wrong_length(claimed.len(), size_of::<T>()));
        }
        let mut message = MaybeUninit::<T>::uninit();
        // SAFETY: these are the bytes of `message`, all of them; uninitialized ones are allowed here.
        let bytes =
            unsafe { std::slice::from_raw_parts_mut(message.as_mut_ptr().cast::<MaybeUninit<u8>>(), size_of::<T>()) };
        claimed.copy_to(bytes);
        // SAFETY: every byte was written, and any bytes are a `T`.
        Ok(unsafe { message.assume_init() })
    }

    #[inline]
    fn decode(message: T) -> Result<T, Fault> {
        Ok(message)
    }

    fn hold(claimed: &Claimed) -> Result<InPlace<T>, Fault> {
        if claimed.len() != size_of::<T>() {
            return Err(wrong_length(claimed.len(), size_of::<T>()));
        }
        let message = claimed.bytes().cast::<T>();
        if !message.is_aligned() {
            return Err(Fault::Decode("it lies across the alignment of its type".into()));
        }
        Ok(InPlace(message, PhantomData))
    }
}

impl<T: FromBytes + IntoBytes + Immutable + KnownLayout> Codec<T> for Plain {}

#[allow(private_interfaces)]
impl Sealed<Vec<u8>> for Bytes {
    type Held = Decoded<Vec<u8>>;
    type Raw = Vec<u8>;

    fn name() -> String {
        "bytes".to_owned()
    }

    fn hash() -> u64 {
        check_sum(b"bytes")
    }

    fn encode<R>(message: &Vec<u8>, with: impl FnOnce(&[u8]) -> R) -> Result<R, Fault> {
        Ok(with(message))
    }

    fn take(claimed: &Claimed) -> Result<Vec<u8>, Fault> {
        let mut bytes = Vec::with_capacity(claimed.len());
        claimed.append_to(&mut bytes);
        Ok(bytes)
    }

    fn decode(bytes: Vec<u8>) -> Result<Vec<u8>, Fault> {
        Ok(bytes)
    }

    fn hold(claimed: &Claimed) -> Result<Decoded<Vec<u8>>, Fault> {
        Self::take(claimed).map(Decoded)
    }
}

impl Codec<Vec<u8>> for Bytes {}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn a_type_is_the_same_in_two_programs_that_share_its_module() {
        struct Job<T>(T);
        let name = name_within::<Option<(u8, [Job<std::net::IpAddr>; 3])>>();
        assert_eq!(
            name,
            "option::Option<(u8, [codec::tests::a_type_is_the_same_in_two_programs_that_share_its_module::Job<net::ip_addr::IpAddr>; 3])>"
        );
        assert_ne!(name_within::<Vec<u8>>(), name_within::<Vec<u16>>());
        let _ = Job(1).0;
    }
}
