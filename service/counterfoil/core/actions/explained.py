"""Titles and solutions of what is in doubt about paths, programs, git, code and the cloud."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple


class Explanation(NamedTuple):
    """For a person: what could not be known, and the way on."""

    title: str
    solution: str


_E = Explanation
PROGRAMS: Final[Mapping[str, Explanation]] = {
    "path_root": _E(
        "The path lies beneath no registered root",
        "Name a file beneath a registered root, by its whole path or from the root.",
    ),
    "path_kernel": _E(
        "The path leads to the kernel's own trees",
        "Nothing beneath /proc, /sys, /dev or /run is read; ask for the data in another way.",
    ),
    "path_component": _E(
        "A part of the path is empty, `.`, `..`, too long, or ends with a dot or a blank",
        "Write the path out, part by part, without `.` and `..`.",
    ),
    "path_text": _E(
        "The path holds a character that readers treat differently",
        'Use letters, digits, blanks and plain signs, without \\ : * ? < > | " $.',
    ),
    "path_repository": _E(
        "The path lies in a repository's own data, whose files run as code later",
        "Change the repository by git commands, and leave `.git` alone.",
    ),
    "option": _E(
        "An option of the program is not known to be harmless, or has no value",
        "Leave it out, or write it in full; the family's page lists the options that are read.",
    ),
    "operands": _E(
        "The program is given too few words, too many, or other ones than are read",
        "Write the command in the form that the details show.",
    ),
    "words": _E(
        "The text cannot be cut into words with certainty",
        "Send the command as a list of words, or with plain words and single blanks.",
    ),
    "git_command": _E(
        "This git command is not read",
        "docs/actions/git.md lists those that are; write them without options before the name.",
    ),
    "git_repository": _E(
        "No registered repository is named",
        "Write the registered https URL of the repository in full, or `origin` where there is "
        "but one.",
    ),
    "git_ref": _E(
        "It is not sure which refs are meant",
        "Name each ref once, such as refs/heads/topic:refs/heads/topic.",
    ),
    "git_folder": _E(
        "It is not known in which folder git works",
        "Use a tool with a registered root, or begin the line with cd and a whole path.",
    ),
    "filesystem_tool": _E(
        "It is not known what a tool of this name does to a file",
        "The operator should map it under one of the names of docs/actions/filesystem.md.",
    ),
    "filesystem_argument": _E(
        "The tool has an argument that may change what is reached",
        "Leave it out; docs/actions/filesystem.md lists the arguments of each tool.",
    ),
    "code_language": _E(
        "This language is not known",
        "Say the language, such as python; lines of a shell go to the shell tool.",
    ),
    "code_text": _E("The code holds half of a character", "Send it as valid Unicode."),
    "cloud_account": _E(
        "It is not sure which account and region are meant",
        "Use a tool of one registered account, in its own region.",
    ),
    "cloud_call": _E(
        "This call is not read",
        "docs/actions/cloud.md lists the calls that are; ask the operator for another.",
    ),
    "cloud_member": _E(
        "A member of the call is not known to be harmless, is missing, or has another type",
        "Leave it out, or correct it; what names a role, a key or a file is not read.",
    ),
    "cloud_name": _E(
        "A name may mean more than one resource, or one elsewhere",
        "Name one resource of the registered account, without patterns, by its id or whole ARN.",
    ),
    "plan_json": _E(
        "This is no complete plan of Terraform in JSON",
        "Send what `terraform show -json PLANFILE` writes, format_version 1.x, unchanged.",
    ),
    "plan_empty": _E("The plan changes nothing", "There is nothing to apply."),
    "plan_action": _E("The plan does something that is not read", "Plan it without it."),
    "plan_resource": _E(
        "A type of resource, or its provider, is not read",
        "docs/actions/cloud.md lists the types that are; plan the others apart.",
    ),
    "plan_unknown": _E(
        "A value that limits what is made is known only once it is applied",
        "Write it in the configuration, or apply what it depends on first.",
    ),
    "plan_command": _E(
        "This command of terraform is not read",
        "Plan with a tool that the operator maps, then send `terraform apply PLANFILE` with the "
        "plan's JSON as the argument `plan`.",
    ),
    "plan_missing": _E(
        "The plan that would be applied is not told",
        "Send what `terraform show -json PLANFILE` writes as the argument `plan` beside the line.",
    ),
    "plan_code": _E(
        "Applying the plan runs code",
        "Leave out provisioners, external data, foreign providers and fetched modules.",
    ),
}
