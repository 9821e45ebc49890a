//! Copies the workspace, for mutants that are built from a changed text.

use crate::env;
use std::fs;
use std::io;
use std::path::Path;

/// Makes `to` a copy of the workspace at `from`: manifests, sources, and files that sources include. Unchanged files keep
/// their time stamps, for cargo. Files that the workspace no longer has are removed from the copy. Build outputs are not copied.
/// Paths below the root for which `is_kept` is true belong to the caller: they are neither copied nor removed.
pub fn copy(from: &Path, to: &Path, is_kept: &dyn Fn(&Path) -> bool) -> io::Result<()> {
    copy_dir(from, to, Path::new(""), is_kept)
}

fn copy_dir(
    from: &Path,
    to: &Path,
    below: &Path,
    is_kept: &dyn Fn(&Path) -> bool,
) -> io::Result<()> {
    fs::create_dir_all(to.join(below))?;
    for entry in fs::read_dir(from.join(below))? {
        let entry = entry?;
        let relative = below.join(entry.file_name());
        let (source, copied) = (entry.path(), to.join(&relative));
        if is_left_behind(&source) || is_kept(&relative) {
            continue;
        }
        if source.is_dir() {
            copy_dir(from, to, &relative, is_kept)?;
        } else {
            let bytes = fs::read(&source)?;
            if !fs::read(&copied).is_ok_and(|old| old == bytes) {
                fs::write(&copied, bytes)?;
            }
        }
    }
    for entry in fs::read_dir(to.join(below))? {
        let entry = entry?;
        let relative = below.join(entry.file_name());
        // If the tree has no lock file, cargo has written one into the copy.
        let is_lock = relative.ends_with("Cargo.lock");
        if from.join(&relative).exists() || is_lock || is_kept(&relative) {
            continue;
        }
        if entry.path().is_dir() {
            fs::remove_dir_all(entry.path())?;
        } else {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

/// Build outputs and hidden entries are not copied, except cargo's settings.
fn is_left_behind(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let is_hidden = name.starts_with('.') && name != ".cargo";
    is_hidden || env::is_build_output(path)
}

#[cfg(test)]
mod tests {
    use super::copy;
    use std::fs;
    use std::path::Path;

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
        copy(&from, &to, &|_| false).unwrap();
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
        copy(&from, &to, &|name| name == Path::new("Cargo.toml")).unwrap();
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
