//! A server that stops in order, and reports its metrics.

use crate::limits::{read_line, write_line};
use crate::pressure::{Server, accept};
use selvedge::io::{self, AsyncRead, AsyncWrite, BufReader};
use selvedge::net::TcpListener;
use selvedge::runtime::Handle;
use selvedge::sync::watch;
use selvedge::task::JoinSet;
use selvedge::time::timeout;
use std::future::Future;
use std::time::Duration;

/// How a server has ended.
#[derive(Debug, PartialEq, Eq)]
pub struct Ended {
    /// Connections that were done in time.
    pub drained: usize,
    /// Connections that were cut off.
    pub aborted: usize,
}

/// Answers one connection until its client hangs up, or until the server stops. A request that was read is answered.
pub async fn talk<S>(stream: S, server: Server, mut stop: watch::Receiver<bool>) -> io::Result<()>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut stream = BufReader::new(stream);
    loop {
        let line = selvedge::select! {
            line = read_line(&mut stream, &server.limits) => line?,
            _ = stop.wait_for(|stop| *stop) => return Ok(()),
        };
        let Some(line) = line else { return Ok(()) };
        let answer = match line.as_str() {
            "STATS" => stats(),
            line => server.answer(line).await,
        };
        write_line(&mut stream, &answer, &server.limits).await?;
    }
}

/// What the runtime has counted.
fn stats() -> String {
    let metrics = Handle::current().metrics();
    let workers = metrics.num_workers();
    let polls: u64 = (0..workers).map(|w| metrics.worker_poll_count(w)).sum();
    let tasks = metrics.num_alive_tasks();
    let parks: u64 = (0..workers).map(|w| metrics.worker_park_count(w)).sum();
    format!("workers {workers}, tasks {tasks}, polls {polls}, parks {parks}")
}

/// Waits for the tasks to end, at most until the deadline. Then aborts the tasks that are left.
pub async fn drain<T: 'static>(mut tasks: JoinSet<T>, deadline: Duration) -> Ended {
    let all = tasks.len();
    let ended = timeout(deadline, async {
        while tasks.join_next().await.is_some() {}
    });
    let _ = ended.await;
    let aborted = tasks.len();
    tasks.shutdown().await;
    Ended {
        drained: all - aborted,
        aborted,
    }
}

/// Serves until `stop` is ready. Then the connections have until the deadline to end.
pub async fn serve(
    listener: TcpListener,
    server: Server,
    stop: impl Future,
    deadline: Duration,
) -> io::Result<Ended> {
    let (tell, told) = watch::channel(false);
    let mut tasks = JoinSet::new();
    let mut stop = std::pin::pin!(stop);
    loop {
        let (permit, stream) = selvedge::select! {
            accepted = accept(&listener, &server.connections) => accepted?,
            _ = &mut stop => break,
            // Takes a connection that has ended out of the set.
            Some(_) = tasks.join_next() => continue,
        };
        let (server, told) = (server.clone(), told.clone());
        tasks.spawn(async move {
            let _permit = permit;
            if let Err(error) = talk(stream, server, told).await {
                println!("hung up: {error}");
            }
        });
    }
    // From here on the system refuses new connections.
    drop(listener);
    tell.send_replace(true);
    Ok(drain(tasks, deadline).await)
}

#[cfg(test)]
mod tests {
    use super::{Ended, drain, talk};
    use crate::limits::Limits;
    use crate::pressure::Server;
    use crate::store::Store;
    use selvedge::io::{AsyncReadExt, AsyncWriteExt, duplex};
    use selvedge::sync::{Semaphore, mpsc, watch};
    use selvedge::task::JoinSet;
    use selvedge::time::{Instant, sleep};
    use std::sync::Arc;
    use std::time::Duration;

    #[selvedge::test(start_paused = true)]
    async fn a_drain_ends_with_its_deadline_at_the_latest() {
        let mut tasks = JoinSet::new();
        for seconds in [1, 2, 3600] {
            tasks.spawn(sleep(Duration::from_secs(seconds)));
        }
        let start = Instant::now();
        let ended = drain(tasks, Duration::from_secs(5)).await;
        let expected = Ended {
            drained: 2,
            aborted: 1,
        };
        assert_eq!((ended, start.elapsed().as_secs()), (expected, 5));
    }

    #[selvedge::test(start_paused = true)]
    async fn a_drain_ends_with_the_last_task() {
        let mut tasks = JoinSet::new();
        tasks.spawn(sleep(Duration::from_secs(2)));
        let start = Instant::now();
        drain(tasks, Duration::from_secs(5)).await;
        assert_eq!(start.elapsed().as_secs(), 2);
    }

    #[selvedge::test(start_paused = true)]
    async fn a_request_that_was_read_is_answered_though_the_server_stops() {
        let (journal, mut changes) = mpsc::channel(1);
        let server = Server {
            store: Store::default(),
            limits: Limits::default(),
            connections: Arc::new(Semaphore::new(1)),
            journal: journal.clone(),
        };
        journal.send("no room".into()).await.unwrap();
        let (tell, told) = watch::channel(false);
        let (mut client, stream) = duplex(64);
        let talking = selvedge::spawn(talk(stream, server, told));
        client.write_all(b"SET a 1\n").await.unwrap();
        sleep(Duration::from_secs(1)).await;
        tell.send_replace(true);
        sleep(Duration::from_secs(1)).await;
        assert!(!talking.is_finished());
        changes.recv().await.unwrap();
        let mut answers = String::new();
        client.read_to_string(&mut answers).await.unwrap();
        assert_eq!(answers, "OK\n");
        talking.await.unwrap().unwrap();
    }
}
