//! Tests of the parsing of requests.

use crate::inspect::request::Request;
use crate::runtime::json::Json;
use proptest::prelude::*;

fn request(line: &str) -> Option<Request> {
    Request::read(line)
}

#[test]
fn a_request_is_read_whatever_its_order_and_spaces() {
    let read = request(
        r#" { "ring_bytes" : 4096 , "request":"record","action" : "start", "protocol":1 } "#,
    );
    let wanted = Request {
        protocol: Some(1),
        request: "record".to_owned(),
        action: "start".to_owned(),
        ring_bytes: Some(4096),
    };
    assert_eq!(read, Some(wanted));
    assert_eq!(request("{}"), Some(Request::default()));
    let later =
        request(r#"{"request":"hello","when":null,"how":true,"n":-1.5e3,"s":"\u00e9\n\"\\"}"#);
    assert_eq!(later.unwrap().request, "hello");
    // A version that this process does not know is no parse error.
    assert_eq!(request(r#"{"protocol":1.5}"#).unwrap().protocol, None);
}

#[test]
fn escapes_and_numbers_stand_for_what_json_says() {
    let read = request(r#"{"request":"\b\f\n\r\t\/\"\\\u00e9\u0041b\ud800"}"#).unwrap();
    assert_eq!(read.request, "\u{8}\u{c}\n\r\t/\"\\\u{e9}Ab\u{fffd}");
    for (number, expected) in [
        ("17", Some(17)),
        ("-1", None),
        ("1e3", None),
        ("1.0", None),
        ("18446744073709551616", None),
    ] {
        let read = request(&format!("{{\"ring_bytes\":{number}\t,\r\"protocol\":2}}")).unwrap();
        assert_eq!(
            (read.ring_bytes, read.protocol),
            (expected, Some(2)),
            "{number}"
        );
    }
}

#[test]
fn what_is_no_flat_object_is_refused() {
    for line in [
        "",
        " ",
        "hello",
        "[]",
        "{",
        "{}}",
        "{\"a\"}",
        "{\"a\":}",
        "{\"a\":1,}",
        "{\"a\":{}}",
        "{\"a\":[1]}",
        "{\"a\":1}x",
        "{\"a\":\"b}",
        "{\"a\":\"\\x\"}",
        "{\"a\":\"\\u12\"}",
        "{\"a\":\"\\u00g0\"}",
        "{a:1}",
        "{\"a\":yes}",
        "{\"a\" 1}",
    ] {
        assert_eq!(request(line), None, "{line:?}");
    }
}

proptest! {
    /// The JSON of any text is one line, and is parsed to the same text.
    #[test]
    fn a_text_survives(text in ".*|[\\x00-\\x1f\"\\\\]*") {
        let mut json = Json::new();
        json.object(|object| object.text("request", &text));
        let line = &json.finish();
        prop_assert!(!line.contains('\n'));
        prop_assert_eq!(request(line).unwrap().request, text);
    }

    #[test]
    fn no_line_makes_the_reader_panic(line in "[{}\"\\\\:,a-z0-9 u\\[\\]]*") {
        let _ = request(&line);
    }
}
