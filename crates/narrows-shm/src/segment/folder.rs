//! Where channels are found by name. The folder is this user's alone, so nobody else can put a channel there.

use std::env;
use std::ffi::OsStr;
use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};

use rustix::process::geteuid;

use crate::error::{FileProperty, OpenError};

const SUFFIX: &str = ".channel";

/// Leaves room for the suffix in the 255 bytes of a file's name.
const LONGEST_NAME: usize = 200;

/// The folder of the channels, made if it is missing: `$NARROWS_DIR`, else `$XDG_RUNTIME_DIR/narrows`, else one in memory,
/// else one in `/tmp`.
///
/// # Errors
/// It cannot be made, or others may use it.
pub(crate) fn folder() -> Result<PathBuf, OpenError> {
    let folder = choose(|name| env::var_os(name).map(PathBuf::from), Path::new("/dev/shm"));
    usable(&folder)?;
    Ok(folder)
}

fn choose(variable: impl Fn(&str) -> Option<PathBuf>, memory: &Path) -> PathBuf {
    let set = |name| variable(name).filter(|value| !value.as_os_str().is_empty());
    set("NARROWS_DIR").or_else(|| set("XDG_RUNTIME_DIR").map(|runtime| runtime.join("narrows"))).unwrap_or_else(|| {
        let root = if memory.is_dir() { memory } else { Path::new("/tmp") };
        root.join(format!("narrows-{}", geteuid().as_raw()))
    })
}

/// Makes the folder if it is missing. It is looked at not through a link, which another user could have put there.
fn usable(folder: &Path) -> Result<(), OpenError> {
    let told = |error: io::Error| OpenError::Io(io::Error::new(error.kind(), format!("{}: {error}", folder.display())));
    match DirBuilder::new().mode(0o700).create(folder) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(told(error)),
        _ => {}
    }
    let metadata = folder.symlink_metadata().map_err(told)?;
    let what = if !metadata.is_dir() {
        FileProperty::Type
    } else if metadata.uid() != geteuid().as_raw() {
        FileProperty::Owner
    } else if metadata.mode() & 0o077 != 0 {
        FileProperty::Mode
    } else {
        return Ok(());
    };
    Err(OpenError::NotOurs { path: folder.to_owned(), what })
}

/// The file of the channel `name`: in the folder of the channels, or, with a slash in it, the path that it is.
///
/// # Errors
/// It cannot be a name, or the folder cannot be used.
pub(crate) fn path_of(name: &str) -> Result<PathBuf, OpenError> {
    check_name(name)?;
    if name.contains('/') { Ok(name.into()) } else { Ok(folder()?.join(format!("{name}{SUFFIX}"))) }
}

fn check_name(name: &str) -> Result<(), OpenError> {
    let is_path = name.contains('/');
    Err(OpenError::InvalidName(if name.is_empty() {
        "is not empty"
    } else if name.contains('\0') || !is_path && name.contains(char::is_control) {
        "has no control characters in it"
    } else if !is_path && name.starts_with('.') {
        "does not start with a dot (a path has a slash in it: ./NAME)"
    } else if !is_path && name.len() > LONGEST_NAME {
        "is at most 200 bytes long"
    } else {
        return Ok(());
    }))
}

/// The channels in the folder, by name, with their files. Whether one can be opened is seen when it is.
///
/// # Errors
/// The folder cannot be used.
pub(crate) fn names() -> Result<Vec<(String, PathBuf)>, OpenError> {
    names_in(&folder()?)
}

fn names_in(folder: &Path) -> Result<Vec<(String, PathBuf)>, OpenError> {
    let name_of = |file: &OsStr| {
        let name = file.to_str()?.strip_suffix(SUFFIX)?;
        check_name(name).ok().map(|()| name.to_owned())
    };
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if let Some(name) = name_of(&entry.file_name())
            && entry.file_type().is_ok_and(|kind| kind.is_file())
        {
            found.push((name, entry.path()));
        }
    }
    found.sort();
    Ok(found)
}

#[cfg(test)]
mod tests {
    use std::fs::{File, Permissions};
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;
    use crate::trial::{self, Scratch};

    fn fault(folder: &Path) -> Option<FileProperty> {
        match usable(folder) {
            Ok(()) => None,
            Err(OpenError::NotOurs { path, what }) => {
                assert_eq!(path, folder);
                Some(what)
            }
            Err(other) => panic!("{other}"),
        }
    }

