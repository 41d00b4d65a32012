//! The sheet: rows of cells laid from top to bottom on as many A4 pages as they need, and what each is for who reads the
//! document out (its tags).
//!
//! Promises that nothing is drawn beyond its cell or the page: a row that is too tall goes on, line by line, on the next
//! page; a table's header row comes again there. Refuses to know invoices and the PDF.

use super::letters::{self, Ink, Line, Run, Style, Weight};

pub const WIDTH: f32 = 595.28;
pub const HEIGHT: f32 = 841.89;
pub const MARGIN: f32 = 42.0;
/// Between the margins.
pub const ROOM: f32 = WIDTH - 2.0 * MARGIN;
const TOP: f32 = 40.0;
const BOTTOM: f32 = HEIGHT - 52.0;
/// The height of a line, for one of the letters' size.
const LEADING: f32 = 1.32;
/// Where the letters stand in it.
const BASELINE: f32 = 0.99;
/// Pages: what is longer is no longer read as an image.
pub const MAX_PAGES: usize = 5_000;
/// Characters of a heading in the table of contents: a PDF/A string has an end.
const NAME: usize = 200;
/// A row is cut only when it is taller than this.
const TALL: f32 = 0.35 * (BOTTOM - TOP);
/// Rows that stay together take at most this much.
const TOGETHER: f32 = 0.3 * (BOTTOM - TOP);

pub const SMALL: f32 = 6.8;
pub const BODY: f32 = 8.2;

/// The sheet has more than [`MAX_PAGES`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooLong;

/// Colours of surfaces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Paint {
    Pale,
    Accent,
    Rule,
}

/// What is drawn on a page.
#[derive(Debug, Clone)]
pub enum Mark {
    /// `leaf` is `None` for what only decorates.
    Text {
        x: f32,
        y: f32,
        style: Style,
        text: String,
        leaf: Option<usize>,
    },
    Fill {
        x: f32,
        y: f32,
        width: f32,
        height: f32,
        paint: Paint,
    },
}

/// What a part of the document is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Role {
    Section,
    Division,
    Heading(u16, String),
    Paragraph,
    Table,
    TableHead,
    TableBody,
    Row,
    /// Heads its column.
    ColumnHeader,
    /// Heads its row.
    RowHeader,
    Datum,
}

/// The document's structure.
#[derive(Debug, Clone)]
pub enum Branch {
    Group(Role, Vec<Branch>),
    /// The n-th thing drawn.
    Leaf(usize),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Align {
    Left,
    Right,
}

#[derive(Debug, Clone, Copy)]
pub struct Column {
    pub x: f32,
    pub width: f32,
    pub align: Align,
}

/// Runs that begin on a line of their own, `before` points below what is above.
#[derive(Debug, Clone)]
pub struct Paragraph {
    pub runs: Vec<Run>,
    pub before: f32,
}

pub type Cell = Vec<Paragraph>;

/// How a row looks.
#[derive(Debug, Clone, Copy)]
pub struct Look {
    pub above: f32,
    pub below: f32,
    /// Behind the whole row.
    pub fill: Option<Paint>,
    /// Behind each cell on its own.
    pub boxes: Option<Paint>,
    pub rule: bool,
    /// Left and right of what a cell holds.
    pub inset: f32,
}

impl Look {
    pub const PLAIN: Self = Self { above: 0.0, below: 2.0, fill: None, boxes: None, rule: false, inset: 0.0 };
    pub const TABLE: Self = Self { above: 3.2, below: 3.2, fill: None, boxes: None, rule: true, inset: 4.0 };
    pub const HEAD: Self =
        Self { above: 3.6, below: 3.6, fill: Some(Paint::Accent), boxes: None, rule: false, inset: 4.0 };
    pub const BOXES: Self =
        Self { above: 7.0, below: 8.0, fill: None, boxes: Some(Paint::Pale), rule: false, inset: 9.0 };
    /// Of what is carried over: no taller than a row, so that it stands where one would.
    const CARRIED: Self =
        Self { above: 2.6, below: 2.6, fill: Some(Paint::Pale), boxes: None, rule: false, inset: 4.0 };
}

/// What a table has come to where it goes on overleaf: said below its rows there, and again above the next ones.
#[derive(Debug, Clone)]
pub struct Carried {
    pub foot: Paragraph,
    pub head: Paragraph,
}

/// A mark in the table of contents.
#[derive(Debug, Clone)]
pub struct Bookmark {
    pub title: String,
    pub page: usize,
    pub y: f32,
}

#[derive(Debug)]
pub struct Sheet {
    pub pages: Vec<Vec<Mark>>,
    pub tree: Vec<Branch>,
    pub bookmarks: Vec<Bookmark>,
    pub leaves: usize,
    /// Whether a character had to be replaced.
    pub is_replaced: bool,
    y: f32,
    /// Comes again on each page that the table goes on to.
    header: Option<(Vec<Column>, Vec<Cell>)>,
    /// With the rows laid so far, and with the row that is to be laid.
    carried: Option<Carried>,
    coming: Option<Carried>,
    too_long: bool,
}

/// The leaves of a row: of each cell, of each paragraph in it.
type Leaves = Vec<Vec<Vec<Branch>>>;

/// A line with its height and the paragraph it belongs to.
struct Laid {
    line: Line,
    before: f32,
    height: f32,
    paragraph: usize,
}

impl Sheet {
    pub fn new() -> Self {
        Self {
            pages: vec![Vec::new()],
            tree: Vec::new(),
            bookmarks: Vec::new(),
            leaves: 0,
            is_replaced: false,
            y: TOP,
            header: None,
            carried: None,
            coming: None,
            too_long: false,
        }
    }

