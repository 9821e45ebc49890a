//! A started process: waiting for it, killing it, letting go of it.

use super::exit::ExitWatch;
use super::{ChildStderr, ChildStdin, ChildStdout, orphan};
use crate::io::{AsyncRead, ReadBuf};
use crate::is_shutdown_error;
use crate::reactor::{Reactor, current_reactor, try_current_reactor};
use runtime_core::base::fork::Origin;
use runtime_core::base::waits::{self, WaitKind};
use std::fmt;
use std::future::{Future, poll_fn};
use std::io;
use std::pin::{Pin, pin};
use std::process::{Child as StdChild, ExitStatus, Output};
use std::sync::{Arc, Weak};
use std::task::{Context, Poll, ready};

/// A process that [`Command::spawn`](super::Command::spawn) has started.
///
/// Dropping it leaves the process running, unless [`kill_on_drop`](super::Command::kill_on_drop) was set; it is
/// reaped in the background when it ends.
///
/// ```
/// # #[selvedge::main(flavor = "current_thread")]
/// # async fn main() {
/// use selvedge::process::{Child, Command};
/// let mut child: Child = Command::new("true").spawn().unwrap();
/// assert!(child.wait().await.unwrap().success());
/// # }
/// ```
pub struct Child {
    state: State,
    /// The parent's end of the child's standard input, if that is a pipe.
    pub stdin: Option<ChildStdin>,
    /// The parent's end of the child's standard output, if that is a pipe.
    pub stdout: Option<ChildStdout>,
    /// The parent's end of the child's standard error, if that is a pipe.
    pub stderr: Option<ChildStderr>,
}

enum State {
    Running(Running),
    Reaped(ExitStatus),
}

/// A process that has not been reaped.
struct Running {
    /// `None` only between its reaping and the drop.
    child: Option<StdChild>,
    watch: Option<ExitWatch>,
    /// The reactor of the runtime that spawned it.
    reactor: Weak<Reactor>,
    kill_on_drop: bool,
    origin: Origin,
}

impl Child {
    /// Takes the pipes over, and opens the pidfd: when somebody waits, there may be no descriptor left for it. If a
    /// pipe cannot be registered, the process is treated as dropped.
    pub(super) fn new(
        mut child: StdChild,
        reactor: &Arc<Reactor>,
        kill_on_drop: bool,
    ) -> io::Result<Child> {
        let stdio = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let pid = child.id();
        let state = State::Running(Running {
            child: Some(child),
            watch: ExitWatch::by_pidfd(pid, reactor.clone()).ok(),
            reactor: Arc::downgrade(reactor),
            kill_on_drop,
            origin: Origin::here(),
        });
        Ok(Child {
            state,
            stdin: stdio.0.map(ChildStdin::from_std).transpose()?,
            stdout: stdio.1.map(ChildStdout::from_std).transpose()?,
            stderr: stdio.2.map(ChildStderr::from_std).transpose()?,
        })
    }

    /// The process id, or `None` once the process has been reaped: the id may then be another's.
    ///
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// use selvedge::process::Command;
    /// let mut child = Command::new("true").spawn().unwrap();
    /// assert!(child.id().is_some());
    /// child.wait().await.unwrap();
    /// assert_eq!(child.id(), None); // the number may be another process's by now
    /// # }
    /// ```
    pub fn id(&self) -> Option<u32> {
        match &self.state {
            State::Running(running) => running.child.as_ref().map(StdChild::id),
            State::Reaped(_) => None,
        }
    }

    /// Sends SIGKILL, without waiting for the end. Nothing happens if the process has been reaped.
    ///
    /// # Errors
    /// What the system says.
    ///
    /// # Examples
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// use selvedge::process::Command;
    /// let mut child = Command::new("sleep").arg("60").spawn().unwrap();
    /// child.start_kill().unwrap();
    /// assert!(!child.wait().await.unwrap().success());
    /// # }
    /// ```
    pub fn start_kill(&mut self) -> io::Result<()> {
        match &mut self.state {
            State::Running(running) => running.kill(),
            State::Reaped(_) => Ok(()),
        }
    }

