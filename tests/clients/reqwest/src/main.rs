//! Pages through reqwest, which, with its feature `gzip`, asks for gzip and decodes it by itself. It takes the header
//! Content-Encoding away when it has decoded: that is how one sees that it did.

use std::{env, fs};

use sha2::{Digest, Sha256};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let plan = env::args().nth(1).ok_or("the plan is missing")?;
    let plan: serde_json::Value = serde_json::from_slice(&fs::read(plan)?)?;
    let text = |value: &serde_json::Value| value.as_str().map(str::to_owned).ok_or("the plan has no such text");
    let authorization = text(&plan["authorization"])?;
    println!("reqwest {}", env!("REQWEST_VERSION"));
    let client = reqwest::Client::new();
    for page in plan["pages"].as_array().ok_or("the plan has no pages")? {
        let request = client.get(text(&page["url"])?).header("Authorization", &authorization);
        let answer = request.send().await?.error_for_status()?;
        // a plain page would keep its length
        let is_decoded = answer.content_length().is_none() && answer.headers().get("content-encoding").is_none();
        let encoding = if is_decoded { "gzip" } else { "identity" };
        let sum: String = Sha256::digest(answer.bytes().await?).iter().map(|byte| format!("{byte:02x}")).collect();
        println!("{}", serde_json::json!({"encoding": encoding, "sha256": sum}));
    }
    Ok(())
}
