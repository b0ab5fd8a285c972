"""The floor for a turn: one streamed question with the vendor's SDK, and nothing else."""

import asyncio
import sys

from openai import AsyncOpenAI


async def main(url: str) -> None:
    client = AsyncOpenAI(base_url=url, api_key="none")
    stream = await client.chat.completions.create(
        model="test-model", messages=[{"role": "user", "content": "hi"}], stream=True
    )
    parts = [chunk.choices[0].delta.content or "" async for chunk in stream if chunk.choices]
    print("".join(parts))
    await client.close()


asyncio.run(main(sys.argv[1]))
