"""Other forms of asking: foreign clients get the same answers as our own."""

from __future__ import annotations

import gzip
import io
import json
import ssl
import subprocess
import sys
import time
import zlib
from collections.abc import Iterator
from typing import Any

import httpx
import numpy as np
import pyarrow as pa
import pytest

ROW = {"age": 30, "spent": 100.0, "city": "Oslo"}


def ask(server, path: str, content: Any, media: str = "application/json", **headers: str) -> httpx.Response:
    body = content if isinstance(content, bytes) else json.dumps(content).encode()
    return httpx.post(f"{server.address}{path}", content=body, headers={"content-type": media, **headers}, timeout=30)


@pytest.fixture
def expected(linear, customers) -> list[Any]:
    answers: list[Any] = linear.model.predict(customers.frame.head(5)).tolist()
    return answers


@pytest.mark.parametrize(
    "shape",
    [
        lambda frame: {"dataframe_split": json.loads(frame.to_json(orient="split"))},
        lambda frame: {"dataframe_split": {"columns": list(frame)[::-1], "data": frame.iloc[:, ::-1].values.tolist()}},
        lambda frame: {"dataframe_records": frame.to_dict("records")},
        lambda frame: {"instances": frame.to_dict("records")},
        lambda frame: {"instances": frame.values.tolist()},
        lambda frame: {"inputs": frame.to_dict("list")},
        lambda frame: {"inputs": {name: [[value] for value in frame[name].tolist()] for name in frame}},
    ],
    ids=[
        "split",
        "split, columns turned",
        "records",
        "instances by name",
        "instances in order",
        "inputs by column",
        "inputs as named tensors",
    ],
)
def test_every_form_of_invocation_is_answered(linear_server, customers, expected, shape):
    answer = ask(linear_server, "/invocations", shape(customers.frame.head(5)))
    assert (answer.status_code, answer.json()["predictions"]) == (200, expected)


@pytest.mark.filterwarnings("ignore::UserWarning")  # of its import
def test_mlflows_own_scoring_client_is_answered(linear_server, customers, expected):
    from mlflow.pyfunc.scoring_server.client import ScoringServerClient

    client = ScoringServerClient("127.0.0.1", linear_server.ready["port"])
    client.wait_server_ready(timeout=10)
    assert client.invoke(customers.frame.head(5)).get_predictions()[0].tolist() == expected


def test_one_instance_by_name_is_one_row(linear_server):
    assert len(ask(linear_server, "/invocations", {"inputs": ROW}).json()["predictions"]) == 1


@pytest.mark.parametrize(
    "content",
    [
        {},
        [],
        {"instances": 3},
        {"instances": [ROW], "inputs": [ROW]},
        {"instances": [[1, 2]]},
        {"dataframe_split": {"columns": [1, 2, 3], "data": [[1, 2, 3]]}},
        {"dataframe_split": {"columns": ["age"], "data": [[1, 2]]}},
        {"dataframe_split": {"columns": ["age", "spent", "city", "age"], "data": [[30, 1.0, "Oslo", 31]]}},
        {"inputs": {"age": [1, 2], "spent": [1.0], "city": ["Oslo"]}},
        {"dataframe_records": {"age": 1}},
    ],
    ids=str,
)
def test_an_invocation_of_no_known_form_is_refused(linear_server, content):
    assert ask(linear_server, "/invocations", content).status_code == 422


@pytest.mark.parametrize("path", ["/predict", "/invocations"])
def test_csv_is_answered(linear_server, customers, expected, path):
    text = customers.frame.head(5).to_csv(index=False).encode()
    assert ask(linear_server, path, text, "text/csv").json()["predictions"] == expected


