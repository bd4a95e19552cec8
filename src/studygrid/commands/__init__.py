"""The commands of ``studygrid``, a module each: `configure` a parser, then `run` its options."""
