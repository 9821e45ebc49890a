//! Writes all mutants of a file into one text: a condition before each fault checks whether it is the chosen one.
//!
//! ```text
//! a < b        (is(1) ^ (if is(2) { a <= b } else { a < b }))
//! x; y;        if is(3) { y; x; } else { if !is(4) { x; } if !is(5) { y; } }
//! ```
//!
//! So one build is enough for all mutants. Faults that do not compile in this form are left out of the text (`banned`).

use super::find::{Found, Point, Step};
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::ops::Range;

/// The text with all faults in it.
pub struct Woven {
    pub text: String,
    /// The place of each fault in `text` (index, range), outer faults before inner ones.
    pub places: Vec<(usize, Range<usize>)>,
    /// The functions' bodies in `text`, with the faults in each.
    pub bodies: Vec<(Range<usize>, Vec<usize>)>,
}

impl Woven {
    /// The innermost function around a range of the text.
    pub fn body_around(&self, range: &Range<usize>) -> Option<&(Range<usize>, Vec<usize>)> {
        let holds = |body: &Range<usize>| body.start <= range.start && range.end <= body.end;
        let around = self.bodies.iter().filter(|(body, _)| holds(body));
        around.min_by_key(|(body, _)| body.len())
    }
}

struct Weaver<'a> {
    source: &'a str,
    found: &'a Found,
    /// The points, sorted by start; of those with the same start, the longer first.
    order: Vec<usize>,
    banned: &'a BTreeSet<usize>,
    /// The number of the file's first fault.
    base: usize,
    is: &'a str,
    out: String,
    places: Vec<(usize, Range<usize>)>,
    bodies: Vec<(Range<usize>, Vec<usize>)>,
}

/// Weaves the faults of one file into its text. `is` is the path of the function that checks; numbers begin at `base`.
pub fn weave(
    source: &str,
    found: &Found,
    banned: &BTreeSet<usize>,
    base: usize,
    is: &str,
) -> Woven {
    let mut order: Vec<usize> = (0..found.points.len()).collect();
    // Points with the same range nest: rows of statements are outermost, then Booleans, then choices between texts.
    let rank = |p: &Point| match p {
        Point::Run(_) => 0,
        Point::Negate(_) => 1,
        Point::Skip(_) | Point::Choose(_) => 2,
    };
    order.sort_by_key(|&at| {
        let (range, point) = &found.points[at];
        (range.start, std::cmp::Reverse(range.end), rank(point))
    });
    let mut weaver = Weaver {
        source,
        found,
        order,
        banned,
        base,
        is,
        out: String::with_capacity(source.len() * 4),
        places: Vec::new(),
        bodies: Vec::new(),
    };
    weaver.between(0..source.len(), 0);
    let mut woven = Woven {
        text: weaver.out,
        places: weaver.places,
        bodies: weaver.bodies,
    };
    woven
        .places
        .sort_by_key(|(_, r)| (r.start, std::cmp::Reverse(r.end)));
    for (range, faults) in &mut woven.bodies {
        let inside = woven
            .places
            .iter()
            .filter(|(_, r)| range.start <= r.start && r.end <= range.end);
        faults.extend(inside.map(|(fault, _)| *fault));
    }
    woven
}

impl Weaver<'_> {
    /// Writes `range` with its points, which begin at index `next` of the order. Returns the index after them.
    fn between(&mut self, range: Range<usize>, mut next: usize) -> usize {
        let mut at = range.start;
        while let Some(&point) = self.order.get(next) {
            let inner = &self.found.points[point].0;
            if inner.start >= range.end {
                break;
            }
            self.copy(at..inner.start);
            at = inner.end;
            next = self.point(next);
        }
        self.copy(at..range.end);
        next
    }

    fn copy(&mut self, range: Range<usize>) {
        let begin = self.out.len();
        self.out.push_str(&self.source[range.clone()]);
        // Bodies may be nested: the body that begins last ends first.
        let mut ends: Vec<(usize, bool)> = Vec::new();
        for body in &self.found.bodies {
            ends.extend(range.contains(&body.start).then_some((body.start, true)));
            ends.extend(range.contains(&(body.end - 1)).then_some((body.end, false)));
        }
        ends.sort_unstable();
        for (at, is_start) in ends {
            let at = begin + (at - range.start);
            if is_start {
                self.bodies.push((at..usize::MAX, Vec::new()));
                continue;
            }
            let mut open = self.bodies.iter_mut().rev();
            if let Some((body, _)) = open.find(|(body, _)| body.end == usize::MAX) {
                body.end = at;
            }
        }
    }

    /// Writes the point at index `at` of the order. Returns the index after it and the points within.
    fn point(&mut self, at: usize) -> usize {
        let (range, point) = &self.found.points[self.order[at]];
        let start = self.out.len();
        match point {
            Point::Negate(fault) if !self.banned.contains(fault) => {
                let is = self.is(*fault);
                let _ = write!(self.out, "({is} ^ (");
                let next = self.between(range.clone(), at + 1);
                self.out.push_str("))");
                self.places.push((*fault, start..self.out.len()));
                next
            }
            Point::Choose(choices) => {
                let choices: Vec<_> = choices
                    .iter()
                    .filter(|(f, _)| !self.banned.contains(f))
                    .collect();
                if choices.is_empty() {
                    return self.between(range.clone(), at + 1);
                }
                self.out.push('(');
                for (fault, text) in choices {
                    let from = self.out.len();
                    let is = self.is(*fault);
                    let _ = write!(self.out, "if {is} {{ {text} }} else ");
                    self.places.push((*fault, from..self.out.len()));
                }
                self.out.push_str("{ ");
                let next = self.between(range.clone(), at + 1);
                self.out.push_str(" })");
                next
            }
            Point::Skip(fault) if !self.banned.contains(fault) => {
                let next = self.between(range.clone(), at + 1);
                let is = self.is(*fault);
                let _ = write!(self.out, " if !{is}");
                self.places.push((*fault, start..self.out.len()));
                next
            }
            Point::Run(steps) => self.run(steps, at + 1),
            Point::Negate(_) | Point::Skip(_) => self.between(range.clone(), at + 1),
        }
    }

    fn run(&mut self, steps: &[Step], mut next: usize) -> usize {
        let mut open = 0;
        for (at, step) in steps.iter().enumerate() {
            if at > 0 {
                self.copy(steps[at - 1].range.end..step.range.start);
            }
            if let Some(swap) = step.swap.filter(|s| !self.banned.contains(s)) {
                let from = self.out.len();
                let is = self.is(swap);
                let _ = write!(self.out, "if {is} {{ ");
                let rest = steps[at + 2..].iter();
                for step in [&steps[at + 1], step].into_iter().chain(rest) {
                    self.out.push_str(&self.source[step.range.clone()]);
                    self.out.push_str("; ");
                }
                self.out.push_str("} else { ");
                self.places.push((swap, from..self.out.len()));
                open += 1;
            }
            if self.banned.contains(&step.delete) {
                next = self.between(step.range.clone(), next);
                continue;
            }
            let from = self.out.len();
            let is = self.is(step.delete);
            let _ = write!(self.out, "if !{is} {{ ");
            next = self.between(step.range.clone(), next);
            self.out.push_str("; }");
            self.places.push((step.delete, from..self.out.len()));
        }
        for _ in 0..open {
            self.out.push('}');
        }
        next
    }

    fn is(&self, fault: usize) -> String {
        format!("{}({})", self.is, self.base + fault)
    }
}
