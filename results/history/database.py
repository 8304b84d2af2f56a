"""Runs in a database: SQLite in a file, PostgreSQL, or another that SQLAlchemy speaks to."""

from collections.abc import Iterator
from contextlib import contextmanager

from results.errors import ResultsError
from results.history.document import check_same, packed, run_of, summary_of
from results.history.summary import Summary, summary
from results.run import Run

try:
    from sqlalchemy import Column, LargeBinary, MetaData, String, Table, create_engine, insert, select
    from sqlalchemy.engine import Connection, make_url
    from sqlalchemy.exc import ArgumentError, IntegrityError, NoSuchModuleError, SQLAlchemyError
except ImportError as missing:
    raise ResultsError(
        "a history in a database needs SQLAlchemy", "run `pip install 'tarebench[history]'`"
    ) from missing

_PATIENCE = 10
_METADATA = MetaData()
_RUNS = Table(
    "tarebench_runs",
    _METADATA,
    Column("id", String(128), primary_key=True),
    Column("machine", String(128), nullable=False, index=True),
    Column("started", String(64), nullable=False),
    Column("summary", LargeBinary, nullable=False),
    Column("run", LargeBinary, nullable=False),
)


class Database:
    """A `Keep` in one table.

    Args:
        url: as SQLAlchemy takes it.
    """

    def __init__(self, url: str) -> None:
        try:
            self._url = make_url(url)
            waits = {"connect_timeout": _PATIENCE} if self._url.get_backend_name() == "postgresql" else {}
            self._engine = create_engine(self._url, connect_args=waits)
        except (ArgumentError, NoSuchModuleError) as error:
            raise ResultsError(
                f"{url!r} is no database", "write sqlite:///FILE or postgresql+psycopg://HOST/NAME"
            ) from error
        except ModuleNotFoundError as error:
            raise ResultsError(
                f"{self._url.drivername} needs {error.name}", f"run `pip install {error.name}`"
            ) from error

    def add(self, run: Run) -> bool:
        """As `Keep.add`."""
        short = summary(run)
        row = {"id": run.id, "machine": short.machine, "started": run.started}
        documents = {"summary": packed(short.as_json()), "run": packed(run.as_json())}
        with self._connected() as connection:
            try:
                with connection.begin_nested():
                    connection.execute(insert(_RUNS), {**row, **documents})
            except IntegrityError:
                known = connection.execute(select(_RUNS.c.run).where(_RUNS.c.id == run.id)).scalar_one()
                check_same(known, run, run.id)
                return False
        return True

    def machines(self) -> list[str]:
        """As `Keep.machines`."""
        with self._connected() as connection:
            found = connection.execute(select(_RUNS.c.machine).distinct().order_by(_RUNS.c.machine))
            return list(found.scalars())

    def summaries(self, machine: str) -> list[Summary]:
        """As `Keep.summaries`."""
        asked = select(_RUNS.c.id, _RUNS.c.summary).where(_RUNS.c.machine == machine)
        with self._connected() as connection:
            rows = connection.execute(asked.order_by(_RUNS.c.started, _RUNS.c.id)).all()
        return [summary_of(data, name) for name, data in rows]

    def run(self, machine: str, run_id: str) -> Run:
        """As `Keep.run`."""
        asked = select(_RUNS.c.run).where(_RUNS.c.machine == machine, _RUNS.c.id == run_id)
        with self._connected() as connection:
            data = connection.execute(asked).scalar_one_or_none()
        if data is None:
            raise ResultsError(f"no run of {machine} is called {run_id}", "name a run that is kept")
        return run_of(data, run_id)

    @contextmanager
    def _connected(self) -> Iterator[Connection]:
        try:
            with self._engine.begin() as connection:
                _METADATA.create_all(connection)
                yield connection
        except SQLAlchemyError as error:
            shown = self._url.render_as_string(hide_password=True)
            reason = str(getattr(error, "orig", None) or error).strip().partition("\n")[0]
            raise ResultsError(f"{shown} can't be used: {reason}", "see whether the database runs") from error
        finally:
            self._engine.dispose()
