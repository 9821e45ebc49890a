//! Bytes that were read ahead of the user, by a read that was given up, and what they do to the position.
//!
//! In a file they are read again: the position moves back to where the user is. What has no position (a pipe, a
//! socket, a terminal) says so by `ESPIPE`; but many devices, and an eventfd, agree to every seek and do nothing. Their
//! bytes are only there once, so they are forgotten only where the position has demonstrably moved.
//!
//! For threads of the pool: a seek may ask a server.

use super::buf::Buf;
use std::fs::File;
use std::io::{self, Seek, SeekFrom};

/// Forgets the bytes and moves the position back by their number, if there is a position; else keeps them.
pub(super) fn move_back(mut file: &File, buf: &mut Buf) -> io::Result<()> {
    if buf.ahead() == 0 || !has_position(file, buf.ahead()) {
        return Ok(());
    }
    let back = from_users_place(SeekFrom::Current(0), buf.ahead());
    // Where that fails, others have moved the position, and it is theirs.
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

/// What the user calls `to`, in terms of a position that is ahead of the user's.
pub(super) fn from_users_place(to: SeekFrom, ahead: usize) -> SeekFrom {
    match to {
        SeekFrom::Current(by) => SeekFrom::Current(by.saturating_sub(ahead as i64)),
        absolute => absolute,
    }
}

/// Can the bytes be read again? Asked of what has just been read.
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
