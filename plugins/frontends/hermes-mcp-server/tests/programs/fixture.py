"""A plugin with the tools, resources and prompts that the conformance suite asks for, and some for our own tests."""

import asyncio
import json
import sys

import mcp_types as types
from hermes_mcp_server.caller import caller_of
from hermes_mcp_server.contents import ContentSource, ContentSourceSpec

from hermes_host import hookimpl
from hermes_host.errors import ToolError
from hermes_host.messages import Media, Text
from hermes_host.protocols import Assessment, ToolOutput
from hermes_host.specs import PluginInfo, ToolSourceSpec, ToolSpec

PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010802000000907753de0000000c49444154789c63f8cfc00000030101"
    "00c9fe92ef0000000049454e44ae426082"
)
WAV = bytes.fromhex("524946462400000057415645666d7420100000000100010044ac000088580100020010006461746100000000")
NOTHING = {"type": "object", "properties": {}}
RICH = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "type": "object",
    "$defs": {"address": {"type": "object", "properties": {"street": {"type": "string"}, "city": {"type": "string"}}}},
    "properties": {"name": {"type": "string"}, "address": {"$ref": "#/$defs/address"}},
    "additionalProperties": False,
}
USER = {
    "type": "object",
    "properties": {
        "username": {"type": "string", "description": "User's response"},
        "email": {"type": "string", "description": "User's email address"},
    },
    "required": ["username", "email"],
}
DEFAULTS = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "default": "John Doe"},
        "age": {"type": "integer", "default": 30},
        "score": {"type": "number", "default": 95.5},
        "status": {"type": "string", "enum": ["active", "inactive", "pending"], "default": "active"},
        "verified": {"type": "boolean", "default": True},
    },
}
OPTIONS = ["option1", "option2", "option3"]
TITLED = [{"const": f"value{number}", "title": f"{word} Option"} for number, word in enumerate(("First", "Second"), 1)]
ENUMS = {
    "type": "object",
    "properties": {
        "untitledSingle": {"type": "string", "enum": OPTIONS},
        "titledSingle": {"type": "string", "oneOf": TITLED},
        "legacyEnum": {"type": "string", "enum": ["opt1", "opt2"], "enumNames": ["Option One", "Option Two"]},
        "untitledMulti": {"type": "array", "items": {"type": "string", "enum": OPTIONS}},
        "titledMulti": {"type": "array", "items": {"anyOf": TITLED}},
    },
}


async def simple_text(arguments, call):
    return "This is a simple text response for testing."


async def image(arguments, call):
    return ToolOutput(content=(Media(kind="image", mime="image/png", data=PNG),))


async def audio(arguments, call):
    return ToolOutput(content=(Media(kind="audio", mime="audio/wav", data=WAV),))


async def embedded(arguments, call):
    text = b"This is an embedded resource content."
    return ToolOutput(content=(Media(kind="file", mime="text/plain", data=text, url="test://embedded-resource"),))


async def mixed(arguments, call):
    return ToolOutput(
        content=(
            Text(text="Multiple content types test:"),
            Media(kind="image", mime="image/png", data=PNG),
            Media(kind="file", mime="application/json", data=b'{"test":"data"}', url="test://mixed-content-resource"),
        )
    )


async def logging(arguments, call):
    for words in ("Tool execution started", "Tool processing data", "Tool execution completed"):
        caller_of(call).log("info", words)
        await asyncio.sleep(0.05)
    return "Logged."


async def failing(arguments, call):
    raise ToolError("This tool intentionally returns an error for testing")


async def progressing(arguments, call):
    for done in (0, 50, 100):
        caller_of(call).progress(done=done, total=100)
        await asyncio.sleep(0.05)
    return "Done."


async def sampling(arguments, call):
    said = types.SamplingMessage(role="user", content=types.TextContent(text=arguments["prompt"]))
    answer = await caller_of(call).sample([said], max_tokens=100)
    if answer is None:
        raise ToolError("The client's model cannot be asked.")
    return f"LLM response: {answer.content.text}"


async def _asked(call, message, schema):
    answer = await caller_of(call).elicit(message, schema)
    if answer is None:
        raise ToolError("Nobody can be asked at the client.")
    return f"action={answer.action}, content={json.dumps(answer.content)}"


