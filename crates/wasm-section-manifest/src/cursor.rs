//! A position in bytes that are not trusted.

use super::Error;
use alloc::format;
use alloc::string::String;

/// Reads values of the binary format of WebAssembly, one after the other.
#[derive(Clone)]
pub struct Cursor<'a> {
    bytes: &'a [u8],
    position: usize,
    /// The offset of `bytes` in the file.
    offset: u64,
}

impl<'a> Cursor<'a> {
    /// At the first of `bytes`, which are at `offset` in the file.
    pub fn new(bytes: &'a [u8], offset: u64) -> Self {
        Self {
            bytes,
            position: 0,
            offset,
        }
    }

    /// The offset in the file of the next byte.
    pub fn offset(&self) -> u64 {
        self.offset.saturating_add(self.position as u64)
    }

    pub fn is_at_end(&self) -> bool {
        self.position >= self.bytes.len()
    }

    /// The bytes that were not read yet.
    pub fn rest(&self) -> &'a [u8] {
        self.bytes.get(self.position..).unwrap_or_default()
    }

    /// An error at the next byte.
    pub fn error(&self, message: impl Into<String>) -> Error {
        Error {
            message: message.into(),
            offset: self.offset(),
        }
    }

    pub fn u8(&mut self) -> Result<u8, Error> {
        self.array().map(|[byte]| byte)
    }

    /// LEB128.
    pub fn u32(&mut self) -> Result<u32, Error> {
        let read = leb128fmt::decode_uint_slice::<u32, 32>(self.bytes, &mut self.position);
        read.map_err(|error| self.not_a_number(&error, 32))
    }

    /// LEB128.
    pub fn s64(&mut self) -> Result<i64, Error> {
        let read = leb128fmt::decode_sint_slice::<i64, 64>(self.bytes, &mut self.position);
        read.map_err(|error| self.not_a_number(&error, 64))
    }

    /// An address, little-endian.
    pub fn address(&mut self, memory64: bool) -> Result<u64, Error> {
        if memory64 {
            self.array().map(u64::from_le_bytes)
        } else {
            self.array().map(|bytes| u32::from_le_bytes(bytes).into())
        }
    }

    /// UTF-8 after its length.
    pub fn name(&mut self) -> Result<&'a str, Error> {
        let content = self.sized()?;
        core::str::from_utf8(content.bytes).map_err(|_| content.error("a name is not UTF-8"))
    }

    /// What follows its length in bytes.
    pub fn sized(&mut self) -> Result<Self, Error> {
        let at = self.clone();
        let length = self.u32()?;
        let offset = self.offset();
        let Some(bytes) = self.rest().get(..length as usize) else {
            let rest = self.rest().len();
            return Err(at.error(format!(
                "{length} bytes are said to follow, but there are only {rest}"
            )));
        };
        self.position += bytes.len();
        Ok(Self::new(bytes, offset))
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Error> {
        let Some(bytes) = self.rest().first_chunk() else {
            return Err(self.error(format!(
                "{N} bytes are expected, but there are only {}",
                self.rest().len()
            )));
        };
        self.position += N;
        Ok(*bytes)
    }

    fn not_a_number(&self, error: &leb128fmt::Error, bits: u32) -> Error {
        self.error(match error.is_more_bytes_needed() {
            true => "the bytes end where a number is expected".into(),
            false => format!("a number has more than {bits} bits"),
        })
    }
}
