//! Building the columns: values and nulls go in one by one, an array of Arrow comes out. A record is read straight into them: a value of its
//! own for each object and list would cost as much as the rest.

use std::{fmt, sync::Arc};

use arrow_array::{
    Array, ArrayRef, ListArray,
    builder::{BooleanBuilder, Int32Builder, Int64Builder, StringBuilder, TimestampMillisecondBuilder},
};
use arrow_buffer::{NullBuffer, OffsetBuffer};
use arrow_schema::{DataType, Field, TimeUnit};
use serde::{
    Deserialize, Deserializer,
    de::{DeserializeSeed, SeqAccess, Visitor},
};

use super::{Choices, Date, Dates, Flags, Kind, Lists, Numbers, Texts};

/// A column under construction.
pub(crate) trait Column: Kind + Default {
    /// Its type in the table.
    fn data_type() -> DataType;

    /// Adds a value, or a null.
    fn push(&mut self, item: Option<&Self::Item<'_>>);

    /// Adds what comes next in JSON: a value, or a null.
    fn read<'de, D: Deserializer<'de>>(&mut self, from: D) -> Result<(), D::Error>;

    /// Ends it.
    fn finish(self) -> ArrayRef;
}

/// Reads what comes next into a column.
pub(crate) struct Into<'c, C>(pub(crate) &'c mut C);

impl<'de, C: Column> DeserializeSeed<'de> for Into<'_, C> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<(), D::Error> {
        self.0.read(from)
    }
}

/// Reads the name of a member: its number among `names`, or none.
pub(crate) struct Name {
    pub(crate) names: &'static [&'static str],
    /// Which one should come next; members nearly always come in their order.
    pub(crate) next: usize,
}

impl<'de> DeserializeSeed<'de> for Name {
    type Value = Option<usize>;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<Self::Value, D::Error> {
        from.deserialize_identifier(self)
    }
}

impl Visitor<'_> for Name {
    type Value = Option<usize>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the name of a member")
    }
    fn visit_str<E>(self, name: &str) -> Result<Self::Value, E> {
        let is_next = self.names.get(self.next) == Some(&name);
        Ok(if is_next { Some(self.next) } else { self.names.iter().position(|other| *other == name) })
    }
}

macro_rules! plain {
    ($name:ident, $type:expr, $new:expr, |$value:ident| $take:expr, |$column:ident, $from:ident| $read:expr) => {
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
            fn read<'de, D: Deserializer<'de>>(&mut self, $from: D) -> Result<(), D::Error> {
                let $column = &mut self.0;
                $read
            }
            fn finish(mut self) -> ArrayRef {
                Arc::new(self.0.finish())
            }
        }
    };
}

plain!(Texts, DataType::Utf8, StringBuilder::new(), |text| Some(&*text.0), |column, from| {
    from.deserialize_option(ReadText(column))
});
plain!(Numbers, DataType::Int64, Int64Builder::new(), |n| Some(*n), |column, from| {
    Option::deserialize(from).map(|n| column.append_option(n))
});
plain!(Choices, DataType::Int32, Int32Builder::new(), |n| Some(*n), |column, from| {
    Option::deserialize(from).map(|n| column.append_option(n))
});
plain!(Flags, DataType::Boolean, BooleanBuilder::new(), |b| Some(*b), |column, from| {
    Option::deserialize(from).map(|b| column.append_option(b))
});
plain!(
    Dates,
    DataType::Timestamp(TimeUnit::Millisecond, Some("UTC".into())),
    TimestampMillisecondBuilder::new().with_timezone("UTC"),
    |date| date.0,
    |column, from| Option::<Date>::deserialize(from).map(|date| column.append_option(date.and_then(|date| date.0)))
);

/// A text goes from the record into the column, with escapes or without.
struct ReadText<'c>(&'c mut StringBuilder);

impl<'de> Visitor<'de> for ReadText<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string")
    }
    fn visit_none<E>(self) -> Result<(), E> {
        self.0.append_null();
        Ok(())
    }
    fn visit_some<D: Deserializer<'de>>(self, from: D) -> Result<(), D::Error> {
        from.deserialize_str(self)
    }
    fn visit_str<E>(self, text: &str) -> Result<(), E> {
        self.0.append_value(text);
        Ok(())
    }
}

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
        self.end(items.len(), list.is_some());
    }

    fn read<'de, D: Deserializer<'de>>(&mut self, from: D) -> Result<(), D::Error> {
        from.deserialize_option(ReadList(self))
    }

    fn finish(self) -> ArrayRef {
        let items = self.items.finish();
        let field = Arc::new(Field::new("item", items.data_type().clone(), true));
        let offsets = OffsetBuffer::new(self.offsets.into());
        Arc::new(ListArray::new(field, offsets, items, Some(NullBuffer::from(self.there))))
    }
}

impl<C: Column> Lists<C> {
    /// Ends a list of so many items, which have been added.
    fn end(&mut self, items: usize, is_there: bool) {
        self.count += i32::try_from(items).expect("a page of an export has fewer than 2^31 of anything");
        self.offsets.push(self.count);
        self.there.push(is_there);
    }
}

struct ReadList<'c, C>(&'c mut Lists<C>);

impl<'de, C: Column> Visitor<'de> for ReadList<'_, C> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list")
    }
    fn visit_none<E>(self) -> Result<(), E> {
        self.0.end(0, false);
        Ok(())
    }
    fn visit_some<D: Deserializer<'de>>(self, from: D) -> Result<(), D::Error> {
        from.deserialize_seq(self)
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        let mut items = 0;
        while list.next_element_seed(Into(&mut self.0.items))?.is_some() {
            items += 1;
        }
        self.0.end(items, true);
        Ok(())
    }
}
