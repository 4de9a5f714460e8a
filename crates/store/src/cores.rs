//! Work that is shared among all cores.

use std::{any::Any, thread};

/// How many cores this program may use; 2 where the system doesn't tell.
pub fn cores() -> usize {
    thread::available_parallelism().map_or(2, usize::from)
}

/// Works on the items in as many shares as there are cores; the outcomes are in the order of the shares. A panic goes on in the caller.
pub fn on_all_cores<T: Send, R: Send>(items: Vec<T>, f: impl Fn(Vec<T>) -> R + Sync) -> Vec<R> {
    let cores = cores();
    let share = items.len().div_ceil(cores).max(1);
    let mut items = items.into_iter();
    thread::scope(|scope| {
        let f = &f;
        let mut running = Vec::with_capacity(cores);
        while items.len() > 0 {
            let share: Vec<T> = items.by_ref().take(share).collect();
            running.push(scope.spawn(move || f(share)));
        }
        running
            .into_iter()
            .map(|thread| thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
            .collect()
    })
}

/// What a panic said.
pub fn text_of(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("no message")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_on_all_cores_keeps_its_order() {
        for n in [0, 1, 2, 3, 1000] {
            let items: Vec<usize> = (0..n).collect();
            assert_eq!(on_all_cores(items.clone(), |share| share).concat(), items);
        }
    }
}