@pytest.mark.parametrize(
    ("text", "status", "said"),
    [
        (b"", 400, "first line"),
        (b"age,age\n1,2\n", 400, "each column once"),
        (b"age,spent,city\n1,2\n", 400, "line 2 has 2 fields"),
        (b"age,spent,city\nold,2,Oslo\n", 422, "row 0, field 'age': a text is no number"),
        (b"age,spent,city\n30,,Oslo\n", 422, "row 0, field 'spent': is null"),
        (b"age,spent,city\n30,nan,Oslo\n", 422, "row 0, field 'spent': is null"),
        (b"age,spent,city\n30,inf,Oslo\n", 422, "too large"),
        (b'age,spent,city\n30,1,"Os\n', 400, "not CSV"),
        (b"\xff\xfe", 400, "not UTF-8"),
        (b"age;spent;city\n30;1;Oslo\n", 400, "separated by commas"),
        (b"age,spent,city\n30,1_000,Oslo\n", 422, "field 'spent': a text is no number"),
        (b"age,spent,city\n3_0,1,Oslo\n", 422, "field 'age': a text is no number"),
    ],
    ids=[
        "nothing",
        "a name twice",
        "short line",
        "no number",
        "empty field",
        "nan",
        "infinity",
        "open quote",
        "not UTF-8",
        "semicolons",
        "a number as Python writes it",
        "an integer as Python writes it",
    ],
)
def test_csv_that_does_not_fit_is_refused(linear_server, text, status, said):
    answer = ask(linear_server, "/predict", text, "text/csv")
    assert answer.status_code == status
    assert said in answer.json()["title"]


def stream(table: pa.Table) -> bytes:
    sink = io.BytesIO()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return sink.getvalue()


ARROW = "application/vnd.apache.arrow.stream"


def test_an_arrow_stream_is_answered(linear_server, customers, expected):
    table = pa.Table.from_pandas(customers.frame.head(5), preserve_index=False)
    assert ask(linear_server, "/predict", stream(table), ARROW).json()["predictions"] == expected


def test_arrow_with_a_missing_number_is_refused_precisely(linear_server):
    table = pa.table({"age": [1, None], "spent": [1.0, 2.0], "city": ["Oslo", "Oslo"]})
    assert ask(linear_server, "/predict", stream(table), ARROW).json()["title"] == "row 1, field 'age': is null"


def test_arrow_decimals_are_numbers(linear_server, customers, expected):
    table = pa.Table.from_pandas(customers.frame.head(5), preserve_index=False)
    ages = table["age"].cast(pa.decimal128(21, 2))
    assert (
        ask(linear_server, "/predict", stream(table.set_column(0, "age", ages)), ARROW).json()["predictions"]
        == expected
    )


@pytest.mark.parametrize("body", [b"", b"ARROW1", b"\xff" * 500], ids=["nothing", "a word", "noise"])
def test_bytes_that_are_no_arrow_stream_are_refused(linear_server, body):
    assert ask(linear_server, "/predict", body, ARROW).status_code == 400


def test_a_stream_of_countless_nulls_is_refused_before_it_is_built(linear_server):
    table = pa.table({"age": pa.nulls(10_001), "spent": pa.nulls(10_001), "city": pa.nulls(10_001)})
    answer = ask(linear_server, "/predict", stream(table), ARROW)
    assert (answer.status_code, answer.json()["code"]) == (413, "too_many_rows")


@pytest.mark.parametrize("codec", ["zstd", "lz4"])
def test_a_compressed_stream_is_refused_before_it_grows(linear_server, codec):
    table = pa.table({"age": [30], "spent": [1.0], "city": ["x" * 50_000_000]})
    sink = io.BytesIO()
    with pa.ipc.new_stream(sink, table.schema, options=pa.ipc.IpcWriteOptions(compression=codec)) as writer:
        writer.write_table(table)
    answer = ask(linear_server, "/predict", sink.getvalue(), ARROW)
    assert (answer.status_code, answer.json()["code"]) == (415, "encoding")


def test_an_arrow_stream_may_name_its_texts_by_a_dictionary(linear_server, customers, expected):
    frame = customers.frame.head(5).astype({"city": "category"})
    table = pa.Table.from_pandas(frame, preserve_index=False)
    assert ask(linear_server, "/predict", stream(table), ARROW).json()["predictions"] == expected


