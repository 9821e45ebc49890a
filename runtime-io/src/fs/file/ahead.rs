//! Bytes that a dropped read left behind, ahead of the user, and what they do to the position.
//!
//! In a file they are read again: the position moves back to where the user is. A pipe, a socket or a terminal has no
//! position, and answers `ESPIPE`; but many devices, and an eventfd, accept every seek and do nothing. Their bytes can
//! be read only once, so the bytes are forgotten only if the position has demonstrably moved.
//!
//! For threads of the pool: a seek may ask a server.

use super::buf::Buf;
use std::fs::File;
use std::io::{self, Seek, SeekFrom};

/// Forgets the bytes and moves the position back by their number, if the file has a position; else keeps them.
pub(super) fn move_back(mut file: &File, buf: &mut Buf) -> io::Result<()> {
    if buf.ahead() == 0 || !has_position(file, buf.ahead()) {
        return Ok(());
    }
    let back = from_users_place(SeekFrom::Current(0), buf.ahead());
    // If the seek fails, others have moved the position, and it stays theirs.
    buf.discard();
    file.seek(back).map(drop)
}

/// Moves the position as the user sees it. Bytes ahead stay where the seek fails or the file has no position.
pub(super) fn seek(mut file: &File, to: SeekFrom, buf: &mut Buf) -> io::Result<u64> {
    if buf.ahead() > 0 && !has_position(file, buf.ahead()) {
        return file.seek(to);
    }
    let position = file.seek(from_users_place(to, buf.ahead()))?;
    buf.discard();
    Ok(position)
}

/// The user's `to`, for a system position that is `ahead` of the user's.
pub(super) fn from_users_place(to: SeekFrom, ahead: usize) -> SeekFrom {
    match to {
        SeekFrom::Current(by) => SeekFrom::Current(by.saturating_sub(ahead as i64)),
        absolute => absolute,
    }
}

/// Can the bytes, which have just been read, be read again?
fn has_position(mut file: &File, ahead: usize) -> bool {
    if file.metadata().is_ok_and(|seen| seen.is_file()) {
        return true;
    }
    // One step back and forth again.
    let mut moves = || {
        let here = file.stream_position()?;
        let there = file.seek(SeekFrom::Current(-1))?;
        file.seek(SeekFrom::Current(1))?;
        Ok::<_, io::Error>(here >= ahead as u64 && there + 1 == here)
    };
    moves().unwrap_or(false)
}
