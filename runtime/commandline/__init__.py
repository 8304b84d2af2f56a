"""What the commands of `tarebox` share: finding them, their parsers, their messages and their tables."""
