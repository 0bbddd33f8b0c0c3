"""The hub: does it hold what a configuration names, asked before anything is downloaded.

A download retries for long where one question fails within seconds, and says less. Nothing here imports torch.
"""

from pathlib import Path

from steer.errors import UserError

_NAMES = {"model": "model", "dataset": "data set"}


def require(kind: str, name: str, revision: str | None, *, key: str = "", hint: str = "", remedy: str = "") -> None:
    """`UserError` in one line where the hub has no such `kind` ("model" or "dataset") or revision, or is out of reach.

    `key`: of the configuration, that names the revision. `hint`: added where there is no such name; `remedy`: where the
    hub cannot be reached.
    """
    from huggingface_hub import HfApi
    from huggingface_hub import errors as hub_errors

    api, what = HfApi(), _NAMES[kind]
    ask = getattr(api, f"{kind}_info")
    try:
        ask(name, revision=revision, timeout=10)
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
    """A small file of a model on the hub, from the cache or from there."""
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
    """The folder of the hub's cache that holds, or is going to hold, that commit of a model."""
    from huggingface_hub.constants import HF_HUB_CACHE
    from huggingface_hub.file_download import repo_folder_name

    return Path(HF_HUB_CACHE, repo_folder_name(repo_id=name, repo_type="model"), "snapshots", revision)


def whole_model(name: str, revision: str) -> Path:
    """`model_folder`, with all of the model in it. `UserError` where that cannot be had."""
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
    """What an error says, without what libraries add below; its kind where it says nothing."""
    return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
