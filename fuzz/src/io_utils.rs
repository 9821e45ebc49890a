//! Fuzz target `io_utils`: the I/O utilities over readers and writers that move few bytes, wait or fail. All bytes must arrive.

use crate::{Input, begin, drive, finish};
use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::io::{
    AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader, BufWriter,
    ReadBuf, copy, copy_bidirectional, copy_buf, duplex, split,
};

/// What a scripted end does next.
#[derive(Clone, Copy, Debug)]
enum Step {
    Some(usize),
    Wait,
    Fail,
    /// An error of kind "interrupted": the utilities return it like any other error.
    Interrupt,
}

/// A script of steps. After its end, each call moves all bytes.
#[derive(Clone)]
struct Script(VecDeque<Step>);

impl Script {
    fn new(input: &mut Input<'_>, may_fail: bool) -> Script {
        let steps = (0..input.below(12)).map(|_| match input.below(10) {
            0..=2 => Step::Wait,
            3 if may_fail => Step::Fail,
            4 if may_fail => Step::Interrupt,
            _ => Step::Some(1 + input.below(9)),
        });
        Script(steps.collect())
    }

    /// How many bytes may be moved.
    fn step(&mut self, cx: &Context<'_>) -> Poll<io::Result<usize>> {
        match self.0.pop_front() {
            None => Poll::Ready(Ok(usize::MAX)),
            Some(Step::Some(n)) => Poll::Ready(Ok(n)),
            Some(Step::Fail) => Poll::Ready(Err(io::ErrorKind::Other.into())),
            Some(Step::Interrupt) => Poll::Ready(Err(io::ErrorKind::Interrupted.into())),
            Some(Step::Wait) => {
                cx.waker().wake_by_ref();
                Poll::Pending
            }
        }
    }
}

struct Reader {
    data: Vec<u8>,
    at: usize,
    script: Script,
}

impl AsyncRead for Reader {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let most = std::task::ready!(self.script.step(cx))?;
        let n = most.min(buf.remaining()).min(self.data.len() - self.at);
        buf.put_slice(&self.data[self.at..self.at + n]);
        self.at += n;
        Poll::Ready(Ok(()))
    }
}

#[derive(Clone)]
struct Writer {
    written: Vec<u8>,
    script: Script,
    is_flushed: bool,
}

impl AsyncWrite for Writer {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        data: &[u8],
    ) -> Poll<io::Result<usize>> {
        let most = std::task::ready!(self.script.step(cx))?;
        let n = most.min(data.len());
        self.written.extend_from_slice(&data[..n]);
        self.is_flushed &= n == 0;
        Poll::Ready(Ok(n))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        std::task::ready!(self.script.step(cx))?;
        self.is_flushed = true;
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_flush(cx)
    }
}

fn writer(input: &mut Input<'_>, may_fail: bool) -> Writer {
    Writer {
        written: Vec::new(),
        script: Script::new(input, may_fail),
        is_flushed: true,
    }
}

/// Text with many line ends.
fn data(input: &mut Input<'_>) -> Vec<u8> {
    let seed = input.below(256);
    let letter = |i: usize| b"\nab\r\n,c\n\n"[(i * i + i / 3 + seed) % 9];
    (0..input.below(256)).map(letter).collect()
}

fn reader(input: &mut Input<'_>, data: &[u8], may_fail: bool) -> Reader {
    Reader {
        data: data.to_vec(),
        at: 0,
        script: Script::new(input, may_fail),
    }
}

/// Reads to the end and goes on after each error: no error may lose or double a byte.
async fn read_all(reader: &mut (impl AsyncRead + Unpin), piece: usize) -> Vec<u8> {
    let mut got = Vec::new();
    let mut buffer = vec![0; piece];
    loop {
        match reader.read(&mut buffer).await {
            Ok(0) => return got,
            Ok(n) => got.extend_from_slice(&buffer[..n]),
            Err(_) => {}
        }
    }
}

