//! A storm of signals, which coalesce.

use crate::support::{both, in_own_process, within};

/// Signals coalesce, but a signal after the storm is not lost, and neither is a signal of another kind during the storm.
#[test]
fn signal_storm() {
    // Other tests count the same signals.
    if !in_own_process!() {
        return;
    }
    use tokio::signal::unix::{SignalKind, signal};
    // SAFETY: no memory is involved; the signals sent are handled.
    let send = |kind: SignalKind| unsafe { libc::kill(libc::getpid(), kind.as_raw_value()) };
    let (often, once) = (SignalKind::user_defined1(), SignalKind::user_defined2());
    within(60, move || {
        for runtime in both() {
            runtime.block_on(async {
                let mut storm: Vec<_> = (0..20).map(|_| signal(often).unwrap()).collect();
                let mut rare = signal(once).unwrap();
                let threads: Vec<_> = (0..4)
                    .map(|thread| {
                        std::thread::spawn(move || {
                            for i in 0..10_000 {
                                assert_eq!(send(often), 0);
                                if (thread, i) == (2, 5_000) {
                                    assert_eq!(send(once), 0);
                                }
                            }
                        })
                    })
                    .collect();
                rare.recv().await.unwrap();
                for thread in threads {
                    tokio::task::spawn_blocking(|| thread.join().unwrap())
                        .await
                        .unwrap();
                }
                for listener in &mut storm {
                    listener.recv().await.unwrap();
                }
                // Late signals of the storm may come first; the last signal must come.
                assert_eq!(send(often), 0);
                for listener in &mut storm {
                    listener.recv().await.unwrap();
                }
            });
        }
    });
}
