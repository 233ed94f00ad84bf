//! For tests: the text of each variant of an error.

/// The texts of an error's variants, one under the other. A variant that is left out does not compile.
macro_rules! error_texts {
    ($type:ident {
        $($variant:ident $(($($value:expr),+))? $({ $($field:ident: $of:expr),+ $(,)? })?),+ $(,)?
    }) => {{
        let every = [$($type::$variant $(($($value),+))? $({ $($field: $of),+ })?),+];
        for error in &every {
            match error {
                $($type::$variant { .. })|+ => {}
            }
        }
        every.map(|error| error.to_string()).join("\n")
    }};
}

pub(crate) use error_texts;
