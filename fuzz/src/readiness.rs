//! Fuzz target `readiness`: a socket pair. The other end is a socket of `std` that writes, reads and closes at random.

use crate::{Input, Wait, begin, finish};
use std::cell::RefCell;
use std::io::{ErrorKind, Read, Write};
use std::os::unix::net::UnixStream;
use std::rc::Rc;
use std::time::Duration;
use tokio::io::unix::AsyncFd;
use tokio::runtime::{Builder, Runtime};

struct World {
    runtime: Runtime,
    ours: Rc<AsyncFd<UnixStream>>,
    theirs: Option<UnixStream>,
    /// Bytes that were written to us and not read; then the number of bytes read.
    on_the_way: usize,
    had: usize,
    sent: usize,
    reads: Vec<Wait<'static, usize>>,
    write: Option<Wait<'static, usize>>,
    /// The number of our bytes that the other end can read.
    outgoing: Rc<RefCell<usize>>,
    is_full: bool,
}

async fn read(fd: Rc<AsyncFd<UnixStream>>) -> usize {
    loop {
        let mut guard = fd.readable().await.unwrap();
        let mut bytes = [0; 16];
        match guard.try_io(|fd| fd.get_ref().read(&mut bytes)) {
            Ok(n) => return n.unwrap_or(0),
            Err(_would_block) => {}
        }
    }
}

async fn write(fd: Rc<AsyncFd<UnixStream>>, len: usize) -> usize {
    let bytes = vec![1; len];
    fd.async_io(tokio::io::Interest::WRITABLE, |mut fd: &UnixStream| {
        fd.write(&bytes)
    })
    .await
    .unwrap_or(0)
}

impl World {
    /// Lets the driver deliver events.
    fn turn(&self) {
        self.runtime.block_on(async {
            tokio::time::sleep(Duration::from_micros(1)).await;
            tokio::task::yield_now().await;
        });
    }

    fn is_readable(&self) -> bool {
        self.on_the_way > 0 || self.theirs.is_none()
    }

    fn poll_read(&mut self, at: usize) {
        if let Some(n) = self.reads[at].poll() {
            assert!(n <= self.on_the_way);
            assert!(n > 0 || self.theirs.is_none());
            self.on_the_way -= n;
            self.had += n;
            drop(self.reads.remove(at));
        } else {
            // The event may be on its way. Once it is delivered, a readable socket must have woken a read.
            assert!(!self.is_readable() || self.reads.len() > 1 || !self.is_settled());
        }
    }

    fn is_settled(&self) -> bool {
        self.turn();
        self.reads.iter().all(|read| !read.is_woken())
    }

    fn check(&mut self) {
        self.turn();
        if self.is_readable() {
            let told = self.reads.iter().all(Wait::is_woken);
            assert!(told, "there is something to read, but not all are told");
        }
        if !self.is_full || self.theirs.is_none() {
            let told = self.write.as_ref().is_none_or(Wait::is_woken);
            assert!(told, "there is room to write, but nobody is told");
        }
    }
}

pub fn run(bytes: &[u8]) {
    begin();
    let mut input = Input::new(bytes);
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    let (ours, theirs) = UnixStream::pair().unwrap();
    ours.set_nonblocking(true).unwrap();
    theirs.set_nonblocking(true).unwrap();
    let entered = runtime.enter();
    // SAFETY: the stream owns its descriptor, and neither closes nor exchanges it while it lives.
    let ours = Rc::new(unsafe { AsyncFd::register(ours) }.unwrap());
    drop(entered);
    let mut world = World {
        runtime,
        ours,
        theirs: Some(theirs),
        on_the_way: 0,
        had: 0,
        sent: 0,
        reads: Vec::new(),
        write: None,
        outgoing: Rc::default(),
        is_full: false,
    };
    while let Some(operation) = input.next(12) {
        match operation {
            0..=2 => {
                let n = 1 + input.below(40);
                if let Some(theirs) = &mut world.theirs {
                    if let Ok(n) = theirs.write(&vec![0; n]) {
                        world.sent += n;
                        world.on_the_way += n;
                    }
                }
            }
            3 | 4 => {
                if world.reads.len() < 4 {
                    world.reads.push(Wait::new(read(world.ours.clone())));
                }
            }
            5 | 6 => {
                if let Some(at) = input.place(world.reads.len()) {
                    world.poll_read(at);
                }
            }
            7 => {
                if let Some(at) = input.place(world.reads.len()) {
                    drop(world.reads.remove(at));
                }
            }
            8 => {
                let len = 1 + 1000 * input.below(100);
                let ours = world.ours.clone();
                let wait = world
                    .write
                    .get_or_insert_with(|| Wait::new(write(ours, len)));
                match wait.poll() {
                    Some(n) => {
                        world.write = None;
                        *world.outgoing.borrow_mut() += n;
                    }
                    None => world.is_full = true,
                }
            }
            9 => {
                // The other end reads all that it can.
                let mut bytes = vec![0; 1 << 16];
                let mut outgoing = world.outgoing.borrow_mut();
                while let Some(theirs) = &mut world.theirs {
                    match theirs.read(&mut bytes) {
                        Ok(n) => *outgoing -= n,
                        Err(error) => {
                            assert_eq!(error.kind(), ErrorKind::WouldBlock);
                            assert_eq!(*outgoing, 0);
                            break;
                        }
                    }
                }
                world.is_full = false;
            }
            10 => world.check(),
            _ => {
                if input.below(6) == 0 {
                    world.theirs = None;
                }
            }
        }
    }
    world.check();
    assert_eq!(world.had + world.on_the_way, world.sent);
    if input.flag() {
        drop(world.runtime);
        world
            .reads
            .iter()
            .for_each(|read| assert!(read.is_woken(), "left behind at shutdown"));
    }
    drop((world.reads, world.write, world.ours));
    finish();
}
