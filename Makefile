# The two commands: `make bench` weighs and reports, `make test` proves the project.

TOX = .venv/bin/tox

.PHONY: bench test

bench:
	tools/setup
	$(TOX) -q -e bench

test:
	tools/setup --test
	$(TOX)
