//! Pairwise test combinations: every two values of different settings occur together at least once.

use std::collections::BTreeSet;

/// The value of each setting.
pub type Row = Vec<usize>;

/// The values of two settings, as (setting, value), the lower setting first.
type Pair = ((usize, usize), (usize, usize));

/// Rows that cover all allowed pairs of values. `sizes` is the number of values of each setting, and
/// `allowed` returns whether two values can be combined.
///
/// Each row begins with an uncovered pair. For every other setting, it has the value that covers the most
/// uncovered pairs. The number of rows is small, but not minimal.
pub fn rows(sizes: &[usize], allowed: impl Fn((usize, usize), (usize, usize)) -> bool) -> Vec<Row> {
    let mut missing: BTreeSet<Pair> = all_pairs(sizes)
        .filter(|&(one, other)| allowed(one, other))
        .collect();
    let mut rows = Vec::new();
    while let Some(&(one, other)) = missing.first() {
        let mut chosen = vec![one, other];
        for (setting, &values) in sizes.iter().enumerate() {
            if chosen.iter().any(|&(known, _)| known == setting) {
                continue;
            }
            let covered = |value: &usize| {
                let pairs = chosen
                    .iter()
                    .map(|&known| ordered(known, (setting, *value)));
                pairs.filter(|pair| missing.contains(pair)).count()
            };
            let is_allowed = |value: &usize| {
                chosen.iter().all(|&known| {
                    let (one, other) = ordered(known, (setting, *value));
                    allowed(one, other)
                })
            };
            let value = (0..values).filter(is_allowed).max_by_key(covered);
            chosen.push((setting, value.expect("an allowed value")));
        }
        chosen.sort_unstable();
        for (at, &one) in chosen.iter().enumerate() {
            for &other in &chosen[at + 1..] {
                missing.remove(&(one, other));
            }
        }
        rows.push(chosen.into_iter().map(|(_, value)| value).collect());
    }
    rows
}

fn all_pairs(sizes: &[usize]) -> impl Iterator<Item = Pair> {
    let choices = |setting: usize| (0..sizes[setting]).map(move |value| (setting, value));
    (0..sizes.len()).flat_map(move |other| {
        (0..other).flat_map(move |one| {
            choices(one).flat_map(move |one| choices(other).map(move |other| (one, other)))
        })
    })
}

fn ordered(one: (usize, usize), other: (usize, usize)) -> Pair {
    if one < other {
        (one, other)
    } else {
        (other, one)
    }
}

#[test]
fn rows_cover_exactly_the_allowed_pairs() {
    let sizes = [3, 2, 2, 4, 2];
    let allowed = |one, other| (one, other) != ((0, 0), (1, 1));
    let rows = rows(&sizes, allowed);
    for (one, other) in all_pairs(&sizes) {
        let has = |row: &&Row| row[one.0] == one.1 && row[other.0] == other.1;
        assert_eq!(
            rows.iter().any(|row| has(&row)),
            allowed(one, other),
            "{one:?} {other:?}"
        );
    }
    assert!(rows.len() < 3 * 2 * 2 * 4 * 2 / 4, "{}", rows.len());
}
