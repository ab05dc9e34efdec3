"""Databases on the PostgreSQL that the tests were started with (COMPTOIR_TEST_POSTGRES, a connection URL)."""

from __future__ import annotations

import contextlib
import os
import subprocess
from urllib.parse import urlsplit, urlunsplit


def _psql(url: str, statement: str) -> None:
    done = subprocess.run(["psql", "-qAt", "-v", "ON_ERROR_STOP=1", "-d", url, "-c", statement], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr


@contextlib.contextmanager
def database(name: str):
    """A fresh database of this name; gives its URL."""
    url = os.environ.get("COMPTOIR_TEST_POSTGRES")
    assert url, "COMPTOIR_TEST_POSTGRES is not set: run the tests by `make test` or `make test-acceptance`"
    parts = urlsplit(url)
    _psql(url, f'CREATE DATABASE "{name}" TEMPLATE template0 ENCODING \'UTF8\'')
    try:
        yield urlunsplit(parts._replace(path=f"/{name}"))
    finally:
        _psql(url, f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
