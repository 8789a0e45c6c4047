//! What can go wrong. Each says what to do about it.

use std::error::Error;
use std::path::PathBuf;
use std::{fmt, io};

use rustix::io::Errno;

/// A channel was not created or opened.
#[derive(Debug)]
#[non_exhaustive]
pub enum OpenError {
    /// There is no channel of this name.
    NotFound,
    /// There is a channel of this name already.
    AlreadyExists,
    /// This cannot be the name of a channel. Says why.
    InvalidName(&'static str),
    /// A file or folder has a property by which others could read it, change it or pass it off as a channel.
    NotOurs {
        /// The file or folder.
        path: PathBuf,
        /// The property.
        what: FileProperty,
    },
    /// What lies there is no channel, or no longer one. Says what was found.
    Corrupt(&'static str),
    /// The channel is of another type, version or shape. Says which.
    Mismatch(String),
    /// The file system has no room for the channel, or the process may not make so large a file.
    NoSpace,
    /// This process is a fork of the one that made the handle.
    Forked,
    /// This system or file system lacks what a channel needs. Says what.
    Unsupported(&'static str),
    /// The channel has no room for another participant.
    Full,
    /// The channel is closed.
    Closed,
    /// The operating system refused.
    Io(io::Error),
}

/// What made a file or folder unfit to be trusted; from [`OpenError::NotOurs`].
#[derive(Debug, PartialEq, Eq, Clone, Copy)]
#[non_exhaustive]
pub enum FileProperty {
    /// It belongs to another user.
    Owner,
    /// Its mode lets other users in.
    Mode,
    /// It is a symbolic link, or of another type than expected.
    Type,
    /// It has more names than one.
    Links,
}

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotFound => f.write_str("there is no channel of this name: create it first, or look for a typing error"),
            Self::AlreadyExists => f.write_str("there is a channel of this name already: open it, or take another name"),
            Self::InvalidName(why) => write!(f, "the name of a channel {why}"),
            Self::NotOurs { path, what } => write!(f, "{} {what}", path.display()),
            Self::Corrupt(what) => write!(f, "the channel is damaged ({what}): remove its file and create it again"),
            Self::Mismatch(what) => write!(f, "the channel is another than expected: {what}"),
            Self::NoSpace => f.write_str(
                "there is no room for the channel: free some, ask for a smaller one, or set NARROWS_DIR to another folder",
            ),
            Self::Forked => f.write_str("this process is a fork of the one that had the channel: open it again here"),
            Self::Unsupported(what) => write!(f, "channels between processes need {what}, which is missing here"),
            Self::Full => f.write_str("the channel has no room for another participant: end one, or create it with more"),
            Self::Closed => f.write_str("the channel is closed"),
            Self::Io(error) => error.fmt(f),
        }
    }
}

impl fmt::Display for FileProperty {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Owner => "belongs to another user: take another name, or set NARROWS_DIR to a folder of your own",
            Self::Mode => "is open to other users: chmod go= it if nobody has used that",
            Self::Type => "is a symbolic link or of another type than expected: take it away, or take another name",
            Self::Links => "has a second name (a hard link): take one of them away",
        })
    }
}

impl Error for OpenError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Io(error) => error.source(),
            _ => None,
        }
    }
}

impl From<io::Error> for OpenError {
    fn from(error: io::Error) -> Self {
        match Errno::from_io_error(&error) {
            // A quota and a limit on the size of files end as a full file system does.
            Some(Errno::NOSPC | Errno::DQUOT | Errno::FBIG) => Self::NoSpace,
            _ => Self::Io(error),
        }
    }
}

impl From<Errno> for OpenError {
    fn from(error: Errno) -> Self {
        io::Error::from(error).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_system_that_is_full_in_any_way_is_told_as_such() {
        for errno in [Errno::NOSPC, Errno::DQUOT, Errno::FBIG] {
            assert!(matches!(errno.into(), OpenError::NoSpace));
        }
        assert!(matches!(Errno::ACCESS.into(), OpenError::Io(_)));
    }

    #[test]
    fn a_file_that_is_not_trusted_is_named() {
        let error = OpenError::NotOurs { path: "some/file".into(), what: FileProperty::Mode };
        let told = error.to_string();
        assert!(told.starts_with("some/file is open to other users") && told.contains("chmod"), "{told}");
    }
}
