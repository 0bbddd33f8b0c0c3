"""Responses of a model behind an HTTP server with OpenAI's interface: vLLM's own server, SGLang, llama.cpp and others.

Each response is one request to `<url>/chat/completions`. The server has the chat template and the tokenizer, so nothing
of the model need be on this machine. The key, where the server wants one, is the environment's `OPENAI_API_KEY`.
"""

import hashlib
import os
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from tqdm import tqdm
from urllib3.util import Retry

from steer.configs.schema import Config
from steer.data.problem import Problem
from steer.errors import UserError

BUSY = (408, 409, 425, 429, 500, 502, 503, 504)
# Seconds; doubled with each repetition, unless the server says `Retry-After`.
FIRST_WAIT = 0.5


class Server:
    """One model of one server. Close it, or use it in a `with` block."""

    def __init__(self, config: Config, model: str) -> None:
        self.rollout, self.evaluation, self.model = config.rollout, config.evaluation, model
        self.template = config.model.chat_template
        self.address = f"{self.rollout.url.rstrip('/')}/chat/completions"
        waits = Retry(
            total=self.rollout.retries,
            backoff_factor=FIRST_WAIT,
            backoff_jitter=FIRST_WAIT,
            status_forcelist=BUSY,
            allowed_methods=None,
            raise_on_status=False,
        )
        self.session = requests.Session()
        adapter = HTTPAdapter(pool_maxsize=self.rollout.requests, max_retries=waits)
        self.session.mount("http://", adapter)
        self.session.mount("https://", adapter)
        if key := os.environ.get("OPENAI_API_KEY"):
            self.session.headers["Authorization"] = f"Bearer {key}"

    def __enter__(self) -> "Server":
        return self

    def __exit__(self, *error: object) -> None:
        self.session.close()

    def rows(self, problems: list[Problem], benchmark: str) -> list[dict[str, Any]]:
        """Rows as grading reads them. The same seed asks for the same samples; whether they are equal is up to the
        server."""
        samples = self.evaluation.samples_for(benchmark)
        places = [(problem, number) for problem in problems for number in range(samples)]
        with ThreadPoolExecutor(self.rollout.requests) as pool:
            waiting = [pool.submit(self._response, problem, benchmark, number) for problem, number in places]
            try:
                # The bar ends its line even if a response fails.
                with tqdm(waiting, desc=benchmark, mininterval=5) as shown:
                    found = [future.result() for future in shown]
            except BaseException:
                pool.shutdown(cancel_futures=True)
                raise
        told = self.evaluation.sampling(benchmark)
        groups = [found[start : start + samples] for start in range(0, len(found), samples)]
        return [
            {"id": p.id, "prompt": p.prompt, "responses": group, "sampling": told, "model": self.model}
            for p, group in zip(problems, groups, strict=True)
        ]

    def _response(self, problem: Problem, benchmark: str, number: int) -> dict[str, Any]:
        """One sample: text, number of tokens, `stop` or `length`."""
        digest = hashlib.sha256(f"{self.evaluation.seed}/{benchmark}/{problem.id}/{number}".encode()).digest()
        system = [{"role": "system", "content": problem.system}] if problem.system else []
        body = {
            "model": self.model,
            "messages": [*system, {"role": "user", "content": problem.prompt}],
            "temperature": self.evaluation.temperature,
            "top_p": self.evaluation.top_p,
            "max_tokens": self.evaluation.max_response_tokens,
            # Some servers hold it in 32 bits.
            "seed": int.from_bytes(digest[:4], "big") >> 1,
            **({"stop": self.rollout.stop} if self.rollout.stop else {}),
            **({"chat_template_kwargs": self.template} if self.template else {}),
        }
        answer = self._ask(body)
        try:
            choice = answer["choices"][0]
            text, ended = choice["message"].get("content") or "", choice.get("finish_reason")
            count = int(answer["usage"]["completion_tokens"])
        except (AttributeError, IndexError, KeyError, TypeError, ValueError):
            raise UserError(
                f"{self.address}: the answer is none of OpenAI's interface (no `choices` or no `usage`); check "
                "`rollout.url`"
            ) from None
        return {"text": text, "tokens": count, "finish_reason": "length" if ended == "length" else "stop"}

    def _ask(self, body: dict[str, Any]) -> Any:
        """The server's answer as JSON; `UserError` where it refuses, or cannot be reached after all repetitions."""
        try:
            answer = self.session.post(self.address, json=body, timeout=self.rollout.timeout_s)
        except requests.RequestException as error:
            raise UserError(
                f"{self.address}: no answer after {self.rollout.retries + 1} tries ({type(error).__name__}); start the "
                "server or correct `rollout.url`"
            ) from None
        if not answer.ok:
            said = " ".join(answer.text.split())[:200]
            raise UserError(
                f"{self.address}: status {answer.status_code}: {said}; check `model.path`, the lengths, and "
                "OPENAI_API_KEY"
            )
        try:
            return answer.json()
        except ValueError:
            raise UserError(f"{self.address}: the answer is not JSON; check `rollout.url`") from None
