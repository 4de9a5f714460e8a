//! The parts of a Parquet file, one by one: `cargo bench -p sayso-tables --features parquet`.

use std::{hint::black_box, io};

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use sayso_model::{
    change::create,
    config::{Config, Configuration},
    id::{Author, ProfileId},
    input::parse_profile,
    moment::parse_date_time,
    render::render,
};
use sayso_sample::{ACCOUNT_TOML, Sampler};
use sayso_tables::{
    Shape,
    parquet::{Writer, columns},
};

/// Records that become columns at once, as `sayso export` gathers them where they are of 5 KB.
const BATCH: u64 = 2_400;
/// How often, for one row group.
const BATCHES: u64 = 20;

/// Records as an export gives them.
fn records() -> Vec<String> {
    let configuration: Configuration = toml::from_str(ACCOUNT_TOML).expect("the sample account is valid");
    let config = Config::new(configuration);
    let author = Author { user_id: "Bench".into(), source_id: None };
    let now = parse_date_time("2026-11-24T10:00:00.000Z").expect("it is a date");
    let sampler = Sampler::new(1);
    let record = |index| {
        let mut line = Vec::new();
        sampler.profile(index, &mut line);
        let input = parse_profile(&line).expect("sample people are readable");
        let kept = create(&input, ProfileId(index + 1), &config, &author, now).expect("they fit the sample account");
        String::from_utf8(render(&kept.profile).json).expect("JSON is UTF-8")
    };
    (0..BATCH * BATCHES).map(record).collect()
}

fn parts(c: &mut Criterion) {
    let records = records();
    let batches: Vec<&[String]> = records.chunks(BATCH as usize).collect();
    for (shape, name) in [(Shape::Profiles, "profiles"), (Shape::Preferences, "preferences")] {
        let read = |page: &[String]| columns(shape, page.iter().map(String::as_str)).expect("they are profiles");
        let mut group = c.benchmark_group(name);
        group.sample_size(10).throughput(Throughput::Elements(BATCH));
        let mut cycle = batches.iter().cycle();
        group.bench_function("read profiles into columns", |b| {
            b.iter(|| black_box(read(cycle.next().expect("a cycle doesn't end"))));
        });
        let columns: Vec<_> = batches.iter().map(|page| read(page)).collect();
        group.throughput(Throughput::Elements(BATCH * BATCHES));
        group.bench_function("write the columns of profiles", |b| {
            b.iter(|| {
                let mut writer = Writer::new(io::sink(), shape).expect("a sink takes everything");
                columns.iter().for_each(|columns| writer.write(columns).expect("a sink takes everything"));
                writer.finish().expect("a sink takes everything")
            });
        });
    }
}

criterion_group!(benches, parts);
criterion_main!(benches);
