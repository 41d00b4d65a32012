//! Paragraphs and tables in the image's own manner: the few forms that all its parts are made of.

use std::collections::VecDeque;

use super::letters::{Ink, Weight};
use super::sheet::{Align, BODY, Branch, Carried, Cell, Column, Look, MARGIN, Paragraph, ROOM, Role, SMALL, Sheet};
use super::unsaid::NOTHING;

/// The gap between blocks side by side.
const GAP: f32 = 10.0;
/// The size of a part's title.
pub const TITLE: f32 = 10.5;
/// Rows at the end of a table that stay together: fewer on a page of their own look lost.
const LAST_ROWS: usize = 3;

/// A row of a table, and what the table has come to with it.
pub struct Row {
    pub cells: Vec<Cell>,
    pub carried: Option<Carried>,
}

impl From<Vec<Cell>> for Row {
    fn from(cells: Vec<Cell>) -> Self {
        Self { cells, carried: None }
    }
}

pub fn plain(sheet: &mut Sheet, text: &str) -> Paragraph {
    one(sheet, text, Weight::Regular, BODY, Ink::Dark)
}

pub fn bold(sheet: &mut Sheet, text: &str) -> Paragraph {
    one(sheet, text, Weight::Bold, BODY, Ink::Dark)
}

pub fn small(sheet: &mut Sheet, text: &str) -> Paragraph {
    one(sheet, text, Weight::Regular, SMALL, Ink::Muted)
}

pub fn one(sheet: &mut Sheet, text: &str, weight: Weight, size: f32, ink: Ink) -> Paragraph {
    Paragraph { runs: vec![sheet.run(text, weight, size, ink)], before: 1.0 }
}

/// `label : value`.
pub fn labelled(sheet: &mut Sheet, label: &str, value: &str) -> Paragraph {
    let mut label = sheet.run(label, Weight::Regular, BODY, Ink::Muted);
    // The space before a colon must not begin a line.
    label.text.push_str("\u{A0}: ");
    let value = sheet.run(value, Weight::Regular, BODY, Ink::Dark);
    Paragraph { runs: vec![label, value], before: 1.0 }
}

/// The same in small print.
pub fn remark(sheet: &mut Sheet, label: &str, value: &str) -> Paragraph {
    let label = sheet.run(label, Weight::Regular, SMALL, Ink::Muted);
    let value = sheet.run(value, Weight::Regular, SMALL, Ink::Muted);
    let mut runs = vec![label, value];
    runs[0].text.push_str("\u{A0}: ");
    Paragraph { runs, before: 1.0 }
}

/// A value with its name above.
pub fn fact(sheet: &mut Sheet, name: &str, value: Option<&str>) -> Cell {
    let name = one(sheet, name, Weight::Regular, SMALL, Ink::Muted);
    let value = match value.filter(|value| !value.trim().is_empty()) {
        Some(value) => one(sheet, value, Weight::Bold, BODY, Ink::Dark),
        None => one(sheet, NOTHING, Weight::Regular, BODY, Ink::Muted),
    };
    vec![name, value]
}

/// Columns that fill the page's width in these proportions.
pub fn columns(shares: &[f32], aligned: &[Align]) -> Vec<Column> {
    let whole: f32 = shares.iter().sum();
    let mut x = MARGIN;
    let mut columns = Vec::with_capacity(shares.len());
    for (at, share) in shares.iter().enumerate() {
        let width = ROOM * share / whole;
        columns.push(Column { x, width, align: aligned.get(at).copied().unwrap_or(Align::Left) });
        x += width;
    }
    columns
}

/// So many equal columns with gaps between.
pub fn blocks(count: u8) -> Vec<Column> {
    let width = (ROOM - GAP * (f32::from(count) - 1.0)) / f32::from(count);
    (0..count).map(|at| Column { x: MARGIN + f32::from(at) * (width + GAP), width, align: Align::Left }).collect()
}

/// A titled part of the document.
pub fn section(sheet: &mut Sheet, title: &str, lay: impl FnOnce(&mut Sheet) -> Vec<Branch>) {
    let mut parts = vec![sheet.heading(title, 2, TITLE)];
    parts.extend(lay(sheet));
    close(sheet, parts);
}

/// A titled part that is a table: its header, its rows, each of as many cells as there are columns. The title, the header
/// and the first row stay together, and so do the last rows.
pub fn table<R, F, T>(sheet: &mut Sheet, title: &str, columns: &[Column], head: &[&str], rows: R) -> Vec<Branch>
where
    R: IntoIterator<Item = F>,
    F: FnOnce(&mut Sheet) -> T,
    T: Into<Row>,
{
    let mut rows = rows.into_iter();
    let first: Option<Row> = rows.next().map(|row| row(sheet).into());
    let head: Vec<Cell> = head.iter().map(|title| vec![heading(sheet, title)]).collect();
    let heights = first.as_ref().map_or(0.0, |first| sheet.height(columns, &first.cells, Look::TABLE));
    sheet.need(TITLE * 2.0 + sheet.height(columns, &head, Look::HEAD) + heights);
    let title = sheet.heading(title, 2, TITLE);
    let head = sheet.begin_table(columns, head);
    let mut body = Vec::new();
    let lay = |sheet: &mut Sheet, row: Row| {
        sheet.carry(row.carried);
        sheet.table_row(columns, &row.cells, Look::TABLE, true)
    };
    body.extend(first.map(|first| lay(sheet, first)));
    let mut last: VecDeque<Row> = VecDeque::with_capacity(LAST_ROWS + 1);
    for row in rows {
        last.push_back(row(sheet).into());
        if last.len() > LAST_ROWS {
            body.extend(last.pop_front().map(|row| lay(sheet, row)));
        }
    }
    // Nothing is carried over from the last.
    last.back_mut().into_iter().for_each(|last| last.carried = None);
    // Two where three take too much of a page.
    while last.len() > 1 {
        if let Some(height) = sheet.together(columns, last.iter().map(|row| row.cells.as_slice()), Look::TABLE) {
            sheet.need(height);
            break;
        }
        body.extend(last.pop_front().map(|row| lay(sheet, row)));
    }
    body.extend(last.into_iter().map(|row| lay(sheet, row)));
    sheet.end_table();
    vec![title, Branch::Group(Role::Table, vec![head, Branch::Group(Role::TableBody, body)])]
}

/// The title of a column.
pub fn heading(sheet: &mut Sheet, title: &str) -> Paragraph {
    one(sheet, title, Weight::Bold, 7.4, Ink::White)
}

/// Ends a titled part.
pub fn close(sheet: &mut Sheet, parts: Vec<Branch>) {
    sheet.push(Branch::Group(Role::Section, parts));
    sheet.space(9.0);
}

/// Short paragraphs in two columns, read down the first and then the second.
pub fn in_two_columns(sheet: &mut Sheet, mut paragraphs: Vec<Paragraph>) -> Vec<Branch> {
    let second = paragraphs.split_off(paragraphs.len().div_ceil(2));
    sheet.side_by_side(&blocks(2), &[paragraphs, second], Look::PLAIN)
}

/// `code · label`, or the code as it stands.
pub fn coded(code: &str, label: Option<&str>) -> String {
    match label {
        Some(label) => format!("{code} · {label}"),
        None => code.to_owned(),
    }
}

/// What is said, if it is.
pub fn said(text: Option<&str>) -> Option<&str> {
    text.map(str::trim).filter(|text| !text.is_empty())
}