def test_what_training_never_saw_is_noted_in_a_stream_too(linear_server):
    table = pa.table({"age": [30], "spent": [1e6], "city": ["Mars"]})
    notes = ask(linear_server, "/predict", stream(table), ARROW).json()["notes"]
    assert {note["code"] for note in notes} == {"unseen", "out_of_range"}


def test_a_damaged_arrow_stream_is_refused(linear_server, customers):
    whole = stream(pa.Table.from_pandas(customers.frame.head(50), preserve_index=False))
    generator = np.random.default_rng(0)
    for _ in range(30):
        broken = bytearray(whole)
        for place in generator.integers(0, len(whole), 8):
            broken[place] ^= 0xFF
        assert ask(linear_server, "/predict", bytes(broken), ARROW).status_code in (200, 400, 413, 422)


@pytest.mark.parametrize("binary", [False, True], ids=["JSON", "binary"])
def test_a_triton_client_is_answered(linear_server, customers, linear, binary):
    triton = pytest.importorskip("tritonclient.http")
    frame = customers.frame.head(5)
    client = triton.InferenceServerClient(linear_server.address.removeprefix("http://"))
    try:
        assert client.is_server_live()
        assert client.is_model_ready("churn")
        metadata = client.get_model_metadata("churn", "1")
        inputs = []
        for column in metadata["inputs"]:
            kind = {"INT64": np.int64, "FP64": np.float64, "BYTES": np.object_}[column["datatype"]]
            values = frame[column["name"]].to_numpy().astype(kind)
            one = triton.InferInput(column["name"], [5], column["datatype"])
            one.set_data_from_numpy(values, binary_data=binary)
            inputs.append(one)
        result = client.infer("churn", inputs, request_id="mine")
        with pytest.raises(triton.InferenceServerException, match="'age': is missing"):
            client.infer("churn", inputs[1:])
    finally:
        client.close()
    assert result.as_numpy("predictions").tolist() == linear.model.predict(frame).tolist()
    np.testing.assert_allclose(result.as_numpy("probabilities"), linear.model.predict_proba(frame), rtol=1e-13)
    assert result.get_response()["id"] == "mine"


@pytest.fixture
def triton(linear_server) -> Iterator[Any]:
    from tritonclient.http import InferenceServerClient

    with InferenceServerClient(linear_server.address.removeprefix("http://")) as client:
        yield client


def filled(frame: Any) -> list[Any]:
    from tritonclient.http import InferInput

    inputs = []
    for name, kind, dtype in (("age", "INT64", np.int64), ("spent", "FP64", np.float64), ("city", "BYTES", object)):
        inputs.append(InferInput(name, [len(frame)], kind))
        inputs[-1].set_data_from_numpy(frame[name].to_numpy().astype(dtype))
    return inputs


@pytest.mark.parametrize("binary", [False, True], ids=["JSON", "binary"])
def test_a_triton_client_gets_the_outputs_that_it_asks_for(triton, customers, linear, binary):
    from tritonclient.http import InferRequestedOutput

    frame = customers.frame.head(5)
    wanted = [InferRequestedOutput("probabilities", binary_data=binary)]
    result = triton.infer("churn", filled(frame), outputs=wanted)
    [output] = result.get_response()["outputs"]
    assert (output["name"], output["shape"], "data" in output) == ("probabilities", [5, 2], not binary)
    np.testing.assert_allclose(result.as_numpy("probabilities"), linear.model.predict_proba(frame), rtol=1e-13)


