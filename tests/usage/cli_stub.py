"""Providers on loopback for real coding CLIs: Anthropic's /v1/messages, OpenAI's /v1/responses and /v1/chat/completions, Google's
:streamGenerateContent, all streamed, with token counts that are known because this file makes them up. /v1/logs and /v1/metrics keep what a CLI
exports as OpenTelemetry.

    with Stub(folder) as stub:
        ... run a CLI against stub.url ...
        stub.calls      each answered call of a model, as a dict: see Stub.count
        stub.exports    paths in folder of the bodies that came to /v1/logs, /v1/metrics and /v1/traces, in order

Shapes: docs.anthropic.com "Streaming messages"; platform.openai.com "Responses: streaming events", "Chat completions: streaming";
ai.google.dev "GenerateContentResponse"; OTLP/HTTP 1.x."""

import gzip
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

COUNTS = ("input", "output", "cache_read", "cache_write", "cache_write_1h", "reasoning")
COMMAND = "echo one two three"  # what the model asks to have run, so that a turn has two calls


class Stub:
    def __init__(self, folder):
        self.folder = Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.calls, self.exports, self.asked = [], [], []
        self.lock = threading.Lock()
        stub = self

        class Handler(StubHandler):
            provider = stub

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def __enter__(self):
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()

    def count(self, api, body, turn):
        """Makes up the numbers of the next call and keeps them. Each is another one, so that a mixed-up sum cannot be right by chance.
        `turn`: "tool" where a tool is asked for, "text" where the answer is given, "side" where the CLI asks for itself."""
        with self.lock:
            number = len(self.calls) + 1
            call = {"api": api, "number": number, "turn": turn, "model": body.get("model"), "request": f"req_011Stub{number:06}",
                    "id": f"msg_01Stub{number:06}" if api == "messages" else f"resp_stub{number:06}",
                    "input": 1000 + 7 * number, "output": 200 + 11 * number, "cache_read": 30000 + 101 * number,
                    "cache_write": 0, "cache_write_1h": 0, "reasoning": 0}
            if api == "messages":
                call.update(cache_write=500 + 13 * number, cache_write_1h=250 + 17 * number if number % 2 else 0)
            else:
                call.update(reasoning=50 + 3 * number)
            self.calls.append(call)
            return call

    def keep(self, path, content_type, body):
        with self.lock:
            name = f"{len(self.exports):03}-{path.rsplit('/', 1)[1]}.{'json' if 'json' in content_type else 'pb'}"
            (self.folder / name).write_bytes(body)
            self.exports.append(self.folder / name)


