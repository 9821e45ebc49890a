//! The lines that client and server exchange: a request, then an answer.

/// What a client asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Request {
    Get(String),
    Set(String, String),
    Delete(String),
}

/// Parses a line. The error is a message for the client.
pub fn parse(line: &str) -> Result<Request, String> {
    let mut words = line.splitn(3, ' ');
    let (command, key, value) = (words.next(), words.next(), words.next());
    match (command, key, value) {
        (Some("GET"), Some(key), None) => Ok(Request::Get(key.to_owned())),
        (Some("SET"), Some(key), Some(value)) => Ok(Request::Set(key.to_owned(), value.to_owned())),
        (Some("DEL"), Some(key), None) => Ok(Request::Delete(key.to_owned())),
        _ => Err(format!("cannot read {line:?}")),
    }
}

#[cfg(test)]
mod tests {
    use super::{Request, parse};

    #[test]
    fn a_value_may_have_blanks_and_a_key_may_not() {
        let set = Request::Set("name".into(), "Ada Lovelace".into());
        assert_eq!(parse("SET name Ada Lovelace"), Ok(set));
        assert_eq!(parse("GET name"), Ok(Request::Get("name".into())));
        assert!(parse("GET name too").is_err());
        assert!(parse("SET name").is_err());
        assert!(parse("").is_err());
    }
}
