//! `narrows::check` as its users see it: four programs with a bug and mended, and what the checker promises. Built without
//! `--cfg narrows_check` the mended programs run on threads of the system.

mod bugs;
mod plain;
mod promises;
