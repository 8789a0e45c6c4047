//! The folder of the sockets. It is this user's alone, so nobody else can listen, ask, or pretend to be a farm.

use std::env;
use std::fs::DirBuilder;
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};

use rustix::process::getuid;

pub(super) fn folder() -> PathBuf {
    let set = |name: &str| env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    set("NARROWS_DIR")
        .or_else(|| set("XDG_RUNTIME_DIR").map(|runtime| runtime.join("narrows")))
        .unwrap_or_else(|| format!("/tmp/narrows-{}", getuid().as_raw()).into())
}

/// Makes the folder if it is missing; says why it cannot be used.
pub(super) fn open(folder: &Path) -> Result<(), String> {
    match DirBuilder::new().mode(0o700).create(folder) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
            return Err(format!("{}: {error}", folder.display()));
        }
        _ => {}
    }
    check(folder)
}

/// Not through a link, which another user could have put there.
pub(super) fn check(folder: &Path) -> Result<(), String> {
    let fault = match folder.symlink_metadata() {
        Err(error) => return Err(format!("{}: {error}", folder.display())),
        Ok(metadata) if !metadata.is_dir() => "is not a folder",
        Ok(metadata) if metadata.uid() != getuid().as_raw() => "belongs to another user",
        Ok(metadata) if metadata.mode() & 0o077 != 0 => "is open to other users (chmod 700)",
        Ok(_) => return Ok(()),
    };
    Err(format!("{} {fault}", folder.display()))
}
