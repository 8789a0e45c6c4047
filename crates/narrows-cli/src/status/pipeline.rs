//! Which stages follow each other: one's stdout and the other's stdin are the same pipe, perhaps with other programs
//! between them. Asks `/proc` what the descriptors are; knows no figures.

use std::collections::HashMap;

use super::processes::{Opened, Processes, name_of, opened};

/// As many programs may stand between two stages.
const FARTHEST: usize = 32;

/// A line of stages, upstream first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Chain {
    /// What writes the input of the first stage.
    pub(super) upstream: Option<String>,
    /// The places of the stages in the list that was given, and the first program between each and what follows it.
    pub(super) links: Vec<Link>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Link {
    pub(super) stage: usize,
    /// What reads its output, unless it is the next stage.
    pub(super) reader: Option<String>,
}

/// What stdin and stdout of the processes are.
#[derive(Debug, Default)]
struct Ends {
    stdin: HashMap<i32, Opened>,
    stdout: HashMap<i32, Opened>,
}

pub(super) fn chains(stages: &[i32], processes: &Processes) -> Vec<Chain> {
    let mut ends = Ends::default();
    // Only one's own processes tell.
    for pid in processes.pids().chain(stages.iter().copied()) {
        ends.stdin.extend(opened(pid, 0).map(|end| (pid, end)));
        ends.stdout.extend(opened(pid, 1).map(|end| (pid, end)));
    }
    ends.chains(stages, &name_of)
}

impl Ends {
    fn chains(&self, stages: &[i32], name: &dyn Fn(i32) -> String) -> Vec<Chain> {
        let follows: Vec<_> = stages.iter().map(|pid| self.follow(*pid, stages)).collect();
        let is_head = |stage: &usize| !follows.iter().any(|(next, _)| *next == Some(*stage));
        let mut used = vec![false; stages.len()];
        // A circle of pipes has no head: then any stage is one.
        let heads = (0..stages.len()).filter(is_head).chain(0..stages.len());
        let mut chains = Vec::new();
        for head in heads {
            let mut chain = Chain { upstream: self.writer(stages[head], name), links: Vec::new() };
            let mut stage = Some(head);
            while let Some(here) = stage.filter(|stage| !used[*stage]) {
                used[here] = true;
                let (next, reader) = &follows[here];
                let reader = reader.map(name).or_else(|| next.is_none().then(|| self.sink(stages[here])).flatten());
                chain.links.push(Link { stage: here, reader });
                stage = *next;
            }
            if !chain.links.is_empty() {
                chains.push(chain);
            }
        }
        chains
    }

    /// The next stage, and the first other program on the way.
    fn follow(&self, pid: i32, stages: &[i32]) -> (Option<usize>, Option<i32>) {
        let (mut here, mut first) = (pid, None);
        for _ in 0..FARTHEST {
            let Some(pipe @ Opened::Pipe(_)) = self.stdout.get(&here) else { break };
            let reads = |other: &i32| *other != here && self.stdin.get(other) == Some(pipe);
            if let Some(next) = stages.iter().position(reads) {
                return (Some(next), first);
            }
            // A shell and what it started share a pipe: the eldest is the one to name.
            let Some(other) = self.stdin.keys().copied().filter(reads).min() else { break };
            first.get_or_insert(other);
            here = other;
        }
        (None, first)
    }

    fn writer(&self, pid: i32, name: &dyn Fn(i32) -> String) -> Option<String> {
        match self.stdin.get(&pid)? {
            Opened::Other(path) => Some(path.clone()),
            pipe @ Opened::Pipe(_) => {
                let writes = |other: &i32| *other != pid && self.stdout.get(other) == Some(pipe);
                self.stdout.keys().copied().filter(writes).min().map(name)
            }
        }
    }

    /// What the output is, if no pipe.
    fn sink(&self, pid: i32) -> Option<String> {
        match self.stdout.get(&pid)? {
            Opened::Other(path) => Some(path.clone()),
            Opened::Pipe(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Process, pipe on stdin, pipe on stdout; 0 is a file.
    fn ends(processes: &[(i32, u64, u64)]) -> Ends {
        let opened = |inode| if inode == 0 { Opened::Other("a file".into()) } else { Opened::Pipe(inode) };
        Ends {
            stdin: processes.iter().map(|(pid, stdin, _)| (*pid, opened(*stdin))).collect(),
            stdout: processes.iter().map(|(pid, _, stdout)| (*pid, opened(*stdout))).collect(),
        }
    }

    fn shown(processes: &[(i32, u64, u64)], stages: &[i32]) -> Vec<String> {
        let name = |pid| format!("p{pid}");
        let text = |chain: &Chain| {
            let link = |link: &Link| format!(" > {} ({})", stages[link.stage], link.reader.as_deref().unwrap_or(""));
            chain.upstream.clone().unwrap_or_default() + &chain.links.iter().map(link).collect::<String>()
        };
        ends(processes).chains(stages, &name).iter().map(text).collect()
    }

    #[test]
    fn stages_stand_in_the_order_of_their_pipes() {
        let line = [(1, 0, 10), (2, 10, 11), (3, 11, 12), (4, 12, 13), (5, 13, 0)];
        assert_eq!(shown(&line, &[4, 2]), ["p1 > 2 (p3) > 4 (p5)"]);
        assert_eq!(shown(&line, &[3, 2]), ["p1 > 2 () > 3 (p4)"]);
        assert_eq!(shown(&line, &[5, 1]), ["a file > 1 (p2) > 5 (a file)"]);
    }

    #[test]
    fn a_circle_and_what_is_alone_end_too() {
        assert_eq!(shown(&[(1, 10, 11), (2, 11, 10)], &[1, 2]), ["p2 > 1 () > 2 ()"]);
        assert_eq!(shown(&[(1, 10, 11)], &[1]), [" > 1 ()"]);
        assert_eq!(shown(&[], &[1]), [" > 1 ()"]);
    }
}
