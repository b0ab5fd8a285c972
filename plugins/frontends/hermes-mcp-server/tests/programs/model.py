"""A model server that answers by what was said last; its address is its first line."""

import asyncio

from hermes_host.messages import ToolCall
from hermes_host.testing.model_server import ModelServer
from hermes_host.testing.model_server_chat import chat, failure

ANSWERS = {
    "Where is the tea?": chat("The tea is in the tin."),
    "Save the tea.": chat(ToolCall(id="c1", name="save", arguments={"what": "tea"})),
    "Hold.": chat(ToolCall(id="c1", name="hold", arguments={})),
    "Fail.": failure(401, "No such key."),
}


def answer(request):
    messages = request.json["messages"]
    said = messages[-1]["content"]
    if messages[-1]["role"] == "tool":
        found = chat(f"The tool says: {said}")
    elif said == "How often?":
        found = chat(f"{sum(message['role'] == 'user' for message in messages)} times")
    else:
        found = ANSWERS.get(said, chat(f"You said: {said}"))
    return found(request) if callable(found) else found


async def main():
    async with ModelServer(answer) as server:
        print(server.url, flush=True)
        await server.serve_forever()


asyncio.run(main())
