//! Which text a scraper gets.

/// The texts that metrics are written in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Format {
    /// Prometheus text 0.0.4: what everything that reads metrics can read. The default.
    #[default]
    PrometheusText,
    /// OpenMetrics 1.0 text.
    OpenMetrics,
}

impl Format {
    /// The `Content-Type` to send with it.
    pub fn content_type(self) -> &'static str {
        match self {
            Self::PrometheusText => "text/plain; version=0.0.4; charset=utf-8",
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
        }
    }

    /// The format that an `Accept` header prefers (RFC 9110 §12.5.1): OpenMetrics if that is named with a weight above
    /// zero and not below that of plain text, else Prometheus text. A header above 4 KiB is not read.
    pub fn negotiate(accept: Option<&str>) -> Self {
        let accept = accept.filter(|header| header.len() <= MAX_HEADER).unwrap_or_default();
        let weight_of =
            |wanted: &str| accept.split(',').filter_map(|range| weight(range, wanted)).max().unwrap_or(0);
        let openmetrics = weight_of("application/openmetrics-text");
        if openmetrics > 0 && openmetrics >= weight_of("text/plain") {
            return Self::OpenMetrics;
        }
        Self::PrometheusText
    }
}

/// The weight of a media range in thousandths, if it is `wanted` in a version that is written here.
fn weight(range: &str, wanted: &str) -> Option<u16> {
    let mut parts = range.split(';').map(str::trim);
    if !parts.next()?.eq_ignore_ascii_case(wanted) {
        return None;
    }
    let mut weight = 1_000;
    for (key, value) in parts.filter_map(|parameter| parameter.split_once('=')) {
        let value = value.trim();
        match key.trim().to_ascii_lowercase().as_str() {
            "q" => weight = thousandths(value)?,
            "version" if !matches!(value.trim_matches('"'), "1.0.0" | "0.0.1" | "0.0.4") => return None,
            _ => {}
        }
    }
    Some(weight)
}

fn thousandths(text: &str) -> Option<u16> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digits = fraction.bytes().all(|b| b.is_ascii_digit()) && fraction.len() <= 3;
    let fraction: u16 = format!("{fraction:0<3}").parse().ok().filter(|_| digits)?;
    match (whole, fraction) {
        ("0", thousandths) => Some(thousandths),
        ("1", 0) => Some(1_000),
        _ => None,
    }
}

const MAX_HEADER: usize = 4 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scraper_gets_what_it_prefers_and_a_browser_gets_plain_text() {
        let prometheus = "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,\
            application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=1.0.0;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2";
        let cases = [
            (prometheus, Format::OpenMetrics),
            ("application/openmetrics-text", Format::OpenMetrics),
            ("Application/OpenMetrics-Text; Version=\"1.0.0\"", Format::OpenMetrics),
            ("text/plain;q=0.9, application/openmetrics-text;q=0.5", Format::PrometheusText),
            ("application/openmetrics-text;q=0", Format::PrometheusText),
            ("application/openmetrics-text;version=9.9.9", Format::PrometheusText),
            ("application/openmetrics-text;q=2", Format::PrometheusText),
            ("application/openmetrics-text;q=0.1234", Format::PrometheusText),
            ("text/html,*/*;q=0.8", Format::PrometheusText),
            ("", Format::PrometheusText),
            (",;=,;q", Format::PrometheusText),
        ];
        for (accept, format) in cases {
            assert_eq!(Format::negotiate(Some(accept)), format, "{accept}");
        }
        assert_eq!(Format::negotiate(None), Format::PrometheusText);
        let long = format!("application/openmetrics-text{}", " ".repeat(MAX_HEADER));
        assert_eq!(Format::negotiate(Some(&long)), Format::PrometheusText);
    }
}
