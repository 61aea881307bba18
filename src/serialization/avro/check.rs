//! Bytes are walked by their schema before the borrowed decoder allocates and recurses for them: it
//! takes lengths at their word, reads what is cut short as null, and has no bound on its depth.

use apache_avro::{
    Schema,
    schema::{InnerDecimalSchema, NamesRef, UuidSchema},
};

/// Values within values, counted with the unions and names between them. For each of them the
/// decoder takes 33 KiB of stack where it is not optimized, and a worker thread has 2 MiB.
const MAX_DEPTH: usize = if cfg!(debug_assertions) { 48 } else { 128 };

/// Items that take no bytes, in all arrays and maps of a value together.
const MAX_EMPTY_ITEMS: u64 = 1 << 16;

/// Takes a value off the front of `bytes`.
pub(super) fn check(
    schema: &Schema,
    names: &NamesRef<'_>,
    bytes: &mut &[u8],
) -> Result<(), &'static str> {
    let mut walk = Walk {
        names,
        bytes,
        empty_items: 0,
    };
    walk.value(schema, 0)
}

struct Walk<'a, 'b> {
    names: &'a NamesRef<'a>,
    bytes: &'a mut &'b [u8],
    empty_items: u64,
}

impl Walk<'_, '_> {
    fn value(&mut self, schema: &Schema, depth: usize) -> Result<(), &'static str> {
        if depth == MAX_DEPTH {
            return Err("it is nested too deeply");
        }
        match schema {
            Schema::Null => Ok(()),
            Schema::Boolean => self.skip(1),
            Schema::Int
            | Schema::Long
            | Schema::Date
            | Schema::TimeMillis
            | Schema::TimeMicros
            | Schema::TimestampMillis
            | Schema::TimestampMicros
            | Schema::TimestampNanos
            | Schema::LocalTimestampMillis
            | Schema::LocalTimestampMicros
            | Schema::LocalTimestampNanos
            | Schema::Enum(_) => self.number().map(drop),
            Schema::Float => self.skip(4),
            Schema::Double => self.skip(8),
            Schema::Bytes
            | Schema::String
            | Schema::BigDecimal
            | Schema::Uuid(UuidSchema::Bytes | UuidSchema::String) => self.sized(),
            Schema::Fixed(fixed)
            | Schema::Duration(fixed)
            | Schema::Uuid(UuidSchema::Fixed(fixed)) => self.skip(fixed.size),
            Schema::Decimal(decimal) => match &decimal.inner {
                InnerDecimalSchema::Bytes => self.sized(),
                InnerDecimalSchema::Fixed(fixed) => self.skip(fixed.size),
            },
            Schema::Array(array) => self.blocks(|walk| walk.value(&array.items, depth + 1)),
            Schema::Map(map) => self.blocks(|walk| {
                walk.sized()?;
                walk.value(&map.types, depth + 1)
            }),
            Schema::Union(union) => {
                let index = usize::try_from(self.number()?);
                let variant = index.ok().and_then(|index| union.variants().get(index));
                self.value(variant.ok_or("a union has no such variant")?, depth + 1)
            }
            Schema::Record(record) => record
                .fields
                .iter()
                .try_for_each(|field| self.value(&field.schema, depth + 1)),
            Schema::Ref { name } => {
                let named = self.names.get(name).copied();
                self.value(named.ok_or("a name is not defined")?, depth + 1)
            }
        }
    }

    fn blocks(
        &mut self,
        mut item: impl FnMut(&mut Self) -> Result<(), &'static str>,
    ) -> Result<(), &'static str> {
        loop {
            let count = self.number()?;
            if count == 0 {
                return Ok(());
            }
            // With a negative count the size of the block follows.
            if count < 0 {
                self.number()?;
            }
            for _ in 0..count.unsigned_abs() {
                let before = self.bytes.len();
                item(self)?;
                if self.bytes.len() == before {
                    self.empty_items += 1;
                    if self.empty_items > MAX_EMPTY_ITEMS {
                        return Err("it has too many items that take no bytes");
                    }
                }
            }
        }
    }

    fn sized(&mut self) -> Result<(), &'static str> {
        let length = usize::try_from(self.number()?);
        self.skip(length.map_err(|_| "a length is negative")?)
    }

    fn skip(&mut self, length: usize) -> Result<(), &'static str> {
        let rest = self.bytes.get(length..);
        *self.bytes = rest.ok_or("it is cut short")?;
        Ok(())
    }

    /// A zigzag varint.
    fn number(&mut self) -> Result<i64, &'static str> {
        let mut zigzag = 0_u64;
        for shift in (0..64).step_by(7) {
            let (byte, rest) = self.bytes.split_first().ok_or("it is cut short")?;
            *self.bytes = rest;
            zigzag |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok((zigzag >> 1).cast_signed() ^ -(zigzag & 1).cast_signed());
            }
        }
        Err("a number is too long")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use apache_avro::schema::ResolvedSchema;

    fn checked(schema: &str, mut bytes: &[u8]) -> Result<usize, &'static str> {
        let schema = Schema::parse_str(schema).expect("it is a schema");
        let names = ResolvedSchema::new(&schema).expect("its names are its own");
        check(&schema, names.get_names(), &mut bytes)?;
        Ok(bytes.len())
    }

    #[test]
    fn a_value_of_every_type_is_walked_to_its_end() {
        for (schema, bytes) in [
            (r#""null""#, &[][..]),
            (r#""boolean""#, &[1]),
            (r#""int""#, &[0x80, 0x01]),
            (
                r#""long""#,
                &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01],
            ),
            (r#""float""#, &[0; 4]),
            (r#""double""#, &[0; 8]),
            (r#""bytes""#, &[2, 9]),
            (r#""string""#, &[4, b'a', b'b']),
            (r#"{"type": "fixed", "name": "F", "size": 3}"#, &[0; 3]),
            (r#"{"type": "enum", "name": "E", "symbols": ["A"]}"#, &[0]),
            (r#"{"type": "array", "items": "int"}"#, &[4, 2, 2, 0]),
            (r#"{"type": "array", "items": "int"}"#, &[3, 4, 2, 2, 0]),
            (r#"{"type": "map", "values": "int"}"#, &[2, 2, b'k', 2, 0]),
            (r#"["null", "string"]"#, &[2, 2, b'a']),
            (r#"{"type": "int", "logicalType": "date"}"#, &[2]),
            (
                r#"{"type": "long", "logicalType": "timestamp-micros"}"#,
                &[2],
            ),
            (r#"{"type": "string", "logicalType": "uuid"}"#, &[2, b'a']),
            (
                r#"{"type": "bytes", "logicalType": "decimal", "precision": 4, "scale": 2}"#,
                &[4, 1, 2],
            ),
            (
                r#"{"type": "record", "name": "L", "fields": [
                    {"name": "v", "type": "int"}, {"name": "n", "type": ["null", "L"]}
                ]}"#,
                &[2, 2, 4, 0],
            ),
        ] {
            let behind = [bytes, &[7, 7, 7]].concat();
            assert_eq!(checked(schema, &behind), Ok(3), "{schema}");
            for cut in 0..bytes.len() {
                assert_eq!(
                    checked(schema, &bytes[..cut]),
                    Err("it is cut short"),
                    "{schema}"
                );
            }
        }
    }

    #[test]
    fn what_would_exhaust_memory_or_stack_is_refused() {
        let nulls = r#"{"type": "array", "items": "null"}"#;
        let list = r#"{"type": "record", "name": "L", "fields": [
            {"name": "n", "type": ["null", "L"]}
        ]}"#;
        let endless = r#"{"type": "record", "name": "E", "fields": [{"name": "e", "type": "E"}]}"#;
        let many = [0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f];
        for (schema, bytes, problem) in [
            (nulls, &many[..], "it has too many items that take no bytes"),
            (list, &[2; 1_000_000], "it is nested too deeply"),
            (endless, &[], "it is nested too deeply"),
            (
                r#""string""#,
                &[0xfe, 0xff, 0xff, 0xff, 0x0f],
                "it is cut short",
            ),
            (r#""string""#, &[1], "a length is negative"),
            (r#"["null"]"#, &[2], "a union has no such variant"),
            (r#"["null"]"#, &[1], "a union has no such variant"),
            (r#""long""#, &[0xff; 11], "a number is too long"),
        ] {
            assert_eq!(checked(schema, bytes), Err(problem), "{schema}");
        }
    }
}