class StubHandler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do_HEAD(self):
        self.send(200, b"")

    def do_GET(self):
        self.send(200, b'{"data":[],"models":[]}')

    def do_POST(self):
        body = self.body()
        path = self.path.split("?")[0]
        with self.provider.lock:
            self.provider.asked.append((path, dict(self.headers), body))
        if path in ("/v1/logs", "/v1/metrics", "/v1/traces"):
            self.provider.keep(path, self.headers.get("Content-Type", ""), body)
            self.send(200, b"{}" if "json" in self.headers.get("Content-Type", "") else b"")
        elif path.endswith("/messages"):
            self.answer_messages(json.loads(body))
        elif path.endswith("/responses"):
            self.answer_responses(json.loads(body))
        elif path.endswith("/chat/completions"):
            self.answer_chat(json.loads(body))
        elif "enerateContent" in path:
            self.answer_gemini(path, json.loads(body))
        elif path.endswith("/count_tokens"):
            self.send(200, b'{"input_tokens":1}')
        else:
            self.send(404, b'{"error":{"type":"not_found_error","message":"not here"}}')

    def body(self):
        if self.headers.get("Transfer-Encoding", "").lower() == "chunked":
            pieces = []
            while size := int(self.rfile.readline().split(b";")[0], 16):
                pieces.append(self.rfile.read(size))
                self.rfile.readline()
            self.rfile.readline()
            body = b"".join(pieces)
        else:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        return gzip.decompress(body) if self.headers.get("Content-Encoding") == "gzip" else body

    def send(self, status, body, content_type="application/json", **headers):
        self.send_response(status)
        for name, value in {"Content-Type": content_type, "Content-Length": str(len(body)), **headers}.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def stream(self, call, events):
        text = "".join(f"event: {event['type']}\ndata: {json.dumps(event)}\n\n" for event in events)
        self.send(200, text.encode(), "text/event-stream", request_id=call["request"], x_request_id=call["request"])

    # --- Anthropic ---

    def answer_messages(self, body):
        last = body["messages"][-1]["content"]
        answered = isinstance(last, list) and any(part.get("type") == "tool_result" for part in last)
        has_tool = any(tool.get("name") == "Bash" for tool in body.get("tools") or [])
        turn = "text" if answered else "tool" if has_tool else "side"
        call = self.provider.count("messages", body, turn)
        usage = {"input_tokens": call["input"], "cache_creation_input_tokens": call["cache_write"] + call["cache_write_1h"],
                 "cache_read_input_tokens": call["cache_read"], "service_tier": "standard",
                 "cache_creation": {"ephemeral_5m_input_tokens": call["cache_write"], "ephemeral_1h_input_tokens": call["cache_write_1h"]}}
        blocks = [{"type": "text", "text": "" if turn == "tool" else "Done."}]
        if turn == "tool":
            blocks[0]["text"] = "I run it."
            blocks.append({"type": "tool_use", "id": f"toolu_01Stub{call['number']:06}", "name": "Bash",
                           "input": {"command": COMMAND, "description": "Says three words"}})
        message = {"id": call["id"], "type": "message", "role": "assistant", "model": body["model"], "content": [],
                   "stop_reason": None, "stop_sequence": None, "usage": {**usage, "output_tokens": 1}}
        stop = "tool_use" if turn == "tool" else "end_turn"
        if not body.get("stream"):
            message.update(content=blocks, stop_reason=stop, usage={**usage, "output_tokens": call["output"]})
            self.send(200, json.dumps(message).encode(), request_id=call["request"])
            return
        events = [{"type": "message_start", "message": message}]
        for index, block in enumerate(blocks):
            if block["type"] == "text":
                begin, delta = {"type": "text", "text": ""}, {"type": "text_delta", "text": block["text"]}
            else:
                begin, delta = {**block, "input": {}}, {"type": "input_json_delta", "partial_json": json.dumps(block["input"])}
            events += [{"type": "content_block_start", "index": index, "content_block": begin},
                       {"type": "content_block_delta", "index": index, "delta": delta},
                       {"type": "content_block_stop", "index": index}]
        events += [{"type": "message_delta", "delta": {"stop_reason": stop, "stop_sequence": None}, "usage": {"output_tokens": call["output"]}},
                   {"type": "message_stop"}]
        self.stream(call, events)

    # --- OpenAI ---

    def answer_responses(self, body):
        kinds = [item.get("type") for item in body["input"]] if isinstance(body.get("input"), list) else []
        last_said = max((i for i, item in enumerate(body["input"]) if item.get("role") == "user"), default=-1) if kinds else -1
        answered = any(kind in ("function_call_output", "custom_tool_call_output") for kind in kinds[last_said + 1:])
        shell = next((tool for tool in body.get("tools") or [] if tool.get("name") in ("exec_command", "shell", "shell_command")), None)
        turn = "text" if answered else "tool" if shell else "side"
        call = self.provider.count("responses", body, turn)
        if turn == "tool":
            argument = {"exec_command": {"cmd": COMMAND}, "shell": {"command": COMMAND.split()}, "shell_command": {"command": COMMAND}}[shell["name"]]
            item = {"type": "function_call", "id": f"fc_stub{call['number']:06}", "call_id": f"call_stub{call['number']:06}",
                    "name": shell["name"], "arguments": json.dumps(argument)}
        else:
            item = {"type": "message", "id": f"out_stub{call['number']:06}", "role": "assistant", "status": "completed",
                    "content": [{"type": "output_text", "text": "Done.", "annotations": []}]}
        total = call["input"] + call["cache_read"]
        usage = {"input_tokens": total, "input_tokens_details": {"cached_tokens": call["cache_read"]}, "output_tokens": call["output"],
                 "output_tokens_details": {"reasoning_tokens": call["reasoning"]}, "total_tokens": total + call["output"]}
        response = {"id": call["id"], "object": "response", "status": "in_progress", "model": body.get("model"), "output": []}
        self.stream(call, [
            {"type": "response.created", "response": response},
            {"type": "response.output_item.added", "output_index": 0, "item": item},
            {"type": "response.output_item.done", "output_index": 0, "item": item},
            {"type": "response.completed", "response": {**response, "status": "completed", "output": [item], "usage": usage}}])

    def answer_chat(self, body):
        answered = body["messages"][-1].get("role") == "tool"
        tools = [tool["function"]["name"] for tool in body.get("tools") or []]
        turn = "text" if answered else "tool" if "run_shell_command" in tools else "side"
        call = self.provider.count("chat", body, turn)
        total = call["input"] + call["cache_read"]
        usage = {"prompt_tokens": total, "completion_tokens": call["output"], "total_tokens": total + call["output"],
                 "prompt_tokens_details": {"cached_tokens": call["cache_read"]}, "completion_tokens_details": {"reasoning_tokens": call["reasoning"]}}
        delta = {"role": "assistant", "content": "Done."}
        if turn == "tool":
            delta = {"role": "assistant", "content": "I run it.", "tool_calls": [{"index": 0, "id": f"call_stub{call['number']:06}", "type": "function", "function": {
                "name": "run_shell_command", "arguments": json.dumps({"command": COMMAND, "description": "Says three words", "is_background": False})}}]}
        base = {"id": f"chatcmpl-stub{call['number']:06}", "object": "chat.completion.chunk", "created": 1, "model": body["model"]}
        reason = "tool_calls" if turn == "tool" else "stop"
        if not body.get("stream"):
            delta.pop("tool_calls", None)
            self.send(200, json.dumps({**base, "object": "chat.completion", "choices": [{"index": 0, "message": delta, "finish_reason": "stop"}], "usage": usage}).encode())
            return
        chunks = [{**base, "choices": [{"index": 0, "delta": delta, "finish_reason": None}]},
                  {**base, "choices": [{"index": 0, "delta": {}, "finish_reason": reason}]}, {**base, "choices": [], "usage": usage}]
        text = "".join(f"data: {json.dumps(chunk)}\n\n" for chunk in chunks) + "data: [DONE]\n\n"
        self.send(200, text.encode(), "text/event-stream", x_request_id=call["request"])

    # --- Google ---

    def answer_gemini(self, path, body):
        last = body["contents"][-1]["parts"]
        answered = any("functionResponse" in part for part in last)
        tools = [declared["name"] for tool in body.get("tools") or [] for declared in tool.get("functionDeclarations") or []]
        turn = "text" if answered else "tool" if "run_shell_command" in tools else "side"
        call = self.provider.count("gemini", {"model": path.rsplit("/", 1)[1].split(":")[0]}, turn)
        total = call["input"] + call["cache_read"]
        said = call["output"] - call["reasoning"]
        usage = {"promptTokenCount": total, "candidatesTokenCount": said, "thoughtsTokenCount": call["reasoning"], "cachedContentTokenCount": call["cache_read"],
                 "totalTokenCount": total + call["output"]}
        parts = [{"text": "Done."}]
        if turn == "tool":
            parts = [{"functionCall": {"name": "run_shell_command", "args": {"command": COMMAND, "description": "Says three words"}}}]
        answer = {"candidates": [{"content": {"role": "model", "parts": parts}, "finishReason": "STOP", "index": 0}], "usageMetadata": usage,
                  "modelVersion": call["model"], "responseId": f"gemini-stub{call['number']:06}"}
        if "alt=sse" in self.path:
            self.send(200, f"data: {json.dumps(answer)}\n\n".encode(), "text/event-stream")
        else:
            self.send(200, json.dumps(answer).encode())
