//! Stands in for `ring` without io_uring (another system, 32 bits, big-endian, or the feature is off): the blocking pool does all.

use super::handle::Handle;
use std::future::Ready;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::task::{Context, Poll};

pub(super) async fn open(_: &Path, _: i32, _: u32) -> Option<io::Result<Handle>> {
    None
}

pub(super) async fn rename(_: &Path, _: &Path) -> Option<io::Result<()>> {
    None
}

pub(super) async fn exists(_: &Path) -> Option<io::Result<bool>> {
    None
}

pub(super) async fn read(_: &Path) -> Option<io::Result<Vec<u8>>> {
    None
}

pub(super) fn write(_: &Path, _: &Arc<[u8]>) -> Option<Ready<Option<io::Result<()>>>> {
    None
}

pub(super) fn reader() -> Option<Reader> {
    None
}

/// There is none.
pub(super) struct Reader(Never);

impl Reader {
    pub(super) fn read(self, _: &Arc<Handle>, _: Vec<u8>, _: usize) -> RingRead {
        RingRead(self.0)
    }
}

/// There is none.
pub(super) struct RingRead(Never);

#[derive(Clone, Copy)]
enum Never {}

impl RingRead {
    pub(super) fn poll(&mut self, _: &mut Context<'_>) -> Poll<io::Result<Vec<u8>>> {
        match self.0 {}
    }
}
