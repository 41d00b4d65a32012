//! The content of streams: what FlateDecode and the two codings in ASCII hide, and PNG's predictors. Bounded: what would
//! grow beyond its cap is not kept.

use std::borrow::Cow;

use flate2::{Decompress, FlushDecompress, Status};

use super::syntax::{Dictionary, Value, is_blank, unhexed};

/// Filters one behind the other.
pub const CHAIN: usize = 4;
/// Deflate makes a thousand bytes of one at most (1,032).
pub const GROWTH: usize = 1_100;

/// Why content cannot be had.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Undecoded {
    TooLarge,
    /// Damaged, or by a filter that is not known here.
    Broken,
}

/// How much of it is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Want {
    /// All; more than this is too large.
    Whole(usize),
    /// The first bytes.
    Head(usize),
}

impl Want {
    fn cap(self) -> usize {
        match self {
            Want::Whole(cap) | Want::Head(cap) => cap,
        }
    }
}

/// A filter with its parameters, references in them followed.
#[derive(Debug, Clone)]
pub struct Filter {
    pub name: Vec<u8>,
    pub parameters: Dictionary,
}

/// The content of a stream: its data through all its filters. `between` is what may still be inflated on the way from one
/// filter to the next.
pub fn decoded(data: &[u8], filters: &[Filter], want: Want, between: &mut usize) -> Result<Vec<u8>, Undecoded> {
    if filters.len() > CHAIN {
        return Err(Undecoded::Broken);
    }
    let mut content = Cow::Borrowed(data);
    for (at, filter) in filters.iter().enumerate() {
        if at + 1 == filters.len() {
            content = Cow::Owned(one(&content, filter, want)?);
        } else {
            let cap = *between;
            let next = one(&content, filter, Want::Whole(cap));
            let used = next.as_ref().map_or_else(|_| at_most(content.len(), cap), Vec::len);
            *between = between.saturating_sub(used);
            content = Cow::Owned(next?);
        }
    }
    match want {
        Want::Whole(cap) if content.len() > cap => Err(Undecoded::TooLarge),
        Want::Head(cap) if content.len() > cap => Ok(content[..cap].to_vec()),
        _ => Ok(content.into_owned()),
    }
}

/// How much of a failed attempt may have been inflated: what was done is counted, whatever came of it.
pub fn at_most(stored: usize, cap: usize) -> usize {
    stored.saturating_mul(GROWTH).min(cap)
}

fn one(data: &[u8], filter: &Filter, want: Want) -> Result<Vec<u8>, Undecoded> {
    match filter.name.as_slice() {
        b"FlateDecode" | b"Fl" => {
            let content = inflated(data, true, want).or_else(|error| match error {
                Undecoded::TooLarge => Err(error),
                // Written by some without the two bytes of zlib, or with a check sum that is none.
                Undecoded::Broken => inflated(without_zlib(data), false, want),
            })?;
            unpredicted(content, &filter.parameters)
        }
        b"ASCIIHexDecode" | b"AHx" => {
            let end = data.iter().position(|byte| *byte == b'>').unwrap_or(data.len());
            unhexed(&data[..end]).ok_or(Undecoded::Broken)
        }
        b"ASCII85Decode" | b"A85" => ascii85(data).ok_or(Undecoded::Broken),
        _ => Err(Undecoded::Broken),
    }
}

/// Behind zlib's head of two bytes (RFC 1950 §2.2), where there is one.
fn without_zlib(data: &[u8]) -> &[u8] {
    match data {
        [method, check, rest @ ..]
            if method & 0x0F == 8 && u16::from_be_bytes([*method, *check]).is_multiple_of(31) =>
        {
            rest
        }
        _ => data,
    }
}

