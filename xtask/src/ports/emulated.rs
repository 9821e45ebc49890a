//! `cargo xtask ports --run`: the tests of other Linux processors, run here.
//!
//! A processor needs a linker with its C library, and one that this machine is not akin to needs qemu's user mode: Debian's packages bring
//! both. The tests are another processor's programs; the kernel that they call is this machine's.
//!
//! Some tests start their own program as a child. So that the kernel finds the emulator for it, the tests run in a namespace of
//! their own with an entry in its `binfmt_misc` (Linux 6.7): nothing of the machine changes. Older kernels need the package `qemu-user-binfmt`.

use crate::env;
use std::error::Error;
use std::fmt::Write;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// For one suite on one processor. An emulated one is some ten times as slow.
const LIMIT: Duration = Duration::from_secs(900);

/// A processor whose tests can be run.
struct Machine {
    target: &'static str,
    /// The name of its C library's folder, and of its linker: `NAME-gcc`.
    name: &'static str,
    emulator: Option<Emulator>,
}

/// Who runs its programs, and how the kernel knows them: by the first bytes.
struct Emulator {
    program: &'static str,
    /// 1 for 32 bits, 2 for 64.
    class: u8,
    is_big_endian: bool,
    /// `e_machine`.
    number: u8,
}

const MACHINES: [Machine; 4] = [
    Machine {
        target: "aarch64-unknown-linux-gnu",
        name: "aarch64-linux-gnu",
        emulator: Some(Emulator {
            program: "qemu-aarch64",
            class: 2,
            is_big_endian: false,
            number: 183,
        }),
    },
    Machine {
        target: "s390x-unknown-linux-gnu",
        name: "s390x-linux-gnu",
        emulator: Some(Emulator {
            program: "qemu-s390x",
            class: 2,
            is_big_endian: true,
            number: 22,
        }),
    },
    Machine {
        target: "armv7-unknown-linux-gnueabihf",
        name: "arm-linux-gnueabihf",
        emulator: Some(Emulator {
            program: "qemu-arm",
            class: 1,
            is_big_endian: false,
            number: 40,
        }),
    },
    Machine {
        target: "i686-unknown-linux-gnu",
        name: "i686-linux-gnu",
        emulator: None,
    },
];

/// Tests that one cargo command runs.
struct Suite {
    name: &'static str,
    words: &'static [&'static str],
}

const ALL: &str = "full,test-util";

const SUITES: [Suite; 5] = [
    Suite {
        name: "`selvedge-core`'s own",
        words: &["-p", "selvedge-core", "--lib"],
    },
    Suite {
        name: "`sync`",
        words: &["-p", "selvedge", "--features", ALL, "--test", "sync"],
    },
    Suite {
        name: "`tasks`",
        words: &["-p", "selvedge", "--features", ALL, "--test", "tasks"],
    },
    Suite {
        name: "`time`",
        words: &["-p", "selvedge", "--features", ALL, "--test", "time"],
    },
    Suite {
        name: "`local`",
        words: &["-p", "selvedge", "--features", ALL, "--test", "local"],
    },
];

/// Tests that are known to fail: on what processor (`""`: all that are emulated), which, and why.
const KNOWN: [(&str, &str, &str); 1] = [(
    "",
    "fairness::polls_between_ready_and_polled_are_bounded",
    "more than its 30 s under qemu, where the machine does other things as well",
)];

/// What a suite did on a processor.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Ran {
    target: &'static str,
    suite: &'static str,
    by: String,
    date: String,
    passed: usize,
    ignored: usize,
    failed: Vec<String>,
    /// What kept it from its end.
    broken: Option<String>,
}

impl Ran {
    /// Did all pass, but those of which it is known?
    pub(super) fn is_fine(&self) -> bool {
        let is_known = |test: &String| why(self.target, test).is_some();
        self.broken.is_none() && self.failed.iter().all(is_known)
    }
}

/// Why it is known that this test fails there.
fn why(target: &str, test: &str) -> Option<&'static str> {
    let known = KNOWN
        .iter()
        .find(|(on, name, _)| target.starts_with(on) && *name == test);
    known.map(|(_, _, why)| *why)
}

/// Runs the tests of all processors that are wanted.
pub(super) fn run(
    rustc: &Path,
    is_wanted: impl Fn(&str) -> bool,
) -> Result<Vec<Ran>, Box<dyn Error>> {
    let mut ran = Vec::new();
    for machine in MACHINES.iter().filter(|machine| is_wanted(machine.target)) {
        machine.assert_tools()?;
        let runner = machine.runner()?;
        for suite in &SUITES {
            let one = machine.run(rustc, runner.as_deref(), suite)?;
            print!("{}", row(&one));
            ran.push(one);
        }
    }
    Ok(ran)
}

impl Machine {
    fn folder(&self) -> String {
        format!("/usr/{}", self.name)
    }

