"""The library: every function's name, what it takes, and what does it."""

from typing import Any

from asfini.query._jsonata import arrays, aws, dates, decimals, integers, numbers, strings
from asfini.query._jsonata.run import LIBRARY, Native
from asfini.query._jsonata.signatures import signature

_FUNCTIONS: dict[str, tuple[Any, str]] = {
    "sum": (numbers.total, "<a<n>:n>"),
    "count": (arrays.count, "<a:n>"),
    "max": (numbers.maximum, "<a<n>:n>"),
    "min": (numbers.minimum, "<a<n>:n>"),
    "average": (numbers.average, "<a<n>:n>"),
    "string": (strings.string, "<x-b?:s>"),
    "substring": (strings.substring, "<s-nn?:s>"),
    "substringBefore": (strings.substring_before, "<s-s:s>"),
    "substringAfter": (strings.substring_after, "<s-s:s>"),
    "lowercase": (strings.lowercase, "<s-:s>"),
    "uppercase": (strings.uppercase, "<s-:s>"),
    "length": (strings.length, "<s-:n>"),
    "trim": (strings.trim, "<s-:s>"),
    "pad": (strings.pad, "<s-ns?:s>"),
    "match": (strings.match, "<s-f<s:o>n?:a<o>>"),
    "contains": (strings.contains, "<s-(sf):b>"),
    "replace": (strings.replace, "<s-(sf)(sf)n?:s>"),
    "split": (strings.split, "<s-(sf)n?:a<s>>"),
    "join": (strings.join, "<a<s>s?:s>"),
    "base64encode": (strings.base64encode, "<s-:s>"),
    "base64decode": (strings.base64decode, "<s-:s>"),
    "encodeUrlComponent": (strings.encode_url_component, "<s-:s>"),
    "encodeUrl": (strings.encode_url, "<s-:s>"),
    "decodeUrlComponent": (strings.decode_url_component, "<s-:s>"),
    "decodeUrl": (strings.decode_url, "<s-:s>"),
    "formatNumber": (decimals.format_number, "<n-so?:s>"),
    "formatBase": (numbers.format_base, "<n-n?:s>"),
    "formatInteger": (integers.format_integer, "<n-s:s>"),
    "parseInteger": (integers.parse_integer, "<s-s:n>"),
    "number": (numbers.number, "<(nsb)-:n>"),
    "floor": (numbers.floor, "<n-:n>"),
    "ceil": (numbers.ceil, "<n-:n>"),
    "round": (numbers.round_, "<n-n?:n>"),
    "abs": (numbers.absolute, "<n-:n>"),
    "sqrt": (numbers.sqrt, "<n-:n>"),
    "power": (numbers.power, "<n-n:n>"),
    "boolean": (arrays.boolean, "<x-:b>"),
    "not": (arrays.not_, "<x-:b>"),
    "map": (arrays.map_, "<af>"),
    "zip": (arrays.zip_, "<a+>"),
    "filter": (arrays.filter_, "<af>"),
    "single": (arrays.single, "<af?>"),
    "reduce": (arrays.reduce, "<afj?:j>"),
    "sift": (arrays.sift, "<o-f?:o>"),
    "keys": (arrays.keys, "<x-:a<s>>"),
    "lookup": (arrays.lookup, "<x-s:x>"),
    "append": (arrays.append, "<xx:a>"),
    "exists": (arrays.exists, "<x:b>"),
    "spread": (arrays.spread, "<x-:a<o>>"),
    "merge": (arrays.merge, "<a<o>:o>"),
    "reverse": (arrays.reverse, "<a:a>"),
    "each": (arrays.each, "<o-f:a>"),
    "error": (arrays.error, "<s?:x>"),
    "assert": (arrays.assert_, "<bs?:x>"),
    "type": (arrays.type_, "<x:s>"),
    "sort": (arrays.sort, "<af?:a>"),
    "shuffle": (arrays.shuffle, "<a:a>"),
    "distinct": (arrays.distinct, "<x:x>"),
    "clone": (arrays.clone, "<(oa)-:o>"),
    "now": (dates.now, "<s?s?:s>"),
    "millis": (dates.millis, "<:n>"),
    "fromMillis": (dates.from_millis, "<n-s?s?:s>"),
    "toMillis": (dates.to_millis, "<s-s?:n>"),
    # Step Functions adds these, and has no `eval`.
    "partition": (aws.partition, "<x?n?:a>"),
    "range": (aws.range_, "<nnn?:a>"),
    "hash": (aws.hash_, "<ss?:s>"),
    "random": (aws.random_, "<n?:n>"),
    "uuid": (aws.uuid, "<:s>"),
    "parse": (aws.parse, "<s?:x>"),
}
"""By name, what does it and its signature."""
_ARITIES = {"string": 1, "zip": 0}
"""How many arguments a function takes of a caller with several to offer, if it is not its signature's."""

for _name, (_implementation, _text) in _FUNCTIONS.items():
    _signature = signature(_text)
    _arity = _ARITIES.get(_name, len(_signature.parameters))
    LIBRARY[_name] = Native(_implementation, _signature, _arity, _name)
