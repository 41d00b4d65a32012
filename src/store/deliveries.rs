//! Reads of what stands in `/recues`: deliveries and complements that the application has not taken, and the readable copy
//! that goes with one.

use super::columns::{count, instant, maybe_hash, realm, word};
use super::reader::Reader;
use super::{StandingDelivery, StoreError};
use crate::domain::{AccountName, DocumentHash, FlowId, Realm, Timestamp};
use crate::fault::{Code, Text};

/// Deliveries that one look answers at most.
const AT_ONCE: u32 = 500;

/// Whatever stands in `/recues` since before `?1`.
const STANDING: &str = "
    SELECT id, account, 0 AS n, delivered_as AS folder, since AS placed FROM flow INDEXED BY flow_state
    WHERE kind = 'reception' AND state = 'delivered' AND delivered_as IS NOT NULL AND since < ?1
    UNION ALL
    SELECT flow.id, account, n, complement.delivered_as, placed_at FROM complement INDEXED BY complement_untaken
    JOIN flow ON flow.realm = complement.realm AND flow.id = complement.flow
    WHERE placed_at < ?1 AND placed_at IS NOT NULL AND taken_at IS NULL";

impl Reader {
    /// What the application has not taken yet, by its names under `/recues`.
    pub fn delivered(&self, account: &AccountName) -> Result<Vec<StandingDelivery>, StoreError> {
        let sql = format!("SELECT * FROM ({STANDING}) WHERE account = ?2 ORDER BY id, n");
        self.all(&sql, (i64::MAX, account.as_str()), standing)
    }

    /// What has stood since before then, of flows that show no fault: of each the oldest; at most 500.
    pub fn overdue_deliveries(&self, before: Timestamp) -> Result<Vec<StandingDelivery>, StoreError> {
        let sql = format!(
            "SELECT standing.id, n, folder, min(placed) AS placed FROM ({STANDING}) AS standing
             JOIN flow ON flow.id = standing.id WHERE fault_code IS NULL
             GROUP BY standing.id ORDER BY standing.id LIMIT {AT_ONCE}"
        );
        self.all(&sql, [before.millis()], standing)
    }

    /// Flows that show `code` (nobody takes it), of which nothing stands any more; at most 500.
    pub fn no_longer_standing(&self, code: Code) -> Result<Vec<FlowId>, StoreError> {
        let sql = format!(
            "SELECT id FROM flow INDEXED BY flow_stuck WHERE fault IS NOT NULL AND fault_code = ?2
             AND id NOT IN (SELECT id FROM ({STANDING})) ORDER BY id LIMIT {AT_ONCE}"
        );
        self.all(&sql, (i64::MAX, code.as_str()), |r| word(r, "id"))
    }

    /// The flows that show `code` (nobody takes it): by realm and account, how many, and since when the oldest stands.
    pub fn untaken(&self, code: Code) -> Result<Vec<(Realm, String, u64, Timestamp)>, StoreError> {
        let sql = format!(
            "SELECT establishment, environment, account, count(*) AS number, min(oldest) AS oldest FROM
                 (SELECT flow.realm AS realm, flow.account AS account, min(placed) AS oldest
                  FROM flow INDEXED BY flow_stuck JOIN ({STANDING}) AS standing ON standing.id = flow.id
                  WHERE fault IS NOT NULL AND fault_code = ?2 GROUP BY flow.id) AS overdue
             JOIN realm ON realm.id = overdue.realm GROUP BY overdue.realm, account"
        );
        self.all(&sql, (i64::MAX, code.as_str()), |r| {
            Ok((realm(r)?, r.get("account")?, count(r.get("number")?), instant(r, "oldest")?))
        })
    }

    /// What came of asking for the readable copy of a received invoice; `None`: it was not asked for.
    pub fn readable_copy(&self, flow: &FlowId) -> Result<Option<Result<DocumentHash, Text>>, StoreError> {
        self.one(
            "SELECT readable_copy.* FROM flow
             JOIN readable_copy ON readable_copy.realm = flow.realm AND readable_copy.flow = flow.id WHERE flow.id = ?1",
            [flow.as_str()],
            |r| match maybe_hash(r, "sha256")? {
                Some(hash) => Ok(Ok(hash)),
                None => Ok(Err(Text::new(r.get::<_, String>("missing_fr")?, r.get::<_, String>("missing_en")?))),
            },
        )
    }
}

fn standing(r: &rusqlite::Row<'_>) -> rusqlite::Result<StandingDelivery> {
    Ok(StandingDelivery {
        flow: word(r, "id")?,
        complement: r.get("n")?,
        folder: r.get("folder")?,
        since: instant(r, "placed")?,
    })
}
