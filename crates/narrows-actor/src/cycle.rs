//! Who waits for whose answer, so that a ring of questions is an error at once, which names the actors.
//!
//! An actor that asks leaves an edge at its own desk before it looks whether a way leads from whom it asks back to itself.
//! Of two that ask at once the one that looks later sees the other's edge: both looks are under the locks that the edges went in
//! by. An edge is open until its question is answered or given up; [`Reply`](crate::Reply) closes it before the answer goes out.

use std::fmt;

use crate::{
    desk::Desk,
    reason::ActorId,
    sync::{Arc, AtomicBool, Mutex, Ordering, lock},
};

/// That one waits for an answer from another.
#[derive(Debug)]
pub(crate) struct Edge {
    /// With whom the question is.
    to: Mutex<Arc<Desk>>,
    is_closed: AtomicBool,
}

impl Edge {
    pub(crate) fn close(&self) {
        // Release: pairs with the Acquire in `target`. Whoever hears of the answer heard of this before.
        self.is_closed.store(true, Ordering::Release);
    }

    /// The question has been passed on.
    pub(crate) fn lead_to(&self, desk: &Arc<Desk>) {
        let before = std::mem::replace(&mut *lock(&self.to), desk.clone());
        drop(before);
    }

    fn target(&self) -> Option<Arc<Desk>> {
        // Acquire: pairs with the Release in `close`.
        (!self.is_closed.load(Ordering::Acquire)).then(|| lock(&self.to).clone())
    }
}

/// The questions that an actor waits for an answer to.
#[derive(Debug, Default)]
pub(crate) struct Waits(Mutex<Vec<Arc<Edge>>>);

impl Waits {
    fn targets(&self) -> Vec<Arc<Desk>> {
        lock(&self.0).iter().filter_map(|edge| edge.target()).collect()
    }
}

/// An edge while whoever asked waits.
#[derive(Debug)]
pub(crate) struct Question {
    from: Arc<Desk>,
    pub(crate) edge: Arc<Edge>,
}

impl Question {
    /// `from` is about to ask `to`.
    pub(crate) fn begin(from: Arc<Desk>, to: &Arc<Desk>) -> Result<Question, Cycle> {
        let edge = Arc::new(Edge { to: Mutex::new(to.clone()), is_closed: AtomicBool::new(false) });
        lock(&from.waits.0).push(edge.clone());
        let question = Question { from, edge };
        let (mut path, mut seen) = (vec![question.from.clone()], Vec::new());
        if leads_back(to, &question.from, &mut path, &mut seen) {
            path.push(question.from.clone());
            return Err(Cycle { names: path.iter().map(|desk| desk.name.clone()).collect() });
        }
        Ok(question)
    }
}

impl Drop for Question {
    fn drop(&mut self) {
        lock(&self.from.waits.0).retain(|edge| !Arc::ptr_eq(edge, &self.edge));
    }
}

/// Whether a way of open edges leads from `at` to `to`; if so it is added to the path.
fn leads_back(at: &Arc<Desk>, to: &Arc<Desk>, path: &mut Vec<Arc<Desk>>, seen: &mut Vec<ActorId>) -> bool {
    if at.id == to.id {
        return true;
    }
    if seen.contains(&at.id) {
        return false;
    }
    seen.push(at.id);
    path.push(at.clone());
    if at.waits.targets().iter().any(|next| leads_back(next, to, path, seen)) {
        return true;
    }
    path.pop();
    false
}

/// A ring of questions: each actor waits for the answer of the next, the last for that of the first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cycle {
    names: Vec<Arc<str>>,
}

impl Cycle {
    /// The names of the actors, beginning and ending with the one that asked last.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.names.iter().map(|name| &**name)
    }
}

impl fmt::Display for Cycle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, name) in self.names().enumerate() {
            write!(f, "{}{name}", if i == 0 { "" } else { " asks " })?;
        }
        Ok(())
    }
}