def test_texts_are_answered_as_bytes_too(bundled, start_server, customers):
    from sklearn.tree import DecisionTreeClassifier
    from tritonclient.http import InferenceServerClient, InferInput, InferRequestedOutput

    numbers = customers.frame[["spent"]]
    model = DecisionTreeClassifier(max_depth=2).fit(numbers, np.where(customers.left, "leaves", "stays é"))
    server = start_server(bundled(model, numbers, name="texts").path)
    given = InferInput("spent", [5], "FP64")
    given.set_data_from_numpy(numbers["spent"].to_numpy()[:5])
    with InferenceServerClient(server.address.removeprefix("http://")) as client:
        outputs = [InferRequestedOutput("predictions", binary_data=True), InferRequestedOutput("probabilities")]
        result = client.infer("texts", [given], outputs=outputs)
    assert [text.decode() for text in result.as_numpy("predictions")] == model.predict(numbers.head(5)).tolist()


@pytest.mark.parametrize("algorithm", ["gzip", "deflate"])
def test_a_triton_client_may_compress(triton, customers, expected, algorithm):
    result = triton.infer("churn", filled(customers.frame.head(5)), request_compression_algorithm=algorithm)
    assert result.as_numpy("predictions").tolist() == expected


def test_a_triton_client_is_told_what_is_wrong(triton, customers):
    from tritonclient.http import InferRequestedOutput
    from tritonclient.utils import InferenceServerException

    inputs = filled(customers.frame.head(1))
    with pytest.raises(InferenceServerException, match="no output 'scores'; it has predictions, probabilities"):
        triton.infer("churn", inputs, outputs=[InferRequestedOutput("scores")])
    with pytest.raises(InferenceServerException, match="not ranked"):
        triton.infer("churn", inputs, outputs=[InferRequestedOutput("probabilities", class_count=1)])
    with pytest.raises(InferenceServerException, match="answers for churn@1 alone"):
        triton.infer("other", inputs)


def test_what_training_never_saw_is_said_in_an_inference_too(linear_server):
    answer = ask(linear_server, "/v2/models/churn/infer", tensors(city={"data": ["Mars"]})).json()
    [note] = json.loads(answer["parameters"]["notes"])
    assert (note["row"], note["field"], note["code"]) == (0, "city", "unseen")


def test_a_compressed_body_is_answered(linear_server, expected, customers):
    body = gzip.compress(json.dumps({"rows": customers.rows(5)}).encode())
    halves = gzip.compress(b"age,spent,city\n") + gzip.compress(b"30,100.0,Oslo\n")  # as tools write that append
    assert ask(linear_server, "/predict", body, **{"content-encoding": "gzip"}).json()["predictions"] == expected
    assert ask(linear_server, "/predict", halves, "text/csv", **{"content-encoding": "gzip"}).status_code == 200


@pytest.mark.parametrize(
    ("body", "encoding", "status", "code"),
    [
        (b'{"rows":[]}', "gzip", 400, "encoding_invalid"),
        (gzip.compress(b'{"rows":[]}')[:-6], "gzip", 400, "encoding_invalid"),
        (zlib.compress(b" " * 2**30, 1), "deflate", 413, "body_too_large"),
        (b"x", "br", 415, "encoding"),
    ],
    ids=["not compressed", "cut off", "a gigabyte of blanks", "another one"],
)
def test_a_body_that_does_not_unpack_is_refused(linear_server, body, encoding, status, code):
    answer = ask(linear_server, "/predict", body, **{"content-encoding": encoding})
    assert (answer.status_code, answer.json()["code"]) == (status, code)


def test_an_arrow_file_is_answered(linear_server, customers, expected):
    sink = io.BytesIO()
    table = pa.Table.from_pandas(customers.frame.head(5), preserve_index=False)
    with pa.ipc.new_file(sink, table.schema) as writer:
        writer.write_table(table)
    media = "application/vnd.apache.arrow.file"
    assert ask(linear_server, "/predict", sink.getvalue(), media).json()["predictions"] == expected


def tensors(**changes: Any) -> dict[str, Any]:
    columns = {"age": ("INT64", [30]), "spent": ("FP64", [100.0]), "city": ("BYTES", ["Oslo"])}
    inputs = [
        {"name": name, "shape": [1], "datatype": kind, "data": data, **changes.get(name, {})}
        for name, (kind, data) in columns.items()
    ]
    return {"inputs": inputs}


