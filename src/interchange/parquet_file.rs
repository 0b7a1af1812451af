//! Documents as a Parquet file, a row group at a time: each is written by itself as if it were all of a file, and the end of the whole
//! file is made of the ends of them all. So a file of any size is written with one row group in memory, by whoever is at it.

use super::export::Exported;
use bytes::Bytes;
use parquet::{
    basic::{Compression, LogicalType, Repetition, Type as Physical},
    column::writer::ColumnCloseResult,
    data_type::{ByteArray, ByteArrayType, DataType, DoubleType, Int64Type},
    errors::Result,
    file::{
        metadata::{ColumnChunkMetaData, ParquetMetaDataReader, RowGroupMetaData},
        properties::{EnabledStatistics, WriterProperties, WriterPropertiesPtr},
        writer::{SerializedFileWriter, SerializedRowGroupWriter},
    },
    schema::types::{Type, TypePtr},
};
use std::{
    io::{self, Write},
    sync::Arc,
};

/// With what a file begins and ends.
const MAGIC: &[u8] = b"PAR1";

/// A row group as it stands in the file, and what the file would end with if it were the only one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RowGroup {
    pub content: Vec<u8>,
    pub footer: Vec<u8>,
}

/// What stands before the first row group.
#[must_use]
pub fn beginning() -> &'static [u8] {
    MAGIC
}

