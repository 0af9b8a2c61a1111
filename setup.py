"""What pyproject.toml cannot say: schemas/ and rego/ go into the package when it is built."""

from __future__ import annotations

import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

ROOT = Path(__file__).resolve().parent
RESOURCES = ("schemas", "rego")  # found again by counterfoil.resources


class BuildWithResources(build_py):  # type: ignore[misc]  # setuptools has no types
    """Copies the resources; an editable install finds them in the checkout."""

    def run(self) -> None:
        """Build as usual, then add the resources."""
        super().run()
        if self.editable_mode:
            return
        for name in RESOURCES:
            target = Path(self.build_lib, "counterfoil", name)
            shutil.rmtree(target, ignore_errors=True)
            shutil.copytree(ROOT / name, target)


setup(
    cmdclass={"build_py": BuildWithResources},
    package_data={
        "counterfoil": [
            *("*.toml", "**/*.sql", "py.typed"),
            *("http/console/templates/*.html", "http/console/static/*"),
        ],
        "counterfoil_issuers": ["*.sql", "py.typed"],
    },
)
