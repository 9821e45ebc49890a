//! `Command`: std's, with a `spawn` whose child is awaited.

use super::{Child, orphan};
use crate::reactor::current_reactor;
use std::ffi::OsStr;
use std::future::Future;
use std::io;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child as StdChild, Command as StdCommand, ExitStatus, Output, Stdio};

/// Starts a process; a wrapper of [`std::process::Command`].
///
/// ```no_run
/// # async fn example() -> std::io::Result<()> {
/// let output = runtime_io::process::Command::new("echo").arg("hello").output().await?;
/// assert_eq!(output.stdout, b"hello\n");
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Command {
    std: StdCommand,
    kill_on_drop: bool,
}

impl Command {
    /// A command that runs `program`, looked for along `PATH` if it is a bare name, without arguments, with
    /// this process's environment and working directory.
    ///
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let status = selvedge::process::Command::new("true").status().await.unwrap();
    /// assert!(status.success());
    /// # }
    /// ```
    pub fn new<S: AsRef<OsStr>>(program: S) -> Command {
        StdCommand::new(program).into()
    }

    /// The wrapped command.
    ///
    /// ```
    /// let command = selvedge::process::Command::new("true");
    /// assert_eq!(command.as_std().get_program(), "true");
    /// ```
    pub fn as_std(&self) -> &StdCommand {
        &self.std
    }

    /// The wrapped command, for settings that this type has no method for.
    ///
    /// ```
    /// let mut command = selvedge::process::Command::new("echo");
    /// command.as_std_mut().arg("hello");
    /// assert_eq!(command.as_std().get_args().count(), 1);
    /// ```
    pub fn as_std_mut(&mut self) -> &mut StdCommand {
        &mut self.std
    }

    /// Gives the wrapped command away. The setting of [`kill_on_drop`](Self::kill_on_drop) is lost.
    ///
    /// ```
    /// let command = selvedge::process::Command::new("true");
    /// assert!(command.into_std().status().unwrap().success());
    /// ```
    pub fn into_std(self) -> StdCommand {
        self.std
    }

    /// Adds an argument.
    ///
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let output = selvedge::process::Command::new("echo").arg("hello").output().await.unwrap();
    /// assert_eq!(output.stdout, b"hello\n");
    /// # }
    /// ```
    pub fn arg<S: AsRef<OsStr>>(&mut self, arg: S) -> &mut Command {
        self.std.arg(arg);
        self
    }

    /// Adds arguments.
    ///
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let output = selvedge::process::Command::new("echo").args(["a", "b"]).output().await.unwrap();
    /// assert_eq!(output.stdout, b"a b\n");
    /// # }
    /// ```
    pub fn args<I, S>(&mut self, args: I) -> &mut Command
    where
        I: IntoIterator<Item = S>,
        S: AsRef<OsStr>,
    {
        self.std.args(args);
        self
    }

    /// Sets the zeroth argument: the program's own name, as it sees it.
    ///
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// use selvedge::process::Command;
    /// let output = Command::new("sh").arg0("other").args(["-c", "echo $0"]).output().await.unwrap();
    /// assert_eq!(output.stdout, b"other\n");
    /// # }
    /// ```
    pub fn arg0<S: AsRef<OsStr>>(&mut self, arg: S) -> &mut Command {
        self.std.arg0(arg);
        self
    }

    /// Sets an environment variable of the child.
    ///
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// use selvedge::process::Command;
    /// let output = Command::new("sh").args(["-c", "echo $A"]).env("A", "1").output().await.unwrap();
    /// assert_eq!(output.stdout, b"1\n");
    /// # }
    /// ```
    pub fn env<K, V>(&mut self, key: K, val: V) -> &mut Command
    where
        K: AsRef<OsStr>,
        V: AsRef<OsStr>,
    {
        self.std.env(key, val);
        self
    }

    /// Sets environment variables of the child.
    ///
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// use selvedge::process::Command;
    /// let mut command = Command::new("sh");
    /// command.args(["-c", "echo $A$B"]).envs([("A", "1"), ("B", "2")]);
    /// assert_eq!(command.output().await.unwrap().stdout, b"12\n");
    /// # }
    /// ```
    pub fn envs<I, K, V>(&mut self, vars: I) -> &mut Command
    where
        I: IntoIterator<Item = (K, V)>,
        K: AsRef<OsStr>,
        V: AsRef<OsStr>,
    {
        self.std.envs(vars);
        self
    }

