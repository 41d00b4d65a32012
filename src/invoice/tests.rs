//! Tests of the whole module; see `tests/fixtures/README.md` for the files.
