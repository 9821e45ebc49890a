//! Everything generic over the io traits: the extension methods and their futures, buffering, copying,
//! adapters and in-memory streams.
//!
//! Futures here are plain structs that poll the stream they borrow; none spawns or allocates unless it says
//! so. Leaves (`mem`, `empty`) and the copies spend coop budget; adapters leave that to what they wrap.
//! Interrupted operations are retried where a method loops anyway. A stream that says it moved more bytes
//! than it was offered breaks its contract: that is a panic, never a read of foreign memory.

mod buf_read_ext;
mod buf_reader;
mod buf_stream;
mod buf_writer;
mod chain;
mod copy;
mod copy_bidirectional;
mod delegate;
mod empty;
mod join;
mod lines;
mod mem;
mod number;
mod read_ext;
mod read_to_end;
mod seek_ext;
mod split;
mod take;
#[cfg(test)]
mod tests;
mod write_ext;

pub use buf_read_ext::AsyncBufReadExt;
pub use buf_reader::BufReader;
pub use buf_stream::BufStream;
pub use buf_writer::BufWriter;
pub use chain::Chain;
pub use copy::{copy, copy_buf};
pub use copy_bidirectional::{copy_bidirectional, copy_bidirectional_with_sizes};
pub use empty::{Empty, Repeat, Sink, empty, repeat, sink};
pub use join::{Join, join};
pub use lines::{Lines, Split};
pub use mem::{DuplexStream, SimplexStream, duplex, simplex};
pub use read_ext::AsyncReadExt;
pub use seek_ext::AsyncSeekExt;
pub use split::{ReadHalf, WriteHalf, split};
pub use take::Take;
pub use write_ext::AsyncWriteExt;

use crate::io::{AsyncRead, ReadBuf};
use std::pin::Pin;
use std::task::{Context, Poll};

/// Default size of buffers, in bytes.
const BUFFER_SIZE: usize = 8 * 1024;

/// Was the operation interrupted by a signal, so that it should just be retried?
fn is_interrupted<T>(result: &std::io::Result<T>) -> bool {
    matches!(result, Err(error) if error.kind() == std::io::ErrorKind::Interrupted)
}

/// `poll_read`, having made sure that the reader did not replace the buffer by another.
#[inline]
fn poll_read_checked<R: AsyncRead + ?Sized>(
    reader: Pin<&mut R>,
    cx: &mut Context<'_>,
    buf: &mut ReadBuf<'_>,
) -> Poll<std::io::Result<()>> {
    let (start, filled) = (buf.filled().as_ptr(), buf.filled().len());
    let result = reader.poll_read(cx, buf);
    let is_ours = buf.filled().as_ptr() == start && buf.filled().len() >= filled;
    assert!(is_ours, "the reader replaced the buffer it was given");
    result
}

/// Turns bytes read into a string.
fn into_string(bytes: Vec<u8>) -> Result<String, (Vec<u8>, std::io::Error)> {
    String::from_utf8(bytes).map_err(|error| {
        let reason = error.utf8_error();
        (
            error.into_bytes(),
            std::io::Error::new(std::io::ErrorKind::InvalidData, reason),
        )
    })
}
