"use strict";

const byId = (id) => document.getElementById(id);
const log = byId("log");
const prompt = byId("prompt");
const messages = [];
let running = null;

function add(kind, text) {
  byId("hint").hidden = true;
  const node = document.createElement("div");
  node.className = kind;
  node.textContent = text;
  log.append(node);
  log.scrollTop = log.scrollHeight;
  return node;
}

// Where the thoughts before an answer go: a fold above it.
function thoughtsOf(turn) {
  if (turn.previousElementSibling?.className !== "thoughts") {
    const fold = document.createElement("details");
    fold.className = "thoughts";
    fold.append(document.createElement("summary"), document.createElement("p"));
    fold.firstElementChild.textContent = "Reasoning";
    turn.before(fold);
  }
  return turn.previousElementSibling.lastElementChild;
}

// Calls onEvent(name, data) for each server-sent event of the response.
async function readEvents(response, onEvent) {
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    rest += value;
    for (let end; (end = rest.indexOf("\n\n")) >= 0; rest = rest.slice(end + 2)) {
      let name = "message";
      const data = [];
      for (const line of rest.slice(0, end).split("\n")) {
        if (line.startsWith("event: ")) name = line.slice(7);
        if (line.startsWith("data: ")) data.push(line.slice(6));
      }
      if (data.length > 0) onEvent(name, data.join("\n"));
    }
  }
}

function describe(report) {
  const rate = report.token_count / Math.max(report.time_cost_ms / 1000, 0.001);
  return `${report.token_count} tokens, ${report.time_cost}, ` +
      `${rate.toFixed(1)} tokens/s, ${report.finish_reason}`;
}

async function failureOf(response) {
  try {
    return (await response.json()).error.message;
  } catch {
    return `HTTP ${response.status}`;
  }
}

async function ask(turn, signal) {
  const response = await fetch("/chat_stream", {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ messages, preset: byId("preset").value }),
    signal,
  });
  if (!response.ok) throw new Error(await failureOf(response));
  let report = null;
  await readEvents(response, (name, data) => {
    if (name === "message") turn.textContent += data;
    if (name === "text_json") turn.textContent += JSON.parse(data);
    if (name === "reasoning") {
      thoughtsOf(turn).textContent += JSON.parse(data);
    }
    if (name === "done") report = JSON.parse(data);
    if (name === "error") throw new Error(JSON.parse(data).error.message);
    log.scrollTop = log.scrollHeight;
  });
  if (report === null) throw new Error("the answer broke off");
  add("note", describe(report));
}

function setRunning(controller) {
  running = controller;
  byId("send").hidden = controller !== null;
  byId("stop").hidden = controller === null;
}

async function send(text) {
  messages.push({ role: "user", content: text });
  add("turn user", text);
  const turn = add("turn running", "");
  setRunning(new AbortController());
  try {
    await ask(turn, running.signal);
  } catch (error) {
    const stopped = error.name === "AbortError";
    add(stopped ? "note" : "note bad", stopped ? "stopped" : error.message);
  }
  turn.classList.remove("running");
  messages.push({ role: "assistant", content: turn.textContent });
  setRunning(null);
  prompt.focus();
}

byId("form").addEventListener("submit", (event) => {
  event.preventDefault();
  const text = prompt.value.trim();
  if (text === "" || running !== null) return;
  prompt.value = "";
  send(text);
});

prompt.addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
  event.preventDefault();
  byId("form").requestSubmit();
});

byId("stop").addEventListener("click", () => running?.abort());

byId("clear").addEventListener("click", () => {
  running?.abort();
  messages.length = 0;
  for (const node of log.querySelectorAll("div, details")) node.remove();
  byId("hint").hidden = false;
});

byId("theme").addEventListener("click", () => {
  const root = document.documentElement;
  const dark = matchMedia("(prefers-color-scheme: dark)").matches;
  const now = root.dataset.theme ?? (dark ? "dark" : "light");
  root.dataset.theme = now === "dark" ? "light" : "dark";
});

fetch("/health").then((response) => response.json()).then((health) => {
  byId("model").textContent = `${health.model} ${health.status}`.trim();
}, () => { byId("model").textContent = "not reachable"; });
