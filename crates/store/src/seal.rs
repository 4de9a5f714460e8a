//! A value with its checksum before it: CRC-32C (little-endian), then the bytes. LMDB keeps what it is given and does not notice
//! when the disk gives back something else; everything that is not a row is sealed with this.

use crate::StoreError;

/// The value with its checksum.
pub(crate) fn seal(value: &[u8]) -> Vec<u8> {
    seal_parts([value])
}

/// The same of a value that lies in parts.
pub(crate) fn seal_parts<const N: usize>(parts: [&[u8]; N]) -> Vec<u8> {
    let mut sealed = Vec::with_capacity(4 + parts.iter().map(|part| part.len()).sum::<usize>());
    let sum = parts.iter().fold(0, |sum, part| crc32c::crc32c_append(sum, part));
    sealed.extend_from_slice(&sum.to_le_bytes());
    parts.iter().for_each(|part| sealed.extend_from_slice(part));
    sealed
}

/// The value, when its checksum is right; `what` says in the error what is damaged.
pub(crate) fn open(sealed: &[u8], what: impl FnOnce() -> String) -> Result<&[u8], StoreError> {
    match sealed.split_first_chunk() {
        Some((crc, value)) if u32::from_le_bytes(*crc) == crc32c::crc32c(value) => Ok(value),
        _ => Err(StoreError::Damaged(format!("{} doesn't have its checksum", what()))),
    }
}

/// The value as it is, for a look that must be quick and whose outcome is verified otherwise.
pub(crate) fn unverified(sealed: &[u8]) -> &[u8] {
    sealed.split_first_chunk::<4>().map_or(&[], |(_, value)| value)
}

/// Seals a value as JSON.
pub(crate) fn seal_json(value: &impl serde::Serialize) -> Result<Vec<u8>, StoreError> {
    let json = serde_json::to_vec(value).map_err(|e| StoreError::Engine(format!("a record can't be written: {e}")))?;
    Ok(seal(&json))
}

/// Opens a value sealed as JSON.
pub(crate) fn open_json<T: serde::de::DeserializeOwned>(
    sealed: &[u8],
    what: impl Fn() -> String,
) -> Result<T, StoreError> {
    read_json(open(sealed, &what)?).map_err(|e| StoreError::Damaged(format!("{} can't be read: {e}", what())))
}

/// Reads JSON that the store keeps. That it is UTF-8 is looked at for all of it at once, which costs a fraction of asking text by text.
pub(crate) fn read_json<T: serde::de::DeserializeOwned>(json: &[u8]) -> serde_json::Result<T> {
    match std::str::from_utf8(json) {
        Ok(text) => serde_json::from_str(text),
        // It says where.
        Err(_) => serde_json::from_slice(json),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn any_single_flipped_bit_is_noticed(value: Vec<u8>, at: prop::sample::Index) {
            let mut sealed = seal(&value);
            prop_assert_eq!(open(&sealed, String::new).unwrap(), &value[..]);
            let (before, after) = value.split_at(at.index(value.len() + 1));
            prop_assert_eq!(&seal_parts([before, after]), &sealed);
            let bit = at.index(sealed.len() * 8);
            sealed[bit / 8] ^= 1 << (bit % 8);
            prop_assert!(open(&sealed, String::new).is_err());
        }

        #[test]
        fn json_is_read_as_if_text_by_text(texts: Vec<String>, at: prop::sample::Index, byte: u8) {
            let mut json = serde_json::to_vec(&texts).unwrap();
            prop_assert_eq!(read_json::<Vec<String>>(&json).unwrap(), texts);
            let at = at.index(json.len());
            json[at] = byte;
            let (read, expected) = (read_json::<Vec<String>>(&json), serde_json::from_slice::<Vec<String>>(&json));
            prop_assert_eq!(read.map_err(|e| e.to_string()), expected.map_err(|e| e.to_string()));
        }
    }
}
