"""The table of known programs. One entry hands a program's words to a reader of its family.

A program that is not here is uncertain, and `UNREAD` says of the usual ones why and what to
write instead. To add one, add an entry: its reader gets the words (the name first) and the
ground, and answers with operations, permissions, and the words that run instead.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Final

from counterfoil.core.actions.argv import Reading
from counterfoil.core.actions.cloud.aws import read_aws
from counterfoil.core.actions.contract import Unreadable
from counterfoil.core.actions.git import read_git
from counterfoil.core.actions.kubernetes.kubectl import read_kubectl
from counterfoil.core.actions.oci import read_images
from counterfoil.core.actions.shell.files import FILES
from counterfoil.core.actions.shell.filters import FILTERS
from counterfoil.core.actions.shell.ground import Ground, Reader, runs
from counterfoil.core.actions.shell.plans import terraform
from counterfoil.core.actions.shell.queries import psql
from counterfoil.core.actions.shell.storage import storage
from counterfoil.core.actions.shell.web import curl


def _git(words: Sequence[str], ground: Ground) -> Reading:
    return read_git(words, ground.around)


def _aws(words: Sequence[str], ground: Ground) -> Reading:
    """`aws s3` is another program than the calls: it reads and writes files."""
    return storage(words, ground) if "".join(words[1:2]) == "s3" else read_aws(words, ground.around)


def _kubectl(words: Sequence[str], ground: Ground) -> Reading:
    """Kubectl of the one registered cluster; the server is named, whatever the context says."""
    clusters = [item for item in ground.around.resources if item.type == "kubernetes"]
    if len(clusters) != 1:
        raise Unreadable("uncertain.resource_unknown", "one registered cluster is needed")
    read = read_kubectl(words, clusters[0])
    if read.stdin is not None:
        raise Unreadable("uncertain.kubectl_argument", "a manifest from the pipe")
    return Reading(
        operations=read.operations,
        required=read.required,
        words=(read.words[0], f"--server={clusters[0].location}", *read.words[1:]),
    )


def _images(words: Sequence[str], ground: Ground) -> Reading:
    """docker, podman and oras: pushing and pulling images of registered registries."""
    registries = [item for item in ground.around.resources if item.type == "oci_registry"]
    read = read_images(words, registries)
    return Reading(operations=read.operations, required=read.required, words=read.words)


PROGRAMS: Final[Mapping[str, Reader]] = {
    **FILES,
    **FILTERS,
    "curl": curl,
    "aws": _aws,
    "git": _git,
    "kubectl": _kubectl,
    **dict.fromkeys(("docker", "podman", "oras"), _images),
    **dict.fromkeys(("terraform", "tofu"), terraform),
    "psql": psql,
}

_ASSIGNMENT: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\+?=[\s\S]*")
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,63}", re.ASCII)

_UNREAD: Final = {
    "uncertain.shell_runner": """
        env xargs sudo su doas nice ionice nohup timeout time watch parallel ssh setsid chroot
        stdbuf script flock entr at batch exec eval source . command builtin""",
    "uncertain.shell_interpreter": """
        python python2 python3 node nodejs deno bun ruby perl php lua R Rscript julia bash sh zsh
        dash fish ksh pwsh osascript gawk mawk java scala kotlin ghci irb ipython""",
    "uncertain.shell_project": """
        make cmake ninja npm npx yarn pnpm pip pip3 pipx uv uvx poetry pdm conda cargo rustc go
        gradle mvn ant bazel tox nox pytest jest vitest mocha tsc eslint prettier ruff mypy black
        flake8 pylint gcc g++ cc clang javac dotnet bundle rake gem composer apt apt-get brew yum
        dnf apk pre-commit just task rustup nvm ctest phpunit rspec coverage gradlew mvnw""",
    "uncertain.shell_interactive": """
        vi vim nvim nano emacs ed less more man top htop tmux screen""",
    "uncertain.shell_state": """
        cd pushd popd export unset set alias unalias read trap umask ulimit exit return shift wait
        jobs fg bg kill disown hash type let declare local readonly shopt history""",
    "uncertain.shell_control": """
        if then else elif fi for while until do done case esac function select in coproc""",
}
UNREAD: Final[Mapping[str, str]] = {
    name: code for code, names in _UNREAD.items() for name in names.split()
}
"""Programs and words of the shell that are known not to be read, and what to say of them."""
_OF_OTHERS: Final = """
    python python3 node npm pnpm yarn go cargo rustc java javac ruby perl php docker podman helm
    terraform aws oras make cmake gcc clang uv pip pip3 pytest ruff mypy deno bun"""
_ASKED: Final = frozenset(_OF_OTHERS.split()) | PROGRAMS.keys()
"""Programs whose `--version` prints a line and ends, whatever else they do."""
_VERSIONS: Final = frozenset({("--version",), ("-V",), ("version",)})


def read_command(words: Sequence[str], ground: Ground) -> Reading:
    """Read one simple command.

    Raises:
        Unreadable: the program or one of its words is not sure.
    """
    name = words[0]
    if _ASSIGNMENT.fullmatch(name):
        raise Unreadable("uncertain.shell_assignment", name.partition("=")[0][:64])
    # What a program is asked for its version does, whichever it is.
    if tuple(words[1:]) in _VERSIONS and name in _ASKED:
        return runs(words)
    read = PROGRAMS.get(name)
    if read is not None:
        return read(words, ground)
    code = UNREAD.get(name.rpartition("/")[2], "uncertain.shell_program")
    raise Unreadable(code, name[:64] if _NAME.fullmatch(name) else ascii(name)[1:65])
