//! The archive that most links have, for what no other unit defines.

use super::unit::{Binding, Feature as F, NAMES, Unit};

/// Units that each define one of the names.
pub fn fallback() -> Vec<Unit> {
    let names = || 0..NAMES;
    let functions = names().map(|name| F::Function { name, weak: false });
    let data = names().map(|name| F::Data { name, weak: false });
    let weak = names().map(|name| F::Shared(Binding::Weak, name));
    let strong = names().map(|name| F::Shared(Binding::Strong, name));
    let group = names().map(|name| F::Shared(Binding::Group, name));
    let features = functions.chain(data).chain(weak).chain(strong).chain(group);
    features
        .enumerate()
        .map(|(at, feature)| Unit {
            number: 900 + at as u32,
            features: vec![feature, F::Constructor(65_535)],
            is_weak: false,
            is_old: false,
        })
        .collect()
}
