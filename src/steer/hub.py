"""Checks on the Hugging Face hub: does it have what a configuration names? Asked before anything is downloaded.

A download retries for minutes and explains little; one request fails within seconds. Nothing here imports torch.
"""

from pathlib import Path

from steer.errors import UserError

_NAMES = {"model": "model", "dataset": "data set"}


def is_hub_id(path: str) -> bool:
    """Whether a model's path has the form of a hub id, `owner/name`, and no folder here is called `owner`."""
    return path.count("/") == 1 and not path.startswith((".", "/")) and not Path(path).parent.is_dir()


def require(kind: str, name: str, revision: str | None, *, key: str = "", hint: str = "", remedy: str = "") -> None:
    """Raise a one-line `UserError` if the hub has no such `kind` ("model" or "dataset") or revision, or is unreachable.

    `key`: the configuration key that names the revision. `hint`: added if the name does not exist; `remedy`: added if
    the hub cannot be reached.
    """
    from huggingface_hub import HfApi
    from huggingface_hub import errors as hub_errors

    api, what = HfApi(), _NAMES[kind]
    ask = getattr(api, f"{kind}_info")
    try:
        ask(name, revision=revision, timeout=10)
    except hub_errors.HFValidationError as error:
        raise UserError(f"{name!r}: no hub id ({first_line(error)}){hint or '; write owner/name'}") from None
    except hub_errors.RevisionNotFoundError:
        newest = ask(name, timeout=10).sha
        raise UserError(
            f"{name}: revision {revision} does not exist on the hub; the newest is {newest}: check what changed, "
            f"then pin that one{key and f' in `{key}`'}"
        ) from None
    except hub_errors.GatedRepoError:
        raise UserError(f"{name}: access is restricted; accept its terms on the hub, then `hf auth login`") from None
    except hub_errors.RepositoryNotFoundError:
        wrong = f"{name}: no such {what} on the hub (or it is private)"
        raise UserError(wrong + (hint or "; check the id")) from None
    except hub_errors.OfflineModeIsEnabled:
        raise UserError(f"{name}: not in the hub's cache, and HF_HUB_OFFLINE is set; {remedy}") from None
    except (hub_errors.HTTPError, OSError) as error:
        raise UserError(f"{name}: the hub cannot be reached ({first_line(error)}); {remedy}") from None


def model_file(name: str, file: str, revision: str | None, hint: str = "") -> Path:
    """Fetch a small file of a model from the cache or the hub."""
    from huggingface_hub import errors as hub_errors
    from huggingface_hub import hf_hub_download, try_to_load_from_cache

    try:
        cached = try_to_load_from_cache(name, file, revision=revision)
    except hub_errors.HFValidationError as error:
        raise UserError(f"{name!r}: no hub id ({first_line(error)}){hint}") from None
    if isinstance(cached, str):
        return Path(cached)
    remedy = f"get it where there is a network ({_download(name, revision)}), or name a folder in `model.path`"
    require("model", name, revision, key="model.revision", hint=hint, remedy=remedy)
    try:
        return Path(hf_hub_download(name, file, revision=revision))
    except hub_errors.EntryNotFoundError:
        raise UserError(f"{name}: holds no {file} on the hub; name a model in transformers' format") from None


def model_folder(name: str, revision: str) -> Path:
    """Return the folder of the hub's cache for that commit of a model, downloaded or not."""
    from huggingface_hub.constants import HF_HUB_CACHE
    from huggingface_hub.file_download import repo_folder_name

    return Path(HF_HUB_CACHE, repo_folder_name(repo_id=name, repo_type="model"), "snapshots", revision)


def whole_model(name: str, revision: str) -> Path:
    """Return `model_folder` after downloading the whole model into it. Raises `UserError` if that fails."""
    from huggingface_hub import errors as hub_errors
    from huggingface_hub import snapshot_download

    model_file(name, "config.json", revision)
    try:
        return Path(snapshot_download(name, revision=revision))
    except (hub_errors.OfflineModeIsEnabled, hub_errors.HTTPError, OSError) as error:
        remedy = f"{_download(name, revision)} where there is a network"
        raise UserError(f"{name}: could not be downloaded ({first_line(error)}); {remedy}") from None


def _download(name: str, revision: str | None) -> str:
    return f"`hf download {name}{f' --revision {revision}' if revision else ''}`"


def first_line(error: Exception) -> str:
    """First line of an error's message, or its class name if the message is empty."""
    return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
