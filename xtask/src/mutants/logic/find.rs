//! Finds where a file can be mutated: reads its syntax tree and notes the possible changes with their ranges of the text.
//!
//! Only bodies of functions are mutated. Constants are not (a mutant is chosen at run time), nor are tests, `fmt`, and
//! arguments of macros.

use proc_macro2::Span;
use quote::ToTokens;
use std::ops::Range;
use syn::spanned::Spanned;
use syn::visit::{self, Visit};
use syn::{BinOp, Block, Expr, Stmt};

/// A fault that can be planted.
#[derive(Clone, Debug)]
pub struct Fault {
    pub line: usize,
    pub function: String,
    pub what: String,
}

/// A possible change of a range of the text. Numbers are indices into `Found::faults`.
#[derive(Debug)]
pub enum Point {
    /// A Boolean is negated.
    Negate(usize),
    /// An expression is replaced by another text.
    Choose(Vec<(usize, String)>),
    /// The arm of a pattern is left out: a later arm matches in its place.
    Skip(usize),
    /// Statements in a row.
    Run(Vec<Step>),
}

/// A statement of a row.
#[derive(Debug)]
pub struct Step {
    pub range: Range<usize>,
    /// The fault that leaves it out.
    pub delete: usize,
    /// The fault that swaps it with the next statement.
    pub swap: Option<usize>,
}

#[derive(Default)]
pub struct Found {
    pub faults: Vec<Fault>,
    /// Ranges that are disjoint, nested, or equal.
    pub points: Vec<(Range<usize>, Point)>,
    /// The functions' bodies, for compiler errors that point to no fault.
    pub bodies: Vec<Range<usize>>,
    function: String,
}

pub fn find(source: &str) -> Result<Found, syn::Error> {
    let mut found = Found::default();
    found.visit_file(&syn::parse_file(source)?);
    Ok(found)
}

/// Methods whose opposite has the same type.
const OPPOSITES: [(&str, &str); 11] = [
    ("min", "max"),
    ("push_back", "push_front"),
    ("pop_front", "pop_back"),
    ("saturating_add", "saturating_sub"),
    ("wrapping_add", "wrapping_sub"),
    ("checked_add", "checked_sub"),
    ("fetch_add", "fetch_sub"),
    ("fetch_or", "fetch_and"),
    ("fetch_max", "fetch_min"),
    ("notify_one", "notify_all"),
    ("any", "all"),
];

/// Macros that may be left out without a change that a program could rely on.
const SILENT: [&str; 12] = [
    "assert",
    "assert_eq",
    "assert_ne",
    "debug_assert",
    "debug_assert_eq",
    "debug_assert_ne",
    "op",
    "op_update",
    "inner_op",
    "state_update",
    "state_told",
    "trace",
];

impl Found {
    fn fault(&mut self, span: Span, what: impl Into<String>) -> usize {
        self.faults.push(Fault {
            line: span.start().line,
            function: self.function.clone(),
            what: what.into(),
        });
        self.faults.len() - 1
    }

    fn negate(&mut self, expr: &Expr, what: &str) {
        let range = expr.span().byte_range();
        let is_done = |(r, p): &(Range<usize>, Point)| *r == range && matches!(p, Point::Negate(_));
        if holds_let(expr) || has_attributes(expr) || self.points.iter().any(is_done) {
            return;
        }
        let fault = self.fault(expr.span(), what);
        self.points.push((range, Point::Negate(fault)));
    }

    fn choose(&mut self, span: Span, choices: Vec<(String, String)>) {
        let choices: Vec<_> = choices
            .into_iter()
            .map(|(what, text)| (self.fault(span, what), text))
            .collect();
        if !choices.is_empty() {
            self.points
                .push((span.byte_range(), Point::Choose(choices)));
        }
    }

    /// `is_unit`: the block's value is `()`, so that its last expression is a statement like any other.
    fn block(&mut self, block: &Block, is_unit: bool) {
        let mut run = Vec::new();
        let last = block.stmts.len().wrapping_sub(1);
        for (at, stmt) in block.stmts.iter().enumerate() {
            let is_tail = at == last && matches!(stmt, Stmt::Expr(_, None));
            // Where the block must have a value, its last statement may instead leave the function or loop.
            let must_stay = !is_unit && at == last && (is_tail || leaves(stmt));
            match what_to_delete(stmt) {
                Some(what) if !must_stay => {
                    run.push((stmt.span(), what));
                }
                _ => self.end_run(&mut run),
            }
            match stmt {
                Stmt::Expr(expr, semi) => {
                    let unit = semi.is_some() || !is_tail || is_unit;
                    self.expression(expr, unit);
                }
                other => self.visit_stmt(other),
            }
        }
        self.end_run(&mut run);
    }

