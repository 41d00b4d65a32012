//! Pages of lists, as every search asks for and answers them: flat or nested figures, one object for a list of one, no row
//! as a code or as a total of zero, one bad row beside good ones.

use serde_json::{Map, Value};

use crate::chorus::{Unreadable, field};

/// Code of a search that found nothing (TRA_MSG_00.015).
pub(super) const NO_ROWS: i64 = 20_000;

/// Which page of a result is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Page {
    /// 1 is the first.
    pub number: u32,
    /// Rows on a page; each service has a limit of its own.
    pub rows: u32,
}

impl Page {
    /// The first hundred rows.
    pub const FIRST: Page = Page { number: 1, rows: 100 };
    /// The first of a long list: as many rows as Chorus Pro gives at once.
    pub const WIDE: Page = Page { number: 1, rows: 200 };

    /// The page after this one, of the same size.
    #[must_use]
    pub fn next(self) -> Self {
        Self { number: self.number.saturating_add(1), ..self }
    }
}

/// One page of a search's result.
#[derive(Debug, Clone, PartialEq)]
pub struct ResultPage<R> {
    /// How many pages there are; 0 when nothing was found.
    pub pages: u32,
    /// How many rows there are on all pages, when the answer says.
    pub total: Option<u64>,
    pub rows: Vec<R>,
    /// Rows that could not be read: the others are not delayed by them, but somebody should hear of it.
    pub unreadable: Vec<Unreadable>,
}

impl<R> ResultPage<R> {
    /// Whether a further page is to be asked for after the one that was `asked` for: which one the answer takes itself
    /// for counts for nothing.
    pub fn has_more(&self, asked: Page) -> bool {
        asked.number < self.pages
    }
}

/// A page asked for, in the shape all lists share; a sort column only where the swagger gives one.
pub(super) fn paging(page: Page, limit: u32, sort: Option<&str>) -> Value {
    let mut paging = Map::new();
    paging.insert("pageResultatDemandee".to_owned(), page.number.max(1).into());
    paging.insert("nbResultatsParPage".to_owned(), page.rows.clamp(1, limit).into());
    if let Some(column) = sort {
        paging.insert("triColonne".to_owned(), column.into());
        paging.insert("triSens".to_owned(), "Ascendant".into());
    }
    Value::Object(paging)
}

/// Reads a page whose rows stand under `list`; its figures are nested under `parametresRetour` in one search and flat in
/// another (PROTOCOL §2.2). `no_rows` are the codes by which the service says that there is none.
pub(super) fn read<R>(
    answer: &Value,
    list: &str,
    no_rows: &[i64],
    read_row: impl Fn(&Value, &str) -> Result<R, Unreadable>,
) -> Result<ResultPage<R>, Unreadable> {
    let nested = answer.get("parametresRetour").filter(|p| p.is_object());
    let figures = nested.unwrap_or(answer);
    let number = |name| field::integer(figures, name).and_then(|n| u32::try_from(n).ok());
    let mut page = ResultPage {
        pages: 0,
        total: field::integer(figures, "total").and_then(|n| u64::try_from(n).ok()),
        rows: Vec::new(),
        unreadable: Vec::new(),
    };
    if field::integer(answer, "codeRetour").is_some_and(|code| no_rows.contains(&code)) {
        page.total = Some(0);
        return Ok(page);
    }
    // "No row" is said by its code or by a total of zero: an answer that merely lacks the list proves nothing.
    if answer.get(list).is_none_or(Value::is_null) && page.total != Some(0) {
        return Err(Unreadable::new(list, "is missing"));
    }
    for (n, row) in field::list(answer, list).into_iter().enumerate() {
        match read_row(row, &format!("{list}[{n}]")) {
            Ok(row) => page.rows.push(row),
            Err(unreadable) => page.unreadable.push(unreadable),
        }
    }
    let any = !page.rows.is_empty() || !page.unreadable.is_empty();
    page.pages = match number("pages") {
        Some(pages) => pages,
        // Without the number of pages a result cannot be known to be whole, unless the total says that it is.
        None if page.total == u64::try_from(page.rows.len() + page.unreadable.len()).ok() => 1,
        None if any => return Err(Unreadable::new("pages", "is missing")),
        None => 0,
    };
    Ok(page)
}
