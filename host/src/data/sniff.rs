//! Finding out how a table is written from its first rows.

use std::io::Read;

use super::cell::{is_missing, number};
use super::error::Fault;
use super::format::{Format, Layout, can_separate};
use super::records::Records;
use super::source::Text;

/// Bytes looked at.
const SAMPLE: usize = 1 << 18;
/// Rows looked at.
const ROWS: usize = 100;
/// Separators in the order of preference: what is rare in ordinary text comes first.
/// A space comes last and only if nothing else separates, since names and dates hold spaces;
/// a comma does where numbers are known to hold commas.
const SEPARATORS: [u8; 5] = [b'\t', b';', b'|', b',', b' '];

/// The beginning of a table, split at some separator.
type Rows = Vec<Vec<String>>;

/// How `text` is written; what `format` states is taken as given.
pub(super) fn sniff(mut text: Text, format: Format) -> Result<Layout, Fault> {
    if let Some(separator) = format.separator.filter(|&byte| !can_separate(byte)) {
        return Err(Fault::Separator(char::from(separator)));
    }
    let sample = sample(&mut text)?;
    let separator =
        format.separator.unwrap_or_else(|| separator(&sample, format.decimal_comma == Some(true)));
    let (rows, _) = split(&sample, separator);
    let decimal_comma = format.decimal_comma.unwrap_or_else(|| decimal_comma(&rows, separator));
    let header = format.header.unwrap_or_else(|| header(&rows, decimal_comma));
    Ok(Layout { separator, decimal_comma, header })
}

/// The first bytes of `text`, up to the end of a line where there is one.
///
/// What is damaged further on is left to the reading proper, which knows the line.
fn sample(text: &mut Text) -> Result<Vec<u8>, Fault> {
    let mut bytes = Vec::new();
    let read = text.bytes.by_ref().take(SAMPLE as u64).read_to_end(&mut bytes);
    match read {
        Err(error) if bytes.is_empty() => return Err(text.fault(error)),
        _ if bytes.len() == SAMPLE => {
            if let Some(end) = bytes.iter().rposition(|byte| matches!(byte, b'\n' | b'\r')) {
                bytes.truncate(end.saturating_add(1));
            }
        }
        _ => {}
    }
    Ok(bytes)
}

/// The first rows of `sample`, and the share of them that is as wide as the first.
///
/// The share is 0 if the first row has one cell only.
fn split(sample: &[u8], separator: u8) -> (Rows, f64) {
    let text = Text { bytes: Box::new(std::io::Cursor::new(sample.to_vec())), gzip: false };
    let mut records = Records::new(text, separator);
    let mut rows = Rows::new();
    while rows.len() < ROWS {
        let Ok(true) = records.advance() else { break };
        rows.push(records.record().cells().map(str::to_owned).collect());
    }
    let width = rows.first().map_or(0, Vec::len);
    let alike = rows.iter().filter(|row| row.len() == width).count();
    let share = if width > 1 { alike as f64 / rows.len() as f64 } else { 0.0 };
    (rows, share)
}

/// The separator that makes the rows equally wide.
fn separator(sample: &[u8], decimal_comma: bool) -> u8 {
    let mut order = SEPARATORS;
    if decimal_comma {
        order.swap(3, 4);
    }
    let [.., last] = order;
    let mut best = (b',', 0.0);
    for separator in order {
        if separator == last && best.1 >= 0.5 {
            continue;
        }
        let (_, share) = split(sample, separator);
        if share > best.1 {
            best = (separator, share);
        }
    }
    best.0
}

/// Whether numbers are written with a comma: `1,5` speaks for it, `1.5` against it, and `1,500`
/// only where no other cell has a point, and never between commas.
fn decimal_comma(rows: &Rows, separator: u8) -> bool {
    let (mut commas, mut thousands, mut points) = (0_usize, 0_usize, 0_usize);
    for cell in rows.iter().flatten() {
        if let Some((_, fraction)) = cell.split_once(',') {
            if number(cell, true).is_some() {
                let counter = if fraction.len() == 3 { &mut thousands } else { &mut commas };
                *counter = counter.saturating_add(1);
            }
        } else if cell.contains('.') && number(cell, false).is_some() {
            points = points.saturating_add(1);
        }
    }
    commas > points || (separator != b',' && points == 0 && thousands > 0)
}

