//! Selects and sorts the input sections of an input section description, with the rules of GNU ld (ld manual,
//! "Input Section Wildcards"; `ldlang.c` for what the manual does not specify).

use super::ast::{FileSort, InputDescription, Sort};
use super::pattern::{FileGlob, FileKey, FileName, Glob};
use crate::hash::HashSet;
use std::cmp::Ordering;

/// An input section as scripts see it.
#[derive(Debug, Clone, Copy)]
pub struct InputSection<'a> {
    /// Its name.
    pub name: &'a str,
    /// The file it is in.
    pub file: FileName<'a>,
    /// The base-2 logarithm of its alignment.
    pub alignment: u32,
}

/// A compiled input section description.
#[derive(Debug)]
pub struct Matcher {
    files: FileGlob,
    exclude: Vec<FileGlob>,
    file_sort: FileSort,
    sections: Vec<Pattern>,
}

#[derive(Debug)]
struct Pattern {
    name: Glob,
    exclude: Vec<FileGlob>,
    sort: Sort,
    reverse: bool,
}

impl Matcher {
    /// Compiles a description.
    pub fn new(description: &InputDescription) -> Self {
        let globs = |patterns: &[_]| patterns.iter().map(FileGlob::new).collect();
        Self {
            files: FileGlob::new(&description.files),
            exclude: globs(&description.exclude),
            file_sort: description.file_sort,
            sections: description
                .sections
                .iter()
                .map(|pattern| Pattern {
                    name: Glob::new(&pattern.name.value),
                    exclude: globs(&pattern.exclude),
                    sort: pattern.sort,
                    reverse: pattern.reverse,
                })
                .collect(),
        }
    }

    /// The patterns for section names.
    pub fn section_names(&self) -> impl Iterator<Item = &Glob> {
        let all = self.sections.is_empty().then_some(&Glob::Any);
        let named = self.sections.iter().map(|pattern| &pattern.name);
        all.into_iter().chain(named)
    }

