//! One of the jobs when the work is a function of this program: no process, no pipe.

use std::time::Instant;

use narrows::Receiver;
use serde_json::json;

use super::batch::Batch;
use super::crew::Desk;
use super::farm::{Farm, Leaving};
use super::framing::Mark;
use super::ledger::Fate;
use super::order::Piece;
use super::tag::Tag;
use super::trace::{Lane, Outcome};

/// Answers one record: appends the answer with its delimiter, or says why there is none.
pub(crate) type Builtin = fn(record: &[u8], delimiter: u8, answer: &mut Vec<u8>) -> Result<(), String>;

pub(super) fn run(farm: &Farm, desk: &Desk, builtin: Builtin, batches: &Receiver<Batch>) {
    let _leaving = Leaving(farm);
    while let Some(batch) = farm.next_batch(desk, batches) {
        if farm.is_over() {
            return;
        }
        if !farm.draining.allows(&batch) {
            continue;
        }
        let begun = Instant::now();
        desk.begin(begun);
        let mut bytes = Vec::new();
        let mut failed = 0;
        for (record, number) in farm.framing.records(&batch.bytes).zip(batch.numbers()) {
            if let Err(reason) = answer(farm, builtin, record, &mut bytes) {
                failed += 1;
                if let Some(ledger) = &farm.gate.ledger {
                    ledger.note(number, &Fate { failure: Some(reason.clone()), ..Fate::default() });
                }
                farm.note_failure(&(number..number + 1), &format!(": {reason}"), None);
            }
        }
        let ended = Instant::now();
        desk.answered(batch.records as u64);
        desk.rest(ended);
        farm.pace.observe(batch.records, ended - begun);
        if let Some(trace) = farm.gate.trace() {
            let more = json!({ "bytes": batch.bytes.len(), "output": bytes.len(), "failed": failed });
            trace.work(Lane::Worker(desk.job), &batch.numbers(), begun..ended, Outcome::Answered, more);
        }
        let piece = Piece::whole(batch.first, batch.records as u64, bytes);
        farm.print(piece, batch.bytes.len());
    }
}

/// Appends what is printed for a record.
fn answer(farm: &Farm, builtin: Builtin, record: &[u8], bytes: &mut Vec<u8>) -> Result<(), String> {
    if farm.replies.are_plain() && farm.framing.mark != Mark::Length {
        return builtin(record, farm.framing.delimiter(), bytes);
    }
    let mut answer = Vec::new();
    builtin(record, farm.framing.delimiter(), &mut answer)?;
    if farm.framing.mark == Mark::Length {
        farm.framing.seal(&mut answer);
    } else {
        answer = Tag::new(std::iter::once(record), farm.framing.delimiter()).apply(&answer);
    }
    bytes.extend(answer);
    Ok(())
}
