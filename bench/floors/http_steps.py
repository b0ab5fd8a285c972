"""The floor for tool steps: a loop of requests and calls with an HTTP client, json and subprocess, and nothing else."""

import asyncio
import json
import sys
from pathlib import Path

import httpx2


async def call(name: str, arguments: dict[str, str]) -> str:
    if name == "read_file":
        return Path(arguments["path"]).read_text(encoding="utf-8")
    process = await asyncio.create_subprocess_exec(
        "bash", "-c", arguments["command"], stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    output, _ = await process.communicate()
    return output.decode()


async def main(url: str) -> None:
    messages: list[dict[str, object]] = [{"role": "user", "content": "go"}]
    async with httpx2.AsyncClient() as client:
        while True:
            body = {"model": "test-model", "messages": messages}
            answer = await client.post(f"{url}/chat/completions", json=body)
            message = answer.json()["choices"][0]["message"]
            messages.append(message)
            if not message.get("tool_calls"):
                return
            for wanted in message["tool_calls"]:
                arguments = json.loads(wanted["function"]["arguments"])
                content = await call(wanted["function"]["name"], arguments)
                messages.append({"role": "tool", "tool_call_id": wanted["id"], "content": content})


asyncio.run(main(sys.argv[1]))
