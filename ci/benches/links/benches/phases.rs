//! What each phase takes, for itself: `ci/bench phases`.

#[path = "../src/generate.rs"]
#[allow(dead_code)]
mod generate;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use generate::Naming;
use std::hint::black_box;
use std::path::Path;
use wasm_section_ld::args::{ArgumentIndex, CommandLine};
use wasm_section_ld::hoist::{self, Base, Output, Sink};
use wasm_section_ld::input::{Bytes, Inputs, Module, Name, ObjectId, Place, Provenance};
use wasm_section_ld::plan;
use wasm_section_ld::script::{FileName, InputDescription, InputSection, Selector};
use wasm_section_ld::script::{Script, Source, Statement};
use wasm_section_ld::survey;
use wasm_section_ld::wasm::{Edits, Object, ObjectBytes};

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

/// How many entries, or input sections, there are.
const COUNT: usize = 10_000;

fn line() -> CommandLine {
    let words = ["object.o", "--export=__start_PLUGINS"];
    CommandLine::parse(words.map(Into::into).to_vec()).expect("a command line")
}

/// `objects` as files on a command line.
fn inputs<'a>(argument: ArgumentIndex, objects: &'a [Vec<u8>]) -> Inputs<'a> {
    let module = |(index, bytes): (usize, &'a Vec<u8>)| Module {
        name: Name::new(Path::new(&format!("object-{index}.o")).into(), None),
        bytes: Bytes::Here(bytes),
        place: Place::at(argument),
        provenance: Provenance::File,
    };
    Inputs {
        modules: objects.iter().enumerate().map(module).collect(),
        ..Inputs::default()
    }
}

/// A sink that the optimizer must take for one that uses the objects.
struct BlackBox;

impl Sink for BlackBox {
    fn rewritten(&mut self, _: ObjectId, bytes: Vec<u8>) -> wasm_section_ld::error::Result<()> {
        black_box(bytes);
        Ok(())
    }
}

/// The phases of a link in which there is something to gather.
fn gathering(criterion: &mut Criterion, name: &str, objects: &[Vec<u8>]) {
    const OUTPUT: Output = Output {
        base: Base::Zero,
        symbols: false,
        manifest: false,
    };
    let line = line();
    let (argument, _) = line.arguments().next().expect("an argument");
    let (inputs, script) = (inputs(argument, objects), Script::default());
    let survey = || survey::survey(&line, &script, &inputs).expect("a survey");
    let mut group = criterion.benchmark_group(name);
    group.throughput(Throughput::Elements(COUNT as u64));
    group.bench_function("survey", |bencher| bencher.iter(survey));
    let found = survey();
    let plan = || {
        let resolver = plan::Resolver::new(&found, &inputs, &line);
        let resolved = plan::resolve(&resolver, &found, &inputs.modules, &[], || true);
        plan::plan(&found, &inputs, &script, &resolved).expect("a plan")
    };
    group.bench_function("plan", |bencher| bencher.iter(plan));
    let planned = plan();
    let hoist = || {
        let rewrites = plan::Rewrites::of(&found, &planned);
        let modules = &inputs.modules;
        let hoisted = hoist::hoist(&found, &planned, &rewrites, modules, OUTPUT, &mut BlackBox);
        black_box(hoisted.expect("objects").object);
    };
    group.bench_function("hoist", |bencher| bencher.iter(hoist));
}

fn entries(criterion: &mut Criterion) {
    let one = [generate::object(0, COUNT, Naming::Marks)];
    gathering(criterion, "10,000 entries in one object", &one);
    let many = (0..COUNT / 10).map(|index| generate::object(index, 10, Naming::Marks));
    let many: Vec<_> = many.collect();
    gathering(criterion, "10,000 entries in 1,000 objects", &many);
}

/// An object with other names where it has marks.
fn unmarked(mut object: Vec<u8>) -> Vec<u8> {
    const MARK: &[u8] = b"__link_section__";
    for start in 0..object.len() {
        if object[start..].starts_with(MARK) {
            object[start + 2..][..4].copy_from_slice(b"name");
        }
    }
    object
}

/// Where there is nothing to gather, each byte of the inputs counts.
fn nothing(criterion: &mut Criterion) {
    let line = CommandLine::parse(vec!["object.o".into()]).expect("a command line");
    let (argument, _) = line.arguments().next().expect("an argument");
    let mut group = criterion.benchmark_group("nothing to gather");
    // In an archive there are many, and small ones.
    for (name, count) in [
        ("survey of one object", 1),
        ("survey of 1,000 objects", 1_000),
    ] {
        let object = |index| unmarked(generate::object(index, COUNT / count, Naming::Segments));
        let objects: Vec<_> = (0..count).map(object).collect();
        let (inputs, script) = (inputs(argument, &objects), Script::default());
        let size: usize = objects.iter().map(Vec::len).sum();
        group.throughput(Throughput::Bytes(size as u64));
        group.bench_function(name, |bencher| {
            bencher.iter(|| survey::survey(&line, &script, &inputs).expect("a survey"));
        });
    }
}

fn objects(criterion: &mut Criterion) {
    let bytes = ObjectBytes::from(generate::object(0, COUNT, Naming::Marks));
    let mut group = criterion.benchmark_group("one object");
    group.throughput(Throughput::Bytes(bytes.len() as u64));
    group.bench_function("parse", |bencher| {
        bencher.iter(|| Object::parse(black_box(&bytes)).expect("an object"));
    });
    let object = Object::parse(&bytes).expect("an object");
    let anew = Edits {
        reencode: true,
        ..Edits::default()
    };
    group.bench_function("encode", |bencher| {
        bencher.iter(|| anew.apply(&object).expect("an object"));
    });
}

/// The first input section description of a script.
fn description(text: &str) -> InputDescription {
    let text = format!("SECTIONS {{ S : {{ {text} }} }}");
    let script = Script::parse(Source::new("bench.ld", &text), &[]).expect("a script");
    let output = script.outputs().next().expect("an output section");
    match output.statements.first() {
        Some(Statement::Input(description)) => description.clone(),
        other => panic!("{other:?}"),
    }
}

fn scripts(criterion: &mut Criterion) {
    // Not in order, and not all of them fit.
    let number = |index: usize| index * 7919 % COUNT;
    let names: Vec<(String, String)> = (0..COUNT)
        .map(|index| {
            let section = if index % 3 == 0 { "OTHERS" } else { "PLUGINS" };
            let number = number(index);
            (
                format!("{section}.{number}"),
                format!("dir/file-{number}.o"),
            )
        })
        .collect();
    let inputs: Vec<_> = names
        .iter()
        .map(|(name, file)| InputSection {
            name,
            file: FileName {
                file,
                archive: None,
            },
            alignment: 2,
        })
        .collect();
    let mut group = criterion.benchmark_group("10,000 input sections");
    group.throughput(Throughput::Elements(COUNT as u64));
    for text in [
        "*(PLUGINS.*)",
        "*(SORT_BY_NAME(PLUGINS.*))",
        "*(SORT_BY_INIT_PRIORITY(PLUGINS.*))",
        "SORT_BY_NAME(*)(PLUGINS.*)",
        "*(EXCLUDE_FILE(*7.o *8.o) PLUGINS.* OTHERS.1*)",
    ] {
        let description = description(text);
        let select =
            || Selector::new(inputs.clone(), [&description].into_iter()).select(&description);
        group.bench_function(text, |bencher| bencher.iter(select));
    }
}

criterion_group!(phases, entries, nothing, objects, scripts);
criterion_main!(phases);
