//! Letters: which glyph draws a character, how wide it is, and how a text breaks into lines.
//!
//! Promises that every text can be drawn: what has no glyph, or is no character to be seen, becomes `�`; a word that is too
//! long for its column is cut. Refuses to know pages. One character is one glyph: no kerning, no scripts that need shaping.

use std::sync::LazyLock;

use krilla::text::{Font, GlyphId, KrillaGlyph};
use skrifa::instance::{LocationRef, Size};
use skrifa::{FontRef, MetadataProvider};

/// The two faces of the image, embedded as subsets.
const REGULAR: &[u8] = include_bytes!("fonts/DejaVuSans.ttf");
const BOLD: &[u8] = include_bytes!("fonts/DejaVuSans-Bold.ttf");
/// Stands for a character that cannot be drawn.
pub const UNKNOWN: char = '\u{FFFD}';
/// Characters below this are looked up once for all.
const COMMON: u32 = 0x2600;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Weight {
    Regular,
    Bold,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ink {
    Dark,
    Muted,
    Accent,
    Alert,
    White,
}

/// How a text looks.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Style {
    pub weight: Weight,
    /// In points.
    pub size: f32,
    pub ink: Ink,
}

/// A part of a paragraph in one style.
#[derive(Debug, Clone)]
pub struct Run {
    pub style: Style,
    pub text: String,
}

/// A part of a line in one style, at `x` points from the line's start.
#[derive(Debug, Clone)]
pub struct Piece {
    pub style: Style,
    pub x: f32,
    pub text: String,
}

#[derive(Debug, Clone, Default)]
pub struct Line {
    pub pieces: Vec<Piece>,
    /// Without the space it may end with.
    pub width: f32,
    /// The largest size in it.
    pub size: f32,
}

/// A character's glyph and its advance in the font's units.
type Drawn = (u32, f32);

struct Face {
    font: FontRef<'static>,
    units: f32,
    common: Vec<Option<Drawn>>,
}

static FACES: LazyLock<[Face; 2]> = LazyLock::new(|| [REGULAR, BOLD].map(Face::new));

impl Face {
    fn new(bytes: &'static [u8]) -> Self {
        let font = FontRef::new(bytes).expect("the embedded fonts are sound");
        let units = f32::from(font.metrics(Size::unscaled(), LocationRef::default()).units_per_em);
        let mut face = Self { font, units, common: Vec::new() };
        face.common =
            (0..COMMON).map(|code| char::from_u32(code).and_then(|character| face.look_up(character))).collect();
        face
    }

    fn look_up(&self, character: char) -> Option<Drawn> {
        let glyph = self.font.charmap().map(character)?;
        let advance = self.font.glyph_metrics(Size::unscaled(), LocationRef::default()).advance_width(glyph)?;
        (glyph.to_u32() != 0).then_some((glyph.to_u32(), advance))
    }

    fn drawn(&self, character: char) -> Option<Drawn> {
        let code = u32::from(character);
        match self.common.get(code as usize) {
            Some(known) => *known,
            None => self.look_up(character),
        }
    }
}

fn face(weight: Weight) -> &'static Face {
    &FACES[usize::from(weight == Weight::Bold)]
}

/// The fonts as the PDF takes them: regular, bold.
pub fn fonts() -> Option<[Font; 2]> {
    Some([Font::new(REGULAR.into(), 0)?, Font::new(BOLD.into(), 0)?])
}

/// The glyphs of a cleaned text.
pub fn glyphs(text: &str, weight: Weight) -> Vec<KrillaGlyph> {
    let face = face(weight);
    text.char_indices()
        .filter_map(|(at, character)| {
            let (glyph, advance) = face.drawn(character)?;
            let range = at..at + character.len_utf8();
            Some(KrillaGlyph::new(GlyphId::new(glyph), advance / face.units, 0.0, 0.0, 0.0, range, None))
        })
        .collect()
}

fn advance(character: char, style: Style) -> f32 {
    let face = face(style.weight);
    face.drawn(character).map_or(0.0, |(_, advance)| advance / face.units * style.size)
}

/// In points.
pub fn width(text: &str, style: Style) -> f32 {
    text.chars().map(|character| advance(character, style)).sum()
}

/// The text as it can be drawn, and whether a character had to be replaced. Lines end with `\n`.
pub fn clean(text: &str) -> (String, bool) {
    let mut clean = String::with_capacity(text.len());
    let mut is_replaced = false;
    let mut characters = text.trim().chars().peekable();
    while let Some(character) = characters.next() {
        let drawn = match character {
            '\r' if characters.peek() == Some(&'\n') => continue,
            '\r' | '\n' | '\u{85}' | '\u{2028}' | '\u{2029}' => '\n',
            '\t' => ' ',
            // They have no shape of their own: where a word may break, which variant a sign takes.
            '\u{AD}' | '\u{200B}'..='\u{200D}' | '\u{2060}' | '\u{FE00}'..='\u{FE0F}' | '\u{FEFF}' => continue,
            '\u{300}'..='\u{36F}' if compose(&mut clean, character) => continue,
            _ if is_drawable(character) => character,
            _ => UNKNOWN,
        };
        is_replaced |= drawn == UNKNOWN;
        clean.push(drawn);
    }
    (clean, is_replaced)
}

