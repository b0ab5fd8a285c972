"""Run one question and follow what happens."""

import json
import subprocess
import sys

command = ["hermes", "chat", "-q", sys.argv[1], "--output-format", "stream-json"]
with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, encoding="utf-8") as process:
    assert process.stdout is not None
    for line in process.stdout:
        event = json.loads(line)
        if event["type"] == "tool_started":
            print("calls", event["name"], event["arguments"])
        elif event["type"] == "turn_finished":
            print(event["outcome"], "after", event["steps"], "steps:", event["text"])
sys.exit(process.returncode)
