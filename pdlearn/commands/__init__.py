"""The subcommands of `pdlearn`, a file and a function each."""
