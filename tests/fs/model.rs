//! Random operations on a `File`, compared with a vector and a cursor; and on a pair of sockets, compared with queues.

use std::collections::VecDeque;
use std::future::Future;
use std::io::{SeekFrom, Write};
use std::os::fd::OwnedFd;
use std::pin::pin;
use std::task::Poll;

use crate::folder::Folder;
use crate::support::{current, within};
use proptest::prelude::*;
use tokio::fs::{File, OpenOptions};
use tokio::io::{AsyncReadExt, AsyncSeekExt, AsyncWriteExt};

#[derive(Clone, Debug)]
enum Step {
    Read(usize),
    /// A read that is polled once and dropped.
    GiveUp(usize),
    Write(usize),
    Flush,
    Start(u64),
    Current(i64),
    End(i64),
    SetLen(u64),
    Clone,
    IntoStd,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        4 => (0..60_usize).prop_map(Step::Read),
        4 => (1..60_usize).prop_map(Step::GiveUp),
        4 => (0..40_usize).prop_map(Step::Write),
        1 => Just(Step::Flush),
        1 => (0..150_u64).prop_map(Step::Start),
        2 => (-100..100_i64).prop_map(Step::Current),
        1 => (-100..20_i64).prop_map(Step::End),
        1 => (0..150_u64).prop_map(Step::SetLen),
        1 => Just(Step::Clone),
        1 => Just(Step::IntoStd),
    ];
    proptest::collection::vec(step, 1..40)
}

/// The model of a file.
struct Model {
    content: Vec<u8>,
    position: usize,
}

impl Model {
    fn read(&mut self, n: usize) -> Vec<u8> {
        let rest = self.content.get(self.position..).unwrap_or(&[]);
        let seen = rest[..n.min(rest.len())].to_vec();
        self.position += seen.len();
        seen
    }

    fn write(&mut self, data: &[u8]) {
        if data.is_empty() {
            return;
        }
        let end = self.position + data.len();
        if self.content.len() < end {
            self.content.resize(end, 0);
        }
        self.content[self.position..end].copy_from_slice(data);
        self.position = end;
    }

    /// The new position; `None` where the system refuses the seek.
    fn seek(&mut self, to: SeekFrom) -> Option<u64> {
        let to = match to {
            SeekFrom::Start(at) => at as i64,
            SeekFrom::Current(by) => self.position as i64 + by,
            SeekFrom::End(by) => self.content.len() as i64 + by,
        };
        self.position = usize::try_from(to).ok()?;
        Some(to as u64)
    }
}

/// Polls a read once and drops it. Returns the bytes if it ended in that poll.
async fn give_up(file: &mut File, n: usize) -> Option<Vec<u8>> {
    let mut buf = vec![0; n];
    let first = {
        let mut read = pin!(file.read(&mut buf));
        std::future::poll_fn(|cx| Poll::Ready(read.as_mut().poll(cx))).await
    };
    let Poll::Ready(seen) = first else {
        return None;
    };
    buf.truncate(seen.unwrap());
    Some(buf)
}

async fn run(mut file: File, steps: &[Step], model: &mut Model) {
    let mut next = 0_u8;
    for step in steps {
        match *step {
            Step::Read(n) => {
                let mut buf = vec![0; n];
                let mut seen = 0;
                // A read may return less than there is, for example only bytes that were read ahead.
                while seen < n {
                    match file.read(&mut buf[seen..]).await.unwrap() {
                        0 => break,
                        n => seen += n,
                    }
                }
                buf.truncate(seen);
                assert_eq!(buf, model.read(n));
            }
            Step::GiveUp(n) => {
                if let Some(seen) = give_up(&mut file, n).await {
                    assert_eq!(seen, model.read(seen.len()));
                }
            }
            Step::Write(n) => {
                let data: Vec<u8> = (0..n)
                    .map(|_| {
                        next = next.wrapping_add(1);
                        next
                    })
                    .collect();
                file.write_all(&data).await.unwrap();
                model.write(&data);
            }
            Step::Flush => file.flush().await.unwrap(),
            Step::Start(at) => seek(&mut file, model, SeekFrom::Start(at)).await,
            Step::Current(by) => seek(&mut file, model, SeekFrom::Current(by)).await,
            Step::End(by) => seek(&mut file, model, SeekFrom::End(by)).await,
            Step::SetLen(n) => {
                file.set_len(n).await.unwrap();
                model.content.resize(n as usize, 0);
            }
            Step::Clone => file = file.try_clone().await.unwrap(),
            Step::IntoStd => file = File::from_std(file.into_std().await),
        }
    }
    file.flush().await.unwrap();
}

