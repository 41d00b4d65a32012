//! The sheet as a PDF/A-3 with the original attached.
//!
//! Promises a tagged document (PDF/A-3b and PDF/UA-1, held against krilla's validators) whose fonts are embedded as subsets
//! and whose original can be taken out again unchanged. Refuses to know what the text says.

use std::num::NonZeroU16;

use krilla::configure::{Accessibility, Archival, ConfigurationBuilder};
use krilla::destination::XyzDestination;
use krilla::embed::{AssociationKind, EmbeddedFile, MimeType};
use krilla::error::KrillaError;
use krilla::geom::{PathBuilder, Point, Rect};
use krilla::metadata::{DateTime, Metadata};
use krilla::num::NormalizedF32;
use krilla::outline::{Outline, OutlineNode};
use krilla::page::PageSettings;
use krilla::paint::{Fill, FillRule};
use krilla::surface::Surface;
use krilla::tagging::{Artifact, ArtifactType, ContentTag, Identifier, TableHeaderScope, Tag, TagGroup, TagTree};
use krilla::text::Font;
use krilla::{Document, SerializeSettings, color::rgb};

use super::letters::{self, Ink, Style, Weight};
use super::sheet::{Bookmark, Branch, HEIGHT, MARGIN, Mark, Paint, ROOM, Role, Sheet, WIDTH};
use super::{Extra, RenderError};

/// What stands in the document's metadata and at the foot of each page.
pub struct Titles {
    pub title: String,
    pub description: String,
    pub author: Option<String>,
    pub foot: String,
}

/// Makes the file.
pub fn write(sheet: Sheet, titles: &Titles, extra: &Extra<'_>) -> Result<Vec<u8>, RenderError> {
    let settings = SerializeSettings { configuration: configuration()?, enable_tagging: true, ..Default::default() };
    let mut document = Document::new_with(settings);
    let fonts = letters::fonts().ok_or(RenderError::Pdf("fonts".to_owned()))?;
    let mut found: Vec<Option<Identifier>> = vec![None; sheet.leaves];
    let count = sheet.pages.len();
    for (at, marks) in sheet.pages.iter().enumerate() {
        let size = PageSettings::from_wh(WIDTH, HEIGHT).ok_or(RenderError::Pdf("page".to_owned()))?;
        let mut page = document.start_page_with(size);
        let mut surface = page.surface();
        for marks in marks.chunk_by(is_same) {
            draw(&mut surface, marks, &fonts, &mut found);
        }
        foot(&mut surface, &fonts, &titles.foot, at + 1, count);
        surface.finish();
        page.finish();
    }
    let mut tree = TagTree::new().with_lang(Some("fr-FR".to_owned()));
    for branch in sheet.tree {
        if let Branch::Group(role, below) = branch {
            tree.push(group(role, below, &found));
        }
    }
    document.set_tag_tree(tree);
    document.set_outline(outline(&sheet.bookmarks));
    document.set_metadata(metadata(titles, extra));
    attach(&mut document, extra)?;
    document.finish().map_err(|error| RenderError::Pdf(in_words(&error)))
}

fn configuration() -> Result<krilla::configure::Configuration, RenderError> {
    ConfigurationBuilder::new()
        .with_archival_validator(Archival::A3_B)
        .with_accessibility_validator(Accessibility::UA1)
        .finish()
        .map_err(|error| RenderError::Pdf(format!("{error:?}")))
}

fn in_words(error: &KrillaError) -> String {
    const MANY: usize = 3;
    match error {
        KrillaError::Validation(errors) => {
            let first: Vec<String> = errors.iter().take(MANY).map(|(error, _)| format!("{error:?}")).collect();
            format!("{error}: {}", first.join("; "))
        }
        _ => error.to_string(),
    }
}

