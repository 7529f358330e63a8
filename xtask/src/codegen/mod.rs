//! `cargo xtask codegen [--check]`: service model → committed Rust files, dispatch and a table.

mod describe;
mod imports;
mod model;
mod names;
mod operations;
mod output;
mod query;
mod rules;
mod structure;
mod symbols;
mod types;

use std::fs;
use std::path::{Path, PathBuf};

use model::{Model, Protocol};
use output::File;

/// One service: where its model is, and where its code goes.
struct Service {
    title: &'static str,
    protocol: Protocol,
    /// Files of the model with their SHA-256, pinned: a changed file is reviewed and pinned anew,
    /// never picked up by itself. Later files add to the first.
    files: &'static [(&'static str, &'static str)],
    /// One operation a line, sorted, `#` comments: what this version does not serve. May only
    /// shrink.
    uncovered: &'static str,
    /// Its own directory.
    dir: &'static str,
}

const SERVICES: &[Service] = &[
    Service {
        title: "KMS",
        protocol: Protocol::Json,
        files: &[(
            "model/kms-2014-11-01.json",
            "90ae93e072b008e02ff2b993e5cb07bf69b9d75dc6fec8b9b6486d59b9686843",
        )],
        uncovered: "conformance/uncovered-operations.txt",
        dir: "crates/api/src/generated",
    },
    Service {
        title: "IAM",
        protocol: Protocol::Query,
        files: &[(
            "model/iam-2010-05-08.json",
            "a3a7480a9152e0c23887855881cc93853a02424e2905ff0ce6737362a0d3f80c",
        )],
        uncovered: "conformance/uncovered-iam-operations.txt",
        dir: "crates/api/src/generated/iam",
    },
    Service {
        title: "STS",
        protocol: Protocol::Query,
        files: &[
            (
                "model/sts-2011-06-15.json",
                "0602b744434c86a3983026a752505f1e56381f63ea42178574e47cec59d5a46c",
            ),
            (
                "model/sts-keystead.json",
                "4ad8d1f1666f92f115564d2fe91d60c63d6cd92b5db88b770566d4c48d00b94e",
            ),
        ],
        uncovered: "conformance/uncovered-sts-operations.txt",
        dir: "crates/api/src/generated/sts",
    },
];

/// Writes the generated files, or with `check` only compares them.
///
/// Errors: a model or a ratchet file cannot be read or breaks a rule of [`rules`]; rustfmt
/// fails; with `check`, the names of the files that differ.
pub(crate) fn run(check: bool) -> Result<(), String> {
    let root = root()?;
    let mut errors = Vec::new();
    for service in SERVICES {
        let files = generate(&root, service)?;
        let files = output::formatted(&root, files)?;
        if check {
            errors.extend(output::compare(&root, service.dir, &files).err());
        } else {
            output::write(&root, service.dir, &files)?;
        }
    }
    if errors.is_empty() {
        return Ok(());
    }
    Err(errors.join("\n"))
}

fn root() -> Result<PathBuf, String> {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR"));
    let root = manifest.parent().ok_or("xtask has no parent directory")?;
    Ok(root.to_path_buf())
}

fn generate(root: &Path, service: &Service) -> Result<Vec<File>, String> {
    let read = |path: &str| fs::read(root.join(path)).map_err(|error| format!("{path}: {error}"));
    let mut texts = Vec::new();
    for (path, pinned) in service.files {
        let bytes = read(path)?;
        let digest = output::sha256_hex(&bytes);
        if digest != *pinned {
            return Err(format!("{path} has SHA-256 {digest}, pinned is {pinned}"));
        }
        texts.push(bytes);
    }
    let model = Model::parse(service.title, service.protocol, &texts)?;
    let listed = String::from_utf8(read(service.uncovered)?).map_err(|error| error.to_string())?;
    let uncovered = operations::uncovered(&model, service.uncovered, &listed)?;

    let path = |name: &str| format!("{}/{name}.rs", service.dir);
    let mut files = vec![
        File::rust(path("rules"), &symbols::rules(&model)?),
        File::rust(path("model"), &structure::shared(&model)?),
    ];
    if model.has_symbols()? {
        files.push(File::rust(path("symbols"), &symbols::symbols(&model)?));
    }
    match service.protocol {
        Protocol::Json => {
            rules::check(&model)?;
            files.extend([
                File::rust(path("operations"), &operations::table(&model, &uncovered)?),
                File::rust(path("mod"), &operations::modules(&model)),
                File::text(
                    "docs/operations.md".to_owned(),
                    describe::table(&model, &uncovered)?,
                ),
            ]);
        }
        Protocol::Query => files.extend([
            File::rust(path("operations"), &query::table(&model, &uncovered)),
            File::rust(path("mod"), &query::modules(&model)?),
        ]),
    }
    for operation in &model.operations {
        let text = match service.protocol {
            Protocol::Json => structure::operation(&model, operation)?,
            Protocol::Query => query::operation(&model, operation)?,
        };
        files.push(File::rust(path(&names::snake(&operation.name)), &text));
    }
    Ok(files)
}
