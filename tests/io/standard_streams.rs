//! Standard streams that are non-blocking, as another program on the same terminal may make them: a slow other side loses
//! no byte and is no error. Each test starts its own binary again, with pipes as its streams.

use std::io::{ErrorKind, Read, Write};
use std::os::fd::RawFd;
use std::process::{Child, Stdio};
use std::time::Duration;

use crate::support::{both, current, is_inner, once_more, this_test, within};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader};

const LINES: usize = 20_000;

fn child(test: &str) -> Child {
    once_more(test)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

fn set_non_blocking(fd: RawFd) {
    // SAFETY: calls without memory arguments on a descriptor that stays open.
    unsafe {
        let flags = libc::fcntl(fd, libc::F_GETFL);
        assert_eq!(libc::fcntl(fd, libc::F_SETFL, flags | libc::O_NONBLOCK), 0);
    }
}

fn line(i: usize) -> String {
    format!("line {i} {}\n", "x".repeat(i % 300))
}

/// Prints lines, then, in one write without a line end, more bytes than any pipe holds.
async fn print_all(mut output: impl AsyncWrite + Unpin) {
    for i in 0..LINES {
        output.write_all(line(i).as_bytes()).await.unwrap();
    }
    output.write_all(&vec![b'y'; 1_000_000]).await.unwrap();
    output.flush().await.unwrap();
}

fn expected() -> Vec<u8> {
    let lines: String = (0..LINES).map(line).collect();
    [lines.into_bytes(), vec![b'y'; 1_000_000]].concat()
}

/// Reads in small pieces with pauses, so that the pipe is full again and again.
fn read_slowly(mut from: impl Read) -> Vec<u8> {
    let (mut all, mut piece) = (Vec::new(), vec![0; 100_000]);
    loop {
        match from.read(&mut piece).unwrap() {
            0 => return all,
            n => all.extend_from_slice(&piece[..n]),
        }
        if all.len() < 1_000_000 {
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}

/// The output from our first line on: the test harness prints before it.
fn ours(all: &[u8]) -> &[u8] {
    let start = all.windows(7).position(|w| w == b"line 0 ").unwrap();
    &all[start..]
}

#[test]
fn every_byte_of_a_full_stdout_arrives() {
    if is_inner(this_test!()) {
        set_non_blocking(1);
        current().block_on(print_all(tokio::io::stdout()));
        // Exits at once, as the harness's own output would fail.
        std::process::exit(0);
    }
    within(60, || {
        let mut child = child(this_test!());
        let all = read_slowly(child.stdout.take().unwrap());
        assert!(child.wait().unwrap().success());
        assert!(ours(&all) == expected(), "{} bytes came", all.len());
    });
}

#[test]
fn every_byte_of_a_full_stderr_arrives() {
    if is_inner(this_test!()) {
        set_non_blocking(2);
        current().block_on(print_all(tokio::io::stderr()));
        std::process::exit(0);
    }
    within(60, || {
        let mut child = child(this_test!());
        let all = read_slowly(child.stderr.take().unwrap());
        assert!(child.wait().unwrap().success());
        assert!(ours(&all) == expected(), "{} bytes came", all.len());
    });
}

#[test]
fn an_empty_stdin_is_waited_for() {
    if is_inner(this_test!()) {
        set_non_blocking(0);
        current().block_on(async {
            let mut input = BufReader::new(tokio::io::stdin());
            let mut text = String::new();
            for i in 0..100 {
                text.clear();
                input.read_line(&mut text).await.unwrap();
                assert_eq!(text, line(i));
            }
            assert_eq!(input.read(&mut [0; 10]).await.unwrap(), 0);
        });
        std::process::exit(0);
    }
    within(60, || {
        let mut child = child(this_test!());
        let mut input = child.stdin.take().unwrap();
        for i in 0..100 {
            // In two halves with pauses, so that reads find nothing at first.
            let line = line(i);
            let (one, two) = line.split_at(line.len() / 2);
            for half in [one, two] {
                input.write_all(half.as_bytes()).unwrap();
                std::thread::sleep(Duration::from_millis(1));
            }
        }
        drop(input);
        let output = child.wait_with_output().unwrap();
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{told}");
    });
}

/// When the reader is gone, each failed operation reports the error once, and none waits for ever.
#[test]
fn a_reader_that_is_gone_is_told_once() {
    if is_inner(this_test!()) {
        set_non_blocking(1);
        // Waits until the reader is gone.
        assert_eq!(std::io::stdin().read(&mut [0]).unwrap(), 0);
        for runtime in both() {
            runtime.block_on(async {
                let mut output = tokio::io::stdout();
                output.write_all(b"into nothing\n").await.unwrap();
                let error = output.flush().await.unwrap_err();
                assert_eq!(error.kind(), ErrorKind::BrokenPipe);
                output.flush().await.expect("told already");
                output.write_all(b"once more\n").await.unwrap();
                let error = output.write(b"x\n").await.unwrap_err();
                assert_eq!(error.kind(), ErrorKind::BrokenPipe);
            });
        }
        std::process::exit(0);
    }
    within(60, || {
        let mut child = child(this_test!());
        // The harness's own first output must not fail.
        let mut output = child.stdout.take().unwrap();
        let mut byte = [0];
        while byte[0] != b't' {
            output.read_exact(&mut byte).unwrap();
        }
        let mut told = vec![0; 4];
        output.read_exact(&mut told).unwrap();
        std::thread::sleep(Duration::from_millis(200));
        drop(output);
        drop(child.stdin.take());
        let output = child.wait_with_output().unwrap();
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{told}");
    });
}
