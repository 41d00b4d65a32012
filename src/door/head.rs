//! Watches the bytes of an HTTP/1 connection for two things hyper doesn't tell: when a request's head began, and
//! whether it carries both `Content-Length` and `Transfer-Encoding` (RFC 9112 §6.3: hyper quietly drops the first;
//! this door refuses such a request, because somebody hopes that two servers read it differently).
//!
//! It does not decide where a request ends: hyper does. After a request with `Transfer-Encoding`, whose end only hyper
//! finds, it stops watching and the connection takes no further request.

use std::time::Instant;

/// The start of a line that is kept: enough for both header names and any honest length.
const LINE_KEPT: usize = 64;

/// What a finished head said about its body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Nothing finished yet, or nothing remarkable.
    Fine,
    /// The last request of this connection: where it ends is not known here.
    Last,
    /// Both framings at once.
    Ambiguous,
}

#[derive(Debug)]
enum State {
    /// In a head, or between two requests.
    Head,
    /// So many bytes of a body are still to come.
    Body(u64),
    /// No longer watching.
    Blind,
}

/// The watch over one connection.
#[derive(Debug)]
pub struct HeadWatch {
    state: State,
    /// When the first byte of the present head came.
    began: Option<Instant>,
    line: [u8; LINE_KEPT],
    /// Of the present line, without its LF; counts beyond what is kept.
    line_length: usize,
    length: Length,
    transfer_encoding: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Length {
    None,
    Of(u64),
    Unreadable,
}

impl Default for HeadWatch {
    fn default() -> Self {
        Self {
            state: State::Head,
            began: None,
            line: [0; LINE_KEPT],
            line_length: 0,
            length: Length::None,
            transfer_encoding: false,
        }
    }
}

impl HeadWatch {
    /// When the head that is being received began; `None` between requests and inside bodies.
    pub fn began(&self) -> Option<Instant> {
        self.began
    }

    /// Takes note of bytes that came. The gravest verdict of the heads that ended in them.
    pub fn feed(&mut self, mut bytes: &[u8], now: Instant) -> Verdict {
        let mut verdict = Verdict::Fine;
        while let Some((&byte, rest)) = bytes.split_first() {
            match &mut self.state {
                State::Blind => break,
                State::Body(left) => {
                    let passed = usize::try_from(*left).map_or(bytes.len(), |left| left.min(bytes.len()));
                    *left -= u64::try_from(passed).unwrap_or(*left);
                    bytes = &bytes[passed..];
                    if *left == 0 {
                        self.state = State::Head;
                    }
                }
                State::Head => {
                    bytes = rest;
                    verdict = match (verdict, self.head_byte(byte, now)) {
                        (Verdict::Ambiguous, _) | (_, Verdict::Ambiguous) => Verdict::Ambiguous,
                        (Verdict::Last, _) | (_, Verdict::Last) => Verdict::Last,
                        (Verdict::Fine, Verdict::Fine) => Verdict::Fine,
                    };
                }
            }
        }
        verdict
    }

    fn head_byte(&mut self, byte: u8, now: Instant) -> Verdict {
        if byte != b'\n' {
            if self.began.is_none() && byte != b'\r' {
                self.began = Some(now);
            }
            if let Some(place) = self.line.get_mut(self.line_length) {
                *place = byte;
            }
            self.line_length = self.line_length.saturating_add(1);
            return Verdict::Fine;
        }
        let kept = &self.line[..self.line_length.min(LINE_KEPT)];
        let whole = self.line_length <= LINE_KEPT;
        let line = kept.strip_suffix(b"\r").unwrap_or(kept);
        let is_empty = whole && line.is_empty();
        if !is_empty {
            note_header(line, whole, &mut self.length, &mut self.transfer_encoding);
        }
        self.line_length = 0;
        // Empty lines before a request are allowed (RFC 9112 §2.2).
        if is_empty && self.began.is_some() { self.end_of_head() } else { Verdict::Fine }
    }