fn is_drawable(character: char) -> bool {
    let is_hidden = character.is_control()
        // Signs that turn the direction of writing can make a text read other than it is.
        || matches!(character, '\u{200E}' | '\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}')
        // Written from right to left, or in letters that change with their neighbours: one by one they would not be the name.
        || matches!(character, '\u{590}'..='\u{109F}' | '\u{1780}'..='\u{18AF}' | '\u{FB1D}'..='\u{FDFF}' | '\u{FE70}'..='\u{FEFE}')
        || matches!(character, '\u{E000}'..='\u{F8FF}' | '\u{FFF0}'..='\u{FFFF}')
        || u32::from(character) >= 0xF_0000;
    !is_hidden && FACES.iter().all(|face| face.drawn(character).is_some())
}

/// Puts an accent onto the letter before it, as file names of some systems write them (e + ´ for é).
fn compose(text: &mut String, mark: char) -> bool {
    let pairs = match mark {
        '\u{300}' => "aàeèiìoòuùAÀEÈIÌOÒUÙ",
        '\u{301}' => "aáeéiíoóuúyýAÁEÉIÍOÓUÚYÝ",
        '\u{302}' => "aâeêiîoôuûAÂEÊIÎOÔUÛ",
        '\u{303}' => "aãnñoõAÃNÑOÕ",
        '\u{308}' => "aäeëiïoöuüyÿAÄEËIÏOÖUÜYŸ",
        '\u{30A}' => "aåAÅ",
        '\u{30C}' => "cčsšzžCČSŠZŽ",
        '\u{327}' => "cçCÇ",
        _ => return false,
    };
    let Some(letter) = text.chars().next_back() else { return false };
    let mut pairs = pairs.chars();
    while let (Some(plain), Some(accented)) = (pairs.next(), pairs.next()) {
        if plain == letter {
            text.pop();
            text.push(accented);
            return true;
        }
    }
    false
}

/// Breaks cleaned runs into lines no wider than `room` points. A space at the break stays at the end of its line, so that
/// words remain apart for who reads the text out.
pub fn wrap(runs: &[Run], room: f32) -> Vec<Line> {
    let mut lines = Lines { done: Vec::new(), line: Line::default(), x: 0.0, room };
    for run in runs {
        for (at, part) in run.text.split('\n').enumerate() {
            if at > 0 {
                lines.blank();
                lines.end(run.style);
            }
            part.split_inclusive(' ').for_each(|word| lines.word(word, run.style));
        }
    }
    let style = runs.last().map(|run| run.style);
    if let Some(style) = style.filter(|_| !lines.line.pieces.is_empty() || lines.done.is_empty()) {
        lines.end(style);
    }
    lines.done
}

struct Lines {
    done: Vec<Line>,
    line: Line,
    x: f32,
    room: f32,
}

impl Lines {
    /// A space at a line's end, so that its last word and the next line's first one remain apart.
    fn blank(&mut self) {
        if let Some(piece) = self.line.pieces.last_mut() {
            piece.text.push(' ');
        }
    }

    fn end(&mut self, style: Style) {
        let mut line = std::mem::take(&mut self.line);
        line.size = line.size.max(style.size);
        self.done.push(line);
        self.x = 0.0;
    }

    fn word(&mut self, word: &str, style: Style) {
        let bare = word.trim_end_matches(' ');
        let wide = width(bare, style);
        if self.x > 0.0 && self.x + wide > self.room {
            self.end(style);
        }
        if wide <= self.room {
            self.put(word, wide, style);
            return;
        }
        let mut start = 0;
        let mut wide = 0.0;
        for (at, character) in word.char_indices() {
            let more = advance(character, style);
            if at > start && wide + more > self.room {
                // Behind a sign that joins words, if there is one not too far back: `CPRO-SUPPLIER-` `SIRET-KEY`.
                let joint = word[start..at].rfind(['-', '/', '_', '.', ':', '@']).map(|joint| start + joint + 1);
                let cut = joint.filter(|cut| (cut - start) * 3 >= at - start).unwrap_or(at);
                self.put(&word[start..cut], width(&word[start..cut], style), style);
                self.end(style);
                (start, wide) = (cut, width(&word[cut..at], style));
            }
            wide += more;
        }
        self.put(&word[start..], wide, style);
    }

    fn put(&mut self, text: &str, wide: f32, style: Style) {
        if text.is_empty() {
            return;
        }
        self.line.width = self.x + wide;
        self.line.size = self.line.size.max(style.size);
        match self.line.pieces.last_mut().filter(|piece| piece.style == style) {
            Some(piece) => piece.text.push_str(text),
            None => self.line.pieces.push(Piece { style, x: self.x, text: text.to_owned() }),
        }
        self.x += width(text, style);
    }
}