def test_an_inference_without_a_client_library_is_answered(linear_server):
    answer = ask(linear_server, "/v2/models/churn/infer", tensors(age={"shape": [1, 1], "data": [[30]]}))
    assert [output["name"] for output in answer.json()["outputs"]] == ["predictions", "probabilities"]


@pytest.mark.parametrize(
    "content",
    [
        {},
        {"inputs": []},
        {"inputs": {}},
        tensors(age={"shape": [2]}),
        tensors(age={"shape": [-1]}),
        tensors(age={"shape": [1, 1, 1]}),
        tensors(age={"data": None}),
        tensors(age={"data": ["x"]}),
        tensors(age={"data": [[[[[[1]]]]]]}),
        tensors(age={"parameters": {"binary_data_size": 8}}),
        tensors(age={"shape": [2], "data": [1, 2]}),
        tensors(age={"name": "all", "shape": [1, 7], "data": [1] * 7}),
        tensors(age={"datatype": "INT65"}),
        {"inputs": [*tensors()["inputs"], *tensors(age={"data": [31]})["inputs"][:1]]},
    ],
    ids=str,
)
def test_an_inference_that_does_not_fit_is_refused(linear_server, content):
    assert ask(linear_server, "/v2/models/churn/infer", content).status_code == 422


@pytest.mark.parametrize("length", ["0", "99999", "x", "5"])
def test_a_wrong_length_of_the_json_part_is_refused(linear_server, length):
    headers = {"inference-header-content-length": length}
    answer = ask(linear_server, "/v2/models/churn/infer", tensors(), "application/octet-stream", **headers)
    assert answer.status_code in (200, 400, 422)
    assert (answer.status_code == 200) == (length == "x")


def test_another_model_is_not_found(linear_server):
    assert ask(linear_server, "/v2/models/other/infer", tensors()).status_code == 404


def test_predictions_ask_for_a_key_where_there_are_keys(linear, start_server, tmp_path):
    def made(name: str) -> tuple[str, str]:
        command = [sys.executable, "-m", "nbops_serving.keys", name]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        return done.stderr.split()[-1], done.stdout

    file = tmp_path / "keys"
    (old, old_line), (new, new_line) = made("old"), made("new")
    file.write_text(f"# clients\n{old_line}")
    server = start_server(linear.path, NBOPS_API_KEYS_FILE=str(file))

    def status(**headers: str) -> int:
        return server.post({"rows": [ROW]}, **headers).status_code

    assert (status(), status(authorization="Bearer wrong"), status(authorization=f"Bearer {old}")) == (401, 401, 200)
    assert status(x_api_key=old) == 200
    assert [server.get(path).status_code for path in ("/health/ready", "/", "/metrics", "/manifest")] == [
        200,
        200,
        401,
        401,
    ]
    file.write_text(new_line)
    time.sleep(1.2)
    assert (status(x_api_key=old), status(x_api_key=new)) == (401, 200)
    assert old not in file.read_text()


def test_a_server_may_speak_https(linear, start_server, tmp_path):
    certificate, key = tmp_path / "certificate.pem", tmp_path / "key.pem"
    subject = ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"]
    made = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-keyout", str(key), "-out"]
    subprocess.run([*made, str(certificate), *subject], check=True, capture_output=True)
    server = start_server(linear.path, "--tls-certificate", str(certificate), "--tls-key", str(key))
    address = server.address.replace("http://", "https://")
    trusted = ssl.create_default_context(cafile=str(certificate))
    answer = httpx.post(f"{address}/predict", json={"rows": [ROW]}, verify=trusted)
    assert answer.status_code == 200
    with pytest.raises(httpx.TransportError):
        server.get("/health/live")


def test_a_broken_file_of_keys_keeps_the_server_from_starting(linear, start_server, tmp_path):
    file = tmp_path / "keys"
    file.write_text("name too short")
    with pytest.raises(AssertionError, match="expected NAME SHA256"):
        start_server(linear.path, "--keys", str(file))