    /// # Errors
    /// If a program is missing; tells the packages that have it.
    fn assert_tools(&self) -> Result<(), Box<dyn Error>> {
        let linker = format!("{}-gcc", self.name);
        let emulator = self.emulator.as_ref().map(|emulator| emulator.program);
        for program in [Some(linker.as_str()), emulator].into_iter().flatten() {
            if Command::new(program).arg("--version").output().is_err() {
                let package = match program == linker {
                    true => format!("gcc-{}", self.name),
                    false => "qemu-user".to_owned(),
                };
                return Err(format!("no {program} here: apt-get install {package}").into());
            }
        }
        Ok(())
    }

    /// A script that runs a program of the processor's; `None`: this machine does.
    fn runner(&self) -> std::io::Result<Option<PathBuf>> {
        let Some(emulator) = &self.emulator else {
            return Ok(None);
        };
        let script = env::target_dir().join(format!("ports/{}.sh", emulator.program));
        fs::create_dir_all(env::target_dir().join("ports"))?;
        fs::write(&script, emulator.script(&self.folder()))?;
        fs::set_permissions(&script, fs::Permissions::from_mode(0o755))?;
        Ok(Some(script))
    }

    fn run(
        &self,
        rustc: &Path,
        runner: Option<&Path>,
        suite: &Suite,
    ) -> Result<Ran, Box<dyn Error>> {
        println!("{}: {}", self.target, suite.name);
        let variable = |what: &str| {
            let target = self.target.replace('-', "_").to_uppercase();
            format!("CARGO_TARGET_{target}_{what}")
        };
        let log = env::target_dir().join("ports/log");
        let mut output = String::new();
        // Apart, so that the limit is the tests' own.
        for last in ["--no-run", "--no-fail-fast"] {
            let mut command = super::cargo(rustc, "test", self.target, "std,panic_unwind");
            command.args(suite.words).arg(last);
            command.env(variable("LINKER"), format!("{}-gcc", self.name));
            match runner {
                Some(runner) => command.env(variable("RUNNER"), runner),
                // Its C library is not at the usual place.
                None => command.env(variable("RUSTFLAGS"), self.own_library()),
            };
            let ended = env::run_limited(&mut command, LIMIT, &log)?;
            output = ended.output;
            let has_failed = ended.status.is_some_and(|status| !status.success());
            if ended.status.is_none() || (last == "--no-run" && has_failed) {
                let ending = if has_failed {
                    "was not built"
                } else {
                    "did not end"
                };
                println!("{output}");
                return Ok(self.ran(suite, &output, Some(ending.to_owned())));
            }
        }
        let mut ran = self.ran(suite, &output, None);
        if !output.contains("test result: ") {
            ran.broken = Some("ended without a result".to_owned());
        }
        if !ran.is_fine() {
            println!("{output}");
        }
        Ok(ran)
    }

    fn own_library(&self) -> String {
        let folder = format!("{}/lib", self.folder());
        format!("-Clink-arg=-Wl,--dynamic-linker={folder}/ld-linux.so.2,-rpath,{folder}")
    }

    fn ran(&self, suite: &Suite, output: &str, broken: Option<String>) -> Ran {
        let mut ran = counted(output);
        ran.target = self.target;
        ran.suite = suite.name;
        ran.by = self
            .emulator
            .as_ref()
            .map_or_else(|| "this machine".to_owned(), Emulator::version);
        ran.date = env::date();
        ran.broken = broken;
        ran
    }
}

impl Emulator {
    fn version(&self) -> String {
        let output = Command::new(self.program).arg("--version").output();
        let said = output.map_or(Vec::new(), |output| output.stdout);
        let said = String::from_utf8_lossy(&said).into_owned();
        let number = said.split(' ').nth(2).unwrap_or("of some version");
        format!("{} {number}", self.program)
    }

    /// The first bytes of its programs, and which of their bits count; `\\x` is the kernel's, for its `register`.
    fn magic(&self) -> (String, String) {
        let word = |number: u8| match self.is_big_endian {
            true => [0, number],
            false => [number, 0],
        };
        let order = 1 + u8::from(self.is_big_endian);
        let mut magic = vec![0x7f, b'E', b'L', b'F', self.class, order, 1];
        magic.resize(16, 0);
        // Programs and shared objects differ in one bit.
        magic.extend(word(2));
        magic.extend(word(self.number));
        let mut mask = vec![0xff; 7];
        mask.push(0);
        mask.resize(16, 0xff);
        mask.extend(match self.is_big_endian {
            true => [0xff, 0xfe],
            false => [0xfe, 0xff],
        });
        mask.extend([0xff, 0xff]);
        let text = |bytes: &[u8]| bytes.iter().map(|byte| format!("\\x{byte:02x}")).collect();
        (text(&magic), text(&mask))
    }

