//! Finds the command before any input is read, as a shell would.

use std::env;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use rustix::fs::{Access, access};

use crate::engine::{Program, Trouble};

/// Resolves the first word to a file that can be run.
pub(crate) fn resolve(argv: Vec<OsString>) -> Result<Program, Trouble> {
    let name = argv.first().map_or(OsStr::new(""), OsString::as_os_str);
    let path = if name.as_bytes().contains(&b'/') { check(Path::new(name)) } else { search(name) };
    match path {
        Ok(path) => Ok(Program { path, argv }),
        Err(Fault::Missing) => Err(Trouble::new(format!("{}: command not found", name.display()))
            .hint("it is searched in the folders of PATH; a name with a slash is a path")
            .code(127)),
        Err(Fault::NotRunnable) => Err(Trouble::new(format!("{}: cannot be run", name.display()))
            .hint("it is a directory, or lacks the permission to execute (chmod +x)")
            .code(126)),
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    Missing,
    NotRunnable,
}

fn check(path: &Path) -> Result<PathBuf, Fault> {
    let metadata = path.metadata().map_err(|_| Fault::Missing)?;
    if metadata.is_file() && access(path, Access::EXEC_OK).is_ok() {
        Ok(path.to_owned())
    } else {
        Err(Fault::NotRunnable)
    }
}

fn search(name: &OsStr) -> Result<PathBuf, Fault> {
    let path = env::var_os("PATH").unwrap_or_else(|| "/usr/local/bin:/usr/bin:/bin".into());
    let mut fault = Fault::Missing;
    if name.is_empty() {
        return Err(fault);
    }
    for folder in env::split_paths(&path) {
        // An empty entry means the current folder.
        let folder = if folder.as_os_str().is_empty() { PathBuf::from(".") } else { folder };
        match check(&folder.join(name)) {
            Ok(path) => return Ok(path),
            Err(Fault::NotRunnable) => fault = Fault::NotRunnable,
            Err(Fault::Missing) => {}
        }
    }
    Err(fault)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_searched_and_a_path_is_not() {
        assert!(search(OsStr::new("sh")).is_ok());
        assert_eq!(search(OsStr::new("no-such-command-anywhere")), Err(Fault::Missing));
        assert_eq!(check(Path::new("./no-such-file")), Err(Fault::Missing));
        assert_eq!(check(Path::new("/")), Err(Fault::NotRunnable));
    }
}
