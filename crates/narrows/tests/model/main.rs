//! Models
#![cfg(any(loom, shuttle))]
