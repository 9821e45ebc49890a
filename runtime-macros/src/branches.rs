//! The bodies of `select!`, `join!` and `try_join!`.
//!
//! The facade's `macro_rules` have already split the user's text. The input is
//!
//! ```text
//! select: [$crate] [ordered | random] [else expression?] { [pattern] [future] [if?] [handler] } ..
//! join:   [$crate] [ordered | rotating] [all | until_error] { future } ..
//! ```
//!
//! and the output is one block expression. All futures live in one tuple on the caller's stack; a
//! single `poll_fn` polls them through references into it. Branch numbers become match arms, so no
//! table of function pointers and no allocation is involved. Integer literals carry their types:
//! the code is expanded under the user's lints.
//!
//! I3: the tuple of futures is bound, then shadowed by a reference to it: nothing can move it again,
//! which is what the generated `Pin::new_unchecked` relies on. I4: `select!` drops the tuple before a
//! handler runs, so that handlers may use what the futures borrowed. I5: a `select!` branch whose
//! output misses its pattern is disabled and not polled again.

use proc_macro2::{Delimiter, Group, Ident, Literal, Span, TokenStream, TokenTree};
use quote::{format_ident, quote, quote_spanned};

const MAX_BRANCHES: usize = 64;

struct Branch {
    pattern: TokenStream,
    future: TokenStream,
    condition: TokenStream,
    handler: TokenStream,
}

