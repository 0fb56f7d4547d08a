"""Which modules a verification function may import, and which of their names cannot reach shared state."""

from __future__ import annotations

import builtins
import collections
import datetime
import fractions
import importlib
import re
import types

# Name -> what the shared lane may use of it; None: every public name. Mutable module state must stay out of reach.
PURE_MODULES = {
    "re": "match search findall finditer fullmatch sub subn split compile escape error Pattern Match I IGNORECASE M"
    " MULTILINE S DOTALL X VERBOSE A ASCII U UNICODE",
    "string": "ascii_letters ascii_lowercase ascii_uppercase digits hexdigits octdigits punctuation whitespace"
    " printable capwords",
    "math": None,
    "cmath": None,
    "itertools": None,
    "unicodedata": None,
    "bisect": None,
    "heapq": None,
    "operator": "itemgetter add sub mul truediv floordiv mod neg eq ne lt le gt ge and_ or_ xor not_ contains",
    "json": "loads dumps JSONDecodeError",
    "collections": "Counter defaultdict OrderedDict deque namedtuple",
    "collections.abc": "Iterable Sequence Mapping Callable",
    "functools": "reduce partial cmp_to_key lru_cache cache",
    "datetime": "datetime date time timedelta timezone MINYEAR MAXYEAR",
    "statistics": "mean median mode stdev variance pstdev pvariance multimode fmean StatisticsError",
    "textwrap": "wrap fill dedent indent shorten",
    "difflib": "SequenceMatcher get_close_matches ndiff unified_diff",
    "html": "escape unescape",
    "fractions": "Fraction",
    "typing": "Any Callable Dict FrozenSet Iterable Iterator List Literal Mapping Optional Sequence Set Tuple Union",
    "urllib.parse": "urlparse quote unquote urlsplit parse_qs",
    "calendar": "monthrange isleap",
    "ast": "literal_eval",
    "copy": "copy deepcopy",
}

# Importable, but only in a cell of one's own: they have shared state, or reach the system, which the kernel refuses.
SOLO_MODULES = (
    "__future__ abc array base64 binascii colorsys contextlib csv dataclasses decimal email email.utils encodings.idna"
    " enum fnmatch gc gettext graphlib hashlib hmac html.entities html.parser inspect io ipaddress keyword locale"
    " logging numbers os os.path platform pprint queue random reprlib secrets shlex signal stringprep struct sys"
    " threading time timeit token tokenize traceback types urllib uuid warnings weakref xml xml.dom.minidom xml.etree"
    " xml.etree.ElementTree zlib zoneinfo"
).split()
IMPORTABLE = frozenset(PURE_MODULES) | frozenset(SOLO_MODULES)

# Finished before the walls go up: afterwards nothing can be read from disk.
_CODECS = "ascii latin_1 utf_8 utf_8_sig utf_16 utf_16_le utf_16_be utf_32 cp1252 cp437 punycode unicode_escape rot_13"
HIDDEN_IMPORTS = ["_strptime", *(f"encodings.{codec}" for codec in _CODECS.split())]

# Without `type`: with three arguments it makes classes, whose `__eq__` could mislead a cache of the library.
_BUILTINS = (
    "abs all any ascii bin bool bytes bytearray callable chr complex dict divmod enumerate filter float format"
    " frozenset hash hex int isinstance issubclass iter len list map max min next oct ord pow print range repr reversed"
    " round set slice sorted str sum tuple zip NotImplemented Ellipsis"
).split()
_ERRORS = [name for name, value in vars(builtins).items() if isinstance(value, type) and issubclass(value, Exception)]
PURE_BUILTINS = frozenset(_BUILTINS + _ERRORS)

_VALUE_TYPES = (
    str, bytes, bytearray, int, float, complex, bool, list, tuple, dict, set, frozenset, range, slice, re.Pattern,
    re.Match, collections.Counter, collections.deque, collections.defaultdict, collections.OrderedDict,
    datetime.datetime, datetime.date, datetime.time, datetime.timedelta, datetime.timezone, fractions.Fraction,
)  # fmt: skip
_CLOCKS = {"now", "today", "utcnow"}
_MEMBERS = (
    "args value start stop step lineno ratio get_matching_blocks get_opcodes quick_ratio pos msg colno doc scheme"
    " netloc path query fragment hostname"
).split()


def preload() -> None:
    """Import everything that a function may ask for, and what these import late."""
    for name in [*sorted(IMPORTABLE), *HIDDEN_IMPORTS]:
        importlib.import_module(name)


def _public(value: object) -> set[str]:
    return {name for name in dir(value) if not name.startswith("_")}


def pure_names() -> tuple[frozenset[str], frozenset[str]]:
    """Names that a function of the shared lane may use, and names that it may not even define.

    The second set is what modules of the shared lane carry beside their allowed names: a function that defines one of
    them would hide a step such as `re.enum.sys` behind a name of its own.
    """
    allowed, reachable = {"__name__", *PURE_BUILTINS, *_MEMBERS}, set(vars(builtins))
    for kind in _VALUE_TYPES:
        allowed |= _public(kind)
    for name, members in PURE_MODULES.items():
        module = importlib.import_module(name)
        reachable |= set(dir(module))
        for value in vars(module).values():
            if isinstance(value, (type, types.ModuleType)):
                reachable |= set(dir(value))
        allowed |= {*name.split("."), *(members.split() if members is not None else _public(module))}
    allowed -= _CLOCKS
    return frozenset(allowed), frozenset(reachable - allowed)
