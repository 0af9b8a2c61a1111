"""Which AutoGen classes can act, and what the hook does about each.

`protect` goes by this table and refuses what is not in it; a test walks the installed
AutoGen packages and fails for a class that can act and is not in it. Names are class names
inside AutoGen's packages, because those move classes between private modules.
"""

from __future__ import annotations

ASSISTANT = "AssistantAgent"
CODE_EXECUTOR = "CodeExecutorAgent"
SOCIETY = "SocietyOfMindAgent"
FILTER = "MessageFilterAgent"
PERSON = "UserProxyAgent"

GUARDED_AGENTS = {
    ASSISTANT: "its workbenches, tools and handoffs are guarded",
    "MagenticOneCoderAgent": "an AssistantAgent",
    "VideoSurfer": "an AssistantAgent; its own tools are guarded as tools",
    CODE_EXECUTOR: "its code executor is guarded",
    SOCIETY: "its inner team is guarded",
    FILTER: "its wrapped agent is guarded",
    PERSON: "speaks for a person and does nothing by itself",
}

_OWN_HANDS = (
    "It acts inside its own methods, where nothing can be judged. Use an AssistantAgent whose "
    "tools do the same work, and have them guarded"
)
_PROVIDER = (
    "Its tools run at the provider, where nothing can be judged. Use an AssistantAgent with "
    "the provider's chat completion client and tools of your own"
)
REFUSED_AGENTS = {
    "FileSurfer": _OWN_HANDS,
    "MultimodalWebSurfer": _OWN_HANDS,
    "OpenAIAgent": _PROVIDER,
    "OpenAIAssistantAgent": _PROVIDER,
    "AzureAIAgent": _PROVIDER,
}

GUARDED_TEAMS = {
    "RoundRobinGroupChat": "its participants are guarded",
    "SelectorGroupChat": "its participants are guarded",
    "Swarm": "its participants are guarded",
    "GraphFlow": "its participants are guarded",
    "MagenticOneGroupChat": "its participants are guarded; its orchestrator only talks",
    "MagenticOne": "a MagenticOneGroupChat; the surfers among its participants are refused",
}

RELAYS = {
    "ChatAgentContainer": "hands messages to a participant",
    "SequentialRoutedAgent": "orders messages",
    "BaseGroupChatManager": "chooses speakers",
    "RoundRobinGroupChatManager": "chooses speakers",
    "SelectorGroupChatManager": "chooses speakers",
    "SwarmGroupChatManager": "chooses speakers",
    "GraphFlowManager": "chooses speakers",
    "MagenticOneOrchestrator": "chooses speakers and writes plans",
}
"""Core agents of AgentChat's own plumbing: they send messages and do nothing else."""

CORE_AGENTS = {
    "ToolAgent": "use GuardedToolAgent instead",
    "ClosureAgent": "runs the developer's own function: direct Python, outside of any hook",
    "RoutedAgent": "a base class for the developer's own agents: guard the tools they call",
    "BaseAgent": "a base class for the developer's own agents: guard the tools they call",
}

GENERIC = {
    "BaseTool": "GuardedTool wraps any tool by its one way in",
    "Workbench": "GuardedWorkbench wraps any workbench by its one way in",
    "CodeExecutor": "GuardedCodeExecutor wraps any executor by its one way in",
}
"""Whatever derives from these is guarded by what wraps the base class."""

SPECIAL_TOOLS = {
    "HttpTool": "judged by method and resolved URL",
    "McpToolAdapter": "judged by what the server receives",
    "PythonCodeExecutionTool": "its code executor is guarded",
    "TaskRunnerTool": "judged as a handoff; the agent or team behind it is guarded",
    "AzureAISearchTool": "has its own run_json, which is given plain judged data",
    "BaseAzureAISearchTool": "has its own run_json, which is given plain judged data",
}
"""Tools that do more than run(arguments), each with its own treatment."""

HARMLESS_OVERRIDES = frozenset(
    {
        "name", "description", "produced_message_types", "model_context", "on_reset", "on_pause",
        "on_resume", "save_state", "load_state", "close", "_to_config", "_from_config",
        "_from_config_past_version", "_get_compatible_context", "dump_component",
    }
)  # fmt: skip
"""Methods that a subclass of a guarded class may have its own of: none of them calls a tool."""


def autogen_names(cls: type) -> list[str]:
    """Return the names of AutoGen's own classes that `cls` is, nearest first."""
    return [base.__name__ for base in cls.__mro__ if base.__module__.startswith("autogen_")]
