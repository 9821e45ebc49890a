//! [`ReadBuf`]: a byte slice split in a filled, an initialised and an untouched part.
//!
//! ```text
//! 0          filled        initialized         capacity
//! [ data read | known bytes  | maybe uninitialised ]
//! ```
//!
//! I1: `filled <= initialized <= buf.len()`.
//! I2: `buf[..initialized]` holds initialised bytes. Only the unsafe methods let a caller break this.
//!
//! Misuse of the safe methods panics at the caller's line; nothing is changed by a call that panics.

use std::fmt;
use std::mem::MaybeUninit;

/// A buffer to read into, which remembers how much of it is filled and how much is initialised.
///
/// ```
/// use runtime_io::io::ReadBuf;
/// let mut space = [0; 8];
/// let mut buf = ReadBuf::new(&mut space);
/// buf.put_slice(b"abc");
/// assert_eq!((buf.filled(), buf.remaining()), (&b"abc"[..], 5));
/// ```
pub struct ReadBuf<'a> {
    buf: &'a mut [MaybeUninit<u8>],
    filled: usize,
    initialized: usize,
}

impl<'a> ReadBuf<'a> {
    /// An empty buffer over initialised memory.
    ///
    /// ```
    /// use selvedge::io::ReadBuf;
    /// let mut space = [0; 8];
    /// let buf = ReadBuf::new(&mut space);
    /// assert_eq!((buf.filled().len(), buf.remaining()), (0, 8));
    /// ```
    #[inline]
    pub fn new(buf: &'a mut [u8]) -> ReadBuf<'a> {
        let initialized = buf.len();
        let ptr = std::ptr::from_mut(buf) as *mut [MaybeUninit<u8>];
        // SAFETY: same layout and lifetime; by I2 this type never writes uninitialised bytes below
        // `initialized`, unless through an unsafe method whose contract forbids it.
        let buf = unsafe { &mut *ptr };
        ReadBuf {
            buf,
            filled: 0,
            initialized,
        }
    }

    /// An empty buffer over memory that may be uninitialised.
    ///
    /// ```
    /// use std::mem::MaybeUninit;
    /// use selvedge::io::ReadBuf;
    /// let mut space = [MaybeUninit::uninit(); 8];
    /// let mut buf = ReadBuf::uninit(&mut space);
    /// buf.put_slice(b"data");
    /// assert_eq!((buf.filled(), buf.initialized().len()), (&b"data"[..], 4));
    /// ```
    #[inline]
    pub fn uninit(buf: &'a mut [MaybeUninit<u8>]) -> ReadBuf<'a> {
        ReadBuf {
            buf,
            filled: 0,
            initialized: 0,
        }
    }

    /// Size of the whole buffer, in bytes.
    ///
    /// ```
    /// use selvedge::io::ReadBuf;
    /// assert_eq!(ReadBuf::new(&mut [0; 8]).capacity(), 8);
    /// ```
    #[inline]
    pub fn capacity(&self) -> usize {
        self.buf.len()
    }

    /// The bytes read so far.
    ///
    /// ```
    /// use selvedge::io::ReadBuf;
    /// let mut space = [0; 8];
    /// let mut buf = ReadBuf::new(&mut space);
    /// buf.put_slice(b"data");
    /// assert_eq!(buf.filled(), b"data");
    /// ```
    #[inline]
    pub fn filled(&self) -> &[u8] {
        // SAFETY: `filled <= initialized` (I1), initialised by I2.
        unsafe { init_ref(&self.buf[..self.filled]) }
    }

    /// The bytes read so far, mutably.
    ///
    /// ```
    /// use selvedge::io::ReadBuf;
    /// let mut space = [0; 8];
    /// let mut buf = ReadBuf::new(&mut space);
    /// buf.put_slice(b"data");
    /// buf.filled_mut()[0] = b'D';
    /// assert_eq!(buf.filled(), b"Data");
    /// ```
    #[inline]
    pub fn filled_mut(&mut self) -> &mut [u8] {
        // SAFETY: `filled <= initialized` (I1), initialised by I2.
        unsafe { init_mut(&mut self.buf[..self.filled]) }
    }

    /// A buffer over the next `n` unfilled bytes, or over all of them if there are fewer.
    ///
    /// What is read into it has to be added here afterwards, by
    /// [`assume_init`](ReadBuf::assume_init) and [`advance`](ReadBuf::advance).
    ///
    /// ```
    /// use selvedge::io::ReadBuf;
    /// let mut space = [0; 8];
    /// let mut buf = ReadBuf::new(&mut space);
    /// assert_eq!(buf.take(3).capacity(), 3); // a part of the room
    /// ```
    #[inline]
    pub fn take(&mut self, n: usize) -> ReadBuf<'_> {
        let n = n.min(self.remaining());
        ReadBuf::uninit(&mut self.buf[self.filled..self.filled + n])
    }

    /// The initialised part; it begins with the filled part.
    ///
    /// ```
    /// use selvedge::io::ReadBuf;
    /// assert_eq!(ReadBuf::new(&mut [0; 8]).initialized().len(), 8);
    /// ```
    #[inline]
    pub fn initialized(&self) -> &[u8] {
        // SAFETY: I2.
        unsafe { init_ref(&self.buf[..self.initialized]) }
    }

    /// The initialised part, mutably.
    ///
    /// ```
    /// use selvedge::io::ReadBuf;
    /// let mut space = [0; 8];
    /// let mut buf = ReadBuf::new(&mut space);
    /// buf.initialized_mut().fill(1);
    /// assert_eq!(buf.initialized(), [1; 8]);
    /// ```
    #[inline]
    pub fn initialized_mut(&mut self) -> &mut [u8] {
        // SAFETY: I2.
        unsafe { init_mut(&mut self.buf[..self.initialized]) }
    }

    /// The whole buffer.
    ///
    /// # Safety
    /// Bytes in the initialised part must not be made uninitialised.
    ///
    /// # Examples
    /// ```
    /// use std::mem::MaybeUninit;
    /// use selvedge::io::ReadBuf;
    /// let mut space = [MaybeUninit::uninit(); 8];
    /// let mut buf = ReadBuf::uninit(&mut space);
    /// // SAFETY: nothing that is initialized is made uninitialized.
    /// assert_eq!(unsafe { buf.inner_mut() }.len(), 8);
    /// ```
    #[inline]
    pub unsafe fn inner_mut(&mut self) -> &mut [MaybeUninit<u8>] {
        self.buf
    }

    /// What is not filled yet, initialised or not.
    ///
    /// # Safety
    /// Bytes in the initialised part must not be made uninitialised.
    ///
    /// # Examples
    /// ```
    /// use std::mem::MaybeUninit;
    /// use selvedge::io::ReadBuf;
    /// let mut space = [MaybeUninit::uninit(); 8];
    /// let mut buf = ReadBuf::uninit(&mut space);
    /// // SAFETY: the byte is written, and then counted as initialized and filled.
    /// unsafe {
    ///     buf.unfilled_mut()[0].write(7);
    ///     buf.assume_init(1);
    /// }
    /// buf.advance(1);
    /// assert_eq!(buf.filled(), [7]);
    /// ```
    #[inline]
    pub unsafe fn unfilled_mut(&mut self) -> &mut [MaybeUninit<u8>] {
        &mut self.buf[self.filled..]
    }

    /// The unfilled part, all of it initialised.
    ///
    /// ```
    /// use std::mem::MaybeUninit;
    /// use selvedge::io::ReadBuf;
    /// let mut space = [MaybeUninit::uninit(); 4];
    /// let mut buf = ReadBuf::uninit(&mut space);
    /// assert_eq!(buf.initialize_unfilled(), [0; 4]);
    /// ```
    #[inline]
    pub fn initialize_unfilled(&mut self) -> &mut [u8] {
        self.initialize_unfilled_to(self.remaining())
    }

    /// The next `n` unfilled bytes, all of them initialised.
    ///
    /// # Panics
    /// If fewer than `n` bytes are unfilled.
    ///
    /// # Examples
    /// ```
    /// use std::mem::MaybeUninit;
    /// use selvedge::io::ReadBuf;
    /// let mut space = [MaybeUninit::uninit(); 4];
    /// let mut buf = ReadBuf::uninit(&mut space);
    /// buf.initialize_unfilled_to(2).copy_from_slice(b"hi");
    /// buf.advance(2);
    /// assert_eq!(buf.filled(), b"hi");
    /// ```
    #[inline]
    #[track_caller]
    pub fn initialize_unfilled_to(&mut self, n: usize) -> &mut [u8] {
        assert!(self.remaining() >= n, "n overflows remaining");
        let end = self.filled + n;
        if self.initialized < end {
            self.buf[self.initialized..end].fill(MaybeUninit::new(0));
            self.initialized = end;
        }
        // SAFETY: `end <= initialized`, initialised by I2.
        unsafe { init_mut(&mut self.buf[self.filled..end]) }
    }

    /// How many bytes are unfilled.
    ///
    /// ```
    /// use selvedge::io::ReadBuf;
    /// let mut space = [0; 8];
    /// let mut buf = ReadBuf::new(&mut space);
    /// buf.put_slice(b"data");
    /// assert_eq!(buf.remaining(), 4);
    /// ```
    #[inline]
    pub fn remaining(&self) -> usize {
        self.buf.len() - self.filled
    }

    /// Forgets the data; what is initialised stays initialised.
    ///
    /// ```
    /// use selvedge::io::ReadBuf;
    /// let mut space = [0; 8];
    /// let mut buf = ReadBuf::new(&mut space);
    /// buf.put_slice(b"data");
    /// buf.clear();
    /// assert!(buf.filled().is_empty());
    /// ```
    #[inline]
    pub fn clear(&mut self) {
        self.filled = 0;
    }

    /// Declares the next `n` bytes filled.
    ///
    /// # Panics
    /// If they are not all initialised.
    ///
    /// # Examples
    /// ```
    /// use selvedge::io::ReadBuf;
    /// let mut space = *b"data";
    /// let mut buf = ReadBuf::new(&mut space);
    /// buf.advance(2); // these bytes are initialized
    /// assert_eq!(buf.filled(), b"da");
    /// ```
    #[inline]
    #[track_caller]
    pub fn advance(&mut self, n: usize) {
        let filled = self.filled.checked_add(n).expect("filled overflow");
        self.set_filled(filled);
    }

    /// Sets how many bytes from the start are filled.
    ///
    /// # Panics
    /// If they are not all initialised.
    ///
    /// # Examples
    /// ```
    /// use selvedge::io::ReadBuf;
    /// let mut space = *b"data";
    /// let mut buf = ReadBuf::new(&mut space);
    /// buf.set_filled(3);
    /// assert_eq!(buf.filled(), b"dat");
    /// ```
    #[inline]
    #[track_caller]
    pub fn set_filled(&mut self, n: usize) {
        assert!(
            n <= self.initialized,
            "filled must not become larger than initialized"
        );
        self.filled = n;
    }

    /// Declares the next `n` unfilled bytes initialised.
    ///
    /// # Safety
    /// They must be.
    ///
    /// # Examples
    /// ```
    /// use std::mem::MaybeUninit;
    /// use selvedge::io::ReadBuf;
    /// let mut space = [MaybeUninit::new(1); 4];
    /// let mut buf = ReadBuf::uninit(&mut space);
    /// // SAFETY: all four are initialized.
    /// unsafe { buf.assume_init(4) };
    /// assert_eq!(buf.initialized(), [1; 4]);
    /// ```
    #[inline]
    pub unsafe fn assume_init(&mut self, n: usize) {
        self.initialized = self.initialized.max(self.filled + n);
    }

    /// Appends `data`.
    ///
    /// # Panics
    /// If it does not fit.
    ///
    /// # Examples
    /// ```
    /// use selvedge::io::ReadBuf;
    /// let mut space = [0; 8];
    /// let mut buf = ReadBuf::new(&mut space);
    /// buf.put_slice(b"da");
    /// buf.put_slice(b"ta");
    /// assert_eq!(buf.filled(), b"data");
    /// ```
    #[inline]
    #[track_caller]
    pub fn put_slice(&mut self, data: &[u8]) {
        assert!(
            self.remaining() >= data.len(),
            "slice is larger than the remaining buffer"
        );
        let end = self.filled + data.len();
        let ptr = std::ptr::from_ref(data) as *const [MaybeUninit<u8>];
        // SAFETY: same layout and lifetime, and read only: initialised bytes are valid `MaybeUninit`s.
        let data = unsafe { &*ptr };
        self.buf[self.filled..end].copy_from_slice(data);
        self.filled = end;
        self.initialized = self.initialized.max(end);
    }

    /// Runs `read` on a part split off as by `take`, and adds what it read.
    ///
    /// # Panics
    /// If `read` swapped the buffer for another: the bytes would not be in ours.
    #[cfg(feature = "io-util")]
    #[allow(dead_code)]
    pub(crate) fn read_limited<R>(
        &mut self,
        limit: usize,
        read: impl FnOnce(&mut ReadBuf<'_>) -> R,
    ) -> (R, usize) {
        let known = self.initialized - self.filled;
        let mut part = self.take(limit);
        part.initialized = known.min(part.capacity());
        let start = part.buf.as_ptr();
        let result = read(&mut part);
        assert!(
            part.buf.as_ptr() == start,
            "the reader replaced the buffer it was given"
        );
        let (filled, initialized) = (part.filled, part.initialized);
        // SAFETY: `part` is our memory (checked), of which its I2 says this much is initialised.
        unsafe { self.assume_init(initialized) };
        self.advance(filled);
        (result, filled)
    }
}

/// # Safety
/// All of `slice` must be initialised.
#[inline]
unsafe fn init_ref(slice: &[MaybeUninit<u8>]) -> &[u8] {
    // SAFETY: by contract; same layout.
    unsafe { &*(std::ptr::from_ref(slice) as *const [u8]) }
}

/// # Safety
/// All of `slice` must be initialised.
#[inline]
unsafe fn init_mut(slice: &mut [MaybeUninit<u8>]) -> &mut [u8] {
    // SAFETY: by contract; same layout.
    unsafe { &mut *(std::ptr::from_mut(slice) as *mut [u8]) }
}

#[cfg(feature = "io-util")]
// SAFETY: `remaining_mut` and `chunk_mut` describe the same unfilled bytes; `advance_mut` moves past
// bytes that its caller initialised.
unsafe impl bytes::BufMut for ReadBuf<'_> {
    fn remaining_mut(&self) -> usize {
        self.remaining()
    }

    unsafe fn advance_mut(&mut self, n: usize) {
        assert!(
            n <= self.remaining(),
            "cannot advance past the end of the buffer"
        );
        // SAFETY: the caller initialised these bytes.
        unsafe { self.assume_init(n) };
        self.advance(n);
    }

    fn chunk_mut(&mut self) -> &mut bytes::buf::UninitSlice {
        bytes::buf::UninitSlice::uninit(&mut self.buf[self.filled..])
    }
}

impl fmt::Debug for ReadBuf<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReadBuf")
            .field("filled", &self.filled)
            .field("initialized", &self.initialized)
            .field("capacity", &self.capacity())
            .finish()
    }
}
