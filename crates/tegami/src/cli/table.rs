//! Plain tables and sizes for people; no colours, no lines, so that `awk` can read them too.

use bytesize::ByteSize;
use comfy_table::{CellAlignment, Table, presets};

/// A table with a heading; columns named in `right` hold numbers.
pub fn table(
    headings: &[&str],
    right: &[&str],
    rows: impl IntoIterator<Item = Vec<String>>,
) -> String {
    let mut table = plain();
    table.set_header(headings);
    table.add_rows(rows);
    for (index, heading) in headings.iter().enumerate() {
        if let Some(column) = table.column_mut(index).filter(|_| right.contains(heading)) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    lines(&table)
}

/// Names and values, one pair a line.
pub fn pairs(rows: impl IntoIterator<Item = (&'static str, String)>) -> String {
    let mut table = plain();
    table.add_rows(
        rows.into_iter()
            .map(|(name, value)| vec![name.to_owned(), value]),
    );
    lines(&table)
}

fn plain() -> Table {
    let mut table = Table::new();
    table.load_preset(presets::NOTHING);
    table
}

/// The table without the outer padding.
fn lines(table: &Table) -> String {
    let text = table.to_string();
    let lines: Vec<&str> = text
        .lines()
        .map(|line| line.strip_prefix(' ').unwrap_or(line).trim_end())
        .collect();
    lines.join("\n")
}

/// `1.5 MB`; decimal units, as in the configuration.
pub fn size(octets: u64) -> String {
    ByteSize(octets).display().si().to_string()
}

/// A quota: `2.0 GB`, `none`.
pub fn quota(octets: u64) -> String {
    if octets == 0 {
        "none".to_owned()
    } else {
        size(octets)
    }
}

/// `1 message`, `2 messages`.
pub fn counted(number: u64, one: &str) -> String {
    if number == 1 {
        format!("1 {one}")
    } else {
        format!("{number} {one}s")
    }
}
