"""Where links and rules are: in this process's network namespace, or in one of an ordinary user's own.

Of the latter see runtime.rootless. There ports of the host are opened by slirp4netns, too.
"""

import os
from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import wraps
from typing import ParamSpec, TypeVar

from runtime.rootless.userns import VARIABLE
from tare.ports import Published

_Parameters = ParamSpec("_Parameters")
_Result = TypeVar("_Result")


def there(function: Callable[_Parameters, _Result]) -> Callable[_Parameters, _Result]:
    """Have a function run where links and rules are."""

    @wraps(function)
    def called(*args: _Parameters.args, **kwargs: _Parameters.kwargs) -> _Result:
        directory = os.environ.get(VARIABLE)
        if not directory:
            return function(*args, **kwargs)
        from runtime.rootless import visiting

        return visiting.visit(directory, lambda: function(*args, **kwargs))

    return called


def is_elsewhere() -> bool:
    """Whether it is another namespace than the host's."""
    return VARIABLE in os.environ


def as_seen(published: Published) -> Published:
    """A port of the host as it is seen there: calls come in on another address than they were made to."""
    return replace(published, host=None) if is_elsewhere() else published


def open_ports(published: Iterable[Published]) -> None:
    """Have the host's ports lead there.

    Raises:
        NetworkError: one can't be had.
    """
    if directory := os.environ.get(VARIABLE):
        from runtime.rootless import forwards

        forwards.open_ports(directory, published)


def close_ports(published: Iterable[Published]) -> None:
    """Have the host's ports lead there no longer; those that don't are no fault."""
    if directory := os.environ.get(VARIABLE):
        from runtime.rootless import forwards

        forwards.close_ports(directory, published)


def close_other_ports(published: Iterable[Published]) -> None:
    """Have none of the host's ports but these lead there."""
    if directory := os.environ.get(VARIABLE):
        from runtime.rootless import forwards

        forwards.close_others(directory, published)


def await_connection() -> None:
    """Wait until networks there have a way to the host and beyond.

    Raises:
        NetworkError: there is none.
    """
    if directory := os.environ.get(VARIABLE):
        from runtime.rootless import connection

        connection.await_ready(directory)


def resolvers() -> tuple[str, ...]:
    """What answers there in place of the host's resolvers; empty where those can be asked."""
    if not is_elsewhere():
        return ()
    from runtime.rootless import connection

    return (connection.RESOLVER,)