    fn end_run(&mut self, run: &mut Vec<(Span, &'static str)>) {
        let mut steps = Vec::new();
        for at in 0..run.len() {
            let (span, what) = run[at];
            let delete = self.fault(span, what);
            let movable = |other: Option<&(Span, &str)>| other.is_some_and(|o| o.1 == "left out");
            let swap = (movable(run.get(at)) && movable(run.get(at + 1)))
                .then(|| self.fault(span, "swapped with the next"));
            steps.push(Step {
                range: span.byte_range(),
                delete,
                swap,
            });
        }
        if let (Some(first), Some(last)) = (steps.first(), steps.last()) {
            let range = first.range.start..last.range.end;
            self.points.push((range, Point::Run(steps)));
        }
        run.clear();
    }

    /// Goes into an expression that is a statement (`is_unit`) or a value.
    fn expression(&mut self, expr: &Expr, is_unit: bool) {
        match expr {
            Expr::If(e) => {
                self.negate(&e.cond, "condition negated");
                self.visit_expr(&e.cond);
                let has_else = e.else_branch.is_some();
                self.block(&e.then_branch, is_unit || !has_else);
                if let Some((_, other)) = &e.else_branch {
                    self.expression(other, is_unit);
                }
            }
            Expr::Block(e) => self.block(&e.block, is_unit),
            Expr::Unsafe(e) => self.block(&e.block, is_unit),
            Expr::Match(e) => {
                self.visit_expr(&e.expr);
                let falls_through = e
                    .arms
                    .last()
                    .is_some_and(|arm| takes_all(&arm.pat) && arm.guard.is_none());
                for (at, arm) in e.arms.iter().enumerate() {
                    match &arm.guard {
                        Some((_, guard)) => {
                            self.negate(guard, "guard negated");
                            self.visit_expr(guard);
                        }
                        None if falls_through && at + 1 < e.arms.len() => {
                            let fault = self.fault(arm.pat.span(), "arm left out");
                            let range = arm.pat.span().byte_range();
                            self.points.push((range, Point::Skip(fault)));
                        }
                        None => {}
                    }
                    self.arm_body(&arm.body, is_unit);
                }
            }
            other => self.visit_expr(other),
        }
    }

    fn arm_body(&mut self, body: &Expr, is_unit: bool) {
        let stands_alone = !matches!(
            body,
            Expr::Block(_) | Expr::Unsafe(_) | Expr::If(_) | Expr::Match(_) | Expr::Tuple(_)
        );
        let stmt = Stmt::Expr(body.clone(), None);
        if let (true, true, Some(what)) = (is_unit, stands_alone, what_to_delete(&stmt)) {
            self.end_run(&mut vec![(body.span(), what)]);
        }
        self.expression(body, is_unit);
    }
}

impl<'ast> Visit<'ast> for Found {
    fn visit_item_fn(&mut self, item: &'ast syn::ItemFn) {
        self.function(&item.attrs, &item.sig, &item.block);
    }

    fn visit_impl_item_fn(&mut self, item: &'ast syn::ImplItemFn) {
        self.function(&item.attrs, &item.sig, &item.block);
    }

    fn visit_trait_item_fn(&mut self, item: &'ast syn::TraitItemFn) {
        if let Some(block) = &item.default {
            self.function(&item.attrs, &item.sig, block);
        }
    }

    fn visit_item_mod(&mut self, item: &'ast syn::ItemMod) {
        if !is_test(&item.attrs) {
            visit::visit_item_mod(self, item);
        }
    }

    fn visit_item_impl(&mut self, item: &'ast syn::ItemImpl) {
        if !is_test(&item.attrs) {
            visit::visit_item_impl(self, item);
        }
    }

