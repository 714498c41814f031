"""Rules: a put is conditional, tried again with the same bytes, and never seen half; no error repeats a secret."""

from __future__ import annotations

import hashlib
import importlib
import socket
import traceback
from datetime import timedelta
from pathlib import Path

import pytest

from kilotar.errors import StoreFailed, UsageError
from kilotar.model.seams import Written
from kilotar.parse.remote import Remote
from kilotar.store.objects import ObjectStore, object_sha256, put_once
from tests.doubles.buckets import SECRET, Buckets, Fault, Gateway
from tests.need import need_module

need_module("obstore")
module = importlib.import_module("kilotar.store.buckets")
Bucket = module.Bucket

PARTS = 3 * (5 << 20) + 17  # three whole parts, of the least length that S3 takes, and a bit


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait milliseconds where a person's run waits seconds."""
    quick = timedelta(milliseconds=2)
    retries = {"max_retries": 3, "retry_timeout": timedelta(seconds=5)}
    backoff = {"init_backoff": quick, "max_backoff": quick, "base": 2}
    monkeypatch.setattr(module, "_RETRIES", {**retries, "backoff": backoff})
    monkeypatch.setattr("kilotar.store.objects._WAITS_S", (0.01, 0.01, 0.01))


@pytest.fixture
def place(buckets: Buckets) -> str:
    return buckets.make()


def open_bucket(gateway: Gateway, name: str) -> ObjectStore:
    store: ObjectStore = Bucket(Remote(f"s3://{name}/in", gateway.url))
    return store


def make(folder: Path, content: bytes, name: str = "a/x.tar") -> tuple[Path, Written]:
    file = folder / "x"
    file.write_bytes(content)
    return file, Written(name, len(content), hashlib.sha256(content).hexdigest())


@pytest.fixture
def in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SINGLE_BYTES", 1 << 20)
    monkeypatch.setattr(module, "_PART_BYTES", 5 << 20)


def test_an_object_has_its_bytes_and_its_digest(buckets: Buckets, gateway: Gateway, place: str, tmp_path: Path) -> None:
    file, about = make(tmp_path, b"some bytes")
    bucket = open_bucket(gateway, place)

    assert bucket.create(file, about)

    assert buckets.objects(place) == {"in/a/x.tar": b"some bytes"}
    found = bucket.look("a/x.tar")
    assert found is not None and (found.size_bytes, found.sha256) == (10, about.sha256)
    assert object_sha256(bucket, "a/x.tar") == about.sha256
    assert (bucket.read("a/x.tar", 5, 3), bucket.read("a/x.tar", 8, 99)) == (b"byt", b"es")
    assert (bucket.read("a/x.tar", 10, 4), bucket.read("a/x.tar", 3, 0)) == (b"", b"")
    assert bucket.look("a/y.tar") is None


def test_an_empty_file_is_an_object_too(buckets: Buckets, gateway: Gateway, place: str, tmp_path: Path) -> None:
    open_bucket(gateway, place).create(*make(tmp_path, b""))

    assert buckets.objects(place) == {"in/a/x.tar": b""}


def test_a_put_is_conditional(buckets: Buckets, gateway: Gateway, place: str, tmp_path: Path) -> None:
    buckets.put(place, "in/a/x.tar", b"a stranger's")
    file, about = make(tmp_path, b"some bytes")

    assert not open_bucket(gateway, place).create(file, about)

    assert buckets.objects(place) == {"in/a/x.tar": b"a stranger's"}
    assert gateway.headers[-1]["if-none-match"] == "*"


@pytest.mark.parametrize("how", ["500 InternalError", "503 SlowDown"])
def test_a_server_in_trouble_is_asked_again(
    buckets: Buckets, gateway: Gateway, place: str, tmp_path: Path, how: str
) -> None:
    gateway.faults.append(Fault("PUT", "x.tar", how, times=2))

    put_once(open_bucket(gateway, place), *make(tmp_path, b"some bytes"))

    assert buckets.objects(place) == {"in/a/x.tar": b"some bytes"}
    assert gateway.methods()["PUT"] == 3


