"""`hermes voice`: transcribe a recording, read a text aloud, see what is there."""

from __future__ import annotations

import mimetypes
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from hermes_host.cli.application import pass_host, run_async
from hermes_host.cli.listing import json_option, print_json, print_table
from hermes_host.messages import Media

if TYPE_CHECKING:
    from hermes_host.host import Host

__all__ = ["voice"]


@click.group(invoke_without_command=True, epilog="Example: hermes voice transcribe memo.ogg")
@click.pass_context
def voice(ctx: click.Context) -> None:
    """Turn recordings into text, and text into recordings."""
    if ctx.invoked_subcommand is None:
        ctx.invoke(list_providers, as_json=False)


@voice.command("list", epilog="Example: hermes voice list --json")
@json_option
@pass_host
def list_providers(host: Host, as_json: bool) -> None:
    """List what transcribes and what speaks, and what each lacks."""
    from hermes_voice.speech import choices

    context = host.context("voice")
    rows = [
        {
            "kind": word,
            "name": item.name,
            "where": "elsewhere" if item.spec.remote else "this machine",
            "ready": not lacks,
            "lacks": lacks,
            "summary": item.spec.summary,
        }
        for kind, word in (("transcribers", "transcriber"), ("synthesizers", "synthesizer"))
        for item, lacks in choices(context, kind)  # type: ignore[arg-type]
    ]
    if as_json:
        print_json(rows)
        return
    print_table(
        ("kind", "name", "runs", "", "summary"),
        [
            (row["kind"], row["name"], row["where"], "ready" if row["ready"] else row["lacks"], row["summary"])
            for row in rows
        ],
    )


@voice.command(epilog="Example: hermes voice transcribe memo.ogg --language de")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--language", default="", metavar="CODE", help="The language spoken, such as de.")
@json_option
@pass_host
def transcribe(host: Host, file: Path, language: str, as_json: bool) -> None:
    """Print the words of a recording."""
    from hermes_host.services import SpeechToText

    mime = mimetypes.guess_type(file.name)[0] or "audio/ogg"
    audio = Media(kind="audio", mime=mime, url=file.absolute().as_uri(), name=file.name)

    async def work() -> object:
        service = await host.context("voice").services.get(SpeechToText)
        return await service.transcribe(audio, language=language)

    found = run_async(host, work)
    if as_json:
        print_json(found)
    else:
        click.echo(getattr(found, "text", ""))


@voice.command(
    epilog="\b\nExamples:\n  hermes voice speak 'Hello there' -o hello.ogg\n  fortune | hermes voice speak - -o it.ogg"
)
@click.argument("text")
@click.option(
    "-o", "--output", type=click.Path(dir_okay=False, path_type=Path), required=True, help="The file to write."
)
@click.option("--voice", "name", default="", metavar="NAME", help="The voice.")
@pass_host
def speak(host: Host, text: str, output: Path, name: str) -> None:
    """Write TEXT (- for standard input) as a recording."""
    from hermes_host.services import TextToSpeech

    said = sys.stdin.read() if text == "-" else text
    mime = mimetypes.guess_type(output.name)[0] or "audio/ogg"

    async def work() -> Media:
        service = await host.context("voice").services.get(TextToSpeech)
        return await service.speak(said, voice=name, formats=(mime,))

    media = run_async(host, work)
    output.write_bytes(media.data)
    click.echo(f"Wrote {output} ({media.mime}, {len(media.data):,} bytes).")