async def elicitation(arguments, call):
    return "User response: " + await _asked(call, arguments["message"], USER)


async def elicitation_defaults(arguments, call):
    return "Elicitation completed: " + await _asked(call, "Please check the defaults.", DEFAULTS)


async def elicitation_enums(arguments, call):
    return "Elicitation completed: " + await _asked(call, "Please choose.", ENUMS)


async def reconnection(arguments, call):
    await caller_of(call).close_stream()
    await asyncio.sleep(0.1)
    return "You came back."


async def rich(arguments, call):
    return json.dumps(arguments)


# What follows is for our own tests.


async def stray(arguments, call):
    print("this must not reach the client")
    sys.stdout.flush()
    await (await asyncio.create_subprocess_exec("echo", "nor must this")).wait()
    return "Printed."


async def hold(arguments, call):
    call.progress("holding")
    try:
        await asyncio.Event().wait()
    finally:
        sys.stderr.write("the hold ended\n")
        sys.stderr.flush()


async def save(arguments, call):
    return f"saved {arguments['what']}"


async def judge(arguments, call):
    if arguments["what"] == "forbidden":
        return Assessment(verdict="deny", reason="That is forbidden.")
    return Assessment(verdict="ask", reason="It would be saved.", shown=f"save {arguments['what']}")


async def question(arguments, call):
    return f"they said {await call.ask('Which colour?', ('red', 'blue'))}"


async def nested(arguments, call):
    result = await call.call_tool("save", {"what": "from within"})
    return ToolOutput(content=result.content, is_error=result.is_error)


async def origin(arguments, call):
    return f"{call.origin} on {call.session.source} in {call.session.id}"


_TEXT = {"type": "object", "properties": {"prompt": {"type": "string"}}, "required": ["prompt"]}
_MESSAGE = {"type": "object", "properties": {"message": {"type": "string"}}, "required": ["message"]}
_WHAT = {"type": "object", "properties": {"what": {"type": "string"}}, "required": ["what"]}
TOOLS = {
    "test_simple_text": (simple_text, NOTHING),
    "test_image_content": (image, NOTHING),
    "test_audio_content": (audio, NOTHING),
    "test_embedded_resource": (embedded, NOTHING),
    "test_multiple_content_types": (mixed, NOTHING),
    "test_tool_with_logging": (logging, NOTHING),
    "test_error_handling": (failing, NOTHING),
    "test_tool_with_progress": (progressing, NOTHING),
    "test_sampling": (sampling, _TEXT),
    "test_elicitation": (elicitation, _MESSAGE),
    "test_elicitation_sep1034_defaults": (elicitation_defaults, NOTHING),
    "test_elicitation_sep1330_enums": (elicitation_enums, NOTHING),
    "test_reconnection": (reconnection, NOTHING),
    "json_schema_2020_12_tool": (rich, RICH),
    "stray": (stray, NOTHING),
    "hold": (hold, NOTHING),
    "question": (question, NOTHING),
    "nested": (nested, NOTHING),
    "origin": (origin, NOTHING),
}


