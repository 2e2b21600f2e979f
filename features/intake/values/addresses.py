"""Network addresses as logs write them: with a port, in brackets, with a zone, or as a list of hops."""

import polars as pl

from features.intake.values.reading import LogOptions, Reading
from features.intake.values.words import is_nothing

_PORT = (
    r"^\[([0-9A-Fa-f:.]+)(?:%[^\]]*)?\](?::\d{1,5})?$|^(\d{1,3}(?:\.\d{1,3}){3}):\d{1,5}$"
    r"|^([0-9A-Fa-f:.]+)%[^\]]*$"  # a zone, which says of which of its networks a machine speaks
)


def read_address(name: str, text: pl.Expr, options: LogOptions) -> Reading:
    """Read the client's address out of a text: without port and brackets, and the right hop of a list.

    A list of hops (`X-Forwarded-For`) grows to the right: each proxy adds the address that it was called from. With N
    proxies that can be believed, the client is the N-th from the right; what stands left of it anybody can write. The
    first hop of a shorter list is taken. Without N a list says nothing certain.
    """
    is_list = text.str.contains(",", literal=True)
    hop = text
    if options.trusted_proxies is not None:
        hops = text.str.split(",")
        position = pl.max_horizontal(hops.list.len().cast(pl.Int64) - options.trusted_proxies, 0)
        last = hops.list.len().cast(pl.Int64) - 1
        hop = hops.list.get(pl.min_horizontal(position, last), null_on_oob=True)
    hop = hop.str.strip_chars().str.strip_chars('"')
    bare = pl.coalesce(hop.str.extract(_PORT, 1), hop.str.extract(_PORT, 2), hop.str.extract(_PORT, 3), hop)
    nothing = is_nothing(text)
    uncertain = is_list if options.trusted_proxies is None else pl.lit(False)
    value = pl.when(~(nothing | uncertain)).then(bare)
    changes = {
        "nothing": nothing,
        "hops": uncertain & ~nothing,
        "address": ~nothing & ~uncertain & (bare != text),
    }
    return Reading(value.alias(name), changes)
