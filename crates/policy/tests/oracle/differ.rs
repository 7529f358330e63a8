//! Runs of many cases, the smallest form of one that differs, and what was seen.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};

use keystead_policy::Verdict;
use serde_json::Value;

use crate::conditions;
use crate::decision::{Answer, World};
use crate::document::{Document, Question, applies, verdict};
use crate::engine::{Engine, compare};
use crate::generate::world;
use crate::requests::{Area, neighbour, question};
use crate::vocabulary::Dice;

/// Requests for each set of documents: the one that they were made for, and its neighbours.
const REQUESTS_PER_WORLD: usize = 5;
/// Of so many sets of documents one is counted and compared statement by statement.
const CENSUS_EVERY: usize = 4;

/// How often what was seen.
pub(crate) type Census = BTreeMap<String, usize>;

/// Runs cases and counts them. Panics with the smallest form of a case that differs.
pub(crate) fn run(seed: u64, cases: usize, mut progress: impl FnMut(usize)) -> Census {
    let mut census = Census::new();
    let mut dice = Dice(seed);
    for at in 0..cases.div_ceil(REQUESTS_PER_WORLD) {
        let area = if dice.chance(85) {
            Area::Key
        } else {
            Area::Role
        };
        let target = question(&mut dice, area);
        let world = world(&mut dice, area, &target);
        let mut asked = vec![target];
        for _ in 1..REQUESTS_PER_WORLD {
            let of = asked[dice.below(asked.len())].clone();
            asked.push(neighbour(&mut dice, area, &of));
        }
        let engine = match Engine::of(&world) {
            Ok(engine) => engine,
            Err(error) => panic!("seed {seed:#x}, set {at}: {error}"),
        };
        let counted = at % CENSUS_EVERY == 0;
        for question in &asked {
            match compare(&engine, &world, question, counted) {
                Ok(answer) => count_answer(&mut census, &answer),
                Err(_) => fail(seed, at, world, question.clone()),
            }
        }
        if counted {
            count_documents(&mut census, &world, &asked);
        }
        progress(REQUESTS_PER_WORLD);
    }
    census
}

fn differs(world: &World, question: &Question) -> Option<String> {
    let compared = || {
        let engine = Engine::of(world).ok()?;
        compare(&engine, world, question, true).err()
    };
    // What the oracle cannot read is no smaller case.
    catch_unwind(AssertUnwindSafe(compared)).ok().flatten()
}

fn fail(seed: u64, at: usize, mut world: World, mut question: Question) -> ! {
    let mut message = differs(&world, &question).unwrap_or_default();
    std::panic::set_hook(Box::new(|_| {}));
    loop {
        let mut steps = smaller(&world, &question).into_iter();
        let next = steps.find_map(|(world, asked)| {
            let why = differs(&world, &asked)?;
            Some((world, asked, why))
        });
        match next {
            Some(next) => (world, question, message) = next,
            None => break,
        }
    }
    let _ = std::panic::take_hook();
    let documents = world.row();
    let show = |(kind, at, document): &(_, usize, &Document)| {
        format!(
            "{kind:?} {at} {:?} {} {:?}\n",
            document.kind, document.json, document.bindings
        )
    };
    let documents: String = documents.iter().map(show).collect();
    let granted = world.granted;
    panic!("seed {seed:#x}, set {at}: {message}\n{documents}grant {granted:?}\n{question:#?}");
}

/// Everything that is one step smaller.
fn smaller(world: &World, question: &Question) -> Vec<(World, Question)> {
    let mut all = Vec::new();
    let mut with = |change: &dyn Fn(&mut World, &mut Question)| {
        let (mut world, mut question) = (world.clone(), question.clone());
        change(&mut world, &mut question);
        all.push((world, question));
    };
    if world.resource.is_some() {
        with(&|world, _| world.resource = None);
    }
    if world.boundary.is_some() {
        with(&|world, _| world.boundary = None);
    }
    if world.session.is_some() {
        with(&|world, _| world.session = None);
    }
    if world.endpoint.is_some() {
        with(&|world, _| world.endpoint = None);
    }
    if world.granted != keystead_policy::Granted::No {
        with(&|world, _| world.granted = keystead_policy::Granted::No);
    }
    for at in 0..world.identity.len() {
        with(&|world, _| drop(world.identity.remove(at)));
    }
    for at in 0..world.service_control.len() {
        with(&|world, _| drop(world.service_control.remove(at)));
    }
    for at in 0..world.resource_control.len() {
        with(&|world, _| drop(world.resource_control.remove(at)));
    }
    for at in 0..question.facts.0.len() {
        with(&|_, question| drop(question.facts.0.remove(at)));
    }
    for place in 0..world.row().len() {
        let now = documents(&mut world.clone())[place].json.clone();
        for json in less(&now) {
            with(&|world, _| documents(world)[place].json = json.clone());
        }
        for at in 0..world.row()[place].2.bindings.len() {
            with(&|world, _| drop(documents(world)[place].bindings.remove(at)));
        }
    }
    all
}

fn documents(world: &mut World) -> Vec<&mut Document> {
    let mut all: Vec<&mut Document> = world.resource.iter_mut().collect();
    all.extend(world.identity.iter_mut());
    all.extend(world.boundary.iter_mut());
    all.extend(world.session.iter_mut().flatten());
    all.extend(world.service_control.iter_mut().flatten());
    all.extend(world.resource_control.iter_mut().flatten());
    all.extend(world.endpoint.iter_mut());
    all
}

/// The value with one member or element less, anywhere.
fn less(value: &Value) -> Vec<Value> {
    let mut all = Vec::new();
    match value {
        Value::Array(list) => {
            for at in 0..list.len() {
                let mut rest = list.clone();
                rest.remove(at);
                all.push(Value::Array(rest));
                for smaller in less(&list[at]) {
                    let mut list = list.clone();
                    list[at] = smaller;
                    all.push(Value::Array(list));
                }
            }
        }
        Value::Object(map) => {
            for key in map.keys() {
                let mut rest = map.clone();
                rest.remove(key);
                all.push(Value::Object(rest));
                for smaller in less(&map[key]) {
                    let mut map = map.clone();
                    map[key] = smaller;
                    all.push(Value::Object(map));
                }
            }
        }
        _ => {}
    }
    all
}

fn count(census: &mut Census, what: String) {
    *census.entry(what).or_default() += 1;
}

fn count_answer(census: &mut Census, answer: &Answer) {
    count(census, "cases".to_owned());
    match answer {
        Answer::Allowed => count(census, "allowed".to_owned()),
        Answer::Explicit(seats) => {
            count(census, "denied explicitly".to_owned());
            for (kind, _, _) in seats {
                count(census, format!("explicitly by {kind:?}"));
            }
        }
        Answer::Implicit(kinds) => {
            count(census, "denied implicitly".to_owned());
            for kind in kinds {
                count(census, format!("implicitly by {kind:?}"));
            }
        }
    }
}

fn count_documents(census: &mut Census, world: &World, asked: &[Question]) {
    for (_, _, document) in world.row() {
        for question in asked {
            match verdict(document, question) {
                Verdict::Denied { .. } => count(census, "verdict Denied".to_owned()),
                Verdict::NotMatched => count(census, "verdict NotMatched".to_owned()),
                Verdict::Allowed { named, .. } => count(census, format!("verdict {named:?}")),
            }
            for (denies, named) in applies(document, question) {
                if let (true, Some(named)) = (denies, named) {
                    count(census, format!("Deny {named:?}"));
                }
            }
            for met in conditions::each(&document.json, &question.facts) {
                count(census, met);
            }
        }
    }
}
