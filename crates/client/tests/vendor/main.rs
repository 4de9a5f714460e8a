//! The client against the vendor's service as its documents describe it: every record, once, in order, whatever happens on the way.

#![allow(clippy::unwrap_used)] // a test that can't go on says so by panicking

mod double;

use std::time::Duration;

use double::{Manners, Vendor, record};
use futures_util::TryStreamExt;
use sayso_client::{Client, Error, InitiateRequest, Reading, Source, State};

fn client(vendor: &Vendor) -> Client {
    let builder = Client::builder(&vendor.url).credentials("id", "secret").scope("ACME/John.Doe");
    builder.patience(Duration::from_secs(60)).build().unwrap()
}

async fn records(client: &Client, token: u64, reading: Reading) -> Result<Vec<String>, Error> {
    let pages: Vec<_> = client.pages(token, reading).try_collect().await?;
    Ok(pages.iter().flat_map(|page| page.records.iter().map(str::to_owned)).collect())
}

fn all(from: u64, to: u64) -> Vec<String> {
    (from..=to).map(record).collect()
}

const TENS: Reading = Reading { from: 1, limit: 10, page_bytes: 1 << 20, at_once: 4 };

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_record_comes_once_whatever_happens_on_the_way() {
    for seed in 1..=3 {
        let vendor = Vendor::start(Manners { seed, ..Manners::default() }).await;
        let client = client(&vendor);
        let request = InitiateRequest { last_date_time: Some("2026-11-23T10:00:00Z".to_owned()), ..Default::default() };
        let token = client.initiate(&Source::segment("Georgia newsletter"), &request).await.unwrap();
        let status = client.wait(token).await.unwrap();
        assert_eq!((status.state, status.row_count, status.snapshot), (State::Complete, Some(500), None));
        assert_eq!(records(&client, token, TENS).await.unwrap(), all(1, 500), "seed {seed}");
        assert!(!vendor.has_ended(token), "until the records are safe it can be read again");
        client.commit(token, false).await.unwrap();
        assert!(vendor.has_ended(token));
        vendor.seen(|seen| {
            let sent =
                ("Segment/Georgia%20newsletter".to_owned(), r#"{"LastDateTime":"2026-11-23T10:00:00Z"}"#.to_owned());
            assert_eq!(seen.initiates, [sent]);
            assert_eq!(seen.pages_without_keep_alive, 0);
            assert!(seen.broken > 0 && seen.unavailable > 0 && seen.tokens > 1, "it was no easy walk: {seen:?}");
            assert!(seen.pages.windows(2).any(|two| two[1] < two[0]), "several pages were on their way at once");
        });
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reading_goes_on_from_any_record() {
    let vendor = Vendor::start(Manners { records: 100, processing: 0, ..Manners::default() }).await;
    let client = client(&vendor);
    let token = client.initiate(&Source::group("Everybody"), &InitiateRequest::default()).await.unwrap();
    client.wait(token).await.unwrap();
    for from in [2, 50, 91, 100, 101] {
        assert_eq!(records(&client, token, Reading { from, ..TENS }).await.unwrap(), all(from, 100), "from {from}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_gives_fewer_than_were_asked_for_or_tells_no_total_loses_none() {
    for tells in [true, false] {
        let manners = Manners { records: 101, processing: 0, cap: 7, tells, unavailable: 30, ..Manners::default() };
        let vendor = Vendor::start(manners).await;
        let client = client(&vendor);
        let token = client.initiate(&Source::segment("Everybody"), &InitiateRequest::default()).await.unwrap();
        client.wait(token).await.unwrap();
        assert_eq!(records(&client, token, TENS).await.unwrap(), all(1, 101), "tells {tells}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pages_are_made_smaller_where_records_are_large() {
    let vendor = Vendor::start(Manners { processing: 0, unavailable: 1000, broken: 1000, ..Manners::default() }).await;
    let client = client(&vendor);
    let token = client.initiate(&Source::segment("Everybody"), &InitiateRequest::default()).await.unwrap();
    client.wait(token).await.unwrap();
    let reading = Reading { limit: 100, page_bytes: 2_000, ..TENS };
    let pages: Vec<_> = client.pages(token, reading).try_collect().await.unwrap();
    assert!(pages.len() > 20, "{}", pages.len());
    let read: Vec<String> = pages.iter().flat_map(|page| page.records.iter().map(str::to_owned)).collect();
    assert_eq!(read, all(1, 500));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_export_that_somebody_else_has_taken_is_gone_and_says_so() {
    let manners = Manners { records: 5, processing: 0, unavailable: 1000, broken: 1000, ..Manners::default() };
    let vendor = Vendor::start(manners).await;
    let client = client(&vendor);
    let token = client.initiate(&Source::segment("Everybody"), &InitiateRequest::default()).await.unwrap();
    client.wait(token).await.unwrap();
    assert_eq!(client.page(token, 10, 1, false).await.unwrap().records.len(), 5);
    let error = records(&client, token, TENS).await.unwrap_err();
    assert!(error.is_gone() && error.to_string().contains("404: The export has been retrieved."), "{error}");
    let error = client.wait(token).await.unwrap_err();
    assert!(matches!(error, Error::Ended { state: State::Retrieved, .. }), "{error}");
}
