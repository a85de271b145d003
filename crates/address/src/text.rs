//! Serde as strings: one macro so that every address type reads and writes the same text as people do.

/// Octets that nearly every address fits into.
pub(crate) const ROOM: usize = 64;

/// Implements `Serialize` through `Display` and `Deserialize` through `FromStr`.
macro_rules! serde_as_text {
    ($($type:ty),+ $(,)?) => {$(
        impl serde::Serialize for $type {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                // Formatted once; `collect_str` of a format that begins with the length does it twice.
                let mut text = String::with_capacity(crate::text::ROOM);
                std::fmt::Write::write_fmt(&mut text, format_args!("{self}"))
                    .map_err(serde::ser::Error::custom)?;
                serializer.serialize_str(&text)
            }
        }

        impl<'de> serde::Deserialize<'de> for $type {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    )+};
}

pub(crate) use serde_as_text;
