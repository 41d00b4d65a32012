//! The tree an account sees: what a path means. Pure.

use crate::gate::{DEPOT, FIRST_FOLDERS, NameProblem, RELEASES, RESULT_FOLDERS, check_name, printable_name};

/// Bytes of a path, at most.
const PATH_LIMIT: usize = 4096;
/// Folders below each other, at most.
const DEPTH_LIMIT: usize = 16;

/// What a path means to an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    Root,
    /// A drop folder that exists: `depot`, one a route names (or one on the way to it), or that of releases.
    Depot {
        folder: String,
    },
    /// A file name in a drop folder.
    Drop {
        folder: String,
        name: Result<String, NameProblem>,
        /// The name, fit for a message and a receipt.
        shown: String,
    },
    /// Something in, or one of, the folders of results: `accuses`, `recues/x/pivot.xml`.
    Results {
        path: String,
    },
    /// No such folder. Both parts are fit for a message and a receipt.
    Nowhere {
        folder: String,
        name: String,
    },
}

/// The drop folders of an account, from its routes.
#[derive(Debug, Clone)]
pub struct Tree {
    /// Sorted, with every folder on the way.
    folders: Vec<String>,
}

impl Tree {
    /// `routed` as in [`crate::gate::Grant::folders`].
    pub fn new(routed: &[String]) -> Self {
        let mut folders = vec![DEPOT.to_owned()];
        for folder in routed.iter().filter(|f| f.starts_with("depot/")) {
            let ends = folder.match_indices('/').map(|(at, _)| at).chain([folder.len()]);
            folders.extend(ends.map(|end| folder[..end].to_owned()));
        }
        folders.extend(routed.iter().filter(|f| *f == RELEASES).cloned());
        folders.sort();
        folders.dedup();
        Self { folders }
    }

    /// Names in the root.
    pub fn root(&self) -> impl Iterator<Item = &'static str> {
        let releases = self.known(RELEASES).map(|_| RELEASES);
        FIRST_FOLDERS.into_iter().chain(releases)
    }

    /// Names of the drop folders directly inside `folder`.
    pub fn inside<'a>(&'a self, folder: &str) -> impl Iterator<Item = &'a str> {
        let prefix = format!("{folder}/");
        self.folders.iter().filter_map(move |f| f.strip_prefix(prefix.as_str())).filter(|rest| !rest.contains('/'))
    }

    /// What the path means; relative ones begin at the root.
    pub fn resolve(&self, path: &[u8]) -> Place {
        let Some(parts) = parts(path) else {
            return Place::Nowhere { folder: "/".into(), name: shown(path) };
        };
        let (Some(first), Some(last)) = (parts.first(), parts.last()) else { return Place::Root };
        let texts: Option<Vec<&str>> = parts.iter().map(|p| std::str::from_utf8(p).ok()).collect();
        if RESULT_FOLDERS.iter().any(|f| f.as_bytes() == *first) {
            return match texts {
                Some(texts) => Place::Results { path: texts.join("/") },
                None => self.nowhere(&parts),
            };
        }
        if let Some(texts) = &texts
            && let Some(folder) = self.known(&texts.join("/"))
        {
            return Place::Depot { folder };
        }
        let parents = parts[..parts.len() - 1].join(&b'/');
        match std::str::from_utf8(&parents).ok().and_then(|parent| self.known(parent)) {
            Some(folder) => {
                Place::Drop { folder, name: check_name(last).map(str::to_owned), shown: printable_name(&shown(last)) }
            }
            None => self.nowhere(&parts),
        }
    }

    fn known(&self, folder: &str) -> Option<String> {
        self.folders.binary_search_by(|f| f.as_str().cmp(folder)).ok().map(|at| self.folders[at].clone())
    }

    #[expect(clippy::unused_self, reason = "reads as the last case of resolve")]
    fn nowhere(&self, parts: &[&[u8]]) -> Place {
        let (last, parents) = parts.split_last().expect("the root is always known");
        let folder = format!("/{}", shown(&parents.join(&b'/')));
        Place::Nowhere { folder, name: printable_name(&shown(last)) }
    }
}

/// Text of bytes that may be anything, short enough for a message.
fn shown(bytes: &[u8]) -> String {
    let text: String = String::from_utf8_lossy(&bytes[..bytes.len().min(PATH_LIMIT)]).chars().take(255).collect();
    text.chars().map(|c| if c.is_control() { '_' } else { c }).collect()
}