fn inflated(data: &[u8], zlib: bool, want: Want) -> Result<Vec<u8>, Undecoded> {
    const STEP: usize = 64 << 10;
    let mut inflater = Decompress::new(zlib);
    let mut content = Vec::new();
    loop {
        let read = usize::try_from(inflater.total_in()).unwrap_or(usize::MAX).min(data.len());
        let before = content.len();
        content.reserve(STEP);
        let status = inflater.decompress_vec(&data[read..], &mut content, FlushDecompress::None);
        if content.len() > want.cap() {
            return match want {
                Want::Whole(_) => Err(Undecoded::TooLarge),
                Want::Head(cap) => {
                    content.truncate(cap);
                    Ok(content)
                }
            };
        }
        if matches!(status, Ok(Status::StreamEnd)) {
            return Ok(content);
        }
        let advanced = inflater.total_in() > u64::try_from(read).unwrap_or(u64::MAX) || content.len() > before;
        if status.is_err() || !advanced {
            return Err(Undecoded::Broken);
        }
    }
}

fn ascii85(data: &[u8]) -> Option<Vec<u8>> {
    let mut content = Vec::new();
    let (mut group, mut count) = (0_u32, 0_usize);
    for byte in data.iter().copied().take_while(|byte| *byte != b'~').filter(|byte| !is_blank(*byte)) {
        match byte {
            b'z' if count == 0 => content.extend([0; 4]),
            b'!'..=b'u' => {
                group = group.checked_mul(85)?.checked_add(u32::from(byte - b'!'))?;
                count += 1;
                if count == 5 {
                    content.extend(group.to_be_bytes());
                    (group, count) = (0, 0);
                }
            }
            _ => return None,
        }
    }
    if count > 0 {
        // The missing digits are the highest (ISO 32000-1 §7.4.3).
        for _ in count..5 {
            group = group.checked_mul(85)?.checked_add(84)?;
        }
        content.extend(&group.to_be_bytes()[..count - 1]);
    }
    Some(content)
}

/// What PNG's predictors made of the rows (ISO 32000-1 §7.4.4.4).
fn unpredicted(content: Vec<u8>, parameters: &Dictionary) -> Result<Vec<u8>, Undecoded> {
    let number = |key: &str, default: usize| match parameters.get(key) {
        None | Some(Value::Null) => Some(default),
        Some(value) => value.natural(),
    };
    match number("Predictor", 1) {
        Some(1) => return Ok(content),
        Some(10..=15) => {}
        _ => return Err(Undecoded::Broken),
    }
    let geometry = (number("Colors", 1), number("BitsPerComponent", 8), number("Columns", 1));
    let (Some(colours @ 1..=32), Some(bits @ 1..=16), Some(columns @ 1..=0x10_0000)) = geometry else {
        return Err(Undecoded::Broken);
    };
    let pixel = (colours * bits).div_ceil(8);
    let width = (colours * bits * columns).div_ceil(8);
    let mut out: Vec<u8> = Vec::with_capacity(content.len());
    for row in content.chunks(width + 1) {
        let Some((kind, row)) = row.split_first() else { break };
        let start = out.len();
        for (at, byte) in row.iter().enumerate() {
            let before = |back: usize| start.checked_sub(back).map_or(0, |at| out.get(at).copied().unwrap_or(0));
            let left = if at >= pixel { out[start + at - pixel] } else { 0 };
            let up = before(width - at);
            let up_left = if at >= pixel { before(width + pixel - at) } else { 0 };
            let guess = match kind {
                0 => 0,
                1 => left,
                2 => up,
                3 => u8::midpoint(left, up),
                4 => paeth(left, up, up_left),
                _ => return Err(Undecoded::Broken),
            };
            out.push(byte.wrapping_add(guess));
        }
    }
    Ok(out)
}

fn paeth(left: u8, up: u8, up_left: u8) -> u8 {
    let (a, b, c) = (i16::from(left), i16::from(up), i16::from(up_left));
    let (to_left, to_up, to_both) = ((b - c).abs(), (a - c).abs(), (a + b - 2 * c).abs());
    if to_left <= to_up && to_left <= to_both {
        left
    } else if to_up <= to_both {
        up
    } else {
        up_left
    }
}
