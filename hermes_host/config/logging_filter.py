"""Secrets stay out of logs."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hermes_host.config.secrets import Secrets

__all__ = ["RedactingFilter"]

_FORMATTER = logging.Formatter()


class RedactingFilter(logging.Filter):
    """Redacts known secrets in messages, tracebacks and stack dumps.

    Add it to every *handler*: a filter on a logger does not see the records of the loggers below it.
    """

    def __init__(self, secrets: Secrets) -> None:
        super().__init__()
        self._secrets = secrets

    def filter(self, record: logging.LogRecord) -> bool:
        """Rewrite the record in place; always lets it pass."""
        redact = self._secrets.redact
        try:
            message = record.getMessage()
        except (TypeError, ValueError, KeyError):
            message = f"{record.msg} {record.args!r}"
        record.msg, record.args = redact(message), None
        if record.exc_info and not record.exc_text:
            record.exc_text = _FORMATTER.formatException(record.exc_info)
        if record.exc_text:
            # Formatters print the text and would otherwise format the exception anew, with the secret in it.
            record.exc_text, record.exc_info = redact(record.exc_text), None
        if record.stack_info:
            record.stack_info = redact(record.stack_info)
        return True
