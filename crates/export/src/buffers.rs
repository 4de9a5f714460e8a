//! Buffers for pages, used again: a page then costs no fresh memory, and none that has to be filled with zeros first.

use std::sync::Arc;

use bytes::Bytes;
use parking_lot::Mutex;

/// Idle buffers that are kept; more are given back to the system.
const KEPT: usize = 64;
/// Bytes of an idle buffer, at most: a page's pieces are half as large, but for a hundred compressed records that are larger.
const LARGEST: usize = 512 * 1024;

/// The idle buffers.
#[derive(Debug, Default)]
pub(crate) struct Buffers(Mutex<Vec<Vec<u8>>>);

impl Buffers {
    /// Bytes of this length, filled by `fill` (what was in them before is anything).
    pub fn filled<E>(self: &Arc<Self>, len: usize, fill: impl FnOnce(&mut [u8]) -> Result<(), E>) -> Result<Bytes, E> {
        let mut bytes = self.0.lock().pop().unwrap_or_default();
        if bytes.len() < len {
            bytes.resize(len, 0);
        }
        let mut lent = Lent { bytes, len, home: Arc::clone(self) };
        fill(&mut lent.bytes[..len])?;
        Ok(Bytes::from_owner(lent))
    }
}

struct Lent {
    bytes: Vec<u8>,
    len: usize,
    home: Arc<Buffers>,
}

impl AsRef<[u8]> for Lent {
    fn as_ref(&self) -> &[u8] {
        &self.bytes[..self.len]
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        if self.bytes.capacity() > LARGEST {
            return;
        }
        let mut idle = self.home.0.lock();
        if idle.len() < KEPT {
            idle.push(std::mem::take(&mut self.bytes));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_buffer_comes_back_and_old_bytes_never_show() {
        let buffers = Arc::new(Buffers::default());
        let fill = |with: u8| {
            move |out: &mut [u8]| {
                out.fill(with);
                Ok::<_, ()>(())
            }
        };
        let first = buffers.filled(1000, fill(1)).unwrap();
        let place = first.as_ptr();
        drop(first);
        let second = buffers.filled(10, fill(2)).unwrap();
        assert_eq!(second.as_ptr(), place);
        assert_eq!(&second[..], [2; 10]);
        assert_eq!(buffers.filled(5, |_| Err(7)), Err(7));
    }

    #[test]
    fn a_buffer_that_had_to_be_large_is_given_back_to_the_system() {
        let buffers = Arc::new(Buffers::default());
        let lend = |len| drop(buffers.filled(len, |_| Ok::<_, ()>(())).unwrap());
        lend(LARGEST + 1);
        assert_eq!(buffers.0.lock().len(), 0);
        lend(LARGEST);
        assert_eq!(buffers.0.lock().len(), 1);
    }
}
