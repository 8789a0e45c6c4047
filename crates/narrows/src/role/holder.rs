//! Who has a role, and with it the state that it guards.

use std::{
    marker::PhantomData,
    ops::{Deref, DerefMut},
};

use super::{Role, owner::Owner};

/// The holder of a role; dropping it leaves, and stands between what was written before and what is looked at next, against
/// `Role::fence_against`.
#[derive(Debug)]
pub(crate) struct Holder<'a, S> {
    pub(super) role: &'a Role<S>,
    /// By whose bias it came in.
    pub(super) owner: Option<&'a Owner>,
    /// Shared between threads it would share the state.
    pub(super) state: PhantomData<&'a mut S>,
}

impl<S> Deref for Holder<'_, S> {
    type Target = S;

    #[inline(always)]
    fn deref(&self) -> &S {
        // SAFETY: we hold the role, so nobody else touches the state, and our own borrow is bound to this borrow of us.
        self.role.state.with_mut(|state| unsafe { &*state })
    }
}

impl<S> DerefMut for Holder<'_, S> {
    #[inline(always)]
    fn deref_mut(&mut self) -> &mut S {
        // SAFETY: as above, and the borrow of us is exclusive.
        self.role.state.with_mut(|state| unsafe { &mut *state })
    }
}

impl<S> Drop for Holder<'_, S> {
    #[inline(always)]
    fn drop(&mut self) {
        match self.owner {
            Some(me) => self.role.step_out(me),
            None => self.role.leave(),
        }
    }
}
