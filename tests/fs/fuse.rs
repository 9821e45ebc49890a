//! A user-space file system (FUSE) with one folder and one file, served by a task. The kernel may cache nothing of it:
//! every operation asks the task.

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::AsRawFd;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::mounts;
use tokio::io::unix::AsyncFd;

pub const NAME: &str = "file";
pub const CONTENT: &[u8] = b"served by a task";

/// How often a descriptor was closed.
pub type Closed = Arc<AtomicUsize>;

/// The byte order of the kernel. It differs from this program's if an emulator runs the program.
#[derive(Clone, Copy)]
struct Order {
    is_other: bool,
}

impl Order {
    /// The operation of the kernel's first message.
    const INIT: u32 = 26;

    /// The byte order, from the kernel's first message.
    fn of(request: &[u8]) -> Order {
        let operation = u32::from_ne_bytes(request[4..8].try_into().unwrap());
        Order {
            is_other: operation == Order::INIT.swap_bytes(),
        }
    }

    fn bytes<const N: usize>(self, mut bytes: [u8; N]) -> [u8; N] {
        if self.is_other {
            bytes.reverse();
        }
        bytes
    }

    fn u32(self, number: u32) -> [u8; 4] {
        self.bytes(number.to_ne_bytes())
    }

    fn u64(self, number: u64) -> [u8; 8] {
        self.bytes(number.to_ne_bytes())
    }

    fn u32_at(self, bytes: &[u8], at: usize) -> u32 {
        u32::from_ne_bytes(self.bytes(bytes[at..at + 4].try_into().unwrap()))
    }

    fn u64_at(self, bytes: &[u8], at: usize) -> u64 {
        u64::from_ne_bytes(self.bytes(bytes[at..at + 8].try_into().unwrap()))
    }
}

/// Mounts the file system; returns the channel to serve. `None`, with the reason printed, where mounts are forbidden.
pub fn mount(place: &Path) -> Option<File> {
    let mut options = File::options();
    options
        .read(true)
        .write(true)
        .custom_flags(libc::O_NONBLOCK);
    let mounted = options.open("/dev/fuse").and_then(|channel| {
        let fd = channel.as_raw_fd();
        let options = format!("fd={fd},rootmode=40000,user_id=0,group_id=0");
        mounts::mount("fuse", place, &options).map(|()| channel)
    });
    match mounted {
        Ok(channel) => Some(channel),
        Err(error) => {
            eprintln!("not tested: no file system of user space ({error})");
            None
        }
    }
}

pub async fn serve(channel: File, closed: Closed) {
    // SAFETY: a file's descriptor stays what it is.
    let channel = unsafe { AsyncFd::register(channel) }.unwrap();
    let mut request = vec![0; 1 << 17];
    let mut content = CONTENT.to_vec();
    let mut order = None;
    loop {
        let mut ready = channel.readable().await.unwrap();
        let n = match ready.try_io(|channel| channel.get_ref().read(&mut request)) {
            Ok(Ok(n)) => n,
            // ENOENT: an operation was cancelled before it was read. Other errors: the end.
            Ok(Err(error)) if error.raw_os_error() == Some(libc::ENOENT) => continue,
            Ok(Err(_)) => return,
            Err(_) => continue,
        };
        let order = *order.get_or_insert_with(|| Order::of(&request));
        let Some(answer) = answer(order, &request[..n], &mut content, &closed) else {
            continue;
        };
        let (error, body) = match answer {
            Ok(body) => (0, body),
            Err(error) => (error, Vec::new()),
        };
        let mut reply = order.u32(16 + body.len() as u32).to_vec();
        reply.extend(order.bytes(i32::to_ne_bytes(-error)));
        reply.extend(&request[8..16]);
        reply.extend(body);
        // The kernel refuses the reply if nothing waits for it any more.
        let _ = channel.get_ref().write_all(&reply);
    }
}

fn attributes(order: Order, node: u64, content: &[u8]) -> Vec<u8> {
    let mut it = vec![0; 88];
    it[..8].copy_from_slice(&order.u64(node));
    let (mode, size) = match node {
        1 => (libc::S_IFDIR | 0o755, 0),
        _ => (libc::S_IFREG | 0o644, content.len() as u64),
    };
    it[8..16].copy_from_slice(&order.u64(size));
    it[60..64].copy_from_slice(&order.u32(mode));
    it[64..68].copy_from_slice(&order.u32(1));
    it
}

/// The answer; `None` for messages without one.
fn answer(
    order: Order,
    request: &[u8],
    content: &mut Vec<u8>,
    closed: &Closed,
) -> Option<Result<Vec<u8>, i32>> {
    let operation = order.u32_at(request, 4);
    let (node, body) = (order.u64_at(request, 16), &request[40..]);
    Some(Ok(match operation {
        // FORGET, INTERRUPT, BATCH_FORGET
        2 | 36 | 42 => return None,
        // LOOKUP
        1 if body.starts_with(NAME.as_bytes()) => {
            let mut it = vec![0; 40];
            it[..8].copy_from_slice(&order.u64(2));
            it.extend(attributes(order, 2, content));
            it
        }
        1 => return Some(Err(libc::ENOENT)),
        // SETATTR, which may set the length, and GETATTR.
        3 | 4 => {
            if operation == 4 && order.u32_at(body, 0) & 8 != 0 {
                content.resize(order.u64_at(body, 16) as usize, 0);
            }
            let mut it = vec![0; 16];
            it.extend(attributes(order, node, content));
            it
        }
        // OPEN, OPENDIR
        14 | 27 => vec![0; 16],
        // READ
        15 => {
            let from = content.len().min(order.u64_at(body, 8) as usize);
            content[from..].to_vec()
        }
        // WRITE
        16 => {
            let (at, data) = (order.u64_at(body, 8) as usize, &body[40..]);
            let end = at + data.len();
            content.resize(content.len().max(end), 0);
            content[at..end].copy_from_slice(data);
            let mut it = order.u32(data.len() as u32).to_vec();
            it.resize(8, 0);
            it
        }
        // STATFS
        17 => vec![0; 80],
        // FLUSH
        25 => {
            // Ordering: Relaxed; a count.
            closed.fetch_add(1, Ordering::Relaxed);
            Vec::new()
        }
        // RELEASE, FSYNC, RELEASEDIR
        18 | 20 | 29 => Vec::new(),
        // INIT: protocol 7.31, writes of a page.
        Order::INIT => {
            let mut it = vec![0; 64];
            it[..4].copy_from_slice(&order.u32(7));
            it[4..8].copy_from_slice(&order.u32(31));
            it[20..24].copy_from_slice(&order.u32(4096));
            it
        }
        // READDIR: one entry.
        28 if order.u64_at(body, 8) == 0 => {
            let mut it = Vec::new();
            it.extend(order.u64(2));
            it.extend(order.u64(1));
            it.extend(order.u32(NAME.len() as u32));
            it.extend(order.u32(8));
            it.extend(NAME.as_bytes());
            it.resize(it.len().next_multiple_of(8), 0);
            it
        }
        28 => Vec::new(),
        _ => return Some(Err(libc::ENOSYS)),
    }))
}