    fn end_of_head(&mut self) -> Verdict {
        self.began = None;
        let length = std::mem::replace(&mut self.length, Length::None);
        let transfer_encoding = std::mem::take(&mut self.transfer_encoding);
        let (state, verdict) = match (transfer_encoding, length) {
            (true, Length::None) => (State::Blind, Verdict::Last),
            (true, _) => (State::Blind, Verdict::Ambiguous),
            (false, Length::Unreadable) => (State::Blind, Verdict::Last),
            (false, Length::None | Length::Of(0)) => (State::Head, Verdict::Fine),
            (false, Length::Of(bytes)) => (State::Body(bytes), Verdict::Fine),
        };
        self.state = state;
        verdict
    }
}

fn note_header(line: &[u8], whole: bool, length: &mut Length, transfer_encoding: &mut bool) {
    let Some(colon) = line.iter().position(|b| *b == b':') else { return };
    let (name, value) = (line[..colon].trim_ascii(), line[colon + 1..].trim_ascii());
    if name.eq_ignore_ascii_case(b"transfer-encoding") {
        *transfer_encoding = true;
    } else if name.eq_ignore_ascii_case(b"content-length") {
        let digits = whole && !value.is_empty() && value.iter().all(u8::is_ascii_digit);
        let bytes = std::str::from_utf8(value).ok().filter(|_| digits).and_then(|value| value.parse().ok());
        *length = match (*length, bytes) {
            (Length::None, Some(bytes)) => Length::Of(bytes),
            (Length::Of(before), Some(bytes)) if before == bytes => Length::Of(bytes),
            _ => Length::Unreadable,
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The verdict, however the bytes are cut.
    fn verdict(text: &str) -> Verdict {
        let now = Instant::now();
        let whole = HeadWatch::default().feed(text.as_bytes(), now);
        let mut watch = HeadWatch::default();
        let bytewise = text.bytes().map(|b| watch.feed(&[b], now)).find(|v| *v != Verdict::Fine);
        assert_eq!(bytewise.unwrap_or(Verdict::Fine), whole, "{text:?}");
        whole
    }

    #[test]
    fn both_framings_in_either_order_are_ambiguous() {
        for head in [
            "POST / HTTP/1.1\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
            "POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\nCONTENT-LENGTH:5\r\n\r\n",
            "POST / HTTP/1.1\nTransfer-Encoding: identity\nContent-Length: 0\n\n",
            "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nContent-Length: x\r\n\r\n",
        ] {
            assert_eq!(verdict(head), Verdict::Ambiguous, "{head:?}");
        }
    }

    #[test]
    fn a_head_hidden_in_a_body_is_no_head_and_one_behind_it_is() {
        let smuggled = "POST / HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n";
        let carrier = format!("POST / HTTP/1.1\r\nContent-Length: {}\r\n\r\n{smuggled}", smuggled.len());
        assert_eq!(verdict(&carrier), Verdict::Fine);
        assert_eq!(verdict(&format!("{carrier}{smuggled}")), Verdict::Ambiguous);
        assert_eq!(verdict(&format!("GET / HTTP/1.1\r\nHost: a\r\n\r\n{smuggled}")), Verdict::Ambiguous);
    }

    #[test]
    fn after_chunks_or_an_unreadable_length_no_request_follows() {
        assert_eq!(verdict("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"), Verdict::Last);
        assert_eq!(verdict("POST / HTTP/1.1\r\nContent-Length: +5\r\n\r\n"), Verdict::Last);
        assert_eq!(verdict("POST / HTTP/1.1\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n"), Verdict::Last);
        let padded = format!("POST / HTTP/1.1\r\nContent-Length:{}5\r\n\r\n", " ".repeat(80));
        assert_eq!(verdict(&padded), Verdict::Last);
        assert_eq!(
            verdict("POST / HTTP/1.1\r\nX-Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n"),
            Verdict::Fine
        );
    }

    #[test]
    fn the_time_runs_from_a_heads_first_byte_to_its_end() {
        let mut watch = HeadWatch::default();
        let start = Instant::now();
        watch.feed(b"\r\n", start);
        assert_eq!(watch.began(), None);
        watch.feed(b"G", start);
        watch.feed(b"ET / HTTP/1.1\r\nHost: a\r\n", Instant::now());
        assert_eq!(watch.began(), Some(start));
        watch.feed(b"\r\n", start);
        assert_eq!(watch.began(), None);
    }
}
