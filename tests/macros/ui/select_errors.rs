//! Misuses of `select!`.
async fn without_branches() {
    tokio::select! {}
}

async fn only_biased() {
    tokio::select! { biased; }
}

async fn without_a_handler() {
    tokio::select! {
        _ = async {} =>
    }
}

async fn without_an_arrow() {
    tokio::select! {
        _ = async {}
    }
}

async fn two_else_branches() {
    tokio::select! {
        _ = async {} => {}
        else => {}
        else => {}
    }
}

fn main() {}