    /// The pages, once all is laid.
    pub fn finish(self) -> Result<Self, TooLong> {
        if self.too_long { Err(TooLong) } else { Ok(self) }
    }

    /// A run of a text from outside.
    pub fn run(&mut self, text: &str, weight: Weight, size: f32, ink: Ink) -> Run {
        let (text, is_replaced) = letters::clean(text);
        self.is_replaced |= is_replaced;
        Run { style: Style { weight, size, ink }, text }
    }

    pub fn push(&mut self, branch: Branch) {
        self.tree.push(branch);
    }

    pub fn space(&mut self, points: f32) {
        self.y += points;
    }

    /// Begins a new page unless so much is left.
    pub fn need(&mut self, points: f32) {
        if self.y + points > BOTTOM {
            self.turn();
        }
    }

    /// How much a row takes, or as much of it as stays together.
    pub fn height(&self, columns: &[Column], cells: &[Cell], look: Look) -> f32 {
        let cells = columns.iter().zip(cells).map(|(column, cell)| tall(&lay(cell, column.width - 2.0 * look.inset)));
        (cells.fold(0.0, f32::max) + look.above + look.below).min(TALL)
    }

    /// A table's header: `head` comes again on each page until [`Sheet::end_table`].
    pub fn begin_table(&mut self, columns: &[Column], head: Vec<Cell>) -> Branch {
        let leaves = self.row(columns, &head, Look::HEAD);
        self.header = Some((columns.to_vec(), head));
        let cells = leaves.into_iter().map(|cell| Branch::Group(Role::ColumnHeader, flat(cell))).collect();
        Branch::Group(Role::TableHead, vec![Branch::Group(Role::Row, cells)])
    }

    pub fn end_table(&mut self) {
        self.header = None;
        self.carried = None;
    }

    /// What the table will have come to with the row that is laid next; `None` where that cannot be said.
    pub fn carry(&mut self, carried: Option<Carried>) {
        self.coming = carried;
    }

    /// How much these rows take, if that is little enough for them to stay together.
    pub fn together<'c>(&self, columns: &[Column], rows: impl Iterator<Item = &'c [Cell]>, look: Look) -> Option<f32> {
        let height: f32 = rows.map(|row| self.height(columns, row, look)).sum();
        (height <= TOGETHER).then_some(height)
    }

    /// A row of a table; where `is_headed`, its first cell heads it.
    pub fn table_row(&mut self, columns: &[Column], cells: &[Cell], look: Look, is_headed: bool) -> Branch {
        let leaves = self.row(columns, cells, look);
        let cells = leaves.into_iter().enumerate().map(|(at, cell)| {
            let role = if is_headed && at == 0 { Role::RowHeader } else { Role::Datum };
            let content = if cell.len() > 1 { paragraphs(cell) } else { flat(cell) };
            Branch::Group(role, content)
        });
        Branch::Group(Role::Row, cells.collect())
    }

    /// Cells side by side that are no table: each a division of paragraphs.
    pub fn side_by_side(&mut self, columns: &[Column], cells: &[Cell], look: Look) -> Vec<Branch> {
        let leaves = self.row(columns, cells, look);
        leaves
            .into_iter()
            .filter(|cell| !cell.is_empty())
            .map(|cell| Branch::Group(Role::Division, paragraphs(cell)))
            .collect()
    }