/// Writes documents as a row group.
///
/// # Errors
/// When they do not fit into one.
pub fn row_group(documents: &[Exported<'_>]) -> io::Result<RowGroup> {
    write(documents).map_err(io::Error::other)
}

fn write(documents: &[Exported<'_>]) -> Result<RowGroup> {
    let mut writer = SerializedFileWriter::new(Vec::new(), schema()?, properties())?;
    let mut group = writer.next_row_group()?;
    let document = |exported: &Exported<'_>| exported.document.clone();
    let texts = |of: &dyn Fn(&Exported<'_>) -> Option<String>| -> Vec<Option<ByteArray>> {
        let taken = documents.iter().map(of);
        taken
            .map(|text| text.map(|text| ByteArray::from(text.into_bytes())))
            .collect()
    };
    let moments = |of: &dyn Fn(&Exported<'_>) -> i64| documents.iter().map(|one| Some(of(one))).collect::<Vec<_>>();
    column::<ByteArrayType>(&mut group, &texts(&|one| one.document.external_id.clone()), true)?;
    column::<ByteArrayType>(&mut group, &texts(&|one| one.document.title.clone()), true)?;
    column::<ByteArrayType>(&mut group, &texts(&|one| Some(document(one).text)), false)?;
    column::<ByteArrayType>(&mut group, &texts(&|one| one.document.language.clone()), true)?;
    let attributes =
        |one: &Exported<'_>| Some(serde_json::Value::Object(one.document.attributes.0.clone()).to_string());
    column::<ByteArrayType>(&mut group, &texts(&attributes), false)?;
    column::<ByteArrayType>(&mut group, &texts(&|one| Some(one.document.id.to_string())), false)?;
    column::<Int64Type>(&mut group, &moments(&|one| one.document.version), false)?;
    column::<ByteArrayType>(&mut group, &texts(&|one| one.summary.map(str::to_owned)), true)?;
    column::<ByteArrayType>(&mut group, &texts(&|one| one.label.map(str::to_owned)), true)?;
    let confidences: Vec<Option<f64>> = documents.iter().map(|one| one.confidence).collect();
    column::<DoubleType>(&mut group, &confidences, true)?;
    column::<Int64Type>(&mut group, &moments(&|one| micros(one.document.created_at)), false)?;
    column::<Int64Type>(&mut group, &moments(&|one| micros(one.document.updated_at)), false)?;
    group.close()?;
    let metadata = writer.finish()?;
    let file = writer.inner().clone();
    let end = metadata
        .row_groups()
        .iter()
        .flat_map(RowGroupMetaData::columns)
        .map(ColumnChunkMetaData::byte_range)
        .map(|(start, length)| start + length)
        .max()
        .unwrap_or(MAGIC.len() as u64) as usize;
    Ok(RowGroup {
        content: file[MAGIC.len()..end].to_vec(),
        footer: file[end..].to_vec(),
    })
}

/// Writes a column; of one that may be empty, what is not there is left out.
fn column<T: DataType>(
    group: &mut SerializedRowGroupWriter<'_, Vec<u8>>,
    values: &[Option<T::T>],
    optional: bool,
) -> Result<()> {
    let Some(mut writer) = group.next_column()? else {
        return Ok(());
    };
    let levels: Vec<i16> = values.iter().map(|value| i16::from(value.is_some())).collect();
    let there: Vec<T::T> = values.iter().flatten().cloned().collect();
    writer
        .typed::<T>()
        .write_batch(&there, optional.then_some(&levels[..]), None)?;
    writer.close()
}

fn micros(at: crate::domain::Timestamp) -> i64 {
    (at.as_offset_date_time().unix_timestamp_nanos() / 1_000) as i64
}

/// Makes the end of a file of which the row groups are known.
pub struct Ending {
    writer: SerializedFileWriter<Tail>,
    /// Where the row groups end.
    end: u64,
}

/// What is written past a place.
struct Tail {
    passed: u64,
    from: u64,
    kept: Vec<u8>,
}

impl Write for Tail {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let skipped = (self.from.saturating_sub(self.passed) as usize).min(bytes.len());
        self.kept.extend_from_slice(&bytes[skipped..]);
        self.passed += bytes.len() as u64;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Ending {
    /// `end` is how many bytes the beginning and all row groups take.
    ///
    /// # Errors
    /// Never, for the schema of ours.
    pub fn new(end: u64) -> io::Result<Self> {
        let tail = Tail {
            passed: 0,
            from: end,
            kept: Vec::new(),
        };
        let schema = schema().map_err(io::Error::other)?;
        let writer = SerializedFileWriter::new(tail, schema, properties()).map_err(io::Error::other)?;
        Ok(Self { writer, end })
    }

    /// Takes the next row group.
    ///
    /// # Errors
    /// When it is none.
    pub fn add(&mut self, group: RowGroup) -> io::Result<()> {
        self.append(group).map_err(io::Error::other)
    }

    fn append(&mut self, RowGroup { content, footer }: RowGroup) -> Result<()> {
        let file = Bytes::from([MAGIC, &content, &footer].concat());
        let metadata = ParquetMetaDataReader::new().parse_and_finish(&file)?;
        for group in metadata.row_groups() {
            let mut into = self.writer.next_row_group()?;
            for column in group.columns() {
                let close = ColumnCloseResult {
                    bytes_written: column.compressed_size().unsigned_abs(),
                    rows_written: group.num_rows().unsigned_abs(),
                    metadata: column.clone(),
                    bloom_filter: None,
                    column_index: None,
                    offset_index: None,
                };
                into.append_column(&file, close)?;
            }
            into.close()?;
        }
        Ok(())
    }

    /// The end of the file.
    ///
    /// # Errors
    /// When the row groups do not end where it was said.
    pub fn finish(mut self) -> io::Result<Vec<u8>> {
        if self.writer.bytes_written() as u64 != self.end {
            return Err(io::Error::other("the row groups do not end where they should"));
        }
        self.writer.finish().map_err(io::Error::other)?;
        Ok(std::mem::take(&mut self.writer.inner_mut().kept))
    }
}

fn properties() -> WriterPropertiesPtr {
    let properties = WriterProperties::builder()
        .set_created_by(concat!("synoptic ", env!("CARGO_PKG_VERSION")).to_owned())
        .set_compression(Compression::SNAPPY)
        // Texts hardly repeat, and their smallest and largest help nobody.
        .set_statistics_enabled(EnabledStatistics::None)
        .set_offset_index_disabled(true)
        .build();
    Arc::new(properties)
}

fn schema() -> Result<TypePtr> {
    let text = |name: &str, repetition| {
        Type::primitive_type_builder(name, Physical::BYTE_ARRAY)
            .with_repetition(repetition)
            .with_logical_type(Some(LogicalType::String))
            .build()
    };
    let number = |name: &str, logical| {
        Type::primitive_type_builder(name, Physical::INT64)
            .with_repetition(Repetition::REQUIRED)
            .with_logical_type(logical)
            .build()
    };
    let moment = || Some(LogicalType::timestamp(true, parquet::basic::TimeUnit::MICROS));
    let attributes = Type::primitive_type_builder("attributes", Physical::BYTE_ARRAY)
        .with_repetition(Repetition::REQUIRED)
        .with_logical_type(Some(LogicalType::Json))
        .build()?;
    let confidence = Type::primitive_type_builder("synoptic_confidence", Physical::DOUBLE)
        .with_repetition(Repetition::OPTIONAL)
        .build()?;
    let fields = vec![
        text("external_id", Repetition::OPTIONAL)?,
        text("title", Repetition::OPTIONAL)?,
        text("text", Repetition::REQUIRED)?,
        text("language", Repetition::OPTIONAL)?,
        attributes,
        text("synoptic_id", Repetition::REQUIRED)?,
        number("synoptic_version", None)?,
        text("synoptic_summary", Repetition::OPTIONAL)?,
        text("synoptic_label", Repetition::OPTIONAL)?,
        confidence,
        number("synoptic_created_at", moment())?,
        number("synoptic_updated_at", moment())?,
    ];
    let fields = fields.into_iter().map(Arc::new).collect();
    let schema = Type::group_type_builder("document").with_fields(fields).build()?;
    Ok(Arc::new(schema))
}