def test_a_store_that_refuses_conditions_is_looked_at_first(
    buckets: Buckets, gateway: Gateway, place: str, tmp_path: Path
) -> None:
    gateway.faults.append(Fault("PUT", "x.tar", "501 NotImplemented", times=4))
    bucket, file, about = open_bucket(gateway, place), *make(tmp_path, b"some bytes")

    put_once(bucket, file, about)
    assert not bucket.create(file, about)

    assert gateway.made() == {"in/a/x.tar": 1}
    assert ["if-none-match" in head for head in gateway.headers[:6]] == [True] * 4 + [False] * 2  # a look, a put


def test_two_who_put_at_once_are_told_to_look_again(
    buckets: Buckets, gateway: Gateway, place: str, tmp_path: Path
) -> None:
    gateway.faults.append(Fault("PUT", "x.tar", "409 ConditionalRequestConflict"))  # and the other one gave up

    put_once(open_bucket(gateway, place), *make(tmp_path, b"some bytes"))

    assert buckets.objects(place) == {"in/a/x.tar": b"some bytes"}


def test_a_connection_cut_in_a_put_is_tried_again(
    buckets: Buckets, gateway: Gateway, place: str, tmp_path: Path
) -> None:
    gateway.faults.append(Fault("PUT", "x.tar", "cut"))

    put_once(open_bucket(gateway, place), *make(tmp_path, bytes(300_000)))

    assert buckets.objects(place) == {"in/a/x.tar": bytes(300_000)}
    assert gateway.made() == {"in/a/x.tar": 1}


def test_a_lost_answer_is_no_second_object(buckets: Buckets, gateway: Gateway, place: str, tmp_path: Path) -> None:
    gateway.faults.append(Fault("PUT", "x.tar", "lost"))

    put_once(open_bucket(gateway, place), *make(tmp_path, b"some bytes"))

    assert buckets.objects(place) == {"in/a/x.tar": b"some bytes"}
    assert [status for method, _, status in gateway.asked if method == "PUT"] == [0, 412]


