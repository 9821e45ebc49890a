//! Scenarios of files: what is written is read back.

use crate::{check, pattern, run};
use std::io::{self, SeekFrom};
use tokio::fs::{self, File};
use tokio::io::{AsyncReadExt, AsyncSeekExt, AsyncWriteExt};
use tokio::runtime::Runtime;

/// A folder that is removed however the attempt ends.
struct Folder(std::path::PathBuf);

impl Folder {
    fn new(n: u32) -> Folder {
        let path = crate::place().join(n.to_string());
        std::fs::create_dir_all(&path).expect("the folder to work in");
        Folder(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A file written, synced and read back, by pieces and as a whole.
pub fn file(runtime: &Runtime, n: u32) -> io::Result<()> {
    let folder = Folder::new(n);
    let path = folder.0.join("file");
    run(runtime, async move {
        let content = pattern(300_000, n);
        let mut file = File::create(&path).await?;
        file.write_all(&content).await?;
        file.flush().await?;
        file.sync_all().await?;
        drop(file);
        check(fs::read(&path).await? == content, "a file's content")?;

        let mut file = File::options().read(true).write(true).open(&path).await?;
        file.seek(SeekFrom::Start(100_000)).await?;
        file.write_all(b"middle").await?;
        file.flush().await?;
        file.seek(SeekFrom::Start(99_999)).await?;
        let mut got = [0; 8];
        file.read_exact(&mut got).await?;
        let expected = [
            &content[99_999..100_000],
            b"middle",
            &content[100_006..100_007],
        ]
        .concat();
        check(got == expected[..], "what was written in the middle")?;
        fs::write(&path, b"short").await?;
        check(fs::read_to_string(&path).await? == "short", "a short file")
    })
}

/// Names: made, looked at, renamed, listed, removed.
pub fn folder(runtime: &Runtime, n: u32) -> io::Result<()> {
    let folder = Folder::new(n);
    let path = folder.0.clone();
    run(runtime, async move {
        let (one, two) = (path.join("one"), path.join("two"));
        fs::write(&one, b"1").await?;
        check(fs::metadata(&one).await?.len() == 1, "a length")?;
        check(fs::try_exists(&one).await?, "a file that is there")?;
        fs::rename(&one, &two).await?;
        check(!fs::try_exists(&one).await?, "a file that is gone is there")?;
        check(fs::copy(&two, &one).await? == 1, "a copy")?;
        let mut names = Vec::new();
        let mut entries = fs::read_dir(&path).await?;
        while let Some(entry) = entries.next_entry().await? {
            names.push(entry.file_name());
        }
        names.sort();
        check(names == ["one", "two"], "a name in the list")?;
        fs::remove_file(&two).await
    })
}
