"""Third-party modules for the functions of one zygote, loaded while files can still be read."""

from __future__ import annotations

import contextlib
import importlib
import sys
from collections.abc import Callable, Sequence


def load(names: Sequence[str], path: Sequence[str]) -> None:
    """Import the packs from the folders of `path`, and have them read the data that they would read late."""
    sys.path.extend(path)
    for name in names:
        importlib.import_module(name)
        READY.get(name, lambda: None)()
    if path:
        del sys.path[-len(path) :]


def _nltk() -> None:
    import nltk

    nltk.data.path[:0] = [f"{folder}/nltk_data" for folder in _prefixes()]
    uses: list[Callable[[], object]] = [
        lambda: nltk.word_tokenize("One. Two."),
        lambda: nltk.pos_tag(["one"]),
        lambda: nltk.corpus.stopwords.words("english"),
        lambda: nltk.corpus.words.words(),
        lambda: nltk.corpus.wordnet.synsets("one"),
    ]
    for use in uses:
        with contextlib.suppress(LookupError):  # data that is not installed: the function will say so
            use()


def _prefixes() -> list[str]:
    """The environments that hold the folders on the path: .../lib/python3.11/site-packages."""
    return [folder.rsplit("/lib/", 1)[0] for folder in sys.path if "/lib/" in folder]


def _langdetect() -> None:
    import langdetect

    langdetect.DetectorFactory.seed = 0  # the same text, the same language
    langdetect.detect("One two three.")


def _emoji() -> None:
    import emoji

    emoji.demojize("\U0001f642")
    emoji.emoji_list("\U0001f642")


READY = {"nltk": _nltk, "langdetect": _langdetect, "emoji": _emoji}
