"""Sections of the report, a module each, with its caption beside it."""
