use std::path::Path;

use proptest::prelude::*;
use sayso_model::id::{AccessToken, AccountNo};

use super::*;
use crate::{
    blocks::RangeSums,
    layout::{INDEX, MANIFEST, Manifest, ROWS},
};

/// Writes an export of these records by hand, from the description of the format alone.
pub(crate) fn make(folder: &Path, records: &[String]) {
    let rows = records.join(",").into_bytes();
    let mut index = Vec::new();
    let mut start = 0u64;
    for len in records.iter().map(|r| r.len() as u64 + 1).chain([0]) {
        index.extend_from_slice(&start.to_le_bytes());
        start += len;
    }
    let sums = |bytes: &[u8]| {
        let mut sums = RangeSums::new(0);
        sums.update(bytes);
        RangeSums::join([sums])
    };
    let manifest = Manifest {
        export_id: 0xABCD,
        snapshot: Moment(1_000),
        row_count: records.len() as u64,
        byte_count: records.iter().map(|r| r.len() as u64).sum(),
        rows_len: rows.len() as u64,
        index_len: index.len() as u64,
        rows_sums: sums(&rows),
        index_sums: sums(&index),
    };
    for (name, bytes) in [(ROWS, rows), (INDEX, index), (MANIFEST, manifest.encode())] {
        std::fs::write(folder.join(name), bytes).unwrap();
    }
}

