//! What a terminal shows, with its escape sequences, as an SVG picture.
//!
//! Characters of one style that stand beside each other are one text, stretched to the width of its columns: the columns stand
//! below each other whatever font the reader has. The ground is the terminal's own dark one, so the picture reads well on a
//! light page and on a dark one.

use std::fmt::Write;

const WIDTH: usize = 8;
const HEIGHT: usize = 17;
const MARGIN: usize = 12;
/// From the upper edge of a row to the line that its letters stand on.
const RISE: usize = 13;
const GROUND: &str = "#16191d";
const LETTERS: &str = "#d6dae0";

/// The sixteen named colours: the dark ones, then the light ones.
const NAMED: [&str; 16] = [
    "#3b414a", "#e06c75", "#98c379", "#d7ba7d", "#61afef", "#c678dd", "#56b6c2", "#c8ccd4",
    "#7f8894", "#ef8e95", "#b2d897", "#ead39c", "#8cc5f5", "#d99be8", "#80ced7", "#ffffff",
];

#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Style {
    front: Option<String>,
    back: Option<String>,
    is_bold: bool,
    is_dim: bool,
    is_reversed: bool,
}

/// Characters of one style, from a column on.
#[derive(Debug, PartialEq, Eq)]
struct Run {
    column: usize,
    style: Style,
    text: String,
}

/// The picture of a terminal of so many columns.
pub(super) fn drawn(screen: &str, title: &str, columns: usize) -> String {
    let rows: Vec<&str> = screen.lines().collect();
    let (width, height) = (
        columns * WIDTH + 2 * MARGIN,
        rows.len() * HEIGHT + 2 * MARGIN,
    );
    let mut text = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" height=\"{height}\" role=\"img\">\n\
         <title>{}</title>\n\
         <style>text{{font:13px ui-monospace,Menlo,Consolas,'DejaVu Sans Mono',monospace;fill:{LETTERS}}}\
         .b{{font-weight:bold}}.d{{opacity:.7}}</style>\n\
         <rect width=\"{width}\" height=\"{height}\" rx=\"8\" fill=\"{GROUND}\"/>\n",
        escaped(title)
    );
    let mut style = Style::default();
    for (row, line) in rows.iter().enumerate() {
        for run in runs(line, &mut style) {
            draw(&mut text, row, &run);
        }
    }
    text.push_str("</svg>\n");
    text
}

fn draw(out: &mut String, row: usize, run: &Run) {
    let (x, y) = (MARGIN + run.column * WIDTH, MARGIN + row * HEIGHT);
    if let (_, Some(back)) = run.style.colours() {
        let width = columns(&run.text) * WIDTH;
        let _ = writeln!(
            out,
            "<rect x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{HEIGHT}\" fill=\"{back}\"/>"
        );
    }
    for (column, text) in words(&run.text) {
        let x = x + column * WIDTH;
        write_text(out, (x, y + RISE), text, &run.style);
    }
}

fn write_text(out: &mut String, (x, y): (usize, usize), text: &str, style: &Style) {
    let width = columns(text) * WIDTH;
    let _ = write!(
        out,
        "<text x=\"{x}\" y=\"{y}\" textLength=\"{width}\" lengthAdjust=\"spacingAndGlyphs\""
    );
    let class = match (style.is_bold, style.is_dim) {
        (false, false) => "",
        (true, false) => " class=\"b\"",
        (false, true) => " class=\"d\"",
        (true, true) => " class=\"b d\"",
    };
    out.push_str(class);
    if let (Some(front), _) = style.colours() {
        let _ = write!(out, " style=\"fill:{front}\"");
    }
    let _ = writeln!(out, ">{}</text>", escaped(&common(text)));
}

/// The parts between which more than one blank is, each with its column: what a reader makes of many blanks is not to matter.
fn words(text: &str) -> Vec<(usize, &str)> {
    let mut words = Vec::new();
    let mut column = 0;
    let mut rest = text;
    while !rest.is_empty() {
        let begin = rest.trim_start_matches(' ');
        column += rest.len() - begin.len();
        let word = begin.split("  ").next().unwrap_or_default();
        let shown = word.trim_end_matches(' ');
        if !shown.is_empty() {
            words.push((column, shown));
        }
        column += columns(word);
        rest = &begin[word.len()..];
    }
    words
}

impl Style {
    /// Of the letters and of what is behind them; `None`: the terminal's own.
    fn colours(&self) -> (Option<&str>, Option<&str>) {
        let (front, back) = (self.front.as_deref(), self.back.as_deref());
        match self.is_reversed {
            true => (Some(back.unwrap_or(GROUND)), Some(front.unwrap_or(LETTERS))),
            false => (front, back),
        }
    }

