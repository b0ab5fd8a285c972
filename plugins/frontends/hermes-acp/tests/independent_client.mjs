// An editor made with the protocol's TypeScript library, which shares no code with the Python one.
// Usage: node independent_client.mjs PROJECT PROGRAM [ARGUMENT...]; prints what it saw as JSON.

import { spawn } from "node:child_process";
import { Readable, Writable } from "node:stream";
import { client, methods, ndJsonStream, PROTOCOL_VERSION } from "@agentclientprotocol/sdk";

const [project, program, ...rest] = process.argv.slice(2);
const agent = spawn(program, rest, { stdio: ["pipe", "pipe", "inherit"], cwd: project });
const stream = ndJsonStream(Writable.toWeb(agent.stdin), Readable.toWeb(agent.stdout));

const updates = [];
const asked = [];
const waiting = [];

const app = client({ name: "independent" })
  .onNotification(methods.client.session.update, ({ params }) => {
    updates.push(params);
    for (const check of waiting) check();
  })
  .onRequest(methods.client.session.requestPermission, ({ params }) => {
    asked.push({ session: params.sessionId, call: params.toolCall.toolCallId, options: params.options.map((o) => o.kind) });
    return { outcome: { outcome: "selected", optionId: "once" } };
  });

const until = (holds) =>
  new Promise((resolve) => {
    const check = () => holds() && resolve();
    waiting.push(check);
    check();
  });

const of = (session, kind) =>
  updates.filter((u) => u.sessionId === session && u.update.sessionUpdate === kind).map((u) => u.update);
const text = (session) => of(session, "agent_message_chunk").map((u) => u.content.text).join("");

const seen = await app.connectWith(stream, async (context) => {
  const hello = await context.request(methods.agent.initialize, {
    protocolVersion: PROTOCOL_VERSION,
    clientCapabilities: { fs: { readTextFile: false, writeTextFile: false }, terminal: false },
  });
  const opened = await context.request(methods.agent.session.new, { cwd: project, mcpServers: [] });
  const session = opened.sessionId;
  await until(() => of(session, "available_commands_update").length > 0);
  const answered = await context.request(methods.agent.session.prompt, {
    sessionId: session,
    prompt: [{ type: "text", text: "Act, please" }],
  });
  await context.request(methods.agent.session.setMode, { sessionId: session, modeId: "ask" });
  const hanging = context.request(methods.agent.session.prompt, {
    sessionId: session,
    prompt: [{ type: "text", text: "Hang" }],
  });
  await until(() => of(session, "tool_call_update").some((u) => u.toolCallId === "h" && u.status === "in_progress"));
  const began = Date.now();
  await context.notify(methods.agent.session.cancel, { sessionId: session });
  const cancelled = await hanging;
  const took = Date.now() - began;
  let refusal = null;
  try {
    await context.request(methods.agent.session.new, { cwd: "relative", mcpServers: [] });
  } catch (error) {
    refusal = { code: error.code, message: error.message };
  }
  await context.request(methods.agent.session.close, { sessionId: session });
  const listed = await context.request(methods.agent.session.list, { cwd: project });
  const before = updates.length;
  await context.request(methods.agent.session.load, { sessionId: session, cwd: project, mcpServers: [] });
  return {
    version: hello.protocolVersion,
    name: hello.agentInfo.name,
    modes: opened.modes.availableModes.map((mode) => mode.id),
    options: opened.configOptions.map((option) => option.id),
    answered,
    asked,
    text: text(session),
    calls: of(session, "tool_call").map((u) => [u.toolCallId, u.kind, u.title]),
    cancelled,
    took,
    refusal,
    listed: listed.sessions.map((row) => [row.sessionId === session, row.title]),
    replayed: updates.slice(before).map((u) => u.update.sessionUpdate),
  };
});
agent.stdin.end();
console.log(JSON.stringify(seen));
