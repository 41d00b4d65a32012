//! A QR code, in half blocks (two modules a character) for a screen, and in ASCII for a line.

use qrcodegen::{QrCode, QrCodeEcc, QrSegment, Version};

/// Light modules around the code. The standard wants four; readers of today do with two, and 80 columns are few.
const MARGIN: i32 = 2;
/// The largest code that is drawn: 37 modules a side, 41 columns.
const LARGEST: u8 = 5;

/// The code's rows; each is as many characters wide. `None`: the text is too long.
pub fn half_blocks(text: &str) -> Option<Vec<String>> {
    let code = code(text)?;
    let side = code.size() + 2 * MARGIN;
    let dark = |x: i32, y: i32| code.get_module(x - MARGIN, y - MARGIN);
    let block = |x, y| match (dark(x, y), dark(x, y + 1)) {
        (true, true) => '█',
        (true, false) => '▀',
        (false, true) => '▄',
        (false, false) => ' ',
    };
    Some((0..side).step_by(2).map(|y| (0..side).map(|x| block(x, y)).collect()).collect())
}

/// The code's rows, two characters a module, `##` for a light one: most such terminals are dark.
pub fn ascii(text: &str) -> Option<Vec<String>> {
    let code = code(text)?;
    let side = code.size() + 2 * MARGIN;
    let row = |y: i32| (0..side).map(|x| if code.get_module(x - MARGIN, y - MARGIN) { "  " } else { "##" }).collect();
    Some((0..side).map(row).collect())
}

fn code(text: &str) -> Option<QrCode> {
    let (segments, largest) = (QrSegment::make_segments(text), Version::new(LARGEST));
    QrCode::encode_segments_advanced(&segments, QrCodeEcc::Low, Version::MIN, largest, None, true).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_show_the_same_modules() {
        let text = "https://192.0.2.7/claim#0123-4567-89ab-cdef";
        let (blocks, ascii) = (half_blocks(text).unwrap(), ascii(text).unwrap());
        assert_eq!((blocks[0].chars().count(), blocks.len(), ascii.len()), (33, 17, 33));
        for (y, line) in ascii.iter().enumerate() {
            for x in 0..33 {
                let dark = line[2 * x..].starts_with("  ");
                let block = blocks[y / 2].chars().nth(x).unwrap();
                assert_eq!(dark, block == '█' || block == if y % 2 == 0 { '▀' } else { '▄' }, "{x} {y}");
            }
        }
        assert!(half_blocks(&"x".repeat(200)).is_none());
        assert!(half_blocks("https://[2001:db8:1234:5678:9abc:def0:1234:5678]/claim#0123-4567-89ab-cdef").is_some());
    }
}
