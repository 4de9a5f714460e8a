//! Typed columns that grow a value at a time, and the objects and lists that are made of them. One declaration of an object gives
//! all: how it is read from JSON, borrowing its texts, the columns that it becomes, and how it is read straight into these.

use std::{borrow::Cow, fmt};

use serde::{Deserialize, Deserializer, de::Visitor};

#[cfg(feature = "parquet")]
pub(crate) use self::arrow::Column;

/// A kind of column, known by what it takes.
pub(crate) trait Kind {
    /// A value, as it is read from JSON.
    type Item<'a>;
}

/// A text, borrowed from the record unless it has escapes in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Text<'a>(pub(crate) Cow<'a, str>);

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Read;
        impl<'de> Visitor<'de> for Read {
            type Value = Text<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string")
            }
            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
                Ok(Text(Cow::Borrowed(text)))
            }
            fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
                Ok(Text(Cow::Owned(text.to_owned())))
            }
            fn visit_string<E>(self, text: String) -> Result<Self::Value, E> {
                Ok(Text(Cow::Owned(text)))
            }
        }
        deserializer.deserialize_str(Read)
    }
}

/// A date of the wire in milliseconds since 1970, UTC. The empty string, by which a preference says that it doesn't expire, is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Date(pub(crate) Option<i64>);

impl<'de> Deserialize<'de> for Date {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Text(text) = Text::deserialize(deserializer)?;
        // Not the text itself: it may be anything of a person's.
        Date::of(&text).map_err(|wanted| serde::de::Error::custom(format_args!("not {wanted}")))
    }
}

impl Date {
    /// The date that a text is, or what it should be.
    pub(crate) fn of(text: &str) -> Result<Self, &'static str> {
        if text.is_empty() {
            return Ok(Date(None));
        }
        let moment = usual(text.as_bytes()).or_else(|| Some(text.parse::<jiff::Timestamp>().ok()?.as_millisecond()));
        moment.map(|ms| Date(Some(ms))).ok_or("a date like 2026-11-24T10:00:00.000Z")
    }
}

/// The one form in which our server writes dates: `2026-11-24T10:00:00.000Z`. Read by hand, since a profile has dozens.
fn usual(text: &[u8]) -> Option<i64> {
    let &[a, b, c, d, b'-', e, f, b'-', g, h, b'T', i, j, b':', k, l, b':', m, n, b'.', o, p, q, b'Z'] = text else {
        return None;
    };
    let digits = [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q];
    if !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let number = |digits: &[u8]| digits.iter().fold(0_i64, |n, digit| n * 10 + i64::from(digit - b'0'));
    let (year, month, day) = (number(&[a, b, c, d]), number(&[e, f]), number(&[g, h]));
    let (hour, minute, second) = (number(&[i, j]), number(&[k, l]), number(&[m, n]));
    let days_in_month = match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 => 28,
        _ => return None,
    };
    if !(1..=days_in_month).contains(&day) || hour > 23 || minute > 59 || second > 59 {
        return None; // leap days and anything odd are left to the library
    }
    // Days since 1970-03-01 of a year that begins in March, so that the leap day comes last.
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let (era, of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let day_of_year = (153 * month + 2) / 5 + day - 1;
    let days = era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + day_of_year - 719_468;
    Some((((days * 24 + hour) * 60 + minute) * 60 + second) * 1000 + number(&[o, p, q]))
}

