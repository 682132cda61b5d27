//! What is reported once because it is alike.

use std::hash::Hash;

use foldhash::{HashMap, HashMapExt};

/// Groups items with the same key, in the order of their first ones; no group is empty.
pub(super) fn alike<T, K: Eq + Hash>(
    items: impl IntoIterator<Item = T>,
    key: impl Fn(&T) -> K,
) -> Vec<Vec<T>> {
    let mut groups: Vec<Vec<T>> = Vec::new();
    let mut places: HashMap<K, usize> = HashMap::new();
    for item in items {
        let place = *places.entry(key(&item)).or_insert(groups.len());
        match groups.get_mut(place) {
            Some(group) => group.push(item),
            None => groups.push(vec![item]),
        }
    }
    groups
}

/// How many connections must be alike to be reported as one.
pub(super) const LIKE: usize = 3;