    /// Without the kernel's help, the program is run all the same.
    fn script(&self, folder: &str) -> String {
        let (magic, mask) = self.magic();
        let program = self.program;
        format!(
            "#!/bin/sh\n\
             export QEMU_LD_PREFIX='{folder}' ENTRY=':{program}:M::{magic}:{mask}:'\"$(command -v {program})\":F\n\
             exec unshare --user --map-root-user --mount sh -c '\n\
             mount -t binfmt_misc binfmt_misc /proc/sys/fs/binfmt_misc &&\n\
             printf %s \"$ENTRY\" >/proc/sys/fs/binfmt_misc/register\n\
             exec {program} \"$@\"' sh \"$@\"\n"
        )
    }
}

/// What the tests said.
fn counted(output: &str) -> Ran {
    let mut ran = Ran::default();
    for line in output.lines() {
        if let Some(figures) = line.strip_prefix("test result: ") {
            let figure = |what: &str| {
                let found = figures
                    .split([';', '.'])
                    .find_map(|f| f.trim().strip_suffix(what));
                found.and_then(|f| f.parse::<usize>().ok()).unwrap_or(0)
            };
            ran.passed += figure(" passed");
            ran.ignored += figure(" ignored");
        } else if let Some(test) = line.strip_prefix("test ") {
            if let Some(test) = test.strip_suffix(" ... FAILED") {
                let test = test.split(" - ").next().unwrap_or(test);
                ran.failed.push(test.to_owned());
            }
        }
    }
    ran.failed.sort();
    ran.failed.dedup();
    ran
}

fn row(ran: &Ran) -> String {
    let failed = match &ran.broken {
        Some(broken) => format!("{}, {broken}", ran.failed.len()),
        None => ran.failed.len().to_string(),
    };
    format!(
        "| {} | {} | {} | {failed} | {} | {} | {} |\n",
        ran.target, ran.suite, ran.passed, ran.ignored, ran.by, ran.date
    )
}

/// The page's section. Of processors that were not run now, it has what `old` has.
pub(super) fn section(ran: &[Ran], old: &str) -> String {
    let mut text = String::from(
        "| target | tests | passed | failed | ignored | run by | on |\n|---|---|---|---|---|---|---|\n",
    );
    let mut failed = String::new();
    for machine in &MACHINES {
        let (row_start, item_start) = (
            format!("| {} |", machine.target),
            format!("- {}, ", machine.target),
        );
        let new = || ran.iter().filter(|ran| ran.target == machine.target);
        if new().next().is_none() {
            let kept = |start: &str| {
                let lines = old.lines().filter(|line| line.starts_with(start));
                lines.map(|line| format!("{line}\n")).collect::<String>()
            };
            text.push_str(&kept(&row_start));
            failed.push_str(&kept(&item_start));
        }
        text.extend(new().map(row));
        for test in new().flat_map(|ran| &ran.failed) {
            let why = why(machine.target, test).unwrap_or("not yet known why");
            let _ = writeln!(failed, "{item_start}`{test}`: {why}");
        }
    }
    if !failed.is_empty() {
        let _ = write!(text, "\nWhat fails:\n{failed}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::{MACHINES, Ran, counted, section};

    #[test]
    fn what_tests_say_is_counted() {
        let output = "test a::b ... ok\ntest a::c - should panic ... FAILED\ntest a::d ... FAILED\n\
                      test result: FAILED. 12 passed; 2 failed; 3 ignored; 0 measured; 0 filtered out\n\
                      test result: ok. 1 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out\n";
        let expected = Ran {
            passed: 13,
            ignored: 3,
            failed: vec!["a::c".to_owned(), "a::d".to_owned()],
            ..Ran::default()
        };
        assert_eq!(counted(output), expected);
        assert!(!expected.is_fine());
        assert_eq!(counted("error: no\n"), Ran::default());
    }

    #[test]
    fn what_was_not_run_now_is_kept() {
        let ran = |target, suite, failed: &[&str]| Ran {
            target,
            suite,
            failed: failed.iter().map(|&test| test.to_owned()).collect(),
            ..Ran::default()
        };
        let [first, second] = [MACHINES[0].target, MACHINES[1].target];
        let old = section(&[ran(first, "old", &["a"]), ran(second, "old", &["b"])], "");
        let text = section(&[ran(first, "new", &["c"])], &old);
        let has = |target: &str, suite: &str| text.contains(&format!("| {target} | {suite} |"));
        assert!(has(first, "new") && !has(first, "old") && has(second, "old"));
        let items: Vec<&str> = text.lines().filter(|line| line.starts_with("- ")).collect();
        assert_eq!(items.len(), 2);
        assert!(items[0].contains("`c`") && items[1].contains("`b`"));
    }

    #[test]
    fn the_kernel_knows_programs_by_class_order_and_number() {
        let emulator = MACHINES[1].emulator.as_ref().unwrap();
        let (magic, mask) = emulator.magic();
        assert!(magic.starts_with(r"\x7f\x45\x4c\x46\x02\x02\x01\x00"));
        assert!(magic.ends_with(r"\x00\x02\x00\x16"));
        assert!(mask.ends_with(r"\xff\xfe\xff\xff"));
        assert_eq!((magic.len(), mask.len()), (80, 80));
    }
}