/// Whether two marks are of one leaf, or decorate alike.
fn is_same(one: &Mark, next: &Mark) -> bool {
    match (one, next) {
        (Mark::Text { leaf: one, .. }, Mark::Text { leaf: next, .. }) => one == next,
        (Mark::Fill { .. }, Mark::Fill { .. }) => true,
        _ => false,
    }
}

/// Draws what is of one leaf.
fn draw(surface: &mut Surface<'_>, marks: &[Mark], fonts: &[Font; 2], found: &mut [Option<Identifier>]) {
    let (tag, leaf) = match marks.first() {
        Some(Mark::Text { leaf: Some(leaf), .. }) => (ContentTag::Other, Some(*leaf)),
        Some(Mark::Text { leaf: None, .. }) => (artifact(ArtifactType::PaginationOther), None),
        _ => (artifact(ArtifactType::Layout), None),
    };
    let identifier = surface.start_tagged(tag);
    for mark in marks {
        match mark {
            Mark::Fill { x, y, width, height, paint } => {
                fill(surface, Rect::from_xywh(*x, *y, *width, *height), *paint);
            }
            Mark::Text { x, y, style, text, .. } => write_text(surface, *x, *y, *style, text, fonts),
        }
    }
    surface.end_tagged();
    if let Some(place) = leaf.and_then(|leaf| found.get_mut(leaf)) {
        *place = Some(identifier);
    }
}

fn artifact(kind: ArtifactType) -> ContentTag<'static> {
    ContentTag::Artifact(Artifact::with_kind(kind))
}

fn fill(surface: &mut Surface<'_>, rect: Option<Rect>, paint: Paint) {
    let color = match paint {
        Paint::Pale => rgb::Color::new(0xF1, 0xF4, 0xF8),
        Paint::Accent => rgb::Color::new(0x1F, 0x3F, 0x66),
        Paint::Rule => rgb::Color::new(0xC9, 0xD1, 0xDB),
    };
    let mut path = PathBuilder::new();
    if let Some(rect) = rect {
        path.push_rect(rect);
    }
    if let Some(path) = path.finish() {
        surface.set_fill(Some(solid(color)));
        surface.draw_path(&path);
    }
}

fn solid(color: rgb::Color) -> Fill {
    Fill { paint: color.into(), opacity: NormalizedF32::ONE, rule: FillRule::default() }
}

fn write_text(surface: &mut Surface<'_>, x: f32, y: f32, style: Style, text: &str, fonts: &[Font; 2]) {
    let color = match style.ink {
        Ink::Dark => rgb::Color::new(0x1B, 0x22, 0x2C),
        Ink::Muted => rgb::Color::new(0x55, 0x61, 0x70),
        Ink::Accent => rgb::Color::new(0x1F, 0x3F, 0x66),
        Ink::Alert => rgb::Color::new(0x9C, 0x1C, 0x1C),
        Ink::White => rgb::Color::new(0xFF, 0xFF, 0xFF),
    };
    surface.set_fill(Some(solid(color)));
    let glyphs = letters::glyphs(text, style.weight);
    let font = fonts[usize::from(style.weight == Weight::Bold)].clone();
    surface.draw_glyphs(Point::from_xy(x, y), &glyphs, font, text, style.size, false);
}

/// The page's foot: decoration, since it says what the document says elsewhere.
fn foot(surface: &mut Surface<'_>, fonts: &[Font; 2], text: &str, page: usize, count: usize) {
    const LINE: f32 = HEIGHT - 38.0;
    const WORDS: f32 = HEIGHT - 26.0;
    let style = Style { weight: Weight::Regular, size: 6.8, ink: Ink::Muted };
    surface.start_tagged(artifact(ArtifactType::Layout));
    fill(surface, Rect::from_xywh(MARGIN, LINE, ROOM, 0.5), Paint::Rule);
    surface.end_tagged();
    let number = format!("page {page} / {count}");
    let wide = letters::width(&number, style);
    surface.start_tagged(artifact(ArtifactType::Footer));
    write_text(surface, MARGIN, WORDS, style, &cut(text, ROOM - wide - 16.0, style), fonts);
    write_text(surface, MARGIN + ROOM - wide, WORDS, style, &number, fonts);
    surface.end_tagged();
}

