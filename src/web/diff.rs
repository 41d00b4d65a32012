//! What differs between two texts, line by line: for the versions of the configuration.

/// Lines compared one by one in the middle of two texts; beyond, the whole middle counts as replaced.
const MIDDLE_LIMIT: usize = 2000;
/// Lines shown around a difference.
const CONTEXT: usize = 3;

/// A line of a comparison.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Line<'t> {
    Same(&'t str),
    Gone(&'t str),
    Come(&'t str),
    /// So many equal lines are left out.
    Skipped(usize),
}

impl Line<'_> {
    /// The sign in front, for those who do not see colours.
    pub fn sign(&self) -> &'static str {
        match self {
            Line::Same(_) | Line::Skipped(_) => " ",
            Line::Gone(_) => "−",
            Line::Come(_) => "+",
        }
    }

    pub fn class(&self) -> &'static str {
        match self {
            Line::Same(_) => "same",
            Line::Gone(_) => "gone",
            Line::Come(_) => "come",
            Line::Skipped(_) => "skipped",
        }
    }

    pub fn text(&self) -> String {
        match self {
            Line::Same(text) | Line::Gone(text) | Line::Come(text) => (*text).to_owned(),
            Line::Skipped(count) => format!("… {count} …"),
        }
    }
}

/// From `old` to `new`, equal stretches shortened. Empty when they are the same.
pub fn lines<'t>(old: &'t str, new: &'t str) -> Vec<Line<'t>> {
    let (old, new): (Vec<&str>, Vec<&str>) = (old.lines().collect(), new.lines().collect());
    let head = old.iter().zip(&new).take_while(|(a, b)| a == b).count();
    let tail = old[head..].iter().rev().zip(new[head..].iter().rev()).take_while(|(a, b)| a == b).count();
    let (old_middle, new_middle) = (&old[head..old.len() - tail], &new[head..new.len() - tail]);
    if old_middle.is_empty() && new_middle.is_empty() {
        return Vec::new();
    }
    let mut all: Vec<Line<'t>> = old[..head].iter().map(|l| Line::Same(l)).collect();
    all.extend(middle(old_middle, new_middle));
    all.extend(old[old.len() - tail..].iter().map(|l| Line::Same(l)));
    shorten(&all)
}

/// The longest common subsequence, by the classic table.
fn middle<'t>(old: &[&'t str], new: &[&'t str]) -> Vec<Line<'t>> {
    let mut lines = Vec::new();
    if old.len() > MIDDLE_LIMIT || new.len() > MIDDLE_LIMIT {
        lines.extend(old.iter().map(|l| Line::Gone(l)));
        lines.extend(new.iter().map(|l| Line::Come(l)));
        return lines;
    }
    let width = new.len() + 1;
    let mut common = vec![0u16; (old.len() + 1) * width];
    for i in (0..old.len()).rev() {
        for j in (0..new.len()).rev() {
            common[i * width + j] = if old[i] == new[j] {
                common[(i + 1) * width + j + 1] + 1
            } else {
                common[(i + 1) * width + j].max(common[i * width + j + 1])
            };
        }
    }
    let (mut i, mut j) = (0, 0);
    while i < old.len() || j < new.len() {
        if i < old.len() && j < new.len() && old[i] == new[j] {
            lines.push(Line::Same(old[i]));
            (i, j) = (i + 1, j + 1);
        } else if j == new.len() || (i < old.len() && common[(i + 1) * width + j] >= common[i * width + j + 1]) {
            lines.push(Line::Gone(old[i]));
            i += 1;
        } else {
            lines.push(Line::Come(new[j]));
            j += 1;
        }
    }
    lines
}

fn shorten<'t>(lines: &[Line<'t>]) -> Vec<Line<'t>> {
    let near = |at: usize| {
        let from = at.saturating_sub(CONTEXT);
        lines[from..(at + CONTEXT + 1).min(lines.len())].iter().any(|l| !matches!(l, Line::Same(_)))
    };
    let mut short = Vec::new();
    let mut skipped = 0;
    for (at, line) in lines.iter().enumerate() {
        if near(at) {
            if skipped > 0 {
                short.push(Line::Skipped(skipped));
                skipped = 0;
            }
            short.push(line.clone());
        } else {
            skipped += 1;
        }
    }
    if skipped > 0 {
        short.push(Line::Skipped(skipped));
    }
    short
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_changed_line_stands_in_its_context() {
        let old = "a\nb\nc\nd\ne\nf\ng\nh\ni\n";
        let new = old.replace('h', "H");
        let found = lines(old, &new);
        let signs: String = found.iter().map(Line::sign).collect();
        assert_eq!(found[0], Line::Skipped(4));
        assert_eq!(signs, "    −+ ", "{found:?}");
        assert!(lines(old, old).is_empty());
    }

    proptest! {
        #[test]
        fn a_comparison_holds_both_texts(old in "([abc]\n){0,12}", new in "([abc]\n){0,12}") {
            let old_lines: Vec<_> = old.lines().collect();
            let new_lines: Vec<_> = new.lines().collect();
            let found = middle(&old_lines, &new_lines);
            let side = |skip: fn(&Line<'_>) -> bool| -> Vec<String> { found.iter().filter(|l| !skip(l)).map(Line::text).collect() };
            prop_assert_eq!(side(|l| matches!(l, Line::Come(_))), old_lines);
            prop_assert_eq!(side(|l| matches!(l, Line::Gone(_))), new_lines);
        }
    }
}
