"""Schemas of the tables that scores are written to, a module a table: apart from what scores, which imports torch."""
