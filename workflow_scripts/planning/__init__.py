"""What a study needs before it starts: jobs, seconds, memory and disk, from its grid and its models' shapes; and the machine."""