    /// Does what an escape sequence's numbers say.
    fn set(&mut self, numbers: &str) {
        let mut numbers = numbers.split(';').map(|n| n.parse().unwrap_or(0_usize));
        while let Some(number) = numbers.next() {
            match number {
                0 => *self = Style::default(),
                1 => self.is_bold = true,
                2 => self.is_dim = true,
                7 => self.is_reversed = true,
                22 => (self.is_bold, self.is_dim) = (false, false),
                27 => self.is_reversed = false,
                30..=37 => self.front = Some(NAMED[number - 30].to_owned()),
                38 => self.front = colour(&mut numbers),
                39 => self.front = None,
                40..=47 => self.back = Some(NAMED[number - 40].to_owned()),
                48 => self.back = colour(&mut numbers),
                49 => self.back = None,
                90..=97 => self.front = Some(NAMED[number - 82].to_owned()),
                100..=107 => self.back = Some(NAMED[number - 92].to_owned()),
                _ => {}
            }
        }
    }
}

/// A colour that is told by its number, or by its parts.
fn colour(numbers: &mut impl Iterator<Item = usize>) -> Option<String> {
    match numbers.next()? {
        5 => Some(numbered(numbers.next()?)),
        2 => {
            let (red, green, blue) = (numbers.next()?, numbers.next()?, numbers.next()?);
            Some(format!("#{red:02x}{green:02x}{blue:02x}"))
        }
        _ => None,
    }
}

/// Of the 256: the named ones, a cube of six steps a side, and greys.
fn numbered(number: usize) -> String {
    if let Some(named) = NAMED.get(number) {
        return (*named).to_owned();
    }
    if number >= 232 {
        let grey = 8 + 10 * (number - 232);
        return format!("#{grey:02x}{grey:02x}{grey:02x}");
    }
    let part = |step: usize| [0, 95, 135, 175, 215, 255][step % 6];
    let cube = number - 16;
    let (red, green, blue) = (part(cube / 36), part(cube / 6), part(cube));
    format!("#{red:02x}{green:02x}{blue:02x}")
}

/// A row's runs, from the style on that the row before it left.
fn runs(line: &str, style: &mut Style) -> Vec<Run> {
    let mut runs: Vec<Run> = Vec::new();
    let mut column = 0;
    let mut pieces = line.split('\u{1b}');
    let mut piece = pieces.next();
    while let Some(text) = piece {
        if !text.is_empty() {
            runs.push(Run {
                column,
                style: style.clone(),
                text: text.to_owned(),
            });
            column += columns(text);
        }
        piece = pieces.next().map(|rest| {
            let (numbers, text) = rest.split_once('m').unwrap_or((rest, ""));
            style.set(numbers.trim_start_matches('['));
            text
        });
    }
    runs
}

/// How many columns of a terminal the text takes: signs that are pictures take two, what changes the sign before it none.
fn columns(text: &str) -> usize {
    let of = |sign: char| match sign as u32 {
        0xfe00..=0xfe0f | 0x200d => 0,
        0x1f000.. => 2,
        _ => 1,
    };
    text.chars().map(of).sum()
}

/// Signs that few fonts have, by others that look alike.
fn common(text: &str) -> String {
    text.replace('\u{23f8}', "\u{2016}")
        .replace('\u{23f9}', "\u{25a0}")
        .replace('\u{23eb}', "\u{25b2}")
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::{Run, Style, columns, drawn, numbered, runs, words};

    fn run(column: usize, style: &Style, text: &str) -> Run {
        Run {
            column,
            style: style.clone(),
            text: text.to_owned(),
        }
    }

    #[test]
    fn styles_last_until_they_are_changed() {
        let mut style = Style::default();
        let plain = style.clone();
        let green = Style {
            front: Some(numbered(2)),
            is_bold: true,
            ..Style::default()
        };
        let cube = Style {
            front: Some("#ff0087".to_owned()),
            back: Some("#010203".to_owned()),
            ..Style::default()
        };
        let line = "a\u{1b}[1;32mbc\u{1b}[m\u{1b}[38;5;198;48;2;1;2;3md";
        let told = runs(line, &mut style);
        assert_eq!(
            told,
            [
                run(0, &plain, "a"),
                run(1, &green, "bc"),
                run(3, &cube, "d")
            ]
        );
        assert_eq!(runs("e", &mut style), [run(0, &cube, "e")]);
    }

    #[test]
    fn numbers_of_colours_are_those_of_terminals() {
        let told = [16, 21, 196, 231, 232, 255].map(numbered);
        let right = [
            "#000000", "#0000ff", "#ff0000", "#ffffff", "#080808", "#eeeeee",
        ];
        assert_eq!(told, right);
    }

    #[test]
    fn texts_stand_in_their_columns() {
        assert_eq!(columns("a\u{26a0}\u{fe0f}\u{1f600}"), 4);
        let picture = drawn("\u{23f9}\n\u{1b}[7m  <a> \u{1b}[m  b", "t & u", 10);
        assert!(picture.contains("<title>t &amp; u</title>"));
        assert!(picture.contains("<rect x=\"12\" y=\"29\" width=\"48\""));
        assert!(picture.contains("<text x=\"28\" y=\"42\" textLength=\"24\""));
        assert!(picture.contains(">&lt;a&gt;</text>"));
        assert!(picture.contains("<text x=\"76\" y=\"42\" textLength=\"8\""));
        assert_eq!(picture.matches("<text").count(), 3);
        assert!(picture.contains(">\u{25a0}</text>"));
        assert_eq!(words(" a b   c "), [(1, "a b"), (7, "c")]);
    }
}
