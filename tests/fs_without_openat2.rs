//! Files on a kernel without `openat2`: every path goes to the pool. The kernel is made to refuse, for this
//! test's process only, by a seccomp filter.
#![cfg(all(target_os = "linux", target_arch = "x86_64"))]

use selvedge::fs;
use selvedge::runtime::Runtime;

/// Makes `openat2` fail with `ENOSYS`.
fn refuse_openat2() {
    let step = |code: u32, jump_true: u8, jump_false: u8, k: u32| libc::sock_filter {
        code: code as u16,
        jt: jump_true,
        jf: jump_false,
        k,
    };
    let refuse = libc::SECCOMP_RET_ERRNO | libc::ENOSYS as u32;
    let mut program = [
        step(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 0, 0, 0),
        step(
            libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K,
            0,
            1,
            libc::SYS_openat2 as u32,
        ),
        step(libc::BPF_RET | libc::BPF_K, 0, 0, refuse),
        step(libc::BPF_RET | libc::BPF_K, 0, 0, libc::SECCOMP_RET_ALLOW),
    ];
    let filter = libc::sock_fprog {
        len: program.len() as u16,
        filter: program.as_mut_ptr(),
    };
    // SAFETY: both calls read their arguments only; the filter is a valid program of four steps.
    unsafe {
        assert_eq!(libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
        let mode = libc::SECCOMP_MODE_FILTER;
        assert_eq!(libc::prctl(libc::PR_SET_SECCOMP, mode, &filter), 0);
        assert_eq!(libc::syscall(libc::SYS_openat2, -1, 0, 0, 0), -1);
    }
}

#[test]
fn the_pool_does_it_all() {
    refuse_openat2();
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
