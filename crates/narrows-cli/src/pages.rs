//! The man pages and completions, made from the command line's own description. A test compares them with those that
//! are committed, and writes them when `cargo xtask generate` asks for that: so no build but that of the tests needs
//! what makes them.

use std::collections::BTreeMap;
use std::path::Path;
use std::{env, fs};

use clap::Command;
use clap_complete::Shell;
use clap_mangen::Man;
use clap_mangen::roff::{Roff, roman};

use crate::usage;

/// Set by `cargo xtask generate`.
const WRITE: &str = "NARROWS_GENERATE";

/// Of one folder, by their names.
type Pages = BTreeMap<String, Vec<u8>>;

/// The command line without the verbs that are not for people.
fn command() -> Command {
    let whole = usage::command();
    let root = Command::new("narrows").version(env!("CARGO_PKG_VERSION")).disable_help_subcommand(true);
    let root = root.about(whole.get_about().cloned().unwrap_or_default()).subcommand_help_heading("VERBS");
    let root = root.subcommand_value_name("VERB").subcommand_required(true);
    let verbs = whole.get_subcommands().filter(|verb| !verb.is_hide_set()).cloned();
    let mut command = verbs.fold(root, Command::subcommand);
    command.build();
    command
}

fn man_pages() -> Pages {
    let command = command();
    command.get_subcommands().chain([&command]).map(man_page).collect()
}

fn man_page(command: &Command) -> (String, Vec<u8>) {
    let plain = command.clone().after_help("").after_long_help("");
    let man = Man::new(plain).manual("Narrows").source(format!("narrows {}", env!("CARGO_PKG_VERSION")));
    let mut page = Vec::new();
    let parts = [Man::render_title, Man::render_name_section, Man::render_synopsis_section];
    for part in parts {
        part(&man, &mut page).expect("a vector takes it");
    }
    man.render_description_section(&mut page).expect("a vector takes it");
    man.render_options_section(&mut page).expect("a vector takes it");
    if command.has_subcommands() {
        man.render_subcommands_section(&mut page).expect("a vector takes it");
    }
    let help = command.get_after_long_help().map(ToString::to_string).unwrap_or_default();
    sections(&help).to_writer(&mut page).expect("a vector takes it");
    (man.get_filename(), page)
}

/// The text after the options as sections: a line at the margin that ends with a colon is a heading.
fn sections(help: &str) -> Roff {
    let mut roff = Roff::new();
    let mut blank = false;
    for line in help.lines() {
        match line.strip_suffix(':').filter(|_| !line.starts_with(' ')) {
            Some(heading) => {
                let heading = heading.split([',', ';']).next().unwrap_or(heading);
                roff.control("fi", []).control("SH", [heading.to_uppercase().as_str()]).control("nf", []);
                blank = false;
            }
            None if line.is_empty() => blank = true,
            None => {
                if std::mem::take(&mut blank) {
                    roff.control("sp", []);
                }
                roff.text([roman(line.strip_prefix("  ").unwrap_or(line))]);
            }
        }
    }
    roff
}

fn completions() -> Pages {
    let shells = [(Shell::Bash, "narrows.bash"), (Shell::Zsh, "_narrows"), (Shell::Fish, "narrows.fish")];
    let completion = |(shell, name): (Shell, &str)| {
        let mut text = Vec::new();
        clap_complete::generate(shell, &mut command(), "narrows", &mut text);
        (name.to_owned(), text)
    };
    shells.map(completion).into_iter().collect()
}

fn committed(folder: &Path) -> Pages {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries.map(|entry| (entry.file_name().display().to_string(), fs::read(entry.path()).unwrap_or_default())).collect()
}

fn write(folder: &Path, pages: &Pages) {
    let _ = fs::remove_dir_all(folder);
    fs::create_dir_all(folder).expect("a folder can be made");
    for (name, page) in pages {
        fs::write(folder.join(name), page).expect("a file can be written");
    }
}

#[test]
fn what_is_committed_is_what_would_be_generated() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    for (folder, pages) in [("man", man_pages()), ("completions", completions())] {
        let folder = root.join(folder);
        if env::var_os(WRITE).is_some() {
            write(&folder, &pages);
        }
        let committed = committed(&folder);
        let names = pages.keys().chain(committed.keys());
        let stale: Vec<&String> = names.filter(|name| pages.get(*name) != committed.get(*name)).collect();
        assert!(stale.is_empty(), "{}: {stale:?} are out of date; to mend it: cargo xtask generate", folder.display());
    }
}

#[test]
fn every_page_says_what_a_reader_looks_for() {
    let pages = man_pages();
    let page = |name: &str| String::from_utf8_lossy(&pages[name]).into_owned();
    for section in ["SYNOPSIS", "DESCRIPTION", "OPTIONS", "\"EXIT STATUS\"", "ENVIRONMENT", "EXAMPLES"] {
        assert!(page("narrows-farm.1").contains(&format!(".SH {section}\n")), "no {section}");
    }
    assert!(page("narrows.1").contains("narrows\\-farm(1)"));
    assert!(pages.keys().all(|name| !name.contains("warden")), "{:?}", pages.keys());
}

#[test]
fn help_fits_eighty_columns() {
    let mut command = usage::command();
    command.build();
    for verb in command.get_subcommands_mut() {
        let name = verb.get_name().to_owned();
        let help = verb.clone().term_width(80).render_long_help().to_string();
        let wide: Vec<&str> = help.lines().filter(|line| line.chars().count() > 80).collect();
        assert!(wide.is_empty(), "{name}: {wide:#?}");
        let said = verb.get_after_long_help().map(ToString::to_string).unwrap_or_default();
        // Wider text would be wrapped in the middle of its layout.
        let wide: Vec<&str> = said.lines().filter(|line| line.chars().count() > 78).collect();
        assert!(wide.is_empty(), "{name}: {wide:#?}");
    }
}
