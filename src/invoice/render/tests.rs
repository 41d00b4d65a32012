//! What the image promises, held against its own bytes where they can be read without a viewer.

use std::sync::LazyLock;

use en16931::invoice::{InvoiceLine, InvoiceNote};
use en16931::{Date, Invoice, InvoiceAmount, Percentage, Quantity};
use rust_decimal::Decimal;

use super::letters::{Ink, Run, Style, Weight};
use super::phrases::{Row, columns, plain, table};
use super::sheet::{Carried, Mark, Sheet};
use super::{Extra, Original, RenderError, Unsaid, figures, labels, letters, render};

const STYLE: Style = Style { weight: Weight::Regular, size: 8.0, ink: Ink::Dark };

fn extra(name: &str) -> Extra<'_> {
    static UNSAID: LazyLock<Unsaid> = LazyLock::new(Unsaid::default);
    Extra {
        original: Original { name, bytes: b"<Invoice/>", mime: "text/xml", carried_as: None },
        remarks: &[],
        outside: &[],
        unsaid: &UNSAID,
        checked: None,
        rules: "EN 16931, tables",
        made_on: Date::parse("2026-11-26").expect("date"),
        maker: "Fluxgate",
    }
}

fn lines(count: usize) -> Invoice {
    let mut invoice = Invoice::default();
    let one = InvoiceLine::new(
        "1",
        "Ramette",
        Quantity::ONE,
        "C62",
        InvoiceAmount::from_minor_units(1250),
        "S",
        Some(Percentage::new(Decimal::from(20))),
    );
    invoice.lines = vec![one; count];
    invoice
}

#[test]
fn figures_are_written_as_french_readers_write_them() {
    let number = |text: &str, decimals| figures::number(text.parse().expect("decimal"), decimals);
    assert_eq!(number("1234567.5", 2), "1\u{202F}234\u{202F}567,50");
    assert_eq!(number("-0.123456", 2), "-0,123456");
    assert_eq!(number("-0.00", 2), "0,00");
    assert_eq!(number("3.000", 0), "3");
    assert_eq!(number("100", 0), "100");
    assert_eq!(figures::account("FR7630006000011234567890189"), "FR76 3000 6000 0112 3456 7890 189");
    assert_eq!(figures::account("compte é 12"), "compte é 12");
    assert_eq!(figures::date(Date::parse("2026-02-11").expect("date")), "11/02/2026");
    assert_eq!(figures::size(12_800), "12,5\u{202F}Ko");
}

#[test]
fn a_character_that_cannot_be_drawn_is_replaced_and_told() {
    assert_eq!(letters::clean("œuvre\r\n€\té"), ("œuvre\n€ é".to_owned(), false));
    assert_eq!(letters::clean("a\u{1}b\u{202E}c漢\u{E000}"), ("a�b�c��".to_owned(), true));
    assert_eq!(letters::clean("Société שלום مياه"), ("Société ���� ����".to_owned(), true), "from right to left");
    // As some systems write file names.
    assert_eq!(letters::clean("e\u{301}te\u{301}"), ("été".to_owned(), false));
}

#[test]
fn no_line_is_wider_than_its_room() {
    let text = format!("{} un deux {}", "W".repeat(300), "trois ".repeat(90));
    let wrapped = letters::wrap(&[Run { style: STYLE, text: text.clone() }], 100.0);
    assert!(wrapped.len() > 20);
    assert!(wrapped.iter().all(|line| line.width <= 100.0));
    let joined: String = wrapped.iter().flat_map(|line| &line.pieces).map(|piece| piece.text.as_str()).collect();
    assert_eq!(joined, text, "nothing is lost");
    // A long word breaks where it is joined.
    let wrapped = letters::wrap(&[Run { style: STYLE, text: "CPRO-SUPPLIER-SIRET-KEY".to_owned() }], 90.0);
    assert_eq!(wrapped[0].pieces[0].text, "CPRO-SUPPLIER-");
}

#[test]
fn the_same_arguments_make_the_same_bytes() {
    let invoice = lines(40);
    let made = render(&invoice, &extra("a.xml")).expect("image");
    assert!(made.starts_with(b"%PDF-1.7"));
    assert!(made == render(&invoice, &extra("a.xml")).expect("image"));
}

