//! Copies of the workspace, to build mutants that are texts of their own.

use crate::env;
use std::fs;
use std::io;
use std::path::Path;

/// Makes `to` a copy of the workspace at `from`: its manifests, sources and whatever sources include. Unchanged files keep
/// their time stamps, for cargo; what is gone from the workspace is gone from the copy. Build outputs stay behind.
pub fn copy(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir_all(to)?;
    copy_dir(from, to, &[])
}

/// As [`copy`]; files whose path below the root is in `kept` belong to the caller and stay as they are.
pub fn copy_but(from: &Path, to: &Path, kept: &[&str]) -> io::Result<()> {
    fs::create_dir_all(to)?;
    let kept: Vec<_> = kept.iter().map(|name| to.join(name)).collect();
    copy_dir(from, to, &kept)
}

fn copy_dir(from: &Path, to: &Path, kept: &[std::path::PathBuf]) -> io::Result<()> {
    for entry in fs::read_dir(from)? {
        let source = entry?.path();
        let copied = to.join(source.file_name().unwrap_or_default());
        if kept.contains(&copied) || is_left_behind(&source) {
            continue;
        }
        if source.is_dir() {
            fs::create_dir_all(&copied)?;
            copy_dir(&source, &copied, kept)?;
        } else {
            let bytes = fs::read(&source)?;
            if !fs::read(&copied).is_ok_and(|old| old == bytes) {
                fs::write(&copied, bytes)?;
            }
        }
    }
    for entry in fs::read_dir(to)? {
        let copied = entry?.path();
        let source = from.join(copied.file_name().unwrap_or_default());
        // Cargo writes the lock file of a tree that came without one.
        let is_lock = copied.ends_with("Cargo.lock");
        if !source.exists() && !is_lock && !kept.contains(&copied) {
            if copied.is_dir() {
                fs::remove_dir_all(&copied)?;
            } else {
                fs::remove_file(&copied)?;
            }
        }
    }
    Ok(())
}

/// Build outputs, and hidden entries but cargo's settings.
fn is_left_behind(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let is_hidden = name.starts_with('.') && name != ".cargo";
    is_hidden || env::is_build_output(path)
}

#[cfg(test)]
mod tests {
    use super::{copy, copy_but};
    use std::fs;

    #[test]
    fn a_copy_into_a_fresh_folder_holds_every_source_and_no_build_output() {
        let dir = std::env::temp_dir().join(format!("xtask-tree-{}", std::process::id()));
        let (from, to) = (dir.join("from"), dir.join("deep/er/to"));
        for file in [
            "Cargo.toml",
            ".cargo/config.toml",
            ".git/HEAD",
            "a/src/lib.rs",
            "a/only.csv",
            "target/debug/x",
            "out/CACHEDIR.TAG",
            "out/debug/x",
        ] {
            let path = from.join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, file).unwrap();
        }
        copy(&from, &to).unwrap();
        for (file, is_there) in [
            ("Cargo.toml", true),
            (".cargo/config.toml", true),
            ("a/src/lib.rs", true),
            ("a/only.csv", true),
            (".git", false),
            ("target", false),
            ("out", false),
        ] {
            assert_eq!(to.join(file).exists(), is_there, "{file}");
        }
        fs::remove_file(from.join("a/only.csv")).unwrap();
        fs::write(to.join("a/src/lib.rs"), "mutated").unwrap();
        fs::write(to.join("Cargo.toml"), "its own").unwrap();
        copy_but(&from, &to, &["Cargo.toml"]).unwrap();
        assert!(!to.join("a/only.csv").exists());
        assert_eq!(
            fs::read_to_string(to.join("a/src/lib.rs")).unwrap(),
            "a/src/lib.rs"
        );
        assert_eq!(
            fs::read_to_string(to.join("Cargo.toml")).unwrap(),
            "its own"
        );
        fs::remove_dir_all(&dir).unwrap();
    }
}
