//! JSON, written: as much of it as the answers need.

/// A text that grows by names and values. Commas come by themselves.
#[derive(Debug, Default)]
pub(super) struct Json(String);

impl Json {
    /// The text, with the end of its line.
    pub(super) fn line(mut self) -> String {
        self.0.push('\n');
        self.0
    }

    /// Opens an object or an array.
    pub(super) fn open(&mut self, bracket: char) {
        self.separate();
        self.0.push(bracket);
    }

    pub(super) fn close(&mut self, bracket: char) {
        self.0.push(bracket);
    }

    /// A member's name. Its value follows.
    pub(super) fn name(&mut self, name: &str) -> &mut Json {
        self.text(name);
        self.0.push(':');
        self
    }

    pub(super) fn number(&mut self, number: u64) {
        self.word(&number.to_string());
    }

    pub(super) fn flag(&mut self, flag: bool) {
        self.word(match flag {
            true => "true",
            false => "false",
        });
    }

    pub(super) fn null(&mut self) {
        self.word("null");
    }

    pub(super) fn text(&mut self, text: &str) {
        self.separate();
        self.0.push('"');
        for c in text.chars() {
            match c {
                '"' | '\\' => self.0.extend(['\\', c]),
                '\0'..='\x1f' => {
                    let digit = |n| char::from_digit(n, 16).unwrap_or('0');
                    self.0.push_str("\\u00");
                    self.0.extend([digit(c as u32 >> 4), digit(c as u32 & 15)]);
                }
                c => self.0.push(c),
            }
        }
        self.0.push('"');
    }

    /// What is JSON already.
    fn word(&mut self, word: &str) {
        self.separate();
        self.0.push_str(word);
    }

    fn separate(&mut self) {
        if !matches!(self.0.as_bytes().last(), None | Some(b'{' | b'[' | b':')) {
            self.0.push(',');
        }
    }
}
