//! An intrusive list: nodes live in their owners, so that linking one allocates nothing and never fails.
//!
//! The list knows how a node is reached, not what it is: a type of node implements [`Linked`]. The queue of waiting
//! futures is built on it.
//!
//! I1: a linked node is alive and stays where it is until it is unlinked.
//! I2: a node's links are touched only through the list it is linked into, and only with exclusive use of the list;
//!     the list's owner provides that by a lock around the list.
//! I3: `head`, `tail` and the links form one chain, oldest first.

use std::fmt;
use std::marker::PhantomData;
use std::ptr::NonNull;

/// The two neighbours of a linked node.
pub struct Links<T> {
    previous: Option<NonNull<T>>,
    next: Option<NonNull<T>>,
}

// SAFETY: the pointers are followed through the list alone (I2), which is `Send` only if its nodes are.
unsafe impl<T> Send for Links<T> {}

impl<T> Links<T> {
    /// Of a node that is in no list.
    pub const fn new() -> Links<T> {
        Links {
            previous: None,
            next: None,
        }
    }
}

impl<T> Default for Links<T> {
    fn default() -> Self {
        Links::new()
    }
}

impl<T> fmt::Debug for Links<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Links")
    }
}

/// A type whose values can be linked.
///
/// # Safety
/// `links` gives the same place for the same node each time, within the node's memory.
pub unsafe trait Linked: Sized {
    /// Where the node keeps its links. Reads nothing of the node but its address.
    fn links(node: NonNull<Self>) -> NonNull<Links<Self>>;
}

/// See the module's page.
pub struct List<T: Linked> {
    head: Option<NonNull<T>>,
    tail: Option<NonNull<T>>,
    _nodes: PhantomData<*mut T>,
}

// SAFETY: by I2 nodes are reached only with exclusive use of the list; moving the list to another thread moves access to
// the nodes, which `T: Send` permits.
unsafe impl<T: Linked + Send> Send for List<T> {}

impl<T: Linked> List<T> {
    /// A list without nodes.
    pub const fn new() -> List<T> {
        List {
            head: None,
            tail: None,
            _nodes: PhantomData,
        }
    }

    /// Is no node linked?
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.head.is_none()
    }

    /// The oldest node.
    #[inline]
    pub fn front(&self) -> Option<NonNull<T>> {
        self.head
    }

    /// The newest node.
    #[inline]
    pub fn back(&self) -> Option<NonNull<T>> {
        self.tail
    }

    /// Links `node` as the newest.
    ///
    /// # Safety
    /// The node is in no list, and I1 holds for it from here on.
    #[inline]
    pub unsafe fn push_back(&mut self, node: NonNull<T>) {
        let links = Links {
            previous: self.tail,
            next: None,
        };
        // SAFETY: alive (I1), and in no list: nobody else touches its links (I2).
        unsafe { T::links(node).write(links) };
        match self.tail {
            // SAFETY: linked here, so alive (I1) and ours (I2).
            Some(tail) => unsafe { (*T::links(tail).as_ptr()).next = Some(node) },
            None => self.head = Some(node),
        }
        self.tail = Some(node);
    }

    /// Unlinks `node`.
    ///
    /// # Safety
    /// The node is linked into this list.
    #[inline]
    pub unsafe fn remove(&mut self, node: NonNull<T>) {
        // SAFETY: linked here, so alive (I1) and ours (I2).
        let Links { previous, next } = unsafe { T::links(node).replace(Links::new()) };
        match previous {
            // SAFETY: linked here, so alive (I1) and ours (I2).
            Some(previous) => unsafe { (*T::links(previous).as_ptr()).next = next },
            None => self.head = next,
        }
        match next {
            // SAFETY: linked here, so alive (I1) and ours (I2).
            Some(next) => unsafe { (*T::links(next).as_ptr()).previous = previous },
            None => self.tail = previous,
        }
    }

    /// Unlinks the oldest node.
    #[inline]
    pub fn pop_front(&mut self) -> Option<NonNull<T>> {
        let node = self.head?;
        // SAFETY: it is the head of this list.
        unsafe { self.remove(node) };
        Some(node)
    }

    /// Unlinks the newest node.
    #[inline]
    pub fn pop_back(&mut self) -> Option<NonNull<T>> {
        let node = self.tail?;
        // SAFETY: it is the tail of this list.
        unsafe { self.remove(node) };
        Some(node)
    }

    /// The node after `node`.
    ///
    /// # Safety
    /// The node is linked into this list.
    #[inline]
    pub unsafe fn after(&self, node: NonNull<T>) -> Option<NonNull<T>> {
        // SAFETY: linked here, so alive (I1) and ours (I2).
        unsafe { (*T::links(node).as_ptr()).next }
    }
}

impl<T: Linked> Default for List<T> {
    fn default() -> Self {
        List::new()
    }
}

impl<T: Linked> fmt::Debug for List<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("List")
            .field("is_empty", &self.is_empty())
            .finish()
    }
}
