"""Speed, memory and disk of polyprune, measured by commands that anyone can run."""
