//! What front last told of the walls around it, for the watch and the numbers. Core knows its own by itself.

use std::sync::Arc;

use arc_swap::ArcSwapOption;

use crate::os::sandbox::{self, Report};

/// Shared by those who hear and those who show. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct FrontWalls(Arc<ArcSwapOption<Report>>);

impl FrontWalls {
    pub fn told(&self, report: Report) {
        self.0.store(Some(Arc::new(report)));
    }

    /// Whether front told anything since core started.
    pub fn has_spoken(&self) -> bool {
        self.0.load().is_some()
    }

    /// Each process that has walls, with what there is to tell of them.
    pub fn everybodys(&self) -> Vec<(&'static str, Report)> {
        let front = self.0.load_full().map(|report| Report::clone(&report));
        [("core", sandbox::report()), ("front", front)]
            .into_iter()
            .filter_map(|(process, report)| Some((process, report?)))
            .collect()
    }
}
