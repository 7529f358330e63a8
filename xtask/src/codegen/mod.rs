//! `cargo xtask codegen [--check]`: service model → committed Rust files, dispatch and a table.

mod describe;
mod imports;
mod model;
mod names;
mod operations;
mod output;
mod rules;
mod structure;
mod symbols;
mod types;

use std::fs;
use std::path::{Path, PathBuf};

use model::Model;
use output::File;

/// The model, pinned: a changed file is reviewed and pinned anew, never picked up by itself.
const MODEL_PATH: &str = "model/kms-2014-11-01.json";
const MODEL_SHA256: &str = "90ae93e072b008e02ff2b993e5cb07bf69b9d75dc6fec8b9b6486d59b9686843";
/// One operation a line, sorted, `#` comments: what this version does not serve. May only shrink.
const UNCOVERED_PATH: &str = "conformance/uncovered-operations.txt";
const GENERATED_DIR: &str = "crates/api/src/generated";

/// Writes the generated files, or with `check` only compares them.
///
/// Errors: the model or the ratchet file cannot be read or breaks a rule of [`rules`]; rustfmt
/// fails; with `check`, the names of the files that differ.
pub(crate) fn run(check: bool) -> Result<(), String> {
    let root = root()?;
    let files = generate(&root)?;
    let files = output::formatted(&root, files)?;
    if check {
        output::compare(&root, GENERATED_DIR, &files)
    } else {
        output::write(&root, GENERATED_DIR, &files)
    }
}

fn root() -> Result<PathBuf, String> {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR"));
    let root = manifest.parent().ok_or("xtask has no parent directory")?;
    Ok(root.to_path_buf())
}

fn generate(root: &Path) -> Result<Vec<File>, String> {
    let read = |path: &str| fs::read(root.join(path)).map_err(|error| format!("{path}: {error}"));
    let bytes = read(MODEL_PATH)?;
    let digest = output::sha256_hex(&bytes);
    if digest != MODEL_SHA256 {
        return Err(format!(
            "{MODEL_PATH} has SHA-256 {digest}, pinned is {MODEL_SHA256}"
        ));
    }
    let model = Model::parse(&bytes)?;
    let listed = String::from_utf8(read(UNCOVERED_PATH)?).map_err(|error| error.to_string())?;
    let uncovered = operations::uncovered(&model, &listed)?;
    rules::check(&model)?;

    let path = |name: &str| format!("{GENERATED_DIR}/{name}.rs");
    let mut files = vec![
        File::rust(path("rules"), &symbols::rules(&model)?),
        File::rust(path("symbols"), &symbols::symbols(&model)?),
        File::rust(path("model"), &structure::shared(&model)?),
        File::rust(path("operations"), &operations::table(&model, &uncovered)?),
        File::rust(path("mod"), &operations::modules(&model)),
        File::text(
            "docs/operations.md".to_owned(),
            describe::table(&model, &uncovered)?,
        ),
    ];
    for operation in &model.operations {
        let name = names::snake(&operation.name);
        files.push(File::rust(
            path(&name),
            &structure::operation(&model, operation)?,
        ));
    }
    Ok(files)
}