class Contents(ContentSource):
    """The suite's resources and prompts."""

    async def resources(self):
        return [
            types.Resource(name="static-text", uri="test://static-text", description="Text", mime_type="text/plain"),
            types.Resource(
                name="static-binary", uri="test://static-binary", description="A picture", mime_type="image/png"
            ),
            types.Resource(
                name="watched", uri="test://watched-resource", description="Watched", mime_type="text/plain"
            ),
        ]

    async def templates(self):
        return [types.ResourceTemplate(name="data", uri_template="test://template/{id}/data", description="Data")]

    async def read(self, uri):
        if uri == "test://static-binary":
            import base64

            return [types.BlobResourceContents(uri=uri, mime_type="image/png", blob=base64.b64encode(PNG).decode())]
        if uri in ("test://static-text", "test://watched-resource"):
            text = "This is the content of the static text resource."
            return [types.TextResourceContents(uri=uri, mime_type="text/plain", text=text)]
        if uri.startswith("test://template/"):
            number = uri.split("/")[3]
            data = json.dumps({"id": number, "templateTest": True, "data": f"Data for ID: {number}"})
            return [types.TextResourceContents(uri=uri, mime_type="application/json", text=data)]
        return None

    async def prompts(self):
        def prompt(name, *arguments):
            wanted = [types.PromptArgument(name=each, description=each, required=True) for each in arguments]
            return types.Prompt(name=name, description="A prompt for testing", arguments=wanted)

        return [
            prompt("test_simple_prompt"),
            prompt("test_prompt_with_arguments", "arg1", "arg2"),
            prompt("test_prompt_with_embedded_resource", "resourceUri"),
            prompt("test_prompt_with_image"),
        ]

    async def prompt(self, name, arguments):
        def said(*contents):
            return types.GetPromptResult(
                messages=[types.PromptMessage(role="user", content=content) for content in contents]
            )

        if name == "test_simple_prompt":
            return said(types.TextContent(text="This is a simple prompt for testing."))
        if name == "test_prompt_with_arguments":
            text = f"Prompt with arguments: arg1='{arguments['arg1']}', arg2='{arguments['arg2']}'"
            return said(types.TextContent(text=text))
        if name == "test_prompt_with_embedded_resource":
            words = "Embedded resource content for testing."
            resource = types.TextResourceContents(uri=arguments["resourceUri"], mime_type="text/plain", text=words)
            ending = types.TextContent(text="Please process the embedded resource above.")
            return said(types.EmbeddedResource(resource=resource), ending)
        if name == "test_prompt_with_image":
            import base64

            picture = types.ImageContent(data=base64.b64encode(PNG).decode(), mime_type="image/png")
            return said(picture, types.TextContent(text="Please analyze the image above."))
        return None

    async def complete(self, reference, argument, value):
        return [value + "ing"] if reference == "test_prompt_with_arguments" else None


def contents(context, spec):
    return Contents()


class Late:
    """A tool that is there as soon as a file is."""

    def __init__(self, context):
        self._sign = context.home / "late"

    async def tools(self):
        if not self._sign.exists():
            return []
        return [
            ToolSpec(
                name="late",
                summary="A late tool",
                parameters=NOTHING,
                target="fixture:simple_text",
                effects=frozenset({"read"}),
                toolset="fixture",
            )
        ]


def late(context, spec):
    return Late(context)


class Telling:
    """A tool that is there as soon as another one is called; whoever waits is told."""

    revealed = asyncio.Event()

    async def tools(self):
        if not self.revealed.is_set():
            return []
        return [
            ToolSpec(
                name="revealed",
                summary="A revealed tool",
                parameters=NOTHING,
                target="fixture:simple_text",
                effects=frozenset({"read"}),
                toolset="fixture",
            )
        ]

    async def changed(self):
        if self.revealed.is_set():
            await asyncio.Event().wait()
        await self.revealed.wait()


def telling(context, spec):
    return Telling()


async def reveal(arguments, call):
    Telling.revealed.set()
    return "revealed"


class Fixture:
    """The plugin."""

    @hookimpl
    def hermes_tool_sources(self):
        yield ToolSourceSpec(name="late", summary="For tests", target="fixture:late")
        yield ToolSourceSpec(name="telling", summary="For tests", target="fixture:telling")

    @hookimpl
    def hermes_plugin_info(self):
        return PluginInfo(summary="For tests")

    @hookimpl
    def hermes_tools(self):
        for name, (handler, schema) in TOOLS.items():
            yield ToolSpec(
                name=name,
                summary="A tool for testing",
                parameters=schema,
                target=f"fixture:{handler.__name__}",
                effects=frozenset({"read"}),
                toolset="fixture",
                parallel=True,
            )
        yield ToolSpec(
            name="reveal",
            summary="Bring another tool",
            parameters=NOTHING,
            target="fixture:reveal",
            effects=frozenset({"read"}),
            toolset="fixture",
        )
        yield ToolSpec(
            name="save",
            summary="Save something",
            parameters=_WHAT,
            target="fixture:save",
            assess="fixture:judge",
            effects=frozenset({"write"}),
            toolset="fixture",
        )

    @hookimpl(optionalhook=True)
    def hermes_mcp_contents(self):
        yield ContentSourceSpec(name="fixture", summary="For tests", target="fixture:contents")