pub fn run(bytes: &[u8]) {
    begin();
    let mut input = Input::new(bytes);
    let mut rounds = 0;
    while let Some(operation) = input.next(11) {
        rounds += 1;
        if rounds > 8 {
            break;
        }
        let data = data(&mut input);
        match operation {
            0 => {
                let inner = reader(&mut input, &data, true);
                let mut buffered = BufReader::with_capacity(input.below(8) + 1, inner);
                let got = drive(read_all(&mut buffered, input.below(12) + 1));
                assert_eq!(got, data);
            }
            1 => read_lines(&mut input, &data),
            2 => read_until(&mut input, &data),
            3 => take_and_chain(&mut input, &data),
            4 => write_buffered(&mut input, &data),
            5 => copy_some(&mut input, &data),
            6 => duplex_pair(&mut input, &data),
            7 => both_ways(&mut input, &data),
            8 => exact(&mut input, &data),
            9 => numbers(&mut input, &data),
            _ => read_to_end(&mut input, &data),
        }
    }
    finish();
}

fn read_lines(input: &mut Input<'_>, data: &[u8]) {
    let inner = reader(input, data, false);
    let buffered = BufReader::with_capacity(input.below(8) + 1, inner);
    let expected: Vec<String> = String::from_utf8(data.to_vec())
        .unwrap()
        .lines()
        .map(str::to_owned)
        .collect();
    let got = drive(async {
        let (mut lines, mut got) = (buffered.lines(), Vec::new());
        while let Some(line) = lines.next_line().await.unwrap() {
            got.push(line);
        }
        got
    });
    assert_eq!(got, expected);
}

fn read_until(input: &mut Input<'_>, data: &[u8]) {
    let inner = reader(input, data, true);
    let mut buffered = BufReader::with_capacity(input.below(8) + 1, inner);
    let mut got = Vec::new();
    drive(async {
        loop {
            let before = got.len();
            match buffered.read_until(b',', &mut got).await {
                Ok(0) => break,
                Ok(n) => {
                    assert!(before + n == got.len() || got.ends_with(b","));
                }
                // What was read before the error stays read.
                Err(_) => {}
            }
        }
    });
    assert_eq!(got, data);
    let inner = reader(input, data, false);
    let buffered = BufReader::with_capacity(input.below(8) + 1, inner);
    let mut expected: Vec<Vec<u8>> = data.split(|b| *b == b',').map(<[u8]>::to_vec).collect();
    if expected.last().is_some_and(Vec::is_empty) {
        expected.pop();
    }
    let got = drive(async {
        let (mut parts, mut got) = (buffered.split(b','), Vec::new());
        while let Some(part) = parts.next_segment().await.unwrap() {
            got.push(part);
        }
        got
    });
    assert_eq!(got, expected);
}

fn take_and_chain(input: &mut Input<'_>, data: &[u8]) {
    let at = input.below(data.len() + 1);
    let limit = input.below(256);
    let (one, two) = (
        reader(input, &data[..at], true),
        reader(input, &data[at..], true),
    );
    let piece = input.below(12) + 1;
    let mut taken = one.chain(two).take(limit as u64);
    let got = drive(read_all(&mut taken, piece));
    assert_eq!(got, data[..limit.min(data.len())]);
    let rest = limit.saturating_sub(data.len()) as u64;
    assert_eq!(taken.limit(), rest);
    let mut rest = taken.into_inner();
    let got = drive(read_all(&mut rest, piece));
    assert_eq!(got, data[limit.min(data.len())..]);
}

fn write_buffered(input: &mut Input<'_>, data: &[u8]) {
    let mut buffered = BufWriter::with_capacity(input.below(9), writer(input, true));
    let piece = input.below(12) + 1;
    drive(async {
        let mut left = data;
        while !left.is_empty() {
            let most = piece.min(left.len());
            // `write` takes some of the bytes; if it fails, none.
            if let Ok(n) = buffered.write(&left[..most]).await {
                left = &left[n..];
            }
        }
        while buffered.flush().await.is_err() {}
    });
    assert!(buffered.buffer().is_empty());
    let inner = buffered.into_inner();
    assert!(inner.is_flushed);
    assert_eq!(inner.written, data);
}

