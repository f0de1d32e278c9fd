"""Speed, memory and disk of polyprune, measured by commands that anyone can run."""

from workflow_scripts.runtime import process

# They measure what steps do, and so begin as steps do.
if process.started_as(__name__):
    process.begin()
