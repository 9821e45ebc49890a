//! Scenarios of child processes, signals and the standard streams.

use crate::{check, run};
use std::io;
use std::process::Stdio;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::process::Command;
use tokio::runtime::Runtime;
use tokio::signal::unix::{SignalKind, signal as listen};

/// A child that sends back what it reads.
pub fn process(runtime: &Runtime, n: u32) -> io::Result<()> {
    run(runtime, async move {
        let mut child = Command::new("/bin/cat")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        let text = n.to_string().repeat(1000);
        let mut stdin = child.stdin.take().unwrap();
        stdin.write_all(text.as_bytes()).await?;
        drop(stdin);
        let mut got = String::new();
        child
            .stdout
            .take()
            .unwrap()
            .read_to_string(&mut got)
            .await?;
        let status = child.wait().await?;
        check(status.success() && got == text, "what the child sent")
    })
}

/// Several children whose status is waited for at the same time.
pub fn status(runtime: &Runtime, _: u32) -> io::Result<()> {
    run(runtime, async {
        let child = |code: i32| {
            let mut command = Command::new("/bin/sh");
            let script = format!("exec sleep 0.0{code}");
            command.args(["-c", &script]).kill_on_drop(true);
            command
        };
        let (mut one, mut two) = (child(1), child(3));
        let (one, two) = tokio::try_join!(one.status(), two.status())?;
        check(one.success() && two.success(), "a child's status")
    })
}

/// A signal that is listened for.
pub fn signal(runtime: &Runtime, _: u32) -> io::Result<()> {
    run(runtime, async {
        let mut arrivals = listen(SignalKind::user_defined1())?;
        for _ in 0..3 {
            // SAFETY: takes numbers; somebody listens, so the signal ends nobody.
            unsafe { libc::kill(libc::getpid(), libc::SIGUSR1) };
            check(arrivals.recv().await == Some(()), "a signal")?;
        }
        Ok(())
    })
}

/// A line from standard input; a line to standard error. The input is lines, of which each attempt takes one.
pub fn stdio(runtime: &Runtime, n: u32) -> io::Result<()> {
    run(runtime, async move {
        let mut line = String::new();
        BufReader::with_capacity(6, tokio::io::stdin())
            .read_line(&mut line)
            .await?;
        check(line == "line.\n", "a line of the input")?;
        let mut stderr = tokio::io::stderr();
        stderr.write_all(format!("told {n}\n").as_bytes()).await?;
        stderr.flush().await
    })
}