/// The kinds of columns. What builds them is in [`arrow`]; without Parquet only their names are of use.
macro_rules! kinds {
    ($($(#[$doc:meta])* $name:ident: $item:ty, $builder:ident;)*) => {$(
        $(#[$doc])*
        pub(crate) struct $name(#[cfg(feature = "parquet")] arrow_array::builder::$builder);

        impl Kind for $name {
            type Item<'a> = $item;
        }
    )*};
}

kinds! {
    /// Of texts.
    Texts: Text<'a>, StringBuilder;
    /// Of large whole numbers.
    Numbers: i64, Int64Builder;
    /// Of numbers that stand for a choice.
    Choices: i32, Int32Builder;
    /// Of yes and no.
    Flags: bool, BooleanBuilder;
    /// Of moments.
    Dates: Date, TimestampMillisecondBuilder;
}

/// Which objects or lists are there and not null.
pub(crate) struct There(#[cfg(feature = "parquet")] arrow_buffer::NullBufferBuilder);

/// A column of lists.
#[cfg_attr(not(feature = "parquet"), allow(dead_code))] // then only its name is of use
pub(crate) struct Lists<C> {
    items: C,
    offsets: Vec<i32>,
    there: There,
    count: i32,
}

impl<C: Kind> Kind for Lists<C> {
    type Item<'a> = Vec<C::Item<'a>>;
}

/// Declares an object: its members by their names on the wire, and the column that each becomes.
macro_rules! object {
    ($(#[$doc:meta])* $name:ident, $columns:ident { $($wire:literal $field:ident: $column:ty,)* }) => {
        $(#[$doc])*
        #[derive(Default, serde::Deserialize)]
        #[serde(default)]
        pub(crate) struct $name<'a> {
            $(
                #[serde(rename = $wire, borrow)]
                pub(crate) $field: Option<<$column as $crate::column::Kind>::Item<'a>>,
            )*
        }

        #[doc = concat!("Columns of [`", stringify!($name), "`].")]
        #[cfg_attr(feature = "parquet", derive(Default))]
        #[cfg_attr(not(feature = "parquet"), allow(dead_code))] // then only its name is of use
        pub(crate) struct $columns {
            $($field: $column,)*
            there: $crate::column::There,
        }

        impl $crate::column::Kind for $columns {
            type Item<'a> = $name<'a>;
        }

        #[cfg(feature = "parquet")]
        impl $columns {
            pub(crate) fn fields() -> arrow_schema::Fields {
                use $crate::column::Column as _;
                vec![$(arrow_schema::Field::new($wire, <$column>::data_type(), true)),*].into()
            }

            /// The columns, and which of the objects are there.
            pub(crate) fn parts(mut self) -> (Vec<arrow_array::ArrayRef>, Option<arrow_buffer::NullBuffer>) {
                use $crate::column::Column as _;
                let there = self.there.finish();
                (vec![$(self.$field.finish()),*], there)
            }
        }

        #[cfg(feature = "parquet")]
        impl $crate::column::Column for $columns {
            fn data_type() -> arrow_schema::DataType {
                arrow_schema::DataType::Struct(Self::fields())
            }

            fn push(&mut self, item: Option<&Self::Item<'_>>) {
                $(self.$field.push(item.and_then(|item| item.$field.as_ref()));)*
                self.there.append(item.is_some());
            }

            fn read(&mut self, json: &mut $crate::json::Json<'_>) -> Result<(), $crate::json::Wrong> {
                const OBJECT: $crate::json::Bracket = $crate::json::Bracket::Object;
                const NAMES: &[&str] = &[$($wire),*];
                const { assert!(NAMES.len() <= 32, "each has a bit of `seen`") };
                if json.null() {
                    self.push(None);
                    return Ok(());
                }
                let (mut seen, mut number) = (0_u32, 0);
                let mut goes_on = json.open(OBJECT)?;
                // As they are written nearly always: in their order and with no spaces.
                $(
                    if goes_on && json.takes(concat!('"', $wire, "\":")) {
                        $crate::column::Column::read(&mut self.$field, json)?;
                        goes_on = json.goes_on(OBJECT)?;
                        seen |= 1 << number;
                    }
                    number += 1;
                )*
                debug_assert_eq!(number, NAMES.len());
                while goes_on {
                    let name = json.name()?;
                    match NAMES.iter().position(|known| *known == name) {
                        None => json.skip()?,
                        Some(found) if seen & (1 << found) != 0 => {
                            return Err(json.wrong(format_args!("another {}", NAMES[found])));
                        }
                        Some(found) => {
                            let mut number = 0;
                            $(
                                if number == found {
                                    $crate::column::Column::read(&mut self.$field, json)?;
                                }
                                number += 1;
                            )*
                            debug_assert!(found < number);
                            seen |= 1 << found;
                        }
                    }
                    goes_on = json.goes_on(OBJECT)?;
                }
                let mut number = 0;
                $(
                    if seen & (1 << number) == 0 {
                        $crate::column::Column::push(&mut self.$field, None);
                    }
                    number += 1;
                )*
                debug_assert_eq!(number, NAMES.len());
                self.there.append(true);
                Ok(())
            }

            fn finish(self) -> arrow_array::ArrayRef {
                let (arrays, there) = self.parts();
                std::sync::Arc::new(arrow_array::StructArray::new(Self::fields(), arrays, there))
            }
        }
    };
}
pub(crate) use object;

#[cfg(feature = "parquet")]
mod arrow;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_is_read_as_the_library_reads_it() {
        for text in [
            "1970-01-01T00:00:00.000Z",
            "2026-11-24T10:00:00.123Z",
            "2024-02-28T23:59:59.999Z",
            "2024-02-29T00:00:00.000Z",
            "2024-03-01T00:00:00.001Z",
            "2000-12-31T12:34:56.789Z",
            "1969-12-28T00:00:00.000Z",
            "0001-01-01T00:00:00.000Z",
            "2100-03-01T00:00:00.000Z",
            "1600-02-28T00:00:00.000Z",
        ] {
            let wanted = text.parse::<jiff::Timestamp>().unwrap().as_millisecond();
            assert_eq!(serde_json::from_str::<Date>(&format!("{text:?}")).unwrap().0, Some(wanted), "{text}");
            assert!(usual(text.as_bytes()).is_none_or(|ms| ms == wanted), "{text}");
        }
        assert_eq!(serde_json::from_str::<Date>(r#""""#).unwrap().0, None);
        let other = "2026-11-24T11:00:00+01:00".parse::<jiff::Timestamp>().unwrap().as_millisecond();
        assert_eq!(serde_json::from_str::<Date>(r#""2026-11-24T11:00:00+01:00""#).unwrap().0, Some(other));
        for odd in ["2026-13-24T10:00:00.000Z", "2026-11-24T24:61:00.000Z", "2026-02-30T10:00:00.000Z", "yesterday"] {
            let error = serde_json::from_str::<Date>(&format!("{odd:?}")).unwrap_err().to_string();
            assert!(!error.contains(odd), "{error}");
        }
    }

    #[test]
    fn every_day_of_a_year_and_none_besides_is_read_as_the_library_reads_it() {
        for year in [1900, 1969, 2000, 2023, 2024] {
            for (month, day) in (0..=13).flat_map(|month| (0..=32).map(move |day| (month, day))) {
                let text = format!("{year}-{month:02}-{day:02}T23:59:59.999Z");
                let wanted = text.parse::<jiff::Timestamp>().ok().map(jiff::Timestamp::as_millisecond);
                assert_eq!(Date::of(&text).ok().and_then(|date| date.0), wanted, "{text}");
                let is_left = wanted.is_none() || (month, day) == (2, 29);
                assert_eq!(usual(text.as_bytes()), wanted.filter(|_| !is_left), "{text}");
            }
        }
    }

    #[test]
    fn a_text_is_borrowed_unless_it_has_escapes() {
        assert!(matches!(serde_json::from_str(r#""Zoë""#).unwrap(), Text(Cow::Borrowed("Zoë"))));
        assert_eq!(serde_json::from_str::<Text<'_>>(r#""a\n\"é""#).unwrap().0, "a\n\"é");
    }
}