pub(crate) fn record(i: usize, padding: usize) -> String {
    format!(r#"{{"ProfileId":{i},"Padding":"{}"}}"#, "é,]}".repeat(padding))
}

struct Made {
    export: Arc<OpenExport>,
    buffers: Arc<Buffers>,
    finisher: mpsc::Sender<Message>,
    told: mpsc::Receiver<Message>,
    folder: tempfile::TempDir,
}

impl Made {
    fn of(records: &[String]) -> Made {
        let folder = tempfile::tempdir().unwrap();
        make(folder.path(), records);
        let (finisher, told) = mpsc::channel();
        let export =
            Arc::new(OpenExport::open((AccountNo(1), AccessToken(2)), folder.path(), Box::new(|_| true)).unwrap());
        Made { export, buffers: Arc::default(), finisher, told, folder }
    }

    fn page(&self, limit: u64, offset: u64, keep_alive: bool) -> Page {
        let (limit, offset) = (NonZeroU64::new(limit).unwrap(), NonZeroU64::new(offset).unwrap());
        let request = PageRequest { limit, offset, keep_alive };
        Page::new(Arc::clone(&self.export), limit, request, Arc::clone(&self.buffers), self.finisher.clone()).unwrap()
    }

    fn body(&self, limit: u64, offset: u64) -> String {
        let mut page = self.page(limit, offset, true);
        let mut body = Vec::new();
        while let Some(piece) = page.body.next_piece() {
            body.extend_from_slice(&piece.unwrap());
        }
        assert_eq!(body.len() as u64, page.length, "the length is exact");
        String::from_utf8(body).unwrap()
    }
}

#[test]
fn the_bytes_of_a_page_are_exactly_the_documented_ones() {
    let made = Made::of(&["{\"a\":1}".into(), "{\"b\":2}".into()]);
    assert_eq!(
        made.body(1000, 1),
        r#"{"Count":2,"HasMore":false,"Limit":1000,"Offset":1,"TotalResults":2,"UserProfilePreferences":[{"a":1},{"b":2}]}"#
    );
    assert_eq!(
        made.body(1, 1),
        r#"{"Count":1,"HasMore":true,"Limit":1,"Offset":1,"TotalResults":2,"UserProfilePreferences":[{"a":1}]}"#
    );
    assert_eq!(
        made.body(5, 3),
        r#"{"Count":0,"HasMore":false,"Limit":5,"Offset":3,"TotalResults":2,"UserProfilePreferences":[]}"#
    );
    assert_eq!(
        Made::of(&[]).body(7, 1),
        r#"{"Count":0,"HasMore":false,"Limit":7,"Offset":1,"TotalResults":0,"UserProfilePreferences":[]}"#
    );
}

#[test]
fn the_largest_numbers_neither_overflow_nor_end_anything() {
    const MOST: u64 = i64::MAX as u64;
    let made = Made::of(&[record(1, 0), record(2, 0)]);
    let page = |limit, offset| -> serde_json::Value { serde_json::from_str(&made.body(limit, offset)).unwrap() };
    assert_eq!(page(MOST, 1)["Count"], 2);
    assert_eq!(page(MOST, 2)["Count"], 1);
    assert_eq!(page(MOST, MOST)["Count"], 0);
    assert_eq!(page(1, u64::MAX)["HasMore"], false);
    assert_eq!(page(u64::MAX, u64::MAX)["Count"], 0);
    assert!(made.page(MOST, MOST, false).last_block.is_none());
}

#[test]
fn only_the_last_block_without_keep_alive_may_end_the_token() {
    let made = Made::of(&[record(1, 0), record(2, 0)]);
    assert!(made.page(1, 1, false).last_block.is_none(), "records follow");
    assert!(made.page(1, 2, false).last_block.is_some());
    assert!(made.page(10, 1, false).last_block.is_some());
    assert!(made.page(10, 1, true).last_block.is_none(), "kept alive");
    assert!(made.page(10, 3, false).last_block.is_none(), "past the end of a non-empty export");
    let empty = Made::of(&[]);
    assert!(empty.page(10, 1, false).last_block.is_some());
    assert!(empty.page(10, 2, false).last_block.is_none(), "not the first page");
}

#[test]
fn a_last_block_ends_the_token_when_flushed_and_not_when_dropped() {
    let made = Made::of(&[record(1, 0)]);
    let state = || *made.export.last_block.borrow();
    let dropped = made.page(9, 1, false).last_block.unwrap();
    dropped.sending();
    dropped.sending();
    assert_eq!(state().sending, 1, "said twice, counted once");
    drop(dropped);
    assert_eq!((state().sending, state().ending), (0, Ending::No));
    assert!(made.told.try_recv().is_err(), "nothing ends");

    let [first, second] = [made.page(9, 1, false), made.page(9, 1, false)].map(|p| p.last_block.unwrap());
    first.sending();
    first.flushed();
    second.flushed();
    assert_eq!((state().sending, state().ending), (0, Ending::Writing));
    let told = made.told.try_recv();
    assert!(matches!(told, Ok(Message::Change(_, Change::LastBlockFlushed(Replay { limit: 9, offset: 1 }, _), None))));
    assert!(made.told.try_recv().is_err(), "of two that finish, one ends it");
}

#[test]
fn a_small_page_is_one_piece_and_a_large_one_stays_small_in_memory() {
    let made = Made::of(&(0..40).map(|i| record(i, 5_000)).collect::<Vec<_>>());
    let pieces = |limit, offset| {
        let mut page = made.page(limit, offset, true);
        std::iter::from_fn(move || page.body.next_piece()).map(|p| p.unwrap().len()).collect::<Vec<_>>()
    };
    assert_eq!(pieces(9, 3).len(), 1);
    let all = pieces(1000, 2);
    assert!(all.len() >= 4 && all.iter().all(|len| *len <= PIECE as usize + 200), "{all:?}");
}

#[test]
fn a_page_that_nobody_reads_on_its_way_has_the_same_bytes() {
    let records: Vec<_> = (0..400).map(|i| record(i, 2_000)).collect();
    let made = Made::of(&records);
    assert!(made.export.rows.mapped(&(0..1)).unwrap().is_some(), "these tests want Linux of at least 5.14");
    for (limit, offset) in [(400, 1), (399, 2), (60, 100), (1, 1), (9, 401)] {
        let mut page = made.page(limit, offset, true).into_unread();
        let pieces: Vec<_> = std::iter::from_fn(|| page.body.next_piece()).map(Result::unwrap).collect();
        assert!(pieces.iter().all(|piece| piece.len() <= MAPPED as usize + 200));
        let last = pieces.last().unwrap().len() as u64;
        assert!(pieces.len() < 3 || (WITH_TAIL..=WITH_TAIL + BLOCK + 2).contains(&last), "{last}");
        assert_eq!(String::from_utf8(pieces.concat()).unwrap(), made.body(limit, offset), "{limit} {offset}");
        assert_eq!(pieces.concat().len() as u64, page.length);
    }
}

#[test]
fn damage_breaks_a_page_that_nobody_reads_on_its_way_too() {
    let made = Made::of(&(0..400).map(|i| record(i, 2_000)).collect::<Vec<_>>());
    let path = made.folder.path().join(ROWS);
    let mut rows = std::fs::read(&path).unwrap();
    rows[2_000_000] ^= 1;
    std::fs::write(&path, rows).unwrap();
    let mut page = made.page(1000, 1, false).into_unread();
    let pieces: Vec<_> = std::iter::from_fn(|| page.body.next_piece()).collect();
    assert_eq!(pieces.len(), 3, "head, a good piece, the error");
    assert!(pieces[1].is_ok() && matches!(pieces[2], Err(ExportError::Damaged(_))));
    assert!(matches!(made.told.try_recv(), Ok(Message::Change(_, Change::GenerationFailed { .. }, None))));
}

#[test]
fn a_page_whose_file_is_changed_while_it_is_sent_has_no_end() {
    let made = Made::of(&(0..400).map(|i| record(i, 2_000)).collect::<Vec<_>>());
    let mut page = made.page(1000, 1, false).into_unread();
    let mut sent = 0;
    while page.length - sent > WITH_TAIL + BLOCK + 2 {
        sent += page.body.next_piece().unwrap().unwrap().len() as u64;
    }
    let rows = std::fs::File::options().write(true).open(made.folder.path().join(ROWS)).unwrap();
    rows.set_modified(std::time::SystemTime::UNIX_EPOCH).unwrap();
    assert!(matches!(page.body.next_piece(), Some(Err(ExportError::Io { .. }))));
    assert!(page.body.next_piece().is_none());
    assert!(made.told.try_recv().is_err(), "whether the file is damaged is for the next reader to find out");
}

#[test]
fn a_last_block_whose_file_was_changed_on_its_way_ends_nothing() {
    let made = Made::of(&(0..400).map(|i| record(i, 2_000)).collect::<Vec<_>>());
    let [changed, unchanged] = [(); 2].map(|()| made.page(1000, 1, false).into_unread().last_block.unwrap());
    unchanged.sending();
    changed.sending();
    let rows = std::fs::File::options().write(true).open(made.folder.path().join(ROWS)).unwrap();
    let before = rows.metadata().unwrap().modified().unwrap();
    rows.set_modified(std::time::SystemTime::UNIX_EPOCH).unwrap();
    changed.flushed();
    assert!(made.told.try_recv().is_err() && made.export.last_block.borrow().sending == 1);
    rows.set_modified(before).unwrap();
    unchanged.flushed();
    assert!(matches!(made.told.try_recv(), Ok(Message::Change(_, Change::LastBlockFlushed(..), None))));
}

#[test]
fn etags_tell_pages_apart_and_keep_alive_is_the_same_page() {
    let made = Made::of(&[record(1, 0), record(2, 0)]);
    let tag = |limit, offset, keep| made.page(limit, offset, keep).etag;
    assert_eq!(tag(1, 1, true), tag(1, 1, false));
    assert_ne!(tag(1, 1, true), tag(1, 2, true));
    assert_ne!(tag(1, 1, true), tag(2, 1, true));
    assert!(tag(1, 1, true).starts_with('"') && tag(1, 1, true).ends_with('"'));
}

#[test]
fn damage_breaks_the_page_after_the_right_pieces_and_is_reported() {
    let records: Vec<_> = (0..40).map(|i| record(i, 5_000)).collect();
    let made = Made::of(&records);
    let path = made.folder.path().join(ROWS);
    let mut rows = std::fs::read(&path).unwrap();
    rows[600_000] ^= 1;
    std::fs::write(&path, rows).unwrap();
    let mut page = made.page(1000, 1, false);
    let pieces: Vec<_> = std::iter::from_fn(|| page.body.next_piece()).collect();
    let (last, right) = pieces.split_last().unwrap();
    assert!(matches!(last, Err(ExportError::Damaged(_))));
    let right: Vec<u8> = right.iter().flat_map(|p| p.as_ref().unwrap().to_vec()).collect();
    assert!(!right.is_empty());
    let whole = records.join(",");
    let head = right.len() - right.iter().position(|b| *b == b'[').unwrap() - 1;
    assert!(whole.as_bytes().starts_with(&right[right.len() - head..]), "what was sent before was right");
    assert!(matches!(made.told.try_recv(), Ok(Message::Change(_, Change::GenerationFailed { .. }, None))));
}

#[test]
fn a_damaged_index_gives_no_page() {
    let made = Made::of(&[record(1, 0), record(2, 0)]);
    let path = made.folder.path().join(INDEX);
    let mut index = std::fs::read(&path).unwrap();
    index[8] ^= 1;
    std::fs::write(&path, index).unwrap();
    let one = NonZeroU64::MIN;
    let request = PageRequest { limit: one, offset: one, keep_alive: true };
    let page = Page::new(Arc::clone(&made.export), one, request, Arc::clone(&made.buffers), made.finisher.clone());
    assert!(matches!(page, Err(ExportError::Damaged(_))));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// For any limit and any walk the pages hold the same records, each once.
    #[test]
    fn any_walk_over_the_pages_gives_every_record_once(
        paddings in prop::collection::vec(prop_oneof![9 => 0usize..60, 1 => 10_000usize..60_000], 0..40),
        limits in prop::collection::vec(1u64..15, 1..6),
    ) {
        let records: Vec<String> = paddings.iter().enumerate().map(|(i, p)| record(i, *p)).collect();
        let made = Made::of(&records);
        let (mut walked, mut offset) = (Vec::new(), 1);
        for limit in limits.iter().cycle() {
            let page: serde_json::Value = serde_json::from_str(&made.body(*limit, offset)).unwrap();
            let held = page["UserProfilePreferences"].as_array().unwrap();
            prop_assert_eq!(page["Count"].as_u64().unwrap(), held.len() as u64);
            prop_assert_eq!(page["TotalResults"].as_u64().unwrap(), records.len() as u64);
            walked.extend(held.iter().cloned());
            offset += limit;
            if page["HasMore"] == false {
                break;
            }
        }
        let expected: Vec<serde_json::Value> = records.iter().map(|r| serde_json::from_str(r).unwrap()).collect();
        prop_assert_eq!(walked, expected);
    }

    #[test]
    fn a_span_is_what_cutting_a_list_gives(total in 0u64..30, limit in 1u64..35, offset in 1u64..35) {
        let all: Vec<u64> = (0..total).collect();
        let slow: Vec<u64> = all.iter().copied().skip(offset as usize - 1).take(limit as usize).collect();
        let more = all.get(offset as usize - 1 + limit as usize).is_some();
        let span = span(total, NonZeroU64::new(limit).unwrap(), NonZeroU64::new(offset).unwrap());
        prop_assert_eq!((span.count, span.has_more), (slow.len() as u64, more));
        if let Some(first) = slow.first() {
            prop_assert_eq!(span.first, *first);
        }
    }
}

/// Reads one gzip member and nothing after it.
fn gunzip(bytes: &[u8]) -> Vec<u8> {
    let mut decoder = flate2::bufread::GzDecoder::new(bytes);
    let mut out = Vec::new();
    std::io::Read::read_to_end(&mut decoder, &mut out).unwrap();
    assert!(decoder.into_inner().is_empty(), "one member");
    out
}

fn gzip_body(made: &Made, limit: u64, offset: u64) -> (Vec<u8>, Page) {
    let mut page = made.page(limit, offset, false).into_gzip().unwrap();
    let pieces = std::iter::from_fn(|| page.body.next_piece());
    let body: Vec<u8> = pieces.flat_map(|piece| piece.unwrap().to_vec()).collect();
    assert_eq!(body.len() as u64, page.length, "the length is exact");
    (body, page)
}

#[test]
fn a_gzip_page_is_one_member_that_holds_the_plain_page_wherever_it_begins_and_ends() {
    let made = Made::of(&(0..1234).map(|i| record(i, i % 40)).collect::<Vec<_>>());
    for (limit, offset) in
        [(1, 1), (100, 1), (100, 101), (250, 51), (1000, 1), (5000, 1), (34, 1201), (3, 99), (2, 100), (9, 2000)]
    {
        let (body, page) = gzip_body(&made, limit, offset);
        let plain = made.body(limit, offset);
        assert_eq!(String::from_utf8(gunzip(&body)).unwrap(), plain, "{limit} {offset}");
        assert_ne!(page.etag, made.page(limit, offset, true).etag);
        assert_eq!(page.last_block.is_some(), plain.contains("\"HasMore\":false") && !plain.contains("\"Count\":0"));
    }
    let (whole, _) = gzip_body(&made, 5000, 1);
    assert!(whole.len() * 3 < made.body(5000, 1).len(), "it is smaller");
    assert_eq!(gzip_body(&made, 5000, 1).0, whole, "and the same bytes every time");
    let empty = Made::of(&[]);
    assert_eq!(gunzip(&gzip_body(&empty, 5, 1).0), empty.body(5, 1).into_bytes());
}

#[test]
fn a_gzip_piece_of_long_rows_is_whole() {
    let made = Made::of(&(0..130).map(|i| record(i * 7_919, 20_000)).collect::<Vec<_>>());
    assert!(made.body(100, 1).len() > 2 << 20, "more than is read at once");
    for (limit, offset) in [(130, 1), (100, 1), (77, 20)] {
        let (body, _) = gzip_body(&made, limit, offset);
        assert!(gunzip(&body) == made.body(limit, offset).into_bytes(), "{limit} {offset}");
    }
}

#[test]
fn a_long_gzip_page_comes_in_pieces_of_bounded_size() {
    let made = Made::of(&(0..2000).map(|i| record(i * 7_919, 500)).collect::<Vec<_>>());
    let mut page = made.page(2000, 1, true).into_gzip().unwrap();
    let lengths: Vec<usize> = std::iter::from_fn(|| page.body.next_piece()).map(|p| p.unwrap().len()).collect();
    assert!(lengths.iter().all(|len| *len <= PIECE as usize + 200), "{lengths:?}");
    assert_eq!(lengths.iter().sum::<usize>() as u64, page.length);
    assert_eq!(made.folder.path().read_dir().unwrap().count(), 3, "no file is left behind");
}