def test_what_is_long_goes_in_parts_after_a_look(
    buckets: Buckets, gateway: Gateway, place: str, tmp_path: Path, in_parts: None
) -> None:
    content = bytes(range(256)) * (PARTS // 256) + bytes(PARTS % 256)
    file, about = make(tmp_path, content)
    bucket = open_bucket(gateway, place)

    put_once(bucket, file, about)
    put_once(bucket, file, about)

    assert buckets.objects(place) == {"in/a/x.tar": content}
    assert gateway.made() == {"in/a/x.tar": 1}
    found = bucket.look("a/x.tar")
    assert found is not None and found.sha256 == about.sha256


def test_a_part_that_is_cut_is_sent_again_with_the_same_bytes(
    buckets: Buckets, gateway: Gateway, place: str, tmp_path: Path, in_parts: None
) -> None:
    gateway.faults += [Fault("PUT", "partNumber=2", "503 SlowDown"), Fault("PUT", "partNumber=3", "cut")]
    content = bytes(range(256)) * (PARTS // 256)

    put_once(open_bucket(gateway, place), *make(tmp_path, content))

    assert buckets.objects(place) == {"in/a/x.tar": content}


def test_an_upload_in_parts_that_fails_leaves_no_object_that_is_seen(
    buckets: Buckets, gateway: Gateway, place: str, tmp_path: Path, in_parts: None
) -> None:
    gateway.faults.append(Fault("PUT", "partNumber=2", "403 AccessDenied", times=99))

    with pytest.raises(StoreFailed, match="could not put"):
        put_once(open_bucket(gateway, place), *make(tmp_path, bytes(PARTS)))

    assert buckets.objects(place) == {}
    assert any(method == "DELETE" and "uploadId" in target for method, target, _ in gateway.asked)


@pytest.mark.parametrize(
    ("how", "seen", "fix"),
    [
        ("404 NoSuchBucket", "NoSuchBucket", "make the bucket"),
        ("403 AccessDenied", "access denied", "the right to put"),
        ("403 ExpiredToken", "ExpiredToken", "new credentials"),
        ("301 PermanentRedirect", "HTTP 301", "AWS_REGION"),
        ("400 AuthorizationHeaderMalformed", "AuthorizationHeaderMalformed", "AWS_REGION"),
        ("503 SlowDown", "HTTP 503", "same command again"),
    ],
)
def test_a_refusal_names_its_cause_and_what_helps(
    gateway: Gateway, place: str, tmp_path: Path, how: str, seen: str, fix: str
) -> None:
    gateway.faults.append(Fault("PUT", "x.tar", how, times=99))

    with pytest.raises(StoreFailed) as caught:
        put_once(open_bucket(gateway, place), *make(tmp_path, b"some bytes"))

    assert seen in caught.value.seen and fix in caught.value.fix
    assert caught.value.exit_code == 4


def test_a_bucket_that_is_not_there_is_named(gateway: Gateway, buckets: Buckets, tmp_path: Path) -> None:
    with pytest.raises(StoreFailed) as caught:
        put_once(open_bucket(gateway, "never-made"), *make(tmp_path, b"some bytes"))

    assert "s3://never-made/in" in caught.value.what and "NoSuchBucket" in caught.value.seen


def test_a_server_that_is_down_is_an_error_of_the_network(buckets: Buckets, place: str, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as nobody:
        port = nobody.getsockname()[1]
    bucket = Bucket(Remote(f"s3://{place}/in", f"http://127.0.0.1:{port}"))

    for ask in (
        lambda: put_once(bucket, *make(tmp_path, b"x")),
        lambda: bucket.look("x"),
        lambda: bucket.read("x", 0, 1),
    ):
        with pytest.raises(StoreFailed) as caught:
            ask()
        assert "no answer" in caught.value.seen


def test_no_error_holds_a_key_or_the_words_of_the_client(gateway: Gateway, place: str, tmp_path: Path) -> None:
    gateway.faults.append(Fault("PUT", "x.tar", f"403 SignatureDoesNotMatch</Code><Key>{SECRET}</Key><Code>", times=99))

    with pytest.raises(StoreFailed) as caught:
        put_once(open_bucket(gateway, place), *make(tmp_path, b"some bytes"))

    told = "".join((*traceback.format_exception(caught.value), *caught.value.lines()))
    assert SECRET not in told and "AKIA" not in told
    assert "AWS_SECRET_ACCESS_KEY" in caught.value.fix


@pytest.mark.parametrize("where", ["flag", "environment"])
def test_plain_http_to_another_machine_is_refused_unless_it_is_allowed(
    monkeypatch: pytest.MonkeyPatch, buckets: Buckets, where: str
) -> None:
    endpoint = "http://192.0.2.1:9"
    remote = Remote("s3://b/in", endpoint if where == "flag" else "")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "" if where == "flag" else endpoint)

    with pytest.raises(UsageError, match="plain http"):
        Bucket(remote)

    monkeypatch.setenv("AWS_ALLOW_HTTP", "true")
    assert Bucket(remote)


def test_a_profile_of_its_users_folder_is_found(
    monkeypatch: pytest.MonkeyPatch, buckets: Buckets, gateway: Gateway, place: str, tmp_path: Path
) -> None:
    need_module("boto3")
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    (tmp_path / "credentials").write_text("[lab]\naws_access_key_id = AKIAOFTHELAB\naws_secret_access_key = x\n")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    monkeypatch.setenv("AWS_PROFILE", "lab")

    open_bucket(gateway, place).look("x")

    assert "Credential=AKIAOFTHELAB/" in gateway.headers[-1]["authorization"]


def test_an_endpoint_may_come_from_the_environment(
    buckets: Buckets, gateway: Gateway, place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", gateway.url)

    Bucket(Remote(f"s3://{place}/in")).create(*make(tmp_path, b"some bytes"))

    assert buckets.objects(place) == {"in/a/x.tar": b"some bytes"}


@pytest.mark.parametrize(
    ("url", "kind", "prefix"),
    [
        ("gs://bucket/a/b", "GCSStore", "a/b"),
        ("az://container/a", "AzureStore", "a"),
        ("abfss://container@acc.dfs.core.windows.net/a", "AzureStore", "a"),
        ("s3a://bucket/a", "S3Store", "a"),
    ],
)
def test_other_stores_are_opened_without_asking_anybody(
    monkeypatch: pytest.MonkeyPatch, url: str, kind: str, prefix: str
) -> None:
    monkeypatch.setenv("AZURE_STORAGE_ACCOUNT_NAME", "acc")

    store = Bucket(Remote(url))._store

    assert (type(store).__name__, store.prefix) == (kind, prefix)


def test_a_missing_setting_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AZURE_STORAGE_ACCOUNT_NAME", raising=False)

    with pytest.raises(UsageError) as caught:
        Bucket(Remote("az://container/a"))

    assert "AZURE_STORAGE_ACCOUNT_NAME" in caught.value.seen
