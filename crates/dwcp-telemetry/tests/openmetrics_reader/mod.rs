//! A strict reader of OpenMetrics 1.0 text, for the types that are exported here; it knows nothing of the encoder.

use std::collections::{BTreeMap, HashSet};

/// A metric family as read.
#[derive(Debug, Default)]
pub(crate) struct Family {
    pub(crate) name: String,
    pub(crate) kind: String,
    pub(crate) help: String,
    pub(crate) samples: Vec<Sample>,
}

#[derive(Clone, Debug)]
pub(crate) struct Sample {
    pub(crate) name: String,
    pub(crate) labels: BTreeMap<String, String>,
    pub(crate) value: f64,
}

/// Reads a whole exposition, or says which rule it breaks. Timestamps and exemplars are `unsupported`.
pub(crate) fn read(text: &str) -> Result<Vec<Family>, String> {
    let body = text.strip_suffix('\n').unwrap_or(text);
    let body = body.strip_suffix("# EOF").ok_or("does not end with the end mark")?;
    let mut families: Vec<Family> = Vec::new();
    let mut metadata = HashSet::new();
    if !body.is_empty() {
        let lines = body.strip_suffix('\n').ok_or("the end mark is not on a line of its own")?;
        for line in lines.split('\n') {
            read_line(line, &mut families, &mut metadata).map_err(|rule| format!("{rule}: {line:?}"))?;
        }
    }
    check_names(&families)?;
    families
        .iter()
        .try_for_each(|family| check_family(family).map_err(|rule| format!("{rule}: {family:?}")))?;
    Ok(families)
}

fn read_line(
    line: &str,
    families: &mut Vec<Family>,
    metadata: &mut HashSet<(String, String)>,
) -> Result<(), String> {
    let Some(rest) = line.strip_prefix('#') else { return read_sample(line, families) };
    let mut words = rest.strip_prefix(' ').ok_or("a comment is no metadata")?.splitn(3, ' ');
    let (keyword, name) = (words.next().unwrap_or(""), words.next().ok_or("metadata without a name")?);
    let value = words.next().ok_or("metadata without a value")?;
    if !is_name(name) {
        return Err("bad metric name".into());
    }
    if !metadata.insert((keyword.into(), name.into())) {
        return Err("repeated metadata".into());
    }
    if families.last().is_none_or(|family| family.name != name) {
        if families.iter().any(|family| family.name == name) {
            return Err("the lines of a family are not together".into());
        }
        families.push(Family { name: name.into(), kind: "unknown".into(), ..Family::default() });
    }
    let family = families.last_mut().ok_or("no family")?;
    if !family.samples.is_empty() {
        return Err("metadata after samples".into());
    }
    match keyword {
        "TYPE" if ["counter", "gauge", "histogram", "info", "unknown"].contains(&value) => {
            family.kind = value.into()
        }
        "TYPE" if ["stateset", "summary", "gaugehistogram"].contains(&value) => {
            return Err("unsupported type".into());
        }
        "HELP" => family.help = value.into(),
        "UNIT" if value.is_empty() || name.ends_with(&format!("_{value}")) => {
            metadata.insert(("has unit".into(), if value.is_empty() { String::new() } else { name.into() }));
        }
        _ => return Err("bad metadata".into()),
    }
    if family.kind == "info" && metadata.contains(&("has unit".into(), name.into())) {
        return Err("an info has no unit".into());
    }
    Ok(())
}

fn read_sample(line: &str, families: &mut Vec<Family>) -> Result<(), String> {
    let end = line.find(['{', ' ']).ok_or("no value")?;
    let (name, mut rest) = line.split_at(end);
    if !is_name(name) {
        return Err("bad metric name".into());
    }
    let mut labels = BTreeMap::new();
    if let Some(mut inside) = rest.strip_prefix('{') {
        while !inside.starts_with('}') {
            if !labels.is_empty() {
                inside = inside.strip_prefix(',').ok_or("no comma between labels")?;
            }
            let (key, after) = inside.split_once("=\"").ok_or("a label without a value")?;
            if !is_name(key) || key.contains(':') {
                return Err("bad label name".into());
            }
            let (value, after) = read_quoted(after)?;
            if labels.insert(key.to_owned(), value).is_some() {
                return Err("a label twice".into());
            }
            inside = after;
        }
        rest = &inside[1..];
    }
    let value = rest.strip_prefix(' ').ok_or("no space before the value")?;
    if value.contains(' ') {
        return Err("unsupported timestamp or exemplar".into());
    }
    let sample = Sample { name: name.into(), labels, value: read_number(value)? };
    let elsewhere = families.iter().any(|family| family.name == sample.name);
    match families.last_mut() {
        Some(family)
            if suffixes(&family.kind).iter().any(|s| sample.name == format!("{}{s}", family.name)) =>
        {
            family.samples.push(sample);
        }
        _ if elsewhere => return Err("a sample outside of its family".into()),
        _ => families.push(Family {
            name: name.into(),
            kind: "unknown".into(),
            help: String::new(),
            samples: vec![sample],
        }),
    }
    Ok(())
}

