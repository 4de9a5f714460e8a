//! Building the columns: values and nulls go in one by one, an array of Arrow comes out. A record is read straight into them: a value of its
//! own for each object and list would cost as much as the rest.

use std::sync::Arc;

use arrow_array::{
    Array, ArrayRef, ListArray,
    builder::{BooleanBuilder, Int32Builder, Int64Builder, StringBuilder, TimestampMillisecondBuilder},
};
use arrow_buffer::{NullBuffer, NullBufferBuilder, OffsetBuffer};
use arrow_schema::{DataType, Field, TimeUnit};

use super::{Choices, Date, Dates, Flags, Kind, Lists, Numbers, Texts, There};
use crate::json::{Bracket, Json, Wrong};

/// A column under construction.
pub(crate) trait Column: Kind + Default {
    /// Its type in the table.
    fn data_type() -> DataType;

    /// Adds a value, or a null.
    fn push(&mut self, item: Option<&Self::Item<'_>>);

    /// Adds what comes next in JSON: a value, or a null.
    fn read(&mut self, json: &mut Json<'_>) -> Result<(), Wrong>;

    /// Ends it.
    fn finish(self) -> ArrayRef;
}

impl Default for There {
    fn default() -> Self {
        Self(NullBufferBuilder::new(0))
    }
}

impl There {
    /// Adds whether one is there.
    pub(crate) fn append(&mut self, is_there: bool) {
        self.0.append(is_there);
    }

    /// Ends it; nothing when all are there.
    pub(crate) fn finish(&mut self) -> Option<NullBuffer> {
        self.0.finish()
    }
}

macro_rules! plain {
    ($name:ident, $type:expr, $new:expr, |$value:ident| $take:expr, |$json:ident| $read:expr) => {
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
            fn read(&mut self, $json: &mut Json<'_>) -> Result<(), Wrong> {
                if $json.null() {
                    self.0.append_null();
                } else {
                    self.0.append_option($read);
                }
                Ok(())
            }
            fn finish(mut self) -> ArrayRef {
                Arc::new(self.0.finish())
            }
        }
    };
}

plain!(Texts, DataType::Utf8, StringBuilder::new(), |text| Some(&*text.0), |json| Some(json.text()?));
plain!(Numbers, DataType::Int64, Int64Builder::new(), |n| Some(*n), |json| Some(json.number()?));
plain!(Choices, DataType::Int32, Int32Builder::new(), |n| Some(*n), |json| {
    let number = json.number()?;
    Some(i32::try_from(number).map_err(|_| json.wrong("a number of 32 bits"))?)
});
plain!(Flags, DataType::Boolean, BooleanBuilder::new(), |b| Some(*b), |json| Some(json.flag()?));
plain!(
    Dates,
    DataType::Timestamp(TimeUnit::Millisecond, Some("UTC".into())),
    TimestampMillisecondBuilder::new().with_timezone("UTC"),
    |date| date.0,
    |json| Date::of(&json.text()?).map_err(|wanted| json.wrong(wanted))?.0
);

impl<C: Default> Default for Lists<C> {
    fn default() -> Self {
        Self { items: C::default(), offsets: vec![0], there: There::default(), count: 0 }
    }
}

impl<C: Column> Column for Lists<C> {
    fn data_type() -> DataType {
        DataType::List(Arc::new(Field::new("item", C::data_type(), true)))
    }

    fn push(&mut self, list: Option<&Self::Item<'_>>) {
        let items = list.map(Vec::as_slice).unwrap_or_default();
        items.iter().for_each(|item| self.items.push(Some(item)));
        self.end(items.len(), list.is_some());
    }

    fn read(&mut self, json: &mut Json<'_>) -> Result<(), Wrong> {
        if json.null() {
            self.end(0, false);
            return Ok(());
        }
        let mut items = 0;
        let mut goes_on = json.open(Bracket::List)?;
        while goes_on {
            self.items.read(json)?;
            items += 1;
            goes_on = json.goes_on(Bracket::List)?;
        }
        self.end(items, true);
        Ok(())
    }

    fn finish(mut self) -> ArrayRef {
        let items = self.items.finish();
        let field = Arc::new(Field::new("item", items.data_type().clone(), true));
        let offsets = OffsetBuffer::new(self.offsets.into());
        Arc::new(ListArray::new(field, offsets, items, self.there.finish()))
    }
}

impl<C: Column> Lists<C> {
    /// Ends a list of so many items, which have been added.
    fn end(&mut self, items: usize, is_there: bool) {
        self.count += i32::try_from(items).expect("a page of an export has fewer than 2^31 of anything");
        self.offsets.push(self.count);
        self.there.append(is_there);
    }
}
