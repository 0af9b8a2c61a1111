"""Removes one guard line at a time and sees that the test named after it fails.

Usage: python hooks/tools/mutations.py [name…]. Each mutation is made in a copy of `hooks/`;
nothing in the checkout changes. Exit code 1 if one survives.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

HOOKS = Path(__file__).resolve().parents[1]
PACKAGE = "autogen_counterfoil"


@dataclass(frozen=True, slots=True)
class Mutation:
    """One guard line taken away: `old` in `file` becomes `new`; `tests` must then fail."""

    name: str
    file: str
    old: str
    new: str
    tests: str


M = Mutation
MUTATIONS = (
    M("tools of a workbench left as they are", "workbench.py",
      "super().__init__([guarded_tool(tool, guard, agent=agent) for tool in tools], overrides)",
      "super().__init__(list(tools), overrides)",
      "test_tools.py::test_call_on_the_streaming_path_asks_first"),
    M("stream of a tool past its guard", "core_tools.py",
      "        stream = perform_stream(call, items)\n",
      "        stream = self.inner.run_json_stream(args, cancellation_token, call_id)\n",
      "test_teams.py::test_work_given_to_an_agent_behind_a_tool_is_judged_as_a_handoff"),
    M("run_json of a tool past its guard", "core_tools.py",
      "        return await perform(self._call(args, cancellation_token, call_id, start))\n",
      "        return await self.inner.run_json(args, cancellation_token, call_id)\n",
      "test_tools.py::test_run_json_of_a_guarded_tool_asks_first"),
    M("alias judged under its own name", "workbench.py",
      "self._call(aliases.get(name, name), shown", "self._call(name, shown",
      "test_mcp.py::test_mcp_tool_under_an_alias_is_judged_as_the_real_one_with_its_defaults"),
    M("alias of a static workbench not resolved", "workbench.py",
      "self._override_name_to_original.get(name, name)", "name",
      "test_tools.py::test_alias_of_a_tool_is_judged_as_the_real_tool"),
    M("defaults not judged", "shapes.py",
      'whole = model.model_dump(mode="json", by_alias=True)\n        return {',
      'whole = model.model_dump(mode="json", by_alias=True, exclude_unset=True)\n        return {',
      "test_tools.py::test_defaulted_argument_is_judged"),
    M("any null hidden from the judge", "shapes.py",
      "if value is not None or name not in self._absent", "if value is not None",
      "test_optional_arguments.py::test_null_is_absent_exactly_where_the_tool_takes_the_two_for_one"),
    M("unused options shown as null", "shapes.py",
      "if value is not None or name not in self._absent", "if True",
      "test_optional_arguments.py::test_null_is_absent_exactly_where_the_tool_takes_the_two_for_one"),
    M("declared defaults of MCP not judged", "workbench.py",
      "return {**declared, **raw}", "return dict(raw)",
      "test_mcp.py::test_mcp_tool_under_an_alias_is_judged_as_the_real_one_with_its_defaults"),
    M("caller's arguments run instead of the frozen ones", "core_tools.py",
      "            return self._shape.run(permit.arguments, cancellation_token, call_id)\n",
      "            return self._shape.tool.run_json(args, cancellation_token, call_id)\n",
      "test_tools.py::test_arguments_changed_while_pending_change_nothing"),
    M("hidden arguments accepted", "shapes.py", "if again != model:", "if False:",
      "test_tools.py::test_arguments_that_json_would_hide_are_refused"),
    M("original runs instead of the judged form", "guard.py",
      "arguments=action.arguments if observed else judged,", "arguments=action.arguments,",
      "test_tools.py::test_canonical_form_of_the_service_is_what_runs"),
    M("judged form not compared with what the tool reads", "shapes.py",
      "if canonical(self.dump(model)) != arguments:", "if False:",
      "test_tools.py::test_canonical_form_that_the_tool_would_read_otherwise_runs_nothing"),
    M("sync tools without their context", "shapes.py",
      "if type(tool) is not FunctionTool or", "if True or",
      "test_tools.py::test_grant_reaches_async_and_sync_tools_and_nothing_else"),
    M("grant not bound", "execution.py", "context.run(bind_grant, permit.grant)", "pass",
      "test_tools.py::test_grant_reaches_async_and_sync_tools_and_nothing_else"),
    M("grant bound in the caller's context", "execution.py",
      "    context = contextvars.copy_context()\n    context.run(bind_grant, permit.grant)\n",
      "    bind_grant(permit.grant)\n    context = contextvars.copy_context()\n",
      "test_tools.py::test_grant_reaches_async_and_sync_tools_and_nothing_else"),
    M("failing tool run once more", "execution.py",
      '    if error is not None:\n        report(permit, OutcomeStatus.ERROR, f"{type(error).__name__}: {error}")\n        raise error\n    result',
      '    if error is not None:\n        report(permit, OutcomeStatus.ERROR, f"{type(error).__name__}: {error}")\n        return await call.start(permit)\n    result',
      "test_tools.py::test_network_error_of_the_tool_is_its_own_and_it_runs_once"),
    M("agent's own token ignored", "credentials.py",
      'self._by_agent.get(agent or "", self._team)', "self._team",
      "test_identity.py::test_agent_with_an_entry_acts_with_its_own_token_others_as_the_team"),
    M("the model's call id as the action's id", "guard.py",
      "id=uuid.uuid4().hex,", "id=call_id or uuid.uuid4().hex,",
      "test_tools.py::test_repeated_call_ids_of_the_model_get_their_own_decisions"),
    M("exceptions out of a workbench", "workbench.py",
      "        except Exception as error:  # noqa: BLE001 -- raising out of a workbench hangs the agent\n",
      "        except ZeroDivisionError as error:\n",
      "test_tools.py::test_call_on_the_plain_path_asks_first"),
    M("resources of MCP unjudged", "workbench.py",
      'return await perform(self._call(READ_RESOURCE, {"uri": uri}, None, start))',
      "return await read(uri)",
      "test_mcp.py::test_resources_and_prompts_of_an_mcp_server_are_no_side_door"),
    M("sampling allowed", "walk.py",
      'if getattr(inner, "_model_client", None) is not None:', "if False:",
      "test_mcp.py::test_sampling_by_an_mcp_server_is_refused_at_start"),
    M("MCP adapter sent more than was judged", "shapes.py",
      "return {name: value for name, value in whole.items() if name in given or value is not None}", "return whole",
      "test_mcp.py::test_mcp_tool_adapter_is_judged_by_what_the_server_receives"),
    M("HttpTool judged by its arguments", "shapes.py", 'if "HttpTool" in names:', "if False:",
      "test_http_tool.py::test_path_traversal_in_a_parameter_is_judged_where_it_arrives"),
    M("normal form of a URL not required", "http_tool.py",
      'if str(request.url) != value["url"]:', "if False:",
      "test_http_tool.py::test_judged_form_that_http_would_change_sends_nothing"),
    M("redirects of a target followed", "http_tool.py",
      "follow_redirects=False", "follow_redirects=True",
      "test_http_tool.py::test_redirect_of_the_target_is_not_followed"),
    M("executor of a code agent left as it is", "walk.py",
      "agent._code_executor = GuardedCodeExecutor(executor, guard, agent=agent.name)", "pass",
      "test_code.py::test_code_of_a_code_executor_agent_is_judged"),
    M("executor of the Python tool left as it is", "guarding.py",
      'if "PythonCodeExecutionTool" in autogen_names(type(tool)):', "if False:",
      "test_code.py::test_code_of_the_python_tool_is_judged_as_code"),
    M("siblings of a denied block run", "code.py",
      "    verdicts: list[Permit | BaseException]\n",
      "    return [v for v in await asyncio.gather(*asked, return_exceptions=True) if isinstance(v, Permit)]\n",
      "test_code.py::test_denied_block_runs_none_of_its_siblings"),
    M("handoffs unguarded", "walk.py", "        guard_handoffs(agent, guard)\n", "        pass\n",
      "test_handoffs.py::test_denied_handoff_hands_nothing_over_and_the_agent_goes_on"),
    M("denied handoff only told", "handoffs.py",
      "item.chat_message = turn.judged(item.chat_message)", "pass",
      "test_handoffs.py::test_denied_handoff_hands_nothing_over_and_the_agent_goes_on"),
    M("unjudged handoff let through", "handoffs.py",
      "        text = message.content if", "        if message.content not in self._denied:\n            return message\n        text = message.content if",
      "test_handoffs.py::test_handoff_with_unreadable_arguments_is_stopped"),
    M("agents behind tools not walked", "walk.py",
      "            self.visit(tool._task_runner, where)\n", "            pass\n",
      "test_refused_surfaces.py::test_unguardable_agent_behind_a_tool_is_refused"),
    M("society not walked", "walk.py", "self.visit(node._team, where)", "pass",
      "test_teams.py::test_inner_tool_asks_first"),
    M("filtered agent not walked", "walk.py", "self.visit(node._wrapped_agent, where)", "pass",
      "test_teams.py::test_inner_tool_asks_first"),
    M("participants not walked", "walk.py",
      "                self.visit(participant, where)\n", "                pass\n",
      "test_teams.py::test_inner_tool_asks_first"),
    M("run does not walk again", "agentchat.py",
      "    ids = protect_node(team, guard, reviewed)\n    async with guard.session(token=token, task=_task_text(team, task), teams=ids):\n        return await",
      "    ids: set[str] = set()\n    async with guard.session(token=token, task=_task_text(team, task), teams=ids):\n        return await",
      "test_teams.py::test_agents_added_after_protect_are_guarded_by_run"),
    M("surfers accepted", "walk.py", "if refused is not None:", "if False:",
      "test_refused_surfaces.py::test_agent_that_acts_inside_its_own_methods_is_refused"),
    M("unknown agents accepted", "walk.py",
      "if not isinstance(node, self.reviewed):\n                self.find", "if False:\n                self.find",
      "test_refused_surfaces.py::test_unknown_agent_is_refused_unless_reviewed"),
    M("own methods accepted", "walk.py",
      "if not isinstance(node, self.reviewed) and (own := overrides(node)):", "if False:",
      "test_refused_surfaces.py::test_assistant_with_its_own_methods_is_refused"),
    M("provider's tools accepted", "walk.py",
      "(own := PROVIDER_TOOLS & arguments.keys())", "(own := set[str]())",
      "test_refused_surfaces.py::test_tools_that_the_provider_runs_are_refused"),
    M("refused team changed half-way", "walk.py",
      "        if self.findings:\n            raise UnguardedSurfaceError(self.findings)\n        for change in self._changes:\n            change()\n",
      "        for change in self._changes:\n            change()\n        if self.findings:\n            raise UnguardedSurfaceError(self.findings)\n",
      "test_refused_surfaces.py::test_agent_that_acts_inside_its_own_methods_is_refused"),
    M("guarded components dumped", "walk.py",
      'vars(node)["dump_component"] = vars(node)["_to_config"] = refuse_component', "pass",
      "test_components.py::test_guarded_component_refuses_to_be_dumped"),
    M("person's token accepted", "credentials.py",
      "        raise CredentialError(NO_ACTOR)\n", "        pass\n",
      "test_identity.py::test_token_without_an_actor_starts_nothing_and_goes_nowhere"),
    M("context before team id", "sessions.py",
      "if team_id is not None and team_id in self._teams:", "if False:",
      "test_identity.py::test_external_runtime_binds_each_team_to_its_own_run"),
    M("closed run still found", "sessions.py", "or current[1].closed:", "or False:",
      "test_fail_closed.py::test_call_after_the_run_has_ended_is_refused"),
    M("task sent as prompt", "session.py",
      "prompt=None if opened else self.task,", "prompt=self.task,",
      "test_identity.py::test_task_goes_as_task_where_the_run_was_opened_with_a_prompt"),
    M("answer not held to its action", "guard.py",
      "hold_to_action(answer, action, token, judged)  # 6", "pass",
      "test_fail_closed.py::test_answer_that_is_not_for_this_action_runs_nothing"),
    M("answer without what was judged believed", "grant.py",
      '        raise AnswerNotTrustedError("it does not say what was judged")\n', "        return\n",
      "test_fail_closed.py::test_answer_that_is_not_for_this_action_runs_nothing"),
    M("digest of what runs not recomputed", "grant.py",
      "if action_digest(judged, parsed(runs)) != answer.action_digest:", "if False:",
      "test_fail_closed.py::test_answer_without_its_judged_form_runs_nothing"),
    M("judged for another action accepted", "grant.py",
      "        named != action.name\n", "        False\n",
      "test_fail_closed.py::test_answer_that_is_whole_but_of_somebody_else_runs_nothing"),
    M("judged for another person accepted", "grant.py",
      'or _sub(judged, "subject") != token.unverified_claims.get("sub")', "or False",
      "test_fail_closed.py::test_answer_that_is_whole_but_of_somebody_else_runs_nothing"),
    M("judged for another agent accepted", "grant.py",
      'or _sub(judged, "actor") != _sub(token.unverified_claims, "act")', "or False",
      "test_fail_closed.py::test_answer_that_is_whole_but_of_somebody_else_runs_nothing"),
    M("allow of another action than the approved one", "guard.py",
      "if answer.action_digest != asked_for:", "if False:",
      "test_approval.py::test_allow_of_another_action_than_the_approved_one_runs_nothing"),
    M("unknown obligations ignored", "wire.py",
      'if _objects(value, "obligations"):', "if False:",
      "test_fail_closed.py::test_answer_that_is_not_for_this_action_runs_nothing"),
    M("any 2xx or 3xx accepted", "exchange.py",
      "if raw.status == _OK:", "if raw.status < _REDIRECT:",
      "test_client.py::test_each_failure_has_its_kind_and_keeps_the_deadline"),
    M("requests queued in httpcore and cancelled there", "client.py",
      "        return await asyncio.shield(task)\n\n    async def _once(self, exchange: Exchange, end: float) -> Raw:\n        pool = self._pool(waits=exchange.waits)\n        async with pool.room:\n            return await self._sent(pool.client, exchange, end)\n\n    async def _sent(self, client: httpx.AsyncClient, exchange: Exchange, end: float) -> Raw:\n        left = end - time.monotonic()\n        if left <= 0:\n            raise unreachable(_LATE, unsure=False)  # it was never sent\n        request = client.build_request(\n            exchange.method,\n            self._url + exchange.path,\n            headers=exchange.header_fields(),\n            content=exchange.body,\n            timeout=left,\n",
      "        return await task\n\n    async def _once(self, exchange: Exchange, end: float) -> Raw:\n        pool = self._pool(waits=exchange.waits)\n        if pool:\n            return await self._sent(pool.client, exchange, end)\n\n    async def _sent(self, client: httpx.AsyncClient, exchange: Exchange, end: float) -> Raw:\n        left = end - time.monotonic()\n        if left <= 0:\n            raise unreachable(_LATE, unsure=False)  # it was never sent\n        request = client.build_request(\n            exchange.method,\n            self._url + exchange.path,\n            headers=exchange.header_fields(),\n            content=exchange.body,\n            timeout=None,\n",
      "test_client.py::test_pool_answers_again_after_many_requests_ran_out_of_time"),
    M("proxy of the environment used", "client.py", "trust_env=False", "trust_env=True",
      "test_client.py::test_proxy_of_the_environment_is_ignored"),
    M("observe on the hook's word alone", "guard.py",
      "return self._observing and answer.enforcement is Enforcement.OBSERVE",
      "return self._observing",
      "test_observe.py::test_refused_call_runs_only_where_both_hook_and_service_observe"),
    M("observe on the service's word alone", "guard.py",
      "return self._observing and answer.enforcement is Enforcement.OBSERVE",
      "return answer.enforcement is Enforcement.OBSERVE",
      "test_observe.py::test_refused_call_runs_only_where_both_hook_and_service_observe"),
    M("any failure runs in observe", "guard.py",
      "if not (self._observing and error.unreached) or", "if not self._observing or",
      "test_observe.py::test_wrong_answer_is_not_a_service_out_of_reach"),
    M("enforced tool runs when the service is gone", "guard.py",
      "or action.name in self._enforced:", "or False:",
      "test_observe.py::test_tool_that_the_service_enforces_stays_enforced_when_it_is_gone"),
    M("approval not asked with", "session.py", "approval_id=approval_id,\n        )", "approval_id=None,\n        )",
      "test_approval.py::test_approved_action_runs_once_with_the_approval"),
    M("any answer of a person approves", "approvals.py",
      "if approval.status == APPROVED:", "if approval.status != PENDING:",
      "test_approval.py::test_action_that_a_person_denies_is_not_run_and_the_model_is_told"),
    M("cancelled wait not withdrawn", "approvals.py",
      "            await asyncio.shield(self._withdraw(approval.id))\n", "            pass\n",
      "test_approval.py::test_cancelled_wait_withdraws_and_a_late_approval_runs_nothing"),
    M("cancellation waits for the tool", "cancel.py",
      "both: set[asyncio.Future[Any]] = {task, self._set}", "both: set[asyncio.Future[Any]] = {task}",
      "test_cancel.py::test_tool_that_ignores_cancellation_holds_nobody_up"),
    M("cancelled call without an outcome", "execution.py",
      '    report(permit, OutcomeStatus.CANCELLED_UNKNOWN, "")\n', "",
      "test_cancel.py::test_cancelling_during_a_tool_call_answers_the_agent"),
    M("approval of a cancelled question left open", "session.py",
      "                await self.withdraw(answer.approval.id, token)\n", "                pass\n",
      "test_approval.py::test_approval_that_is_opened_while_the_run_is_cancelled_is_withdrawn"),
    M("allow that nobody heard of left open", "session.py",
      "if error.unsure and closes:", "if False:",
      "test_unheard.py::test_allow_whose_answer_is_lost_is_closed_as_not_executed"),
    M("cancelled call with a lost answer left open", "session.py",
      "asking = _to_its_end(task, ask)", "asking = task",
      "test_unheard.py::test_cancelled_call_whose_answer_is_lost_is_closed_too"),
    M("late ledger taken for one that recorded nothing", "exchange.py",
      'error.unsure = not code.startswith("policy.")', "error.unsure = False",
      "test_unheard.py::test_ledger_that_was_late_may_have_recorded"),
    M("call that observe mode runs closed as not executed", "guard.py",
      "closes=not self._observing,", "closes=True,",
      "test_observe.py::test_call_that_ran_unrecorded_is_never_reported_as_not_executed"),
    M("cancelled question forgotten", "session.py",
      "report = not_run(answer.decision_id, agent=action.agent, why=why)", "pass",
      "test_cancel.py::test_cancelled_while_asking_runs_nothing_and_an_allow_is_reported_not_run"),
    M("no room kept for reports", "guard.py",
      "await cancel.race(session.outbox.reserve(within_seconds=self._deadline_seconds))  # 2",
      "pass", "test_outcomes.py::test_call_is_not_asked_for_without_room_to_report_it"),
    M("last receipt kept to itself", "session.py",
      "if self._last_receipt is not None:", "if False:",
      "test_client.py::test_last_receipt_travels_with_the_next_call"),
    M("report believed without its answer", "session.py",
      'if recorded.get("decision_id") != report.decision_id:', "if False:",
      "test_outcomes.py::test_report_survives_a_failing_service"),
    M("core tool agent raises", "tool_agent.py",
      "        except Exception as error:  # noqa: BLE001 -- whatever failed, the caller must get an answer\n",
      "        except ZeroDivisionError as error:\n",
      "test_tool_agent.py::test_guarded_tool_agent_asks_first_and_its_refusal_is_read"),
)  # fmt: skip


def survives(mutation: Mutation) -> bool:
    """Whether the named tests pass although the line is gone."""
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "hooks"
        shutil.copytree(
            HOOKS, copy, ignore=shutil.ignore_patterns("*.egg-info", "__pycache__", ".*")
        )
        shutil.copy(HOOKS.parent / "pyproject.toml", folder)
        path = copy / PACKAGE / mutation.file
        source = path.read_text()
        if mutation.old not in source:
            raise SystemExit(f"{mutation.name}: the line is not in {mutation.file} any more")
        path.write_text(source.replace(mutation.old, mutation.new))
        command = [sys.executable, "-m", "pytest", "-q", "-x", "-n0", "-p", "no:cacheprovider"]
        try:
            done = subprocess.run(
                [*command, f"tests/{mutation.tests}"],
                cwd=copy,
                capture_output=True,
                check=False,
                timeout=120,
            )
        except subprocess.TimeoutExpired:
            return False  # it hangs, which is noticed
        if done.returncode not in {0, 1}:
            raise SystemExit(
                f"{mutation.name}: pytest did not run:\n{done.stdout.decode()[-2000:]}"
            )
        return done.returncode == 0


NOTHING = Mutation("nothing", "errors.py", "class HookError", "class HookError", "")


def main() -> int:
    """Try all mutations, or the named ones."""
    tests = sorted({mutation.tests.partition("::")[0] for mutation in MUTATIONS})
    for name in tests if not sys.argv[1:] else []:  # control: unchanged, they pass
        if not survives(replace(NOTHING, tests=name)):
            raise SystemExit(f"{name} fails without any mutation")
    chosen = [m for m in MUTATIONS if not sys.argv[1:] or any(w in m.name for w in sys.argv[1:])]
    left = []
    for mutation in chosen:
        alive = survives(mutation)
        print(
            f"{'SURVIVES' if alive else 'killed  '} {mutation.name}: {mutation.tests}", flush=True
        )
        left += [mutation.name] if alive else []
    print(f"{len(chosen) - len(left)} killed, {len(left)} survive")
    return 1 if left else 0


if __name__ == "__main__":
    sys.exit(main())
