"""The built front end: the page at ``/``, ``/outages/ID``, ``/records/NAME``; its files; else 404."""

from pathlib import Path
from typing import Final

from flask import Flask, Response, send_from_directory

from field_api.http.problems import HttpProblem

_FOR_EVER: Final = "public, max-age=31536000, immutable"
_ASK_AGAIN: Final = "no-cache"


def add_front_end(app: Flask, dist: Path) -> None:
    """Serve ``dist``; only what lies in it, never a page instead of a missing asset."""

    @app.get("/")
    def index() -> Response:
        if not (dist / "index.html").is_file():
            raise HttpProblem(503, "request.pages_not_built")
        return _file(dist, "index.html", _ASK_AGAIN)

    @app.get("/outages/<path:_outage_id>")
    def outage(_outage_id: str) -> Response:
        """The page of one outage; which one, the page reads from its address."""
        return index()

    @app.get("/records/<_name>")
    def records(_name: str) -> Response:
        """The calendar or the audit record, by the page's address too."""
        return index()

    @app.get("/<name>")
    def file(name: str) -> Response:
        return _file(dist, name, _ASK_AGAIN)

    @app.get("/assets/<path:name>")
    def asset(name: str) -> Response:
        return _file(dist / "assets", name, _FOR_EVER)


def _file(dist: Path, name: str, caching: str) -> Response:
    response = send_from_directory(dist, name)
    response.headers["Cache-Control"] = caching
    return response