async fn seek(file: &mut File, model: &mut Model, to: SeekFrom) {
    let position = model.position;
    let expected = model.seek(to);
    match file.seek(to).await {
        Ok(at) => assert_eq!(Some(at), expected, "{to:?} from {position}"),
        Err(_) => assert_eq!(expected, None, "{to:?} from {position}"),
    }
    if expected.is_none() {
        model.position = position;
    }
}

#[test]
fn a_file_is_a_vector_with_a_cursor() {
    within(120, || {
        let folder = Folder::new("model");
        let path = folder.file("file");
        let runtime = current();
        proptest!(ProptestConfig::default(), |(start in 0..200_usize, steps in steps(), opened: bool)| {
            let content: Vec<u8> = (0..start).map(|i| (i * 7 % 251) as u8).collect();
            std::fs::write(&path, &content).unwrap();
            let mut model = Model { content, position: 0 };
            runtime.block_on(async {
                let mut options = OpenOptions::new();
                options.read(true).write(true);
                let file = options.open(&path).await.unwrap();
                let file = match opened {
                    true => file,
                    false => File::from_std(file.into_std().await),
                };
                run(file, &steps, &mut model).await;
            });
            assert_eq!(std::fs::read(&path).unwrap(), model.content);
        });
    });
}

/// One end of a pair of sockets: received bytes form a queue, written bytes arrive, and there is no position.
#[test]
fn a_stream_is_a_queue_each_way() {
    within(120, || {
        let runtime = current();
        proptest!(ProptestConfig::default(), |(steps in steps())| {
            let (ours, other) = std::os::unix::net::UnixStream::pair().unwrap();
            let mut expected = VecDeque::new();
            let mut next = 0_u8;
            runtime.block_on(async {
                let mut file = File::from(OwnedFd::from(ours));
                // Enough bytes for a cancelled read to end before the next operation.
                let mut feed = |expected: &mut VecDeque<u8>, n: usize| {
                    let data: Vec<u8> = (0..n).map(|_| { next = next.wrapping_add(1); next }).collect();
                    (&other).write_all(&data).unwrap();
                    expected.extend(&data);
                };
                for step in &steps {
                    match *step {
                        Step::Read(n) => {
                            feed(&mut expected, n);
                            let mut buf = vec![0; n];
                            file.read_exact(&mut buf).await.unwrap();
                            let seen: Vec<u8> = expected.drain(..n).collect();
                            assert_eq!(buf, seen);
                        }
                        Step::GiveUp(n) => {
                            if let Some(seen) = give_up(&mut file, n).await {
                                let known: Vec<u8> = expected.drain(..seen.len()).collect();
                                assert_eq!(seen, known);
                            }
                            feed(&mut expected, 3);
                        }
                        Step::Write(n) => {
                            let data = vec![n as u8; n];
                            file.write_all(&data).await.unwrap();
                            file.flush().await.unwrap();
                            let mut seen = vec![0; n];
                            std::io::Read::read_exact(&mut &other, &mut seen).unwrap();
                            assert_eq!(seen, data);
                        }
                        Step::Flush => file.flush().await.unwrap(),
                        Step::Start(at) => assert!(file.seek(SeekFrom::Start(at)).await.is_err()),
                        Step::Current(by) => assert!(file.seek(SeekFrom::Current(by)).await.is_err()),
                        Step::End(by) => assert!(file.seek(SeekFrom::End(by)).await.is_err()),
                        Step::SetLen(n) => assert!(file.set_len(n).await.is_err()),
                        Step::Clone => drop(file.try_clone().await.unwrap()),
                        Step::IntoStd => match file.try_into_std() {
                            Ok(std) => file = File::from_std(std),
                            Err(same) => file = same,
                        },
                    }
                }
                let mut rest = vec![0; expected.len()];
                file.read_exact(&mut rest).await.unwrap();
                assert_eq!(rest, Vec::from(expected));
            });
        });
    });
}