/// The path's parts with `.`, `..` and double slashes resolved; `None` when it is longer or deeper than any path.
fn parts(path: &[u8]) -> Option<Vec<&[u8]>> {
    if path.len() > PATH_LIMIT {
        return None;
    }
    let mut parts: Vec<&[u8]> = Vec::new();
    for part in path.split(|b| *b == b'/') {
        match part {
            b"" | b"." => {}
            b".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    (parts.len() <= DEPTH_LIMIT).then_some(parts)
}

/// The absolute form of a path, as bytes (`REALPATH`).
pub fn absolute(path: &[u8]) -> Option<Vec<u8>> {
    Some([b"/", parts(path)?.join(&b'/').as_slice()].concat())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn tree() -> Tree {
        Tree::new(&["depot".into(), "depot/qualif".into(), "depot/a/b".into(), "elsewhere".into()])
    }

    #[test]
    fn paths_mean_places() {
        let tree = tree();
        let depot = |folder: &str| Place::Depot { folder: folder.into() };
        let drop =
            |folder: &str, name: &str| Place::Drop { folder: folder.into(), name: Ok(name.into()), shown: name.into() };
        let results = |path: &str| Place::Results { path: path.into() };
        let nowhere = |folder: &str, name: &str| Place::Nowhere { folder: folder.into(), name: name.into() };
        for (path, place) in [
            ("", Place::Root),
            ("/", Place::Root),
            (".", Place::Root),
            ("/../..", Place::Root),
            ("/depot", depot("depot")),
            ("depot/", depot("depot")),
            ("/depot/qualif", depot("depot/qualif")),
            ("/depot/a", depot("depot/a")),
            ("/depot/a/b", depot("depot/a/b")),
            ("/depot/x.xml", drop("depot", "x.xml")),
            ("//depot/./y/../x.xml", drop("depot", "x.xml")),
            ("/depot/a/b/x.xml", drop("depot/a/b", "x.xml")),
            ("/accuses", results("accuses")),
            ("/recues/f/pivot.xml", results("recues/f/pivot.xml")),
            ("/recues/../depot/x", drop("depot", "x")),
            ("/x.xml", nowhere("/", "x.xml")),
            ("/elsewhere/x.xml", nowhere("/elsewhere", "x.xml")),
            ("/depot/c/x.xml", nowhere("/depot/c", "x.xml")),
            ("/etc/passwd", nowhere("/etc", "passwd")),
            ("/mise-a-jour/x.update", nowhere("/mise-a-jour", "x.update")),
        ] {
            assert_eq!(tree.resolve(path.as_bytes()), place, "{path:?}");
        }
        assert!(matches!(
            tree.resolve(b"/depot/a\nb"),
            Place::Drop { name: Err(NameProblem::Control), shown, .. } if shown == "a_b"
        ));
        assert!(matches!(tree.resolve(b"/depot/\xff"), Place::Drop { name: Err(NameProblem::NotUtf8), .. }));
        assert!(matches!(tree.resolve(b"/\xff/x"), Place::Nowhere { .. }));
        assert_eq!(tree.inside("depot").collect::<Vec<_>>(), ["a", "qualif"]);
        let releases = Tree::new(&["mise-a-jour".into()]);
        assert_eq!(releases.resolve(b"/mise-a-jour/x.update"), drop("mise-a-jour", "x.update"));
        assert_eq!(releases.resolve(b"/mise-a-jour/"), depot("mise-a-jour"));
        assert_eq!(releases.resolve(b"/mise-a-jour/a/x"), nowhere("/mise-a-jour/a", "x"));
        assert!(releases.root().any(|name| name == "mise-a-jour") && !tree.root().any(|name| name == "mise-a-jour"));
        assert_eq!(absolute(b"a/../b/./c").unwrap(), b"/b/c");
    }

    proptest! {
        #[test]
        fn results_never_climb(path in "[a-z./]{0,40}") {
            if let Place::Results { path } = tree().resolve(path.as_bytes()) {
                prop_assert!(path.split('/').all(|p| !p.is_empty() && p != "." && p != ".."));
            }
        }

        #[test]
        fn noise_is_never_a_panic(path: Vec<u8>) {
            let _ = tree().resolve(&path);
            let _ = absolute(&path);
        }
    }
}
