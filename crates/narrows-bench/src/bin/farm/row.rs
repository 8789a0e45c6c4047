//! The rows: what is asked of every tool, and what the project promised itself of each.

use std::env;
use std::process::Command;

use crate::input::{Answer, Text};

/// In which of its ways a tool is to work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Load {
    /// A filter on the stream of lines, which answers each; process by process for tools that know no stream.
    Stream,
    /// The same where some lines take long.
    Skewed,
    /// The same where the first takes long, and all others must wait for it.
    Behind,
    /// A process for each line.
    Each,
    /// A filter on pieces of a MiB.
    Blocks,
}

/// How a figure is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unit {
    /// From start to end.
    Ms,
    MsPerLine,
    LinesPerSecond,
    MibPerSecond,
    /// What the tool itself holds, without its filters.
    Mib,
}

/// With whom ours is compared.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Theirs {
    /// The best of those that count.
    Best,
    /// The best of those that start a process for each line.
    PerLine,
    /// The way with this label.
    Named(&'static str),
    /// The best of those whose label begins so.
    Family(&'static str),
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Goal {
    /// Ours is so many times as fast as theirs.
    Times { ours: &'static str, theirs: Theirs, least: f64 },
    /// Ours takes at most so many milliseconds.
    AtMostMs { ours: &'static str, most: f64 },
    /// Ours holds at most so many MiB more than it does at rest.
    AtMostMib { ours: &'static str, rest: &'static str, most: f64 },
}

impl Goal {
    pub(crate) fn ours(&self) -> &'static str {
        match self {
            Goal::Times { ours, .. } | Goal::AtMostMs { ours, .. } | Goal::AtMostMib { ours, .. } => ours,
        }
    }
}

#[derive(Clone, Debug)]
pub(crate) struct Row {
    pub(crate) name: &'static str,
    pub(crate) load: Load,
    pub(crate) unit: Unit,
    pub(crate) text: Text,
    pub(crate) answer: Answer,
    pub(crate) lines: usize,
    /// So many for tools that start a process for each; with 0 they are left out.
    pub(crate) few: usize,
    pub(crate) jobs: Vec<u32>,
    /// The command that answers lines on stdin.
    pub(crate) filter: Vec<String>,
    /// The command that answers one line, which is put behind it.
    pub(crate) each: Vec<String>,
    /// Samples in each round.
    pub(crate) rounds: u32,
    /// Memory is looked at.
    pub(crate) deep: bool,
    pub(crate) goals: Vec<Goal>,
}

impl Row {
    fn new(name: &'static str, load: Load, unit: Unit, lines: usize) -> Row {
        Row {
            name,
            load,
            unit,
            text: Text::Numbers { bytes: 16 },
            answer: Answer::Same,
            lines,
            few: 0,
            jobs: vec![2],
            filter: Vec::new(),
            each: Vec::new(),
            rounds: 1,
            deep: false,
            goals: Vec::new(),
        }
    }

    /// What is to be run, in one of its forms.
    pub(crate) fn command(&self) -> &[String] {
        if self.filter.is_empty() { &self.each } else { &self.filter }
    }

    /// Why no tool can do it here.
    pub(crate) fn missing(&self) -> Option<String> {
        let program = &self.command()[0];
        let folders = env::var_os("PATH").unwrap_or_default();
        let found = env::split_paths(&folders).any(|folder| folder.join(program).exists());
        (!found).then(|| format!("no {program}"))
    }

    pub(crate) fn jobs(&self) -> u32 {
        self.jobs.last().copied().unwrap_or(1)
    }

    fn stream(mut self, filter: &[&str]) -> Row {
        self.filter = words(filter);
        self
    }

    fn each(mut self, command: &[&str], few: usize) -> Row {
        (self.each, self.few) = (words(command), few);
        self
    }
}

/// The longest wait of the row with the slow first record.
const SLOW_FIRST: &str = "BEGIN { $| = 1 } select(undef, undef, undef, 1.5) if /^slow/";
const SLOW_EIGHTH: &str = "BEGIN { $| = 1 } select(undef, undef, undef, 0.008) if /^slow/";
const COSTLY: &str = "BEGIN { $| = 1 } my $s = 0; $s += $_ * $_ for 1 .. 8000";
const UPPER: &str = "import sys\nfor line in sys.stdin: sys.stdout.write(line.upper())";
const UPPER_ARGUMENT: &str = "import sys\nsys.stdout.write(sys.argv[1].upper() + chr(10))";

pub(crate) fn all(quick: bool) -> Vec<Row> {
    let less = |full: usize, quickly: usize| if quick { quickly } else { full };
    let python = python();
    let perl = |script| ["perl", "-pe", script];
    let mut rows: Vec<Row> = starts().collect();
    rows.extend(spawns(less(2000, 1000)));

    let ours = "narrows farm -j1";
    let ahead = |theirs| Goal::Times { ours, theirs: Theirs::Family(theirs), least: 1.0 };
    let per_line = Goal::Times { ours: "narrows farm -j2", theirs: Theirs::PerLine, least: 100.0 };
    rows.push(Row {
        jobs: vec![1, 2],
        goals: vec![
            Goal::Times { ours, theirs: Theirs::Named("cat | cat"), least: 0.5 },
            ahead("GNU parallel --pipe"),
            ahead("split -n r/1"),
            per_line,
        ],
        ..Row::new("live/cat", Load::Stream, Unit::LinesPerSecond, less(8_000_000, 4_000_000))
            .stream(&["cat"])
            .each(&["echo"], less(1000, 500))
    });
    rows.push(Row {
        answer: Answer::Upper,
        goals: vec![per_line],
        ..Row::new("live/slow-start", Load::Stream, Unit::LinesPerSecond, less(400_000, 200_000))
            .stream(&[&python, "-u", "-c", UPPER])
            .each(&[&python, "-c", UPPER_ARGUMENT], less(100, 40))
    });
    rows.push(Row {
        jobs: vec![1, 2],
        rounds: 2,
        goals: vec![Goal::Times { ours: "narrows farm -j2", theirs: Theirs::Named(ours), least: 1.9 }],
        ..Row::new("live/costly", Load::Stream, Unit::LinesPerSecond, less(6000, 3000)).stream(&perl(COSTLY))
    });
    rows.push(Row {
        text: Text::EighthSlow,
        jobs: vec![8],
        rounds: 2,
        goals: vec![Goal::Times {
            ours: "narrows farm -j8",
            theirs: Theirs::Named("GNU parallel --pipe -k -j8"),
            least: 3.0,
        }],
        ..Row::new("skewed/every-8th", Load::Skewed, Unit::Ms, 800).stream(&perl(SLOW_EIGHTH))
    });

    let lines = less(4_000_000, 2_000_000);
    let blocks = [("blocks/cat", Answer::Same, &["cat"][..]), ("blocks/tr", Answer::Upper, &["tr", "a-z", "A-Z"])];
    for (name, answer, filter) in blocks {
        let goal = Goal::Times {
            ours: "narrows farm -j2 --blocks",
            theirs: Theirs::Family("GNU parallel --pipe"),
            least: 1.0,
        };
        let row = Row::new(name, Load::Blocks, Unit::MibPerSecond, lines).stream(filter);
        rows.push(Row { text: Text::Numbers { bytes: 64 }, answer, goals: vec![goal], ..row });
    }

    let most = 64.0 + 2.0 * (2.0 / 16.0 + 1.0);
    let goal = |ours| Goal::AtMostMib { ours, rest: "narrows farm -j2, 1000 lines", most };
    rows.push(Row {
        text: Text::FirstSlow { bytes: 128 },
        few: 1000,
        deep: true,
        goals: vec![goal("narrows farm -j2"), goal("narrows farm -j2 --window 100000000")],
        ..Row::new("memory/slow-first", Load::Behind, Unit::Mib, less(2_000_000, 1_500_000)).stream(&perl(SLOW_FIRST))
    });
    rows
}

/// Nothing to do, and next to nothing.
fn starts() -> impl Iterator<Item = Row> {
    const MOST_MS: f64 = 5.0;
    let rows = [
        ("start/empty/stream", Load::Stream, 0),
        ("start/one/stream", Load::Stream, 1),
        ("start/empty/each", Load::Each, 0),
        ("start/one/each", Load::Each, 1),
    ];
    rows.into_iter().map(|(name, load, lines)| {
        let row = Row::new(name, load, Unit::Ms, lines);
        let goals = vec![Goal::AtMostMs { ours: "narrows farm -j2", most: MOST_MS }];
        let row = Row { rounds: 5, goals, ..row };
        if load == Load::Stream {
            row.stream(&["cat"])
        } else {
            Row { answer: Answer::Nothing, ..row.each(&["true"], lines) }
        }
    })
}

fn spawns(lines: usize) -> impl Iterator<Item = Row> {
    let rows = [
        ("each/true-j2", "true", Answer::Nothing, 2, "narrows farm -j2"),
        ("each/true-j16", "true", Answer::Nothing, 16, "narrows farm -j16"),
        ("each/echo-j2", "echo", Answer::Same, 2, "narrows farm -j2"),
    ];
    rows.into_iter().map(move |(name, command, answer, jobs, ours)| Row {
        answer,
        jobs: vec![jobs],
        goals: vec![Goal::Times { ours, theirs: Theirs::Best, least: 1.0 }],
        ..Row::new(name, Load::Each, Unit::MsPerLine, lines).each(&[command], lines)
    })
}

fn words(command: &[&str]) -> Vec<String> {
    command.iter().map(ToString::to_string).collect()
}

/// The interpreter itself: some `python3` on a path are scripts that look for it first, which no tool is to pay for.
fn python() -> String {
    let found = Command::new("python3").args(["-c", "import sys; print(sys.executable)"]).output();
    let path = found.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned()).unwrap_or_default();
    if path.is_empty() { "python3".to_owned() } else { path }
}
