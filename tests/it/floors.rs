//! Do the floors and walls of `src/lib.rs` hold? Read from the sources: every `crate::<module>` named in a module.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// A module's name, its 0-based floor, and the neighbours it must not import (`∥`).
struct House {
    floors: Vec<String>,
    neighbours: Vec<(String, String)>,
}

/// Who runs where: a module of the first list never imports one of the second.
const WALLS: &[(&[&str], &[&str])] = &[
    (&["door", "bridge"], &["store", "work", "web", "chorus"]),
    (&["store", "work", "web", "chorus"], &["door", "bridge"]),
    (&["simulator"], &["chorus", "invoice"]),
    (&["keeper", "installer"], &["store", "net", "work", "config", "web", "chorus", "invoice", "door", "bridge"]),
];

impl House {
    fn read(lib: &str) -> Self {
        let mut floors = Vec::new();
        let mut neighbours = Vec::new();
        for line in lib.lines() {
            let Some(rest) = line.strip_prefix("pub mod ") else { continue };
            let (name, comment) = rest.split_once(';').expect("a module line ends with a semicolon");
            floors.push(name.to_owned());
            if let Some(other) = comment.trim().strip_prefix("// ∥ ") {
                neighbours.push((name.to_owned(), other.trim().to_owned()));
            }
        }
        Self { floors, neighbours }
    }

    fn floor(&self, module: &str) -> Option<usize> {
        self.floors.iter().position(|m| m == module)
    }

    /// What is wrong with `module` importing `other`.
    fn objection(&self, module: &str, other: &str) -> Option<String> {
        let (own, its) = (self.floor(module)?, self.floor(other)?);
        if self.neighbours.iter().any(|(a, b)| (a == module && b == other) || (b == module && a == other)) {
            return Some(format!("{module} imports its neighbour {other}"));
        }
        if let Some((_, _)) =
            WALLS.iter().find(|(inside, outside)| inside.contains(&module) && outside.contains(&other))
        {
            return Some(format!("{module} imports {other} through the wall"));
        }
        (its > own).then(|| format!("{module} imports {other}, which is below it in src/lib.rs"))
    }

    fn objections(&self, module: &str, source: &str) -> Vec<String> {
        imported(source)
            .into_iter()
            .filter(|other| other != module)
            .filter_map(|other| self.objection(module, &other))
            .collect()
    }
}

/// Every module named by `crate::module` or inside `crate::{a, b::c}` in a source text, comments left out.
fn imported(source: &str) -> Vec<String> {
    let code: String = source
        .lines()
        .map(|line| line.split_once("//").map_or(line, |(before, _)| before))
        .collect::<Vec<_>>()
        .join("\n");
    let mut found = Vec::new();
    for (at, root) in code.match_indices("crate::") {
        let rest = &code[at + root.len()..];
        if let Some(group) = rest.strip_prefix('{') {
            let mut depth = 0usize;
            let mut word = String::new();
            for c in group.chars() {
                match c {
                    '{' => depth += 1,
                    '}' if depth == 0 => break,
                    '}' => depth -= 1,
                    _ => {}
                }
                if depth == 0 && c != '}' {
                    word.push(c);
                }
            }
            found.extend(word.split(',').map(|w| first_word(w.trim())));
        } else {
            found.push(first_word(rest));
        }
    }
    found.retain(|word| !word.is_empty());
    found.sort();
    found.dedup();
    found
}

fn first_word(text: &str) -> String {
    text.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect()
}

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|e| e == "rs") {
            found.push(path);
        }
    }
}

/// Every source of a module, by module: `src/a/…` and `src/a.rs` belong to `a`.
fn modules() -> BTreeMap<String, Vec<PathBuf>> {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut paths = Vec::new();
    sources(&src, &mut paths);
    let mut modules: BTreeMap<String, Vec<PathBuf>> = BTreeMap::new();
    for path in paths {
        let first = path.strip_prefix(&src).unwrap().components().next().unwrap();
        let name = Path::new(&first).file_stem().unwrap().to_str().unwrap().to_owned();
        modules.entry(name).or_default().push(path);
    }
    modules
}

