"""One format a file, named after it, each with `write(sources, out, languages)`, which tells its files."""
