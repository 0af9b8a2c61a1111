"""`counterfoil tail` and `counterfoil trail RUN|PROMPT`, over what a real service recorded."""

from __future__ import annotations

import json
import os
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from counterfoil.cli import main
from deployment import Deployment, deployed
from service import PROGRAM, sql_request

ADVERSARIAL = "Add a zebra table \x1b[2J\u202e now"


@pytest.fixture(scope="module")
def deployment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    with deployed(tmp_path_factory.mktemp("watching")) as started:
        yield started


@pytest.fixture(scope="module")
def jobs(deployment: Deployment) -> dict[str, dict[str, str]]:
    """Two runs with prompts of their own; the first has a decision, an approval and an outcome."""
    first = deployment.opened(prompt=ADVERSARIAL)
    second = deployment.opened(prompt="Count the zebra rows", source=deployment.acme.person("bert"))
    allowed = deployment.ask(first["access_token"])["decision_id"]
    deployment.call("POST", "/decisions/" + allowed + "/outcome", first["access_token"], OUTCOME)
    drop = sql_request("DROP TABLE public.invoices", None)
    waits = deployment.call("POST", "/authorize", first["access_token"], drop).json["decision_id"]
    other = deployment.ask(second["access_token"])["decision_id"]
    return {
        "first": {"run": first["run"], "allowed": allowed, "waits": waits},
        "second": {"run": second["run"], "allowed": other, "token": second["access_token"]},
    }


OUTCOME = {"status": "ok", "excerpt": "3 rows", "length": 6}


def config(deployment: Deployment) -> list[str]:
    return ["--config", str(deployment.folder / "counterfoil.toml")]


def test_a_job_is_told_by_its_run_with_the_prompt_on_top(
    deployment: Deployment, jobs: dict[str, dict[str, str]], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["trail", jobs["first"]["run"], *config(deployment)]) == 0
    printed = capsys.readouterr().out
    top = printed.splitlines()
    assert top[0] == r"prompt   Add a zebra table \x1b[2J\u202e now  (of the run)"
    assert top[1] == f"person   alice ({deployment.acme.issuer})"
    assert "\x1b" not in printed
    titles = [line.split("  ")[1] for line in top if line.startswith("20")]
    assert titles == [
        *("run_opened", "decided: allow", "outcome: ok"),
        *("decided: needs_approval", "approval_requested"),
    ]
    for name in ("allowed", "waits"):
        assert main(["trail", jobs["first"][name], "--json", *config(deployment)]) == 0
        told = json.loads(capsys.readouterr().out)
        assert told["prompt"] == ADVERSARIAL  # the run's, whose decision does not repeat it
        assert {event["decision_id"] for event in told["events"]} == {jobs["first"][name]}
    assert jobs["second"]["allowed"] not in printed


def test_a_job_is_found_by_words_of_its_prompt_and_several_are_listed(
    deployment: Deployment, jobs: dict[str, dict[str, str]], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["trail", "add a ZEBRA", "--json", *config(deployment)]) == 0
    assert json.loads(capsys.readouterr().out)["run"] == jobs["first"]["run"]
    assert main(["trail", "zebra", "--json", *config(deployment)]) == 0
    listed = json.loads(capsys.readouterr().out)["jobs"]
    assert {item["name"] for item in listed} == {job["run"] for job in jobs.values()}
    assert main(["trail", "zebra", *config(deployment)]) == 0
    assert "\x1b" not in capsys.readouterr().out
    assert main(["trail", "zebra", "--tenant", "globex", *config(deployment)]) == 1
    assert "counterfoil tail" in capsys.readouterr().err


def test_tail_prints_what_each_filter_takes(
    deployment: Deployment, jobs: dict[str, dict[str, str]], capsys: pytest.CaptureFixture[str]
) -> None:
    issuer = deployment.acme.issuer

    def ids(*arguments: str) -> list[tuple[str, str]]:
        command = ["tail", "--no-follow", "--json", *arguments, *config(deployment)]
        assert main(command) == 0
        lines = map(json.loads, capsys.readouterr().out.splitlines())
        return [(line["event"], line["decision_id"]) for line in lines]

    first, second = jobs["first"], jobs["second"]
    wanted = [("decided", first["allowed"]), ("outcome", first["allowed"])]
    of_first = ids("--subject=alice", f"--issuer={issuer}")
    assert [item for item in of_first if item[1] == first["allowed"]] == wanted
    assert second["allowed"] not in {name for _, name in of_first}
    assert ("decided", first["waits"]) in ids("--effect=needs_approval")
    assert ids("--effect=needs_approval", f"--run={second['run']}") == []
    assert ids(f"--run={second['run']}", "--tool=run_sql") == [("decided", second["allowed"])]
    assert ids("--actor=coder", "--tenant=globex") == []
    assert ids("--until=2020-01-01") == []
    with pytest.raises(SystemExit, match="2"):
        main(["tail", "--subject=alice", *config(deployment)])


def test_tail_shows_a_decision_once_it_is_recorded(
    deployment: Deployment, jobs: dict[str, dict[str, str]]
) -> None:
    process = subprocess.Popen(
        [*PROGRAM, "tail", "--effect=allow", "--json", *config(deployment)],
        cwd=Path(deployment.folder),
        env={**deployment.service.environment, "PATH": os.environ["PATH"]},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    told: list[str] = []
    with process.stdout as lines:
        listener = threading.Thread(target=lambda: told.extend(filter(None, [lines.readline()])))
        listener.start()
        made = set()
        for _ in range(200):  # what came before the command looked for the first time is not new
            made.add(deployment.ask(jobs["second"]["token"])["decision_id"])
            listener.join(0.1)
            if told:
                break
        process.terminate()
        listener.join(10)
    process.wait(10)
    (line,) = map(json.loads, told)
    assert line["decision_id"] in made
    assert line["subject"]["sub"] == "bert"