/// As much of a text as fits on one line.
fn cut(text: &str, room: f32, style: Style) -> String {
    if letters::width(text, style) <= room {
        return text.to_owned();
    }
    let mut left = room - letters::width("…", style);
    let fits = |character: &char| {
        left -= letters::width(character.encode_utf8(&mut [0; 4]), style);
        left >= 0.0
    };
    let mut cut: String = text.chars().take_while(fits).collect();
    cut.push('…');
    cut
}

fn group(role: Role, below: Vec<Branch>, found: &[Option<Identifier>]) -> TagGroup {
    let mut group = match role {
        Role::Section => TagGroup::new(Tag::Section),
        Role::Division => TagGroup::new(Tag::Div),
        Role::Heading(level, title) => {
            let level = NonZeroU16::new(level).unwrap_or(NonZeroU16::MIN);
            TagGroup::new(Tag::Hn(level, Some(title)))
        }
        Role::Paragraph => TagGroup::new(Tag::P),
        Role::Table => TagGroup::new(Tag::Table),
        Role::TableHead => TagGroup::new(Tag::THead),
        Role::TableBody => TagGroup::new(Tag::TBody),
        Role::Row => TagGroup::new(Tag::TR),
        Role::ColumnHeader => TagGroup::new(Tag::TH(TableHeaderScope::Column)),
        Role::RowHeader => TagGroup::new(Tag::TH(TableHeaderScope::Row)),
        Role::Datum => TagGroup::new(Tag::TD),
    };
    for branch in below {
        match branch {
            Branch::Group(role, below) => group.push(self::group(role, below, found)),
            Branch::Leaf(leaf) => {
                if let Some(identifier) = found.get(leaf).copied().flatten() {
                    group.push(identifier);
                }
            }
        }
    }
    group
}

fn outline(bookmarks: &[Bookmark]) -> Outline {
    let mut outline = Outline::new();
    for mark in bookmarks {
        let place = XyzDestination::new(mark.page, Point::from_xy(MARGIN, mark.y));
        outline.push_child(OutlineNode::new(mark.title.clone(), place));
    }
    outline
}

fn day(extra: &Extra<'_>) -> DateTime {
    let date = extra.made_on;
    let year = u16::try_from(date.year()).unwrap_or_default();
    DateTime::new(year)
        .month(date.month())
        .day(date.day())
        .hour(0)
        .minute(0)
        .second(0)
        .utc_offset_hour(0)
        .utc_offset_minute(0)
}

fn metadata(titles: &Titles, extra: &Extra<'_>) -> Metadata {
    Metadata::new()
        .title(titles.title.clone())
        .description(titles.description.clone())
        .authors(titles.author.clone().into_iter().collect())
        .creator(extra.maker.to_owned())
        .producer(extra.maker.to_owned())
        .language("fr-FR".to_owned())
        .creation_date(day(extra))
}

fn attach(document: &mut Document, extra: &Extra<'_>) -> Result<(), RenderError> {
    let original = &extra.original;
    if original.carried_as.is_some() {
        return Ok(());
    }
    if i32::try_from(original.bytes.len()).is_err() {
        return Err(RenderError::OriginalTooLarge { bytes: original.bytes.len() });
    }
    let mime = MimeType::new(original.mime).or_else(|| MimeType::new("application/octet-stream"));
    let file = EmbeddedFile {
        path: original.file_name(),
        mime_type: mime,
        description: Some("Fichier d'origine de la facture : il fait foi".to_owned()),
        association_kind: AssociationKind::Source,
        data: original.bytes.to_vec().into(),
        modification_date: Some(day(extra)),
        compress: None,
        location: None,
    };
    document.embed_file(file).ok_or(RenderError::Pdf("attachment".to_owned()))
}
