"""`counterfoil policy …`: for authors of policy, thin over OPA."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final, cast

from counterfoil.cli import EXIT_FINDING, EXIT_GOOD, SubParsers, policy_who
from counterfoil.errors import ConfigError
from counterfoil.policy.build import (
    DEFAULT_LABEL,
    PolicyRefused,
    build_bundle,
    check_files,
    source_files,
)
from counterfoil.policy.bundle import read_files, read_manifest, roots_of
from counterfoil.policy.house import check_house
from counterfoil.policy.law import Finding, parse
from counterfoil.policy.server import find_opa, write_opa_files
from counterfoil.policy.testing import Report, run_tests
from counterfoil.policy.tools import OpaTool

_EPILOG: Final = """\
a policy folder holds
  .manifest                                   its roots, e.g. {"roots": ["counterfoil", "data"]}
  counterfoil/actions/<family>/<family>.rego  deny, allow and needs_approval of one family
  counterfoil/actions/<family>/<family>_test.rego
  data/access/<tenant>/data.json              who holds which role, and what a role may do
  tenants/<tenant>/<family>/<family>.rego     a tenant's own deny and needs_approval
docs/writing-policy.md shows how to write each.

exit codes: 0 good, 1 a finding, 2 usage, 78 configuration
"""
_TEST = """\
Run every test of the policy and report each case. Empty suites fail: a parametrised
test without cases, a package without tests, a filter that matches nothing.
"""
_CHECK = """\
Check the policy without running it: format, compilation against the published schemas
(a misspelt input path is found), no built-in that reaches out or differs from run to run,
METADATA with code and solution on every rule that gives a reason, and the prompt law: only
deny rules read the prompt, so that no prompt can ever permit anything.
"""
_BUILD = """\
Check the policy and write one bundle file, whose revision `LABEL+sha256:…` is the digest of
its files. The service verifies the same file itself and refuses answers of any other.
"""

_SIDECAR = """\
Check the policy and write all that an OPA beside the service reads: the bundle, its
configuration opa.json, and opa_authz.rego, which locks it to the two queries of the
configured entrypoint. Service and OPA must find the folder under the same path. Restart
both after a change. docs/operating.md shows how OPA is run with them.
"""


def register(subparsers: SubParsers[argparse.ArgumentParser]) -> None:
    """Add `policy` to the command line."""
    parser = subparsers.add_parser(
        "policy",
        help="test, check and build the Rego policy; who may do what",
        description="Test, check and build the Rego policy; see who may do what.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    test = _command(commands, "test", "run the policy's tests", _TEST, _test)
    test.add_argument(
        "--run", metavar="REGEX", default="", help="only tests of this name", dest="only"
    )
    test.add_argument(
        "--threshold", type=float, default=100.0, metavar="PERCENT", help="coverage wanted (100)"
    )
    test.add_argument("--quiet", action="store_true", help="print failures and the summary only")
    _command(commands, "check", "check the policy without running it", _CHECK, _check)
    build = _command(commands, "build", "check the policy and write its bundle", _BUILD, _build)
    build.add_argument(
        "-o", "--output", type=Path, default=Path("bundle.tar.gz"), help="default: bundle.tar.gz"
    )
    sidecar = _command(
        commands, "sidecar", "write the files of an OPA beside the service", _SIDECAR, _sidecar
    )
    sidecar.add_argument("-o", "--output", type=Path, required=True, help="the folder for them")
    for command in (build, sidecar):
        command.add_argument(
            "--label",
            default=DEFAULT_LABEL,
            help=f"the revision's readable part, such as a version (default: {DEFAULT_LABEL})",
        )
    policy_who.register(commands, run)


def run(args: argparse.Namespace) -> int:
    """Run the chosen command; returns the exit code.

    Raises:
        ConfigError: no policy folder, no OPA, or a policy that does not compile.
    """
    command = cast("Callable[[argparse.Namespace], int]", args.policy_command)
    return command(args)


def _command(
    commands: SubParsers[argparse.ArgumentParser],
    name: str,
    summary: str,
    description: str,
    command: Callable[[argparse.Namespace], int],
) -> argparse.ArgumentParser:
    parser = commands.add_parser(
        name,
        help=summary,
        description=description,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("dir", nargs="?", type=Path, metavar="DIR", help="the policy folder")
    parser.add_argument("--config", type=Path, help="the configuration file, for policy.bundle")
    parser.set_defaults(run=run, policy_command=command)
    return parser


def _folder(args: argparse.Namespace) -> Path:
    """DIR, or the configuration's `policy.bundle`."""
    folder: Path | None = args.dir
    if folder is None:
        # Only here: with DIR an author's start does not pay for the configuration's schema.
        from counterfoil.config import find_config, load_config  # noqa: PLC0415

        folder = load_config(find_config(args.config), os.environ).policy.bundle
    if not folder.is_dir():
        raise ConfigError(f"{folder} is not a policy folder", pointer="policy.bundle")
    return folder


