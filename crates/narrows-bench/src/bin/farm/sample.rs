//! One run of one command, from its start to its end.

use std::ffi::OsString;
use std::fs::{self, File};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, Signal, kill_process, pidfd_open};

use crate::tree::{Usage, family, processor_time};

/// The folder in the scratch folder that commands put their temporary files into.
pub(crate) const TEMPORARY: &str = "temporary";

/// A command that takes longer than this hangs.
const LONGEST: Duration = Duration::from_secs(90);
/// How often memory is looked at.
const LOOK: Duration = Duration::from_millis(10);

#[derive(Clone, Copy, Debug)]
pub(crate) struct Sample {
    pub(crate) wall: Duration,
    pub(crate) processor: Duration,
    pub(crate) most: Usage,
}

#[derive(Debug)]
pub(crate) struct Run<'a> {
    pub(crate) argv: Vec<OsString>,
    pub(crate) input: PathBuf,
    pub(crate) scratch: &'a Path,
    /// Looks at memory too, which takes processor time from what is measured.
    pub(crate) deep: bool,
}

impl Run<'_> {
    pub(crate) fn output(&self) -> PathBuf {
        self.scratch.join("output")
    }

    pub(crate) fn sample(&self) -> Result<Sample> {
        let (temporary, errors) = (self.scratch.join(TEMPORARY), self.scratch.join("errors"));
        let mut command = Command::new(&self.argv[0]);
        command.args(&self.argv[1..]).process_group(0).env("TMPDIR", &temporary);
        // Some tools start the user's shell for each job: here it is the one that starts fastest.
        command.env("SHELL", "/bin/sh");
        command.stdin(File::open(&self.input)?).stdout(File::create(self.output())?).stderr(File::create(&errors)?);
        let began = Instant::now();
        let mut child = command.spawn().with_context(|| format!("{}", self.argv[0].display()))?;
        let exit = pidfd_open(Pid::from_child(&child), PidfdFlags::empty())?;
        let mut most = Usage::default();
        loop {
            let limit = if self.deep { LOOK } else { LONGEST.saturating_sub(began.elapsed()) };
            let mut ready = [PollFd::new(&exit, PollFlags::IN)];
            let ended = poll(&mut ready, Timespec::try_from(limit).ok().as_ref()).is_ok_and(|ready| ready > 0);
            let wall = began.elapsed();
            if ended {
                let processor = processor_time(child.id());
                let status = child.wait()?;
                ensure!(status.success(), "{status}: {}", first_line(&errors));
                return Ok(Sample { wall, processor, most });
            }
            if wall >= LONGEST {
                for pid in family(child.id()).into_iter().rev() {
                    // One that is gone already needs no signal.
                    let _ = Pid::from_raw(pid.cast_signed()).map(|pid| kill_process(pid, Signal::KILL));
                }
                child.wait()?;
                bail!("it did not end within {LONGEST:?}");
            }
            if self.deep {
                most = most.most(Usage::of(child.id(), &temporary));
            }
        }
    }
}

fn first_line(path: &Path) -> String {
    let text = fs::read(path).unwrap_or_default();
    String::from_utf8_lossy(&text).lines().next().unwrap_or("it said nothing").to_owned()
}