#[test]
fn an_invoice_of_hostile_texts_has_an_image() {
    let mut invoice = lines(3);
    invoice.number = Some("N".repeat(50_000));
    invoice.seller.name = Some("\u{0}\u{FFFE}\u{FEFF}\n\n".repeat(300));
    invoice.lines[1].item.description = Some("très long ".repeat(20_000));
    invoice.lines[2].id = String::new();
    invoice.notes.push(InvoiceNote::new(""));
    invoice.business_process = Some("(\\)<>&".to_owned());
    for name in ["", "..", "../../etc/passwd", "été\u{1}/a:b?.xml", &"é".repeat(300)] {
        render(&invoice, &extra(name)).unwrap_or_else(|error| panic!("{name}: {error:?}"));
    }
}

#[test]
fn what_is_too_long_is_refused() {
    let error = render(&lines(super::MAX_LINES + 1), &extra("a.xml")).expect_err("too many lines");
    assert_eq!(error, RenderError::TooManyLines { lines: super::MAX_LINES + 1 });
    let mut invoice = Invoice::default();
    invoice.notes.push(InvoiceNote::new("a\n".repeat(400_000)));
    assert_eq!(render(&invoice, &extra("a.xml")), Err(RenderError::TooManyPages));
}

/// The texts of each page of a table of so many rows.
fn paged(rows: usize, tall: usize) -> Vec<Vec<String>> {
    let mut sheet = Sheet::new();
    let columns = columns(&[1.0, 3.0], &[]);
    let rows = (1..=rows).map(|row| {
        move |sheet: &mut Sheet| {
            let carried =
                Carried { foot: plain(sheet, &format!("foot {row}")), head: plain(sheet, &format!("head {row}")) };
            let text = "x\n".repeat(tall - 1);
            Row { cells: vec![vec![plain(sheet, "row")], vec![plain(sheet, &text)]], carried: Some(carried) }
        }
    });
    table(&mut sheet, "Table", &columns, &["a", "b"], rows);
    let text = |mark: Mark| match mark {
        Mark::Text { text, .. } => Some(text),
        Mark::Fill { .. } => None,
    };
    let pages = sheet.finish().expect("pages").pages;
    pages.into_iter().map(|marks| marks.into_iter().filter_map(text).collect()).collect()
}

#[test]
fn the_last_rows_of_a_table_are_not_alone_on_their_page() {
    // Of tall rows two, which take enough of a page.
    for (count, tall, least) in (5..160).map(|count| (count, 1, 3)).chain((5..40).map(|count| (count, 9, 2))) {
        let pages = paged(count, tall);
        let rows = |page: &Vec<String>| page.iter().filter(|text| *text == "row").count();
        let last = rows(pages.last().expect("page"));
        assert!(pages.len() == 1 || last >= least, "{count}: {last}");
        assert_eq!(pages.iter().map(rows).sum::<usize>(), count);
    }
}

#[test]
fn what_is_carried_over_is_said_at_the_foot_and_again_overleaf() {
    for (count, tall) in [(100, 1), (40, 9), (7, 200)] {
        let pages = paged(count, tall);
        assert!(pages.len() > 2, "{count}");
        let mut done = 0;
        for (at, page) in pages.iter().enumerate() {
            let told = |word: &str| page.iter().find(|text| text.starts_with(word)).cloned();
            assert_eq!(told("head "), (at > 0 && done < count).then(|| format!("head {done}")), "{count}: page {at}");
            // Of a row that goes on overleaf the figure stands where it began.
            done += page.iter().filter(|text| *text == "row").count();
            assert_eq!(told("foot "), (done < count).then(|| format!("foot {done}")), "{count}: page {at}");
        }
        assert_eq!(done, count);
    }
}

#[test]
fn every_frame_of_chorus_pro_has_its_words() {
    for frame in 1..=25 {
        assert!(labels::frame(&format!("A{frame}")).is_some(), "A{frame}");
    }
    assert_eq!(labels::frame("A26"), None, "nothing is guessed");
}
