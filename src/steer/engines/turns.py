"""One engine for several models of one architecture, in turn."""

from typing import Any

from steer.configs.schema import Rollout


class Turns:
    """Makes engines like `steer.engines.open.serving`, one at a time: vLLM starts once and then reads weights.

    It restarts if the settings or sizes differ, and for models whose served weights cannot be checked.
    """

    def __init__(self) -> None:
        self.engine: Any = None
        self.asked: Any = None

    def __call__(self, settings: Rollout, path: str, revision: str | None, tokenizer: Any, **asked: Any) -> Any:
        """Return the engine, serving the model of a folder; `asked` are the arguments of `serving`."""
        # torch is loaded only to run a model.
        from steer.engines.limits import is_carried
        from steer.engines.open import serving
        from steer.models.load import load_settings

        same = self.engine is not None and settings.engine == "vllm" and self.asked == (settings, asked)
        if same and is_carried(load_settings(path, revision)[0]):
            self.engine.read(path)
            return self.engine
        self.close()
        self.engine, self.asked = serving(settings, path, revision, tokenizer, **asked), (settings, asked)
        return self.engine

    def close(self) -> None:
        """End the engine, if there is one."""
        if self.engine is not None:
            self.engine.close()
        self.engine = None
