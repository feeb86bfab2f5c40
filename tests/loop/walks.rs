//! Random lives by a seed: what users do, what befalls the operator, and what must hold all the while.
//!
//! `SEEDS=n` lives n of them, `FIRST_SEED=n` begins elsewhere, `CLOUD=scnet` lives them at one cloud only, and
//! `DEEDS=0,4,7` leaves out of a life all deeds but these.

use std::time::Instant;

use gpu_instance_operator::api::Cloud;

use crate::model::walk::{Script, script, shrink, walk, walk_traced};
use crate::model::{Lived, on_all_cores};

/// How many there are where nobody says, as in `make test`; `make simulate` says.
const FEW: usize = 40;

#[test]
fn random_lives() {
    let number = |name: &str| variable(name).map(|text| text.parse::<usize>().unwrap());
    let (seeds, first) = (number("SEEDS").unwrap_or(FEW), number("FIRST_SEED").unwrap_or(0));
    let begun = Instant::now();
    let (tally, failures) = on_all_cores(seeds, |n| lived(&chosen((first + n) as u64)));
    println!("{}", tally.told(begun.elapsed()));
    assert!(failures.is_empty(), "{}", failures.join("\n\n"));
    assert_eq!(tally.lives, seeds);
}

fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|text| !text.is_empty())
}

/// The life of this seed: the clouds take turns.
fn chosen(seed: u64) -> Script {
    let named = variable("CLOUD").map(|name| {
        let known = Cloud::ALL.into_iter().find(|cloud| cloud.field() == name);
        known.unwrap_or_else(|| panic!("CLOUD={name} is none of the five"))
    });
    let turn = usize::try_from(seed % Cloud::ALL.len() as u64).unwrap();
    let whole = script(named.unwrap_or(Cloud::ALL[turn]), seed);
    match variable("DEEDS") {
        None => whole,
        Some(kept) => {
            let kept: Vec<usize> = kept.split(',').map(|number| number.parse().unwrap()).collect();
            whole.only(&kept)
        }
    }
}

/// A life; where it fails, what it comes down to.
fn lived(script: &Script) -> Lived {
    let lived = walk(script);
    if lived.outcome.is_ok() {
        return lived;
    }
    let kind = lived.outcome.as_ref().map_err(|why| kind_of(why)).unwrap_err();
    eprintln!(
        "{}, seed {}: {kind}; looking for the deeds that it takes",
        script.cloud, script.seed
    );
    let least = shrink(script, |shorter| {
        walk(shorter).outcome.is_err_and(|why| kind_of(&why) == kind)
    });
    let mut again = walk(&least);
    again.outcome = again.outcome.map_err(|why| {
        let kept: Vec<String> = least.kept.iter().map(ToString::to_string).collect();
        format!(
            "{why}\nof {} deeds these are left:\n{least}replay: make simulate SEEDS=1 FIRST_SEED={} CLOUD={} DEEDS={}",
            script.deeds.len(),
            script.seed,
            script.cloud.field(),
            kept.join(",")
        )
    });
    again
}

/// What went wrong, without the names and numbers that it went wrong with.
fn kind_of(why: &str) -> String {
    let line = why.lines().next().unwrap_or_default();
    let said = line.split_once(": ").map_or(line, |(_, said)| said);
    let words = said.split(|c: char| !c.is_alphabetic()).filter(|word| word.len() > 1);
    words.take(5).collect::<Vec<_>>().join(" ")
}

/// The same seed is the same life, call by call and to the millisecond.
#[test]
fn a_seed_is_one_life() {
    for seed in 0..10 {
        let script = chosen(seed);
        let [one, other] = [(), ()].map(|()| walk_traced(&script).world.trace());
        let differs = one.iter().zip(&other).find(|(one, other)| one != other);
        assert_eq!(differs, None, "seed {seed}");
        assert_eq!(one.len(), other.len(), "seed {seed}");
        assert!(one.len() > 50, "a life leaves a trace");
    }
}

/// What is left of a script is what made it fail, and nothing else.
#[test]
fn a_life_is_cut_down_to_what_makes_it_fail() {
    let whole = (0..1_000)
        .map(|seed| script(Cloud::Xgc, seed))
        .find(|script| script.deeds.len() > 9)
        .unwrap();
    let least = shrink(&whole, |script| script.kept.contains(&3) && script.kept.contains(&8));
    assert_eq!(least.kept, [3, 8]);
    let pauses = |script: &Script| script.deeds.iter().map(|(pause, _)| *pause).sum::<u32>();
    let after: u32 = whole.deeds.iter().skip(9).map(|(pause, _)| *pause).sum();
    assert_eq!(pauses(&least), pauses(&whole) - after, "and comes when it came");
}
