"""`rollout.engine: openai` against a small server in a thread: requests, retries, limits, cache and refusals."""

import json
import re
import threading
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import yaml

from steer.cli import main
from steer.configs.load import load_config
from steer.data.tasks import distinct_problems
from steer.errors import UserError
from steer.generate import served
from steer.io import read_jsonl, write_jsonl

PROBLEMS = distinct_problems("sums", "evaluation", 0, 3)


class Fake(ThreadingHTTPServer):
    """Answers every question by the solution; `troubles` are statuses that come first, one a request."""

    request_queue_size = 64

    def __init__(self, troubles=(), delay=0.0, answer=None):
        super().__init__(("127.0.0.1", 0), Handler)
        self.asked, self.troubles, self.keys = [], list(troubles), Counter()
        self.lock, self.running, self.most = threading.Lock(), 0, 0
        self.delay, self.answer = threading.Event(), answer
        self.wait = delay
        self.url = f"http://127.0.0.1:{self.server_port}/v1"


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        server = self.server
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        with server.lock:
            server.asked.append((self.path, body))
            server.keys[self.headers.get("Authorization")] += 1
            server.running += 1
            server.most = max(server.most, server.running)
            status = server.troubles.pop(0) if server.troubles else 200
        server.delay.wait(server.wait)
        solutions = {problem.prompt: problem.solution for problem in PROBLEMS}
        text = solutions[body["messages"][-1]["content"]]
        usage = {"prompt_tokens": 9, "completion_tokens": len(text)}
        choice = {"message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
        answer = server.answer or {"choices": [choice], "usage": usage}
        content = json.dumps(answer if status == 200 else {"error": {"message": "no such model"}}).encode()
        with server.lock:
            server.running -= 1
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_):
        pass


@pytest.fixture
def serve(monkeypatch):
    monkeypatch.setattr(served, "FIRST_WAIT", 0.0)
    started = []

    def start(**choices):
        started.append(Fake(**choices))
        threading.Thread(target=started[-1].serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        return started[-1]

    yield start
    for server in started:
        server.shutdown()
        server.server_close()


def configured(folder, url, **rollout):
    tree = {
        "name": "served",
        "data": {"benchmarks": ["sums"], "train": None},
        "model": {"path": "some/model"},
        "evaluation": {"samples": {"default": 2}, "temperature": 0.5, "max_response_tokens": 40},
        "rollout": {"engine": "openai", "url": url, **rollout},
    }
    (folder / "config.yaml").write_text(yaml.safe_dump(tree))
    write_jsonl(folder / "sums.jsonl", [problem.to_json() for problem in PROBLEMS])
    return folder / "config.yaml"


def generate(folder, *more):
    config = str(folder / "config.yaml")
    line = [
        "generate",
        "--config",
        config,
        "--model",
        "some/model",
        "--data",
        str(folder),
        "--out",
        str(folder / "out"),
    ]
    return main([*line, "--cache", str(folder / "cache"), *more])


def test_responses_come_from_the_server_and_are_kept(tmp_path, serve):
    server = serve()
    configured(tmp_path, server.url)
    assert generate(tmp_path) == 0
    rows = read_jsonl(tmp_path / "out" / "sums.jsonl.gz")
    assert [row["id"] for row in rows] == [problem.id for problem in PROBLEMS]
    for row, problem in zip(rows, PROBLEMS, strict=True):
        assert [r["text"] for r in row["responses"]] == [problem.solution] * 2
        assert {r["tokens"] for r in row["responses"]} == {len(problem.solution)}
        assert row["model"] == "some/model" and row["sampling"]["samples"] == 2
    paths, bodies = zip(*server.asked, strict=True)
    assert set(paths) == {"/v1/chat/completions"} and len(bodies) == 6
    assert {(b["model"], b["temperature"], b["max_tokens"]) for b in bodies} == {("some/model", 0.5, 40)}
    assert len({b["seed"] for b in bodies}) == 6, "equal seeds would give equal samples"
    assert generate(tmp_path) == 0 and len(server.asked) == 6, "the cache answers the second time"
    assert generate(tmp_path, "--set", "evaluation.temperature=1.0") == 0 and len(server.asked) == 12


def test_a_busy_server_is_asked_again(tmp_path, serve):
    server = serve(troubles=[503, 429, 500])
    configured(tmp_path, server.url, requests=1)
    assert generate(tmp_path) == 0
    assert len(server.asked) == 6 + 3


def test_no_more_requests_than_allowed_are_in_flight(tmp_path, serve):
    server = serve(delay=0.05)
    config = load_config(configured(tmp_path, server.url, requests=3))
    with served.Server(config, "some/model") as client:
        client.rows(PROBLEMS, "sums")
    assert 1 < server.most <= 3


def test_the_key_comes_from_the_environment(tmp_path, serve, monkeypatch):
    server = serve()
    monkeypatch.setenv("OPENAI_API_KEY", "secret")
    config = load_config(configured(tmp_path, server.url))
    with served.Server(config, "some/model") as client:
        client.rows(PROBLEMS[:1], "sums")
    assert set(server.keys) == {"Bearer secret"}


@pytest.mark.parametrize(
    ("choices", "said"),
    [
        ({"troubles": [404] * 9}, "status 404: .*no such model.*check `model.path`"),
        ({"troubles": [503] * 99}, "status 503"),
        ({"answer": {"hello": 1}}, "none of OpenAI's interface"),
    ],
)
def test_a_refusal_is_one_line(tmp_path, serve, capsys, choices, said):
    server = serve(**choices)
    configured(tmp_path, server.url, retries=2, requests=2)
    assert generate(tmp_path) == 2
    error = capsys.readouterr().err.strip().splitlines()[-1]
    assert error.startswith(f"steer generate: {server.url}/chat/completions: ")
    assert re.search(said, error)


def test_an_absent_server_is_named(tmp_path, serve, capsys):
    configured(tmp_path, "http://127.0.0.1:9/v1", retries=1)
    assert generate(tmp_path) == 2
    assert "no answer after 2 tries" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"rollout.url": None}, "needs `url`"),
        ({"rollout.url": "localhost:8000"}, "needs `url`"),
        ({"model.path": None}, "`model.path`"),
        ({"methods": {"grpo": {}}, "training": {"steps": 1, "prompts": 1, "updates": 1}, "data.train": "synthetic"},
         "trains none"),
    ],
)  # fmt: skip
def test_what_a_server_cannot_do_is_refused(tmp_path, change, said):
    path = configured(tmp_path, "http://localhost:8000/v1")
    with pytest.raises(UserError, match=said):
        load_config(path, change)
