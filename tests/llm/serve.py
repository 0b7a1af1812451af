"""Serves the small model with llama.cpp's own server until standard input ends. Once the model is loaded, the server's address is
written to standard output, as a line.

serve.py FOLDER PORT KEY ALIAS SLOTS TOKENS_PER_SLOT

With 0 as the port, a free one is taken.
"""

import os
import sys

folder, port, key, alias, slots, tokens = sys.argv[1:]
sys.path.insert(0, folder)

import xllamacpp  # noqa: E402

params = xllamacpp.CommonParams()
params.model.path = os.path.join(folder, "model.gguf")
params.model_alias = {alias}
params.hostnames = ["127.0.0.1"]
params.port = int(port)
params.api_keys = [key]
params.n_parallel = int(slots)
params.n_ctx = int(slots) * int(tokens)
params.kv_unified = False
params.cpuparams.n_threads = 2
params.cpuparams_batch.n_threads = 2
params.cache_ram_mib = 0
params.offline = True
params.ui = False

server = xllamacpp.Server(params)
print(server.listening_address, flush=True)
sys.stdin.read()
# Nothing is to be kept, and a generation that is under way is not waited for.
os._exit(0)
