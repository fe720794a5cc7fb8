"""`nox` runs the tests with each Python from 3.10 to 3.13 that is here, and the lint; `nox -s tests-3.12` just one."""

from __future__ import annotations

import nox

nox.options.error_on_missing_interpreters = False
nox.options.reuse_existing_virtualenvs = True


@nox.session(python=["3.10", "3.11", "3.12", "3.13"])
def tests(session: nox.Session) -> None:
    """The test suite."""
    session.install("--editable", ".[test]")
    session.run("pytest", "-n", "4", "--dist", "loadfile", *session.posargs)


@nox.session
def lint(session: nox.Session) -> None:
    """The same as `make lint`, in the checkout's own .venv."""
    session.run("make", "lint", external=True)
