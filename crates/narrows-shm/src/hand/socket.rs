//! One file over a Unix socket, with a few bytes that say what it is.
//!
//! On the wire: the length of the tag as four bytes, the smallest first, and then the tag; the file travels with the first
//! of them. A stream has no borders of its own: with the length in front, other bytes may come before and after. The
//! socket must block (time-outs are fine): half a message cannot be taken back.

use std::io::{self, IoSlice, IoSliceMut, Read};
use std::mem::{self, MaybeUninit};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::net::UnixStream;

use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, ReturnFlags, SendAncillaryBuffer, SendAncillaryMessage,
    SendFlags, recvmsg, send, sendmsg,
};

const HEADER: usize = 4;

/// Sends one file; the sender keeps its own copy.
///
/// # Errors
/// The tag is longer than 4 GiB, or the socket fails. After an error the stream may hold half a message.
pub(crate) fn send_fd(socket: &UnixStream, file: impl AsFd, tag: &[u8]) -> io::Result<()> {
    let length =
        u32::try_from(tag.len()).map_err(|_| io::Error::new(io::ErrorKind::InvalidInput, "the tag is too long"))?;
    let header = length.to_le_bytes();
    let files = [file.as_fd()];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    assert!(control.push(SendAncillaryMessage::ScmRights(&files)), "there is space for one file");
    let parts = [IoSlice::new(&header), IoSlice::new(tag)];
    // A peer that has gone is an error, not a signal.
    let sent = rustix::io::retry_on_intr(|| sendmsg(socket, &parts, &mut control, SendFlags::NOSIGNAL))?;
    let rest = header.iter().chain(tag).copied().skip(sent).collect::<Vec<u8>>();
    let mut rest = rest.as_slice();
    while !rest.is_empty() {
        let sent = rustix::io::retry_on_intr(|| send(socket, rest, SendFlags::NOSIGNAL))?;
        rest = &rest[sent..];
    }
    Ok(())
}

/// Receives one file, closed on `exec`, and its tag of at most `max` bytes.
///
/// # Errors
/// The peer has closed the stream, or sent no file, more than one, or a longer tag. Whatever came is closed then, and the
/// stream is of no further use.
pub(crate) fn recv_fd(socket: &UnixStream, max: usize) -> io::Result<(OwnedFd, Vec<u8>)> {
    let mut header = [0; HEADER];
    let (got, file) = recv_first(socket, &mut header)?;
    let mut rest = socket;
    rest.read_exact(&mut header[got..])?;
    let file = file?;
    let length = u32::from_le_bytes(header) as usize;
    if length > max {
        return Err(invalid("the tag that came with a file is too long"));
    }
    let mut tag = vec![0; length];
    rest.read_exact(&mut tag)?;
    Ok((file, tag))
}

/// The first bytes, and what came with them: exactly one file, or an error.
fn recv_first(socket: &UnixStream, header: &mut [u8]) -> io::Result<(usize, io::Result<OwnedFd>)> {
    // Space for a second file and for credentials: of what has no space, nothing could be said. All are closed on drop.
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(2), ScmCredentials(1))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let answer = rustix::io::retry_on_intr(|| {
        recvmsg(socket, &mut [IoSliceMut::new(header)], &mut control, RecvFlags::CMSG_CLOEXEC)
    })?;
    let mut files: Vec<OwnedFd> = control
        .drain()
        .filter_map(|message| match message {
            RecvAncillaryMessage::ScmRights(files) => Some(files),
            _ => None,
        })
        .flatten()
        .collect();
    let cut = answer.flags.intersects(ReturnFlags::CTRUNC | ReturnFlags::TRUNC);
    let file = match (answer.bytes, files.pop()) {
        (0, _) => return Err(io::ErrorKind::UnexpectedEof.into()),
        (_, None) if cut => Err(invalid("a file came that could not be taken (too many are open?)")),
        (_, None) => Err(invalid("no file came with the message")),
        (_, Some(_)) if cut || !files.is_empty() => Err(invalid("more than one file came with the message")),
        (_, Some(file)) => Ok(file),
    };
    Ok((answer.bytes, file))
}

