"""Models: resolve a source to a checkpoint directory, load it, find its blocks and linears, put a variant into it."""
