"""What is read with certainty, the targets' own libraries read alike: YAML and image references.

YAML as kubectl and the API server decode it (k8s.io/apimachinery over sigs.k8s.io/yaml),
references as distribution/reference does. Refusing is always safe; reading otherwise never is.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import string
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from commands import MANIFEST
from counterfoil.core.actions.contract import Unreadable
from counterfoil.core.actions.images import parse_image
from counterfoil.core.actions.kubernetes.reader import Decimal, Value, read_documents
from evidence import record

SOURCE = Path(__file__).parent / "go_readers"
SEED = 9
FEW, MANY = 4_000, 300_000

SCALARS = [
    *("y", "Y", "no", "On", "true", "True", "null", "~", "=", "<<", ".inf", "-.Inf", ".nan", ""),
    *("0", "-0", "+7", "08", "017", "0o17", "0x1F", "0B1", "1e3", "1E-3", "1_000", "_1", "+_4"),
    *("0.5", "1.", ".5", "+.2", "1.5.2", "10.0.0.5", "10.0.0.5:80", "1:30", "1:30:00", "12e03"),
    *("2026-11-24", "2026-11-24T03:10:00Z", "12345678901234567", "0.1234567890123456", "1,000"),
    *("100m", "1.4-alpine", "128Mi", "a:b", "a: b", "a #b", "a#b", "- a", "-", "?", ":", "@a"),
    *("'y'", '"1e3"', '"\\x41"', '"\\u2028"', '"\\/"', "'a''b'", "|\n  a\n  b", ">-\n  a\n\n  b"),
    *("|+\n  a\n\n", "&a 1", "*a", "!!str 1", "!x y", "[a, 1]", "{a: y}", "[", "%a", "`a", "0b"),
    *("1__0", "0x", "0_1", "9e", "-.5", "--1", "+-1", "1e10a", "0xg", "1.0.0", "..", ".", "_"),
    *("0400", "0644", "00", "000", "0800", "00644", "-0400", "0_o12", "1_e3"),
]
ALPHABET = "0123456789abefnoxyNOY._-+:,eE#'\"\n [](){}&*!|>%@~=<\t\u0085\u2028é"


def texts(count: int) -> Iterator[str]:
    """Scalars known to be odd and made up, alone and in documents; manifests with a change."""
    chance = random.Random(SEED)  # noqa: S311 -- repeatable
    lines = MANIFEST.splitlines()
    for index in range(count):
        made = "".join(chance.choice(ALPHABET) for _ in range(chance.randrange(1, 9)))
        digits = "".join(
            chance.choice("0123456789._-+eExXobB:,") for _ in range(chance.randrange(1, 8))
        )
        scalar = (chance.choice(SCALARS), made, digits)[index % 3]
        form = index % 7
        if form <= 2:
            yield f"k: {scalar}\n"
        elif form == 3:
            yield f"- {scalar}\n- k: {chance.choice(SCALARS)}\n"
        elif form == 4:
            yield f"a: {scalar}{chance.choice(['', chr(13)])}\n---{chance.choice(['', ' ', ' # x', ' {b: 1}', 'x', chr(13), ' ' + chr(13)])}\nb: {made}\n"
        elif form == 5:
            yield f"{scalar}: {chance.choice(SCALARS)}\n"
        else:
            place = chance.randrange(len(lines))
            changed = [*lines[:place], f"{lines[place]}{made}", *lines[place + 1 :]]
            yield chance.choice(["\n", "\r\n"]).join(changed) + "\n"


def references(count: int) -> Iterator[str]:
    chance = random.Random(SEED)  # noqa: S311 -- repeatable
    sha = "sha256:" + "a1" * 32
    parts = [
        *("docker.io", "index.docker.io", "localhost", "h.example", "h.example:443", "H.example"),
        *("nginx", "library", "acme", "a_b", "a__b", "a___b", "a-b", "a--b", "a.b", "a..b", "-a"),
        *(
            "10.0.0.1:5000",
            "[::1]:5000",
            "[fe80::1]",
            "xn--a.example",
            "a" * 64,
            "",
            ".",
            "..",
            "A",
        ),
    ]
    tails = [
        "",
        ":1",
        ":latest",
        ":",
        f"@{sha}",
        f":1@{sha}",
        f"@{sha}@{sha}",
        "@sha256:aa",
        " ",
        "\n",
    ]
    for _ in range(count):
        name = "/".join(chance.choice(parts) for _ in range(chance.randrange(1, 4)))
        if chance.random() < 0.3:
            place = chance.randrange(len(name) + 1)
            name = name[:place] + chance.choice(string.printable) + name[place:]
        yield name + chance.choice(tails)


@pytest.fixture(scope="session")
def readers(tmp_path_factory: pytest.TempPathFactory) -> Path:
    go = shutil.which("go")
    if go is None:
        if os.environ.get("CI"):
            pytest.fail("CI has no Go: the cross-check with the targets' readers must run there")
        pytest.skip("there is no Go here")
    built = tmp_path_factory.mktemp("go") / "go_readers"
    subprocess.run([go, "build", "-mod=readonly", "-o", built, "."], cwd=SOURCE, check=True)
    return built


def asked(readers: Path, kind: str, questions: list[str]) -> list[dict[str, Any]]:
    lines = "".join(json.dumps({"Kind": kind, "Text": text}) + "\n" for text in questions)
    done = subprocess.run([readers], input=lines.encode(), capture_output=True, check=True)
    return [json.loads(line) for line in done.stdout.splitlines()]


def plain(value: Value) -> Any:
    """A value as the server's JSON has it: a fraction is a double."""
    if isinstance(value, Decimal):
        number = float(value.text)
        return int(number) if number.is_integer() else number
    if isinstance(value, dict):
        return {name: plain(item) for name, item in value.items()}
    return [plain(item) for item in value] if isinstance(value, list) else value


