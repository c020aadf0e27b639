//! Numbers as people read them. A no-break space stands before a unit, so that no line ends between the two.

/// 1234567 as `1,234,567`.
pub(crate) fn thousands(value: u64) -> String {
    let digits = value.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Three significant digits where the number has more than four: 1234567 as `1.23 M`.
pub(crate) fn compact(value: u64) -> String {
    if value < 10_000 {
        return thousands(value);
    }
    let mut scaled = value as f64;
    let mut prefix = "";
    for next in ["k", "M", "G", "T", "P", "E"] {
        // 999.5 would be written as 1000.
        if scaled < 999.5 {
            break;
        }
        (scaled, prefix) = (scaled / 1000.0, next);
    }
    format!("{}\u{a0}{prefix}", significant(scaled, 3))
}

/// A share as `50.3 %`.
pub(crate) fn percent(share: f64) -> String {
    format!("{:.1}\u{a0}%", positive_zero(share * 100.0, 1))
}

/// What became of a number: `−50.3 %`; nothing where there was nothing before.
pub(crate) fn change(before: u64, after: u64) -> Option<String> {
    (before > 0).then(|| {
        let change = after as f64 / before as f64 - 1.0;
        if change == 0.0 { "±0\u{a0}%".to_owned() } else { signed_percent(change) }
    })
}

fn signed_percent(share: f64) -> String {
    let sign = if share < 0.0 { '−' } else { '+' };
    format!("{sign}{}", percent(share.abs()))
}

/// A number with so many significant digits, in powers of ten where it is very large or small.
pub(crate) fn significant(value: f64, digits: usize) -> String {
    if value == 0.0 || !value.is_finite() {
        return value.to_string();
    }
    // The exponent after rounding: 999.6 with three digits is 1.00e3.
    let scientific = format!("{value:.*e}", digits.saturating_sub(1));
    let exponent = scientific.split_once('e').and_then(|(_, exponent)| exponent.parse().ok());
    match exponent {
        Some(exponent @ -5..9) => {
            format!("{value:.*}", (digits as i32 - 1 - exponent).max(0) as usize)
        }
        _ => scientific,
    }
}

/// A quantity of things: `1 step`, `3 steps`.
pub(crate) fn count(number: usize, thing: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{} {thing}{plural}", thousands(number as u64))
}

/// Wall time: `41.2 s`, `3 min 05 s`, `2 h 03 min`.
pub(crate) fn duration(seconds: f64) -> String {
    if seconds < 60.0 {
        return format!("{seconds:.1}\u{a0}s");
    }
    let whole = seconds.round() as u64;
    match whole / 3600 {
        0 => format!("{}\u{a0}min {:02}\u{a0}s", whole / 60, whole % 60),
        hours => format!("{hours}\u{a0}h {:02}\u{a0}min", whole % 3600 / 60),
    }
}

/// A value that would be written as minus zero with so many decimals becomes zero.
pub(crate) fn positive_zero(value: f64, decimals: i32) -> f64 {
    if value.abs() < 0.5 * 10f64.powi(-decimals) { 0.0 } else { value }
}

/// `names` in at most `width` characters each. A longer one shows the place from which no other name is like it, so that
/// names that differ stay different.
pub(crate) fn clip_all(names: &[&str], width: usize) -> Vec<String> {
    let texts: Vec<Vec<char>> = names.iter().map(|name| name.chars().collect()).collect();
    let shared = |a: &[char], b: &[char]| a.iter().zip(b).take_while(|(a, b)| a == b).count();
    let clipped = texts.iter().map(|text| {
        let others = texts.iter().filter(|other| *other != text && text.len() > width);
        let from = others.map(|other| shared(text, other)).max().unwrap_or(0);
        clip(text, from, width)
    });
    clipped.collect()
}

/// A window of `width` characters that begins shortly before the character numbered `from`.
fn clip(text: &[char], from: usize, width: usize) -> String {
    let inner = width.saturating_sub(2);
    if text.len() <= width {
        return text.iter().collect();
    }
    // A third of the window shows what the name begins with.
    let start = from.saturating_sub(inner / 3).min(text.len() - inner);
    let (before, after) = (start > 0, start + inner < text.len());
    let window = text[start..start + inner].iter();
    before.then_some(&'…').into_iter().chain(window).chain(after.then_some(&'…')).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_well() {
        let written = [0, 999, 1_000, 9_999, 12_345, 999_499, 999_500, 1_234_567, u64::MAX];
        let compacted = written.map(|value| compact(value).replace('\u{a0}', " "));
        let expected =
            ["0", "999", "1,000", "9,999", "12.3 k", "999 k", "1.00 M", "1.23 M", "18.4 E"];
        assert_eq!(compacted, expected);
        assert_eq!(thousands(u64::MAX), "18,446,744,073,709,551,615");
        assert_eq!(change(0, 3), None);
        assert_eq!(change(256, 128).unwrap(), "−50.0\u{a0}%");
        assert_eq!(percent(-1e-9), "0.0\u{a0}%");
        assert_eq!(significant(0.012_345, 3), "0.0123");
        assert_eq!(significant(1.5e-9, 3), "1.50e-9");
        assert_eq!(duration(3723.0), "1\u{a0}h 02\u{a0}min");
    }

    #[test]
    fn long_names_stay_different() {
        let names = ["encoder_block_01_projection", "encoder_block_02_projection", "in"];
        assert_eq!(clip_all(&names[..2], 12), ["…k_01_proje…", "…k_02_proje…"]);
        assert_eq!(clip_all(&names, 12), ["…k_01_proje…", "…k_02_proje…", "in"]);
        assert_eq!(clip_all(&["ééééé"], 5), ["ééééé"]);
        assert!(clip_all(&["x"], 0).iter().all(|name| name.chars().count() <= 2));
    }
}
