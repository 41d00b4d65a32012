//! Where the documents disagree, which of the two is played (PROTOCOL §8); a key each, switchable while it runs.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::scenario::{ScenarioError, wrong};
use crate::domain::Timestamp;

/// `[readings]` of a scenario. The defaults are what a client meets most.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Readings {
    /// Whether `traiter/recue` imposes an order of statuses.
    pub status_order: StatusOrder,
    /// The number that status files have for COMPLETEE.
    pub completed_code: CompletedCode,
    /// The number that status files have for REJETEE.
    pub rejected_code: RejectedCode,
    /// What a supplier's platform is told for RETRAIT_MAN_SERV.
    pub withdrawn_motif: WithdrawnMotif,
    /// Under which name `structures/consulter` takes the structure.
    pub structure_id: StructureId,
    /// The largest flux that is taken.
    pub flux_limit: FluxLimit,
    /// How a flux ends in which nothing can be read.
    pub unreadable: Unreadable,
    /// How a single structure is listed.
    pub structure_list: ListShape,
    /// How much of a commitment number is checked.
    pub commitments: CommitmentCheck,
    /// What the directory archive holds.
    pub directory_form: DirectoryForm,
    /// The schema of the pivots.
    pub pivot_version: PivotVersion,
    /// What a pivot says of its version.
    pub pivot_version_told: VersionTold,
    /// How several pivots are handed over.
    pub group_pivot: GroupPivot,
    /// Whether services that the qualification portal lacks answer.
    pub sandbox_gaps: Gaps,
    /// How the dates of statuses are written.
    pub status_dates: StatusDates,
    /// The last day (`yyyy-mm-dd`, Paris) a buyer may still set A_RECYCLER by the API (DSE-CP §2.4.2); without it,
    /// recycling is over. What was recycled before may still be finished.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recycling_until: Option<String>,
}

impl Readings {
    /// What types alone do not say.
    pub(super) fn check(&self) -> Result<(), ScenarioError> {
        match &self.recycling_until {
            Some(day) if day.parse::<jiff::civil::Date>().is_err() => {
                Err(wrong("readings.recycling_until", "must be a day: yyyy-mm-dd"))
            }
            _ => Ok(()),
        }
    }

    /// Whether a buyer may set A_RECYCLER on this day.
    pub(super) fn recycles(&self, today: &str) -> bool {
        // Both are yyyy-mm-dd: the order of the text is that of time.
        self.recycling_until.as_deref().is_some_and(|last| today <= last)
    }
}

macro_rules! reading {
    ($(#[$doc:meta])* $name:ident { $(#[$first_doc:meta])* $first:ident = $first_key:literal, $($(#[$other_doc:meta])* $other:ident = $other_key:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
        pub enum $name {
            $(#[$first_doc])*
            #[default]
            #[serde(rename = $first_key)]
            $first,
            $($(#[$other_doc])* #[serde(rename = $other_key)] $other),+
        }
    };
}

reading! {
    /// PROTOCOL §3, transitions: the API answers 20002; DSE-CP §3.4 imposes no order.
    StatusOrder { Strict = "strict", Loose = "loose" }
}
reading! {
    /// EDI code of COMPLETEE: the schema's, or DSE-CP's.
    CompletedCode { Schema = "12", Specification = "32" }
}
reading! {
    /// EDI code of REJETEE: the schema's, or that of DSE-CP §2.4.2.
    RejectedCode { Schema = "05", Specification = "17" }
}
reading! {
    /// RETRAIT_MAN_SERV towards the supplier: as it is (DSE-CP table 3), or AUTRE (table 4).
    WithdrawnMotif { AsIs = "as_is", Other = "other" }
}
reading! {
    /// What `structures/consulter` calls the structure.
    StructureId { Either = "either", IdStructureCpp = "idStructureCPP", IdStructure = "idStructure" }
}
reading! {
    /// The largest flux: 10 MB a file and 30 MB an archive (API), or 100 MB and 1 GB (EDI).
    FluxLimit { Api = "api", Edi = "edi" }
}
reading! {
    /// The final state of a flux in which nothing can be read: rejected, as seen; or inadmissible, as DSE-G table 3
    /// has it.
    Unreadable { Rejected = "IN_REJETE", Inadmissible = "QP_IRRECEVABLE" }
}
reading! {
    /// How `structures/rechercher` lists a single structure: seen once as the object itself.
    ListShape { Array = "array", Object = "object" }
}
reading! {
    /// Whether a commitment number must only be there, or be one the recipient has.
    CommitmentCheck { Presence = "presence", Known = "known" }
}
reading! {
    /// What the directory archive holds.
    DirectoryForm { Csv = "csv", Xml = "xml" }
}
reading! {
    /// The schema a pivot is written for.
    PivotVersion { V2_02 = "V2_02", V1_22 = "V1_22", V1_21 = "V1_21", V1_20 = "V1_20" }
}
reading! {
    /// Whether a pivot says its version: those seen in the field do not. Or it says one that is still to come, whatever its
    /// schema.
    VersionTold { Yes = "yes", No = "no", Newer = "newer" }
}
reading! {
    /// `telecharger/groupe` of several pivots: one file, or a ZIP with one each.
    GroupPivot { OneFile = "one_file", OneEach = "one_each" }
}
reading! {
    /// Whether services that the qualification portal lacks are missing here too: `rechercher/demandePaiement` and
    /// `consulter/information/siret`.
    Gaps { Served = "served", Missing = "missing" }
}

reading! {
    /// How searches write when an invoice got its status (PROTOCOL §2.2, dates): as its history does, in UTC to the second,
    /// or not at all; nowhere: nor has the history a row.
    StatusDates { Offset = "offset", Utc = "utc", Missing = "missing", Nowhere = "nowhere" }
}

impl StatusDates {
    pub(super) fn write(self, at: Timestamp) -> Value {
        match self {
            StatusDates::Offset => at.paris_iso().into(),
            StatusDates::Utc => {
                let text = at.to_string();
                format!("{}Z", text.split('.').next().unwrap_or_default()).into()
            }
            StatusDates::Missing | StatusDates::Nowhere => Value::Null,
        }
    }
}

impl PivotVersion {
    pub(super) fn name(self) -> &'static str {
        match self {
            PivotVersion::V2_02 => "V2_02",
            PivotVersion::V1_22 => "V1_22",
            PivotVersion::V1_21 => "V1_21",
            PivotVersion::V1_20 => "V1_20",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn recycling_ends_with_its_day() {
        let until = |day: Option<&str>| Readings { recycling_until: day.map(str::to_owned), ..Readings::default() };
        assert!(!until(None).recycles("2026-11-23"));
        assert!(until(Some("2026-11-23")).recycles("2026-11-23"));
        assert!(!until(Some("2026-11-22")).recycles("2026-11-23"));
        assert!(until(Some("tomorrow")).check().is_err());
    }

    #[test]
    fn a_reading_is_named_by_its_value() {
        let read: Readings = toml::from_str("status_order = \"loose\"\ncompleted_code = \"32\"").unwrap();
        assert_eq!((read.status_order, read.completed_code), (StatusOrder::Loose, CompletedCode::Specification));
        assert!(toml::from_str::<Readings>("rejected_code = \"06\"").is_err());
    }
}
