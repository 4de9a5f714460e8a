//! Tests of the whole product: the real binary over real HTTP.
