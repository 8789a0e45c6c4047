//! The command line of `cargo xtask`. Decides what to run and runs nothing.

use anyhow::{Result, bail};

pub(crate) const USAGE: &str = "\
usage: cargo xtask VERB [--only LAYER[,LAYER]] [--list]
       cargo xtask bench [WORDS of the bench | --farm [WORDS] | --instructions [--record]]

  ci        every layer, in order; one that fails does not stop the next
  deep      the same layers with larger numbers, and some more; may take hours
  tidy      the rules of this repository that no other tool knows
  models    loom and shuttle
  defects   plant each known defect and see that its check turns red
  generate  the man pages and completions of the program, from its command line
  package   a static binary of the program and a Debian package, and whether they run
  bench     Narrows and its peers side by side; `bench --help` has more

--only and --list go with ci and deep. A layer whose tool is not on this machine
says `not run` with the reason; it does not fail.";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verb {
    Help,
    Ci,
    Deep,
    Tidy,
    Models,
    Defects,
    Generate,
    Package,
    Bench,
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Args {
    pub(crate) verb: Verb,
    pub(crate) list: bool,
    pub(crate) only: Vec<String>,
    /// What the bench is given, unread.
    pub(crate) words: Vec<String>,
}

impl Args {
    pub(crate) fn parse(words: impl IntoIterator<Item = String>) -> Result<Self> {
        let mut words = words.into_iter();
        let verb = match words.next().as_deref() {
            None | Some("help" | "--help" | "-h") => Verb::Help,
            Some("ci") => Verb::Ci,
            Some("deep") => Verb::Deep,
            Some("tidy") => Verb::Tidy,
            Some("models") => Verb::Models,
            Some("defects") => Verb::Defects,
            Some("generate") => Verb::Generate,
            Some("package") => Verb::Package,
            Some("bench") => Verb::Bench,
            Some(other) => bail!("there is no verb `{other}`"),
        };
        let mut args = Self { verb, list: false, only: Vec::new(), words: Vec::new() };
        if verb == Verb::Bench {
            args.words = words.collect();
            return Ok(args);
        }
        while let Some(word) = words.next() {
            let value = match word.as_str() {
                "--help" | "-h" => {
                    args.verb = Verb::Help;
                    return Ok(args);
                }
                "--list" => {
                    args.list = true;
                    continue;
                }
                "--only" => words.next().unwrap_or_default(),
                other => match other.strip_prefix("--only=") {
                    Some(value) => value.to_owned(),
                    None => bail!("there is no argument `{other}`"),
                },
            };
            let before = args.only.len();
            args.only.extend(value.split(',').filter(|name| !name.is_empty()).map(str::to_owned));
            if args.only.len() == before {
                bail!("--only needs the name of a layer");
            }
        }
        let picks = args.list || !args.only.is_empty();
        if picks && !matches!(args.verb, Verb::Ci | Verb::Deep) {
            bail!("--only and --list go with ci and deep");
        }
        Ok(args)
    }
}

#[cfg(test)]
mod tests {
    use super::{Args, Verb};

    fn parse(line: &str) -> anyhow::Result<Args> {
        Args::parse(line.split_whitespace().map(str::to_owned))
    }

    #[test]
    fn layers_may_be_named_in_one_word_or_in_several() {
        let args = parse("ci --only loom,shuttle --only=miri").unwrap();
        assert_eq!(args.verb, Verb::Ci);
        assert_eq!(args.only, ["loom", "shuttle", "miri"]);
    }

    #[test]
    fn what_is_not_understood_is_refused() {
        for line in ["cj", "ci --onyl loom", "ci --only", "tidy --only fmt", "ci extra"] {
            assert!(parse(line).is_err(), "{line}");
        }
    }

    #[test]
    fn the_words_of_the_bench_are_its_own() {
        let args = parse("bench --only pinned --help").unwrap();
        assert_eq!(args.verb, Verb::Bench);
        assert_eq!(args.words, ["--only", "pinned", "--help"]);
    }

    #[test]
    fn no_verb_asks_for_help() {
        assert_eq!(parse("").unwrap().verb, Verb::Help);
        assert_eq!(parse("ci --help").unwrap().verb, Verb::Help);
    }
}