    /// The whole width.
    pub fn paragraph(&mut self, paragraph: Paragraph, look: Look) -> Branch {
        let column = Column { x: MARGIN, width: ROOM, align: Align::Left };
        let leaves = self.row(&[column], &[vec![paragraph]], look);
        Branch::Group(Role::Paragraph, leaves.into_iter().flat_map(flat).collect())
    }

    /// A heading that stays with what follows, and its place in the table of contents.
    pub fn heading(&mut self, title: &str, level: u16, size: f32) -> Branch {
        self.need(size + 64.0);
        let name: String = title.chars().take(NAME).collect();
        self.bookmarks.push(Bookmark { title: name.clone(), page: self.pages.len() - 1, y: self.y });
        let run = self.run(title, Weight::Bold, size, Ink::Accent);
        let column = Column { x: MARGIN, width: ROOM, align: Align::Left };
        let look = Look { below: 4.0, ..Look::PLAIN };
        let leaves = self.row(&[column], &[vec![Paragraph { runs: vec![run], before: 0.0 }]], look);
        Branch::Group(Role::Heading(level, name), leaves.into_iter().flat_map(flat).collect())
    }

    /// Lays a row, on the next page where it does not fit, in parts where it fits on none.
    pub fn row(&mut self, columns: &[Column], cells: &[Cell], look: Look) -> Leaves {
        if self.too_long {
            return Vec::new();
        }
        let laid: Vec<Vec<Laid>> =
            columns.iter().zip(cells).map(|(column, cell)| lay(cell, column.width - 2.0 * look.inset)).collect();
        let mut leaves: Leaves = cells.iter().map(|cell| vec![Vec::new(); cell.len()]).collect();
        let height = laid.iter().map(|cell| tall(cell)).fold(0.0, f32::max) + look.above + look.below;
        let first = laid.iter().flatten().map(|line| line.height).fold(0.0, f32::max) + look.above + look.below;
        let bottom = bottom(self.coming.as_ref());
        let must_turn = if height <= TALL { self.y + height > bottom } else { self.y + first > bottom };
        if must_turn {
            self.turn();
        }
        self.carried = self.coming.take();
        let mut next = vec![0; laid.len()];
        loop {
            self.part(columns, &laid, &mut next, &mut leaves, look);
            if self.too_long || next.iter().zip(&laid).all(|(next, cell)| *next == cell.len()) {
                return leaves;
            }
            self.turn();
        }
    }

    /// As much of a row as fits on this page, and at least a line of it.
    fn part(&mut self, columns: &[Column], laid: &[Vec<Laid>], next: &mut [usize], leaves: &mut Leaves, look: Look) {
        let room = bottom(self.carried.as_ref()) - self.y - look.above - look.below;
        let mut ends = Vec::with_capacity(laid.len());
        let mut height: f32 = 0.0;
        for (cell, start) in laid.iter().zip(next.iter()) {
            let mut end = *start;
            let mut used = 0.0;
            while let Some(line) = cell.get(end) {
                let more = line.height + if end == *start { 0.0 } else { line.before };
                if end > *start && used + more > room {
                    break;
                }
                used += more;
                end += 1;
            }
            ends.push(end);
            height = height.max(used);
        }
        let tall = height + look.above + look.below;
        let is_left: Vec<bool> = laid.iter().zip(next.iter()).map(|(cell, next)| *next < cell.len()).collect();
        self.surfaces(columns, &is_left, tall, look);
        for (at, column) in columns.iter().enumerate().take(laid.len()) {
            let mut y = self.y + look.above;
            let mut paragraph = None;
            for (nth, line) in laid[at][next[at]..ends[at]].iter().enumerate() {
                y += if nth == 0 { 0.0 } else { line.before };
                if paragraph != Some(line.paragraph) && !line.line.pieces.is_empty() {
                    paragraph = Some(line.paragraph);
                    leaves[at][line.paragraph].push(Branch::Leaf(self.leaves));
                    self.leaves += 1;
                }
                self.line(column, line, y, look.inset);
                y += line.height;
            }
            next[at] = ends[at];
        }
        self.y += tall;
    }

