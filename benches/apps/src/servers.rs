//! The servers: axum, actix, mini-redis, an echo and a proxy.

use std::io::Read;
use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use axum::routing::get;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// What HTTP servers answer.
pub const BODY: &str = "hello, world";
/// How long the slow route waits before it answers.
const WAIT: Duration = Duration::from_millis(20);
const ACTIX_WORKERS: usize = 2;

/// Serves until standard input is closed.
///
/// # Panics
/// If there is no server of that name, or no address.
pub fn run(name: &str, behind: Option<&str>) {
    std::thread::spawn(|| {
        let _ = std::io::stdin().read_to_end(&mut Vec::new());
        std::process::exit(0);
    });
    match name {
        "actix" => actix(),
        _ => serve(name, behind),
    }
}

fn say(address: SocketAddr) {
    println!("listening {address}");
}

fn actix() {
    use actix_web::{App, HttpServer, web};
    actix_web::rt::System::new().block_on(async {
        let app = || App::new().route("/", web::get().to(async || BODY));
        let server = HttpServer::new(app)
            .workers(ACTIX_WORKERS)
            .bind("127.0.0.1:0")
            .expect("an address");
        say(server.addrs()[0]);
        server.run().await.expect("a server");
    });
}

#[tokio::main]
async fn serve(name: &str, behind: Option<&str>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("an address");
    say(listener.local_addr().expect("an address"));
    match name {
        "axum" => axum(listener).await,
        "mini-redis" => {
            let served = mini_redis::server::run(listener, std::future::pending::<()>()).await;
            served.expect("a server");
        }
        "echo" => echo(listener).await,
        "proxy" => proxy(listener, behind.expect("where the proxy leads to")).await,
        _ => panic!("there is no server {name}"),
    }
}

async fn axum(listener: TcpListener) {
    let slow = || async {
        tokio::time::sleep(WAIT).await;
        BODY
    };
    let app = Router::new()
        .route("/", get(|| async { BODY }))
        .route("/slow", get(slow));
    axum::serve(listener, app).await.expect("a server");
}

async fn echo(listener: TcpListener) {
    loop {
        let (mut stream, _) = listener.accept().await.expect("a connection");
        tokio::spawn(async move {
            let mut buffer = [0; 4096];
            while let Ok(read @ 1..) = stream.read(&mut buffer).await {
                if stream.write_all(&buffer[..read]).await.is_err() {
                    return;
                }
            }
        });
    }
}

/// Forwards bytes in both directions between each client and `to`.
async fn proxy(listener: TcpListener, to: &str) {
    let to: SocketAddr = to.parse().expect("an address");
    loop {
        let (mut near, _) = listener.accept().await.expect("a connection");
        tokio::spawn(async move {
            let mut far = TcpStream::connect(to).await.expect("the server behind");
            near.set_nodelay(true).expect("no delay");
            far.set_nodelay(true).expect("no delay");
            // An error means that a side has gone: this connection is over.
            let _ = tokio::io::copy_bidirectional(&mut near, &mut far).await;
        });
    }
}
