//! Recordings in files: the environment turns them on, and they exist after any end of the process.

use selvedge_trace::{Analysis, ReadError, Recording};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Set in the recorded process; the value says how it ends.
const END: &str = "RECORDER_TEST_END";

/// A folder for this process, as others may run the same tests.
pub(crate) fn folder(name: &str) -> PathBuf {
    let name = format!("{name}-{}", std::process::id());
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = std::fs::remove_dir_all(&path);
    std::fs::create_dir_all(&path).unwrap();
    path
}

/// Runs this test file as a program that ends as `end` says, recorded to a path.
fn run(end: &str, path: &Path) -> std::process::ExitStatus {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "files::the_recorded_program", "--nocapture"])
        .env(END, end)
        .env("SELVEDGE_RECORD", path)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .unwrap()
}

/// This is no test, but the program that the tests run.
#[test]
fn the_recorded_program() {
    let Ok(end) = std::env::var(END) else { return };
    let runtime = crate::multi().build().unwrap();
    runtime.block_on(async {
        for _ in 0..100 {
            selvedge::spawn(selvedge::task::yield_now()).await.unwrap();
        }
        let recorder = selvedge::runtime::Handle::current().recorder();
        recorder.mark("the end", 1);
        match end.as_str() {
            "exit" => std::process::exit(0),
            "no room" => {
                fails_to_begin(&recorder);
                std::process::exit(0);
            }
            // SAFETY: takes numbers.
            "kill" => unsafe { libc::kill(libc::getpid(), libc::SIGKILL) },
            "abort" => std::process::abort(),
            "fork" => {
                fork_and_mark(&recorder);
                // No more events of this thread, as they would overwrite what the child may have left.
                std::process::exit(0);
            }
            _ => panic!("the end"),
        };
    });
}

/// From here on, no file of this process may grow: another recording cannot begin.
fn fails_to_begin(recorder: &selvedge::runtime::Recorder) {
    let none = libc::rlimit {
        rlim_cur: 0,
        rlim_max: 0,
    };
    // SAFETY: the signal that tells of the limit is ignored, and the limit is there.
    let set = unsafe {
        libc::signal(libc::SIGXFSZ, libc::SIG_IGN);
        libc::setrlimit(libc::RLIMIT_FSIZE, &none)
    };
    assert_eq!(set, 0);
    let path = folder("recorder-no-room").join("other");
    let options = selvedge::runtime::RecordOptions::new().file(path);
    recorder.start(&options).unwrap_err();
    recorder.mark("goes on", 1);
}

/// Forks; the child also makes a mark, and ends.
fn fork_and_mark(recorder: &selvedge::runtime::Recorder) -> i32 {
    // SAFETY: the child writes to no memory that a lock of another thread's guards.
    if unsafe { libc::fork() } == 0 {
        recorder.mark("of the child", 1);
        // SAFETY: ends the child.
        unsafe { libc::_exit(0) };
    }
    // SAFETY: no status is asked for.
    unsafe { libc::wait(std::ptr::null_mut()) }
}

fn marks(recording: &Recording) -> Vec<&str> {
    let events = recording.events.iter();
    let marks = events.filter_map(|event| match event.kind {
        selvedge_trace::EventKind::Mark { name, .. } => Some(recording.names[&name].as_str()),
        _ => None,
    });
    marks.collect()
}

#[test]
fn the_last_events_are_there_however_the_process_ends() {
    let folder = folder("recorder-ends");
    for end in ["exit", "kill", "abort", "panic", "fork"] {
        let path = folder.join(end);
        let status = run(end, &path);
        match end {
            "kill" => assert_eq!(status.signal(), Some(libc::SIGKILL)),
            "exit" | "fork" => assert!(status.success(), "{end}: {status}"),
            _ => assert!(!status.success(), "{end}"),
        }
        let recording = Recording::read(&std::fs::read(&path).unwrap()).unwrap();
        // A forked child writes nothing to its parent's recording.
        assert_eq!(marks(&recording), ["the end"], "{end}");
        let analysis = Analysis::of(&recording);
        let ended = analysis
            .tasks
            .values()
            .filter(|t| t.ended.is_some())
            .count();
        // The ends of the last tasks may not be written yet.
        assert!(ended >= 95, "{end}: {ended}");
        assert!(
            recording.program.contains("recorder"),
            "{}",
            recording.program
        );
        let mode = std::os::unix::fs::PermissionsExt::mode(
            &std::fs::metadata(&path).unwrap().permissions(),
        );
        assert_eq!(mode & 0o777, 0o600);
    }
}

