//! HTTP/1 heads that two parsers could read differently are refused before a handler sees them.
//!
//! hyper drops Content-Length when Transfer-Encoding stands beside it and takes a bare LF for a line end. Behind a proxy
//! that decides otherwise this is how requests are smuggled, so the raw head is looked at too, line by line.

/// Longest header name of interest, with its colon.
const LONGEST: usize = "transfer-encoding:".len();

/// A reader of raw heads; keeps no more than the beginning of the line at hand.
#[derive(Debug, Default)]
pub(super) struct HeadScan {
    start: Vec<u8>,
    line_bytes: usize,
    last: u8,
    started: bool,
    complete: bool,
    bare_line_feed: bool,
    content_length: bool,
    transfer_encoding: bool,
}

impl HeadScan {
    /// Looks at bytes of a head; what follows its blank line is body and passed over.
    pub(super) fn read(&mut self, mut bytes: &[u8]) {
        while !self.complete && !bytes.is_empty() {
            let end = bytes.iter().position(|byte| *byte == b'\n');
            let (line, rest) = bytes.split_at_checked(end.unwrap_or(bytes.len())).unwrap_or((bytes, &[]));
            let room = LONGEST.saturating_sub(self.start.len());
            self.start.extend(line.iter().take(room));
            self.line_bytes = self.line_bytes.saturating_add(line.len());
            self.last = line.last().copied().unwrap_or(self.last);
            if end.is_some() {
                self.end_line();
            }
            bytes = rest.split_first().map_or(&[], |(_line_feed, rest)| rest);
        }
    }

    /// Whether the head just read is ambiguous; `chunked` says that hyper saw Transfer-Encoding. Ready for the next.
    ///
    /// A head that was read while another request was under way has not been seen here: it may not be chunked.
    pub(super) fn judge(&mut self, chunked: bool) -> bool {
        let ambiguous = if self.complete {
            self.bare_line_feed || (self.content_length && self.transfer_encoding)
        } else {
            chunked
        };
        let start = std::mem::take(&mut self.start);
        *self = Self { start, ..Self::default() };
        self.start.clear();
        ambiguous
    }

    fn end_line(&mut self) {
        let carriage_return = self.line_bytes > 0 && self.last == b'\r';
        self.bare_line_feed |= !carriage_return;
        let text_bytes = self.line_bytes.saturating_sub(usize::from(carriage_return));
        // Blank lines before the request line are no end (RFC 9112 §2.2).
        self.complete = text_bytes == 0 && self.started;
        self.started |= text_bytes > 0;
        self.content_length |= begins(&self.start, b"content-length:");
        self.transfer_encoding |= begins(&self.start, b"transfer-encoding:");
        self.start.clear();
        self.line_bytes = 0;
        self.last = 0;
    }
}

fn begins(line: &[u8], name: &[u8]) -> bool {
    line.get(..name.len()).is_some_and(|start| start.eq_ignore_ascii_case(name))
}

#[cfg(test)]
mod tests {
    use super::HeadScan;

    fn judge(pieces: &[&str], chunked: bool) -> bool {
        let mut scan = HeadScan::default();
        pieces.iter().for_each(|piece| scan.read(piece.as_bytes()));
        scan.judge(chunked)
    }

    #[test]
    fn ambiguous_heads_are_told_from_clear_ones_however_they_are_cut() {
        for (head, chunked, ambiguous) in [
            ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n{}", false, false),
            ("\r\nPOST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n", true, false),
            ("POST / HTTP/1.1\r\ncontent-length: 2\r\nTRANSFER-encoding: chunked\r\n\r\n", true, true),
            ("POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\nContent-Length: 2\r\n\r\n", true, true),
            ("POST / HTTP/1.1\r\nHost: a\nContent-Length: 2\r\n\r\n", false, true),
            ("POST / HTTP/1.1\nHost: a\n\n", false, true),
            ("POST / HTTP/1.1\r\nX: y\r\n\r\ncontent-length: 2\ntransfer-encoding: chunked\n\n", false, false),
        ] {
            assert_eq!(judge(&[head], chunked), ambiguous, "{head:?}");
            let bytes: Vec<_> = head.chars().map(String::from).collect();
            let bytes: Vec<_> = bytes.iter().map(String::as_str).collect();
            assert_eq!(judge(&bytes, chunked), ambiguous, "byte by byte: {head:?}");
        }
    }

    #[test]
    fn a_chunked_head_that_was_not_seen_is_ambiguous() {
        assert!(judge(&[], true));
        assert!(!judge(&[], false));
    }
}