fn house() -> House {
    House::read(include_str!("../../src/lib.rs"))
}

#[test]
fn every_module_imports_only_upward() {
    let house = house();
    let mut objections = Vec::new();
    for (module, paths) in modules() {
        for path in paths {
            for objection in house.objections(&module, &fs::read_to_string(&path).unwrap()) {
                objections.push(format!("{}: {objection}", path.display()));
            }
        }
    }
    assert!(objections.is_empty(), "{}", objections.join("\n"));
}

/// The longest chain of `super::` in a source text.
fn steps_up(source: &str) -> usize {
    source
        .lines()
        .map(|line| line.split("//").next().unwrap_or_default())
        .flat_map(|code| code.split(|c: char| !c.is_ascii_alphanumeric() && c != '_' && c != ':'))
        .map(|path| path.split("::").filter(|word| *word == "super").count())
        .max()
        .unwrap_or(0)
}

/// `super::` must not climb to the crate's root, where every floor is in reach unseen.
#[test]
fn nobody_climbs_out_of_its_module() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    for (module, paths) in modules() {
        for path in paths {
            let inside = path.strip_prefix(&src).unwrap().with_extension("");
            let is_mod = inside.file_name().is_some_and(|name| name == "mod");
            // Inline test modules are one level deeper than their file.
            let deep = inside.components().count() - usize::from(is_mod) - 1;
            let allowed = deep + usize::from(fs::read_to_string(&path).unwrap().contains("mod tests {"));
            let climbs = steps_up(&fs::read_to_string(&path).unwrap());
            assert!(climbs <= allowed, "{module}: {} climbs {climbs} with super::", path.display());
        }
    }
    assert_eq!(steps_up("use super::super::store::Store; // super::super::super::x"), 2);
}

#[test]
fn every_module_has_its_floor_and_every_floor_its_module() {
    let house = house();
    let on_disk: Vec<String> = modules().into_keys().filter(|m| m != "lib" && m != "main").collect();
    let mut floors = house.floors.clone();
    floors.sort();
    assert_eq!(floors, on_disk);
}

#[test]
fn a_planted_import_is_found() {
    let house = house();
    let planted = [
        ("domain", "use crate::store::Store;", "below it"),
        ("flow", "fn f() { crate::web::serve() }", "below it"),
        ("store", "use crate::{domain::FlowId, net::Client};", "neighbour"),
        ("net", "use crate::store::Store;", "neighbour"),
        ("bridge", "use crate::{\n    domain,\n    store::{Store, Step},\n};", "through the wall"),
        ("door", "use crate::chorus;", "through the wall"),
        ("work", "use crate::bridge::client;", "through the wall"),
        ("simulator", "use crate::invoice::examine;", "through the wall"),
        ("keeper", "use crate::config::Config;", "through the wall"),
    ];
    for (module, source, why) in planted {
        let objections = house.objections(module, source);
        assert!(objections.iter().any(|o| o.contains(why)), "{module}: {source}: {objections:?}");
    }
    assert!(
        house.objections("work", "use crate::{domain::FlowId, store::Store}; // crate::web is not meant").is_empty()
    );
}

#[test]
fn unsafe_stands_only_in_os() {
    for (module, paths) in modules() {
        for path in paths {
            let source = fs::read_to_string(&path).unwrap();
            let named = source.lines().any(|l| {
                let code = l.split("//").next().unwrap_or_default();
                code.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').any(|word| word == "unsafe")
            });
            assert!(module == "os" || !named, "{}: unsafe outside os/", path.display());
        }
    }
}

#[test]
fn no_room_is_named_after_nothing() {
    let mut paths = Vec::new();
    sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut paths);
    for path in paths {
        let stem = path.file_stem().unwrap().to_str().unwrap();
        assert!(!["util", "utils", "common", "types", "helpers", "misc"].contains(&stem), "{}", path.display());
    }
}