#[test]
fn a_recording_that_cannot_begin_leaves_the_other_as_it_is() {
    let path = folder("recorder-goes-on").join("first");
    assert!(run("no room", &path).success());
    let recording = Recording::read(&std::fs::read(&path).unwrap()).unwrap();
    assert_eq!(marks(&recording), ["the end", "goes on"]);
}

#[test]
fn in_a_folder_each_process_has_a_file_of_its_own() {
    let folder = folder("recorder-folder");
    run("exit", &folder);
    run("kill", &folder);
    let files: Vec<_> = std::fs::read_dir(&folder).unwrap().flatten().collect();
    assert_eq!(files.len(), 2);
    for file in files {
        Recording::read(&std::fs::read(file.path()).unwrap()).unwrap();
    }
}

#[test]
fn a_path_that_cannot_be_written_costs_the_program_nothing() {
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "files::the_recorded_program", "--nocapture"])
        .env(END, "exit")
        .env("SELVEDGE_RECORD", "/proc/no/such/folder")
        .output()
        .unwrap();
    assert!(output.status.success());
    let said = String::from_utf8_lossy(&output.stderr);
    let said: Vec<&str> = said.matches("nothing is recorded: ").collect();
    assert_eq!(said.len(), 1);
}

#[test]
fn what_is_no_file_is_not_recorded_to() {
    let _alone = crate::alone();
    let folder = folder("recorder-no-file");
    let options = selvedge::runtime::RecordOptions::new().file(&folder);
    let recorder = crate::current().build().unwrap().handle().recorder();
    let error = recorder.start(&options).unwrap_err();
    assert_ne!(error.kind(), std::io::ErrorKind::AlreadyExists, "{error}");
    assert!(!recorder.is_on() && folder.is_dir());
}

#[test]
fn a_file_is_read_while_it_is_written() {
    let _alone = crate::alone();
    let path = folder("recorder-live").join("live");
    let options = selvedge::runtime::RecordOptions::new()
        .file(&path)
        .ring_bytes(16 * 1024);
    let runtime = crate::multi().record(options).build().unwrap();
    let stop = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
    let busy: Vec<_> = (0..2)
        .map(|_| {
            let stop = stop.clone();
            runtime.spawn(async move {
                while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                    selvedge::task::yield_now().await;
                }
            })
        })
        .collect();
    let mut lost = 0;
    while lost < 1_000_000 {
        let recording = Recording::read(&Recording::bytes_of(&path).unwrap()).unwrap();
        let is_known = |event: &selvedge_trace::Event| {
            !matches!(event.kind, selvedge_trace::EventKind::Unknown { .. })
        };
        assert!(recording.events.iter().all(is_known), "torn");
        assert!(recording.lost >= lost);
        lost = recording.lost;
    }
    stop.store(true, std::sync::atomic::Ordering::Relaxed);
    runtime.block_on(async {
        for task in busy {
            task.await.unwrap();
        }
    });
    runtime.handle().recorder().stop();
}

#[test]
fn what_is_cut_off_or_of_another_version_is_an_error() {
    let path = folder("recorder-cut").join("whole");
    assert!(run("exit", &path).success());
    let bytes = std::fs::read(&path).unwrap();
    assert_eq!(
        Recording::read(b"GET / HTTP").unwrap_err(),
        ReadError::NotARecording
    );
    let mut later = bytes.clone();
    // A file has the bytes of its machine's words.
    later[8..16].copy_from_slice(&99_u64.to_ne_bytes());
    assert_eq!(Recording::read(&later).unwrap_err(), ReadError::Version(99));
    for len in [8, 100, 4_095, 4_096 + 40, bytes.len() - 8] {
        let read = Recording::read(&bytes[..len]);
        assert!(matches!(read, Err(ReadError::CutOff(_))), "{len}: {read:?}");
    }
}
