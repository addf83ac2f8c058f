"""From a store to a row of a table: a module for each kind of store, and the tables."""
