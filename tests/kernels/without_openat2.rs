//! Files on a kernel without `openat2`: every path goes to the pool.

use crate::support::in_own_process;
use crate::system::refuse;
use selvedge::fs;
use selvedge::runtime::Runtime;

#[test]
fn the_pool_does_it_all() {
    if !in_own_process!() {
        return;
    }
    refuse(libc::SYS_openat2, libc::ENOSYS);
    // SAFETY: the call is refused before it looks at its arguments.
    let answer = unsafe { libc::syscall(libc::SYS_openat2, -1, 0, 0, 0) };
    assert_eq!(answer, -1);
    assert_eq!(
        std::io::Error::last_os_error().raw_os_error(),
        Some(libc::ENOSYS)
    );
    let path = std::env::temp_dir().join(format!("selvedge-no-openat2-{}", std::process::id()));
    Runtime::new().unwrap().block_on(async {
        fs::write(&path, "text").await.unwrap();
        for _ in 0..2 {
            assert_eq!(fs::read(&path).await.unwrap(), b"text");
            assert_eq!(fs::read_to_string(&path).await.unwrap(), "text");
            assert_eq!(fs::metadata(&path).await.unwrap().len(), 4);
            assert!(fs::try_exists(&path).await.unwrap());
            fs::File::open(&path).await.unwrap();
        }
        fs::remove_file(&path).await.unwrap();
        assert!(!fs::try_exists(&path).await.unwrap());
    });
}