    /// The key by which an index finds its files.
    pub fn file_key(&self) -> FileKey<'_> {
        self.files.key()
    }

    /// Whether sections that another description has selected affect its order. They do if the order is not
    /// total.
    pub fn order_depends_on_selected(&self) -> bool {
        let by_priority = |pattern: &Pattern| pattern.sort == Sort::InitPriority;
        let is_total = self.has_one_order() && !self.sections.iter().any(by_priority);
        !self.is_unsorted() && !is_total
    }

    fn is_unsorted(&self) -> bool {
        self.file_sort == FileSort::None && self.sections.iter().all(|one| one.sort == Sort::None)
    }

    /// Whether all patterns have the same order.
    fn has_one_order(&self) -> bool {
        let mut pairs = self.sections.iter().zip(self.sections.iter().skip(1));
        pairs.all(|(a, b)| a.sort == b.sort && a.reverse == b.reverse)
    }

    /// Whether the order of `selected` is total. Names with a priority compare by priority with each other, but
    /// by name with names without one, so a mixture is not transitive.
    fn is_total<'p>(
        &self,
        inputs: &[InputSection<'_>],
        selected: &[(usize, Option<&'p Pattern>)],
    ) -> bool {
        let by_priority = |pattern: &Pattern| pattern.sort == Sort::InitPriority;
        let has_priority = |(position, _): &(usize, Option<&'p Pattern>)| {
            init_priority(inputs[*position].name).is_some()
        };
        self.has_one_order()
            && (!self.sections.iter().any(by_priority)
                || selected.iter().all(has_priority)
                || !selected.iter().any(has_priority))
    }

    /// The candidates that the description selects, in its order. `candidates` are positions in `inputs`, in
    /// link order.
    pub fn select(
        &self,
        inputs: &[InputSection<'_>],
        candidates: impl Iterator<Item = usize>,
    ) -> Vec<usize> {
        let selected = candidates.flat_map(|position| {
            let patterns = self.patterns(&inputs[position]);
            patterns.map(move |pattern| (position, pattern))
        });
        let mut selected: Vec<_> = selected.collect();
        let mut order: Vec<usize> = if self.is_unsorted() || self.is_total(inputs, &selected) {
            if !self.is_unsorted() {
                selected.sort_by(|a, b| self.compare(&inputs[a.0], &inputs[b.0], b.1));
            }
            selected.into_iter().map(|(position, _)| position).collect()
        } else {
            self.tree_order(inputs, selected.into_iter())
        };
        if self.sections.len() > 1 {
            let mut seen = HashSet::default();
            order.retain(|&position| seen.insert(position));
        }
        order
    }

    /// The patterns that match a section; one `None` if the description has no patterns and selects all
    /// sections of its files.
    fn patterns(&self, input: &InputSection<'_>) -> impl Iterator<Item = Option<&Pattern>> {
        let excluded = |exclude: &[FileGlob]| exclude.iter().any(|file| file.excludes(input.file));
        let file_matches = self.files.matches(input.file) && !excluded(&self.exclude);
        let matches = move |pattern: &&Pattern| {
            file_matches && pattern.name.matches(input.name) && !excluded(&pattern.exclude)
        };
        let all = (file_matches && self.sections.is_empty()).then_some(None);
        all.into_iter()
            .chain(self.sections.iter().filter(matches).map(Some))
    }

    /// The order of several patterns in one description. GNU ld inserts each section into one tree, once for
    /// each matching pattern. Each insertion descends from the root by the order of its own pattern; without an
    /// order, it appends at the far right. The first place of a section counts.
    fn tree_order<'p>(
        &self,
        inputs: &[InputSection<'_>],
        selected: impl Iterator<Item = (usize, Option<&'p Pattern>)>,
    ) -> Vec<usize> {
        let mut tree = Tree::default();
        for (position, pattern) in selected {
            let unsorted = self.file_sort == FileSort::None
                && pattern.is_none_or(|pattern| pattern.sort == Sort::None);
            if unsorted {
                tree.append(position);
            } else {
                tree.insert(position, |other| {
                    self.compare(&inputs[position], &inputs[other], pattern) == Ordering::Less
                });
            }
        }
        tree.in_order()
    }

    /// Compares by the order of files first, then by the order of `pattern`.
    fn compare(
        &self,
        a: &InputSection<'_>,
        b: &InputSection<'_>,
        pattern: Option<&Pattern>,
    ) -> Ordering {
        let files = match self.file_sort {
            FileSort::None => Ordering::Equal,
            FileSort::Name => file_order(a.file, b.file),
            FileSort::ReverseName => file_order(b.file, a.file),
        };
        files.then_with(|| match pattern {
            Some(pattern) if pattern.reverse => section_order(pattern.sort, b, a),
            Some(pattern) => section_order(pattern.sort, a, b),
            None => Ordering::Equal,
        })
    }
}

/// Compares by the path of the archive or file, then by the name of the member.
fn file_order(a: FileName<'_>, b: FileName<'_>) -> Ordering {
    outermost(a)
        .cmp(outermost(b))
        .then_with(|| a.archive.is_some().cmp(&b.archive.is_some()))
        .then_with(|| a.file.cmp(b.file))
}

fn outermost(name: FileName<'_>) -> &str {
    name.archive.unwrap_or(name.file)
}

fn section_order(sort: Sort, a: &InputSection<'_>, b: &InputSection<'_>) -> Ordering {
    let names = || a.name.cmp(b.name);
    let alignments = || b.alignment.cmp(&a.alignment);
    match sort {
        Sort::None => Ordering::Equal,
        Sort::Name => names(),
        Sort::Alignment => alignments(),
        Sort::NameAlignment => names().then_with(alignments),
        Sort::AlignmentName => alignments().then_with(names),
        Sort::InitPriority => match (init_priority(a.name), init_priority(b.name)) {
            (Some(a), Some(b)) if a != b => a.cmp(&b),
            _ => names(),
        },
    }
}

/// The number at the end of a name such as `.init_array.00100`. The priorities of `.ctors` and `.dtors` are
/// reversed.
fn init_priority(name: &str) -> Option<u64> {
    let (base, digits) = name.rsplit_once('.')?;
    let priority: u64 = digits.parse().ok()?;
    match base {
        ".ctors" | ".dtors" => 65535_u64.checked_sub(priority),
        _ => Some(priority),
    }
}

/// An unbalanced binary tree.
#[derive(Debug, Default)]
struct Tree {
    nodes: Vec<Node>,
    /// The node at the far right.
    last: usize,
}

#[derive(Debug)]
struct Node {
    value: usize,
    left: Option<usize>,
    right: Option<usize>,
}

impl Tree {
    /// Appends a value at the far right.
    fn append(&mut self, value: usize) {
        let new = self.add(value);
        if new > 0 {
            self.nodes[self.last].right = Some(new);
        }
        self.last = new;
    }

    fn add(&mut self, value: usize) -> usize {
        self.nodes.push(Node {
            value,
            left: None,
            right: None,
        });
        self.nodes.len() - 1
    }

    /// Inserts a value, to the left of the values that it is less than.
    fn insert(&mut self, value: usize, is_less_than: impl Fn(usize) -> bool) {
        let new = self.add(value);
        let mut current = 0;
        let mut is_last = true;
        while current != new {
            let less = is_less_than(self.nodes[current].value);
            is_last &= !less;
            let node = &mut self.nodes[current];
            let child = if less {
                &mut node.left
            } else {
                &mut node.right
            };
            current = *child.get_or_insert(new);
        }
        if is_last {
            self.last = new;
        }
    }

    fn in_order(&self) -> Vec<usize> {
        let mut values = Vec::with_capacity(self.nodes.len());
        let mut ancestors = Vec::new();
        let mut current = (!self.nodes.is_empty()).then_some(0);
        loop {
            while let Some(node) = current {
                ancestors.push(node);
                current = self.nodes[node].left;
            }
            let Some(node) = ancestors.pop() else {
                return values;
            };
            values.push(self.nodes[node].value);
            current = self.nodes[node].right;
        }
    }
}