    /// Sends SIGKILL and waits for the end.
    ///
    /// # Errors
    /// What the system says.
    ///
    /// # Cancel safety
    /// The signal is sent at the first poll; the rest is as for [`wait`](Self::wait).
    ///
    /// # Examples
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// use selvedge::process::Command;
    /// let mut child = Command::new("sleep").arg("60").spawn().unwrap();
    /// child.kill().await.unwrap(); // and waits for its end
    /// # }
    /// ```
    pub async fn kill(&mut self) -> io::Result<()> {
        self.start_kill()?;
        self.wait().await?;
        Ok(())
    }

    /// Waits for the end. The child's standard input, if it is still in its field, is closed first, so that a
    /// child that reads it to its end does not wait for us. Once the process has been reaped, every call gives
    /// its status.
    ///
    /// # Errors
    /// What the system says, or that the runtime has shut down.
    ///
    /// # Panics
    /// Outside of a runtime with I/O enabled, if the process still runs and the runtime that spawned it is gone.
    ///
    /// # Cancel safety
    /// Cancel safe, but for the standard input: take it out of the field to keep it open.
    ///
    /// # Examples
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// use selvedge::process::Command;
    /// let mut child = Command::new("sh").args(["-c", "exit 3"]).spawn().unwrap();
    /// assert_eq!(child.wait().await.unwrap().code(), Some(3));
    /// # }
    /// ```
    pub async fn wait(&mut self) -> io::Result<ExitStatus> {
        drop(self.stdin.take());
        poll_fn(|cx| self.poll_wait(cx)).await
    }

    fn poll_wait(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<ExitStatus>> {
        let status = match &mut self.state {
            State::Reaped(status) => return Poll::Ready(Ok(*status)),
            State::Running(running) => ready!(running.poll_wait(cx))?,
        };
        self.state = State::Reaped(status);
        orphan::reap_lost();
        Poll::Ready(Ok(status))
    }

    /// The status if the process has ended; `None` if it runs. Unlike [`wait`](Self::wait) it leaves the
    /// standard input open.
    ///
    /// # Errors
    /// What the system says.
    ///
    /// # Examples
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// use selvedge::process::Command;
    /// let mut child = Command::new("sleep").arg("60").spawn().unwrap();
    /// assert!(child.try_wait().unwrap().is_none()); // it still runs
    /// child.kill().await.unwrap();
    /// # }
    /// ```
    pub fn try_wait(&mut self) -> io::Result<Option<ExitStatus>> {
        let status = match &mut self.state {
            State::Reaped(status) => return Ok(Some(*status)),
            State::Running(running) => running.try_wait()?,
        };
        if let Some(status) = status {
            self.state = State::Reaped(status);
        }
        Ok(status)
    }

    /// Closes the standard input, reads the standard output and error to their ends, and waits.
    ///
    /// # Errors
    /// The first of the three to fail.
    ///
    /// # Cancel safety
    /// Not cancel safe: dropping the future drops the child and what was read.
    ///
    /// # Examples
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// use std::process::Stdio;
    /// use selvedge::process::Command;
    /// let child = Command::new("echo").arg("hello").stdout(Stdio::piped()).spawn().unwrap();
    /// assert_eq!(child.wait_with_output().await.unwrap().stdout, b"hello\n");
    /// # }
    /// ```
    pub async fn wait_with_output(mut self) -> io::Result<Output> {
        let (stdout, stderr) = (self.stdout.take(), self.stderr.take());
        let mut status = pin!(self.wait());
        let mut stdout = pin!(read_to_end(stdout));
        let mut stderr = pin!(read_to_end(stderr));
        let (mut ended, mut out, mut err) = (None, None, None);
        poll_fn(|cx| {
            poll_once(&mut ended, status.as_mut(), cx)?;
            poll_once(&mut out, stdout.as_mut(), cx)?;
            poll_once(&mut err, stderr.as_mut(), cx)?;
            match (&mut out, &mut err, ended) {
                (Some(out), Some(err), Some(status)) => Poll::Ready(Ok(Output {
                    status,
                    stdout: std::mem::take(out),
                    stderr: std::mem::take(err),
                })),
                _ => Poll::Pending,
            }
        })
        .await
    }
}

/// Polls `future` unless it has ended.
fn poll_once<T>(
    done: &mut Option<T>,
    future: Pin<&mut impl Future<Output = io::Result<T>>>,
    cx: &mut Context<'_>,
) -> io::Result<()> {
    if done.is_none() {
        if let Poll::Ready(result) = future.poll(cx) {
            *done = Some(result?);
        }
    }
    Ok(())
}

/// All that comes from a pipe, if there is one.
async fn read_to_end<R: AsyncRead + Unpin>(pipe: Option<R>) -> io::Result<Vec<u8>> {
    let mut data = Vec::new();
    let Some(mut pipe) = pipe else {
        return Ok(data);
    };
    loop {
        if data.capacity() - data.len() < 4096 {
            data.reserve(data.len().max(8192));
        }
        let n = poll_fn(|cx| {
            let mut space = ReadBuf::uninit(data.spare_capacity_mut());
            ready!(Pin::new(&mut pipe).poll_read(cx, &mut space))?;
            Poll::Ready(io::Result::Ok(space.filled().len()))
        })
        .await?;
        if n == 0 {
            return Ok(data);
        }
        // SAFETY: the read filled, hence initialised, `n` bytes of the spare capacity.
        unsafe { data.set_len(data.len() + n) };
    }
}

impl Running {
    fn std(&mut self) -> &mut StdChild {
        match &mut self.child {
            Some(child) => child,
            None => unreachable!("a child that was reaped is not running"),
        }
    }

