//! Apache Parquet: flat columns of numbers, truth values and text.

mod thrift;

use std::cell::Cell as Flag;
use std::fs::File;
use std::panic::{catch_unwind, set_hook, take_hook};
use std::sync::Once;

use parquet::basic::{ConvertedType, Type};
use parquet::column::reader::{ColumnReader, ColumnReaderImpl};
use parquet::data_type::{ByteArray, DataType};
use parquet::errors::ParquetError;
use parquet::file::metadata::RowGroupMetaData;
use parquet::file::reader::{FileReader, RowGroupReader, SerializedFileReader};
use parquet::schema::types::ColumnDescriptor;

use super::array::check_packing;
use super::labels::{Cell, Labels};
use super::reference::Reference;
use super::store::Store;
use super::table::{Columns, part};
use super::{Part, open};
use crate::Error;

/// Rows that are read at once.
const BLOCK: usize = 4096;

/// Reads a table, one sample a row.
pub(super) fn read(reference: &Reference, memory: u64) -> Result<Vec<Part>, Error> {
    // The decoder panics on some broken files, such as a page of codes without their dictionary. Nothing is shared with it
    // but what it is given here.
    quiet_decoder();
    DECODING.set(true);
    let read = catch_unwind(|| read_table(reference, memory));
    DECODING.set(false);
    read.unwrap_or(Err(Error::ParquetDecoder))
}

thread_local! {
    /// Whether this thread is in the decoder, whose panics become errors.
    static DECODING: Flag<bool> = const { Flag::new(false) };
}

/// Keeps the decoder's panics, but not those of this file, from the hook that prints them.
fn quiet_decoder() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let hook = take_hook();
        set_hook(Box::new(move |panic| {
            let ours = panic.location().is_some_and(|location| location.file() == file!());
            if ours || !DECODING.get() {
                hook(panic);
            }
        }));
    });
}

fn read_table(reference: &Reference, memory: u64) -> Result<Vec<Part>, Error> {
    let file = open(&reference.path)?;
    let packed = file.metadata()?.len();
    if let Some((start, length)) = thrift::footer(&file)? {
        thrift::check(&file, start, length).map_err(hostile)?;
    }
    let headers = open(&reference.path)?;
    let reader = SerializedFileReader::new(file).map_err(unreadable)?;
    check_chunks(reader.metadata().row_groups(), packed)?;
    let metadata = reader.metadata().file_metadata();
    let leaves = metadata.schema_descr().columns();
    let columns = leaves.iter().map(|leaf| Column::new(leaf)).collect::<Vec<_>>();
    let names = columns.iter().map(|column| column.name.clone()).collect();
    let chosen = Columns::choose(reference, names)?;
    let rows = u64::try_from(metadata.num_rows()).unwrap_or(0);
    check_packing("x", packed, rows.saturating_mul(4 * chosen.x.len() as u64))?;

    let mut table = Table {
        row: 0,
        rows,
        features: Store::new(memory),
        labels: chosen.y.iter().map(|&y| Labels::new(&columns[y].name, None)).collect(),
        columns,
        chosen,
    };
    for group in 0..reader.num_row_groups() {
        table.group(&*reader.get_row_group(group).map_err(unreadable)?, &headers)?;
    }
    Ok(vec![part(table.features, table.chosen.x.len(), table.labels)?])
}

/// Refuses columns that lie over each other: a small file would have many times its size to read.
fn check_chunks(groups: &[RowGroupMetaData], packed: u64) -> Result<(), Error> {
    let chunks = groups.iter().flat_map(|group| group.columns());
    let mut sizes = chunks.map(|chunk| chunk.byte_range().1);
    match sizes.try_fold(packed, u64::checked_sub) {
        Some(_) => Ok(()),
        None => {
            let what = format!("its columns take more than all of its {packed} bytes");
            Err(unreadable(ParquetError::General(what)))
        }
    }
}

struct Table {
    columns: Vec<Column>,
    chosen: Columns,
    /// Rows taken so far, and all that the file says it has.
    row: u64,
    rows: u64,
    features: Store,
    labels: Vec<Labels>,
}

