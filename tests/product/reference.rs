//! The reference of the API that the server serves for people.

use crate::harness::World;

/// What stands in `href="…"` and `src="…"` of a page.
fn named(page: &str) -> Vec<&str> {
    let behind = |word| page.split(word).skip(1).filter_map(|rest| rest.split('"').next());
    behind("href=\"").chain(behind("src=\"")).collect()
}

#[tokio::test]
async fn the_reference_page_comes_whole_from_this_server() {
    let world = World::start().await;
    let page = reqwest::get(format!("{}/docs", world.url)).await.unwrap();
    assert_eq!(page.status(), 200);
    assert_eq!(page.headers()["content-type"], "text/html; charset=utf-8");
    let policy = page.headers()["content-security-policy"].to_str().unwrap().to_owned();
    assert!(policy.starts_with("default-src 'none'; script-src 'self'; style-src 'self';"), "{policy}");
    assert!(!policy.contains("http") && !policy.contains("unsafe") && !policy.contains('*'), "{policy}");
    let html = page.text().await.unwrap();

    let mut files = 0;
    for name in named(&html).into_iter().filter(|name| *name != "data:,") {
        assert!(!name.contains("//"), "{name} would be asked of another server");
        let file = reqwest::get(format!("{}/{name}", world.url)).await.unwrap();
        assert_eq!(file.status(), 200, "{name}");
        let content_type = file.headers()["content-type"].to_str().unwrap().to_owned();
        let text = file.text().await.unwrap();
        files += usize::from(!name.ends_with(".json"));
        if content_type.starts_with("text/css") {
            for outside in ["@import", "url(http", "url(\"http", "url('http", "url(//"] {
                assert!(!text.contains(outside), "{name} loads from outside: {outside}");
            }
        }
        if name.ends_with("start.js") {
            assert!(!text.contains("://") && text.contains("openapi.json"), "{text}");
        }
    }
    assert_eq!(files, 3, "a style and two scripts");
    assert!(!html.contains("://"), "{html}");
}

#[tokio::test]
async fn the_reference_pages_files_are_sent_packed_to_those_who_take_it() {
    let world = World::start().await;
    let url = format!("{}/docs/swagger-ui-bundle.js", world.url);
    let http = reqwest::Client::new();
    let packed = http.get(&url).header("Accept-Encoding", "gzip").send().await.unwrap();
    assert_eq!(packed.headers()["content-encoding"], "gzip");
    let etag = packed.headers()["etag"].clone();
    let packed = packed.bytes().await.unwrap();
    assert!(packed.starts_with(&[0x1f, 0x8b]) && packed.len() < 600_000);
    let plain = http.get(&url).send().await.unwrap();
    assert!(plain.headers().get("content-encoding").is_none());
    assert!(plain.text().await.unwrap().contains("SwaggerUIBundle"));
    let again = http.get(&url).header("Accept-Encoding", "gzip").header("If-None-Match", etag).send().await.unwrap();
    assert_eq!(again.status(), 304);
    assert_eq!(http.get(format!("{}/docs/other.js", world.url)).send().await.unwrap().status(), 404);
}