    fn surfaces(&mut self, columns: &[Column], is_left: &[bool], height: f32, look: Look) {
        let (Some(first), Some(last)) = (columns.first(), columns.last()) else { return };
        let (x, y, width) = (first.x, self.y, last.x + last.width - first.x);
        if let Some(paint) = look.fill {
            self.mark(Mark::Fill { x, y, width, height, paint });
        }
        if let Some(paint) = look.boxes {
            for (column, _) in columns.iter().zip(is_left).filter(|(_, is_left)| **is_left) {
                self.mark(Mark::Fill { x: column.x, y, width: column.width, height, paint });
            }
        }
        if look.rule {
            self.mark(Mark::Fill { x, y: y + height - 0.5, width, height: 0.5, paint: Paint::Rule });
        }
    }

    /// Draws a line as a part of the leaf begun last.
    fn line(&mut self, column: &Column, laid: &Laid, y: f32, inset: f32) {
        let room = column.width - 2.0 * inset;
        let start = match column.align {
            Align::Left => column.x + inset,
            Align::Right => column.x + inset + (room - laid.line.width).max(0.0),
        };
        let baseline = y + laid.line.size * BASELINE;
        let leaf = self.leaves.checked_sub(1);
        for piece in &laid.line.pieces {
            let (x, text) = (start + piece.x, piece.text.clone());
            self.mark(Mark::Text { x, y: baseline, style: piece.style, text, leaf });
        }
    }

    fn mark(&mut self, mark: Mark) {
        if let Some(page) = self.pages.last_mut() {
            page.push(mark);
        }
    }

    /// Begins a page; a table's header comes again, as decoration, and so does what is carried over.
    fn turn(&mut self) {
        if self.pages.len() >= MAX_PAGES {
            self.too_long = true;
            self.y = TOP;
            return;
        }
        let (header, carried, coming) = (self.header.take(), self.carried.take(), self.coming.take());
        if let (Some((columns, _)), Some(carried)) = (&header, &carried) {
            self.decorate(&[whole(columns)], &[vec![carried.foot.clone()]], Look::CARRIED);
        }
        self.pages.push(Vec::new());
        self.y = TOP;
        if let Some((columns, head)) = &header {
            self.decorate(columns, head, Look::HEAD);
            if let Some(carried) = &carried {
                self.decorate(&[whole(columns)], &[vec![carried.head.clone()]], Look::CARRIED);
            }
        }
        (self.header, self.carried, self.coming) = (header, carried, coming);
    }

    /// A row that is not read out.
    fn decorate(&mut self, columns: &[Column], cells: &[Cell], look: Look) {
        let leaves = self.leaves;
        let before = self.pages.last().map_or(0, Vec::len);
        self.row(columns, cells, look);
        self.leaves = leaves;
        for mark in self.pages.last_mut().into_iter().flatten().skip(before) {
            if let Mark::Text { leaf, .. } = mark {
                *leaf = None;
            }
        }
    }
}

/// How far down rows may go where this is to be said below them.
fn bottom(carried: Option<&Carried>) -> f32 {
    match carried {
        Some(_) => BOTTOM - BODY * LEADING - Look::CARRIED.above - Look::CARRIED.below,
        None => BOTTOM,
    }
}

/// The whole width of a table, on the side where its figures stand.
fn whole(columns: &[Column]) -> Column {
    let x = columns.first().map_or(MARGIN, |first| first.x);
    let end = columns.last().map_or(MARGIN + ROOM, |last| last.x + last.width);
    Column { x, width: end - x, align: Align::Right }
}

fn lay(cell: &Cell, room: f32) -> Vec<Laid> {
    let mut laid = Vec::new();
    for (paragraph, content) in cell.iter().enumerate() {
        for (nth, line) in letters::wrap(&content.runs, room).into_iter().enumerate() {
            let before = if nth == 0 { content.before } else { 0.0 };
            laid.push(Laid { height: line.size * LEADING, line, before, paragraph });
        }
    }
    laid
}

fn tall(cell: &[Laid]) -> f32 {
    cell.iter().enumerate().map(|(at, line)| line.height + if at == 0 { 0.0 } else { line.before }).sum()
}

fn flat(cell: Vec<Vec<Branch>>) -> Vec<Branch> {
    cell.into_iter().flatten().collect()
}

fn paragraphs(cell: Vec<Vec<Branch>>) -> Vec<Branch> {
    cell.into_iter().filter(|leaves| !leaves.is_empty()).map(|leaves| Branch::Group(Role::Paragraph, leaves)).collect()
}