    // Values that are computed at compile time.
    fn visit_item_const(&mut self, _: &'ast syn::ItemConst) {}
    fn visit_item_static(&mut self, _: &'ast syn::ItemStatic) {}
    fn visit_impl_item_const(&mut self, _: &'ast syn::ImplItemConst) {}
    fn visit_trait_item_const(&mut self, _: &'ast syn::TraitItemConst) {}
    fn visit_item_enum(&mut self, _: &'ast syn::ItemEnum) {}
    fn visit_item_struct(&mut self, _: &'ast syn::ItemStruct) {}
    fn visit_type(&mut self, _: &'ast syn::Type) {}
    fn visit_pat(&mut self, _: &'ast syn::Pat) {}
    fn visit_generic_argument(&mut self, _: &'ast syn::GenericArgument) {}
    fn visit_expr_const(&mut self, _: &'ast syn::ExprConst) {}
    fn visit_expr_repeat(&mut self, e: &'ast syn::ExprRepeat) {
        self.visit_expr(&e.expr);
    }
    fn visit_attribute(&mut self, _: &'ast syn::Attribute) {}
    fn visit_macro(&mut self, _: &'ast syn::Macro) {}

    fn visit_block(&mut self, block: &'ast Block) {
        self.block(block, false);
    }

    fn visit_local(&mut self, local: &'ast syn::Local) {
        let Some(init) = &local.init else { return };
        self.visit_expr(&init.expr);
        if let Some((_, diverge)) = &init.diverge {
            // The last statement has to leave the function or loop, so it cannot be left out.
            if let Expr::Block(e) = &**diverge {
                self.block(&e.block, false);
            }
        }
    }

    fn visit_expr(&mut self, expr: &'ast Expr) {
        let span = expr.span();
        match expr {
            Expr::If(_) | Expr::Block(_) | Expr::Unsafe(_) | Expr::Match(_) => {
                return self.expression(expr, false);
            }
            Expr::While(e) => {
                self.negate(&e.cond, "condition negated");
                self.visit_expr(&e.cond);
                return self.block(&e.body, true);
            }
            Expr::Loop(e) => return self.block(&e.body, true),
            Expr::ForLoop(e) => {
                self.visit_expr(&e.expr);
                return self.block(&e.body, true);
            }
            Expr::Binary(e) if !holds_let(expr) && !has_attributes(expr) => {
                if is_comparison(&e.op) {
                    self.negate(expr, "comparison negated");
                }
                let (left, right) = (&e.left, &e.right);
                let choices = other_operators(&e.op).iter().map(|other| {
                    let is = text(&e.op);
                    (format!("{is} -> {other}"), Text(left, other, right))
                });
                let choices = choices.map(|(what, text)| (what, text.write())).collect();
                self.choose(span, choices);
            }
            Expr::Unary(e) if matches!(e.op, syn::UnOp::Not(_)) => {
                let already = span.byte_range();
                let is_negated =
                    |(r, p): &(Range<usize>, Point)| *r == already && matches!(p, Point::Negate(_));
                if !self.points.iter().any(is_negated) {
                    self.choose(span, vec![("! left out".to_owned(), text(&e.expr))]);
                }
            }
            Expr::MethodCall(e) => self.method(e),
            Expr::Lit(e) => self.literal(&e.lit),
            _ => {}
        }
        visit::visit_expr(self, expr);
    }
}

/// `left other right`.
struct Text<'a>(&'a Expr, &'a str, &'a Expr);

impl Text<'_> {
    fn write(&self) -> String {
        format!("{} {} {}", text(self.0), self.1, text(self.2))
    }
}

impl Found {
    fn function(&mut self, attrs: &[syn::Attribute], sig: &syn::Signature, block: &Block) {
        if sig.constness.is_some() || sig.ident == "fmt" || is_test(attrs) {
            return;
        }
        let outer = std::mem::replace(&mut self.function, sig.ident.to_string());
        self.bodies.push(block.span().byte_range());
        let is_unit = match &sig.output {
            syn::ReturnType::Default => true,
            syn::ReturnType::Type(..) => false,
        };
        self.block(block, is_unit);
        self.function = outer;
    }

    fn method(&mut self, call: &syn::ExprMethodCall) {
        let name = call.method.to_string();
        let is_question = ["is_", "has_", "contains"]
            .iter()
            .any(|p| name.starts_with(p));
        if is_question {
            self.negate(&Expr::MethodCall(call.clone()), "answer negated");
        }
        for (a, b) in OPPOSITES {
            let other = match name.as_str() {
                n if n == a => b,
                n if n == b => a,
                _ => continue,
            };
            let mut changed = call.clone();
            changed.method = syn::Ident::new(other, call.method.span());
            let choice = (format!("{name} -> {other}"), text(&changed));
            return self.choose(call.span(), vec![choice]);
        }
    }

    fn literal(&mut self, literal: &syn::Lit) {
        let span = literal.span();
        match literal {
            syn::Lit::Int(int) => {
                let Ok(value) = int.base10_parse::<u128>() else {
                    return;
                };
                let suffix = int.suffix();
                let mut choices = Vec::new();
                if value < u128::from(u32::MAX) {
                    choices.push(value + 1);
                }
                if value > 0 {
                    choices.push(value - 1);
                }
                let choices = choices
                    .into_iter()
                    .map(|other| (format!("{value} -> {other}"), format!("{other}{suffix}")));
                let choices = choices.collect();
                self.choose(span, choices);
            }
            syn::Lit::Bool(value) => {
                let what = format!("{} -> {}", value.value, !value.value);
                self.choose(span, vec![(what, (!value.value).to_string())]);
            }
            _ => {}
        }
    }
}

fn leaves(stmt: &Stmt) -> bool {
    matches!(
        stmt,
        Stmt::Expr(Expr::Return(_) | Expr::Break(_) | Expr::Continue(_), _)
    )
}

/// The name of the fault that leaves the statement out, if that is possible.
fn what_to_delete(stmt: &Stmt) -> Option<&'static str> {
    match stmt {
        Stmt::Expr(Expr::Return(_), _) => Some("return left out"),
        Stmt::Expr(Expr::Break(_), _) => Some("break left out"),
        Stmt::Expr(Expr::Continue(_), _) => Some("continue left out"),
        Stmt::Expr(Expr::Loop(_), None) => None,
        // An audit that only builds of tests have.
        Stmt::Expr(Expr::Call(e), _) if text(&e.func).ends_with("user_code") => None,
        Stmt::Expr(Expr::Macro(e), _) if is_silent(&e.mac) => None,
        Stmt::Macro(m) if is_silent(&m.mac) => None,
        Stmt::Expr(..) | Stmt::Macro(_) => Some("left out"),
        Stmt::Local(local) if matches!(local.pat, syn::Pat::Wild(_)) => Some("left out"),
        _ => None,
    }
}

fn is_silent(mac: &syn::Macro) -> bool {
    let name = mac.path.segments.last().map(|s| s.ident.to_string());
    name.is_some_and(|n| SILENT.contains(&n.as_str()))
}

fn is_comparison(op: &BinOp) -> bool {
    use BinOp::{Eq, Ge, Gt, Le, Lt, Ne};
    matches!(op, Eq(_) | Ne(_) | Lt(_) | Le(_) | Gt(_) | Ge(_))
}

fn other_operators(op: &BinOp) -> &'static [&'static str] {
    match op {
        BinOp::Lt(_) => &["<="],
        BinOp::Le(_) => &["<"],
        BinOp::Gt(_) => &[">="],
        BinOp::Ge(_) => &[">"],
        BinOp::And(_) => &["||"],
        BinOp::Or(_) => &["&&"],
        BinOp::Add(_) => &["-"],
        BinOp::Sub(_) => &["+"],
        BinOp::Mul(_) => &["/"],
        BinOp::Div(_) => &["*"],
        BinOp::Rem(_) => &["/"],
        BinOp::BitAnd(_) => &["|"],
        BinOp::BitOr(_) => &["&"],
        BinOp::Shl(_) => &[">>"],
        BinOp::Shr(_) => &["<<"],
        BinOp::AddAssign(_) => &["-="],
        BinOp::SubAssign(_) => &["+="],
        BinOp::BitAndAssign(_) => &["|="],
        BinOp::BitOrAssign(_) => &["&="],
        _ => &[],
    }
}

/// Does the condition contain a `let`? Then it cannot be put in parentheses.
fn holds_let(expr: &Expr) -> bool {
    match expr {
        Expr::Let(_) => true,
        Expr::Binary(e) => holds_let(&e.left) || holds_let(&e.right),
        Expr::Paren(e) => holds_let(&e.expr),
        _ => false,
    }
}

fn has_attributes(expr: &Expr) -> bool {
    matches!(text(expr).trim_start().chars().next(), Some('#'))
}

/// Does the pattern match every value? A name in capitals is a constant or a variant, and does not.
fn takes_all(pattern: &syn::Pat) -> bool {
    match pattern {
        syn::Pat::Wild(_) => true,
        syn::Pat::Ident(name) => {
            name.subpat.is_none() && name.ident.to_string().starts_with(char::is_lowercase)
        }
        _ => false,
    }
}

/// Is the item a test, or only there for tests or models?
fn is_test(attrs: &[syn::Attribute]) -> bool {
    attrs.iter().any(|a| {
        let said = text(&a.meta);
        said == "test" || (said.starts_with("cfg") && said.contains("test"))
    })
}

/// The tokens as text, without comments, with blanks as the printer sets them.
fn text(tokens: &impl ToTokens) -> String {
    tokens.to_token_stream().to_string()
}
