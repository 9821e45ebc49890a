//! Misuses of the `test` attribute.
#[tokio::test]
fn not_async() {}

#[tokio::test]
async fn with_an_argument(_n: u8) {}

#[tokio::test]
#[test]
async fn twice() {}

#[tokio::test(foo)]
async fn a_word() {}

#[tokio::test(foo::bar)]
async fn a_path() {}

#[tokio::test(timeout = "1h")]
async fn no_time() {}

#[tokio::test(timeout = -1)]
async fn less_than_no_time() {}

#[tokio::test(timeout)]
async fn without_a_time() {}

#[tokio::main(timeout = 1)]
async fn of_no_test() {}

fn main() {}
