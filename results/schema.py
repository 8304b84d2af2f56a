"""The schema of the `tarebench` block (JSON Schema 2020-12, in schema.json) and its check."""

import json
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any

from jsonschema_rs import Draft202012Validator, ValidationError

from results.errors import ResultsError
from results.record import Record

SCHEMA_VERSION = 2
_MESSAGE_LIMIT = 160


def validate(block: object) -> None:
    """Check a `tarebench` block.

    Raises:
        ResultsError: a newer version wrote the block, or it breaks the schema at the JSON path named.
    """
    version = block.get("schema") if isinstance(block, Mapping) else None
    if isinstance(version, int) and version > SCHEMA_VERSION:
        raise ResultsError(
            f"results of schema version {version} can't be read, this program knows up to {SCHEMA_VERSION}",
            "update Tarebench",
        )
    _check(_validators()[0], block)
    assert isinstance(block, Mapping)
    _check_subjects(block)


def validate_record(record: Record) -> None:
    """Check one record.

    Raises:
        ResultsError: the record breaks the schema at the JSON path named, for example with a NaN.
    """
    _check(_validators()[1], record.as_json())


def _check(validator: Draft202012Validator, instance: Any) -> None:
    for error in validator.iter_errors(instance):
        raise _broken(_json_path(error), _one_line(error))


def _check_subjects(block: Mapping[str, Any]) -> None:
    """What the schema language can't say: subjects are unique and every record names one of them."""
    names = [subject["name"] for subject in block["subjects"]]
    for index, name in enumerate(names):
        if name in names[:index]:
            raise _broken(f"$.subjects[{index}].name", f"{name!r} is there twice")
    for index, record in enumerate(block["records"]):
        if record["subject"] not in names:
            raise _broken(
                f"$.records[{index}].subject", f"{record['subject']!r} is none of the run's subjects"
            )


def _broken(path: str, message: str) -> ResultsError:
    return ResultsError(f"results break the schema at {path}: {message}")


def _json_path(error: ValidationError) -> str:
    """Where it is, as RFC 9535 spells it."""
    return "$" + "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in error.instance_path)


def _one_line(error: ValidationError) -> str:
    message = " ".join(error.message.split())
    return message if len(message) <= _MESSAGE_LIMIT else f"{message[: _MESSAGE_LIMIT - 1]}…"


@cache
def _validators() -> tuple[Draft202012Validator, Draft202012Validator]:
    """Validators of a block and of one record; what JSON has no numbers for is none to them."""
    schema = json.loads(files("results").joinpath("schema.json").read_text(encoding="utf-8"))
    record = {"$defs": schema["$defs"], "$ref": "#/$defs/record"}
    return Draft202012Validator(schema), Draft202012Validator(record)