impl Table {
    /// Reads a row group of a file whose pages' headers are looked at first.
    fn group(&mut self, group: &dyn RowGroupReader, file: &File) -> Result<(), Error> {
        let open = |&column: &usize| {
            let (start, length) = group.metadata().column(column).byte_range();
            thrift::check(file, start, length).map_err(hostile)?;
            group.get_column_reader(column).map_err(unreadable)
        };
        let mut x = self.chosen.x.iter().map(open).collect::<Result<Vec<_>, _>>()?;
        let mut y = self.chosen.y.iter().map(open).collect::<Result<Vec<_>, _>>()?;
        let width = x.len();
        loop {
            let (mut rows, mut block) = (None, Vec::new());
            for (place, (reader, &column)) in x.iter_mut().zip(&self.chosen.x).enumerate() {
                let column = &self.columns[column];
                let values = column.read(reader, self.row)?;
                agree(&mut rows, values.len())?;
                block.resize(values.len() * width, 0.0);
                column.features(&values, self.row, block.iter_mut().skip(place).step_by(width))?;
            }
            for ((reader, &column), labels) in
                y.iter_mut().zip(&self.chosen.y).zip(&mut self.labels)
            {
                let values = self.columns[column].read(reader, self.row)?;
                agree(&mut rows, values.len())?;
                values.label(self.row, labels)?;
            }
            let rows = rows.unwrap_or(0) as u64;
            self.row += rows;
            if rows == 0 {
                return Ok(());
            }
            if self.row > self.rows {
                let what = format!("it has more than the {} rows that it promises", self.rows);
                return Err(unreadable(ParquetError::General(what)));
            }
            self.features.push(&block)?;
        }
    }
}

/// Whether all columns have as many rows.
fn agree(rows: &mut Option<usize>, given: usize) -> Result<(), Error> {
    let expected = *rows.get_or_insert(given);
    if given == expected {
        return Ok(());
    }
    let what = format!("its columns have different numbers of rows: {expected} and {given}");
    Err(unreadable(ParquetError::General(what)))
}

/// What is known of a column.
struct Column {
    name: String,
    /// True if missing values are allowed for.
    optional: bool,
    unsigned: bool,
    /// Why it cannot be read, if so.
    obstacle: Option<String>,
}

/// Some entries of a column.
enum Values {
    Integers(Vec<i128>),
    Reals(Vec<f64>),
    Texts(Vec<ByteArray>),
}

impl Column {
    fn new(leaf: &ColumnDescriptor) -> Self {
        let (converted, physical) = (leaf.converted_type(), leaf.physical_type());
        let nested = leaf.path().parts().len() > 1 || leaf.max_rep_level() > 0;
        let strange = matches!(physical, Type::INT96 | Type::FIXED_LEN_BYTE_ARRAY)
            || converted == ConvertedType::DECIMAL;
        let obstacle = match (nested, strange) {
            (true, _) => Some("a list or nested".to_owned()),
            (_, true) => Some(format!("of type {physical} ({converted})")),
            _ => None,
        };
        use ConvertedType::{UINT_8, UINT_16, UINT_32, UINT_64};
        let unsigned = matches!(converted, UINT_8 | UINT_16 | UINT_32 | UINT_64);
        let (name, optional) = (leaf.path().string(), leaf.max_def_level() > 0);
        Self { name, optional, unsigned, obstacle }
    }

    /// The next entries, none at the end of the row group.
    fn read(&self, reader: &mut ColumnReader, row: u64) -> Result<Values, Error> {
        if let Some(obstacle) = &self.obstacle {
            let (column, given) = (self.name.clone(), obstacle.clone());
            return Err(Error::ParquetColumn { column, given });
        }
        let unsigned = self.unsigned;
        Ok(match reader {
            ColumnReader::BoolColumnReader(reader) => {
                let values = self.entries(reader, row)?;
                Values::Integers(values.into_iter().map(i128::from).collect())
            }
            ColumnReader::Int32ColumnReader(reader) => {
                let widen =
                    |value: i32| if unsigned { (value as u32).into() } else { value.into() };
                Values::Integers(self.entries(reader, row)?.into_iter().map(widen).collect())
            }
            ColumnReader::Int64ColumnReader(reader) => {
                let widen =
                    |value: i64| if unsigned { (value as u64).into() } else { value.into() };
                Values::Integers(self.entries(reader, row)?.into_iter().map(widen).collect())
            }
            ColumnReader::FloatColumnReader(reader) => {
                let values = self.entries(reader, row)?;
                Values::Reals(values.into_iter().map(f64::from).collect())
            }
            ColumnReader::DoubleColumnReader(reader) => Values::Reals(self.entries(reader, row)?),
            ColumnReader::ByteArrayColumnReader(reader) => {
                Values::Texts(self.entries(reader, row)?)
            }
            ColumnReader::Int96ColumnReader(_) | ColumnReader::FixedLenByteArrayColumnReader(_) => {
                let given = "of an unknown type".to_owned();
                return Err(Error::ParquetColumn { column: self.name.clone(), given });
            }
        })
    }

