"""Scripts and style sheets, which hold nothing of anybody; and the way to the first page."""

from __future__ import annotations

from flask import Blueprint

from counterfoil.http.console.door import ConsoleDoor, Visit
from counterfoil.http.exchange import Environ, Reply, hang


def static_blueprint(door: ConsoleDoor) -> Blueprint:
    """Hang them."""
    blueprint = Blueprint("console_static", __name__)

    def file(_environ: Environ, name: str) -> Reply:
        return door.pages.file(name)

    def home(visit: Visit) -> Reply:
        return door.pages.render("home.html", visit.base)

    hang(blueprint, "/console/static/<name>", "file", door.public(file), method="GET")
    hang(blueprint, "/console", "home", door.page(home), method="GET")
    return blueprint
