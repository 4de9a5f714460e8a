//! The parts of a write and of a segment, one by one: `cargo bench -p sayso-model`.

use std::hint::black_box;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use sayso_model::{
    change::{Kept, create},
    config::{Config, Configuration},
    facts::{self, Answer, Facts, Predicate, Terms},
    id::{Author, ProfileId},
    input::parse_profile,
    moment::{Moment, parse_date_time},
    render::render,
    selection::Selection,
};
use sayso_sample::{ACCOUNT_TOML, Sampler};

/// Different people, so that no branch is always the same.
const PEOPLE: u64 = 1_000;
const FACTS: u64 = 1_000_000;

struct Sample {
    config: Config,
    author: Author,
    now: Moment,
    lines: Vec<Vec<u8>>,
}

impl Sample {
    fn new() -> Self {
        let configuration: Configuration = toml::from_str(ACCOUNT_TOML).expect("the sample account is valid");
        let sampler = Sampler::new(1);
        let lines = (0..PEOPLE).map(|index| {
            let mut line = Vec::new();
            sampler.profile(index, &mut line);
            line
        });
        Self {
            config: Config::new(configuration),
            author: Author { user_id: "Bench".into(), source_id: None },
            now: parse_date_time("2026-11-24T10:00:00.000Z").expect("it is a date"),
            lines: lines.collect(),
        }
    }

    fn write(&self, line: &[u8]) -> Kept {
        let input = parse_profile(line).expect("sample people are readable");
        create(&input, ProfileId(1), &self.config, &self.author, self.now)
            .expect("sample people fit the sample account")
    }
}

fn profile(c: &mut Criterion) {
    let sample = Sample::new();
    let mut people = sample.lines.iter().cycle();
    let mut next = || people.next().expect("a cycle doesn't end");
    c.bench_function("parse one profile", |b| {
        b.iter_batched(&mut next, |line| black_box(parse_profile(line)), BatchSize::SmallInput)
    });
    c.bench_function("parse and check one profile", |b| {
        b.iter_batched(&mut next, |line| black_box(sample.write(line)), BatchSize::SmallInput)
    });
    let kept: Vec<Kept> = sample.lines.iter().map(|line| sample.write(line)).collect();
    let mut kept = kept.iter().cycle();
    c.bench_function("render one row", |b| {
        b.iter_batched(
            || kept.next().expect("a cycle doesn't end"),
            |kept| black_box(render(&kept.profile)),
            BatchSize::SmallInput,
        )
    });
}

/// A million encoded facts in one block, as the store keeps them behind one another, with where each ends.
fn encoded(sample: &Sample) -> (Vec<u8>, Vec<usize>, Terms) {
    let mut dictionary = Terms::new();
    let some: Vec<Vec<u8>> = sample
        .lines
        .iter()
        .map(|line| {
            let kept = sample.write(line);
            let terms = facts::terms(&kept, &sample.config);
            let ids: Vec<u32> = terms
                .iter()
                .map(|term| {
                    let next = u32::try_from(dictionary.len()).expect("a dictionary is small");
                    *dictionary.entry(term.to_owned()).or_insert(next)
                })
                .collect();
            let mut out = Vec::new();
            facts::encode(&kept, &terms, &render(&kept.profile), None, &ids, &mut out);
            out
        })
        .collect();
    let (mut block, mut ends) = (Vec::new(), Vec::new());
    for one in some.iter().cycle().take(FACTS as usize) {
        block.extend_from_slice(one);
        ends.push(block.len());
    }
    (block, ends, dictionary)
}

fn predicate(c: &mut Criterion) {
    let sample = Sample::new();
    let (block, ends, dictionary) = encoded(&sample);
    let mut group = c.benchmark_group("a predicate over 1,000,000 facts, one core");
    group.throughput(Throughput::Elements(FACTS)).sample_size(20);
    for name in ["Everyone", "Georgia newsletter", "Weekend trips"] {
        let selection = Selection::of_segment(&sample.config, name).expect("the sample account has it");
        let criterion = selection.criterion(&sample.config).expect("it fits");
        let predicate = Predicate::compile(&criterion, &sample.config, &dictionary, sample.now);
        group.bench_function(name, |b| {
            b.iter(|| {
                let (mut start, mut yes) = (0, 0u64);
                for (id, &end) in (1..).zip(&ends) {
                    let facts = Facts::new(&block[start..end]).expect("they were just encoded");
                    yes += u64::from(predicate.answer(ProfileId(id), facts) == Answer::Yes);
                    start = end;
                }
                yes
            })
        });
    }
}

criterion_group!(benches, profile, predicate);
criterion_main!(benches);
