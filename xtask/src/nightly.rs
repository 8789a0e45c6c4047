//! The layers that need a nightly toolchain: miri and the sanitizers.

use anyhow::Result;

use crate::harness::Harness;
use crate::layers::{Depth, Outcome};
use crate::output::{first_failure, passed};
use crate::shell::Cmd;
use crate::workspace::Workspace;

pub(crate) fn miri(ws: &Workspace, depth: Depth) -> Result<Outcome> {
    if let Some(why) = Harness::Miri.missing() {
        return Ok(Outcome::NotRun(why));
    }
    // Miri builds its own standard library first, for which it may need what is not here.
    if !Cmd::new("cargo", ["+nightly", "miri", "setup"]).run()?.ok {
        return Ok(Outcome::NotRun("miri cannot build its standard library here".to_owned()));
    }
    let seeds = depth.miri_seeds();
    run(Harness::Miri, ws, depth, |tests| format!("{} tests with {seeds} seeds each", tests / seeds))
}

pub(crate) fn leak(ws: &Workspace, depth: Depth) -> Result<Outcome> {
    if let Some(why) = Harness::Leak.missing() {
        return Ok(Outcome::NotRun(why));
    }
    run(Harness::Leak, ws, depth, |tests| format!("{tests} tests"))
}

pub(crate) fn tsan(ws: &Workspace, depth: Depth) -> Result<Outcome> {
    if let Some(why) = Harness::Tsan.missing() {
        return Ok(Outcome::NotRun(why));
    }
    run(Harness::Tsan, ws, depth, |tests| format!("{tests} tests"))
}

fn run(harness: Harness, ws: &Workspace, depth: Depth, note: impl Fn(u64) -> String) -> Result<Outcome> {
    let mut count = 0;
    for tests in std::iter::once(harness.tests()).chain(harness.further_tests(depth)) {
        if !harness.build(ws, depth, &tests).run()?.ok {
            return Ok(Outcome::Failed("the tests do not build".to_owned()));
        }
        let done = harness.run(ws, depth, &tests).limit(depth.limit(5)).run()?;
        match passed(&done.output) {
            _ if done.timed_out => return Ok(Outcome::Failed("no end within its time limit".to_owned())),
            _ if !done.ok => return Ok(Outcome::Failed(first_failure(&done.output))),
            0 => return Ok(Outcome::Failed("no test was there to run".to_owned())),
            passed => count += passed,
        }
    }
    Ok(Outcome::Ok(note(count)))
}
