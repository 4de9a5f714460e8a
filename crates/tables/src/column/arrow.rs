//! Building the columns: values and nulls go in one by one, an array of Arrow comes out.

use std::sync::Arc;

use arrow_array::{
    Array, ArrayRef, ListArray,
    builder::{BooleanBuilder, Int32Builder, Int64Builder, StringBuilder, TimestampMillisecondBuilder},
};
use arrow_buffer::{NullBuffer, OffsetBuffer};
use arrow_schema::{DataType, Field, TimeUnit};

use super::{Choices, Dates, Flags, Kind, Lists, Numbers, Texts};

/// A column under construction.
pub(crate) trait Column: Kind + Default {
    /// Its type in the table.
    fn data_type() -> DataType;

    /// Adds a value, or a null.
    fn push(&mut self, item: Option<&Self::Item<'_>>);

    /// Ends it.
    fn finish(self) -> ArrayRef;
}

macro_rules! plain {
    ($name:ident, $type:expr, $new:expr, |$value:ident| $take:expr) => {
        impl Default for $name {
            fn default() -> Self {
                Self($new)
            }
        }

        impl Column for $name {
            fn data_type() -> DataType {
                $type
            }
            fn push(&mut self, item: Option<&Self::Item<'_>>) {
                self.0.append_option(item.and_then(|$value| $take));
            }
            fn finish(mut self) -> ArrayRef {
                Arc::new(self.0.finish())
            }
        }
    };
}

plain!(Texts, DataType::Utf8, StringBuilder::new(), |text| Some(&*text.0));
plain!(Numbers, DataType::Int64, Int64Builder::new(), |n| Some(*n));
plain!(Choices, DataType::Int32, Int32Builder::new(), |n| Some(*n));
plain!(Flags, DataType::Boolean, BooleanBuilder::new(), |b| Some(*b));
plain!(
    Dates,
    DataType::Timestamp(TimeUnit::Millisecond, Some("UTC".into())),
    TimestampMillisecondBuilder::new().with_timezone("UTC"),
    |date| date.0
);

impl<C: Default> Default for Lists<C> {
    fn default() -> Self {
        Self { items: C::default(), offsets: vec![0], there: Vec::new(), count: 0 }
    }
}

impl<C: Column> Column for Lists<C> {
    fn data_type() -> DataType {
        DataType::List(Arc::new(Field::new("item", C::data_type(), true)))
    }

    fn push(&mut self, list: Option<&Self::Item<'_>>) {
        let items = list.map(Vec::as_slice).unwrap_or_default();
        items.iter().for_each(|item| self.items.push(Some(item)));
        self.count += i32::try_from(items.len()).expect("a page of an export has fewer than 2^31 of anything");
        self.offsets.push(self.count);
        self.there.push(list.is_some());
    }

    fn finish(self) -> ArrayRef {
        let items = self.items.finish();
        let field = Arc::new(Field::new("item", items.data_type().clone(), true));
        let offsets = OffsetBuffer::new(self.offsets.into());
        Arc::new(ListArray::new(field, offsets, items, Some(NullBuffer::from(self.there))))
    }
}
