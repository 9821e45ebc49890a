//! A client of PostgreSQL: many tasks share a few connections of a pool.

use std::time::{Duration, Instant};

use deadpool_postgres::{Config, Pool, PoolConfig, Runtime};
use tokio_postgres::NoTls;

const CONNECTIONS: usize = 8;
const TASKS: usize = 64;

/// Sends queries for the time `lasts`; prints the number of answers and the processor time that they cost.
///
/// # Panics
/// If the server cannot be reached, or answers other than expected.
#[tokio::main]
pub async fn run(address: &str, lasts: Duration) {
    let pool = pool(address);
    // A warm-up: the connections are made here.
    queries(&pool, lasts / 10).await;
    let before = processor_time();
    let count = queries(&pool, lasts).await;
    let cost = processor_time() - before;
    println!("answers {count} cpu {}", cost.as_nanos());
}

fn pool(address: &str) -> Pool {
    let (host, port) = address.rsplit_once(':').expect("HOST:PORT");
    let mut config = Config::new();
    config.host = Some(host.to_owned());
    config.port = Some(port.parse().expect("a port"));
    config.user = Some("postgres".to_owned());
    config.dbname = Some("postgres".to_owned());
    config.pool = Some(PoolConfig::new(CONNECTIONS));
    let pool = config.create_pool(Some(Runtime::Tokio1), NoTls);
    pool.expect("a pool")
}

async fn queries(pool: &Pool, lasts: Duration) -> usize {
    let end = Instant::now() + lasts;
    let task = |pool: Pool| async move {
        let mut count = 0;
        while Instant::now() < end {
            let client = pool.get().await.expect("a connection");
            let statement = client.prepare_cached("SELECT $1::INT4 + 1").await;
            let statement = statement.expect("a statement");
            let row = client.query_one(&statement, &[&1_i32]).await;
            assert_eq!(row.expect("an answer").get::<_, i32>(0), 2);
            count += 1;
        }
        count
    };
    let tasks: Vec<_> = (0..TASKS)
        .map(|_| tokio::spawn(task(pool.clone())))
        .collect();
    let mut count = 0;
    for task in tasks {
        count += task.await.expect("a task");
    }
    count
}

/// The processor time that all threads of this process have used so far.
fn processor_time() -> Duration {
    // SAFETY: all zero is a value of it.
    let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
    // SAFETY: `usage` is valid for the call.
    unsafe { libc::getrusage(libc::RUSAGE_SELF, &mut usage) };
    let time = |t: libc::timeval| Duration::new(t.tv_sec as u64, t.tv_usec as u32 * 1000);
    time(usage.ru_utime) + time(usage.ru_stime)
}
