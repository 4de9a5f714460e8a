//! Every committed input of the fuzz targets keeps its check.

use std::{fs, path::Path};

#[test]
fn every_input_of_the_corpus_keeps_its_check() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus");
    for (name, check) in sayso_checks::ALL {
        let folder = corpus.join(name);
        let listed = fs::read_dir(&folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
        let files: Vec<_> = listed.map(|entry| entry.unwrap().path()).collect();
        assert!(files.len() >= 20, "{} inputs of {name}: a corpus is missing", files.len());
        for file in files {
            let input = fs::read(&file).unwrap();
            let outcome = std::panic::catch_unwind(|| check(&input));
            assert!(outcome.is_ok(), "{} fails its check", file.display());
        }
    }
}
