"""The projection: an embedded SQLite database made of the journal, for queries and exports; nothing depends on it."""