    fn entries<T: DataType>(
        &self,
        reader: &mut ColumnReaderImpl<T>,
        row: u64,
    ) -> Result<Vec<T::T>, Error> {
        let (mut values, mut levels) = (Vec::new(), Vec::new());
        let mut rows = 0;
        // A page ends a read early, the row group all of them.
        while rows < BLOCK {
            let defined = self.optional.then_some(&mut levels);
            let read = reader.read_records(BLOCK - rows, defined, None, &mut values);
            match read.map_err(unreadable)?.0 {
                0 => break,
                read => rows += read,
            }
        }
        if values.len() == rows {
            return Ok(values);
        }
        let missing = levels.iter().position(|&level| level == 0).unwrap_or(values.len());
        Err(Error::Null { row: row + missing as u64, column: self.name.clone() })
    }

    /// Writes entries as finite features.
    fn features<'a>(
        &self,
        values: &Values,
        row: u64,
        into: impl Iterator<Item = &'a mut f32>,
    ) -> Result<(), Error> {
        let wide: Vec<f64> = match values {
            Values::Integers(values) => values.iter().map(|&value| value as f64).collect(),
            Values::Reals(values) => values.clone(),
            Values::Texts(_) => return Err(Error::TextFeatures { array: self.name.clone() }),
        };
        for (place, (&value, feature)) in wide.iter().zip(into).enumerate() {
            *feature = value as f32;
            if !feature.is_finite() {
                let (array, sample) = (self.name.clone(), row as usize + place);
                return Err(Error::NotFinite { array, value, sample, element: 0 });
            }
        }
        Ok(())
    }
}

impl Values {
    fn len(&self) -> usize {
        match self {
            Self::Integers(values) => values.len(),
            Self::Reals(values) => values.len(),
            Self::Texts(values) => values.len(),
        }
    }

    /// Hands entries to the target. Rows are counted as lines are, from 1.
    fn label(&self, row: u64, labels: &mut Labels) -> Result<(), Error> {
        let lines = row + 1..;
        match self {
            Self::Integers(values) => lines.zip(values).try_for_each(|(line, &value)| {
                labels.push(line, &Cell::Integer(value), &value.to_string())
            }),
            Self::Reals(values) => lines.zip(values).try_for_each(|(line, &value)| {
                labels.push(line, &Cell::Real(value), &value.to_string())
            }),
            Self::Texts(values) => lines.zip(values).try_for_each(|(line, value)| {
                let text = String::from_utf8_lossy(value.data());
                labels.push(line, &Cell::Text, &text)
            }),
        }
    }
}

fn hostile(error: std::io::Error) -> Error {
    unreadable(ParquetError::General(error.to_string()))
}

fn unreadable(error: ParquetError) -> Error {
    Error::Parquet { error }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use parquet::file::metadata::ColumnChunkMetaData;
    use parquet::schema::parser::parse_message_type;
    use parquet::schema::types::SchemaDescriptor;

    use super::*;

    #[test]
    fn columns_over_each_other_are_refused() {
        let schema = parse_message_type("message m { required float x; }").unwrap();
        let schema = Arc::new(SchemaDescriptor::new(Arc::new(schema)));
        let group = || {
            let chunk = ColumnChunkMetaData::builder(schema.column(0)).set_data_page_offset(4);
            let chunk = chunk.set_total_compressed_size(100).build().unwrap();
            RowGroupMetaData::builder(schema.clone()).add_column_metadata(chunk).build().unwrap()
        };
        let groups = [group(), group(), group()];
        assert!(check_chunks(&groups[..2], 210).is_ok());
        let message = check_chunks(&groups, 210).unwrap_err().to_string();
        assert!(message.contains("more than all of its 210 bytes"), "{message}");
    }
}
