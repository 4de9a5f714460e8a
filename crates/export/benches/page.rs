//! Cutting a page of a finished export, from the request to the last piece of its body: `cargo bench -p sayso-export`.

use std::{hint::black_box, num::NonZeroU64, sync::Arc};

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use sayso_export::{
    Engine, Settings,
    engine::Caller,
    job::{Exported, Request, State, Subject},
    page::PageRequest,
};
use sayso_model::{
    config::Configuration,
    id::{AccessToken, Author},
    input::parse_profile,
    selection::{Conditions, Selection},
};
use sayso_store::{Role, Store, SystemClock, audit::Origin};

const PROFILES: u64 = 20_000;
const SEGMENT: &str = "Everyone";

/// An engine with a complete export of every profile.
struct Made {
    runtime: tokio::runtime::Runtime,
    engine: Engine,
    caller: Caller,
    token: AccessToken,
    // dropped last
    _dir: tempfile::TempDir,
}

impl Made {
    fn new() -> anyhow::Result<Self> {
        let dir = tempfile::tempdir()?;
        let store = Store::open(dir.path(), Role::Server, Arc::new(SystemClock))?;
        let account = store.create_account("BENCH", toml::from_str::<Configuration>(sayso_sample::ACCOUNT_TOML)?)?;
        let sampler = sayso_sample::Sampler::new(1);
        let people = (0..PROFILES).map(|index| {
            let mut line = Vec::new();
            sampler.profile(index, &mut line);
            parse_profile(&line)
        });
        let author = Author { user_id: "Admin".into(), source_id: None };
        store.load(account.no, &author, people.collect::<Result<_, _>>()?)?;
        let engine = Engine::start(store, Settings::default(), Arc::new(|_, _, _, _| true))?;
        let caller = Caller {
            account: account.no,
            user_id: "Admin".into(),
            user_no: None,
            is_administrator: true,
            origin: Origin::program(),
        };
        let request = Request {
            account: account.no,
            user_id: "Admin".into(),
            user_no: None,
            origin: Origin::program(),
            client_id: None,
            exported: Exported { subject: Subject::Segment(SEGMENT.into()), no: None },
            selection: Selection::of_segment(&account.config, SEGMENT).expect("the sample account has it"),
            conditions: Conditions::default(),
            callback_url: None,
            idempotency: None,
        };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let token = runtime.block_on(async {
            let token = engine.initiate(request).await?;
            let mut finished = engine.finished();
            while engine.status(&caller, token).await?.state == State::Processing {
                finished.changed().await.expect("the engine lives");
            }
            Ok::<_, sayso_export::ExportError>(token)
        })?;
        Ok(Self { runtime, engine, caller, token, _dir: dir })
    }

    /// Bytes of a page, every piece read.
    fn page(&self, limit: u64, offset: u64) -> u64 {
        let nonzero = |n| NonZeroU64::new(n).expect("no bench asks for 0");
        let request = PageRequest { limit: nonzero(limit), offset: nonzero(offset), keep_alive: true };
        let page = self.runtime.block_on(self.engine.page(&self.caller, self.token, request));
        let mut page = page.expect("the export is complete");
        let mut bytes = 0;
        while let Some(piece) = page.body.next_piece() {
            bytes += black_box(piece.expect("the export is whole")).len() as u64;
        }
        bytes
    }
}

fn page(c: &mut Criterion) {
    let made = Made::new().expect("a sample export can be made");
    let mut group = c.benchmark_group("cut a page");
    for (limit, offset) in [(1, 1), (100, 1), (1000, 1), (1000, PROFILES - 999)] {
        group.throughput(Throughput::Bytes(made.page(limit, offset)));
        group.bench_function(format!("{limit} records from {offset}"), |b| b.iter(|| made.page(limit, offset)));
    }
    made.engine.stop();
}

criterion_group!(benches, page);
criterion_main!(benches);
