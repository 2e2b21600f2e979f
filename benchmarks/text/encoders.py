"""Encoders of topics compared: how well account means separate sources, how they stand paraphrase, and their speed.

python -m benchmarks encoders --data FOLDER [--static FILE]

FOLDER holds the real prompts; FILE, if given, words and their vectors (`python -m benchmarks topics embed` makes it).
Encoders that are fitted see half of the honest prompts and of the batch templates, never a prompt of those judged.
"""

import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl
from sklearn.base import BaseEstimator
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import CountVectorizer, HashingVectorizer, TfidfTransformer, TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler, normalize

from benchmarks.options import new_parser
from features.text import TOPIC_SIZE, TextHasher, reduce_texts

Floats = npt.NDArray[np.float64]
Encode = Callable[[list[str]], Floats]
DIMENSIONS = (16, 32)
_ACCOUNTS, _REQUESTS = 250, 50
_TOKEN = r"[a-z0-9]+|[\u3000-\udfff]"
CHAT = ("chatbot_arena", "hh_harmless-base", "koala_test", "arena_hard_v0.1")


def main() -> None:
    """Print the table."""
    parser = new_parser("encoders", __doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--static", type=Path)
    options = parser.parse_args()
    rng = np.random.default_rng(0)
    honest, sources = prompts_by_source(options.data)
    fit_on = [text for texts in honest.values() for text in texts[::2]]
    heads = ("seconds to fit", "prompts/s", *[f"AUC at {share:.0%}" for share in SHARES], "by distance", "paraphrase")
    print(f"{'':<34}" + "".join(f"{head:>15}" for head in heads))
    for name, fit in candidates(options.static).items():
        begin = time.process_time()
        encode = fit(fit_on)
        seconds = time.process_time() - begin
        quality = (*separation(encode, honest, sources, rng), stability(encode, honest))
        row = [seconds, measure_speed(encode, honest), *quality]
        print(
            f"{name:<34}{row[0]:>15.1f}{row[1]:>15,.0f}" + "".join(f"{value:>15.3f}" for value in row[2:]), flush=True
        )


SHARES = (1.0, 0.25, 0.1)


def prompts_by_source(folder: Path) -> tuple[dict[str, list[str]], dict[str, list[str]]]:
    """Honest prompts and those of campaigns, by source, each in a fixed order without repeats."""

    def read(name: str, by: str) -> dict[str, list[str]]:
        frame = pl.read_parquet(folder / f"prompts_{name}.parquet").unique("prompt", maintain_order=True)
        mixed = frame.sample(fraction=1, shuffle=True, seed=0)
        return {str(key[0]): part["prompt"].to_list() for key, part in mixed.group_by(by, maintain_order=True)}

    benign = read("benign", "source")
    chat = [text for source in CHAT for text in benign[source]]
    np.random.default_rng(0).shuffle(chat)
    honest = {"chat": chat, "banking": benign["banking77"]}
    templates = read("batch_templates", "template")
    honest["batch"] = [text for texts in templates.values() for text in texts[:60]]
    np.random.default_rng(0).shuffle(honest["batch"])
    return honest, read("extraction_seeds", "source") | {
        "judge": [text for texts in read("judge", "source").values() for text in texts]
    }


def candidates(static: Path | None) -> dict[str, Callable[[list[str]], Encode]]:
    """Encoders by name: what fits each on texts."""
    encoders: dict[str, Callable[[list[str]], Encode]] = {}
    for size in DIMENSIONS:
        encoders[f"signed projection, {size}"] = partial(projection, size)
        encoders[f"words, SVD, {size}"] = partial(
            svd, size, [TfidfVectorizer(token_pattern=_TOKEN, sublinear_tf=True, min_df=3)]
        )
        encoders[f"words, SVD, linear table, {size}"] = partial(word_table, size, None)
        pairs = HashingVectorizer(token_pattern=_TOKEN, ngram_range=(1, 2), n_features=1 << 15)
        encoders[f"hashed words and pairs, SVD, {size}"] = partial(svd, size, [pairs, TfidfTransformer()])
        if static:
            encoders[f"words of MiniLM, linear table, {size}"] = partial(word_table, size, static)
    letters = TfidfVectorizer(analyzer="char_wb", ngram_range=(3, 5), max_features=60_000, sublinear_tf=True)
    encoders |= {"shipped word table, 16": shipped}
    return encoders | {"characters 3-5, SVD, 16": partial(svd, 16, [letters])}


def projection(size: int, _texts: list[str]) -> Encode:
    """What the project began with: signed random projection of the bag of words."""
    count = HashingVectorizer(token_pattern=_TOKEN, n_features=1 << 16, alternate_sign=False, norm=None)
    signs = np.random.default_rng(1).choice([-1.0, 1.0], (1 << 16, size))

    def encode(texts: list[str]) -> Floats:
        counts = count.transform(texts)
        length = np.sqrt(np.maximum(np.asarray(counts.sum(axis=1)).reshape(-1, 1), 1))
        return np.asarray((counts @ signs) / length)

    return encode


def svd(size: int, steps: list[BaseEstimator], texts: list[str]) -> Encode:
    """Latent semantic analysis (Deerwester et al. 1990) with rows of unit length."""
    pipe = make_pipeline(*steps, TruncatedSVD(size, random_state=0))
    pipe.fit(texts)
    return lambda some: unit_rows(pipe.transform(some))


def word_table(size: int, static: Path | None, texts: list[str]) -> Encode:
    """What is cheap to ship: a row for each word, added over a text's words, in eight bits.

    Rows are latent semantic analysis of the texts, or, given a file, principal parts of a sentence model's vectors for
    single words, rare words weighing more (SIF: Arora et al. 2017).
    """
    count = TfidfVectorizer(token_pattern=_TOKEN, min_df=4, max_features=8_000, norm=None)
    counts = count.fit_transform(texts)
    if static:
        stored = np.load(static)
        row_of = {word: i for i, word in enumerate(stored["words"].tolist())}
        row = np.array([row_of.get(word, -1) for word in count.get_feature_names_out()])
        vectors = np.where(row[:, None] >= 0, stored["vectors"][row], 0).astype(np.float64)
        means = unit_rows(np.asarray(counts @ vectors))
        rows = (
            TruncatedSVD(size, random_state=0).fit(means - means.mean(axis=0)).transform(vectors - means.mean(axis=0))
        )
    else:
        rows = TruncatedSVD(size, random_state=0).fit(normalize(counts)).components_.T
    rows = rows * count.idf_[:, None]
    rows = np.rint(rows * (127 / np.abs(rows).max()))
    plain = CountVectorizer(token_pattern=_TOKEN, vocabulary=count.vocabulary_)
    return lambda some: unit_rows(np.asarray(plain.transform(some) @ rows))


def shipped(_texts: list[str]) -> Encode:
    """What the project uses; its table was fitted on all honest prompts. Its speed is that of all keys together."""
    hasher = TextHasher.from_secret(bytes(range(32)))
    return lambda some: unit_rows(
        np.array(reduce_texts(pl.Series(some), hasher)["topic"].fill_null([0] * TOPIC_SIZE).to_list())
    )


def unit_rows(vectors: Floats) -> Floats:
    """Rows of length one."""
    return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9)


