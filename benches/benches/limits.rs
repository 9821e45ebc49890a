//! `cargo bench --bench limits`: what the machine's own operations cost, as a scale for the other figures.

use std::hint::black_box;
use std::io::{Read, Seek, Write};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, Criterion};

fn main() {
    let mut criterion = Criterion::default()
        .sample_size(20)
        .warm_up_time(Duration::from_millis(200))
        .measurement_time(Duration::from_secs(1))
        .configure_from_args();
    let mut group = criterion.benchmark_group("limits");

    group.bench_function("malloc_free_128", |b| {
        b.iter(|| black_box(Box::new([0u8; 128])))
    });

    let word = AtomicU64::new(0);
    // Ordering: SeqCst; no partner: the cost of a full RMW is what is measured.
    group.bench_function("rmw_uncontended", |b| {
        b.iter(|| word.fetch_add(1, Ordering::SeqCst))
    });

    group.bench_function("clock_gettime", |b| {
        b.iter(|| black_box(std::time::Instant::now()))
    });

    let event = eventfd();
    group.bench_function("eventfd_round_trip", |b| {
        b.iter(|| {
            write(&event, 1);
            read(&event)
        })
    });

    let (there, back) = (eventfd(), eventfd());
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let epoll = epoll_on(&there);
            loop {
                wait(&epoll);
                match read(&there) {
                    1 => write(&back, 1),
                    _ => return,
                }
            }
        });
        let epoll = epoll_on(&back);
        group.bench_function("epoll_echo_two_threads", |b| {
            b.iter(|| {
                write(&there, 1);
                wait(&epoll);
                read(&back)
            })
        });
        write(&there, 2);
    });

    let source = vec![1u8; 64 * 1024];
    let mut target = vec![0u8; 64 * 1024];
    group.bench_function("memcpy_64k", |b| {
        b.iter(|| black_box(&mut target[..]).copy_from_slice(black_box(&source)))
    });

    files(&mut group);
    group.bench_function("std_process_spawn", |b| {
        b.iter(|| std::process::Command::new("true").status().unwrap())
    });

    group.finish();
    criterion.final_summary();
}

/// The cost of the same work on files without a runtime: `std` on the calling thread.
fn files(group: &mut BenchmarkGroup<'_, WallTime>) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file");
    let content = vec![5; 64 * 1024];
    group.bench_function("std_fs_write_64k", |b| {
        b.iter(|| std::fs::write(&path, &content).unwrap())
    });
    group.bench_function("std_fs_read_64k", |b| {
        b.iter(|| std::fs::read(&path).unwrap())
    });
    group.bench_function("std_fs_metadata", |b| {
        b.iter(|| std::fs::metadata(&path).unwrap())
    });
    let mut file = std::fs::File::options()
        .read(true)
        .write(true)
        .open(&path)
        .unwrap();
    let mut piece = [0; 4096];
    for (name, writes) in [("std_file_read_4k", false), ("std_file_write_4k", true)] {
        let mut pieces = 0;
        group.bench_function(name, |b| {
            b.iter(|| {
                if pieces % 16 == 0 {
                    file.rewind().unwrap();
                }
                pieces += 1;
                match writes {
                    true => file.write_all(&piece).unwrap(),
                    false => file.read_exact(&mut piece).unwrap(),
                }
            })
        });
    }
}

fn eventfd() -> OwnedFd {
    // SAFETY: eventfd has no preconditions.
    let fd = unsafe { libc::eventfd(0, libc::EFD_CLOEXEC) };
    assert!(fd >= 0, "eventfd");
    // SAFETY: just made, owned by nobody else.
    unsafe { OwnedFd::from_raw_fd(fd) }
}

fn write(fd: &OwnedFd, value: u64) {
    // SAFETY: eight readable bytes.
    let written = unsafe { libc::write(fd.as_raw_fd(), (&raw const value).cast(), 8) };
    assert_eq!(written, 8);
}

fn read(fd: &OwnedFd) -> u64 {
    let mut value = 0u64;
    // SAFETY: eight writable bytes.
    let read = unsafe { libc::read(fd.as_raw_fd(), (&raw mut value).cast(), 8) };
    assert_eq!(read, 8);
    value
}

fn epoll_on(fd: &OwnedFd) -> OwnedFd {
    // SAFETY: epoll_create1 has no preconditions.
    let epoll = unsafe { libc::epoll_create1(libc::EPOLL_CLOEXEC) };
    assert!(epoll >= 0, "epoll");
    let mut event = libc::epoll_event {
        events: libc::EPOLLIN as u32,
        u64: 0,
    };
    // SAFETY: both descriptors are open, `event` is valid.
    let added = unsafe { libc::epoll_ctl(epoll, libc::EPOLL_CTL_ADD, fd.as_raw_fd(), &mut event) };
    assert_eq!(added, 0);
    // SAFETY: just made, owned by nobody else.
    unsafe { OwnedFd::from_raw_fd(epoll) }
}

fn wait(epoll: &OwnedFd) {
    let mut event = libc::epoll_event { events: 0, u64: 0 };
    // SAFETY: room for one event.
    unsafe { libc::epoll_wait(epoll.as_raw_fd(), &mut event, 1, -1) };
}
