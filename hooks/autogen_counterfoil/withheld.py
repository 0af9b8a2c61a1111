"""AutoGen writes each tool's result into its own log; one with a secret is not written.

`autogen_core` logs a tool call together with its result before anybody outside of the tool has
seen it. A record that is made inside a call, and holds a secret of that call's credential, goes
on without its text.
"""

from __future__ import annotations

import logging

from autogen_core import EVENT_LOGGER_NAME, ROOT_LOGGER_NAME, TRACE_LOGGER_NAME

from autogen_counterfoil.grant import current_grant

WITHHELD = "withheld: it holds a secret of the call's credential"


class WithoutSecrets(logging.Filter):
    """Takes the text out of a record that holds a secret of the call that it is made in."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Return true: the record stays, if need be without its text."""
        grant = current_grant()
        if grant is not None and grant.leaks(record.getMessage()):
            record.msg, record.args, record.exc_info = WITHHELD, (), None
        return True


def withhold_secrets() -> None:
    """Do so from now on, in all of AutoGen's loggers. More than once is once."""
    for name in (ROOT_LOGGER_NAME, EVENT_LOGGER_NAME, TRACE_LOGGER_NAME):
        logger = logging.getLogger(name)
        if not any(isinstance(one, WithoutSecrets) for one in logger.filters):
            logger.addFilter(WithoutSecrets())