def separation(
    encode: Encode, honest: dict[str, list[str]], sources: dict[str, list[str]], rng: np.random.Generator
) -> list[float]:
    """Mean AUC over sources held out of the judge, at each share of campaign prompts; at 25 % by distance alone too.

    An account's vector is its mean and its squares' mean. A logistic regression learns from all other sources.
    """
    vectors = {name: encode(texts[1::2][:4_000]) for name, texts in (honest | sources).items()}

    def accounts(base: str, source: str | None, share: float) -> Floats:
        own = rng.integers(len(vectors[base]), size=(_ACCOUNTS, _REQUESTS))
        rows = vectors[base][own]
        if source is not None:
            taken = rng.integers(len(vectors[source]), size=(_ACCOUNTS, _REQUESTS))
            mixed = rng.random((_ACCOUNTS, _REQUESTS)) < share
            rows = np.where(mixed[:, :, None], vectors[source][taken], rows)
        return np.concatenate([rows.mean(axis=1), (rows**2).mean(axis=1)], axis=1)

    areas = []
    for share in SHARES:
        positives = {source: accounts("chat", source, share) for source in sources}
        negatives = {base: accounts(base, None, 0) for base in honest}
        areas.append(float(np.mean([_unseen(source, positives, negatives) for source in sources])))
        if share == SHARES[1]:
            by_distance = float(np.mean([_distance(positives[source], negatives["chat"]) for source in sources]))
    return [*areas, by_distance]


def _unseen(source: str, positives: dict[str, Floats], negatives: dict[str, Floats]) -> float:
    """AUC for one source's accounts of a judge that learned from the others'."""
    half = _ACCOUNTS // 2
    others = [rows for name, rows in positives.items() if name != source]
    honest = [rows[:half] for rows in negatives.values()]
    x = np.concatenate([*others, *honest])
    y = np.repeat([1, 0], [sum(map(len, others)), sum(map(len, honest))])
    judge = make_pipeline(StandardScaler(), LogisticRegression(C=0.1, max_iter=500, class_weight="balanced")).fit(x, y)
    judged_honest = np.concatenate([rows[half:] for rows in negatives.values()])
    scores = judge.decision_function(np.concatenate([positives[source], judged_honest]))
    return float(roc_auc_score(np.repeat([1, 0], [_ACCOUNTS, len(judged_honest)]), scores))


def _distance(campaign: Floats, honest: Floats) -> float:
    """AUC of the whitened distance to the honest mean, which half of the honest accounts give."""
    half = len(honest) // 2
    reference, judged = honest[:half], honest[half:]
    centre, spread = reference.mean(axis=0), reference.std(axis=0) + 1e-9
    distances = [(((rows - centre) / spread) ** 2).sum(axis=1) for rows in (campaign, judged)]
    return float(roc_auc_score(np.repeat([1, 0], [len(campaign), len(judged)]), np.concatenate(distances)))


def stability(encode: Encode, honest: dict[str, list[str]]) -> float:
    """How often a prompt is nearer to itself with a quarter of the words gone and the rest shifted than to another."""
    rng = np.random.default_rng(2)
    texts = [text for text in honest["chat"][1::2] if 8 <= len(text.split()) <= 200][:1_500]
    changed = []
    for text in texts:
        words = [word for word in text.split() if rng.random() > 0.25]
        at = int(rng.integers(len(words) + 1))
        changed.append(" ".join(words[at:] + words[:at]))
    original, paraphrased = unit_rows(encode(texts)), unit_rows(encode(changed))
    to_itself = (original * paraphrased).sum(axis=1)
    return float((to_itself > (original * np.roll(paraphrased, 1, axis=0)).sum(axis=1)).mean())


def measure_speed(encode: Encode, honest: dict[str, list[str]]) -> float:
    """Prompts of the chat pool per second of processor time, in scikit-learn's own words."""
    texts = honest["chat"][:4_000]
    begin = time.process_time()
    encode(texts)
    return len(texts) / (time.process_time() - begin)


if __name__ == "__main__":
    main()
