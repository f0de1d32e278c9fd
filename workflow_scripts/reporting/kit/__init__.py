"""What sections of the report share: labels, drawing, tables, number formats."""
