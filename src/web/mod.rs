//! (Built next.)
