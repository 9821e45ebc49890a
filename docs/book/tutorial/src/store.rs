//! The map that all connections share.

use crate::protocol::{Request, parse};
use std::collections::HashMap;
use std::sync::{Arc, Mutex};

/// Keys and values. A clone is another handle of the same map.
#[derive(Clone, Debug, Default)]
pub struct Store {
    map: Arc<Mutex<HashMap<String, String>>>,
}

impl Store {
    /// Does what the request asks for. Returns the line for the client.
    pub fn apply(&self, request: Request) -> String {
        let mut map = self.map.lock().expect("nobody panics with the lock");
        match request {
            Request::Get(key) => match map.get(&key) {
                Some(value) => format!("VALUE {value}"),
                None => "NONE".to_owned(),
            },
            Request::Set(key, value) => {
                map.insert(key, value);
                "OK".to_owned()
            }
            Request::Delete(key) => match map.remove(&key) {
                Some(_) => "OK".to_owned(),
                None => "NONE".to_owned(),
            },
        }
    }

    /// The answer to a line.
    pub fn answer(&self, line: &str) -> String {
        match parse(line) {
            Ok(request) => self.apply(request),
            Err(why) => format!("ERR {why}"),
        }
    }
}
