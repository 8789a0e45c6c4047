//! Channels between processes of one host, in shared memory.
#![deny(unsafe_code)]
