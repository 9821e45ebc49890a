//! Misuses of `join!` and `try_join!`.
async fn no_expression() {
    tokio::join!(let x);
}

async fn no_expression_either() {
    tokio::try_join!(biased; =>);
}

fn main() {}
