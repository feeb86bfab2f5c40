//! A script that fails, cut down to the deeds without which it would not.

use super::Script;

/// Drops deeds, first by halves and at last one at a time, for as long as the rest still fails.
pub fn shrink(script: &Script, fails: impl Fn(&Script) -> bool) -> Script {
    let mut least = script.clone();
    let mut size = least.deeds.len().div_ceil(2).max(1);
    loop {
        let mut shorter = false;
        let mut from = 0;
        while from < least.kept.len() {
            let rest: Vec<usize> = without(&least.kept, from, size);
            let candidate = least.only(&rest);
            if fails(&candidate) {
                least = candidate;
                shorter = true;
            } else {
                from += size;
            }
        }
        if size == 1 && !shorter {
            return least;
        }
        size = if shorter { size } else { size.div_ceil(2) };
        if size > least.kept.len().max(1) {
            size = least.kept.len().max(1);
        }
    }
}

fn without(numbers: &[usize], from: usize, count: usize) -> Vec<usize> {
    let left = numbers.iter().enumerate();
    left.filter(|(place, _)| !(from..from + count).contains(place))
        .map(|(_, number)| *number)
        .collect()
}
