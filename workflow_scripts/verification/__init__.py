"""Whether artifacts are whole, where they belong, and made from what is there now."""
