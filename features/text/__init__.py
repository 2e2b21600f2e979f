"""Text becomes keys, codes, flags and a vector, and is then dropped.

From a prompt's words (`words`) come

- `prefix`, `suffix`: keys of the first and the last five words;
- `exact`: key of all words in order;
- `simhash`: 64-bit SimHash of the bag of words (Charikar 2002; near-duplicates differ in few bits: Manku et al. 2007);
- `skeleton`: key of the frame around a payload: the first words of asking and joining, without what is between them;
- `band`: min-hash of the head, which paraphrases of a template often share (Broder 1997);
- `language`, `capability`: codes, positions plus one in `LANGUAGES` and `CAPABILITIES`; 0 where none is told;
- `topic`: a vector of what the text is about, and `cell`: the coarse cell of that space it falls into;
- `flags`: which shapes of request the text has (`FLAGS`), one bit each.

The keys' names are secret: they are made under the workspace's secret, and another secret changes nothing else. Codes
and cells are small numbers that many texts share.
"""

from features.text.flags import FLAGS, claims_vendor, flag_bits
from features.text.lexicon import CELLS, TOPIC_LENGTH, TOPIC_SIZE, centres
from features.text.lists import CAPABILITIES, LANGUAGES
from features.text.naming import QUARTER_BITS, QUARTERS
from features.text.reduction import CODES, KEYS, TextHasher, reduce_texts
from features.text.words import LONGEST, clip_text, mix_bits

__all__ = [
    "CAPABILITIES",
    "CELLS",
    "CODES",
    "FLAGS",
    "KEYS",
    "LANGUAGES",
    "LONGEST",
    "QUARTERS",
    "QUARTER_BITS",
    "TOPIC_LENGTH",
    "TOPIC_SIZE",
    "TextHasher",
    "centres",
    "claims_vendor",
    "clip_text",
    "flag_bits",
    "mix_bits",
    "reduce_texts",
]
