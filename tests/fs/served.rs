//! A runtime may use a file system that its own tasks serve, even on a single thread: only threads of the pool, or the
//! kernel, wait for the answers.

use std::future::Future;
use std::io::SeekFrom;
use std::path::Path;
use std::pin::pin;
use std::sync::atomic::Ordering;
use std::task::Poll;
use std::time::{Duration, Instant};

use crate::folder::Folder;
use crate::fuse::{self, CONTENT, Closed};
use crate::mounts;
use crate::support::{current, within};
use tokio::fs::{self, File, OpenOptions};
use tokio::io::{AsyncReadExt, AsyncSeekExt, AsyncWriteExt};
use tokio::runtime::Runtime;

/// Polls a future once, and drops it.
async fn give_up(future: impl Future) {
    let mut future = pin!(future);
    std::future::poll_fn(|cx| {
        let _ = future.as_mut().poll(cx);
        Poll::Ready(())
    })
    .await;
}

async fn look_around(folder: &Path, file: &Path) {
    assert!(fs::metadata(folder).await.unwrap().is_dir());
    assert_eq!(
        fs::metadata(file).await.unwrap().len(),
        CONTENT.len() as u64
    );
    assert!(fs::symlink_metadata(file).await.unwrap().is_file());
    assert!(fs::try_exists(file).await.unwrap());
    assert!(!fs::try_exists(folder.join("none")).await.unwrap());
    fs::canonicalize(file).await.unwrap();
}

async fn read_all_ways(file: &Path) {
    assert_eq!(fs::read(file).await.unwrap(), CONTENT);
    let text = std::str::from_utf8(CONTENT).unwrap();
    assert_eq!(fs::read_to_string(file).await.unwrap(), text);
    let mut open = File::open(file).await.unwrap();
    assert!(open.metadata().await.unwrap().is_file());
    let mut seen = Vec::new();
    open.read_to_end(&mut seen).await.unwrap();
    assert_eq!(seen, CONTENT);
    assert_eq!(open.seek(SeekFrom::Start(7)).await.unwrap(), 7);
    assert_eq!(open.seek(SeekFrom::Current(1)).await.unwrap(), 8);
    assert_eq!(
        open.seek(SeekFrom::End(-1)).await.unwrap(),
        CONTENT.len() as u64 - 1
    );
    assert_eq!(open.read_u8().await.unwrap(), *CONTENT.last().unwrap());
    let mut clone = open.try_clone().await.unwrap();
    clone.rewind().await.unwrap();
    give_up(clone.read_u8()).await;
    drop(clone);
    drop(open);
    // Files whose open was cancelled are closed like others.
    give_up(File::open(file)).await;
    give_up(fs::read(file)).await;
    let open = tokio::spawn(File::open(file.to_owned()));
    while !open.is_finished() {
        tokio::task::yield_now().await;
    }
    drop(open);
}

async fn list(folder: &Path) {
    for _ in 0..2 {
        let mut entries = fs::read_dir(folder).await.unwrap();
        let entry = entries.next_entry().await.unwrap().unwrap();
        drop(entries);
        assert!(entry.metadata().await.unwrap().is_file());
        drop(entry);
    }
    drop(fs::read_dir(folder).await.unwrap());
}

async fn write_all_ways(file: &Path) {
    let mut open = OpenOptions::new().write(true).open(file).await.unwrap();
    open.write_all(CONTENT).await.unwrap();
    open.flush().await.unwrap();
    drop(open);
    let mut open = OpenOptions::new().append(true).open(file).await.unwrap();
    open.write_all(b"!").await.unwrap();
    // Without the flush, the byte may be written later than the next operations.
    open.flush().await.unwrap();
    drop(open);
    fs::write(file, CONTENT).await.unwrap();
    assert_eq!(fs::read(file).await.unwrap(), CONTENT);
}

async fn use_everything(folder: &Path) {
    let file = folder.join(fuse::NAME);
    for _ in 0..2 {
        look_around(folder, &file).await;
        read_all_ways(&file).await;
        list(folder).await;
        write_all_ways(&file).await;
    }
}

/// Serves a file system for as long as the work takes.
fn with_served(
    name: &'static str,
    runtime: fn() -> Runtime,
    work: impl AsyncFnOnce(&Path, &Closed) + Send + 'static,
) {
    within(60, move || {
        let folder = Folder::new(name);
        let place = folder.file("served");
        std::fs::create_dir(&place).unwrap();
        if !mounts::have_own() {
            return;
        }
        let Some(channel) = fuse::mount(&place) else {
            return;
        };
        runtime().block_on(async {
            let closed = Closed::default();
            tokio::spawn(fuse::serve(channel, closed.clone()));
            work(&place, &closed).await;
        });
        mounts::unmount(&place);
    });
}

#[test]
fn a_file_system_served_by_the_same_thread_can_be_used() {
    with_served("fuse", current, async |place, closed| {
        use_everything(place).await;
        // Each file is closed in the end: nine in a round. (Cancelled opens may never have happened.)
        let start = Instant::now();
        // Ordering: Relaxed; a count.
        while closed.load(Ordering::Relaxed) < 18 {
            assert!(start.elapsed() < Duration::from_secs(20), "{closed:?}");
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    });
}

/// There are more operations at once than the kernel has threads for.
#[test]
fn many_at_once_can_use_a_file_system_served_by_the_same_thread() {
    with_served("fuse-many", current, async |place, _| {
        let work = (0..100).map(|_| {
            let file = place.join(fuse::NAME);
            tokio::spawn(async move { assert_eq!(fs::read(file).await.unwrap(), CONTENT) })
        });
        for work in work.collect::<Vec<_>>() {
            work.await.unwrap();
        }
    });
}

/// The files of an overlayfs may lie anywhere, here in a file system that the same thread serves.
#[test]
fn an_overlay_over_a_served_file_system_can_be_used() {
    with_served("overlay", current, async |place, _| {
        let base = place.parent().unwrap().join("base");
        std::fs::create_dir(&base).unwrap();
        mounts::mount("tmpfs", &base, "").unwrap();
        let [upper, work, merged] = ["upper", "work", "merged"].map(|name| base.join(name));
        for folder in [&upper, &work, &merged] {
            std::fs::create_dir(folder).unwrap();
        }
        let options = format!(
            "lowerdir={},upperdir={},workdir={}",
            place.display(),
            upper.display(),
            work.display()
        );
        let target = merged.clone();
        let mounted =
            tokio::task::spawn_blocking(move || mounts::mount("overlay", &target, &options));
        match mounted.await.unwrap() {
            Ok(()) => {
                let file = merged.join(fuse::NAME);
                for _ in 0..2 {
                    look_around(&merged, &file).await;
                    read_all_ways(&file).await;
                    list(&merged).await;
                }
                use_everything(&merged).await;
                // Time for closes that come late.
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
            Err(error) => eprintln!("not tested: no overlayfs ({error})"),
        }
        let merged = merged.clone();
        let _ = tokio::task::spawn_blocking(move || mounts::unmount(&merged)).await;
        mounts::unmount(&base);
    });
}