    /// The reactor that is to watch it: that of the runtime that waits, else of the runtime that spawned it.
    fn reactor(&self) -> io::Result<Arc<Reactor>> {
        let known = try_current_reactor().or_else(|| self.reactor.upgrade());
        known.map_or_else(|| Ok(current_reactor()), Ok)
    }

    fn kill(&mut self) -> io::Result<()> {
        self.std().kill()
    }

    fn try_wait(&mut self) -> io::Result<Option<ExitStatus>> {
        let status = self.std().try_wait()?;
        if status.is_some() {
            self.child = None;
        }
        Ok(status)
    }

    fn poll_wait(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<ExitStatus>> {
        loop {
            let Some(watch) = &mut self.watch else {
                if let Some(status) = self.try_wait()? {
                    return Poll::Ready(Ok(status));
                }
                let pid = self.std().id();
                self.watch = Some(ExitWatch::new(pid, self.reactor()?)?);
                // The SIGCHLD of a child that ended before we listened is not seen.
                if let Some(status) = self.try_wait()? {
                    return Poll::Ready(Ok(status));
                }
                continue;
            };
            watch.follow();
            let Poll::Ready(hint) = watch.poll_hint(cx) else {
                // The task waits for the child, not for the descriptor, signal or round behind it.
                waits::rename(WaitKind::Child, self.std().id().into());
                return Poll::Pending;
            };
            match hint {
                Ok(()) => {}
                Err(error) if is_shutdown_error(&error) => {
                    // The runtime that watched it is gone. On another runtime the watch begins anew; without one
                    // that fails with the same error.
                    self.watch = None;
                    continue;
                }
                Err(error) => return Poll::Ready(Err(error)),
            }
            if let Some(status) = self.try_wait()? {
                return Poll::Ready(Ok(status));
            }
            let pid = self.std().id();
            let is_new = match &mut self.watch {
                Some(watch) => watch.go_on(pid)?,
                None => continue,
            };
            let status = match is_new {
                true => self.try_wait()?,
                false => None,
            };
            if let Some(status) = status {
                return Poll::Ready(Ok(status));
            }
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            if self.origin.is_inherited() {
                return; // In a forked child: the process is not its child, and only the parent may kill or reap it.
            }
            if self.kill_on_drop {
                // A failure cannot be reported; the process is reaped all the same.
                let _ = child.kill();
            }
            orphan::adopt(child, self.watch.take(), &self.reactor);
        }
    }
}

impl fmt::Debug for Child {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = f.debug_struct("Child");
        match &self.state {
            State::Running(_) => out.field("id", &self.id()),
            State::Reaped(status) => out.field("status", status),
        };
        out.field("stdin", &self.stdin)
            .field("stdout", &self.stdout)
            .field("stderr", &self.stderr)
            .finish()
    }
}
