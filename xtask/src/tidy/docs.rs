//! Markdown: links that lead somewhere, and a change log that knows the version.

use super::{Finding, Sources};

pub(super) fn links(sources: &Sources) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in sources.files.iter().filter(|file| file.has_extension("md")) {
        let folder = file.path.rsplit_once('/').map_or("", |(folder, _)| folder);
        let mut fenced = false;
        for (at, line) in file.lines() {
            fenced ^= line.trim_start().starts_with("```");
            for link in targets(line).into_iter().filter(|_| !fenced) {
                if !is_elsewhere(link) && !resolves(sources, folder, link) {
                    findings.push(file.finding(at, format!("{link} is not in a clone")));
                }
            }
        }
    }
    findings
}

/// Where the links of one line lead: `[text](target "title")` and `[text]: target`.
fn targets(line: &str) -> Vec<&str> {
    let mut prose = line;
    let mut found = Vec::new();
    if let Some((_, target)) = line.split_once("]: ").filter(|(label, _)| label.starts_with('[')) {
        found.extend(target.split_whitespace().next());
    }
    while let Some((before, rest)) = prose.split_once("](") {
        // An odd number of ticks before it: the link is an example in code.
        let in_code = line[..line.len() - rest.len()].matches('`').count() % 2 == 1;
        let target = rest.split(')').next().unwrap_or_default();
        if !in_code && !before.is_empty() {
            found.extend(target.split_whitespace().next());
        }
        prose = rest;
    }
    found
}

fn is_elsewhere(link: &str) -> bool {
    link.contains("://") || link.starts_with("mailto:") || link.starts_with('#')
}

fn resolves(sources: &Sources, folder: &str, link: &str) -> bool {
    let path = link.trim_matches(['<', '>']).split('#').next().unwrap_or_default();
    let mut parts: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                if parts.pop().is_none() {
                    return false;
                }
            }
            name => parts.push(name),
        }
    }
    let path = parts.join("/");
    let inside = format!("{path}/");
    let is_folder = || sources.paths.iter().any(|known| known.starts_with(&inside));
    path.is_empty() || sources.paths.contains(&path) || is_folder()
}

pub(super) fn changelog(sources: &Sources) -> Vec<Finding> {
    let Some(manifest) = sources.get("Cargo.toml") else {
        return Vec::new();
    };
    let missing = |line, what: String| vec![Finding { path: "CHANGELOG.md".to_owned(), line, what }];
    let version = manifest.text.lines().find_map(|line| line.strip_prefix("version = "));
    let Some(version) = version.map(|version| version.trim_matches('"')) else {
        return missing(1, "the workspace has no version".to_owned());
    };
    let Some(log) = sources.get("CHANGELOG.md") else {
        return missing(1, "no such file".to_owned());
    };
    let names_it =
        |line: &str| line.starts_with("## ") && line.split([' ', '[', ']', '(', ')']).any(|word| word == version);
    if log.text.lines().any(names_it) { Vec::new() } else { missing(1, format!("no section `## {version}`")) }
}

#[cfg(test)]
mod tests {
    use super::{Sources, changelog, links, targets};

    #[test]
    fn a_link_that_leads_nowhere_is_found() {
        let page = "[a](b.md) [c](../README.md#top) [d](no.md)\n[e]: ../none\n\
            [f](https://a.org/x) `[g](h.md)` [i](../docs) [j](../../out.md)\n\
            ```\n[k](l.md)\n```\n";
        let sources = Sources::of(&[("docs/a.md", page), ("docs/b.md", ""), ("README.md", "")]);
        let found: Vec<_> = links(&sources).into_iter().map(|found| (found.line, found.what)).collect();
        let whats = [(1, "no.md"), (2, "../none"), (3, "../../out.md")]
            .map(|(line, link)| (line, format!("{link} is not in a clone")));
        assert_eq!(found, whats);
    }

    #[test]
    fn both_forms_of_link_are_read() {
        assert_eq!(targets("see [a](b \"c\") and ![d](e.png)"), ["b", "e.png"]);
        assert_eq!(targets("[a]: b.md \"c\""), ["b.md"]);
        assert_eq!(targets("x[0]: y"), Vec::<&str>::new());
    }

    #[test]
    fn a_version_without_a_section_is_found() {
        let check = |log: &str| {
            let manifest = "[workspace.package]\nversion = \"0.2.0\"\n";
            changelog(&Sources::of(&[("Cargo.toml", manifest), ("CHANGELOG.md", log)])).len()
        };
        assert_eq!(check("# Changes\n\n## 0.2.0\n"), 0);
        assert_eq!(check("## [0.2.0] (2026)\n"), 0);
        assert_eq!(check("## 0.1.0\n\nBefore 0.2.0.\n"), 1);
        assert_eq!(changelog(&Sources::of(&[("Cargo.toml", "version = \"1.0.0\"\n")])).len(), 1);
    }
}