pub(crate) fn select(input: TokenStream) -> syn::Result<TokenStream> {
    let mut groups = Groups::new(input);
    let krate = groups.next()?;
    let random = groups.next()?.to_string() == "random";
    let otherwise = groups.next()?;
    let mut branches = Vec::new();
    while !groups.is_empty() {
        let mut parts = Groups::new(groups.next()?);
        branches.push(Branch {
            pattern: parts.next()?,
            future: parts.next()?,
            condition: parts.next()?,
            handler: parts.next()?,
        });
    }
    if branches.is_empty() {
        return Ok(quote!({ #otherwise }));
    }
    if branches.len() > MAX_BRANCHES {
        let message = format!("select! takes at most {MAX_BRANCHES} branches");
        return Err(syn::Error::new(Span::call_site(), message));
    }
    Ok(write_select(&krate, random, &otherwise, &branches))
}

/// The names that the code of one `select!` uses.
struct Select<'a> {
    branches: &'a [Branch],
    /// `macros::support` of the crate.
    support: TokenStream,
    count: Literal,
    /// The bit of each branch in the mask of those that are disabled.
    bits: Vec<Literal>,
    /// The outcome of each branch: a variant of the block's own enum.
    variants: Vec<Ident>,
}

impl<'a> Select<'a> {
    fn new(krate: &TokenStream, branches: &'a [Branch]) -> Select<'a> {
        let count = branches.len();
        Select {
            branches,
            support: quote!(#krate::macros::support),
            count: Literal::u32_suffixed(count as u32),
            bits: (0..count).map(|i| mask(1 << i, count)).collect(),
            variants: (0..count).map(|i| format_ident!("Branch{i}")).collect(),
        }
    }

    /// The match arm that polls branch `at`.
    fn arm(&self, at: usize) -> TokenStream {
        let (support, bit, variant) = (&self.support, &self.bits[at], &self.variants[at]);
        let none = mask(0, self.branches.len());
        let index = Literal::usize_unsuffixed(at);
        let number = Literal::u32_suffixed(at as u32);
        let probe = probing(self.branches[at].pattern.clone());
        quote_spanned! {Span::mixed_site()=>
            #number => {
                if *disabled & #bit != #none {
                    continue;
                }
                // SAFETY: by I3 the tuple is never moved; its fields are pinned with it.
                let future = unsafe { #support::Pin::new_unchecked(&mut futures.#index) };
                let output = match #support::Future::poll(future, cx) {
                    #support::Poll::Ready(output) => output,
                    #support::Poll::Pending => {
                        is_pending = true;
                        continue;
                    }
                };
                *disabled |= #bit;
                #[allow(unused_variables, unused_mut, unreachable_patterns)]
                match &output {
                    #probe => {}
                    _ => continue,
                }
                return #support::Poll::Ready(Selected::#variant(output));
            }
        }
    }

    /// The future that polls the branches of the tuple `futures`, from branch `start` on.
    fn polling(&self, start: &TokenStream) -> TokenStream {
        let (support, count) = (&self.support, &self.count);
        let arms = (0..self.branches.len()).map(|at| self.arm(at));
        quote_spanned! {Span::mixed_site()=>
            #[allow(unreachable_code, clippy::redundant_closure_call)]
            #support::poll_fn(move |cx| {
                match #support::poll_budget_available(cx) {
                    #support::Poll::Ready(()) => {}
                    #support::Poll::Pending => return #support::Poll::Pending,
                }
                let mut is_pending = false;
                let start = #start;
                for step in 0u32..#count {
                    #[allow(clippy::modulo_one)]
                    let branch = (start + step) % #count;
                    match branch {
                        #(#arms)*
                        _ => ::core::unreachable!("branch numbers are below the count"),
                    }
                }
                if is_pending {
                    #support::Poll::Pending
                } else {
                    #support::Poll::Ready(Selected::Exhausted)
                }
            })
        }
    }

    /// The statements that disable branches whose condition does not hold.
    fn disabling(&self) -> impl Iterator<Item = TokenStream> {
        let conditions = self.branches.iter().map(|branch| &branch.condition);
        conditions
            .zip(&self.bits)
            .filter(|(condition, _)| !condition.is_empty())
            .map(|(condition, bit)| {
                quote_spanned!(Span::mixed_site()=> if !(#condition) { disabled |= #bit; })
            })
    }

    /// The match arms that run the handlers.
    fn handlers(&self) -> impl Iterator<Item = TokenStream> {
        self.branches
            .iter()
            .zip(&self.variants)
            .map(|(branch, variant)| {
                let (pattern, handler) = (&branch.pattern, &branch.handler);
                quote_spanned!(Span::mixed_site()=> Selected::#variant(#pattern) => #handler,)
            })
    }
}

fn write_select(
    krate: &TokenStream,
    random: bool,
    otherwise: &TokenStream,
    branches: &[Branch],
) -> TokenStream {
    let span = Span::mixed_site();
    let select = Select::new(krate, branches);
    let (support, count, variants) = (&select.support, &select.count, &select.variants);
    let types: Vec<Ident> = (0..branches.len()).map(|i| format_ident!("T{i}")).collect();
    let none = mask(0, branches.len());
    let (disabling, handlers) = (select.disabling(), select.handlers());
    let futures = branches.iter().map(|b| &b.future);
    let into = (0..branches.len()).map(|n| {
        let n = Literal::usize_unsuffixed(n);
        quote_spanned!(span=> #support::IntoFuture::into_future(given.#n))
    });
    let polling = select.polling(&match random {
        true => quote_spanned!(span=> #support::thread_rng_n(#count)),
        false => quote_spanned!(span=> 0u32),
    });
    let exhausted = if otherwise.is_empty() {
        quote_spanned! {span=>
            ::core::panic!("all branches are disabled and there is no else branch")
        }
    } else {
        otherwise.clone()
    };
    quote_spanned! {span=> {
        #[allow(clippy::enum_variant_names)]
        enum Selected<#(#types),*> {
            #(#variants(#types),)*
            Exhausted,
        }
        // A pattern may bind by `ref mut`.
        #[allow(unused_mut)]
        let mut selected = {
            let mut disabled = #none;
            #(#disabling)*
            // Two steps, so that temporaries in the user's expressions live as long as the tuple.
            let given = (#(#futures,)*);
            let mut futures = (#(#into,)*);
            let futures = &mut futures;
            let disabled = &mut disabled;
            #polling.await
        };
        match selected {
            #(#handlers)*
            Selected::Exhausted => #exhausted,
            #[allow(unreachable_patterns)]
            _ => ::core::unreachable!("the output matched its pattern when it was polled"),
        }
    }}
}

/// `bits` in the smallest integer that has one for each branch.
fn mask(bits: u64, count: usize) -> Literal {
    match count {
        0..=8 => Literal::u8_suffixed(bits as u8),
        9..=16 => Literal::u16_suffixed(bits as u16),
        17..=32 => Literal::u32_suffixed(bits as u32),
        _ => Literal::u64_suffixed(bits),
    }
}

/// The pattern as it can be matched against a *reference* to the output, to see whether it fits
/// without moving anything: binding modes (`mut`, `ref`) and reference patterns are left out, which
/// default binding modes make up for. Bindings stay, since only the compiler can tell a binding from a constant.
fn probing(pattern: TokenStream) -> TokenStream {
    let mut out = TokenStream::new();
    let mut verbatim = false;
    let mut angles = 0usize;
    for token in pattern {
        match token {
            TokenTree::Ident(ref ident) if *ident == "mut" || *ident == "ref" => continue,
            TokenTree::Ident(ref ident) => {
                verbatim = *ident == "const";
                out.extend([token]);
            }
            TokenTree::Punct(ref punct) => {
                verbatim = punct.as_char() == '!';
                match punct.as_char() {
                    '&' if angles == 0 => continue,
                    '<' => angles += 1,
                    '>' => angles = angles.saturating_sub(1),
                    _ => {}
                }
                out.extend([token]);
            }
            // Arguments of a macro and const blocks are not patterns.
            TokenTree::Group(group) if !verbatim => {
                let inner = probing(group.stream());
                // A group of one pattern fragment says nothing a reader needs; keep its delimiter.
                let mut cleaned = Group::new(group.delimiter(), inner);
                cleaned.set_span(group.span());
                out.extend([TokenTree::Group(cleaned)]);
            }
            other => {
                verbatim = false;
                out.extend([other]);
            }
        }
    }
    out
}

pub(crate) fn join(input: TokenStream) -> syn::Result<TokenStream> {
    let mut groups = Groups::new(input);
    let krate = groups.next()?;
    let rotating = groups.next()?.to_string() == "rotating";
    let until_error = groups.next()?.to_string() == "until_error";
    let mut futures = Vec::new();
    while !groups.is_empty() {
        futures.push(groups.next()?);
    }
    Ok(write_join(&krate, rotating, until_error, &futures))
}

fn write_join(
    krate: &TokenStream,
    rotating: bool,
    until_error: bool,
    futures: &[TokenStream],
) -> TokenStream {
    let span = Span::mixed_site();
    let support = quote!(#krate::macros::support);
    if futures.is_empty() {
        return if until_error {
            quote!(::core::result::Result::Ok(()))
        } else {
            quote!(())
        };
    }
    let count = Literal::u32_suffixed(futures.len() as u32);
    let arms = (0..futures.len()).map(|at| join_arm(&support, until_error, at));
    let outputs = outputs(&support, until_error, futures.len());
    let (state, next) = if rotating {
        (
            quote_spanned!(span=> let mut first = 0u32;),
            quote_spanned! {span=>
                let start = first;
                first = if start + 1u32 == #count { 0u32 } else { start + 1u32 };
            },
        )
    } else {
        (quote!(), quote_spanned!(span=> let start = 0u32;))
    };
    quote_spanned! {span=> {
        let mut futures = (#(#support::maybe_done(#futures),)*);
        let futures = &mut futures;
        #state
        #[allow(unreachable_code)]
        #support::poll_fn(move |cx| {
            let mut is_pending = false;
            #next
            for step in 0u32..#count {
                #[allow(clippy::modulo_one)]
                let turn = (start + step) % #count;
                match turn {
                    #(#arms)*
                    _ => ::core::unreachable!("turns are below the count"),
                }
            }
            if is_pending {
                #support::Poll::Pending
            } else {
                #support::Poll::Ready(#outputs)
            }
        })
        .await
    }}
}

/// The match arm that polls future `at` of a `join!`.
fn join_arm(support: &TokenStream, until_error: bool, at: usize) -> TokenStream {
    let span = Span::mixed_site();
    let index = Literal::usize_unsuffixed(at);
    let number = Literal::u32_suffixed(at as u32);
    let stop = until_error.then(|| {
        quote_spanned! {span=>
            else if let ::core::option::Option::Some(error) = future.take_error() {
                return #support::Poll::Ready(::core::result::Result::Err(error));
            }
        }
    });
    quote_spanned! {span=>
        #number => {
            // SAFETY: by I3 the tuple is never moved; its fields are pinned with it.
            let mut future = unsafe { #support::Pin::new_unchecked(&mut futures.#index) };
            if future.as_mut().poll(cx).is_pending() {
                is_pending = true;
            } #stop
        }
    }
}

/// The tuple of the outputs of a `join!`.
fn outputs(support: &TokenStream, until_error: bool, count: usize) -> TokenStream {
    let span = Span::mixed_site();
    let take = match until_error {
        true => quote!(take_ok),
        false => quote!(take_output),
    };
    let taken = (0..count).map(|index| {
        let index = Literal::usize_unsuffixed(index);
        quote_spanned! {span=>
            // SAFETY: by I3, as above.
            unsafe { #support::Pin::new_unchecked(&mut futures.#index) }.#take()
        }
    });
    let outputs = quote_spanned!(span=> (#(#taken,)*));
    match until_error {
        true => quote_spanned!(span=> ::core::result::Result::Ok(#outputs)),
        false => outputs,
    }
}

/// Reads bracketed groups one by one.
struct Groups(std::iter::Peekable<proc_macro2::token_stream::IntoIter>);

impl Groups {
    fn new(tokens: TokenStream) -> Groups {
        Groups(tokens.into_iter().peekable())
    }

    fn is_empty(&mut self) -> bool {
        self.0.peek().is_none()
    }

    fn next(&mut self) -> syn::Result<TokenStream> {
        match self.0.next() {
            Some(TokenTree::Group(group)) if group.delimiter() != Delimiter::None => {
                Ok(group.stream())
            }
            _ => Err(syn::Error::new(
                Span::call_site(),
                "this macro is internal to select! and join!",
            )),
        }
    }
}