    /// Keeps an environment variable from the child.
    ///
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// use selvedge::process::Command;
    /// let mut command = Command::new("sh");
    /// command.args(["-c", "echo $A"]).env("A", "1").env_remove("A");
    /// assert_eq!(command.output().await.unwrap().stdout, b"\n");
    /// # }
    /// ```
    pub fn env_remove<K: AsRef<OsStr>>(&mut self, key: K) -> &mut Command {
        self.std.env_remove(key);
        self
    }

    /// Keeps all environment variables of this process from the child.
    ///
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// use selvedge::process::Command;
    /// let output = Command::new("/usr/bin/env").env_clear().env("A", "1").output().await.unwrap();
    /// assert_eq!(output.stdout, b"A=1\n");
    /// # }
    /// ```
    pub fn env_clear(&mut self) -> &mut Command {
        self.std.env_clear();
        self
    }

    /// Sets the child's working directory. Give the program by an absolute path then: whether a relative one is
    /// looked for from the old or the new directory is the system's choice.
    ///
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// use selvedge::process::Command;
    /// let output = Command::new("pwd").current_dir("/").output().await.unwrap();
    /// assert_eq!(output.stdout, b"/\n");
    /// # }
    /// ```
    pub fn current_dir<P: AsRef<Path>>(&mut self, dir: P) -> &mut Command {
        self.std.current_dir(dir);
        self
    }

    /// Sets the child's standard input, which is inherited unless set.
    ///
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// use std::process::Stdio;
    /// use selvedge::{io::AsyncWriteExt, process::Command};
    /// let mut command = Command::new("cat");
    /// let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    /// let mut input = child.stdin.take().unwrap();
    /// input.write_all(b"hello").await.unwrap();
    /// drop(input); // the end of the child's input
    /// assert_eq!(child.wait_with_output().await.unwrap().stdout, b"hello");
    /// # }
    /// ```
    pub fn stdin<T: Into<Stdio>>(&mut self, cfg: T) -> &mut Command {
        self.std.stdin(cfg);
        self
    }

    /// Sets the child's standard output: inherited by `spawn` and `status`, a pipe by `output`.
    ///
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// use std::process::Stdio;
    /// use selvedge::process::Command;
    /// let status = Command::new("echo").arg("unseen").stdout(Stdio::null()).status().await.unwrap();
    /// assert!(status.success());
    /// # }
    /// ```
    pub fn stdout<T: Into<Stdio>>(&mut self, cfg: T) -> &mut Command {
        self.std.stdout(cfg);
        self
    }

    /// Sets the child's standard error: inherited by `spawn` and `status`, a pipe by `output`.
    ///
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// use std::process::Stdio;
    /// use selvedge::process::Command;
    /// let mut command = Command::new("sh");
    /// let status = command.args(["-c", "echo unseen >&2"]).stderr(Stdio::null()).status().await;
    /// assert!(status.unwrap().success());
    /// # }
    /// ```
    pub fn stderr<T: Into<Stdio>>(&mut self, cfg: T) -> &mut Command {
        self.std.stderr(cfg);
        self
    }

    /// Sends the process SIGKILL if its `Child`, or a future of [`status`](Self::status) or
    /// [`output`](Self::output), is dropped while it runs. Off by default.
    ///
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// use selvedge::process::Command;
    /// let child = Command::new("sleep").arg("60").kill_on_drop(true).spawn().unwrap();
    /// drop(child); // ends the process
    /// # }
    /// ```
    pub fn kill_on_drop(&mut self, kill_on_drop: bool) -> &mut Command {
        self.kill_on_drop = kill_on_drop;
        self
    }

    /// What [`kill_on_drop`](Self::kill_on_drop) was set to.
    ///
    /// ```
    /// let mut command = selvedge::process::Command::new("true");
    /// assert!(command.kill_on_drop(true).get_kill_on_drop());
    /// ```
    pub fn get_kill_on_drop(&self) -> bool {
        self.kill_on_drop
    }

    /// Sets the child's user id.
    ///
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// use std::os::unix::fs::MetadataExt;
    /// let me = std::fs::metadata("/proc/self").unwrap().uid();
    /// let status = selvedge::process::Command::new("true").uid(me).status().await.unwrap();
    /// assert!(status.success());
    /// # }
    /// ```
    pub fn uid(&mut self, id: u32) -> &mut Command {
        self.std.uid(id);
        self
    }

    /// Sets the child's group id.
    ///
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// use std::os::unix::fs::MetadataExt;
    /// let mine = std::fs::metadata("/proc/self").unwrap().gid();
    /// let status = selvedge::process::Command::new("true").gid(mine).status().await.unwrap();
    /// assert!(status.success());
    /// # }
    /// ```
    pub fn gid(&mut self, id: u32) -> &mut Command {
        self.std.gid(id);
        self
    }

