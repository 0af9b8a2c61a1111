"""The wheel is whole: installed elsewhere, it finds its schemas and its policy."""

from __future__ import annotations

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

ROOT = Path(__file__).parents[2]
SCRIPT = """
import sys
sys.path.insert(0, sys.argv[1])
from counterfoil.resources import packaged
from counterfoil.schemas_registry import SchemaRegistry
print(packaged("rego"), len(SchemaRegistry.load(packaged("schemas")).schemas))
"""


def test_a_wheel_brings_its_schemas_and_its_policy(tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    for name in ("service", "schemas", "rego"):
        ignore = shutil.ignore_patterns("__pycache__", "*.egg-info")
        shutil.copytree(ROOT / name, source / name, ignore=ignore)
    for name in ("pyproject.toml", "setup.py", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source / name)
    pip = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation"]
    command = [*pip, "--no-index", "--wheel-dir", str(tmp_path / "out"), str(source)]
    subprocess.run(command, check=True, capture_output=True)
    (wheel,) = (tmp_path / "out").glob("*.whl")
    installed = tmp_path / "installed"
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(installed)
    # -S: no site-packages of ours for counterfoil itself; the dependencies are added back
    paths = [path for path in sys.path if path.endswith("site-packages")]
    script = f"import sys; sys.path += {paths!r}\n{SCRIPT}"
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", script, str(installed)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    rego, count = done.stdout.split()
    assert Path(rego) == installed / "counterfoil" / "rego"
    assert int(count) == len(list((ROOT / "schemas").glob("*.json")))
    originals = {p.relative_to(ROOT / "rego") for p in (ROOT / "rego").rglob("*") if p.is_file()}
    assert originals == {p.relative_to(rego) for p in Path(rego).rglob("*") if p.is_file()}
    pages = ROOT / "service" / "counterfoil" / "http" / "console"
    for path in (*pages.glob("templates/*"), *pages.glob("static/*")):
        assert (installed / path.relative_to(ROOT / "service")).read_bytes() == path.read_bytes()
