//! The four traits of byte streams, their implementations for references and memory, and the buffer that a read
//! fills.
//!
//! All are poll functions on `Pin<&mut Self>`, safe to use as `dyn`: the methods for users are in the
//! extension traits of `util`. `Pending` means that the waker in the context is registered; only the
//! last waker counts. Implementations for memory never pend and spend no budget.

mod buf_read;
mod read;
mod read_buf;
mod seek;
mod write;

pub use buf_read::AsyncBufRead;
pub use read::AsyncRead;
pub use read_buf::ReadBuf;
pub use seek::AsyncSeek;
pub use write::AsyncWrite;