/// Whether the first of `rows` holds names.
fn header(rows: &Rows, decimal_comma: bool) -> bool {
    let Some((first, rest)) = rows.split_first() else {
        return false;
    };
    if is_counted(first) {
        return true;
    }
    let is_number = |cell: &String| number(cell, decimal_comma).is_some();
    let named = |cell: &&String| !is_missing(cell) && !is_number(cell);
    if first.iter().any(|cell| !is_missing(cell) && is_number(cell)) {
        return false;
    }
    let below = |column: usize| {
        rest.iter().filter_map(move |row| row.get(column)).filter(|cell| !is_missing(cell))
    };
    let over_numbers = first.iter().enumerate().any(|(column, cell)| {
        named(&cell) && below(column).next().is_some() && below(column).all(is_number)
    });
    let returns = first
        .iter()
        .enumerate()
        .any(|(column, cell)| named(&cell) && below(column).any(|other| other == cell));
    over_numbers || (!returns && first.iter().any(|cell| named(&cell)))
}

/// Whether the cells count 0, 1, 2, 3, .., as programs name columns that have no names.
fn is_counted(first: &[String]) -> bool {
    let numbers = || first.iter().filter(|cell| cell.parse::<f64>().is_ok());
    numbers().count() >= 4
        && numbers().zip(0_usize..).all(|(cell, count)| *cell == count.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &'static str) -> (char, bool, bool) {
        given(text, Format::default())
    }

    fn given(text: &'static str, format: Format) -> (char, bool, bool) {
        let text = Text { bytes: Box::new(text.as_bytes()), gzip: false };
        let layout = sniff(text, format).unwrap();
        (char::from(layout.separator), layout.decimal_comma, layout.header)
    }

    #[test]
    fn separators() {
        assert_eq!(found("a,b\n1,2\n"), (',', false, true));
        assert_eq!(found("a;b\n1,5;2,5\n1,0;3,5\n"), (';', true, true));
        assert_eq!(found("a;b\n1.5;2.5\n"), (';', false, true));
        assert_eq!(found("a\tb c\n1\t2\n"), ('\t', false, true));
        assert_eq!(found("a|b\n1|2\n"), ('|', false, true));
        assert_eq!(found("  1.0   2\n 10.0  20\n"), (' ', false, false));
        assert_eq!(found("time,x\n2020-01-01 10:00,1\n"), (',', false, true));
        assert_eq!(found("2020-01-01 10:00,1\n2020-01-02 10:00,2\n"), (',', false, false));
        assert_eq!(found("name,x\n\"a;b\",1\n\"c;d\",2\n"), (',', false, true));
        assert_eq!(found("1,2\n1,2\n1 1,2,3\n2 1,2\n"), (',', false, false));
        assert_eq!(found("x\n1\n2\n"), (',', false, true));
        assert_eq!(found(""), (',', false, false));
    }

    #[test]
    fn decimal_commas() {
        assert_eq!(found("a,b\n\"1,5\",\"2,25\"\n"), (',', true, true));
        assert_eq!(found("a,b\n\"1,500\",\"2,250\"\n"), (',', false, true));
        assert_eq!(found("a;b\n1,500;2,250\n"), (';', true, true));
        assert_eq!(found("a;b\n1,500;2.5\n"), (';', false, true));
        let comma = Format { decimal_comma: Some(true), ..Format::default() };
        assert_eq!(given("1,5 2,5\n1,5 2,5\n", comma), (' ', true, false));
    }

    #[test]
    fn headers() {
        for (text, header) in [
            ("a,b\nx,y\nx,z\n", true),
            ("x,y\nx,z\nw,y\n", false),
            ("1,y\n2,z\n", false),
            (",b\n0,1\n1,2\n", true),
            ("?,x\n1,x\n", false),
            ("0,1,2,3,class\n5,6,7,8,a\n", true),
            ("0,1,2,4,class\n5,6,7,8,a\n", false),
            ("vhigh,vhigh,2,2,small,low,unacc\nhigh,low,2,4,big,low,acc\n", false),
            ("a,b\n", true),
        ] {
            assert_eq!(found(text).2, header, "{text}");
        }
    }

    #[test]
    fn what_is_given_is_taken() {
        let format =
            Format { separator: Some(b';'), decimal_comma: Some(false), header: Some(false) };
        assert_eq!(given("a,b\n1,2\n", format), (';', false, false));
        let quote = Format { separator: Some(b'"'), ..format };
        let text = Text { bytes: Box::new(&b""[..]), gzip: false };
        assert!(matches!(sniff(text, quote), Err(Fault::Separator('"'))));
    }
}