    #[test]
    fn the_folder_is_chosen_as_the_program_chooses_it() {
        let scratch = Scratch::new();
        let with = |set: &'static [(&str, &str)]| {
            choose(|name| set.iter().find(|(key, _)| *key == name).map(|(_, value)| value.into()), &scratch)
        };
        assert_eq!(with(&[("NARROWS_DIR", "a"), ("XDG_RUNTIME_DIR", "b")]), Path::new("a"));
        assert_eq!(with(&[("NARROWS_DIR", ""), ("XDG_RUNTIME_DIR", "b")]), Path::new("b/narrows"));
        let own = format!("narrows-{}", geteuid().as_raw());
        assert_eq!(with(&[("XDG_RUNTIME_DIR", "")]), scratch.join(&own));
        assert_eq!(choose(|_| None, Path::new("/no/such/folder")), Path::new("/tmp").join(own));
    }

    #[test]
    fn a_missing_folder_is_made_for_this_user_alone() {
        let scratch = Scratch::new();
        let folder = scratch.join("narrows");
        assert_eq!(fault(&folder), None);
        assert_eq!(folder.metadata().unwrap().mode() & 0o7777, 0o700);
        assert_eq!(fault(&folder), None, "the second time it is there");
        let told = usable(&scratch.join("no/narrows")).unwrap_err().to_string();
        assert!(told.contains("no/narrows"), "{told}");
    }

    #[test]
    fn a_folder_that_others_may_use_is_refused() {
        let scratch = Scratch::new();
        let folder = scratch.join("folder");
        fs::create_dir(&folder).unwrap();
        for mode in [0o770, 0o701, 0o720] {
            fs::set_permissions(&folder, Permissions::from_mode(mode)).unwrap();
            assert_eq!(fault(&folder), Some(FileProperty::Mode), "{mode:o}");
        }
        fs::set_permissions(&folder, Permissions::from_mode(0o700)).unwrap();
        symlink(&folder, scratch.join("link")).unwrap();
        assert_eq!(fault(&scratch.join("link")), Some(FileProperty::Type));
        File::create(scratch.join("file")).unwrap();
        assert_eq!(fault(&scratch.join("file")), Some(FileProperty::Type));
        if geteuid().is_root() {
            std::os::unix::fs::chown(&folder, Some(65534), None).unwrap();
            assert_eq!(fault(&folder), Some(FileProperty::Owner));
        }
    }

    #[test]
    fn a_name_is_checked_and_a_path_is_what_it_is() {
        let long = "x".repeat(201);
        for bad in ["", ".", "..", ".hidden", "a\0b", "a\nb", "/a\0", &long] {
            assert!(matches!(path_of(bad), Err(OpenError::InvalidName(_))), "{bad:?}");
        }
        assert_eq!(path_of("./here").unwrap(), Path::new("./here"));
        assert_eq!(path_of("/a/.b").unwrap(), Path::new("/a/.b"));
        for good in ["a", "a.b", "größe", "with space", "-", &long[1..]] {
            check_name(good).unwrap();
        }
    }

    /// In a process of its own, because of its environment.
    #[test]
    fn a_channel_that_is_made_by_name_is_listed_by_name() {
        let name = "segment::folder::tests::a_channel_that_is_made_by_name_is_listed_by_name";
        if trial::role().is_none() {
            let scratch = Scratch::new();
            let mut child = trial::again(name, "child");
            child.env("NARROWS_DIR", scratch.join("narrows"));
            return trial::passes(child);
        }
        assert!(names().unwrap().is_empty());
        let path = path_of("jobs").unwrap();
        drop(crate::segment::Segment::create(&path, 1, |_| {}).unwrap());
        assert_eq!(names().unwrap(), [("jobs".to_owned(), folder().unwrap().join("jobs.channel"))]);
        assert_eq!(path, names().unwrap()[0].1);
    }

    #[test]
    fn names_are_listed_in_order_and_nothing_else_is() {
        let scratch = Scratch::new();
        for file in ["b.channel", "a.channel", "a.sock", ".channel", ".narrows-1-0.making", ".x.channel", "plain"] {
            File::create(scratch.join(file)).unwrap();
        }
        fs::create_dir(scratch.join("folder.channel")).unwrap();
        symlink("a.channel", scratch.join("link.channel")).unwrap();
        let found = names_in(&scratch).unwrap();
        assert_eq!(found, [("a".into(), scratch.join("a.channel")), ("b".into(), scratch.join("b.channel"))]);
    }
}
