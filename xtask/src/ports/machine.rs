//! Other Linux processors whose programs can run here: how the programs are linked, and which emulator runs them.
//!
//! A processor needs a linker with its C library. If this machine cannot run its programs, it also needs qemu's user mode. Debian has packages
//! for both. The tests are another processor's programs, but the kernel that they call is this machine's.
//!
//! Some tests start their own program as a child. The kernel must find the emulator for it, so the tests run in a namespace of
//! their own with an entry in its `binfmt_misc` (Linux 6.7): the machine itself does not change. Older kernels need the package `qemu-user-binfmt`.

use crate::env;
use std::error::Error;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A processor whose tests can be run.
pub(super) struct Machine {
    pub(super) target: &'static str,
    /// The name of its C library's folder, and of its linker: `NAME-gcc`. `None`: this machine's own.
    name: Option<&'static str>,
    emulator: Option<Emulator>,
}

/// The number of random lists of steps that a test compares with its model under an emulator; elsewhere 256.
pub(super) const CASES: usize = 32;

/// The emulator of a processor, and the first bytes of its programs, by which the kernel recognises them.
struct Emulator {
    program: &'static str,
    /// 1 for 32 bits, 2 for 64.
    class: u8,
    is_big_endian: bool,
    /// `e_machine`.
    number: u8,
}

/// The first is this machine's own kind: tests that pass there must pass on the others.
pub(super) const MACHINES: [Machine; 6] = [
    Machine {
        target: "x86_64-unknown-linux-gnu",
        name: None,
        emulator: None,
    },
    Machine {
        target: "aarch64-unknown-linux-gnu",
        name: Some("aarch64-linux-gnu"),
        emulator: Some(Emulator {
            program: "qemu-aarch64",
            class: 2,
            is_big_endian: false,
            number: 183,
        }),
    },
    Machine {
        target: "s390x-unknown-linux-gnu",
        name: Some("s390x-linux-gnu"),
        emulator: Some(Emulator {
            program: "qemu-s390x",
            class: 2,
            is_big_endian: true,
            number: 22,
        }),
    },
    Machine {
        target: "armv7-unknown-linux-gnueabihf",
        name: Some("arm-linux-gnueabihf"),
        emulator: Some(Emulator {
            program: "qemu-arm",
            class: 1,
            is_big_endian: false,
            number: 40,
        }),
    },
    Machine {
        target: "i686-unknown-linux-gnu",
        name: Some("i686-linux-gnu"),
        emulator: None,
    },
    // 32 bits, big-endian, and no atomics of 64 bits.
    Machine {
        target: "powerpc-unknown-linux-gnu",
        name: Some("powerpc-linux-gnu"),
        emulator: Some(Emulator {
            program: "qemu-ppc",
            class: 1,
            is_big_endian: true,
            number: 20,
        }),
    },
];

impl Machine {
    pub(super) fn is_emulated(&self) -> bool {
        self.emulator.is_some()
    }

    /// The folder of its C library.
    fn folder(&self) -> String {
        format!("/usr/{}", self.name.unwrap_or_default())
    }

    fn linker(&self) -> Option<String> {
        self.name.map(|name| format!("{name}-gcc"))
    }

    /// # Errors
    /// If a program is missing; the error names the packages that have it.
    pub(super) fn assert_tools(&self) -> Result<(), Box<dyn Error>> {
        let compiler = |name: &str| (format!("{name}-gcc"), format!("gcc-{name}"));
        let emulator = |emulator: &Emulator| (emulator.program.to_owned(), "qemu-user".to_owned());
        let tools = [
            self.name.map(compiler),
            self.emulator.as_ref().map(emulator),
        ];
        for (program, package) in tools.into_iter().flatten() {
            if Command::new(&program).arg("--version").output().is_err() {
                return Err(format!("no {program} here: apt-get install {package}").into());
            }
        }
        Ok(())
    }

    /// A script that runs a program of the processor; `None` if this machine runs it directly.
    pub(super) fn runner(&self) -> std::io::Result<Option<PathBuf>> {
        let Some(emulator) = &self.emulator else {
            return Ok(None);
        };
        let script = env::target_dir().join(format!("ports/{}.sh", emulator.program));
        fs::create_dir_all(env::target_dir().join("ports"))?;
        fs::write(&script, emulator.script(&self.folder()))?;
        fs::set_permissions(&script, fs::Permissions::from_mode(0o755))?;
        Ok(Some(script))
    }

    /// A cargo command that builds for the processor, with that compiler.
    pub(super) fn cargo(&self, rustc: &Path, what: &str) -> Command {
        let mut command = super::cargo(rustc, what, self.target, "std,panic_unwind");
        let variable = |what: &str| {
            let target = self.target.replace('-', "_").to_uppercase();
            format!("CARGO_TARGET_{target}_{what}")
        };
        if let Some(linker) = self.linker() {
            command.env(variable("LINKER"), linker);
        }
        // The processor's C library is not at the usual place.
        if self.emulator.is_none() && self.linker().is_some() {
            command.env(variable("RUSTFLAGS"), self.own_library());
        }
        command
    }

    fn own_library(&self) -> String {
        let folder = format!("{}/lib", self.folder());
        format!("-Clink-arg=-Wl,--dynamic-linker={folder}/ld-linux.so.2,-rpath,{folder}")
    }

    /// What runs its programs: the emulator and its version, or this machine.
    pub(super) fn by(&self) -> String {
        let version = self.emulator.as_ref().map(Emulator::version);
        version.unwrap_or_else(|| "this machine".to_owned())
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

    /// The first bytes of the processor's programs, and a mask of the bits that count, in the form of the kernel's `register` (`\\x`).
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

    /// If the entry for the kernel cannot be made, the program is run all the same.
    fn script(&self, folder: &str) -> String {
        let (magic, mask) = self.magic();
        let program = self.program;
        format!(
            "#!/bin/sh\n\
             export PROPTEST_CASES={CASES} QEMU_LD_PREFIX='{folder}' ENTRY=':{program}:M::{magic}:{mask}:'\"$(command -v {program})\":F\n\
             exec unshare --user --map-root-user --mount sh -c '\n\
             mount -t binfmt_misc binfmt_misc /proc/sys/fs/binfmt_misc &&\n\
             printf %s \"$ENTRY\" >/proc/sys/fs/binfmt_misc/register\n\
             exec {program} \"$@\"' sh \"$@\"\n"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::MACHINES;

    #[test]
    fn the_kernel_knows_programs_by_class_order_and_number() {
        let emulator = MACHINES[2].emulator.as_ref().unwrap();
        let (magic, mask) = emulator.magic();
        assert!(magic.starts_with(r"\x7f\x45\x4c\x46\x02\x02\x01\x00"));
        assert!(magic.ends_with(r"\x00\x02\x00\x16"));
        assert!(mask.ends_with(r"\xff\xfe\xff\xff"));
        assert_eq!((magic.len(), mask.len()), (80, 80));
    }
}