    /// Puts the child in a process group; 0: one of its own.
    ///
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// // A group of its own, so that Ctrl-C at the terminal does not reach it.
    /// let status = selvedge::process::Command::new("true").process_group(0).status().await.unwrap();
    /// assert!(status.success());
    /// # }
    /// ```
    pub fn process_group(&mut self, pgroup: i32) -> &mut Command {
        self.std.process_group(pgroup);
        self
    }

    /// Runs `f` in the child, between the fork and the start of the program.
    ///
    /// # Safety
    /// `f` may only do what is async-signal-safe: no allocation, no lock, no call into this runtime; see
    /// [`std::os::unix::process::CommandExt::pre_exec`].
    ///
    /// # Examples
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// use selvedge::process::Command;
    /// let mut command = Command::new("true");
    /// // SAFETY: the closure calls nothing that is forbidden between fork and exec.
    /// unsafe { command.pre_exec(|| Ok(())) };
    /// assert!(command.status().await.unwrap().success());
    /// # }
    /// ```
    pub unsafe fn pre_exec<F: FnMut() -> io::Result<()> + Send + Sync + 'static>(
        &mut self,
        f: F,
    ) -> &mut Command {
        // SAFETY: the caller's promise.
        unsafe { self.std.pre_exec(f) };
        self
    }

    /// Starts the process.
    ///
    /// # Errors
    /// If the program is not there or may not be run, or the system is out of processes or descriptors.
    ///
    /// # Panics
    /// Outside of a runtime with I/O enabled.
    ///
    /// # Examples
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let mut child = selvedge::process::Command::new("true").spawn().unwrap();
    /// assert!(child.wait().await.unwrap().success());
    /// # }
    /// ```
    #[track_caller]
    pub fn spawn(&mut self) -> io::Result<Child> {
        self.spawn_with(StdCommand::spawn)
    }

    /// Starts the process by a function of the caller's, for systems with their own way to start one.
    ///
    /// # Errors
    /// What `with` gives, or that the pipes cannot be registered.
    ///
    /// # Panics
    /// Outside of a runtime with I/O enabled.
    ///
    /// # Examples
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// use selvedge::process::Command;
    /// let mut command = Command::new("true");
    /// let mut child = command.spawn_with(|std| std.env("A", "1").spawn()).unwrap();
    /// assert!(child.wait().await.unwrap().success());
    /// # }
    /// ```
    #[track_caller]
    pub fn spawn_with(
        &mut self,
        with: impl FnOnce(&mut StdCommand) -> io::Result<StdChild>,
    ) -> io::Result<Child> {
        // First, as it may panic: a process started before would have no owner.
        let reactor = current_reactor();
        orphan::reap_lost();
        Child::new(with(&mut self.std)?, &reactor, self.kill_on_drop)
    }

    /// Starts the process, closes the pipes to it if there are any, and waits for its end.
    ///
    /// It is started at once, not at the future's first poll.
    ///
    /// # Errors
    /// As for [`spawn`](Self::spawn) and [`Child::wait`].
    ///
    /// # Panics
    /// Outside of a runtime with I/O enabled.
    ///
    /// # Examples
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let status = selvedge::process::Command::new("false").status().await.unwrap();
    /// assert_eq!(status.code(), Some(1));
    /// # }
    /// ```
    #[track_caller]
    pub fn status(&mut self) -> impl Future<Output = io::Result<ExitStatus>> + use<> {
        let child = self.spawn();
        async {
            let mut child = child?;
            drop((child.stdout.take(), child.stderr.take()));
            child.wait().await
        }
    }

    /// Starts the process with pipes for its standard output and error, and waits for its end and theirs.
    ///
    /// It is started at once, not at the future's first poll. The command keeps the pipes as its setting.
    ///
    /// # Errors
    /// As for [`spawn`](Self::spawn) and [`Child::wait_with_output`].
    ///
    /// # Panics
    /// Outside of a runtime with I/O enabled.
    ///
    /// # Examples
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let output = selvedge::process::Command::new("echo").arg("hello").output().await.unwrap();
    /// assert_eq!((output.status.success(), &output.stdout[..]), (true, &b"hello\n"[..]));
    /// # }
    /// ```
    #[track_caller]
    pub fn output(&mut self) -> impl Future<Output = io::Result<Output>> + use<> {
        self.std.stdout(Stdio::piped()).stderr(Stdio::piped());
        let child = self.spawn();
        async { child?.wait_with_output().await }
    }
}

impl From<StdCommand> for Command {
    fn from(std: StdCommand) -> Command {
        Command {
            std,
            kill_on_drop: false,
        }
    }
}