def _test(args: argparse.Namespace) -> int:
    folder = _folder(args)
    report = run_tests(folder, find_opa(), only=args.only)
    threshold = 0.0 if args.only else args.threshold
    for case in report.cases:
        if not case.passed or not args.quiet:
            print(f"{'pass' if case.passed else 'FAIL'}  {case.name}")
            if case.message:
                print(f"      {case.message}")
    _print_findings(report.findings)
    _print_coverage(report, threshold)
    failed = sum(not case.passed for case in report.cases)
    print(f"{len(report.cases)} cases, {failed} failed, {len(report.findings)} other findings")
    return EXIT_GOOD if report.good(threshold) else EXIT_FINDING


def _print_coverage(report: Report, threshold: float) -> None:
    if threshold <= 0:
        return
    for file, lines in sorted(report.uncovered.items()):
        print(f"not covered  {file}: lines {', '.join(map(str, lines))}")
    print(f"coverage {report.coverage:g} % (wanted: {threshold:g} %)")


def _check(args: argparse.Namespace) -> int:
    folder = _folder(args)
    tool = OpaTool(find_opa())
    everything = read_files(folder)
    roots_of(read_manifest(everything, folder), folder)
    files = source_files(folder)
    findings = [*_format(folder, everything, tool), *check_files(files, tool)]
    if not findings or all(item.file != "opa check" for item in findings):
        findings += check_house(folder, parse(files, tool), tool)
    _print_findings(findings)
    rego = sum(name.endswith(".rego") for name in files)
    print(f"{rego} Rego files checked, {len(findings)} findings")
    return EXIT_FINDING if findings else EXIT_GOOD


def _format(folder: Path, files: Iterable[str], tool: OpaTool) -> list[Finding]:
    """Findings of `opa fmt` on policy and tests; nothing is changed."""
    rego = [str(folder / name) for name in files if name.endswith(".rego")]
    ran = tool.run(["fmt", "--list", "--fail", *rego]) if rego else None
    if ran is None or not ran.code:
        return []
    listed = ran.stdout.decode("utf-8", "replace").split("\n")
    what = "is not formatted; `opa fmt --write` does it"
    found = [
        Finding(file=name.removeprefix(f"{folder}/"), rule="", what=what) for name in listed if name
    ]
    return found or [Finding(file="opa fmt", rule="", what=ran.stderr.strip())]


def _build(args: argparse.Namespace) -> int:
    folder = _folder(args)
    try:
        bundle = build_bundle(folder, args.output, opa=find_opa(), label=args.label, fresh=True)
    except PolicyRefused as error:
        print(error.detail)
        print(error.solution)
        return EXIT_FINDING
    print(f"{args.output}: {len(bundle.files) - 1} files, roots {', '.join(bundle.roots)}")
    print(bundle.revision)
    return EXIT_GOOD


def _sidecar(args: argparse.Namespace) -> int:
    # Only here: it needs the entrypoint, and compiling the configuration's schema takes time.
    from counterfoil.config import find_config, load_config  # noqa: PLC0415

    entrypoint = load_config(find_config(args.config), os.environ).policy.entrypoint
    folder, output = _folder(args), args.output.absolute()
    try:
        bundle = write_opa_files(folder, entrypoint, output, opa=find_opa(), label=args.label)
    except PolicyRefused as error:
        print(error.detail)
        print(error.solution)
        return EXIT_FINDING
    print(f"{output}: bundle, configuration and lock for {entrypoint}")
    print(bundle.revision)
    return EXIT_GOOD


def _print_findings(findings: Iterable[Finding]) -> None:
    for item in findings:
        print(item)