fn invalid(what: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

/// The pid and the user of whoever made the other end (the pid is 0 where it is of a namespace that is not seen from here).
pub(crate) fn peer(socket: &UnixStream) -> io::Result<(u32, u32)> {
    let mut peer = libc::ucred { pid: 0, uid: 0, gid: 0 };
    let mut length = libc::socklen_t::try_from(mem::size_of_val(&peer)).map_err(io::Error::other)?;
    // SAFETY: the socket is open while it is borrowed; the call writes at most `length` bytes, the size of `peer`, which
    // is plain numbers.
    let answer = unsafe {
        libc::getsockopt(
            socket.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_PEERCRED,
            (&raw mut peer).cast(),
            &raw mut length,
        )
    };
    if answer == -1 {
        return Err(io::Error::last_os_error());
    }
    Ok((u32::try_from(peer.pid).unwrap_or(0), peer.uid))
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::io::Write;

    use rustix::io::{FdFlags, fcntl_getfd};
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

    use super::*;
    use crate::trial::{self, Scratch};

    fn pair() -> (UnixStream, UnixStream) {
        UnixStream::pair().unwrap()
    }

    /// `count` files with these bytes, as a peer that does not keep to the rule sends them.
    fn send_many(socket: &UnixStream, count: usize, bytes: &[u8]) {
        let file = File::open("/dev/null").unwrap();
        let files = vec![file.as_fd(); count];
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(8))];
        let mut control = SendAncillaryBuffer::new(&mut space);
        assert!(count == 0 || control.push(SendAncillaryMessage::ScmRights(&files)));
        sendmsg(socket, &[IoSlice::new(bytes)], &mut control, SendFlags::NOSIGNAL).unwrap();
    }

    #[test]
    fn a_file_arrives_with_its_tag_between_other_bytes() {
        let (mut a, mut b) = pair();
        let scratch = Scratch::new();
        let mut file = File::create_new(scratch.join("file")).unwrap();
        let long = vec![7; 300_000];
        std::thread::scope(|scope| {
            scope.spawn(|| {
                a.write_all(b"before").unwrap();
                send_fd(&a, &file, b"").unwrap();
                send_fd(&a, &file, &long).unwrap();
                a.write_all(b"after").unwrap();
            });
            let mut around = [0; 6];
            b.read_exact(&mut around).unwrap();
            assert_eq!(&around, b"before");
            assert_eq!(recv_fd(&b, 0).unwrap().1, b"");
            let (received, tag) = recv_fd(&b, 300_000).unwrap();
            assert!(tag == long);
            assert!(fcntl_getfd(&received).unwrap().contains(FdFlags::CLOEXEC));
            File::from(received).write_all(b"written").unwrap();
            b.read_exact(&mut around[..5]).unwrap();
            assert_eq!(&around[..5], b"after");
        });
        file.flush().unwrap();
        assert_eq!(std::fs::read(scratch.join("file")).unwrap(), b"written");
    }

    /// In a process of its own, where nothing else opens files.
    #[test]
    fn what_is_not_one_file_is_refused_and_closed() {
        let name = "hand::socket::tests::what_is_not_one_file_is_refused_and_closed";
        if trial::role().is_none() {
            return trial::passes(trial::again(name, "child"));
        }
        let before = trial::open_files();
        for round in 0..200 {
            for count in [0, 2, 3, 8] {
                let (a, b) = pair();
                send_many(&a, count, &[1, 0, 0, 0, 9]);
                assert_eq!(recv_fd(&b, 10).unwrap_err().kind(), io::ErrorKind::InvalidData, "{count} files");
            }
            let refused = |count, bytes: &[u8]| {
                let (a, b) = pair();
                send_many(&a, count, bytes);
                drop(a);
                recv_fd(&b, 10).unwrap_err().kind()
            };
            assert_eq!(refused(1, &[11, 0, 0, 0, 9]), io::ErrorKind::InvalidData, "a tag of 11 bytes");
            assert_eq!(refused(1, &[3, 0, 0, 0, 9]), io::ErrorKind::UnexpectedEof, "half a tag");
            assert_eq!(refused(1, &[3]), io::ErrorKind::UnexpectedEof, "half a header");
            let (a, b) = pair();
            send_fd(&a, &a, b"x").unwrap();
            drop(recv_fd(&b, 1).unwrap());
            drop(a);
            assert_eq!(recv_fd(&b, 10).unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
            assert_eq!(send_fd(&b, &b, b"x").unwrap_err().kind(), io::ErrorKind::BrokenPipe);
            drop(b);
            assert_eq!(trial::open_files(), before, "round {round}");
        }
        let (a, b) = pair();
        send_fd(&a, &a, b"x").unwrap();
        let full = Rlimit { current: Some(3), ..getrlimit(Resource::Nofile) };
        setrlimit(Resource::Nofile, full).unwrap();
        let told = recv_fd(&b, 1).unwrap_err().to_string();
        assert!(told.contains("too many"), "{told}");
    }

    #[test]
    fn the_peer_is_told_by_the_kernel() {
        let (a, _b) = pair();
        assert_eq!(peer(&a).unwrap(), (std::process::id(), rustix::process::geteuid().as_raw()));
    }
}
