"""The floor for a turn: one streamed question with an HTTP client and json, and nothing else."""

import asyncio
import json
import sys

import httpx2


async def main(url: str) -> None:
    body = {"model": "test-model", "messages": [{"role": "user", "content": "hi"}], "stream": True}
    parts = []
    async with httpx2.AsyncClient() as client, client.stream("POST", f"{url}/chat/completions", json=body) as answer:
        async for line in answer.aiter_lines():
            if line.startswith("data: ") and line != "data: [DONE]":
                choices = json.loads(line[6:])["choices"]
                if choices:
                    parts.append(choices[0]["delta"].get("content") or "")
    print("".join(parts))


asyncio.run(main(sys.argv[1]))
