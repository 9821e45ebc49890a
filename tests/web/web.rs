//! axum, hyper and reqwest, unmodified from crates.io, on this runtime.

#[path = "../support/mod.rs"]
mod support;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::ws::{Message, WebSocketUpgrade};
use axum::routing::{get, post};
use axum::{Json, Router};
use futures_util::{SinkExt, StreamExt, stream};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

async fn start(app: Router) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    address
}

fn app() -> Router {
    Router::new()
        .route("/", get(|| async { "hello" }))
        .route(
            "/json",
            post(|Json(value): Json<Value>| async move { Json(value) }),
        )
        .route(
            "/bytes",
            post(|body: Bytes| async move { body.len().to_string() }),
        )
        .route("/stream", get(streamed))
        .route("/ws", get(upgraded))
}

async fn streamed() -> Body {
    Body::from_stream(stream::iter(0..100).then(|i| async move {
        tokio::time::sleep(Duration::from_micros(100)).await;
        Ok::<_, std::io::Error>(format!("line {i}\n"))
    }))
}

async fn upgraded(upgrade: WebSocketUpgrade) -> axum::response::Response {
    upgrade.on_upgrade(|mut socket| async move {
        while let Some(Ok(Message::Text(text))) = socket.recv().await {
            if socket.send(Message::Text(text)).await.is_err() {
                return;
            }
        }
    })
}

#[test]
fn the_stack_runs_on_selvedge() {
    let name = std::any::type_name::<tokio::runtime::Runtime>();
    assert!(
        !name.starts_with("tokio::"),
        "the patch is not in force: {name}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn json_comes_back_as_sent() {
    let address = start(app()).await;
    let client = reqwest::Client::new();
    for i in 0..50 {
        let sent = json!({ "number": i, "list": [1, 2, 3], "text": "naïve" });
        let response = client
            .post(format!("http://{address}/json"))
            .json(&sent)
            .send()
            .await
            .unwrap();
        assert_eq!(response.json::<Value>().await.unwrap(), sent);
    }
}

#[tokio::test]
async fn streamed_body_arrives_whole_on_one_thread() {
    let address = start(app()).await;
    let response = reqwest::get(format!("http://{address}/stream"))
        .await
        .unwrap();
    let mut stream = response.bytes_stream();
    let mut body = Vec::new();
    while let Some(chunk) = stream.next().await {
        body.extend_from_slice(&chunk.unwrap());
    }
    let expected: String = (0..100).map(|i| format!("line {i}\n")).collect();
    assert_eq!(body, expected.as_bytes());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn websocket_is_upgraded_and_echoes() {
    let address = start(app()).await;
    let (mut socket, response) = tokio_tungstenite::connect_async(format!("ws://{address}/ws"))
        .await
        .unwrap();
    assert_eq!(response.status(), 101);
    for i in 0..100 {
        socket.send(format!("message {i}").into()).await.unwrap();
        let answer = socket.next().await.unwrap().unwrap();
        assert_eq!(answer.into_text().unwrap().as_str(), format!("message {i}"));
    }
    socket.close(None).await.unwrap();
}

/// Requests `/` over a raw connection, and reads the response.
async fn ask(stream: &mut TcpStream) {
    stream
        .write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
        .await
        .unwrap();
    let mut seen = Vec::new();
    while !seen.ends_with(b"\r\n\r\nhello") {
        assert_ne!(stream.read_buf(&mut seen).await.unwrap(), 0, "hung up");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_keep_alive_clients() {
    // Two descriptors for each client: 4,096 are enough, and the hard limit is never below that.
    let mut limit = libc::rlimit {
        rlim_cur: 0,
        rlim_max: 0,
    };
    // SAFETY: `limit` is valid for both calls.
    unsafe {
        libc::getrlimit(libc::RLIMIT_NOFILE, &mut limit);
        limit.rlim_cur = limit.rlim_max.min(4096);
        libc::setrlimit(libc::RLIMIT_NOFILE, &limit);
    }
    let address = start(app()).await;
    let served = Arc::new(AtomicUsize::new(0));
    let barrier = Arc::new(tokio::sync::Barrier::new(1_000));
    let mut clients = tokio::task::JoinSet::new();
    for _ in 0..1_000 {
        let (served, barrier) = (served.clone(), barrier.clone());
        clients.spawn(async move {
            let mut stream = TcpStream::connect(address).await.unwrap();
            barrier.wait().await;
            for _ in 0..5 {
                ask(&mut stream).await;
                // Ordering: Relaxed; read after every client was joined.
                served.fetch_add(1, Ordering::Relaxed);
            }
        });
    }
    timeout(Duration::from_secs(60), async {
        while let Some(client) = clients.join_next().await {
            client.unwrap();
        }
    })
    .await
    .unwrap();
    // Ordering: Relaxed; the joins above order it.
    assert_eq!(served.load(Ordering::Relaxed), 5_000);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn slow_client_delays_nobody_else() {
    let address = start(app()).await;
    let slow = tokio::spawn(async move {
        let mut stream = TcpStream::connect(address).await.unwrap();
        for byte in b"GET / HTTP/1.1\r\nhost: x\r\n\r\n" {
            stream.write_all(&[*byte]).await.unwrap();
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        let mut seen = [0; 12];
        stream.read_exact(&mut seen).await.unwrap();
        assert_eq!(&seen, b"HTTP/1.1 200");
    });
    let mut quick = TcpStream::connect(address).await.unwrap();
    for _ in 0..100 {
        timeout(Duration::from_secs(5), ask(&mut quick))
            .await
            .unwrap();
    }
    assert!(!slow.is_finished());
    slow.await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn client_that_vanishes_mid_body_leaves_the_server_well() {
    let address = start(app()).await;
    for _ in 0..50 {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream
            .write_all(b"POST /bytes HTTP/1.1\r\nhost: x\r\ncontent-length: 1000\r\n\r\nonly this")
            .await
            .unwrap();
        drop(stream);
    }
    let response = reqwest::Client::new()
        .post(format!("http://{address}/bytes"))
        .body(vec![0; 100_000])
        .send()
        .await
        .unwrap();
    assert_eq!(response.text().await.unwrap(), "100000");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn graceful_shutdown_finishes_the_request_in_flight() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let app = Router::new().route(
        "/",
        get(|| async {
            tokio::time::sleep(Duration::from_millis(200)).await;
            "late but whole"
        }),
    );
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let server = tokio::spawn(async move {
        axum::serve(listener, app)
            .with_graceful_shutdown(async move {
                let _ = stopped.await;
            })
            .await
    });
    let request = tokio::spawn(async move {
        reqwest::get(format!("http://{address}/"))
            .await
            .unwrap()
            .text()
            .await
            .unwrap()
    });
    tokio::time::sleep(Duration::from_millis(50)).await;
    stop.send(()).unwrap();
    assert_eq!(request.await.unwrap(), "late but whole");
    timeout(Duration::from_secs(5), server)
        .await
        .unwrap()
        .unwrap()
        .unwrap();
    assert!(TcpStream::connect(address).await.is_err());
}
