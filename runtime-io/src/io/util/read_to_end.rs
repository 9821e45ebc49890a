//! Reading to the end of a stream, into a vector or a string.
//!
//! The vector's spare room is read into directly. Before growing a vector which still has the capacity it
//! came with, 32 bytes on the stack are tried: a buffer of just the right size need not be doubled to see
//! the end. Bytes a reader initialised without filling are remembered, and not zeroed again.

use super::{into_string, is_interrupted, poll_read_checked};
use crate::io::{AsyncRead, ReadBuf};
use std::future::Future;
use std::io;
use std::marker::PhantomPinned;
use std::mem::{self, MaybeUninit};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

/// Room there must be to read into the vector, and size of the probe on the stack.
const PROBE: usize = 32;

/// Progress of reading one stream to its end.
#[derive(Debug)]
struct Progress {
    initial_capacity: usize,
    /// Bytes past the vector's length known to be initialised.
    initialized: usize,
    read: usize,
}

impl Progress {
    fn new(buf: &Vec<u8>) -> Progress {
        Progress {
            initial_capacity: buf.capacity(),
            initialized: 0,
            read: 0,
        }
    }

    fn poll<R: AsyncRead + Unpin + ?Sized>(
        &mut self,
        reader: &mut R,
        buf: &mut Vec<u8>,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<usize>> {
        loop {
            let result = if buf.capacity() - buf.len() >= PROBE {
                ready!(self.poll_into_spare(reader, buf, cx))
            } else if buf.capacity() == self.initial_capacity {
                ready!(self.poll_into_probe(reader, buf, cx))
            } else {
                buf.reserve(PROBE);
                self.initialized = 0;
                continue;
            };
            if is_interrupted(&result) {
                continue;
            }
            match result? {
                0 => return Poll::Ready(Ok(mem::take(&mut self.read))),
                n => self.read += n,
            }
        }
    }

    fn poll_into_spare<R: AsyncRead + Unpin + ?Sized>(
        &mut self,
        reader: &mut R,
        buf: &mut Vec<u8>,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<usize>> {
        let len = buf.len();
        let mut spare = ReadBuf::uninit(buf.spare_capacity_mut());
        // SAFETY: nobody else has had the vector since these bytes were initialised.
        unsafe { spare.assume_init(self.initialized) };
        let result = poll_read_checked(Pin::new(reader), cx, &mut spare);
        let n = spare.filled().len();
        self.initialized = spare.initialized().len() - n;
        ready!(result)?;
        // SAFETY: it is our spare room still (checked), of which `ReadBuf` guarantees `n` bytes initialised.
        unsafe { buf.set_len(len + n) };
        Poll::Ready(Ok(n))
    }

    fn poll_into_probe<R: AsyncRead + Unpin + ?Sized>(
        &mut self,
        reader: &mut R,
        buf: &mut Vec<u8>,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<usize>> {
        let mut space = [MaybeUninit::uninit(); PROBE];
        let mut probe = ReadBuf::uninit(&mut space);
        ready!(poll_read_checked(Pin::new(reader), cx, &mut probe))?;
        let data = probe.filled();
        buf.extend_from_slice(data);
        self.initialized = 0;
        Poll::Ready(Ok(data.len()))
    }
}

pin_project_lite::pin_project! {
    /// Future of `AsyncReadExt::read_to_end`.
    #[derive(Debug)]
    #[must_use = "futures do nothing unless awaited"]
    pub struct ReadToEnd<'a, R: ?Sized> {
        reader: &'a mut R,
        buf: &'a mut Vec<u8>,
        progress: Progress,
        #[pin]
        pinned: PhantomPinned,
    }
}

impl<'a, R: ?Sized> ReadToEnd<'a, R> {
    pub(super) fn new(reader: &'a mut R, buf: &'a mut Vec<u8>) -> Self {
        let progress = Progress::new(buf);
        ReadToEnd {
            reader,
            buf,
            progress,
            pinned: PhantomPinned,
        }
    }
}

impl<R: AsyncRead + Unpin + ?Sized> Future for ReadToEnd<'_, R> {
    type Output = io::Result<usize>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let this = self.project();
        this.progress.poll(&mut **this.reader, this.buf, cx)
    }
}

pin_project_lite::pin_project! {
    /// Future of `AsyncReadExt::read_to_string`.
    #[derive(Debug)]
    #[must_use = "futures do nothing unless awaited"]
    pub struct ReadToString<'a, R: ?Sized> {
        reader: &'a mut R,
        output: &'a mut String,
        // The string's bytes while it is being read into; given back, whole or as they were, at the end.
        bytes: Vec<u8>,
        start: usize,
        progress: Progress,
        #[pin]
        pinned: PhantomPinned,
    }

    impl<R: ?Sized> PinnedDrop for ReadToString<'_, R> {
        fn drop(this: Pin<&mut Self>) {
            let this = this.project();
            if !this.bytes.is_empty() {
                give_back(this.output, mem::take(this.bytes), *this.start);
            }
        }
    }
}

/// Puts the first `start` bytes back, which came from a string.
fn give_back(output: &mut String, mut bytes: Vec<u8>, start: usize) {
    bytes.truncate(start);
    if let Ok(text) = String::from_utf8(bytes) {
        *output = text;
    }
}

impl<'a, R: ?Sized> ReadToString<'a, R> {
    pub(super) fn new(reader: &'a mut R, output: &'a mut String) -> Self {
        let bytes = mem::take(output).into_bytes();
        let (start, progress) = (bytes.len(), Progress::new(&bytes));
        ReadToString {
            reader,
            output,
            bytes,
            start,
            progress,
            pinned: PhantomPinned,
        }
    }
}

impl<R: AsyncRead + Unpin + ?Sized> Future for ReadToString<'_, R> {
    type Output = io::Result<usize>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let this = self.project();
        let result = ready!(this.progress.poll(&mut **this.reader, this.bytes, cx));
        let bytes = mem::take(this.bytes);
        Poll::Ready(match result {
            Ok(n) => match into_string(bytes) {
                Ok(text) => {
                    **this.output = text;
                    Ok(n)
                }
                Err((bytes, error)) => {
                    give_back(this.output, bytes, *this.start);
                    Err(error)
                }
            },
            Err(error) => {
                give_back(this.output, bytes, *this.start);
                Err(error)
            }
        })
    }
}
