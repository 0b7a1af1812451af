"""Writes reference values for the engine's tests: word pieces and vectors of a few texts, by the original tokeniser and
by NumPy in double precision.

    python scripts/vectors/reference.py assets/embedded > assets/embedded/reference.json
"""

import json
import pathlib
import sys

import numpy
from tokenizers import BertWordPieceTokenizer

TEXTS = [
    "The parcel arrived two days late, and nobody answered my e-mails.",
    "UNBELIEVABLE!!! The app crashed 3 times today :-(",
    "Café Zürich, naïve façade, São Tomé, Ångström, İstanbul and Þingvellir",
    "don't, won't, it's; O'Neill's well-known state-of-the-art hyperparameterization",
    "Der Fehler tritt seit dem Update auf. Größe: 10,5 MB",
    "東京タワーは高い。中文字符 and 한국어 text",
    "مرحبا بالعالم и привет мир, γειά σου κόσμε",
    "tabs\tand\u00a0no-break\u2003spaces\u2028lines, zero\u200bwidth, soft\u00adhyphen, nul\u0000byte, \ufffd",
    "👍 great 😀 emoji ✔ and symbols € ™ ½ ① ﬁ",
    "https://example.org/a?b=c&d=1 user@example.org v1.2.3 #hashtag @someone",
    "cafe\u0301 combining a\u0301\u0327 and e\u0327\u0301",
    "x" * 120 + " " + "ab" * 50 + " ordinary words",
    "Σίσυφος ΟΔΟΣ ẞtraße DŽ ǆ ﷺ",
]


def main(folder):
    rows = numpy.frombuffer((folder / "static-minilm-30522x256.i8").read_bytes(), numpy.int8).reshape(30522, 256)
    scales = numpy.frombuffer((folder / "static-minilm-30522.scale.f32le").read_bytes(), "<f4")
    table = rows.astype(numpy.float64) * scales.astype(numpy.float64)[:, None]
    tokenizer = BertWordPieceTokenizer(str(folder / "vocab.txt"), lowercase=True)
    unknown = tokenizer.token_to_id("[UNK]")
    values = []
    for text in TEXTS:
        pieces = [piece for piece in tokenizer.encode(text, add_special_tokens=False).ids if piece != unknown]
        mean = table[pieces].mean(axis=0)
        unit = mean / numpy.linalg.norm(mean)
        values.append({"text": text, "pieces": pieces, "vector": [float(f"{number:.7g}") for number in unit]})
    json.dump(values, sys.stdout, separators=(",", ":"))
    sys.stdout.write("\n")


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]))