fn read_quoted(text: &str) -> Result<(String, &str), String> {
    let mut value = String::new();
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return Ok((value, &text[at + 1..])),
            '\\' => match chars.next() {
                Some((_, 'n')) => value.push('\n'),
                Some((_, c @ ('"' | '\\'))) => value.push(c),
                Some((_, c)) => value.extend(['\\', c]),
                None => break,
            },
            c => value.push(c),
        }
    }
    Err("a label value without an end".into())
}

fn read_number(text: &str) -> Result<f64, String> {
    match text {
        "NaN" => return Ok(f64::NAN),
        "+Inf" => return Ok(f64::INFINITY),
        "-Inf" => return Ok(f64::NEG_INFINITY),
        _ => {}
    }
    let plain = text.bytes().all(|b| b.is_ascii_digit() || b"+-.eE".contains(&b));
    text.parse().ok().filter(|_| plain).ok_or_else(|| "bad number".into())
}

fn suffixes(kind: &str) -> &'static [&'static str] {
    match kind {
        "counter" => &["_total", "_created"],
        "histogram" => &["_bucket", "_sum", "_count", "_created"],
        "info" => &["_info"],
        _ => &[""],
    }
}

fn check_names(families: &[Family]) -> Result<(), String> {
    let mut taken = HashSet::new();
    for family in families {
        let mut names: HashSet<String> =
            suffixes(&family.kind).iter().map(|s| format!("{}{s}", family.name)).collect();
        names.insert(family.name.clone());
        if let Some(name) = names.into_iter().find(|name| !taken.insert(name.clone())) {
            return Err(format!("two families share the name {name}"));
        }
    }
    Ok(())
}

fn check_family(family: &Family) -> Result<(), &'static str> {
    let mut seen = HashSet::new();
    for sample in &family.samples {
        if !seen.insert((sample.name.as_str(), &sample.labels)) {
            return Err("a series twice");
        }
        let counts = family.kind == "counter" || family.kind == "histogram";
        if counts && !sample.name.ends_with("_created") && (sample.value.is_nan() || sample.value < 0.0) {
            return Err("a count below zero or no number");
        }
        if family.kind == "info" && sample.value != 1.0 {
            return Err("an info that is not 1");
        }
    }
    if family.kind == "histogram" { check_histogram(family) } else { Ok(()) }
}

fn check_histogram(family: &Family) -> Result<(), &'static str> {
    let named = |suffix: &str| {
        let name = format!("{}{suffix}", family.name);
        family.samples.iter().filter(move |sample| sample.name == name)
    };
    if named("_sum").chain(named("_count")).any(|s| !s.labels.is_empty())
        || named("_bucket").any(|s| s.labels.len() > 1)
    {
        return Err("unsupported histogram with labels");
    }
    let mut buckets = Vec::new();
    for bucket in named("_bucket") {
        let bound = bucket.labels.get("le").ok_or("a bucket without a bound")?;
        buckets.push((read_number(bound).map_err(|_| "a bound that is no number")?, bucket.value));
    }
    let (last, total) = *buckets.last().ok_or("no buckets")?;
    if last != f64::INFINITY || !buckets.is_sorted_by(|a, b| a.0 < b.0 && a.1 <= b.1) {
        return Err("buckets that do not rise to infinity");
    }
    let negative = buckets[0].0 < 0.0;
    match (named("_sum").next(), named("_count").next()) {
        (Some(_), _) if negative => Err("a sum of what may be negative"),
        (Some(_), Some(count)) if count.value == total => Ok(()),
        (None, None) => Ok(()),
        _ => Err("sum, count and buckets do not fit"),
    }
}

fn is_name(text: &str) -> bool {
    let word = |b: u8| b.is_ascii_alphanumeric() || b == b'_' || b == b':';
    text.bytes().all(word) && !text.is_empty() && !text.as_bytes()[0].is_ascii_digit()
}
