//! `Debug` and `Display` forms.

use crate::support::within;
use tokio::sync::{Mutex, OnceCell, broadcast, mpsc, watch};

#[test]
fn debug_forms_show_no_value_behind_a_lock_that_is_held() {
    within(20, || {
        let mutex = Mutex::new(7);
        assert_eq!(format!("{mutex:?}"), "Mutex { data: 7 }");
        let held = mutex.try_lock().unwrap();
        assert_eq!(format!("{mutex:?}"), "Mutex { data: <locked> }");
        assert_eq!(format!("{held:?}"), "7");
        assert_eq!(
            format!("{:?}", OnceCell::<u8>::new()),
            "OnceCell { value: None }"
        );
        assert_eq!(
            format!("{:?}", watch::error::SendError(1)),
            "SendError { .. }"
        );
        assert_eq!(
            format!("{:?}", mpsc::error::TrySendError::Full(1)),
            "Full(..)"
        );
        assert_eq!(
            broadcast::error::RecvError::Lagged(3).to_string(),
            "channel lagged by 3"
        );
    });
}
