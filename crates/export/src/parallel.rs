//! Work spread over threads, the results in the order of the items; and why work stops before its end.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};

use sayso_store::StoreError;

use crate::ExportError;

/// Why the making of an export stopped.
#[derive(Debug)]
pub(crate) enum Halt {
    /// The engine is being stopped (or another thread has failed): the job starts again later.
    Stopping,
    /// A row was met that another build rendered: the plan has to look at the rows' versions.
    OldRender,
    /// It can't be made.
    Failed(ExportError),
}

impl From<ExportError> for Halt {
    fn from(e: ExportError) -> Self {
        Halt::Failed(e)
    }
}

impl From<StoreError> for Halt {
    fn from(e: StoreError) -> Self {
        Halt::Failed(e.into())
    }
}

/// Calls `f` with every item on up to `threads` threads. After the first failure no new item is begun and `abort` is set, for
/// those that are under way; that failure is the result.
pub(crate) fn parallel<T: Sync, R: Send>(
    threads: usize,
    items: &[T],
    abort: &AtomicBool,
    f: impl Fn(usize, &T) -> Result<R, Halt> + Sync,
) -> Result<Vec<R>, Halt> {
    let next = AtomicUsize::new(0);
    let work = || {
        let mut done = Vec::new();
        while !abort.load(Relaxed) {
            let i = next.fetch_add(1, Relaxed);
            let Some(item) = items.get(i) else { break };
            match f(i, item) {
                Ok(result) => done.push((i, result)),
                Err(halt) => {
                    abort.store(true, Relaxed);
                    return (done, Some(halt));
                }
            }
        }
        (done, None)
    };
    let threads = threads.min(items.len());
    let outcomes = if threads <= 1 {
        vec![work()]
    } else {
        std::thread::scope(|scope| {
            let running: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
            running.into_iter().map(|t| t.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))).collect()
        })
    };
    let mut results = Vec::with_capacity(items.len());
    let mut halted = None;
    for (done, halt) in outcomes {
        results.extend(done);
        // A real failure says more than "stopped because of it".
        if halted.is_none() || matches!(halted, Some(Halt::Stopping)) {
            halted = halt.or(halted);
        }
    }
    if let Some(halt) = halted {
        return Err(halt);
    }
    if results.len() < items.len() {
        return Err(Halt::Stopping);
    }
    results.sort_unstable_by_key(|(i, _)| *i);
    Ok(results.into_iter().map(|(_, result)| result).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_come_in_the_order_of_the_items() {
        let items: Vec<u32> = (0..100).collect();
        let doubled = parallel(4, &items, &AtomicBool::new(false), |_, n| Ok(n * 2)).unwrap();
        assert_eq!(doubled, items.iter().map(|n| n * 2).collect::<Vec<_>>());
    }

    #[test]
    fn the_failure_is_the_result_not_that_others_stopped_for_it() {
        let abort = AtomicBool::new(false);
        let outcome = parallel(4, &[0, 1, 2, 3], &abort, |_, n| {
            if *n == 2 {
                return Err::<(), _>(Halt::Failed(ExportError::Damaged("two".into())));
            }
            while !abort.load(Relaxed) {
                std::thread::yield_now();
            }
            Err(Halt::Stopping)
        });
        assert!(matches!(outcome, Err(Halt::Failed(ExportError::Damaged(text))) if text == "two"));
    }
}
