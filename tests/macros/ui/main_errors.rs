//! Misuses of the `main` attribute.
#[tokio::main]
fn not_async() {}

#[tokio::main(flavor = "nope")]
async fn unknown_flavor() {}

#[tokio::main(flavor = 1)]
async fn flavor_is_no_string() {}

#[tokio::main(flavor = "multi_thread", worker_threads = 0)]
async fn no_workers() {}

#[tokio::main(flavor = "multi_thread", worker_threads = "two")]
async fn workers_are_no_number() {}

#[tokio::main(flavor = "current_thread", worker_threads = 2)]
async fn workers_on_one_thread() {}

#[tokio::main(flavor = "multi_thread", start_paused = true)]
async fn paused_with_workers() {}

#[tokio::main(flavor = "current_thread", flavor = "current_thread")]
async fn twice() {}

#[tokio::main(threads = 2)]
async fn unknown_option() {}

#[tokio::main(crate = 123)]
async fn no_crate() {}

#[tokio::main(unhandled_panic = "shrug", flavor = "current_thread")]
async fn unknown_panic_policy() {}

#[tokio::main]
struct NotAFunction;

fn main() {}
