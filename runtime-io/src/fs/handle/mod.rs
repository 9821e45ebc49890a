//! A [`Handle`]: an open file whose last reference may be dropped on any thread, a worker included.
//!
//! Closing may wait: a network's file system writes its data back, one of user space asks its server, which may be
//! a task of this very runtime; and closing the last descriptor of a removed file frees its blocks. So a worker
//! closes the files that are known not to wait, and has the pool close the others.
//!
//! - I1: every file that the room opens is a handle from the moment it is open, also as the result of a task or
//!   operation that nobody waits for any more.
//! - I2: ordinary files of local disks, pipes and terminals are closed at once: their users count on it (a
//!   program that was just written can be run, the other side of a pipe sees the end).

use crate::fs::sys::{self, Nature};
use runtime_core::spawn::drop_off_worker;
use std::fs::File;
use std::ops::Deref;

/// Most bytes of a removed file whose blocks are freed on the spot.
const MOST_FREED: u64 = 1024 * 1024;

#[derive(Debug)]
pub(crate) struct Handle {
    /// None once it has been given away or closed.
    file: Option<File>,
    /// None if it has not been asked for.
    nature: Option<Nature>,
}

impl Handle {
    /// A file that the room has opened.
    pub(crate) fn opened(file: File) -> Handle {
        let nature = Some(sys::nature(&file));
        let file = Some(file);
        Handle { file, nature }
    }

    /// A file that comes from elsewhere.
    pub(crate) fn foreign(file: File) -> Handle {
        let (file, nature) = (Some(file), None);
        Handle { file, nature }
    }

    /// Is it known to be an ordinary file on a disk of this machine, so that moving its position does not wait?
    pub(crate) fn is_ordinary(&self) -> bool {
        self.nature == Some(Nature::Ordinary)
    }

    pub(crate) fn into_std(mut self) -> File {
        let file = self.file.take();
        file.expect("a handle has its file until it is dropped")
    }

    fn closes_at_once(&self, file: &File) -> bool {
        match self.nature.unwrap_or_else(|| sys::nature(file)) {
            Nature::Stream => true,
            Nature::Ordinary => file
                .metadata()
                .is_ok_and(|seen| sys::has_name(&seen) || seen.len() <= MOST_FREED),
            Nature::Unknown => false,
        }
    }
}

impl Deref for Handle {
    type Target = File;

    fn deref(&self) -> &File {
        let file = self.file.as_ref();
        file.expect("a handle has its file until it is dropped")
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        let Some(file) = self.file.take() else {
            return;
        };
        if self.closes_at_once(&file) {
            drop(file);
        } else {
            drop_off_worker(file);
        }
    }
}
