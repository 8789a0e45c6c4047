//! Names for addresses. A value like any other: who is to find an actor is given the registry, and two of them know nothing of
//! each other.

use std::{
    any::{Any, type_name},
    collections::HashMap,
    error::Error,
    fmt,
};

use crate::{
    address::Addr,
    desk::Desk,
    sync::{Arc, Mutex, lock},
};

/// Actors by name. Clones are of the same registry.
///
/// It holds addresses, so an actor does not end for want of one while it is registered. The name of an actor that has ended is
/// free.
///
/// ```
/// # use narrows_actor::{Actor, Cx, FindError, Flow, Registry, System};
/// # struct Printer;
/// # impl Actor for Printer {
/// #     type Msg = String;
/// #     fn handle(&mut self, line: String, _: &Cx<String>) -> Flow { println!("{line}"); Flow::Next }
/// # }
/// let system = System::new();
/// let registry = Registry::new();
/// registry.register("printer", &system.actor(8, || Printer)).unwrap();
///
/// let printer = registry.find::<String>("printer").unwrap();
/// printer.tell("hello".to_owned()).unwrap();
/// assert!(matches!(registry.find::<u32>("printer"), Err(FindError::OtherMessages { .. })));
/// ```
#[derive(Clone, Default)]
pub struct Registry {
    by_name: Arc<Mutex<HashMap<String, Registered>>>,
}

struct Registered {
    /// An `Addr<M>`.
    address: Box<dyn Any + Send + Sync>,
    messages: &'static str,
    desk: Arc<Desk>,
}

impl Registry {
    /// An empty one.
    pub fn new() -> Registry {
        Registry::default()
    }

    /// Gives an actor a name here. It may have several.
    ///
    /// # Errors
    /// If the name is that of another actor, which has not ended.
    pub fn register<M: Send + 'static>(&self, name: impl Into<String>, address: &Addr<M>) -> Result<(), NameTaken> {
        let name = name.into();
        let desk = address.desk().clone();
        let new = Registered { address: Box::new(address.clone()), messages: type_name::<M>(), desk };
        let mut by_name = lock(&self.by_name);
        if by_name.get(&name).is_some_and(|old| old.desk.id != new.desk.id && !old.desk.over.is_open()) {
            drop(by_name);
            return Err(NameTaken { name });
        }
        let old = by_name.insert(name, new);
        drop(by_name);
        drop(old);
        Ok(())
    }

    /// The address behind a name.
    ///
    /// # Errors
    /// If nobody has that name who has not ended, or its messages are of another type.
    pub fn find<M: Send + 'static>(&self, name: &str) -> Result<Addr<M>, FindError> {
        let by_name = lock(&self.by_name);
        let found = by_name.get(name).filter(|found| !found.desk.over.is_open()).ok_or(FindError::Unknown)?;
        let address = found.address.downcast_ref::<Addr<M>>();
        address.cloned().ok_or(FindError::OtherMessages { messages: found.messages })
    }

    /// Frees a name; false if nobody had it.
    pub fn remove(&self, name: &str) -> bool {
        let old = lock(&self.by_name).remove(name);
        old.is_some()
    }

    /// The names of actors that have not ended, sorted.
    pub fn names(&self) -> Vec<String> {
        let by_name = lock(&self.by_name);
        let living = by_name.iter().filter(|(_, found)| !found.desk.over.is_open());
        let mut names = living.map(|(name, _)| name.clone()).collect::<Vec<_>>();
        drop(by_name);
        names.sort_unstable();
        names
    }
}

impl fmt::Debug for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Registry").field("names", &self.names()).finish()
    }
}

/// A name belongs to another actor. From [`Registry::register`].
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct NameTaken {
    /// The name.
    pub name: String,
}

impl fmt::Display for NameTaken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the name {:?} is that of another actor; remove it first, or wait for that one's end", self.name)
    }
}

/// No address was found. From [`Registry::find`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum FindError {
    /// Nobody has that name, or who had it has ended.
    Unknown,
    /// The actor takes other messages.
    OtherMessages {
        /// Their type.
        messages: &'static str,
    },
}

impl fmt::Display for FindError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            FindError::Unknown => f.pad("no actor has that name"),
            FindError::OtherMessages { messages } => {
                write!(f, "the actor of that name takes messages of type {messages}")
            }
        }
    }
}

impl Error for NameTaken {}
impl Error for FindError {}
