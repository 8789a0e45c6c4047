//! The rows of selects. A select keeps one token for an arm; here it names the row of tickets that the arm has out.
//!
//! Invariant: a row is worked on by its select alone, outside the lock; one whose selector is gone is forgotten.

use std::collections::BTreeMap;

use super::Row;
use crate::{
    arm::{Look, Seat, Ticket, Token},
    sync::{Mutex, lock},
};

/// So many rows are looked through for those whose selectors are gone.
const SWEEP_AT: usize = 8;

#[derive(Debug)]
struct Tenant<T> {
    ticket: Ticket,
    row: Row<T>,
}

#[derive(Debug)]
struct Table<T> {
    next: u64,
    sweep_at: usize,
    tenants: BTreeMap<u64, Tenant<T>>,
}

impl<T> Table<T> {
    /// Removes those whose selectors are gone; they are dropped by who has let go of the lock.
    fn sweep(&mut self) -> Vec<Tenant<T>> {
        if self.tenants.len() < self.sweep_at {
            return Vec::new();
        }
        let dead = |(number, tenant): (&u64, &Tenant<T>)| tenant.ticket.is_dead().then_some(*number);
        let numbers: Vec<u64> = self.tenants.iter().filter_map(dead).collect();
        let gone = numbers.iter().filter_map(|number| self.tenants.remove(number)).collect();
        self.sweep_at = SWEEP_AT.max(self.tenants.len() * 2);
        gone
    }
}

/// The rows of all selects that wait at one receiver.
#[derive(Debug)]
pub(crate) struct Rows<T>(Mutex<Table<T>>);

impl<T> Rows<T> {
    pub(crate) fn new() -> Rows<T> {
        Rows(Mutex::new(Table { next: 0, sweep_at: SWEEP_AT, tenants: BTreeMap::new() }))
    }

    /// Leaves the tickets of an arm by `enlist`, and notes in `seat` which they are.
    pub(crate) fn enlist(
        &self,
        ticket: Ticket,
        seat: &mut Seat,
        enlist: impl FnOnce(&dyn Fn(usize) -> Ticket, &mut Row<T>) -> bool,
    ) -> Look {
        let mut row = seat.and_then(|token| self.remove(token)).map_or_else(Row::new, |tenant| tenant.row);
        let ready = enlist(&|_| ticket.clone(), &mut row);
        let mut table = lock(&self.0);
        let gone = table.sweep();
        let number = table.next;
        table.next += 1;
        table.tenants.insert(number, Tenant { ticket, row });
        drop(table);
        drop(gone);
        *seat = Some(Token::new(0, number));
        Look::ready(ready)
    }

    /// The row that `seat` names, whose tickets are to be taken back.
    pub(crate) fn leave(&self, seat: &mut Seat) -> Option<Row<T>> {
        self.remove(seat.take()?).map(|tenant| tenant.row)
    }

    fn remove(&self, token: Token) -> Option<Tenant<T>> {
        lock(&self.0).tenants.remove(&token.number())
    }
}