def exact(value: Any) -> str:
    """Apart by type too: `1` is not `true`."""
    return json.dumps(value, sort_keys=True)


def compared_yaml(readers: Path, count: int) -> dict[str, Any]:
    questions = [text for text in texts(count) if text.isprintable() or "\ud800" not in text]
    answers = asked(readers, "yaml", questions)
    read, refused, otherwise = 0, 0, []
    for text, answer in zip(questions, answers, strict=True):
        try:
            mine = [plain(value) for value, _ in read_documents(text)]
        except (Unreadable, RecursionError):
            continue
        read += 1
        if "error" in answer:
            # `\\/` in quotes is one of two that the server refuses and YAML 1.2 knows.
            refused += 1
            continue
        theirs = answer.get("values")
        if exact(mine) != exact(theirs) or (
            len(mine) == 1 and exact(mine[0]) != exact(answer.get("server"))
        ):
            otherwise.append((text, mine, answer))
    return {"texts": len(questions), "read": read, "refused": refused, "otherwise": otherwise}


def compared_images(readers: Path, count: int) -> dict[str, Any]:
    questions = list(references(count))
    answers = asked(readers, "image", questions)
    read, otherwise = 0, []
    for text, answer in zip(questions, answers, strict=True):
        try:
            image = parse_image(text)
        except Unreadable:
            continue
        read += 1
        mine = {"host": image.host, "path": image.path, "digest": image.digest, "tag": image.tag}
        mine["tag"] = None if image.digest else image.tag  # the digest decides
        theirs = {name: answer.get(name) for name in mine}
        if answer.get("error") or mine != theirs:
            otherwise.append((text, mine, answer))
    return {"texts": len(questions), "read": read, "otherwise": otherwise}


def test_yaml_that_is_read_is_read_by_the_servers_reader_alike(readers: Path) -> None:
    found = compared_yaml(readers, FEW)
    assert found["otherwise"] == []
    assert found["read"] > FEW / 5


def test_references_that_are_read_are_read_alike(readers: Path) -> None:
    found = compared_images(readers, FEW)
    assert found["otherwise"] == []
    assert found["read"] > FEW / 20


@pytest.mark.prove
def test_many_texts_and_references(readers: Path) -> None:
    found = {"yaml": compared_yaml(readers, MANY), "images": compared_images(readers, MANY)}
    record(
        "kubernetes_readers",
        "YAML and image references read with certainty, beside the targets' own libraries",
        seed=SEED,
        **{name: {**one, "otherwise": len(one["otherwise"])} for name, one in found.items()},
    )
    assert all(not one["otherwise"] for one in found.values())