fn copy_some(input: &mut Input<'_>, data: &[u8]) {
    let mut from = reader(input, data, false);
    let mut to = writer(input, false);
    let is_buffered = input.flag();
    let copied = drive(async {
        match is_buffered {
            true => {
                let mut from = BufReader::with_capacity(3, &mut from);
                copy_buf(&mut from, &mut to).await.unwrap()
            }
            false => copy(&mut from, &mut to).await.unwrap(),
        }
    });
    assert_eq!(copied, data.len() as u64);
    assert_eq!(to.written, data);
    assert!(to.is_flushed || data.is_empty());
}

fn duplex_pair(input: &mut Input<'_>, data: &[u8]) {
    let (mut one, mut two) = duplex(input.below(9) + 1);
    let (piece, pieces) = (input.below(12) + 1, input.below(20) + 1);
    let (got, ()) = drive(async {
        let write = async {
            for part in data.chunks(pieces) {
                one.write_all(part).await.unwrap();
            }
            one.shutdown().await.unwrap();
        };
        tokio::join!(read_all(&mut two, piece), write)
    });
    assert_eq!(got, data);
    drop(one);
    let end = drive(two.write_all(b"nobody"));
    assert_eq!(end.unwrap_err().kind(), io::ErrorKind::BrokenPipe);
}

/// A reader and a writer as one.
struct Joined(Reader, Writer);

impl AsyncRead for Joined {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, buf)
    }
}

impl AsyncWrite for Joined {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        data: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.1).poll_write(cx, data)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.1).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.1).poll_shutdown(cx)
    }
}

fn both_ways(input: &mut Input<'_>, data: &[u8]) {
    let other: Vec<u8> = data.iter().rev().take(input.below(100)).copied().collect();
    let mut one = Joined(reader(input, data, false), writer(input, false));
    let mut two = Joined(reader(input, &other, false), writer(input, false));
    let (there, back) = drive(copy_bidirectional(&mut one, &mut two)).unwrap();
    assert_eq!((there, back), (data.len() as u64, other.len() as u64));
    assert_eq!(two.1.written, data);
    assert_eq!(one.1.written, other);
    let (mut reading, mut writing) = split(one);
    assert_eq!(drive(read_all(&mut reading, 4)), b"");
    drive(writing.write_all(b"more")).unwrap();
    assert!(reading.unsplit(writing).1.written.ends_with(b"more"));
}

fn exact(input: &mut Input<'_>, data: &[u8]) {
    let mut from = reader(input, data, false);
    let len = input.below(256);
    let mut got = vec![0; len];
    match drive(from.read_exact(&mut got)) {
        Ok(n) => {
            assert_eq!(n, len);
            assert_eq!(got, data[..len]);
        }
        Err(error) => {
            assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
            assert!(len > data.len());
            assert_eq!(got[..data.len()], *data);
        }
    }
}

fn numbers(input: &mut Input<'_>, data: &[u8]) {
    let mut from = reader(input, data, false);
    let mut to = writer(input, false);
    for eight in data.chunks_exact(8) {
        let number = drive(from.read_u64()).unwrap();
        assert_eq!(number.to_be_bytes(), eight);
        drive(to.write_u64_le(number)).unwrap();
        assert!(to.written.ends_with(&number.to_le_bytes()));
    }
}

fn read_to_end(input: &mut Input<'_>, data: &[u8]) {
    let mut from = reader(input, data, true);
    let mut got = b"before".to_vec();
    drive(async { while from.read_to_end(&mut got).await.is_err() {} });
    assert_eq!(got, [b"before", data].concat());
    let mut from = reader(input, data, false);
    let mut text = String::new();
    let n = drive(from.read_to_string(&mut text)).unwrap();
    assert_eq!((n, text.as_bytes()), (data.len(), data));
}
