"""What the tools add to a command's output: only what the output itself does not say.

The result is the output as it is, followed by one bracketed line where there is anything to add. As JSON
(`{"output": …, "exit_code": …, "error": …}`) every line break and quote of the output would cost a second character,
and every call some forty more.
"""

from __future__ import annotations

__all__ = ["clip", "exit_note", "finish", "sudo_note"]

_NOTES = {
    126: "it was found but could not be executed: check its permissions and format",
    127: "a command was not found: check the name, the PATH, or whether it is installed",
    130: "interrupted",
    132: "illegal instruction",
    134: "aborted: a failed assertion or a fatal error",
    135: "bus error",
    136: "arithmetic error, such as a division by zero",
    137: "killed, often for lack of memory",
    139: "segmentation fault",
    141: "its reader went away (SIGPIPE); usually harmless before `head`",
    143: "it was asked to end (SIGTERM)",
    152: "out of CPU time",
}

_SUDO_SIGNS = (
    "sudo: a terminal is required to read the password",
    "sudo: a password is required",
    "sudo: no tty present",
    "sudo: no askpass program specified",
    "sudo: sorry, you must have a tty",
    "doas: a tty is required",
)


def exit_note(code: int) -> str:
    """`exit N` with what it usually means; empty for success."""
    if code == 0:
        return ""
    return f"exit {code}: {_NOTES[code]}" if code in _NOTES else f"exit {code}"


def sudo_note(output: str) -> str:
    """What to do when `sudo` wanted a password; empty when it did not."""
    if any(sign in output[-2_000:] for sign in _SUDO_SIGNS):
        return (
            "sudo needs a password, and nobody can type one here: ask the user to run the command in their "
            "own terminal, or do it without other rights"
        )
    return ""


def finish(output: str, notes: list[str]) -> str:
    """The text for the model."""
    said = [note for note in notes if note]
    if not said:
        return output or "[no output]"
    if output and not output.endswith("\n"):
        output += "\n"
    return f"{output}[{'; '.join(said)}]"


def clip(text: str, limit: int, whole: str) -> str:
    """At most `limit` characters: 40 % from the beginning, 60 % from the end, and where the rest is."""
    if len(text) <= limit:
        return text
    head, tail = text[: limit * 2 // 5], text[-(limit * 3 // 5) :]
    return f"{head}\n[… {len(text) - len(head) - len(tail):,} characters left out; all output is in {whole} …]\n{tail}"
