"""Reporting: figures, plain words and the HTML report, all made from the tables of a study."""
