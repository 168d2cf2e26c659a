//! The initial memory of a module, before any code runs.

use std::borrow::Cow;
use std::collections::BTreeMap;

/// The largest range that can be read at once, in bytes.
const MAX_READ: u64 = 1 << 20;

/// The memory that the data segments initialize. The rest is zero.
#[derive(Debug, Default)]
pub struct Image<'a> {
    /// By address.
    segments: BTreeMap<u64, &'a [u8]>,
    /// The initial size of memory.
    size: u64,
}

impl<'a> Image<'a> {
    /// An empty memory of `size` bytes.
    pub fn new(size: u64) -> Self {
        Self {
            segments: BTreeMap::new(),
            size,
        }
    }

    /// Adds a segment.
    pub fn add(&mut self, start: u64, bytes: &'a [u8]) {
        if !bytes.is_empty() {
            let end = start.saturating_add(bytes.len() as u64);
            self.size = self.size.max(end);
            self.segments.insert(start, bytes);
        }
    }

    /// The initial size of memory, in bytes.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The bytes of a range, if it is inside the memory and not larger than [`MAX_READ`].
    pub fn read(&self, start: u64, length: u64) -> Option<Cow<'a, [u8]>> {
        let end = start.checked_add(length).filter(|&end| end <= self.size)?;
        if length > MAX_READ {
            return None;
        }
        if let Some(bytes) = self.written(start, length) {
            return Some(Cow::Borrowed(bytes));
        }
        let mut bytes = vec![0; length as usize];
        // A segment that begins before the range may reach into it. Segments do not overlap, so only the last one
        // can.
        let before = self.segments.range(..start).next_back();
        for (&at, segment) in before.into_iter().chain(self.segments.range(start..end)) {
            for (position, byte) in segment.iter().enumerate() {
                let address = at.saturating_add(position as u64);
                if let Some(offset) = address.checked_sub(start)
                    && let Some(copy) = bytes.get_mut(offset as usize)
                {
                    *copy = *byte;
                }
            }
        }
        Some(Cow::Owned(bytes))
    }

    /// The bytes of a range, if one segment initializes all of it.
    pub fn written(&self, start: u64, length: u64) -> Option<&'a [u8]> {
        self.written_from(start)?
            .get(..usize::try_from(length).ok()?)
    }

    /// The bytes from `start` to the end of the segment that has it.
    pub fn written_from(&self, start: u64) -> Option<&'a [u8]> {
        let (at, bytes) = self.segments.range(..=start).next_back()?;
        bytes.get(usize::try_from(start - at).ok()?..)
    }

    /// A little-endian number of 4 or 8 bytes.
    pub fn number(&self, start: u64, size: u32) -> Option<u64> {
        let bytes = self.read(start, size.into())?;
        let mut number = [0; 8];
        number.get_mut(..bytes.len())?.copy_from_slice(&bytes);
        Some(u64::from_le_bytes(number))
    }
}
