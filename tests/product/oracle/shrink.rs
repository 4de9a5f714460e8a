//! Makes a sequence that fails smaller, as long as it still fails at its end.

use std::time::{Duration, Instant};

use serde_json::Value;

use super::{operations::Op, run::Run};

/// The smallest that was found in the time given, and how it fails.
pub async fn shrink(mut steps: Vec<Op>, mut why: String, patience: Duration) -> (Vec<Op>, String) {
    let began = Instant::now();
    // Steps first, many at once, then one by one.
    let mut size = steps.len() / 2;
    while size > 0 {
        let mut at = 0;
        while at < steps.len() - 1 && began.elapsed() < patience {
            let mut fewer = steps.clone();
            fewer.drain(at..(at + size).min(steps.len() - 1));
            match fails(&fewer).await {
                Some(how) => (steps, why) = (fewer, how),
                None => at += size,
            }
        }
        size /= 2;
    }
    // Then members and elements of the bodies that are left.
    for step in 0..steps.len() {
        let Some(body) = steps[step].body_mut() else { continue };
        let mut places = Vec::new();
        removable(body, String::new(), &mut places);
        // From the end, so that what is still to be tried stays where it is.
        for place in places.into_iter().rev() {
            if step < steps.len() && began.elapsed() < patience {
                let mut smaller = steps.clone();
                remove(smaller[step].body_mut().unwrap(), &place);
                if let Some(how) = fails(&smaller).await {
                    (steps, why) = (smaller, how);
                }
            }
        }
    }
    (steps, why)
}

/// How a sequence fails, at its last step; before the last two only the answers are compared, which is much faster.
async fn fails(steps: &[Op]) -> Option<String> {
    let mut run = Run::start(1).await;
    let (last, before) = steps.split_last()?;
    for (n, step) in before.iter().enumerate() {
        match n + 1 == before.len() {
            true => run.step(step).await.ok()?,
            false => _ = run.make(step).await.ok()?,
        }
    }
    run.step(last).await.err()
}

/// The JSON pointers of what can be left out, outer things before inner ones.
fn removable(value: &Value, at: String, places: &mut Vec<String>) {
    let mut visit = |name: String, value: &Value| {
        let place = format!("{at}/{name}");
        places.push(place.clone());
        removable(value, place, places);
    };
    match value {
        Value::Array(items) => items.iter().enumerate().for_each(|(i, item)| visit(i.to_string(), item)),
        Value::Object(members) => members.iter().for_each(|(name, value)| visit(name.clone(), value)),
        _ => {}
    }
}

fn remove(value: &mut Value, place: &str) {
    let (holder, name) = place.rsplit_once('/').unwrap();
    match value.pointer_mut(holder) {
        Some(Value::Array(items)) => {
            let at: usize = name.parse().unwrap();
            if at < items.len() {
                items.remove(at);
            }
        }
        Some(Value::Object(members)) => {
            members.shift_remove(name);
        }
        _ => {}
    }
}

/// The steps in words that a person can follow.
pub fn told(steps: &[Op]) -> String {
    let tell = |step: &Op| {
        let mut step = step.clone();
        let body = step.body_mut().map(|body| std::mem::take(body).to_string()).unwrap_or_default();
        format!("  {step:?} {body}\n")
    };
    steps.iter().map(tell).collect()
}
