//! Is the journal whole?
